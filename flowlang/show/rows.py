"""A run per row, as people see it: rows are counted. What happens inside of them is left to the events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ..run.each import Tally, diagnostic_of
from ..run.event import CallFinished, Event, RowFinished, RunFinished, RunStarted
from .ending import OUTCOMES, summary_page
from .numbers import count, duration, paid
from .progress import Clock, Running, one_line
from .snippet import tell
from .terminal import visible_line

FAILED_ROWS_TOLD = 5  # the others are counted


@dataclass(slots=True)
class RowsProgress:
    """What `Progress` is for a single run, with one line for all rows: `row 412/1000, 3 failed`."""

    clock: Clock
    started_at: float = 0.0
    changed_at: float = 0.0
    rows: int = 0
    done: int = 0
    failed: int = 0
    running: dict[str, Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started_at = self.changed_at = self.clock()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started_at

    def still(self) -> str:
        """One line on how far it is."""
        return f"row {self.told()}"

    def told(self) -> str:
        """`412/1000, 3 failed`."""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done}/{self.rows}{failed}"

    def take(self, event: Event) -> str | None:
        """Takes an event in; returns the line that tells it, if there is to be one."""
        match event:
            case RunStarted():
                self.rows = event.rows or 0
                self.running["row"] = Running("row", None, self.clock(), told=self.told())
                how = ", offline: every answer comes from the built-in model" if event.offline else ""
                steps = count(len(event.steps), "step")
                return f"{visible_line(event.flow)}: {steps}, {count(self.rows, 'row')}{how}"
            case CallFinished():
                if (one := self.running.get("row")) and not event.cached:
                    one.tokens_out += event.tokens_out
                    if event.cost_usd is not None:
                        one.cost_usd = (one.cost_usd or Decimal(0)) + event.cost_usd
                return None
            case RowFinished():
                return self._finished(event)
            case RunFinished():
                self.running.clear()
                return None
            case _:
                return None

    def _finished(self, event: RowFinished) -> str | None:
        self.done += 1
        self.failed += bool(event.rule)
        if one := self.running.get("row"):
            one.told = self.told()
        if not event.rule or self.failed > FAILED_ROWS_TOLD + 1:
            return None
        if self.failed > FAILED_ROWS_TOLD:
            return "rows: more of them fail; they are counted at the end"
        where, colon, message = event.message.partition(": ")
        told = message if colon and where.startswith(f"row {event.row} ") else event.message
        return f"row {event.row}: failed, {one_line(told)}"


def tell_failed_rows(tally: Tally, width: int, colour: bool) -> str:
    """The first failed rows, each at the line of the flow that met it; empty if there is none."""
    told = [
        tell(found, width, colour) + "\n\n"
        if (found := diagnostic_of(one)) is not None
        else f"error[{one.rule}]: {visible_line(one.message)}\n"
        + "".join(f"   = {visible_line(hint)}\n" for hint in one.hints)
        + "\n"
        for one in tally.first_failed
    ]
    if more := tally.failed - len(tally.first_failed):
        told.append(f"{count(more, 'more row')} failed; each has its `error` in the results\n\n")
    return "".join(told)


def tell_rows_end(tally: Tally, exit_code: int, offline: bool) -> str:
    """How many rows came out well, how much was asked, how long it took."""
    how = OUTCOMES[tally.outcome()]
    parts = [f"{how}{f' (exit {exit_code})' if exit_code else ''}: {count(tally.good, 'row')} done"]
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    if rest := tally.rows - tally.good - tally.failed:
        parts.append(f"{rest:,} not finished")
    parts.append(count(tally.calls, "call") + (f" and {tally.cached} from before" if tally.cached else ""))
    if tally.tokens_in or tally.tokens_out:
        parts.append(f"{tally.tokens_in:,} tokens in, {tally.tokens_out:,} out")
    if tally.cost_usd is not None:
        parts.append(paid(tally.cost_usd))
    parts.append(duration(tally.seconds))
    if offline:
        parts.append("offline: no language model was asked")
    return ", ".join(parts)


def rows_summary(tally: Tally, flow: str, exit_code: int) -> str:
    """How a run per row came out."""
    rows = [
        ("outcome", f"{OUTCOMES[tally.outcome()]}, exit code {exit_code}"),
        ("rows", f"{tally.good:,} done, {tally.failed:,} failed, of {tally.rows:,}"),
        ("calls", f"{tally.calls:,}"),
        ("time", duration(tally.seconds)),
    ]
    found = [one for error in tally.first_failed if (one := diagnostic_of(error)) is not None]
    return summary_page(flow, rows, found)


def tell_passed_over(columns: Sequence[str], table: str) -> str:
    """The note on columns that are no inputs; empty if there are none."""
    if not columns:
        return ""
    named = ", ".join(f"`{visible_line(column)}`" for column in columns[:12])
    more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
    what = "is no input" if len(columns) == 1 else "are no inputs"
    return f"note: {named}{more} of {visible_line(table)} {what}, and not used"
