"""What is going on in a run, and the one line that tells each change of it.

The plain log and the live view read this; neither shows more than it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from ..run.event import (
    CallFinished,
    CallStarted,
    Delta,
    Dropped,
    Event,
    Noted,
    RowFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolCalled,
)
from ..run.words import FROM_BEFORE
from .numbers import count, duration, paid
from .terminal import visible_line

Clock = Callable[[], float]

TAIL = 240  # characters of streaming text that are kept
FAILED_ITEMS_TOLD = 5  # of one step; the others are counted


@dataclass(slots=True)
class Running:
    """A step that has started and not ended. `done`: the items or rounds that an answer came for.

    `calls`, tokens and cost are of what was sent; `from_before` counts the answers that were there. `asks` and `finds`
    say so of all that the step runs as well. `because` is why it asks.
    """

    name: str
    items: int | None
    since: float
    done: set[int] = field(default_factory=set)
    calls: int = 0
    from_before: int = 0
    asks: bool = False
    finds: bool = False
    because: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal | None = None
    failed: int = 0
    rounds: int = 0
    streaming: dict[int | None, int] = field(default_factory=dict)  # characters so far, by item
    tail: str = ""
    tail_of: int | None = None
    told: str = ""  # what `progress` says, where it is not worked out from the rest

    def progress(self) -> str:
        """`5/8` for a step that repeats, `round 2` for one that goes on until; else empty."""
        if self.told:
            return self.told
        if self.items is not None:
            return f"{len(self.done)}/{self.items}"
        return f"round {self.rounds}" if self.rounds > 1 else ""

    def tokens(self) -> int:
        """Tokens that came back so far; what still streams is counted by its length."""
        return self.tokens_out + sum(self.streaming.values()) // 4


@dataclass(slots=True)
class Progress:
    """`running` by name, in the order of their start. `changed_at`: when a line was last worth telling."""

    clock: Clock
    started_at: float = 0.0
    changed_at: float = 0.0
    running: dict[str, Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started_at = self.changed_at = self.clock()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started_at

    def take(self, event: Event) -> str | None:
        """Takes an event in; returns the line that tells it, if it is a change of state."""
        line = self._take(event)
        if line is not None:
            self.changed_at = self.clock()
        return line

    def still(self) -> str:
        """One line on what is running, for a time in which nothing changes."""
        names = [f"{one.name} {one.progress()}".rstrip() for one in self.running.values()]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return f"still running: {shown}" if names else "still running"

    def _take(self, event: Event) -> str | None:
        match event:
            case RunStarted(flow=flow, steps=steps, offline=offline):
                how = ", offline: every answer comes from the built-in model" if offline else ""
                return f"{visible_line(flow)}: {count(len(steps), 'step')}{how}"
            case StepStarted(path=path, step=step, items=items):
                name = full_name(path, step)
                self.running[name] = Running(name, items, self.clock())
                self._note_round(path)
                # Of a step that may find all its answers in the store, it is said when it asks something.
                return self._begins(name, "") if event.kind == "call" and not path else None
            case CallStarted(path=path, step=step, item=item, because=because):
                line = self._begins(_outermost(path, step), because)
                if one := self.running.get(full_name(path, step)):
                    one.streaming[item] = 0
                    one.finds = one.finds or because == FROM_BEFORE
                    one.asks = one.asks or because != FROM_BEFORE
                return line
            case Delta(path=path, step=step, item=item, text=text):
                if one := self.running.get(full_name(path, step)):
                    one.streaming[item] = one.streaming.get(item, 0) + len(text)
                    one.tail = ((one.tail if one.tail_of == item else "") + text)[-TAIL:]
                    one.tail_of = item
                return None
            case Dropped(path=path, step=step, item=item):
                if one := self.running.get(full_name(path, step)):
                    one.streaming[item] = 0
                    if one.tail_of == item:
                        one.tail = ""
                return None
            case CallFinished(path=path, step=step):
                if one := self.running.get(full_name(path, step)):
                    _add_call(one, event)
                return None
            case ToolCalled() | RowFinished():
                return None
            case StepFinished(path=path, step=step, seconds=seconds, failed_items=failed):
                return self._finished(full_name(path, step), seconds, failed)
            case StepSkipped(path=path, step=step, because=because):
                name = full_name(path, step)
                self.running.pop(name, None)
                return f"{name}: skipped, {one_line(because)}"
            case StepFailed(path=path, step=step, item=item, message=message):
                return self._failed(full_name(path, step), item, message)
            case Noted(path=path, step=step, message=message):
                return f"{full_name(path, step)}: {one_line(message)}"
            case RunFinished():
                self.running.clear()
                return None

    def _begins(self, name: str, because: str) -> str | None:
        """A step of the main flow asks, or finds an answer from before: the line for the first time it asks."""
        one = self.running.get(name)
        if one is None:
            return None
        if because == FROM_BEFORE:
            one.finds = True
            return None
        if one.asks:
            return None
        one.asks, one.because = True, one_line(because)
        items = f", {count(one.items, 'item')}" if one.items is not None else ""
        return f"{name}: started{items}" + (f", {one.because}" if because else "")

    def _finished(self, name: str, seconds: float, failed: int) -> str:
        one = self.running.pop(name, None)
        if one is not None and one.finds and not one.asks and not failed:
            return f"{name}: {FROM_BEFORE}" + (f", {count(one.items, 'item')}" if one.items is not None else "")
        parts = [f"done in {duration(seconds)}"]
        if one is not None and one.items is not None:
            parts.append(count(one.items, "item"))
        if failed:
            parts.append(f"{failed} failed")
        if one is not None and one.calls:
            parts.append(count(one.calls, "call"))
        if one is not None and one.from_before:
            parts.append(f"{one.from_before:,} {FROM_BEFORE}")
        if one is not None and one.calls:
            parts.append(f"{one.tokens_in:,} tokens in, {one.tokens_out:,} out")
        if one is not None and one.cost_usd:
            parts.append(paid(one.cost_usd))
        return f"{name}: " + ", ".join(parts)

    def _failed(self, name: str, item: int | None, message: str) -> str | None:
        if item is None:
            self.running.pop(name, None)
            return f"{name}: failed, {one_line(message)}"
        if (one := self.running.get(name)) is not None:
            one.failed += 1
            one.done.add(item)
            if one.failed > FAILED_ITEMS_TOLD:
                more = one.failed == FAILED_ITEMS_TOLD + 1
                return f"{name}: more items fail; they are counted at the end" if more else None
        return f"{name}: item {item} failed, {one_line(message)}"

    def _note_round(self, path: str) -> None:
        """A step of a sub-flow began: the step that runs it is in that round, or at that item."""
        outer, _, number = path.removesuffix("]").rpartition("[")
        if number.isdigit() and (one := self.running.get(visible_line(outer.replace("/", ".")))) is not None:
            one.rounds = max(one.rounds, int(number))
            if one.items is not None:
                one.done.add(int(number))


def _add_call(one: Running, event: CallFinished) -> None:
    one.streaming.pop(event.item, None)
    if event.cached:
        one.from_before += 1
    else:
        one.calls += event.status != "cancelled"
        one.tokens_in += event.tokens_in
        one.tokens_out += event.tokens_out
        if event.cost_usd is not None:
            one.cost_usd = (one.cost_usd or Decimal(0)) + event.cost_usd
    if event.item is not None and event.status == "ok":
        one.done.add(event.item)


def _outermost(path: str, step: str) -> str:
    """The step of the main flow that asks, by itself or by a flow that it runs."""
    return visible_line(path.partition("/")[0].partition("[")[0] or step)


def full_name(path: str, step: str) -> str:
    """A step's name with the way to it: `polished[2].review`. What the run as a whole is about has no name."""
    return visible_line(".".join(filter(None, (path.replace("/", "."), step))) or "the run")


def one_line(text: str) -> str:
    """A text that may be anyone's, in one line of our own."""
    text = visible_line(" ".join(text.split()))
    return text if len(text) <= 300 else text[:299] + "…"
