"""How tests came out: a line for each, its failures at their lines, and the counts; JSON, and a page in Markdown."""

import json
import os
from collections.abc import Sequence
from typing import TypedDict

from ..diagnostics.diagnostic import Diagnostic
from ..run.outcome import Failure
from ..run.trial import Tried
from .github import as_code, listed
from .numbers import count, paid
from .snippet import tell
from .terminal import visible_line
from .tested import Tested

WORDS = {"passed": "passed", "failed": "failed", "not-recorded": "not recorded"}
MOST_ROWS = 100  # of the table in Markdown
_GREEN, _RED, _YELLOW, _PLAIN = "\x1b[32m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[0m"
_COLOURS = {"passed": _GREEN, "failed": _RED, "not-recorded": _YELLOW}


class ToldFailure(TypedDict):
    """One thing that went wrong in a test. `changed`: in what the request of an outdated answer is another one."""

    rule: str
    message: str
    path: str
    line: int
    column: int
    hints: list[str]
    changed: list[str]


class ToldTest(TypedDict):
    """One case of a test in the JSON that `test` writes. `case` says which row of a table, else it is empty."""

    path: str
    line: int
    name: str
    flow: str
    case: str
    outcome: str
    passed: int
    tries: int
    recorded: int
    calls: int
    cost_usd: float | None
    failures: list[ToldFailure]


def tell_tried(tried: Tried, width: int, colour: bool) -> str:
    """The line of one case, and its failures below."""
    paint, plain = (_COLOURS[tried.outcome], _PLAIN) if colour else ("", "")
    flow = f" ({tried.flow.name})" if tried.flow.name else ""
    line = f"{paint}{WORDS[tried.outcome]}{plain}  {tried.flow.source.path}{flow}: "
    line += f'"{visible_line(tried.test.name)}"'
    if tried.case:
        line += f", {tried.case}"
    if tried.tries > 1:
        line += f", {tried.passed} of {tried.tries} tries passed"
        line += "" if tried.outcome == "passed" else f" and {tried.test.passes} must"
    return "\n".join([line, *(tell(one, width, colour) + "\n" for one in diagnostics_of(tried))]) + "\n"


def diagnostics_of(tried: Tried) -> list[Diagnostic]:
    """What went wrong in a case, each at its line."""
    return [_diagnostic(one) for one in tried.failures]


def counted(tested: Tested) -> str:
    """The last line: how many tests there were, how they came out, what was recorded and what was paid."""
    tried = tested.tried
    parts = []
    for outcome, words in WORDS.items():
        if number := sum(one.outcome == outcome for one in tried):
            parts.append(f"{number:,} {words}")
    line = f"{count(len(tried), 'test')}: {', '.join(parts)}" if parts else "no test was run"
    return "; ".join([line, *_spent(tested)])


def _spent(tested: Tested) -> list[str]:
    told = []
    if tested.recorded:
        saved = f", which saved {paid(tested.saved_usd)}" if tested.saved_usd else ""
        told.append(f"{count(tested.recorded, 'recorded answer')}{saved}")
    if tested.calls:
        cost = f" for {paid(tested.cost_usd)}" if tested.cost_usd is not None else ""
        told.append(f"{count(tested.calls, 'call')}{cost}")
    return told


def test_page(tested: Tested) -> str:
    """The tests as a page in Markdown: a table, then what went wrong. No text of anyone's is more than code in it."""
    rows = ["| outcome | flow | test | what changed | recorded answers | saved | calls |"]
    rows.append("| --- | --- | --- | --- | ---: | ---: | ---: |")
    ordered = sorted(enumerate(tested.tried), key=lambda each: each[1].outcome == "passed")
    for number, one in ordered[:MOST_ROWS]:
        saved = tested.saved_by.get(number)
        name = (f"{one.flow.name}: " if one.flow.name else "") + one.test.name + (f", {one.case}" if one.case else "")
        cells = (
            as_cell(one.flow.source.path),
            as_cell(name),
            _changed(one),
            f"{len(one.used):,}",
            paid(saved) if saved else "",
            f"{len(one.calls):,}",
        )
        rows.append(f"| {WORDS[one.outcome]} | {' | '.join(cells)} |")
    if len(ordered) > MOST_ROWS:
        rows.append(f"| | | and {len(ordered) - MOST_ROWS:,} more | | | | |")
    wrong = all_wrong(tested)
    told = ["", "What went wrong:", "", *listed(wrong, with_hints=True)] if wrong else []
    return "\n".join(["### flowlang test", "", f"{counted(tested)}.", "", *rows, *told]) + "\n"


def _changed(tried: Tried) -> str:
    """What is not as it was, in a cell: the first thing, and how many more there are."""
    if not tried.failures:
        return ""
    more = len(tried.failures) - 1
    return as_cell(tried.failures[0].message) + (f" and {more} more" if more else "")


def all_wrong(tested: Tested) -> list[Diagnostic]:
    """All that went wrong, in order; what is the same for many rows of a table is told once."""
    every = [*tested.mistakes, *(each for one in tested.tried for each in diagnostics_of(one)), *tested.warnings]
    return list({(one.source.path, one.span, one.rule, one.message, tuple(one.hints)): one for one in every}.values())


test_page.__test__ = False  # type: ignore[attr-defined]


def as_cell(text: str) -> str:
    """A text as code in a cell of a table, which a bar would end."""
    return as_code(text).replace("|", "\\|")


def tests_as_json(tried: Sequence[Tried]) -> str:
    """A JSON list with an object for each case, in plain ASCII."""
    return json.dumps([_told(one) for one in tried], indent=2)


def _told(tried: Tried) -> ToldTest:
    place = tried.test.place
    return {
        "path": _with_slashes(place.source.path),
        "line": place.source.position(place.span.start)[0],
        "name": tried.test.name,
        "flow": tried.flow.name,
        "case": tried.case,
        "outcome": tried.outcome,
        "passed": tried.passed,
        "tries": tried.tries,
        "recorded": len(tried.used),
        "calls": sum(not call.cached for call in tried.calls),
        "cost_usd": _cost_of(tried),
        "failures": [_told_failure(one) for one in tried.failures],
    }


def _cost_of(tried: Tried) -> float | None:
    costs = [call.cost_usd for call in tried.calls if call.cost_usd is not None]
    return float(sum(costs)) if costs else None


def _told_failure(failure: Failure) -> ToldFailure:
    source = failure.place.source
    line, column = source.position(failure.place.span.start)
    return {
        "rule": failure.rule,
        "message": failure.message,
        "path": _with_slashes(source.path),
        "line": line,
        "column": column,
        "hints": list(failure.hints),
        "changed": list(failure.changed),
    }


def _diagnostic(failure: Failure) -> Diagnostic:
    return Diagnostic(failure.rule, failure.message, failure.place.source, failure.place.span, failure.hints)


def _with_slashes(path: str) -> str:
    return path.replace(os.sep, "/")
