"""Carries a plan out: every step that can start, starts. The only task groups of the program are here.

A run of a flow is one task per step under way; lets are computed between them. A step that repeats has a few workers
that take its items one after the other, so that a thousand items are never a thousand tasks. How many calls are open
at the same time is decided by the gate alone, for the whole run with all its sub-flows.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal

from ..language import ast
from ..language.checked import CheckedLet, CheckedOutput, Expectation
from ..language.expression import Scope, evaluate
from ..language.reading import read_number
from ..language.unsettled import Unsettled, Untold
from ..language.values import EMPTY, Secret, Value, ValueMistake, bare
from ..plan.graph import Plan, PlannedStep
from .ahead import wrong_settings
from .budget import Budget, max_cost_budget
from .calling import Gate
from .event import Emit, RunFinished, RunStarted, StepFailed, StepSkipped
from .ground import Conversation, Ground, T
from .hold import NOTHING_HELD, Hold
from .means import Means
from .outcome import FAILED_BEFORE, Done, Failed, Failure, Outcome, Result, Skipped
from .scheduler import Schedule
from .standing import StandIn, carry_out
from .step import run_step
from .tools import PerformTool
from .unmet import Known, known_of, unmet_by
from .waiting import Waiting


async def execute(
    plan: Plan,
    inputs: Mapping[str, Value],
    means: Means,
    emit: Emit,
    *,
    stand_in: StandIn = carry_out,
    clock: Callable[[], float] = time.monotonic,
    above: Budget | None = None,
    hold: Hold = NOTHING_HELD,
) -> Result:
    """Runs the plan to its end. Cancelled, it stops what is open, says so in the events, and is cancelled.

    `above` is the budget of several runs together; without it, this one's is all that `means` allow.
    """
    started = clock()
    watch = _Watch(emit)
    gate = means.gate(watch.take, clock)

    def finished(outcome: str) -> None:
        emit(RunFinished(outcome, gate.calls, gate.cached, gate.cost_usd, clock() - started, gate.saved_usd))

    emit(RunStarted(plan.flow.source.path, tuple(step.name for step in plan.steps()), means.offline))
    budget = Budget(plan.flow.limits, clock, above or max_cost_budget(means.max_cost_usd, clock))
    run = FlowRun(plan, inputs, "", budget, gate, watch.take, means.perform_tool, stand_in, means.waiting, hold)
    try:
        await run.run()
    except BaseException as stopped:
        if isinstance(stopped, asyncio.CancelledError | KeyboardInterrupt):
            finished("interrupted")
        raise
    outcome = "limit" if watch.limit else "failed" if watch.failed else "done"
    finished(outcome)
    return Result(dict(inputs), run.outcomes, run.outputs, outcome)


class _Watch:
    """Passes events on, and notes what they mean for the run as a whole."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.failed = False
        self.limit = False

    def take(self, event: object) -> None:
        if isinstance(event, StepFailed):
            self.failed = True
            self.limit = self.limit or event.rule == "limit-reached"
        self._emit(event)  # type: ignore[arg-type]


async def together(jobs: Iterable[T], width: int, work: Callable[[T], Awaitable[bool]]) -> None:
    """Runs work for each job, at most `width` at the same time; takes no further job once work has returned False."""
    waiting = iter(jobs)
    goes_on = True

    async def worker() -> None:
        nonlocal goes_on
        for job in waiting:
            if not await work(job):
                goes_on = False
            if not goes_on:
                return

    if width == 1:
        await worker()
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(worker())


