"""Asks models, and runs tools, for what tests lack: with a provider, its key and the user's trust, as `run` does."""

import asyncio
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from ..language.checked import CheckedFlow, CheckedTest
from ..plan.build import build
from ..plan.graph import Plan
from ..run.budget import max_cost_budget
from ..run.event import RunFinished
from ..run.exit import TERMINATED
from ..run.means import Means
from ..run.trial import Trials, Tried, plan_of, try_tests
from ..show.numbers import count
from ..show.terminal import visible_line
from .answering import open_means
from .costing import max_cost_of
from .given import Given
from .permitting import open_tools
from .recording import refuse_unless_recordable
from .refusal import Ended, Refusal
from .saving import Saving
from .screen import Screen
from .signals import ending_signals
from .testing import FlowFile

T = TypeVar("T")

AT_ONCE = 8  # cases that are tried at the same time


def ask_for(
    file: FlowFile,
    numbers: Sequence[int],
    trials: Trials,
    given: Given,
    screen: Screen,
    saving: Saving | None = None,
) -> None:
    """Tries these tests of a file again, and asks for what is not recorded; with `saving` it is saved on the way."""
    whole = max_cost_budget(max_cost_of(given), time.monotonic)
    for flow in file.flows:
        tests = [(number, file.tests[number][1]) for number in numbers if file.tests[number][0] is flow]
        if not tests:
            continue
        plan = _plan_to_ask(file, flow, [test for _, test in tests])
        # What is answered from before would be no new answer, where one is asked for.
        flags = {**given.flags, "fresh": ("",)} if given.has("live") or given.has("fresh") else given.flags
        asking = replace(given, flags=flags)
        tools, _ = open_tools(flow, plan, file.settings, asking, screen)
        means = open_means(plan, {}, file.settings, tools, asking, screen)
        if saving is not None:
            means = replace(means, complete=saving.before(means.complete))
        screen.err(f"{visible_line(file.path)}: asking for the answers of {count(len(tests), 'test')}")
        within = replace(trials, means=means, above=whole, clock=time.monotonic, cases=AT_ONCE)
        for number, one in _until_stopped(_asked(flow, tests, file, within, means), screen):
            file.tried[number].append(one)


def ask_and_save(file: FlowFile, numbers: Sequence[int], trials: Trials, given: Given, screen: Screen) -> None:
    """Asks as `ask_for` does, and records what comes, also if it is stopped in the middle. Raises Refusal."""
    refuse_unless_recordable(file.answers)
    saving = Saving(file.answers, trials.recorder)
    try:
        ask_for(file, numbers, trials, given, screen, saving)
    except BaseException:
        try:
            saving.save()
            if saving.wrote:
                screen.err(f"wrote {visible_line(file.answers.shown)}: what was answered so far")
        except Refusal as refused:
            screen.err(refused.message)
        raise


def _plan_to_ask(file: FlowFile, flow: CheckedFlow, tests: Sequence[CheckedTest]) -> Plan:
    """What these tests of a flow may ask, in one plan."""
    whole = build(flow, file.defaults)
    names = {name for test in tests for name in plan_of(whole, test).nodes}
    return replace(whole, nodes={name: node for name, node in whole.nodes.items() if name in names})


def _until_stopped(asking: Coroutine[Any, Any, T], screen: Screen) -> T:
    """What comes of it. Raises Ended when the process is asked to end: what a signal raises may end one task alone."""
    stopped: list[int] = []

    async def watched() -> T:
        task = asyncio.ensure_future(asking)

        def stop(number: int) -> None:
            stopped.append(number)
            task.cancel()

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in this system or thread
            for number in handlers:
                asyncio.get_running_loop().add_signal_handler(number, stop, number)
        return await task

    # Ctrl-C ends all of it by itself.
    handlers = {number: signal.getsignal(number) for number in ending_signals() if number != signal.SIGINT}
    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if not stopped:
            raise
        screen.err("stopped from outside")
        raise Ended(TERMINATED) from None
    finally:
        with suppress(ValueError):  # not in this thread
            for number, handler in handlers.items():
                signal.signal(number, handler)


async def _asked(
    flow: CheckedFlow, tests: Sequence[tuple[int, CheckedTest]], file: FlowFile, trials: Trials, means: Means
) -> list[tuple[int, Tried]]:
    told: list[Tried] = []
    for number, _ in tests:
        file.tried[number] = []
    by_test = {id(test): number for number, test in tests}
    started = time.monotonic()
    outcome = "interrupted"
    try:
        await try_tests(flow, tests, file.files, told.append, trials)
        outcome = "failed" if any(one.outcome != "passed" for one in told) else "done"
    finally:
        if means.keeping is not None:
            calls = [call for one in told for call in one.calls]
            costs = [call.cost_usd for call in calls if call.cost_usd is not None]
            cached = sum(call.cached for call in calls)
            cost = sum(costs, Decimal(0)) if costs else None
            seconds = time.monotonic() - started
            means.keeping.hear(RunFinished(outcome, len(calls) - cached, cached, cost, seconds))
        await means.close()
    return [(by_test[id(one.test)], one) for one in told]
