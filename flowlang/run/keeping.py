"""Never asks what was answered before: finds answers in the store, and puts there what comes.

Between a step and the network, for every question: is there an answer to exactly this? Is somebody asking it right
now, in this run or in another process? Only then is it sent, and noted before it is. What comes is on the disk before
anyone reads it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from ..language.checked import Place
from ..models.chat import ChatRequest
from ..models.errors import ModelError
from ..plan.fingerprint import key_of
from ..plan.seen import Why
from ..record import record
from ..store.problems import StoreUnusable
from ..store.rows import Attempt, Ending, Kept
from ..store.store import Busy, Store
from .event import Event, Noted, RowFinished, RunFinished, StepFailed, StepFinished, StepSkipped
from .tool_results import ToolResults

LOOKS_S = 0.2  # between two looks at what another process is asking
_FINISHED = ("stop", "tool_calls")  # how an answer ends that may be used again

OriginOf = Callable[[str], str]  # the address of a model's provider, by the model's id
Sleep = Callable[[float], Awaitable[object]]


@record
class Reuse:
    """Which answers from before serve a question: those not older than `age_s`, of any age with None.

    `since`: all of them, only those of this run, or none. Those of a run that this one repeats always do.
    """

    age_s: float | None = None
    since: Literal["ever", "this run", "never"] = "ever"


ANY = Reuse()


class StoreFailed(ModelError):
    """Nothing can be kept any more: no call may start, since its answer could be lost."""

    def __init__(self, problem: StoreUnusable) -> None:
        super().__init__(problem.message, "store-failed", retryable=False, final=True)


class Keeping:
    """The store as one run sees it. `repeated` are the numbers of the runs that this one repeats.

    `fresh` names the steps whose answers from before do not serve, None stands for all.
    """

    def __init__(
        self,
        store: Store,
        origin_of: OriginOf,
        repeated: frozenset[int] = frozenset(),
        *,
        fresh: frozenset[str] | None = frozenset(),
        finds: bool = True,
        sleep: Sleep = asyncio.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.results = ToolResults(store)
        self.finds = finds  # False offline: nothing is paid for, and the model's oddities are to be seen
        self._origin_of = origin_of
        self._repeated = repeated
        self._fresh = fresh
        self._sleep = sleep
        self._wall = wall
        self._asking: dict[bytes, asyncio.Event] = {}

    def reuse(self, step: str, cache: object) -> Reuse:
        """Which answers serve a step, given its `cache` setting: False for `no`, seconds, or None."""
        if cache is False:
            return Reuse(None, "never")
        age_s = float(cache) if isinstance(cache, Decimal) else None
        return Reuse(age_s, "this run" if self.asks_anew(step) else "ever")

    def asks_anew(self, step: str) -> bool:
        """Whether `--fresh` says so."""
        return self._fresh is None or step in self._fresh

    def key(self, request: ChatRequest) -> bytes:
        """The fingerprint of a request."""
        return key_of(request, self._origin_of(request.model))

    def find(self, key: bytes, reuse: Reuse) -> Kept | None:
        """The answer from before, if one serves."""
        if not self.finds:
            return None
        kept = self.store.find(key)
        return kept if kept is not None and self.serves(kept, reuse) else None

    def serves(self, kept: Kept, reuse: Reuse) -> bool:
        """Whether an answer from before may be used.

        A clock that was set back makes none too old, unless by more than the age: then nobody knows how old it is.
        """
        if kept.run in self._repeated:
            return True
        if kept.run == self.store.run:
            return reuse.since != "never"
        return reuse.since == "ever" and (reuse.age_s is None or abs(self._wall() - kept.made_at) <= reuse.age_s)

    def why_not(self, step: str, key: bytes, reuse: Reuse, had_answer: bool) -> Why:
        """Why no answer from before serves a question; `had_answer`: what led to it had one."""
        if reuse.since == "never":
            return "no cache"
        if reuse.since == "this run":
            return "fresh" if self.asks_anew(step) else "led nowhere"
        if self.store.find(key) is not None:
            return "too old"
        return "does not fit" if had_answer else ""

    @asynccontextmanager
    async def alone(self, key: bytes, reuse: Reuse) -> AsyncIterator[bool]:
        """Lets one of this run ask a question at a time; whether it had to wait, and should look for an answer."""
        if reuse.since == "never":
            yield False
            return
        waited = False
        while (other := self._asking.get(key)) is not None:
            waited = True
            await other.wait()
        mine = self._asking[key] = asyncio.Event()
        try:
            yield waited
        finally:
            del self._asking[key]
            mine.set()

    async def claim(self, attempt: Attempt, reuse: Reuse) -> int | Kept | Busy:
        """What store.claim() gives: the number of the call that may be sent now. Raises StoreFailed."""
        try:
            usable = partial(self.serves, reuse=reuse)
            return await self.store.claim(attempt, usable, waits=reuse.since == "ever")
        except StoreUnusable as problem:
            raise StoreFailed(problem) from None

    async def until_over(self, busy: Busy, check: Callable[[], None]) -> None:
        """Waits until a call of another process has ended; `check` raises where there is no time left for it."""
        while not self.store.is_over(busy.call):
            check()
            await self._sleep(LOOKS_S)

    def attempt(
        self, path: str, step: str, item: int | None, role: str, request: ChatRequest, key: bytes, most: Decimal | None
    ) -> Attempt:
        """A call as it is kept."""
        told = self.store.told_request(request, self._origin_of(request.model))
        return Attempt(
            path, step, item, key, request.model, told, None if most is None else str(most), role, self.store.run
        )

    def ended(self, call: int, attempt: Attempt, ending: Ending) -> "asyncio.Future[object] | None":
        """Has it written how a call ended; what to wait for before its answer is used, if that may be used again."""
        reply = ending.reply
        keeps = ending.status == "ok" and reply is not None and reply.finish in _FINISHED
        future = self.store.end_call(call, attempt, ending, keeps)
        if not keeps:
            future.add_done_callback(_heard)
            return None
        return future

    def hear(self, event: Event) -> None:
        """Keeps how steps and the run came out, from their events."""
        match event:
            case StepFinished():
                told = {"outcome": "done", "items": event.items, "failed_items": event.failed_items}
                self.store.step_ended(event.path, event.step, {**told, "seconds": round(event.seconds, 4)})
            case StepSkipped():
                self.store.step_ended(event.path, event.step, {"outcome": "skipped", "because": event.because})
            case StepFailed():
                told = {"outcome": "failed", "item": event.item, "rule": event.rule, "message": event.message}
                place = _place(event.place)
                self.store.step_ended(event.path, event.step, {**told, "place": place, "hints": event.hints})
            case Noted():
                self.store.step_ended(event.path, event.step, {"outcome": "noted", "message": event.message})
            case RowFinished() if event.rule:
                told = {"outcome": "row failed", "row": event.row, "rule": event.rule, "message": event.message}
                self.store.step_ended(event.path, "", {**told, "place": _place(event.place)})
            case RunFinished():
                cost = None if event.cost_usd is None else str(event.cost_usd)
                told = {"calls": event.calls, "cached": event.cached, "cost_usd": cost}
                self.store.end_run(event.outcome, {**told, "seconds": round(event.seconds, 4)})
            case _:
                pass

    async def kept(self, future: "asyncio.Future[object]") -> None:
        """Waits until something is on the disk, whoever is cancelled meanwhile. Raises StoreFailed."""
        try:
            await asyncio.shield(future)
        except StoreUnusable as problem:
            raise StoreFailed(problem) from None


def _place(place: Place | None) -> dict[str, Any] | None:
    """A place of the flow as the store keeps it."""
    if place is None:
        return None
    return {"file": place.source.path, "start": place.span.start, "end": place.span.end}


def _heard(future: "asyncio.Future[object]") -> None:
    """Whoever needs to know of a failure of the store hears of it elsewhere."""
    if not future.cancelled():
        future.exception()
