from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Place
from flowlang.run.event import (
    CallFinished,
    CallStarted,
    Delta,
    Dropped,
    Noted,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from flowlang.show.console import Console
from flowlang.show.jsonl import json_lines
from flowlang.show.numbers import duration
from flowlang.show.progress import Progress

PLACE = Place(SourceFile("brief.flow", "step claims\n"), Span(5, 11))


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def call_finished(step: str, item: int | None, status: str = "ok") -> CallFinished:
    return CallFinished("", step, item, "m", status, 1, False, 100, 20, 0, None, 0.5)


def console() -> tuple[Console, list[str], Clock]:
    lines: list[str] = []
    clock = Clock()
    return Console(lines.append, Progress(clock)), lines, clock


def test_a_line_for_each_change_of_state_and_none_for_what_streams():
    log, lines, clock = console()
    log.emit(RunStarted("brief.flow", ("claims", "verdict"), True))
    log.emit(StepStarted("", "claims", "prompt", None))
    log.emit(CallStarted("", "claims", None, "m"))
    for _ in range(1000):
        log.emit(Delta("", "claims", None, "word "))
    clock.now += 2
    log.emit(call_finished("claims", None))
    log.emit(StepFinished("", "claims", None, 0, 2.0))
    log.emit(StepSkipped("", "check", "its `when` did not hold"))
    log.emit(RunFinished("done", 1, 0, None, 2.0))
    assert [line.split("  ", 1)[1].strip() for line in (line.lstrip() for line in lines)] == [
        "brief.flow: 2 steps, offline: every answer comes from the built-in model",
        "claims: started",
        "claims: done in 2.0s, 1 call, 100 tokens in, 20 out",
        "check: skipped, its `when` did not hold",
    ]


def test_silence_is_broken_every_ten_seconds():
    log, lines, clock = console()
    log.emit(StepStarted("", "verdict", "prompt", 8))
    log.emit(CallStarted("", "verdict", 1, "m"))
    for item in (1, 2, 5):
        log.emit(call_finished("verdict", item))
    for _ in range(25):
        clock.now += 1
        log.tick()
    assert [line.strip() for line in lines[1:]] == [
        "10s  still running: verdict 3/8",
        "20s  still running: verdict 3/8",
    ]


def test_no_text_of_a_model_begins_a_line_or_adds_one():
    log, lines, _ = console()
    log.emit(StepStarted("", "claims", "prompt", None))
    log.emit(StepFailed("", "claims", None, "bad-answer", "not\n::set-env name=X::y\x1b]0;title\x07\n##vso[", PLACE))
    log.emit(Noted("", "claims", "\n::error::x"))
    assert all(line.count("\n") == 1 and line.lstrip()[0].isdigit() for line in lines)
    assert "\x1b" not in "".join(lines)


def test_many_failing_items_are_counted_and_not_listed():
    log, lines, _ = console()
    log.emit(StepStarted("", "row", "prompt", 1000))
    log.emit(CallStarted("", "row", 1, "m"))
    for item in range(1, 1001):
        log.emit(StepFailed("", "row", item, "bad-answer", "does not fit", PLACE))
    assert len(lines) == 1 + 5 + 1


def test_a_call_that_is_sent_again_starts_from_nothing():
    progress = Progress(Clock())
    progress.take(StepStarted("", "claims", "prompt", None))
    progress.take(Delta("", "claims", None, "half an answer"))
    progress.take(Dropped("", "claims", None))
    assert progress.running["claims"].tail == ""
    assert progress.running["claims"].tokens() == 0


def test_rounds_and_items_of_a_subflow_are_seen_in_its_step():
    progress = Progress(Clock())
    progress.take(StepStarted("", "polished", "run", None))
    progress.take(StepStarted("polished[1]", "review", "prompt", None))
    progress.take(StepStarted("polished[2]", "review", "prompt", None))
    assert progress.running["polished"].progress() == "round 2"
    assert "polished[2].review" in progress.running


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.04, "0.04s"), (3.21, "3.2s"), (9.94, "9.9s"), (59.4, "59s"), (125, "2m05s"), (3780, "1h03m")],
)
def test_durations_are_short(seconds: float, told: str):
    assert duration(seconds) == told


def test_events_as_lines_of_json(tmp_path: Path):
    import json

    lines: list[str] = []
    clock = Clock()
    emit = json_lines(lines.append, clock)
    clock.now += 1.23456
    emit(CallFinished("", "claims", 2, "m", "ok", 1, True, 10, 5, 3, Decimal("0.0012"), 0.25))
    emit(StepFailed("", "claims", None, "bad-answer", "line\nbreak", PLACE, ("a hint",)))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert json.loads(lines[0]) == {
        "event": "call_finished", "at": 1.235, "path": "", "step": "claims", "item": 2, "model": "m", "status": "ok",
        "attempts": 1, "cached": True, "tokens_in": 10, "tokens_out": 5, "tokens_cached": 3, "cost_usd": 0.0012,
        "seconds": 0.25,
    }  # fmt: skip
    failed = json.loads(lines[1])
    assert failed["rule"] == "bad-answer"
    assert failed["place"] == {"path": "brief.flow", "line": 1, "column": 6}


def test_what_a_flow_inside_expects_is_told_of_its_step() -> None:
    log, lines, _ = console()
    log.emit(RunStarted("brief.flow", ("s",), True))
    log.emit(StepFailed("s[1]", "", None, "unmet-expectation", "`a is empty` does not hold", PLACE))
    assert "s[1]: failed" in lines[-1] and "s[1].:" not in lines[-1]
