"""Limits, time-outs, and a run that is stopped from outside."""

import asyncio
from pathlib import Path

import pytest

from flowlang.models.chat import ChatRequest, Chunk, EmitChunk, Reply
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import CallFinished, Event, RunFinished, StepFailed, StepStarted
from flowlang.run.executor import execute
from flowlang.run.outcome import UNMET
from flowlang.run.report import fold
from tests.run.scripted import echo, flow_of, run

TEN = 'let numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]\n'
EACH = TEN + 'step a\n  repeat for each n in numbers\n  failures: skip\n  prompt: "{{ n }}"\n'


def test_the_limit_of_calls_stops_starting_calls(tmp_path: Path) -> None:
    found = run(flow_of(f'{EACH}step b\n  prompt: "b"\nlimits\n  calls: 4\n', tmp_path), echo)
    assert len(found.requests) == 4
    assert found.value("b") == "b"
    assert found.result.outcome == "limit"
    assert found.report.exit_code == 5
    assert "the limit of 4 calls is reached" in found.of(StepFailed)[0].message


def test_a_limit_that_is_just_enough_is_no_limit(tmp_path: Path) -> None:
    assert run(flow_of(f"{EACH}limits\n  calls: 10\n", tmp_path), echo).report.exit_code == 0


def test_the_limit_of_time_stops_starting_calls(tmp_path: Path) -> None:
    seconds = 0.0

    def model(request: ChatRequest) -> str:
        nonlocal seconds
        seconds += 30
        return echo(request)

    flow = flow_of(f"{EACH}limits\n  time: 2m\n", tmp_path)
    found = run(flow, model, at_once=1, clock=lambda: seconds)
    assert len(found.requests) == 4
    assert "the limit of 2 minutes is reached" in found.of(StepFailed)[0].message
    assert found.report.exit_code == 5


def test_a_sub_flows_limit_holds_for_each_of_its_runs(tmp_path: Path) -> None:
    text = (
        'let words = ["x", "y"]\n'
        "step s\n  repeat for each w in words\n  run: sub\n  with n: w\n"
        'flow sub\ninput n: text\nstep a\n  samples: 2\n  prompt: "{{ n }}"\nlimits\n  calls: 2\n'
    )
    assert run(flow_of(text, tmp_path), echo).report.exit_code == 0
    found = run(flow_of(text.replace("calls: 2", "calls: 1"), tmp_path), echo)
    assert found.report.exit_code == 5


def test_what_is_expected_is_told_at_its_line_and_fails_the_run(tmp_path: Path) -> None:
    text = 'step a\n  prompt: "a"\noutput a\nlimits\n  expect a is "b"\n  expect a is "a"\n'
    found = run(flow_of(text, tmp_path), echo)
    (unmet,) = found.of(StepFailed)
    assert (unmet.rule, found.report.exit_code) == (UNMET, 1)
    assert 'a is "b"' in unmet.message
    assert found.value("a") == "a"


async def hanging(request: ChatRequest, emit: EmitChunk) -> Reply:
    emit(Chunk("Once"))
    await asyncio.Event().wait()
    raise AssertionError


def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    flow, events = flow_of('step a\n  timeout: 10ms\n  tries: 2\n  prompt: "a"\n', tmp_path), list[Event]()
    asyncio.run(execute(build(flow, Defaults("m")), {}, hanging, events.append))
    report = fold(events)
    assert [event.status for event in events if isinstance(event, CallFinished)] == ["failed", "failed"]
    assert report.failed[0].message == "`m` did not answer within 0.01 seconds"
    assert report.exit_code == 4


def test_a_run_that_is_cancelled_says_so_and_stops(tmp_path: Path) -> None:
    flow, events = flow_of(EACH, tmp_path), list[Event]()

    async def interrupted() -> None:
        task = asyncio.create_task(execute(build(flow, Defaults("m")), {}, hanging, events.append))
        while not any(isinstance(event, StepStarted) for event in events):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert {event.status for event in events if isinstance(event, CallFinished)} == {"cancelled"}
    assert isinstance(events[-1], RunFinished)
    assert fold(events).exit_code == 130
