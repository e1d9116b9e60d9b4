"""Between two tries: how long, what is told of it, and what ends it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from flowlang.models.chat import ChatRequest
from flowlang.models.errors import ModelError, Refused, Unreachable
from flowlang.models.pace import delay_s
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import Event, Noted, RunFinished, StepFailed, StepStarted
from flowlang.run.executor import execute
from flowlang.run.means import Means
from flowlang.run.report import fold
from flowlang.run.waiting import Waiting
from flowlang.show.progress import Progress
from tests.run.scripted import Ran, Said, Script, flow_of, run
from tests.run.test_answering import saying

ONE = 'step a\n  tries: 5\n  prompt: "a"\n'
EACH = 'let n = ["1", "2", "3", "4"]\nstep a\n  repeat for each x in n\n  failures: skip\n  prompt: "{{ x }}"\n'


class Clock:
    """Time that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)

    def run(self, text: str, folder: Path, model: Callable[[ChatRequest], Said], **options: object) -> Ran:
        waiting = Waiting(lambda attempt, error: delay_s(attempt, error, lambda: 0.75), self.sleep)
        return run(flow_of(text, folder), model, waiting=waiting, clock=self, **options)  # type: ignore[arg-type]


def busy(wait_s: float | None = None) -> ModelError:
    return Unreachable("the provider is overloaded", wait_s=wait_s)


def test_each_try_waits_longer_than_the_one_before(tmp_path: Path) -> None:
    clock = Clock()
    found = clock.run(ONE, tmp_path, saying(busy(), busy(), busy(), busy(), "done"))
    assert clock.slept == [0.375, 0.75, 1.5, 3.0]
    assert found.value("a") == "done"


def test_what_is_not_sent_again_waits_for_nothing(tmp_path: Path) -> None:
    clock = Clock()
    clock.run(ONE.replace("tries: 5", "tries: 1"), tmp_path, saying(busy()))
    clock.run(ONE, tmp_path, saying(Refused("no")))
    clock.run(ONE.replace("prompt", "returns: number\n  prompt"), tmp_path, saying("none", "4"))
    assert clock.slept == []


def test_without_a_provider_nobody_waits(tmp_path: Path) -> None:
    assert run(flow_of(ONE, tmp_path), saying(busy(60), "done")).value("a") == "done"


def test_a_long_wait_is_told_and_a_short_one_is_not(tmp_path: Path) -> None:
    clock = Clock()
    found = clock.run(ONE, tmp_path, saying(busy(1.9), busy(7.2), "done"))
    assert [event.message for event in found.of(Noted)] == ["waits 8 s: the provider is overloaded"]
    progress = Progress(clock)
    assert "a: waits 8 s: the provider is overloaded" in [progress.take(event) for event in found.events]


def test_a_wait_that_many_have_in_common_is_told_once(tmp_path: Path) -> None:
    clock, asked = Clock(), set[str]()

    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        if text in asked:
            return "done"
        asked.add(text)
        return busy(8)

    found = clock.run(EACH, tmp_path, model)
    assert clock.slept == [8, 8, 8, 8]
    assert len(found.of(Noted)) == 1


def test_others_are_asked_while_one_waits(tmp_path: Path) -> None:
    async def work() -> list[str]:
        script = Script(lambda request: busy(8) if not prompts() else "done")

        def prompts() -> list[str]:
            return [request.messages[-1].text for request in script.requests[:-1]]

        async def sleep(seconds: float) -> None:
            while len(script.requests) < 4:
                await asyncio.sleep(0)

        plan = build(flow_of(EACH, tmp_path), Defaults("m"))
        await execute(plan, {}, Means(script, at_once=2, waiting=Waiting(delay_s, sleep)), lambda _: None)
        return [request.messages[-1].text for request in script.requests]

    assert asyncio.run(work()) == ["1", "2", "3", "4", "1"]


def test_a_wait_that_is_too_long_fails_the_step_with_its_end(tmp_path: Path) -> None:
    clock = Clock()
    found = clock.run(ONE, tmp_path, saying(busy(3600)))
    (failed,) = found.of(StepFailed)
    assert (failed.rule, found.report.exit_code) == ("unreachable", 4)
    assert failed.message.startswith("the provider asks to wait until ")
    assert (clock.slept, len(found.requests)) == ([], 1)


def test_a_wait_that_is_too_long_turns_to_the_fallback(tmp_path: Path) -> None:
    clock = Clock()
    text = ONE.replace("  tries: 5", "  model: first\n  fallback: second")
    found = clock.run(text, tmp_path, lambda request: busy(3600) if request.model == "first" else "done")
    assert found.value("a") == "done"
    assert [request.model for request in found.requests] == ["first", "second"]


@pytest.mark.parametrize(("limit", "slept"), [("1m", [50.0]), ("2m", [50.0, 50.0])])
def test_nobody_sleeps_past_the_time_that_the_run_has(limit: str, slept: list[float], tmp_path: Path) -> None:
    clock = Clock()
    found = clock.run(f"{ONE}limits\n  time: {limit}\n", tmp_path, saying(busy(50)))
    assert (clock.slept, found.report.exit_code) == (slept, 5)
    assert "no time left to wait 50 seconds" in found.of(StepFailed)[0].message
    assert clock.now <= 120


def test_a_sub_flow_heeds_the_time_of_the_flow_above(tmp_path: Path) -> None:
    clock = Clock()
    text = 'step s\n  run: sub\nlimits\n  time: 30s\nflow sub\nstep a\n  prompt: "a"\noutput a\nlimits\n  time: 10m\n'
    found = clock.run(text, tmp_path, saying(busy(50)))
    assert (clock.slept, found.report.exit_code) == ([], 5)


def test_nobody_goes_on_waiting_when_no_call_can_do_better(tmp_path: Path) -> None:
    asked: list[str] = []

    def model(request: ChatRequest) -> Said:
        asked.append(request.messages[-1].text)
        return busy(100) if len(asked) == 1 else ModelError("NO_KEY is not set", "missing-key", False)

    async def for_ever(seconds: float) -> None:
        await asyncio.Event().wait()

    found = run(flow_of(EACH, tmp_path), model, waiting=Waiting(delay_s, for_ever))
    assert [event.message for event in found.of(StepFailed)] == ["NO_KEY is not set"] * 4
    assert len(found.requests) < 5  # the first one was not asked again


def test_a_run_that_is_stopped_while_it_waits_ends_at_once(tmp_path: Path) -> None:
    events = list[Event]()
    asleep = asyncio.Event()

    async def for_ever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    async def interrupted() -> None:
        plan = build(flow_of(ONE, tmp_path), Defaults("m"))
        script = Script(saying(busy(8)))
        task = asyncio.create_task(execute(plan, {}, Means(script, waiting=Waiting(delay_s, for_ever)), events.append))
        await asleep.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert any(isinstance(event, StepStarted) for event in events)
    assert isinstance(events[-1], RunFinished)
    assert fold(events).exit_code == 130
