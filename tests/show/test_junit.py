"""The tests as JUnit XML and Markdown: what CI systems read, read back by somebody else."""

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flowlang.diagnostics.diagnostic import Diagnostic
from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Place
from flowlang.pipeline import compile_flow
from flowlang.run.outcome import Failure
from flowlang.run.trial import Tried
from flowlang.show import tested as of_tests
from flowlang.show.junit import as_junit
from flowlang.show.trials import test_page as page_of

# What Jenkins' and GitLab's readers, and the schema of the JUnit plugin, know of each element.
KNOWN = {
    "testsuites": {"name", "time", "tests", "failures", "disabled", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "file"},
    "testcase": {"name", "classname", "time", "file", "line", "assertions", "status"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
}
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error"},
    "failure": set[str](),
    "error": set[str](),
}
NASTY = 'a "b" <c> & ]]> \x00\x1b[31m \ud800 \ufffe | ``` é 😀\r\nend'


@pytest.fixture
def tested(tmp_path: Path) -> of_tests.Tested:
    path = tmp_path / "a.flow"
    path.write_text('step a\n  prompt: "x"\n\ntest "one"\n  answer a: "x"\n  expect a is "x"\n', encoding="utf-8")
    flow = compile_flow(path).flow
    assert flow is not None
    (test,) = flow.tests
    place = Place(flow.source, Span(0, 4))
    bad = Failure("unmet-expectation", NASTY, place, (NASTY,))
    missing = Failure("missing-recording", "it is not recorded", place)
    broken = Diagnostic("syntax", NASTY, SourceFile("b.flow", NASTY.replace("\ud800", "")), Span(0, 1))
    return of_tests.Tested(
        tried=[
            Tried(flow, test, "", "passed", (), 1, 1, seconds=0.25),
            Tried(flow, test, NASTY, "failed", (bad, missing), 0, 1),
            Tried(flow, test, "row 2", "not-recorded", (missing,), 0, 1),
        ],
        mistakes=[broken],
        recorded=3,
        saved_usd=Decimal("0.5"),
        saved_by={0: Decimal("0.25"), 1: Decimal(0)},
        seconds=1.5,
    )


def test_the_xml_is_what_ci_systems_read(tested: of_tests.Tested) -> None:
    root = ElementTree.fromstring(as_junit(tested).encode())
    for element in root.iter():
        assert set(element.attrib) <= KNOWN[element.tag] and {one.tag for one in element} <= INSIDE[element.tag]
    assert root.tag == "testsuites" and root.attrib["tests"] == "4"
    assert (root.attrib["failures"], root.attrib["errors"], root.attrib["time"]) == ("1", "2", "1.500")
    first, second = root
    assert first.attrib["tests"] == "3" and second.attrib["name"] == "b.flow"
    for suite in root:
        cases = list(suite)
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["failures"]) == sum(case.find("failure") is not None for case in cases)
        assert int(suite.attrib["errors"]) == sum(case.find("error") is not None for case in cases)
        assert all(re.fullmatch(r"\d+\.\d{3}", case.attrib["time"]) and len(case) <= 1 for case in cases)
    assert [case.attrib["line"] for case in first] == ["4", "4", "4"]


def test_nothing_that_was_said_breaks_the_xml(tested: of_tests.Tested) -> None:
    failure = ElementTree.fromstring(as_junit(tested).encode()).find(".//failure")
    assert failure is not None
    assert failure.attrib["message"] == NASTY.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace(
        "\ud800", "\ufffd"
    ).replace("\ufffe", "\ufffd")
    assert failure.text is not None and "it is not recorded" in failure.text


def test_the_page_is_a_table_that_no_name_breaks(tested: of_tests.Tested) -> None:
    page = page_of(tested)
    assert "3 tests: 1 passed, 1 failed, 1 not recorded; 3 recorded answers, which saved $0.5000." in page
    rows = [line for line in page.split("\n") if line.startswith("|")]
    assert len(rows) == 5 and all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows)
    assert rows[2].startswith("| failed |") and rows[-1].startswith("| passed |")
    assert rows[-1].endswith("| 0 | $0.2500 | 0 |") and rows[2].endswith("| 0 |  | 0 |")
    assert "\x1b" not in page and "````" in page


def test_the_page_shows_values_and_tells_once_what_is_the_same_for_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.flow"
    path.write_text('step a\n  prompt: "x"\n\ntest "one"\n  answer a: "x"\n  expect a is "x"\n', encoding="utf-8")
    flow = compile_flow(path).flow
    assert flow is not None
    place = Place(flow.source, Span(0, 4))
    unmet = Failure("unmet-expectation", "`a` does not hold", place, ('`a` is "y" (step `a`)',))
    old = Failure("outdated-recording", "it is outdated: its prompt has changed", place)
    tried = [
        Tried(flow, flow.tests[0], "row 1", "failed", (unmet, old), 0, 1),
        Tried(flow, flow.tests[0], "row 2", "not-recorded", (old,), 0, 1),
    ]
    page = page_of(of_tests.Tested(tried=tried))
    assert "| `one, row 1` | `` `a` does not hold `` and 1 more | 0 |  | 0 |\n" in page
    assert "| `one, row 2` | `it is outdated: its prompt has changed` | 0 |  | 0 |\n" in page
    assert '  - `` `a` is "y" (step `a`) ``\n' in page
    assert page.partition("What went wrong")[2].count("its prompt has changed") == 1
