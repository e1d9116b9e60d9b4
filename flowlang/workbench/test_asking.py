"""Asks models, and runs tools, for what tests lack: with a provider, its key and the user's trust, as `run` does."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from ..language.checked import CheckedFlow, CheckedTest
from ..plan.build import build
from ..plan.graph import Plan
from ..run.budget import max_cost_budget
from ..run.event import RunFinished
from ..run.means import Means
from ..run.trial import Trials, Tried, plan_of, try_tests
from ..show.numbers import count
from ..show.terminal import visible_line
from .answering import open_means
from .costing import max_cost_of
from .given import Given
from .permitting import open_tools
from .recording import refuse_unless_recordable
from .refusal import Refusal
from .saving import Saving
from .screen import Screen
from .testing import FlowFile

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
        for number, one in asyncio.run(_asked(flow, tests, file, within, means)):
            file.tried[number].append(one)


def ask_and_save(file: FlowFile, numbers: Sequence[int], trials: Trials, given: Given, screen: Screen) -> None:
    """Asks as `ask_for` does, and records what comes, also if it is stopped in the middle. Raises Refusal."""
    refuse_unless_recordable(file.answers)
    saving = Saving(file.answers, trials.recorder)
    try:
        ask_for(file, numbers, trials, given, screen, saving)
    except BaseException:
        try:
            if saving.save():
                screen.err(f"wrote {visible_line(file.answers.shown)}: what was answered so far")
        except Refusal as refused:
            screen.err(refused.message)
        raise


def _plan_to_ask(file: FlowFile, flow: CheckedFlow, tests: Sequence[CheckedTest]) -> Plan:
    """What these tests of a flow may ask, in one plan."""
    whole = build(flow, file.defaults)
    names = {name for test in tests for name in plan_of(whole, test).nodes}
    return replace(whole, nodes={name: node for name, node in whole.nodes.items() if name in names})


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
