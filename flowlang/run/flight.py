"""Calls that outlive the run that began them, while a flow is edited: what is still wanted goes on.

A save ends the run of the flow as it was and begins one of the flow as it is now. The calls that are open then have
been paid for. Each goes on by itself, and the new run takes it over as soon as it asks the same question. What has
vanished from the flow is cancelled, as soon as that is sure: when the new run asks another question in its place and
nobody else asks this one, when the step is over, or when the run has ended. What only waited for its turn has cost
nothing, and ends with its run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..record import record

T = TypeVar("T")

PATIENCE_S = 0.02  # for which a question that has lost its place may turn up at another: an item, a step that moved


@record
class Seat:
    """Where a question is asked: a step of the flow reached by `path`, the place of the item, and which sample.

    `rule` is what a judge was asked about.
    """

    path: str
    step: str
    item: int | None
    sample: int = 1
    role: str = ""
    rule: str = ""


# Who hears that a call was taken over: the run that began it and its seat there, and its seat now.
Adopted = Callable[[int, Seat, Seat], None]


@dataclass(slots=True)
class _Call:
    """A call under way, or waiting for its turn until `is_sent`.

    `born` and `seat`: by whom it was begun; `generation`: of the run that last wanted it.
    """

    task: "asyncio.Task[Any]"
    seat: Seat
    born: int
    seats: set[Seat] = field(default_factory=set)
    generation: int = 0
    is_sent: bool = False


def _unheard(born: int, before: Seat, now: Seat) -> None:
    return None


class InFlight:
    """The calls under way of all the runs of one session, by the fingerprints of their requests.

    `generation` is the number of the present run, from 1.
    """

    def __init__(self, adopted: Adopted = _unheard, patience_s: float = PATIENCE_S) -> None:
        self.generation = 0
        self.adopted = adopted
        self._patience_s = patience_s
        self._calls: dict[bytes, _Call] = {}

    def next_run(self) -> int:
        """A new run begins; whatever is under way belongs to the ones before it, until this one wants it."""
        self.generation += 1
        return self.generation

    async def ask(self, key: bytes, seat: Seat, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What comes of a question: of the call that asks it already, if there is one. Being cancelled ends no call."""
        self._leave(seat, key)
        call = self._calls.get(key)
        if call is None or call.task.cancelling():
            call = self._calls[key] = _Call(asyncio.create_task(send()), seat, self.generation)
            call.task.add_done_callback(lambda task: self._landed(key, task))
        elif call.generation < self.generation:
            self.adopted(call.born, call.seat, seat)
        call.seats.add(seat)
        call.generation = self.generation
        result: T = await asyncio.shield(call.task)
        return result

    def sent(self, key: bytes) -> None:
        """The turn of a question has come: from now on it may cost something."""
        if (call := self._calls.get(key)) is not None:
            call.is_sent = True

    def drop_waiting(self) -> None:
        """A run is ended by a save: what only waits for its turn is not asked in its name any more."""
        for call in tuple(self._calls.values()):
            if not call.is_sent:
                call.task.cancel()

    def step_over(self, path: str, step: str) -> None:
        """A step of the present run is over: what earlier runs asked in it is not wanted any more."""
        for call in tuple(self._calls.values()):
            # One that has no seat any more has its own time to find another.
            own = bool(call.seats) and all((one.path, one.step) == (path, step) for one in call.seats)
            if own and call.generation < self.generation:
                call.task.cancel()

    def run_over(self) -> None:
        """The present run has ended: what it has not asked for is not wanted any more."""
        for call in tuple(self._calls.values()):
            if call.generation < self.generation:
                call.task.cancel()

    def oldest(self) -> int:
        """The earliest run of which a call is still under way; the present one if there is none."""
        return min((call.born for call in self._calls.values()), default=self.generation)

    async def close(self) -> None:
        """Cancels all, and ends when they have ended."""
        tasks = [call.task for call in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._calls)

    def _leave(self, seat: Seat, key: bytes) -> None:
        """Another question is asked at this seat: the one that was asked there before has vanished."""
        for other, call in tuple(self._calls.items()):
            if other != key and seat in call.seats:
                call.seats.discard(seat)
                if not call.seats and call.generation < self.generation:
                    asyncio.get_running_loop().call_later(self._patience_s, self._give_up, call)

    def _give_up(self, call: _Call) -> None:
        if not call.seats:
            call.task.cancel()

    def _landed(self, key: bytes, task: "asyncio.Task[Any]") -> None:
        if (call := self._calls.get(key)) is not None and call.task is task:
            del self._calls[key]
        if not task.cancelled():
            task.exception()  # whoever waited for it was told
