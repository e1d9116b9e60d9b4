"""One question on its way: who asks it, what it is, and its call as the store sees it."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from ..models.chat import ChatRequest, Reply, Usage
from ..store.rows import Ending, Kept
from ..store.store import Busy
from .event import CallFinished
from .keeping import Keeping, Reuse


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a step of the flow reached by `path`, and the place of the item."""

    path: str
    step: str
    item: int | None
    role: str = ""  # "judge" for the call of a rule's judge


class Question:
    """One question on its way. `written` are the writes that must be on the disk before its answer is used."""

    __slots__ = ("asker", "key", "request", "reuse", "timeout_s", "written")

    def __init__(self, asker: Asker, request: ChatRequest, timeout_s: float, reuse: Reuse, key: bytes = b"") -> None:
        self.asker = asker
        self.request = request
        self.timeout_s = timeout_s
        self.reuse = reuse
        self.key = key
        self.written: list[asyncio.Future[object]] = []


class NotedCall:
    """One call as the store sees it: noted before it is sent, and when it has ended."""

    def __init__(self, keeping: Keeping, question: Question, most_usd: Decimal | None) -> None:
        asker = question.asker
        self._keeping = keeping
        self._question = question
        self._call = 0
        self._attempt = keeping.attempt(
            asker.path, asker.step, asker.item, asker.role, question.request, question.key, most_usd
        )

    async def claimed(self) -> Kept | Busy | None:
        """None if the call may be sent; else who answers. Raises StoreFailed."""
        if not self._keeping.finds:
            return None
        claimed = await self._keeping.claim(self._attempt, self._question.reuse)
        if not isinstance(claimed, int):
            return claimed
        self._call = claimed
        return None

    def ended(self, event: CallFinished, reply: Reply | None, error: str, hung_up: bool, began_s: float) -> None:
        """Notes how it came out. Nobody knows what became of a call that was left, so it did not just fail."""
        status = "unknown" if hung_up and event.status == "failed" else event.status
        ending = Ending(
            status,
            event.seconds,
            event.tokens_in,
            event.tokens_out,
            event.tokens_cached,
            None if event.cost_usd is None else str(event.cost_usd),
            error,
            reply,
            began_s,
        )
        if self._call:
            future = self._keeping.ended(self._call, self._attempt, ending)
            if future is not None:
                self._question.written.append(future)
        else:
            self._keeping.store.note_call(self._attempt, ending)


def call_finished(
    asker: Asker, request: ChatRequest, status: str, reply: Reply | None, cost: Decimal | None, seconds: float
) -> CallFinished:
    """The event of a call that has ended."""
    usage = reply.usage if reply is not None else Usage()
    return CallFinished(
        path=asker.path,
        step=asker.step,
        item=asker.item,
        model=(reply.model if reply is not None else "") or request.model,
        status=status,
        attempts=reply.attempts if reply is not None else 1,
        cached=reply.cached if reply is not None else False,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        cost_usd=cost,
        seconds=seconds,
    )
