"""What is known of each step of a flow that is being edited: its state, what it costs, its answer and the one before.

Made from the events of run after run, and from what the session says of itself. Every view reads this; none shows more.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from ..pattern import pattern
from ..run.event import (
    CallFinished,
    CallStarted,
    Delta,
    Dropped,
    Event,
    Noted,
    RunFinished,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from ..run.words import FROM_BEFORE
from .numbers import count, money
from .terminal import visible_line

_ITEM = pattern(r"\[\d+\]")

Clock = Callable[[], float]
TAIL = 400  # characters of streaming text that are kept


@dataclass(slots=True)
class Row:
    """One step. `state`: "waiting", "queued", "running", "done", "cached", "failed", "skipped", "stale" or "pinned".

    It is "queued" while all that it needs is there, and its first call only waits for its turn.
    `why` says in words why it is in its state. `answer` is None until one has come; `previous` the one before it that
    was another.
    """

    name: str
    file: str = ""
    line: int = 0
    state: str = "waiting"
    why: str = ""
    since: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal | None = None
    items: int | None = None
    begun: int = 0  # turns of a step of a flow that is run
    done: set[int] = field(default_factory=set)
    streaming: dict[tuple[str, str, int | None], int] = field(default_factory=dict)
    tail: str = ""
    answer: str | None = None
    previous: str | None = None
    parts: "dict[str, Row]" = field(default_factory=dict)  # the steps of the flow that it runs, by the way to them

    def begin(self, now: float, state: str = "running") -> None:
        """It starts: what it cost the last time is of the last time."""
        self.state, self.why, self.since, self.seconds = state, "", now, 0.0
        self.calls = self.cached = self.tokens_in = self.tokens_out = 0
        self.cost_usd, self.items, self.tail = None, None, ""
        self.done.clear()
        self.streaming.clear()
        self.parts = {}

    def wait(self) -> None:
        """It is to start in a new run; the steps of a flow that it runs keep their places."""
        parts = self.parts
        self.begin(0.0, "waiting")
        self.parts = parts
        for part in parts.values():
            part.wait()
            part.begun = 0

    def take_part(self, event: Event, now: float) -> None:
        """Takes in what a step of the flow does that it runs; of many turns of it they are all one row."""
        if not isinstance(event, StepStarted | StepFinished | StepSkipped | StepFailed | CallStarted | CallFinished):
            return
        part = self.parts.setdefault(_way_to(event), Row(event.step, since=now))
        match event:
            case StepStarted():
                part.since = part.since if part.begun else now
                part.state = "queued" if event.kind == "prompt" and part.state != "running" else "running"
                part.begun += 1
                part.items = part.begun if part.begun > 1 else None
            case CallStarted():
                part.turn_comes()
            case CallFinished():
                part.turn_comes()
                part.count(event)
            case StepFailed(item=None, message=message):
                part.why = message
                part.over(len(part.done), now, "failed")
            case StepFinished():
                part.over(len(part.done), now, "cached" if part.cached and not part.calls else "done")
            case StepSkipped():
                part.over(len(part.done), now, "skipped")
            case _:
                pass

    def turn_comes(self) -> None:
        """Its first call is made."""
        if self.state == "queued":
            self.state = "running"

    def over(self, turn: int, now: float, state: str) -> None:
        """A turn of it has ended; with the last one that began, it has."""
        self.done.add(turn)
        self.seconds = now - self.since
        if len(self.done) >= self.begun:
            self.state = "failed" if self.why else state

    def count(self, call: CallFinished) -> None:
        """Counts a call that has ended."""
        self.cached += call.cached
        self.calls += not call.cached
        if not call.cached:
            self.tokens_in += call.tokens_in
            self.tokens_out += call.tokens_out
            self.cost_usd = _sum(self.cost_usd, call.cost_usd)

    def tokens(self) -> int:
        """Tokens that came back so far; what still streams is counted by its length."""
        return self.tokens_out + sum(self.streaming.values()) // 4

    def take_answer(self, text: str) -> None:
        """An answer stands: if it is another one, the last becomes the one before."""
        if text != self.answer:
            self.previous, self.answer = self.answer, text


@dataclass(slots=True)
class Board:
    """The steps by name in the order of the file, and what holds for all of them.

    `trouble` is what is wrong with the flow as it stands now, as people read it; what is below is then of `good_at`.
    `says` is the one line on what the session is doing or waiting for; `asks`: it waits for a key.
    """

    clock: Clock
    flow: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    trouble: str = ""
    trouble_note: str = ""
    good_at: str = ""
    says: str = ""
    asks: bool = False
    has_keys: bool = False
    run: int = 0
    is_running: bool = False
    cost_usd: Decimal | None = None
    calls: int = 0
    cached: int = 0
    _before: tuple[int, int, Decimal | None] = (0, 0, None)  # calls, those from before and cost when the run began

    def begin(
        self, flow: str, steps: Iterable[tuple[str, str, int]], running: Container[str], pinned: Container[str]
    ) -> None:
        """A run begins. `steps` are all of the flow, with file and line; those that it has nothing to do with stay."""
        self.steps(flow, steps)
        for name, row in self.rows.items():
            if name in running:
                row.wait()
                if name in pinned:
                    row.state, row.why = "pinned", "until you unpin it"
        self.run += 1
        self._before = self.calls, self.cached, self.cost_usd
        self.is_running = True
        self.asks = False

    def steps(self, flow: str, steps: Iterable[tuple[str, str, int]]) -> None:
        """The flow has these steps now."""
        self.flow, before = flow, self.rows
        self.rows = {}
        for name, file, line in steps:
            row = self.rows[name] = before.get(name) or Row(name)
            row.file, row.line = file, line

    def answered(self, name: str, text: str) -> None:
        """A step has a value, as a text."""
        if (row := self.rows.get(name)) is not None:
            row.take_answer(text)

    def mark(self, name: str, state: str, why: str) -> None:
        """Says of a step what a run would."""
        if (row := self.rows.get(name)) is not None:
            row.wait()  # what it cost the last time is no price of the next
            row.state, row.why = state, why

    def take(self, event: Event) -> None:
        """Takes an event in."""
        path = getattr(event, "path", "")
        if path and (outer := self.rows.get(_top_of(path))) is not None:
            outer.take_part(event, self.clock())
        match event:
            case StepStarted(path="", step=step, kind=kind, items=items):
                if (row := self.rows.get(step)) is not None:
                    row.begin(self.clock(), "queued" if kind == "prompt" else "running")
                    row.items = items
            case CallStarted() | Delta() | Dropped() | CallFinished():
                self._take_call(event)
            case StepFinished(path="", step=step, seconds=seconds, failed_items=failed):
                self._end(step, seconds, failed)
            case StepSkipped(path="", step=step, because=because):
                self.mark(step, "skipped", because)
            case StepFailed(path="", step=step, item=None, message=message):
                if (row := self.rows.get(step)) is not None:
                    row.state, row.why = "failed", message
                    row.seconds = self.clock() - row.since if row.since else 0.0
            case Noted(path="", step=step, message=message):
                if (row := self.rows.get(step)) is not None:
                    row.why = message
            case RunFinished():
                self.is_running = False
            case _:
                pass

    def left(self, event: Event) -> None:
        """A call has ended that nobody wants any more: it may have cost something."""
        if isinstance(event, CallFinished):
            self._pay(event)

    def of_run(self) -> tuple[int, int, Decimal]:
        """What the present run has asked, what it had from before, and what it cost so far."""
        calls, cached, cost = self._before
        return self.calls - calls, self.cached - cached, (self.cost_usd or Decimal(0)) - (cost or Decimal(0))

    def summary(self) -> str:
        """What the whole session came to, in one line."""
        if not self.run:
            return ""
        cost = f", {money(self.cost_usd)}" if self.cost_usd else ""
        asked = f"{count(self.calls, 'call')} and {self.cached:,} from before{cost}"
        return f"{visible_line(self.flow)}: {count(self.run, 'run')}, {asked}"

    def _take_call(self, event: CallStarted | Delta | Dropped | CallFinished) -> None:
        row = self.rows.get(_top_of(event.path) or event.step)
        turn = (event.path, event.step, event.item)
        if isinstance(event, CallFinished):
            self._pay(event)
        if row is None:
            return
        match event:
            case CallStarted():
                row.turn_comes()
                row.streaming[turn] = 0
                because = event.because
                if because and because != FROM_BEFORE and not row.why:
                    row.why = because
            case Delta(text=text):
                row.streaming[turn] = row.streaming.get(turn, 0) + len(text)
                row.tail = (row.tail + text)[-TAIL:]
            case Dropped():
                row.streaming[turn] = 0
                row.tail = ""
            case CallFinished():
                row.streaming.pop(turn, None)
                if not row.streaming:
                    row.tail = ""
                row.count(event)
                if event.item is not None and event.status == "ok":
                    row.done.add(event.item)

    def _pay(self, event: CallFinished) -> None:
        if event.cached:
            self.cached += 1
            return
        self.calls += 1
        self.cost_usd = _sum(self.cost_usd, event.cost_usd)

    def _end(self, step: str, seconds: float, failed: int) -> None:
        if (row := self.rows.get(step)) is None:
            return
        row.seconds = seconds
        row.tail = ""
        if row.parts and row.items:
            row.done = set(range(row.items - failed))  # their calls tell no item
        if row.cached and not row.calls:
            row.state, row.why = "cached", FROM_BEFORE
        else:
            row.state = "done"
            if failed:
                row.why = f"{failed} of {row.items} items failed"


def _top_of(path: str) -> str:
    return path.partition("/")[0].partition("[")[0]


def _way_to(event: StepStarted | StepFinished | StepSkipped | StepFailed | CallStarted | CallFinished) -> str:
    """The way to a step from the step of the main flow that runs it, whatever the item: `inner.critique`."""
    return ".".join([*_ITEM.sub("", event.path).split("/")[1:], event.step])


def _sum(one: Decimal | None, two: Decimal | None) -> Decimal | None:
    return one if two is None else (one or Decimal(0)) + two
