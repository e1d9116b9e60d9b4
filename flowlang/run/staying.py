"""What stays over the runs of a session: calls under way, what was last asked, and whose events are whose.

The calls of a run that was ended by a save may go on under the next one, and then tell of themselves under the names
that their steps have now. What nobody wants any more is told as the end of a call, since it cost something.
"""

import asyncio
from collections.abc import Container
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from ..models.chat import ChatRequest, Reply
from ..pattern import pattern
from ..plan.requests import judged_rule
from ..store.rows import Kept
from ..store.store import Busy
from .budget import Budget
from .calling import Gate
from .event import (
    CallFinished,
    CallStarted,
    Delta,
    Dropped,
    Emit,
    Event,
    RunFinished,
    StepFailed,
    StepFinished,
    StepSkipped,
    ToolCalled,
)
from .flight import InFlight, Seat
from .keeping import ANY, Keeping, Reuse
from .question import Asker, Question
from .warming import Begun

Turn = tuple[str, str, int | None]  # a step of the flow reached by a path, and an item


class Place(NamedTuple):
    """Where a question stands: a step of the flow reached by `path`, an item, which sample; the rule that is judged."""

    path: str
    step: str
    item: int | None
    sample: int = 1
    rule: str = ""

    @property
    def turn(self) -> Turn:
        """All but the sample and the rule."""
        return self[:3]


def place_of(turn: Turn, request: ChatRequest, role: str = "") -> Place:
    """The place of a question that is asked in a turn."""
    return Place(*turn, request.sample, judged_rule(request.messages) if role == "judge" else "")


_ITEM = pattern(r"\[(\d+)\]")  # of an item, in a path
_Told = CallStarted | Delta | Dropped | CallFinished | ToolCalled


def top_of(turn: Turn) -> str:
    """The step of the main flow that a turn belongs to."""
    return turn[0].partition("/")[0].partition("[")[0] or turn[1]


class Staying:
    """What stays. `asked` holds what was last asked at each place; `emit` hears of the present run, whoever began what.

    `left` hears of the ends of calls that the present run does not want.
    """

    def __init__(self, emit: Emit, left: Emit, at_once: int) -> None:
        self.flight = InFlight(self._adopted)
        self.asked: dict[Place, ChatRequest] = {}
        self.places = asyncio.Semaphore(at_once)
        self._asked_in: dict[Place, int] = {}  # the run that asked it last, by the session's own count
        self._why: dict[Turn, str] = {}
        self._emit = emit
        self._left = left
        self._now: dict[tuple[int, Turn], Turn] = {}  # what the calls of earlier runs are called now
        self._said: dict[tuple[int, Turn], list[str]] = {}  # what has streamed of each call under way

    def ask(self, asker: Asker, request: ChatRequest) -> None:
        """Notes what a step is asked, and why it is another question: seen from the two alone, at once."""
        place = place_of((asker.path, asker.step, asker.item), request, asker.role)
        if not asker.role:
            self._why[place.turn] = self.differs(place, request)
        self.asked[place] = request
        self._asked_in[place] = self.flight.generation

    def differs(self, place: Place, request: ChatRequest) -> str:
        """What of a question is another than the last one in its place, in a few words."""
        return _difference(self.asked.get(place), request)

    def questions(self, step: str) -> list[tuple[Place, ChatRequest]]:
        """What a step of the main flow and the flows that it runs were asked the last time that it ran, by item.

        Behind a question stand those to its judges. What is not there any more is not among them: items, steps, rules.
        """
        places = [place for place in self.asked if top_of(place.turn) == step]
        last = max((self._asked_in[place] for place in places), default=0)
        now = [place for place in places if self._asked_in[place] == last]
        first: dict[tuple[str, str], int] = {}
        for number, (path, name, *_) in enumerate(now):
            first.setdefault((_ITEM.sub("", path), name), number)

        def order(place: Place) -> tuple[list[int], int, int, int, bool]:
            outer = [int(one) for one in _ITEM.findall(place.path)]
            number = first[_ITEM.sub("", place.path), place.step]
            return outer, number, place.item or 0, place.sample, bool(place.rule)

        return [(place, self.asked[place]) for place in sorted(now, key=order)]

    def forget_all_but(self, steps: Container[str]) -> None:
        """Forgets what was asked by steps of the main flow that are not there any more."""
        gone = [place for place in self.asked if top_of(place.turn) not in steps]
        for place in gone:
            del self.asked[place]
            del self._asked_in[place]
            self._why.pop(place.turn, None)

    def next_run(self) -> Emit:
        """The listener of a run that begins now."""
        number = self.flight.next_run()
        return lambda event: self._hear(number, event)

    def _hear(self, number: int, event: Event) -> None:
        is_told = isinstance(event, CallStarted | Delta | Dropped | CallFinished | ToolCalled)
        if is_told:
            assert isinstance(event, _Told)
            self._note(number, event)
        if number == self.flight.generation:
            if isinstance(event, CallStarted) and not event.because:
                event = replace(event, because=self._why.get((event.path, event.step, event.item), ""))
            self._emit(event)
            match event:
                case StepFinished() | StepSkipped() | StepFailed(item=None):
                    self.flight.step_over(event.path, event.step)
                case RunFinished(outcome=outcome) if outcome != "interrupted":
                    self.flight.run_over()  # a run that a save has ended says nothing of what is wanted
                case _:
                    pass
            return
        if not is_told:
            return  # of a run that a save has ended
        assert isinstance(event, _Told)
        key = (number, (event.path, event.step, event.item))
        now = self._now.get(key)
        if now is not None:
            self._emit(replace(event, path=now[0], step=now[1], item=now[2]))
        elif isinstance(event, CallFinished):
            self._left(event)
        if isinstance(event, CallFinished):
            self._now.pop(key, None)

    def _note(self, number: int, event: _Told) -> None:
        key = (number, (event.path, event.step, event.item))
        match event:
            case CallStarted() | Dropped():
                self._said[key] = []
            case Delta(text=text):
                self._said.setdefault(key, []).append(text)
            case CallFinished():
                self._said.pop(key, None)
            case _:
                pass

    def _adopted(self, born: int, before: Seat, now: Seat) -> None:
        """A call goes on under the present run: what it has said so far is told again, under its present name."""
        key = (born, (before.path, before.step, before.item))
        self._now[key] = (now.path, now.step, now.item)
        if (said := self._said.get(key)) is not None:
            request = self.asked.get(Place(now.path, now.step, now.item, now.sample))
            self._emit(CallStarted(now.path, now.step, now.item, request.model if request is not None else ""))
            if said:
                self._emit(Delta(now.path, now.step, now.item, "".join(said)))


