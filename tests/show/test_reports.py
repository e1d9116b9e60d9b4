"""The shapes that programs read."""

import json
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from flowlang.diagnostics.diagnostic import Diagnostic, Severity
from flowlang.diagnostics.rules import RULES
from flowlang.diagnostics.source import SourceFile, Span
from flowlang.show.reports import as_github, as_json, as_sarif

TEXT = 'step a\n\t👍 temperture: 7\n  prompt: """\n    x\n'

AT_SETTING = Span(10, 20)


def report(
    span: Span = AT_SETTING,
    *,
    rule: str = "unknown-setting",
    message: str = "there is no setting `temperture`",
    path: str = "flows/brief.flow",
    hints: tuple[str, ...] = ("did you mean `temperature`?",),
    severity: Severity = "error",
) -> Diagnostic:
    return Diagnostic(rule, message, SourceFile(path, TEXT), span, hints, severity)


def test_json_has_the_stable_shape() -> None:
    assert json.loads(as_json([report()])) == [
        {
            "rule": "unknown-setting",
            "severity": "error",
            "message": "there is no setting `temperture`",
            "path": "flows/brief.flow",
            "line": 2,
            "column": 4,
            "end_line": 2,
            "end_column": 14,
            "hints": ["did you mean `temperature`?"],
        }
    ]
    assert json.loads(as_json([])) == []


@given(st.text(st.characters(exclude_categories=())))
def test_json_is_plain_ascii_and_exact(message: str) -> None:
    written = as_json([report(message=message)])
    assert written.isascii() and json.loads(written)[0]["message"] == message


def test_github() -> None:
    assert as_github([report()]) == (
        "::error file=flows/brief.flow,line=2,col=4,endLine=2,endColumn=14,title=unknown-setting"
        "::there is no setting `temperture`%0Adid you mean `temperature`?"
    )
    assert as_github([]) == ""


def test_github_escapes_what_would_end_a_property_or_the_line() -> None:
    written = as_github([report(message="100%,\r\n::set-env x:y", path="a,b:c%.flow", hints=())])
    assert written == (
        "::error file=a%2Cb%3Ac%25.flow,line=2,col=4,endLine=2,endColumn=14,title=unknown-setting"
        "::100%25,%0D%0A::set-env x:y"
    )


def test_github_takes_no_columns_for_several_lines() -> None:
    assert "file=flows/brief.flow,line=3,endLine=4,title=" in as_github([report(Span(34, 43))])


def test_github_shows_ten_at_most_errors_first() -> None:
    reports = [report(severity="warning")] * 3 + [report()] * 7
    lines = as_github(reports).split("\n")
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 7 + ["::warning"] * 3

    lines = as_github(reports * 2).split("\n")
    assert len(lines) == 10
    assert lines[-1] == "::error::and 11 more; `flowlang check` shows them all"


def test_sarif() -> None:
    log = json.loads(as_sarif([report(), report(rule="unused-step", severity="warning")], "0.1.0"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("flowlang", "0.1.0")
    assert [rule["id"] for rule in driver["rules"]] == ["unknown-setting", "unused-step"]
    assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == ["error", "warning"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1]
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "flows/brief.flow"}
    assert place["region"] == {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 14}


def test_sarif_without_mistakes_is_a_run_without_results() -> None:
    assert json.loads(as_sarif([], "0.1.0"))["runs"][0]["results"] == []


def test_sarif_describes_every_rule_of_the_catalogue() -> None:
    log = json.loads(as_sarif([report(rule=name) for name in RULES], "0.1.0"))
    described = log["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in described] == list(RULES)
    assert all(rule["shortDescription"]["text"].endswith(".") for rule in described)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_sarif_writes_any_path_as_an_address_that_leads_back_to_it(path: str) -> None:
    log = json.loads(as_sarif([report(path=path)], "0.1.0"))
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    parts = urlsplit(uri)
    assert uri.isascii() and not parts.query and not parts.fragment
    assert parts.scheme == ("file" if path.startswith("/") else "")
    assert unquote(uri.removeprefix("file://")) == path
