"""Carries a plan out once per row of a table: many runs at the same time, over one gate, told as one run.

Each row's run stands on its own: its inputs, its limits, its failures. Its result is written as one line as soon as
all rows before it are, and then forgotten; only so many rows are begun beyond the oldest one that is under way. What
is kept grows neither with the number of rows nor with what comes out of them.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..language.checked import Place
from ..language.values import EMPTY, Record, Value, ValueMistake
from ..language.writing import json_text
from ..plan.graph import Plan
from ..record import record
from .budget import Budget, max_cost_budget
from .calling import Gate
from .event import (
    CallFinished,
    Emit,
    Event,
    Noted,
    RowFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
)
from .executor import FlowRun, together
from .exit import DONE, FAILED, FINAL, INTERRUPTED, LIMIT, NOT_ALLOWED, OF_RULE, PROVIDER, STORE
from .files import FileMistake
from .means import Means
from .outcome import Done, Outcome
from .outputs import write_outputs
from .report import Report, fold
from .row_inputs import RowInputs, RowMistake
from .standing import StandIn, carry_out
from .tables import Row

MOST_TOLD = 3  # failed rows that are told in full at the end
_AHEAD = 4  # so many times the rows under way may have begun since the oldest that is not yet written
_KEPT = StepFailed | StepFinished | StepSkipped | Noted

RunOf = Callable[[Mapping[str, Value], str, Emit], FlowRun]  # a row's run: its inputs, its path, who listens to it
Deliver = Callable[[str], None]  # takes the line of the next row; raises FileMistake if it cannot be written


@record
class RowError:
    """Why a row failed. `step` is empty where no step is to blame, `place` the line to show."""

    rule: str
    message: str
    row: int
    step: str = ""
    place: Place | None = None
    hints: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What is known of all rows together, at any time: during the run, at its end, and when it was stopped.

    `stopped` is the exit code of what kept the other rows from being run, `unwritten` says why a result was lost.
    """

    rows: int = 0
    good: int = 0
    failed: int = 0
    first_failed: list[RowError] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    stopped: int = DONE
    unwritten: FileMistake | None = None
    files: int = 0
    calls: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal | None = None
    seconds: float = 0.0
    interrupted: bool = False

    def exit_code(self) -> int:
        """One failed row fails the whole; what stops every row has its own code."""
        if self.interrupted:
            return INTERRUPTED
        if self.stopped:
            return self.stopped
        if self.failed and not self.good and len(self.codes) == 1:
            (only,) = self.codes
            return only if only in (PROVIDER, LIMIT, STORE, NOT_ALLOWED) else FAILED
        return FAILED if self.failed else DONE

    def outcome(self) -> str:
        """How the run as a whole came out, in the words of `RunFinished`."""
        if self.interrupted:
            return "interrupted"
        return "limit" if self.exit_code() == LIMIT else "failed" if self.failed or self.stopped else "done"