class StayingKeeping(Keeping):
    """The store as a run of a session sees it, which repeats the runs before it, but for what is to be asked anew."""

    _number = 0  # of the run in the store, once it has ended
    _calls = 0
    _cost_usd: Decimal | None = None

    def serves(self, kept: Kept, reuse: Reuse) -> bool:
        """Whether an answer from before may be used."""
        return kept.run == self.store.run if reuse.since == "this run" else super().serves(kept, reuse)

    def hear(self, event: Event) -> None:
        """As any run's; what its calls cost that end after it, is added to what is told of it."""
        super().hear(event)
        match event:
            case RunFinished(calls=calls, cost_usd=cost):
                self._number, self._calls, self._cost_usd = self.store.run, calls, cost
            case CallFinished(cached=False, cost_usd=cost) if self._number:
                self._calls += event.status != "cancelled"
                self._cost_usd = self._cost_usd if cost is None else (self._cost_usd or Decimal(0)) + cost
                told = None if self._cost_usd is None else str(self._cost_usd)
                self.store.note_of_run(self._number, {"calls": self._calls, "cost_usd": told})
            case _:
                pass


class StayingGate(Gate):
    """The gate of one run of a session, once it has joined what stays."""

    _staying: Staying

    def join(self, staying: Staying) -> "StayingGate":
        """The gate itself."""
        self._staying = staying
        self._places = staying.places
        return self

    async def ask(
        self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget, reuse: Reuse = ANY
    ) -> Reply:
        """As any gate, and remembers the question."""
        self._staying.ask(asker, request)
        return await super().ask(asker, request, timeout_s, budget, reuse)

    async def _asked(self, question: Question, budget: Budget) -> Reply | Kept | Busy:
        seat, key = _seat_and_key(question)

        async def send() -> Reply | Kept | Busy:
            found = await super(StayingGate, self)._asked(question, budget)
            if self.keeping is not None:
                for future in question.written:
                    await self._until_kept(self.keeping, future)
            return found

        return await self._staying.flight.ask(key, seat, send)

    async def _send(self, question: Question, budget: Budget, bill: list[Decimal], begun: Begun) -> Reply | Kept | Busy:
        self._staying.flight.sent(_seat_and_key(question)[1])
        return await super()._send(question, budget, bill, begun)


def _seat_and_key(question: Question) -> tuple[Seat, bytes]:
    """Where a question is asked, and what makes it the same one."""
    asker, request = question.asker, question.request
    rule = judged_rule(request.messages) if asker.role == "judge" else ""
    seat = Seat(asker.path, asker.step, asker.item, request.sample, asker.role, rule)
    if question.reuse.since == "never":  # such a step asks as often as it is told to, also when the words are the same
        return seat, question.key + repr(seat).encode()
    return seat, question.key


def _difference(before: ChatRequest | None, now: ChatRequest) -> str:
    """What of a question is another than the last time, in a few words."""
    if before is None:
        return "not asked before in this session"
    if before.model != now.model:
        return f"the model was {before.model}"
    names = before.parameters.keys() | now.parameters.keys()
    if changed := sorted(name for name in names if before.parameters.get(name) != now.parameters.get(name)):
        return f"`{changed[0]}` has changed"
    if (before.schema, before.tools) != (now.schema, now.tools):
        return "what may be answered has changed"
    return "its prompt has changed" if before.messages != now.messages else "asked again"
