"""One case of a test, tried: only what its expectations need runs, on answers that are given, recorded or asked for.

A test can come out in three ways. It fails if an expectation does not hold or a step fails. If all that is wrong is
that something was asked to which no answer is there, it is not recorded; unrecorded.py says why.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ..language.checked import CheckedFlow, CheckedLimits, CheckedTest, CheckedTool, Expectation, JudgeLine, Place
from ..language.values import Secret, Value
from ..models.chat import ChatRequest, EmitChunk, Reply
from ..models.errors import ModelError
from ..models.recording import Recorded, Recordings
from ..plan.build import build
from ..plan.graph import Defaults, Plan, PlannedStep
from .budget import Budget
from .event import CallFinished, Event, StepFailed
from .executor import execute, together
from .judging import judged
from .means import Means
from .outcome import Failure, StepFailure
from .recorder import MISSING, Heard, Miss, Recorder, Turn
from .report import fold
from .tools import ToolFailed
from .trial_values import Case, TestFiles, answers_of, cases_of, inputs_of
from .unmet import known_of, unmet_by

MOST_PLACES = 5  # items that are named where many have failed alike

Outcomes = Literal["passed", "failed", "not-recorded"]


@dataclass(frozen=True, slots=True)
class Tried:
    """How one case of a test came out; `passed` counts tries, `failures` are those of the first try that did not.

    `misses` are what that try lacked; `lacks`: some try could do with more answers. `used` are the recorded answers of
    all tries with the models that they spare, `asked` counts those that came anew, `calls` is what that took.
    """

    flow: CheckedFlow
    test: CheckedTest
    case: str  # which row; empty for a test without a table
    outcome: Outcomes
    failures: tuple[Failure, ...]
    passed: int
    tries: int
    misses: tuple[Miss, ...] = ()
    lacks: bool = False
    used: tuple[tuple[str, Recorded], ...] = ()
    asked: int = 0
    calls: tuple[CallFinished, ...] = ()
    seconds: float = 0.0


async def _nothing_answers(request: ChatRequest, emit: EmitChunk) -> Reply:
    raise ModelError("no answer is recorded", MISSING, retryable=False)


async def _no_tool_runs(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    raise ToolFailed("no result is recorded", rule=MISSING, told=False)


def recorded_only() -> Means:
    """What a test has at hand that asks nobody."""
    return Means(_nothing_answers, perform_tool=_no_tool_runs, offline=True)


@dataclass(frozen=True, slots=True)
class Trials:
    """How tests are tried. With `means` models are asked for what is not recorded; `above` is the budget of all.

    `cases` are tried at the same time. `judges` sets the models of `judge` lines where they are not those of the steps.
    """

    recorder: Recorder
    defaults: Defaults = field(default_factory=Defaults)
    judges: Defaults | None = None
    means: Means | None = None
    above: Budget | None = None
    clock: Callable[[], float] = lambda: 0.0
    cases: int = 1


async def try_tests(
    flow: CheckedFlow,
    tests: Iterable[tuple[int, CheckedTest]],
    files: TestFiles,
    told: Callable[[Tried], None],
    trials: Trials | None = None,
) -> None:
    """Tries every case of these tests of the flow, and tells of each in their order.

    A test comes with its number in the file, by which what it uses is ordered.
    """
    trials = trials or Trials(Recorder(Recordings()))
    whole = build(flow, trials.defaults)
    judging = whole if trials.judges is None else build(flow, trials.judges)
    jobs: list[_OneCase] = []
    done: dict[int, Tried] = {}
    for number, test in tests:
        plan = plan_of(whole, test)
        try:
            for place, case in enumerate(cases_of(test, files)):
                jobs.append(_OneCase(plan, judging, test, case, files, trials, Turn(number, place, 0)))
        except StepFailure as failed:
            done[len(jobs)] = Tried(flow, test, "", "failed", (failed.failure,), 0, test.tries)
            jobs.append(_OneCase(plan, judging, test, Case("", {}), files, trials, Turn(number, 0, 0)))
    next_one = 0

    async def work(job: int) -> bool:
        nonlocal next_one
        if job not in done:
            done[job] = await jobs[job].tried()
        while next_one in done:
            told(done[next_one])
            next_one += 1
        return True

    await together(range(len(jobs)), min(trials.cases, max(1, len(jobs))), work)


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


@dataclass(frozen=True, slots=True)
class _OneCase:
    """A case, and all that trying it takes."""

    plan: Plan
    judging: Plan
    test: CheckedTest
    case: Case
    files: TestFiles
    trials: Trials
    turn: Turn

    async def tried(self) -> Tried:
        """How the case came out, over all its tries."""
        test, trials = self.test, self.trials
        inputs, wrong = inputs_of(self.plan.flow, test, self.case, self.files)
        if wrong:
            return Tried(self.plan.flow, test, self.case.row, "failed", wrong, 0, test.tries)
        started = trials.clock()
        passed = missing = asked = 0
        first: tuple[Failure, ...] = ()
        lacked: tuple[Miss, ...] = ()
        lacks = False
        used: list[tuple[str, Recorded]] = []
        calls: list[CallFinished] = []
        # Given answers come out the same each time; recorded ones have a number of their own for each try.
        for run in range(test.tries):
            heard = Heard()
            failures, misses = await self._try_once(inputs, replace(self.turn, run=run), heard, calls)
            used += heard.used
            lacks = lacks or bool(misses) or any(one.before is not None for one in heard.misses)
            asked += heard.asked
            bad = bool(failures or misses)
            passed += not bad
            missing += bad and not failures
            if bad and (not (first or lacked) or (failures and not first)):
                first, lacked = failures, misses
        outcome: Outcomes = "passed"
        if passed < test.passes:
            outcome = "not-recorded" if passed + missing >= test.passes else "failed"
        else:
            first, lacked = (), ()
        return Tried(
            self.plan.flow,
            test,
            self.case.row,
            outcome,
            first,
            passed,
            test.tries,
            lacked,
            lacks,
            tuple(used),
            asked,
            tuple(calls),
            trials.clock() - started,
        )

    async def _try_once(
        self, inputs: Mapping[str, Value], turn: Turn, heard: Heard, calls: list[CallFinished]
    ) -> tuple[tuple[Failure, ...], tuple[Miss, ...]]:
        """What went wrong and what was lacking; both empty for a try that passed."""
        test, trials = self.test, self.trials
        events: list[Event] = []
        between = trials.recorder.between(self.plan, turn, heard, trials.means is not None)
        means = replace(trials.means or recorded_only(), between=between)
        result = await execute(
            self.plan,
            inputs,
            means,
            events.append,
            stand_in=answers_of(test, self.case, self.files),
            clock=trials.clock,
            above=trials.above,
        )
        columns = self.case.columns
        outcomes = {**result.outputs, **result.outcomes}
        answered = {**_recorded(heard), **_answered(test)}
        known = replace(known_of(self.plan, {**inputs, **columns}, outcomes, self.case.row), answered=answered)
        report, own = fold(events), {line.place for line in test.answers}
        # An answer that does not fit is a slip of the test, also where the step goes on without the item.
        failed = [*report.failed, *(one for one in report.lost if one.place in own)]
        failures = _failed([one for one in failed if one.rule != MISSING])
        for expect in test.expects:
            if not known.failed.intersection((*expect.reads, *expect.outputs)):
                failures += unmet_by(expect, known)
        lacking = {(one.path, one.step, one.item) for one in events if isinstance(one, StepFailed)}
        misses = [one for one in heard.misses if (one.asker.path, one.asker.step, one.asker.item) in lacking]
        for judge in test.judges:
            if not known.failed.intersection((*judge.reads, *judge.outputs)):
                before = len(heard.misses)
                defaults = trials.judges or trials.defaults
                found = await judged(
                    judge, known, self.judging, defaults, means, trials.clock, trials.above, events.append
                )
                failures += [one for one in found if one.rule != MISSING]
                if any(one.rule == MISSING for one in found):
                    misses += heard.misses[before:]
        calls += [one for one in events if isinstance(one, CallFinished)]
        # A recorded answer that does not fit is a slip of who edited it, not something that is not there.
        failures += [unfit for one in misses if (unfit := _unfit(one)) is not None]
        misses = [one for one in misses if one.before is None]
        return tuple(dict.fromkeys(failures)), tuple(dict.fromkeys(misses))


def _answered(test: CheckedTest) -> dict[tuple[str, int | None], str]:
    """The steps of the flow itself that a test answers, with the line that does so."""
    lines = [line for line in test.answers if len(line.path) == 1]
    return {(line.path[0], None): f"answered on line {_line_of(line.place)}" for line in lines}


def _recorded(heard: Heard) -> dict[tuple[str, int | None], str]:
    """The same of recorded answers, by step and item; of several samples none is the one that led to a value."""
    found: dict[tuple[str, int | None], str] = {}
    for (asker, sample), one in heard.answers.items():
        if one.source is not None and sample <= 1 and not (asker.path or asker.role):
            found[asker.step, asker.item] = f"recorded at {one.source.source.path}:{_line_of(one.source)}"
    for asker, sample in heard.answers:
        if sample > 1:
            found.pop((asker.step, asker.item), None)
    return found


def _line_of(place: Place) -> int:
    return place.source.position(place.span.start)[0]


def _unfit(miss: Miss) -> Failure | None:
    """What is wrong with the recorded answer after which the model would be asked again."""
    if miss.before is None or miss.before.source is None:
        return None
    message = f"the recorded answer of step `{miss.asker.step}` can't be used: {miss.told.partition('. Answer')[0]}"
    hint = "put it right here, or delete it and record it anew: flowlang test … --record"
    return Failure("bad-answer", message, miss.before.source, (hint,))


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
