"""A run as JUnit XML: a case for each step, read back by an independent reader."""

from pathlib import Path
from xml.etree import ElementTree

FLOW = """\
input mail: text
step a
  prompt: "? {{ mail }}"
step b
  when a is "never"
  prompt: "? {{ a }}"
step c
  returns: whole number from 1 to 5
  prompt: "? {{ a }}"
output c
output b: b | default "none"
limits
  expect c > 9
"""


def test_steps_are_cases_and_what_limits_expect_is_one_if_it_fails(folder: Path, flowlang) -> None:
    (folder / "run.flow").write_text(FLOW, encoding="utf-8")
    done = flowlang("run", "run.flow", "--mail", "<x>", "--offline", "--no-store", "--report", "junit=run.xml")
    assert done.code == 1 and "wrote run.xml\n" in done.err
    root = ElementTree.parse(folder / "run.xml").getroot()
    (suite,) = root
    assert root.attrib["tests"] == suite.attrib["tests"] == "4"
    assert (suite.attrib["failures"], suite.attrib["skipped"], "skipped" in root.attrib) == ("1", "1", False)
    assert [(one.attrib["name"], [part.tag for part in one]) for one in suite] == [
        ("a", []),
        ("b", ["skipped"]),
        ("c", []),
        ("limits", ["failure"]),
    ]
    failure = suite.find(".//failure")
    assert failure is not None and failure.text is not None and "--> run.flow:13:10" in failure.text


def test_a_sub_flow_s_failure_stands_at_the_step_that_runs_it_and_what_waits_is_skipped(folder: Path, flowlang) -> None:
    text = 'step s\n  run: sub\nstep z\n  prompt: "{{ s }}"\nflow sub\nstep x\n  prompt: "?"\nlimits\n  calls: 0\n'
    (folder / "run.flow").write_text(text.replace("calls: 0", "calls: 1").replace('"?"', '"?"\n  samples: 2'), "utf-8")
    assert flowlang("run", "run.flow", "--offline", "--report", "junit=run.xml").code == 5
    cases = {
        one.attrib["name"]: [part.tag for part in one] for one in ElementTree.parse(folder / "run.xml").iter("testcase")
    }
    assert cases == {"s": ["failure"], "z": ["skipped"]}


def test_not_of_a_run_for_each_row(folder: Path, flowlang) -> None:
    (folder / "run.flow").write_text(FLOW, encoding="utf-8")
    (folder / "rows.csv").write_text("mail\nx\n", encoding="utf-8")
    done = flowlang("run", "run.flow", "--each", "rows.csv", "--offline", "--report", "junit=run.xml")
    assert done.code == 2 and "a JUnit report tells of one run" in done.err


def test_no_report_takes_the_place_of_the_flow_or_of_another_report(folder: Path, flowlang) -> None:
    (folder / "run.flow").write_text(FLOW, encoding="utf-8")
    words = ("run", "run.flow", "--mail", "x", "--offline", "--report")
    done = flowlang(*words, "junit=run.flow")
    assert done.code == 2 and "in the place of `run.flow`" in done.err
    assert (folder / "run.flow").read_text(encoding="utf-8") == FLOW
    done = flowlang(*words, "html=run.xml", "--report", "junit=run.xml")
    assert done.code == 2 and "two reports can't be written to one file, `run.xml`" in done.err
