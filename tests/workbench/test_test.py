"""`flowlang test`, typed."""

import json
from pathlib import Path

import pytest

TESTS = """
test "a fault is answered"
  with mail: "It does not start."
  answer topic: bug
  answer bug_reply: "Which version?"
  expect reply contains "version"
"""

FAILS = """
test "a bill is answered"
  with mail: "Twice!"
  answer topic: billing
  answer other_reply: "Sorry."
  expect reply contains "money"
"""

MISSING = """
test "nobody answers"
  with mail: "Twice!"
  expect topic is billing
"""


class Write:
    """Writes flows with tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.triage = (folder / "triage.flow").read_text(encoding="utf-8")

    def __call__(self, *tests: str, name: str = "triage.flow") -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.triage + "".join(tests), encoding="utf-8")


@pytest.fixture
def write(folder: Path):
    return Write(folder)


def test_passed_tests_are_listed_and_counted(flowlang, write) -> None:
    write(TESTS)
    done = flowlang("test", "triage.flow")
    assert done == (0, 'passed  triage.flow: "a fault is answered"\n1 test: 1 passed\n', "")


def test_a_failure_is_told_at_its_line(flowlang, write) -> None:
    write(TESTS, FAILS, MISSING)
    code, out, err = flowlang("test")
    assert (code, err) == (1, "")
    assert (
        """\
failed  triage.flow: "a bill is answered"
error[unmet-expectation]: `reply contains "money"` does not hold
  --> triage.flow:46:10
   |
46 |   expect reply contains "money"
   |          ^^^^^^^^^^^^^^^^^^^^^^
   = `reply` is "Sorry." (made from `bug_reply`, `other_reply`)
"""
        in out
    )
    assert "error[missing-recording]: step `topic`" in out
    assert out.endswith("\n3 tests: 1 passed, 1 failed, 1 not recorded\n")


def test_what_is_only_missing_has_a_code_of_its_own(flowlang, write) -> None:
    write(TESTS, MISSING)
    assert flowlang("test").code == 8


def test_tests_are_picked_by_a_part_of_their_name(flowlang, write) -> None:
    write(TESTS, FAILS)
    assert flowlang("test", "-k", "FAULT").out.endswith("\n1 test: 1 passed\n")
    none = flowlang("test", "--match", "storm")
    assert none.code == 2 and "no test has `storm` in its name" in none.err and '"a fault is answered"' in none.err


def test_nothing_to_test_is_no_success(flowlang, folder: Path) -> None:
    done = flowlang("test")
    assert done.code == 2 and "there is no test in" in done.err and done.out == ""
    (folder / "empty").mkdir()
    assert flowlang("test", "empty").code == 2
    assert flowlang("test", "nowhere.flow").code == 2


def test_mistakes_in_one_file_do_not_keep_others_from_being_tested(flowlang, write) -> None:
    write(TESTS)
    write(TESTS.replace("bug\n", "bgu\n"), name="more/broken.flow")
    code, out, err = flowlang("test", ".")
    assert code == 3 and "error[wrong-value]" in out and "more/broken.flow" in out
    assert "1 mistake in 1 file" in err and out.endswith("\n1 test: 1 passed\n")


def test_the_results_for_programs(flowlang, write, folder: Path) -> None:
    rows = """
test "rows"
  for each row in "rows.csv"
  with mail: row.mail
  answer topic: row.topic
  expect topic is bug
  passes: 1 of 2

flow second
step a
  prompt: "x"
test "in the second flow"
  answer a: "y"
  expect a is "y"