class FlowRun:
    """One run of one flow: the main one, or a sub-flow's for one item or round."""

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Value],
        path: str,
        budget: Budget,
        gate: Gate,
        emit: Emit,
        perform_tool: PerformTool,
        stand_in: StandIn,
        waiting: Waiting,
        hold: Hold = NOTHING_HELD,
    ) -> None:
        self.plan = plan
        self.hold = hold
        self.path = path
        self.budget = budget
        self.gate = gate
        self.emit = emit
        self.perform_tool = perform_tool
        self.stand_in = stand_in
        self.waiting = waiting
        self.names: dict[str, Value] = dict(inputs)
        self.outcomes: dict[str, Outcome] = {}
        self.outputs: dict[str, Outcome] = {}
        conversations: dict[str, dict[int | None, Conversation]] = {}
        self.ground = Ground(
            path=path,
            names=self.names,
            secrets={name: value for name, value in inputs.items() if isinstance(value, Secret)},
            conversations=conversations,
            gate=gate,
            budget=budget,
            emit=emit,
            perform_tool=perform_tool,
            stand_in=stand_in,
            waiting=waiting,
            together=together,
            run_flow=self._run_flow,
        )

    async def run(self) -> None:
        """Brings every step and let to its end, then the outputs and what is expected of them."""
        nodes = self.plan.nodes
        if wrong := wrong_settings(self.plan, self.names):
            self._refuse(wrong)
            return
        schedule = Schedule({name: node.waits_for for name, node in nodes.items()})
        async with asyncio.TaskGroup() as group:

            def start(names: tuple[str, ...]) -> None:
                ready = deque(self.hold.ordered(names))
                while ready:
                    node = nodes[ready.popleft()]
                    settled = self._settled(node)
                    if settled is None:
                        group.create_task(finish(node))
                    else:
                        ready += self._ended(node.name, settled, schedule)

            async def finish(node: PlannedStep) -> None:
                await self.hold.turn(node.name)
                start(self._ended(node.name, await run_step(node, self.ground), schedule))

            start(schedule.ready())
        self.outputs = {output.name: self._output(output) for output in self.plan.outputs}
        self._expect()

    def _refuse(self, wrong: Mapping[str, Failure]) -> None:
        """Starts nothing: a setting has a value that it can't have."""
        for name, failure in wrong.items():
            self.emit(StepFailed(self.path, name, None, failure.rule, failure.message, failure.place, failure.hints))
        root = next(iter(wrong))
        self.outcomes = {name: Failed(name if name in wrong else root) for name in self.plan.nodes}
        self.outputs = {output.name: Failed(root) for output in self.plan.outputs}

    def _ended(self, name: str, outcome: Outcome, schedule: Schedule) -> tuple[str, ...]:
        self.outcomes[name] = outcome
        self.hold.ended(name, outcome)
        if not isinstance(outcome, Failed):
            self.names[name] = outcome.value if isinstance(outcome, Done) else EMPTY
        return schedule.ended(name)

    def _settled(self, node: PlannedStep) -> Outcome | None:
        """How the node comes out if that takes no task: what is pinned, a let, or what reads something that failed."""
        if node.name in self.hold.pinned:
            return Done(self.hold.pinned[node.name])
        root = self._failed_before(node.needs)
        if root is not None:
            if node.kind != "let":
                message = f"step `{node.name}` cannot run, because `{root}` failed"
                self.emit(StepFailed(self.path, node.name, None, FAILED_BEFORE, message, node.place))
            return Failed(root)
        return self._let(node.of) if isinstance(node.of, CheckedLet) else None

    def _failed_before(self, names: Iterable[str]) -> str | None:
        """The step to blame, if one of the names failed."""
        for name in names:
            outcome = self.outcomes.get(name)
            if isinstance(outcome, Failed):
                return outcome.root
        return None

    def _let(self, let: CheckedLet) -> Outcome:
        try:
            value = evaluate(let.value, Scope(self.names))
        except Untold as untold:
            return Done(_left_open(let.value, untold))
        except ValueMistake as mistake:
            self.emit(StepFailed(self.path, let.name, None, "wrong-value", mistake.message, let.place))
            return Failed(let.name)
        if bare(value) is not EMPTY:
            return Done(value)
        because = self._because(let.reads, let.value)
        self.emit(StepSkipped(self.path, let.name, because))
        return Skipped(because)

    def _because(self, reads: Iterable[str], value: ast.Value) -> str:
        empty = next((name for name in reads if bare(self.names.get(name, "")) is EMPTY), None)
        if empty is not None:
            return f"`{empty}` is empty"
        divisors = [one for call in _calls(value) if call.name == "divided by" for one in call.arguments]
        if any(_is_zero(bare(evaluate(one, Scope(self.names)))) for one in divisors):
            return "it would be a division by zero"
        return "there is nothing that it could be"

    # ── The end ──

    def _output(self, output: CheckedOutput) -> Outcome:
        root = self._failed_before(output.reads)
        if root is not None:
            return Failed(root)
        try:
            value = evaluate(output.value, Scope(self.names))
        except Untold as untold:
            return Done(_left_open(output.value, untold))
        except ValueMistake as mistake:
            self.emit(StepFailed(self.path, output.name, None, "wrong-value", mistake.message, output.place))
            return Failed(output.name)
        return Done(value) if bare(value) is not EMPTY else Skipped(self._because(output.reads, output.value))

    def _expect(self) -> None:
        """What the flow expects of a whole run; it is not asked where something that it names has failed."""
        outcomes = {**self.outputs, **self.outcomes}
        known = known_of(self.plan, self.names, outcomes)
        for expect in self.plan.expects:
            if known.failed.isdisjoint((*expect.reads, *expect.outputs)):
                for one in _unmet(expect, known):
                    self.emit(StepFailed(self.path, "", None, one.rule, one.message, one.place, one.hints))

    # ── Sub-flows ──

    async def _run_flow(
        self, plan: Plan, inputs: Mapping[str, Value], path: str, above: Budget
    ) -> Mapping[str, Outcome]:
        budget = Budget(plan.flow.limits, above.clock, above, plan.flow.name)
        run = FlowRun(plan, inputs, path, budget, self.gate, self.emit, self.perform_tool, self.stand_in, self.waiting)
        await run.run()
        return run.outputs


def _unmet(expect: Expectation, known: Known) -> list[Failure]:
    try:
        return unmet_by(expect, known)
    except Untold:
        return []  # nobody can say yet


def _left_open(value: ast.Value, untold: Untold) -> Unsettled:
    """What stands for a value that hangs on what nobody knows yet; what is only named is known as far as it was."""
    return untold.what if isinstance(value, ast.Ref) else Unsettled(untold.what.by, is_input=untold.what.is_input)


def _calls(value: ast.Value) -> tuple[ast.FilterCall, ...]:
    return value.filters if isinstance(value, ast.Piped) else ()


def _is_zero(value: Value) -> bool:
    return (read_number(value) if isinstance(value, str) else value) == Decimal(0)
