"""The one gate through which every model call goes: how many are open, how many may still start, what is told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ..models.chat import ChatRequest, Chunk, Complete, Reply, Usage
from ..models.errors import CutOff, ModelError, Refused, Unreachable
from .budget import Budget, in_words
from .event import CallFinished, CallStarted, Delta, Dropped, Emit
from .exit import FINAL

Price = Callable[[str, Usage], Decimal | None]  # what a call to a model cost, in US dollars, if that is known


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a step of the flow reached by `path`, and the place of the item."""

    path: str
    step: str
    item: int | None


class Gate:
    """Sends requests to whoever answers, at most `at_once` at the same time."""

    def __init__(
        self, complete: Complete, emit: Emit, clock: Callable[[], float], at_once: int, price: Price | None = None
    ) -> None:
        self.complete = complete
        self.emit = emit
        self.clock = clock
        self.at_once = at_once
        self.price = price
        self.calls = 0
        self.cached = 0
        self.cost_usd: Decimal | None = None
        self._places = asyncio.Semaphore(at_once)
        self._final: ModelError | None = None

    async def ask(self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget) -> Reply:
        """The reply to one request. Raises ModelError, and LimitReached before anything is sent."""
        async with self._places:
            if self._final is not None:
                raise self._final
            budget.take_call()
            return await self._send(asker, request, timeout_s, budget)

    def drop(self, asker: Asker) -> None:
        """Tells that what an answer has shown so far is void."""
        self.emit(Dropped(asker.path, asker.step, asker.item))

    async def _send(self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget) -> Reply:
        def pass_on(chunk: Chunk) -> None:
            self.emit(Delta(asker.path, asker.step, asker.item, chunk.text))

        def finished(status: str, reply: Reply | None) -> None:
            self.emit(self._finished(asker, request, status, reply, self.clock() - started))

        started = self.clock()
        self.emit(CallStarted(asker.path, asker.step, asker.item, request.model))
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.complete(request, pass_on)
        except TimeoutError:
            finished("failed", None)
            self.calls += 1
            raise Unreachable(f"`{request.model}` did not answer within {in_words(timeout_s)}") from None
        except ModelError as error:
            finished("cut-off" if isinstance(error, CutOff) else "failed", None)
            self.calls += 1
            if error.rule in FINAL:
                self._final = error
            raise
        except asyncio.CancelledError:
            finished("cancelled", None)
            raise
        if reply.cached:
            self.cached += 1
            budget.give_back_call()
        else:
            self.calls += 1
        if reply.finish == "length":
            finished("cut-off", reply)
            # Sent again, it would be cut off again.
            raise ModelError("the answer was cut off at the most tokens that it may have", "cut-off", retryable=False)
        finished("ok", reply)
        if reply.finish == "content_filter":
            raise Refused(f"`{request.model}` stopped its answer: its provider does not allow the content")
        return reply

    def _finished(
        self, asker: Asker, request: ChatRequest, status: str, reply: Reply | None, seconds: float
    ) -> CallFinished:
        usage = reply.usage if reply is not None else Usage()
        cost = self.price(request.model, usage) if self.price is not None and reply is not None else None
        if cost is not None and reply is not None and not reply.cached:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost
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