"""
    (folder / "rows.csv").write_text("mail,topic\nx,bug\ny,billing\n", encoding="utf-8")
    write(rows)
    code, out, err = flowlang("test", "--json")
    first, second, third = json.loads(out)
    assert (code, err) == (1, "3 tests: 2 passed, 1 failed\n")
    assert first == {
        "path": "triage.flow",
        "line": 36,
        "name": "rows",
        "flow": "",
        "case": "row 1 (line 2)",
        "outcome": "passed",
        "passed": 2,
        "tries": 2,
        "recorded": 0,
        "calls": 0,
        "cost_usd": None,
        "failures": [],
    }
    assert (second["case"], second["outcome"], second["passed"]) == ("row 2 (line 3)", "failed", 0)
    assert second["failures"] == [
        {
            "rule": "unmet-expectation",
            "message": "`topic is bug` does not hold",
            "path": "triage.flow",
            "line": 40,
            "column": 10,
            "hints": ['`topic` is "billing" (step `topic`, answered on line 39)'],
            "changed": [],
        }
    ]
    assert (third["flow"], third["outcome"]) == ("second", "passed")


def test_tries_are_counted_in_the_line(flowlang, write) -> None:
    write(TESTS + "  passes: 2 of 3\n", FAILS + "  passes: 2 of 3\n")
    out = flowlang("test").out
    assert 'passed  triage.flow: "a fault is answered", 3 of 3 tries passed\n' in out
    assert 'failed  triage.flow: "a bill is answered", 0 of 3 tries passed and 2 must\n' in out


def test_a_file_of_a_test_stays_inside_the_project(flowlang, write, folder: Path) -> None:
    (folder.parent / "outside.csv").write_text("mail\nx\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(folder.parent / "outside.csv")
    for path in ("../outside.csv", "/etc/passwd", "link.csv"):
        write(f'\ntest "rows"\n  for each row in "{path}"\n  with mail: row.mail\n  expect topic is bug\n')
        done = flowlang("test")
        assert done.code == 3 and "error[not-allowed]" in done.out, path


def test_a_named_image_of_a_row_stays_inside_the_project(flowlang, folder: Path) -> None:
    (folder.parent / "outside.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 30)
    (folder / "rows.csv").write_text("photo\n../outside.png\n", encoding="utf-8")
    (folder / "photo.flow").write_text(
        'input photo: image\nstep a\n  prompt: "{{ photo }}"\ntest "rows"\n  for each row in "rows.csv"\n'
        '  with photo: row.photo\n  answer a: "x"\n  expect a is "x"\n',
        encoding="utf-8",
    )
    done = flowlang("test", "photo.flow")
    assert done.code == 1 and "error[not-allowed]: `../outside.png` leads out of the project" in done.out


def test_hostile_names_and_answers_do_not_reach_the_terminal(flowlang, write) -> None:
    write(FAILS.replace("Sorry.", "\x1b]0;x\x07 \u202e"))
    out = flowlang("test").out
    assert "\x1b" not in out and "\u202e" not in out and "\\x1b" in out


def test_a_job_of_github_gets_annotations_and_a_page(flowlang, write, folder: Path, monkeypatch) -> None:
    many = "".join(MISSING.replace("nobody answers", f"nobody answers {number}") for number in range(12))
    write(TESTS, many, FAILS)
    page = folder / "page.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    done = flowlang("test")
    orders = [line for line in done.err.split("\n") if line.startswith("::")]
    assert len(orders) == 10 and orders[-1] == "::error::and 4 more; `flowlang test` shows them all"
    assert orders[0].startswith("::error file=triage.flow,line=")
    assert (
        "### flowlang test" in page.read_text()
        and "| failed | `triage.flow` | `a bill is answered` |" in page.read_text()
    )


def test_annotations_stand_in_the_repository_also_where_the_job_works_in_a_folder_of_it(
    flowlang, folder: Path, monkeypatch
) -> None:
    (folder / "my, flows").mkdir()
    (folder / "my, flows" / "a.flow").write_text('step a\n  prompt: "x"\ntest "t"\n  expect a is "y"\n', "utf-8")
    (folder / "b.flow").write_text('step a\n  prompt: "{{ x }}"\n', "utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    assert "::error file=b.flow,line=2" in flowlang("check", "b.flow").err
    monkeypatch.chdir(folder / "my, flows")
    assert "::error file=my%2C flows/a.flow,line=3" in flowlang("test").err
    assert "::error file=b.flow,line=2" in flowlang("check", "../b.flow").err
    log = json.loads(flowlang("check", "../b.flow", "--output-format", "sarif").out)
    (found,) = log["runs"][0]["results"]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.flow"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "elsewhere"))
    assert "::error file=a.flow,line=3" in flowlang("test").err


def test_reports_are_written_side_by_side(flowlang, write, folder: Path) -> None:
    write(TESTS, FAILS)
    done = flowlang("test", "--report", "junit=a.xml", "--report", "json=a.json", "--report", "markdown=a.md")
    assert done.code == 1 and "wrote a.xml\nwrote a.json\nwrote a.md\n" in done.err
    assert [one["outcome"] for one in json.loads((folder / "a.json").read_text())] == ["passed", "failed"]
    assert (folder / "a.xml").read_text().startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    assert flowlang("test", "--report", "junit=nowhere/a.xml").code == 2


@pytest.mark.parametrize("name", ["triage.flow", "triage.answers", "./flowlang.toml"])
def test_no_report_takes_the_place_of_a_flow(flowlang, write, folder: Path, name: str) -> None:
    write(TESTS)
    (folder / name).touch()
    before = (folder / name).read_text()
    done = flowlang("test", "--report", f"junit={name}")
    assert done.code == 2 and "in the place of" in done.err and (folder / name).read_text() == before


def test_two_reports_need_two_files(flowlang, write) -> None:
    write(TESTS)
    done = flowlang("test", "--report", "junit=a.xml", "--report", "json=./a.xml")
    assert done.code == 2 and "two reports can't be written to one file" in done.err


def test_two_tests_of_one_title_and_a_record_without_quotes_are_told_with_what_to_write(flowlang, folder: Path) -> None:
    test = 'test "one"\n  answer a: {"b": 1}\n  expect a is not empty\n'
    (folder / "twice.flow").write_text(f'step a\n  returns: json\n  prompt: "?"\n{test}{test}', encoding="utf-8")
    out = flowlang("test", "twice.flow").out
    assert "the first is on line 4; give this one another title" in out
    assert 'write the record as a text: `answer …: """`' in out
