"""A run's report and its exit code, from its events."""

import pytest

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Place
from flowlang.run import exit
from flowlang.run.event import Event, RunFinished, StepFailed, StepFinished
from flowlang.run.outcome import FAILED_BEFORE
from flowlang.run.report import fold


def failed(rule: str, step: str = "a", item: int | None = None, path: str = "", start: int = 0) -> StepFailed:
    return StepFailed(path, step, item, rule, "message", Place(SourceFile("a.flow", ""), Span(start, start + 1)))


def done(step: str = "a", failed_items: int = 0) -> StepFinished:
    return StepFinished("", step, 3, failed_items, 0.1)


def end(outcome: str) -> RunFinished:
    return RunFinished(outcome, 1, 0, None, 0.1)


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([done(), end("done")], exit.DONE),
        ([failed("bad-answer"), end("failed")], exit.FAILED),
        ([failed("unreachable"), end("failed")], exit.PROVIDER),
        ([failed("refused"), failed("bad-answer", "b"), end("failed")], exit.PROVIDER),
        ([failed("limit-reached"), failed("unreachable", "b"), end("limit")], exit.LIMIT),
        ([failed("not-allowed"), end("failed")], exit.NOT_ALLOWED),
        ([failed("unreachable", item=2), done(failed_items=1), end("failed")], exit.FAILED),
        ([failed("unreachable", "deep", path="a[2]/b"), failed(FAILED_BEFORE, item=2), done(failed_items=1)], 130),
        ([failed("unreachable"), failed(FAILED_BEFORE, "b"), end("failed")], exit.PROVIDER),
        ([end("interrupted")], exit.INTERRUPTED),
        ([], exit.INTERRUPTED),
    ],
)
def test_one_exit_code(events: list[Event], code: int) -> None:
    assert fold(events).exit_code == code


def test_an_item_that_ran_a_flow_is_lost_with_what_failed_in_it() -> None:
    inner = failed("unreachable", "deep", path="a[2]/b[1]")
    report = fold([inner, failed(FAILED_BEFORE, item=2), done(failed_items=1), end("failed")])
    assert report.exit_code == exit.FAILED
    assert inner in report.lost
    assert report.failed == ()


def test_failures_are_told_in_the_order_of_the_file() -> None:
    second, first = failed("bad-answer", "b", start=9), failed("bad-answer", "a", start=3)
    assert fold([second, first, end("failed")]).failed == (first, second)