async def execute_each(
    plan: Plan,
    inputs: RowInputs,
    means: Means,
    emit: Emit,
    deliver: Deliver,
    tally: Tally,
    *,
    out: Path = Path("out"),
    clean: Callable[[Value], Value] | None = None,
    stand_in: StandIn = carry_out,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Runs the plan for every row. Cancelled, it writes what is done, says so in the events, and is cancelled.

    A row's files are written below `out`, in a folder with
    the row's number; `clean` takes secrets out of them.
    """
    started = clock()
    whole = max_cost_budget(means.max_cost_usd, clock)

    def count_tokens(
        event: Event,
    ) -> None:  # the gate tells of calls to all rows together, and to no row's own listener
        if isinstance(event, CallFinished) and not event.cached:
            tally.tokens_in += event.tokens_in
            tally.tokens_out += event.tokens_out
        emit(event)

    gate = means.gate(count_tokens, clock)

    def run_of(values: Mapping[str, Value], path: str, listen: Emit) -> FlowRun:
        budget = Budget(plan.flow.limits, clock, whole)
        return FlowRun(plan, values, path, budget, gate, listen, means.perform_tool, stand_in, means.waiting)

    rows = _Rows(plan, inputs, run_of, gate, whole, emit, deliver, tally, out, clean)
    tally.rows = inputs.count
    emit(RunStarted(plan.flow.source.path, tuple(step.name for step in plan.steps()), means.offline, inputs.count))
    try:
        await together(enumerate(inputs.rows(), 1), max(1, min(means.at_once, inputs.count)), rows.run)
    except BaseException as stopped:
        tally.interrupted = isinstance(stopped, asyncio.CancelledError | KeyboardInterrupt)
        rows.line.close()
        raise
    finally:
        tally.calls, tally.cached = rows.gate.calls, rows.gate.cached
        tally.cost_usd, tally.seconds = rows.gate.cost_usd, clock() - started
        emit(RunFinished(tally.outcome(), tally.calls, tally.cached, tally.cost_usd, tally.seconds))


class _Rows:
    """All rows of one run."""

    def __init__(
        self,
        plan: Plan,
        inputs: RowInputs,
        run_of: RunOf,
        gate: Gate,
        whole: Budget,
        emit: Emit,
        deliver: Deliver,
        tally: Tally,
        out: Path,
        clean: Callable[[Value], Value] | None,
    ) -> None:
        self.plan = plan
        self.inputs = inputs
        self.run_of = run_of
        self.gate = gate
        self.whole = whole
        self.emit = emit
        self.tally = tally
        self.out = out
        self.clean = clean
        self.names = tuple(output.name for output in plan.outputs)
        self.has_files = any(output.path for output in plan.outputs)
        self.room = asyncio.Semaphore(_AHEAD * gate.at_once)
        self.line = _Line(deliver, self._void, self.room)

    async def run(self, job: tuple[int, Row | FileMistake]) -> bool:
        """Runs one row to its end, and hands its line on; False if no further row can do better."""
        number, row = job
        await self.room.acquire()
        if self.tally.stopped:
            self.room.release()
            return False
        started = self.gate.clock()
        path = f"row[{number}]"
        outputs: Mapping[str, Outcome] = {}
        try:
            values = await self._values_of(row)
        except RowMistake as wrong:
            place = self.inputs.flow.inputs[wrong.input].place if wrong.input else None
            error: RowError | None = RowError(wrong.rule, wrong.message, number, "", place, wrong.hints)
            self.tally.codes.add(FAILED)
            await asyncio.sleep(0)  # thousands of wrong rows must not keep a signal waiting
        else:
            outputs, error = await self._carry_out(number, path, values)
        text, error = self._text_of(number, outputs, error)
        self._count(error)
        rule, message = (error.rule, error.message) if error is not None else ("", "")
        met = error.place if error is not None else None
        self.emit(RowFinished(path, number, rule, message, self.gate.clock() - started, met))
        try:
            self.line.take(number, text)
        except FileMistake as mistake:
            self.tally.stopped, self.tally.unwritten = STORE, mistake
        return not self.tally.stopped

    async def _values_of(self, row: Row | FileMistake) -> Mapping[str, Value]:
        if self.inputs.reads_files:
            return await asyncio.to_thread(self.inputs.values_of, row)
        return self.inputs.values_of(row)

    async def _carry_out(
        self, number: int, path: str, values: Mapping[str, Value]
    ) -> tuple[Mapping[str, Outcome], RowError | None]:
        kept: list[Event] = []

        def listen(event: Event) -> None:
            if isinstance(event, _KEPT):
                kept.append(event)
            self.emit(event)

        run = self.run_of(values, path, listen)
        await run.run()
        report = fold([*kept, RunFinished("done", 0, 0, None, 0.0)])
        self._add(report)
        error = _error_of(report, number, path)
        if self.has_files and (unwritten := await self._write_files(number, run.outputs)) is not None:
            error = error or RowError(unwritten.rule, unwritten.message, number, hints=unwritten.hints)
        return run.outputs, error

    async def _write_files(self, number: int, outcomes: Mapping[str, Outcome]) -> FileMistake | None:
        """Writes the flow's files of a row into the row's own folder; returns what kept one from being written."""
        if self.clean is not None:
            outcomes = {
                name: Done(self.clean(one.value)) if isinstance(one, Done) else one for name, one in outcomes.items()
            }
        below = [replace(one, path=f"{number:04}/{one.path}") for one in self.plan.outputs if one.path]
        try:
            written = await asyncio.to_thread(write_outputs, below, outcomes, self.out)
            self.tally.files += len(written)
        except FileMistake as mistake:
            self.tally.stopped, self.tally.unwritten = STORE, mistake
            return mistake
        return None

    def _text_of(
        self, number: int, outputs: Mapping[str, Outcome], error: RowError | None
    ) -> tuple[str, RowError | None]:
        """The line of a row: its outputs, and its error if it has one."""
        try:
            return _line_of(self.names, outputs, error), error
        except ValueMistake as mistake:
            error = RowError("wrong-value", mistake.message, number)
            self.tally.codes.add(FAILED)
            return _line_of(self.names, {}, error), error

    def _void(self, number: int) -> str:
        """The line of a row that was not finished, where later ones were."""
        error = RowError("interrupted", f"row {number} was not finished", number)
        return _line_of(self.names, {}, error)

    def _count(self, error: RowError | None) -> None:
        if error is None:
            self.tally.good += 1
            return
        self.tally.failed += 1
        if len(self.tally.first_failed) < MOST_TOLD:
            self.tally.first_failed.append(error)

    def _add(self, report: Report) -> None:
        tally = self.tally
        if report.exit_code:
            tally.codes.add(report.exit_code)
        # What stops one call stops all that would follow it, in every row.
        final = next((one.rule for one in report.failed if one.rule in FINAL), None)
        if final is not None:
            tally.stopped = tally.stopped or OF_RULE[final]
        if self.whole.is_spent:
            tally.stopped = tally.stopped or LIMIT


class _Line:
    """Where rows wait for those before them."""

    def __init__(self, deliver: Deliver, void: Callable[[int], str], room: asyncio.Semaphore) -> None:
        self._deliver = deliver
        self._void = void
        self._room = room
        self._waiting: dict[int, str] = {}
        self._next = 1

    def take(self, number: int, text: str) -> None:
        """Takes a row's line, and writes all whose turn it is. Raises FileMistake."""
        self._waiting[number] = text
        while self._next in self._waiting:
            text = self._waiting.pop(self._next)
            self._next += 1
            self._room.release()
            self._deliver(text)

    def close(self) -> None:
        """Writes what still waits; a row before it that will never come is written as one that was not finished."""
        last = max(self._waiting, default=0)
        try:
            for number in range(self._next, last + 1):
                self._deliver(self._waiting.pop(number, "") or self._void(number))
        except FileMistake:
            return  # it is the end, and there is nobody to tell but those who were told of it before


def error_key(names: Iterable[str]) -> str:
    """The name of a failed row's error beside the outputs: `error`, or `run-error` where an output is called so."""
    taken, key = set(names), "error"
    while key in taken:
        key = f"run-{key}"
    return key


def diagnostic_of(error: RowError) -> Diagnostic | None:
    """The error as a report at the line of the flow that met it; None where there is no such line."""
    if error.place is None:
        return None
    message = error.message if error.message.startswith("row ") else f"row {error.row}: {error.message}"
    return Diagnostic(error.rule, message, error.place.source, error.place.span, error.hints)


def _line_of(names: Iterable[str], outputs: Mapping[str, Outcome], error: RowError | None) -> str:
    record: dict[str, Value] = {}
    for name in names:
        outcome = outputs.get(name)
        record[name] = outcome.value if isinstance(outcome, Done) else EMPTY
    if error is not None:
        told: Record = {
            "rule": error.rule,
            "message": error.message,
            "row": Decimal(error.row),
            "step": error.step or EMPTY,
        }
        record[error_key(names)] = told
    return json_text(record, indent=None, memory=True) + "\n"


def _error_of(report: Report, number: int, path: str) -> RowError | None:
    """The failure to blame for a row's: the first of its own making; lost items count, as they do in a single run."""
    first = next(iter((*report.failed, *report.lost, *report.consequences)), None)
    if first is None:
        return None
    below = first.path.removeprefix(path).removeprefix("/").replace("/", ".")
    where = f" (item {first.item})" if first.item is not None else ""
    step = f"{below}.{first.step}" if below and first.step else first.step
    return RowError(first.rule, first.message + where, number, step, first.place, first.hints)
