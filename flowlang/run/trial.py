"""One case of a test, tried: only what its expectations need runs, answered by the test and never by a model.

A test can come out in three ways. It fails if an expectation does not hold or a step fails. If all that is wrong is
that something was to be asked and nothing stands in for it, it is not recorded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ..language.checked import CheckedFlow, CheckedLimits, CheckedTest, CheckedTool, Expectation, JudgeLine
from ..language.expression import Scope, evaluate
from ..language.values import EMPTY, Secret, Value, ValueMistake, bare
from ..models.chat import ChatRequest, Complete, EmitChunk, Reply
from ..models.errors import ModelError
from ..plan.build import build
from ..plan.graph import Defaults, Plan, PlannedStep
from .event import Event, StepFailed
from .executor import execute
from .means import Means
from .outcome import UNMET, Failure, StepFailure
from .report import fold
from .tools import PerformTool, ToolFailed
from .trial_values import Case, TestFiles, answers_of, cases_of, inputs_of
from .unmet import Known, known_of, unmet_by

MISSING = "missing-recording"
MOST_PLACES = 5  # items that are named where many have failed alike

Outcomes = Literal["passed", "failed", "not-recorded"]


@dataclass(frozen=True, slots=True)
class Tried:
    """How one case of a test came out; `passed` counts tries, `failures` are those of the first try that did not."""

    flow: CheckedFlow
    test: CheckedTest
    case: str  # which row; empty for a test without a table
    outcome: Outcomes
    failures: tuple[Failure, ...]
    passed: int
    tries: int


async def nothing_recorded(request: ChatRequest, emit: EmitChunk) -> Reply:
    """Answers for no model."""
    raise ModelError("no answer is given", MISSING, retryable=False)


async def no_tool_runs(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    """Stands in for tools, none of which runs in a test."""
    raise ToolFailed("no result is given", rule=MISSING, told=False)


async def try_tests(
    flow: CheckedFlow,
    tests: Iterable[CheckedTest],
    files: TestFiles,
    told: Callable[[Tried], None],
    *,
    complete: Complete = nothing_recorded,
    perform_tool: PerformTool = no_tool_runs,
) -> None:
    """Tries every case of these tests of the flow, in their order, and tells of each when it is done."""
    whole = build(flow, Defaults())
    for test in tests:
        plan = plan_of(whole, test)
        try:
            cases = cases_of(test, files)
        except StepFailure as failed:
            told(Tried(flow, test, "", "failed", (failed.failure,), 0, test.tries))
            continue
        for case in cases:
            told(await _try_case(plan, test, case, files, complete, perform_tool))


def plan_of(plan: Plan, test: CheckedTest) -> Plan:
    """What of a plan a test runs: what its expectations and judges name, and what that needs; no limits."""
    lines: tuple[Expectation | JudgeLine, ...] = (*test.expects, *test.judges)
    used = {name for line in lines for name in line.outputs}
    outputs = tuple(output for output in plan.outputs if output.name in used)
    names = [name for line in lines for name in line.reads] + [name for one in outputs for name in one.reads]
    return replace(plan, flow=_unlimited(plan.flow), nodes=_needed(plan, names), outputs=outputs, expects=())


def _unlimited(flow: CheckedFlow) -> CheckedFlow:
    return replace(flow, limits=CheckedLimits())


def _needed(plan: Plan, names: Iterable[str]) -> Mapping[str, PlannedStep]:
    kept: set[str] = set()
    open_ones = [name for name in names if name in plan.nodes]
    while open_ones:
        name = open_ones.pop()
        if name not in kept:
            kept.add(name)
            open_ones += plan.nodes[name].needs
    return {name: _alone(node) for name, node in plan.nodes.items() if name in kept}


def _alone(node: PlannedStep) -> PlannedStep:
    """The step, waiting only for what it reads; of the flow that it runs, what the outputs need."""
    sub = node.sub
    if sub is not None:
        names = [name for output in sub.outputs for name in output.reads]
        sub = replace(sub, flow=_unlimited(sub.flow), nodes=_needed(sub, names), expects=())
    return replace(node, waits_for=node.needs, sub=sub)


# ── One case ──


async def _try_case(
    plan: Plan, test: CheckedTest, case: Case, files: TestFiles, complete: Complete, perform_tool: PerformTool
) -> Tried:
    inputs, wrong = inputs_of(plan.flow, test, case, files)
    if wrong:
        return Tried(plan.flow, test, case.row, "failed", wrong, 0, test.tries)
    passed = missing = 0
    first: tuple[Failure, ...] = ()
    for _ in range(test.tries):
        failures = await _try_once(plan, test, case, inputs, files, complete, perform_tool)
        passed += not failures
        missing += bool(failures) and _is_missing(failures)
        if failures and (not first or (_is_missing(first) and not _is_missing(failures))):
            first = failures
    if passed >= test.passes:
        return Tried(plan.flow, test, case.row, "passed", (), passed, test.tries)
    outcome: Outcomes = "not-recorded" if passed + missing >= test.passes else "failed"
    if outcome == "failed":
        first = tuple(one for one in first if one.rule != MISSING) or first
    return Tried(plan.flow, test, case.row, outcome, first, passed, test.tries)


def _is_missing(failures: tuple[Failure, ...]) -> bool:
    return all(one.rule == MISSING for one in failures)


async def _try_once(
    plan: Plan,
    test: CheckedTest,
    case: Case,
    inputs: Mapping[str, Value],
    files: TestFiles,
    complete: Complete,
    perform_tool: PerformTool,
) -> tuple[Failure, ...]:
    """What went wrong; empty for a try that passed."""
    events: list[Event] = []
    result = await execute(
        plan,
        inputs,
        Means(complete, perform_tool=perform_tool, offline=True),
        events.append,
        stand_in=answers_of(test, case, files),
        clock=lambda: 0.0,
    )
    known = known_of(plan, {**inputs, **case.columns}, {**result.outputs, **result.outcomes}, case.row)
    report, own = fold(events), {line.place for line in test.answers}
    # An answer that does not fit is a slip of the test, also where the step goes on without the item.
    failed = [*report.failed, *(one for one in report.lost if one.place in own)]
    failures = _failed([one for one in failed if one.rule != MISSING])
    failures += _missing(plan, test, [one for one in events if isinstance(one, StepFailed) and one.rule == MISSING])
    for expect in test.expects:
        if not known.failed.intersection((*expect.reads, *expect.outputs)):
            failures += unmet_by(expect, known)
    for judge in test.judges:
        if not known.failed.intersection((*judge.reads, *judge.outputs)):
            failures.append(_unjudged(judge, known))
    return tuple(dict.fromkeys(failures))


def _unjudged(judge: JudgeLine, known: Known) -> Failure:
    try:
        if bare(evaluate(judge.value, Scope(known.values))) is EMPTY:
            return Failure(UNMET, "there is nothing to judge: the value is empty", judge.place)
    except ValueMistake as mistake:
        return Failure("wrong-value", mistake.message, judge.place)
    hint = "in this version an `expect` line is what a test can rely on"
    return Failure(MISSING, "no model is asked in a test, so there is no judgement", judge.place, (hint,))


def _failed(failed: list[StepFailed]) -> list[Failure]:
    """The failures of steps; what many items have in common is told once, with where it was met."""
    met: dict[Failure, list[str]] = {}
    for one in failed:
        where = [f"item {one.item}"] if one.item is not None else []
        where += [f"in {one.path.replace('/', '.')}"] if one.path else []
        met.setdefault(Failure(one.rule, one.message, one.place, one.hints), []).append(" ".join(where))
    return [replace(one, message=one.message + _where(places)) for one, places in met.items()]


def _where(places: list[str]) -> str:
    shown = [place for place in places if place][:MOST_PLACES]
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return f" ({', '.join(shown)}{more})" if shown else ""


def _missing(plan: Plan, test: CheckedTest, failed: list[StepFailed]) -> list[Failure]:
    """What has to be answered: one report for each step, however often it was asked."""
    told: dict[str, Failure] = {}
    for one in failed:
        names = [part.partition("[")[0] for part in one.path.split("/") if part]
        dotted = ".".join((*names, one.step))
        asks = "would call a tool" if _kind_of(plan, names, one.step) == "call" else "would ask a model"
        message = f"step `{dotted}` {asks}, and this test has no answer for it"
        told.setdefault(dotted, Failure(MISSING, message, test.place, (f"add a line `answer {dotted}: …`",)))
    return list(told.values())


def _kind_of(plan: Plan | None, names: list[str], step: str) -> str:
    for name in names:
        plan = plan.nodes[name].sub if plan is not None else None
    return plan.nodes[step].kind if plan is not None else ""
