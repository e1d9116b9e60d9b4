"""The one gate through which every model call goes: how many are open, how many may still start, what is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal

from ..language.checked import CheckedTool
from ..language.unsettled import Unsettled, Untold
from ..language.values import Value
from ..models.chat import ChatMessage, ChatRequest, Chunk, Complete, Reply
from ..models.cost import Prices
from ..models.errors import ContentRefused, CutOff, ModelError, NoRoom, Unreachable
from ..models.quoting import shown
from ..store.rows import Kept
from ..store.store import Busy
from .budget import Budget, in_words
from .event import CallStarted, Delta, Dropped, Emit, Noted
from .exit import FINAL
from .keeping import ANY, Keeping, Reuse, StoreFailed
from .outcome import LimitReached
from .question import Asker, NotedCall, Question, call_finished
from .warming import Begun, Warming
from .words import FROM_BEFORE, Tell, Words

AT_ONCE = 64  # calls that are open at the same time, where nobody says

# A place among the calls to the provider of a model; it is held while a call is made, and learns from how it ends.
PlaceFor = Callable[[str], AbstractAsyncContextManager[None]]


def no_place(model: str) -> AbstractAsyncContextManager[None]:
    """A place for who has room for everybody."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Between:
    """Stands between a run and whoever answers it: finds answers elsewhere, and hears of those that come.

    Each is handed who asks, what, and how to ask for it; `asked` says with that whether answers from before serve.
    `answered` hears of what is not asked because an answer stands in for it.
    """

    asked: Callable[[Asker, ChatRequest, Callable[[bool], Awaitable[Reply]]], Awaitable[Reply]]
    performed: Callable[
        [Asker, CheckedTool, Mapping[str, Value], Callable[[], Awaitable[str | None]]], Awaitable[str | None]
    ]
    answered: Callable[[Asker, ChatRequest, str], None] | None = None


class Gate:
    """Sends requests to whoever answers, at most `at_once` at the same time."""

    def __init__(
        self,
        complete: Complete,
        emit: Emit,
        clock: Callable[[], float],
        at_once: int,
        prices: Prices | None = None,
        place: PlaceFor = no_place,
        warming: Warming | None = None,
        keeping: Keeping | None = None,
        between: Between | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.words = Words(keeping, tell)
        self.complete = complete
        self.emit = emit
        self.clock = clock
        self.began = clock()
        self.at_once = at_once
        self.place = place
        self.warming = warming or Warming()
        self.between = between
        self.keeping = keeping  # None: nothing is kept, and nothing is there from before
        self.prices = prices  # None: nothing costs anything
        self.calls = 0
        self.cached = 0
        self.cost_usd: Decimal | None = None
        self.saved_usd: Decimal | None = None
        self._places = asyncio.Semaphore(at_once)
        self._final: ModelError | None = None
        self._is_scarce = False  # this computer has once had no room for a call
        self._has_waited: set[str] = set()  # steps of which it was told that another process asks the same
        self._factors: dict[str, Decimal] = {}  # by how much calls to a model cost more than was thought possible

    async def ask(
        self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget, reuse: Reuse = ANY
    ) -> Reply:
        """The reply to one request, from before if one serves. Raises ModelError, and LimitReached before anything is
        sent.
        """
        if self.between is None:
            return await self._ask(asker, request, timeout_s, budget, reuse)

        async def ask(from_before: bool) -> Reply:
            serves = reuse if from_before else replace(reuse, since="never")
            return await self._ask(asker, request, timeout_s, budget, serves)

        return await self.between.asked(asker, request, ask)

    async def _ask(self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget, reuse: Reuse) -> Reply:
        keeping = self.keeping
        if keeping is None or not keeping.finds:
            key = keeping.key(request) if keeping is not None else b""
            told = await self._asked(Question(asker, request, timeout_s, reuse, key), budget)
            assert isinstance(told, Reply)
            return told
        question = Question(asker, request, timeout_s, reuse, keeping.key(request))
        found: Reply | Kept | Busy | None = keeping.find(question.key, reuse)
        while not isinstance(found, Reply):
            if isinstance(found, Kept):
                return self._from_before(keeping, question, found)
            async with keeping.alone(question.key, reuse) as waited:
                if isinstance(found, Busy):
                    self._tell_of_waiting(asker)
                    await keeping.until_over(found, budget.check_time)
                    found = keeping.find(question.key, reuse)
                elif waited:
                    found = keeping.find(question.key, reuse)
                if found is None:
                    found = await self._asked(question, budget)
                for future in question.written:  # whoever waits for this answer finds it in the store
                    await self._until_kept(keeping, future)
        return found

    async def _asked(self, question: Question, budget: Budget) -> Reply | Kept | Busy:
        """The reply to a question that is sent when its turn comes; or who answers it instead."""
        async with self.warming.turn(question.request) as begun, self._places:
            while True:
                self._refuse_if_final()
                budget.check_all()
                try:
                    async with self.place(question.request.model):
                        self._refuse_if_final()
                        if self.prices is None or not budget.limits_cost():
                            budget.take_call()
                            return await self._send(question, budget, [], begun)
                        return await self._send_within(self.prices, question, budget, begun)
                except NoRoom as full:
                    self._tell_once(full, question.asker)

    def _from_before(self, keeping: Keeping, question: Question, kept: Kept) -> Reply:
        """The answer that the store has, told like any other."""
        asker, request = question.asker, question.request
        self.cached += 1
        self.words.from_before(asker.path, asker.step, asker.item, request.sample, question.key)
        self.emit(CallStarted(asker.path, asker.step, asker.item, request.model, FROM_BEFORE))
        self.emit(call_finished(asker, request, "ok", kept.reply, Decimal(0) if self.prices is not None else None, 0.0))
        began_s = self.clock() - self.began
        keeping.store.note_hit(asker.path, asker.step, asker.item, question.key, kept.run, began_s)
        return replace(kept.reply, turns=kept.turns) if kept.turns else kept.reply

    async def keep_conversation(self, request: ChatRequest, reply: Reply, turns: tuple[ChatMessage, ...]) -> None:
        """Keeps the answer to a question together with the turns of tools that led to it."""
        if self.keeping is not None and self.keeping.finds:
            key = self.keeping.key(request)
            await self._until_kept(self.keeping, self.keeping.store.note_conversation(key, reply, turns))

    async def _until_kept(self, keeping: Keeping, future: "asyncio.Future[object]") -> None:
        """Waits until an answer is on the disk. If it can't be, it is used all the same, and no call starts."""
        try:
            await keeping.kept(future)
        except StoreFailed as error:
            self._final = error

    def _tell_once(self, full: NoRoom, asker: Asker) -> None:
        """Nothing was sent, so it is no try: the call waits for its place again, of which there are fewer now."""
        if not self._is_scarce:
            self._is_scarce = True
            message = (
                f"{full.message}: fewer calls are made at the same time (`ulimit -n` says how many files it allows)"
            )
            self.emit(Noted(asker.path, asker.step, message))

    def _tell_of_waiting(self, asker: Asker) -> None:
        """Says once for each step why nothing seems to happen."""
        if asker.step not in self._has_waited:
            self._has_waited.add(asker.step)
            self.emit(Noted(asker.path, asker.step, "another run asks the same right now: its answer is waited for"))

    def _refuse_if_final(self) -> None:
        """After an error that no further call can do better than, none is sent."""
        if self._final is not None:
            raise self._final

    def leave_open(self, asker: Asker, untold: Untold) -> Unsettled:
        """What stands for a value that nobody knows yet: only where nothing is sent can there be such a value."""
        raise untold

    def drop(self, asker: Asker) -> None:
        """Tells that what an answer has shown so far is void."""
        self.emit(Dropped(asker.path, asker.step, asker.item))

    async def _send_within(
        self, prices: Prices, question: Question, budget: Budget, begun: Begun
    ) -> Reply | Kept | Busy:
        """Sends where cost has a limit: the most that the call can cost is set aside until it has ended."""
        request = question.request
        most = prices.worst_case_usd(request)
        if most is not None:
            most *= self._factors.get(request.model, Decimal(1))
        while not budget.reserve(most, request.model):
            ended = asyncio.Event()
            budget.when_settled(ended.set)
            await ended.wait()
        cost: list[Decimal] = []
        try:
            self._refuse_if_final()
            budget.take_call()
            return await self._send(question, budget, cost, begun)
        finally:
            spent = sum(cost, Decimal(0))
            if most and spent > most:
                self._factors[request.model] = self._factors.get(request.model, Decimal(1)) * spent / most
            budget.settle(most, spent)

    async def _send(self, question: Question, budget: Budget, bill: list[Decimal], begun: Begun) -> Reply | Kept | Busy:
        """The reply; what the call cost is added to the bill, whatever comes of it."""
        noted = self._noted(question)
        if noted is not None and (claimed := await noted.claimed()) is not None:
            budget.give_back_call()
            return claimed
        call = _Call(self, question, noted, bill, begun)
        reply = await self._received(call, budget)
        begun()  # an answer that calls tools, or came in one piece, had no first word
        if reply.cached:
            self.cached += 1
            budget.give_back_call()
        else:
            self.calls += 1
        return call.accepted(reply)

    async def _received(self, call: "_Call", budget: Budget) -> Reply:
        """What comes back, within the time of the call and of the run. Raises ModelError and LimitReached."""
        timeout_s, left_s = call.question.timeout_s, budget.time_left_s()
        try:
            async with asyncio.timeout(timeout_s if left_s is None else min(timeout_s, max(0.0, left_s))):
                return await self.complete(call.question.request, call.pass_on)
        except TimeoutError:
            message = f"`{call.question.request.model}` did not answer within {in_words(timeout_s)}"
            call.ended("failed", None, hung_up=True, error=message)
            self.calls += 1
            if left_s is not None and left_s <= timeout_s:
                budget.check_time()
                raise LimitReached("the time of the run is over") from None
            raise Unreachable(message) from None
        except NoRoom:
            call.ended("cancelled", None)
            budget.give_back_call()
            raise
        except ModelError as error:
            call.ended("cut-off" if isinstance(error, CutOff) else "failed", error.reply, error=error.message)
            self.calls += 1
            if error.final or error.rule in FINAL:
                self._final = error
            raise
        except asyncio.CancelledError:
            call.ended("cancelled", None, hung_up=True)
            raise

    def _noted(self, question: Question) -> NotedCall | None:
        """The call, noted in the store; None where there is no store."""
        if self.keeping is None:
            return None
        most = self.prices.worst_case_usd(question.request) if self.prices is not None else None
        return NotedCall(self.keeping, question, most)

    def pay(self, request: ChatRequest, reply: Reply | None, streamed: str | None) -> Decimal | None:
        """Adds what a call cost, and what it saved, to what all of them did; None where nobody knows."""
        cost = self._cost_of(request, reply, streamed)
        if cost is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost
        if self.prices is not None and reply is not None and reply.usage.tokens_cached:
            saved = self.prices.saved_usd(request.model, reply.usage)
            self.saved_usd = (self.saved_usd or Decimal(0)) + saved
        return cost

    def _cost_of(self, request: ChatRequest, reply: Reply | None, streamed: str | None) -> Decimal | None:
        """What a call cost; `streamed` is what had come when we hung up. A call that only failed is not billed."""
        if self.prices is None:
            return None
        if reply is None:
            return None if streamed is None else self.prices.abandoned_usd(request, streamed)
        return Decimal(0) if reply.cached else self.prices.cost_usd(request.model, reply.usage)


class _Call:
    """One call from its start to its end, told as events, noted in the store, and added to the bill."""

    __slots__ = ("_begun", "_bill", "_gate", "_noted", "_started", "_streamed", "question")

    def __init__(
        self, gate: Gate, question: Question, noted: NotedCall | None, bill: list[Decimal], begun: Begun
    ) -> None:
        self.question = question
        self._gate = gate
        self._noted = noted
        self._bill = bill
        self._begun = begun
        self._streamed: list[str] = []
        asker, request = question.asker, question.request
        because = gate.words.sent(asker.path, asker.step, asker.item, asker.role, request, question.key, question.reuse)
        self._started = gate.clock()
        gate.emit(CallStarted(asker.path, asker.step, asker.item, request.model, because))

    def pass_on(self, chunk: Chunk) -> None:
        """Takes a part of the answer."""
        if not self._streamed:
            self._begun()
        self._streamed.append(chunk.text)
        asker = self.question.asker
        self._gate.emit(Delta(asker.path, asker.step, asker.item, chunk.text))

    def ended(self, status: str, reply: Reply | None, hung_up: bool = False, error: str = "") -> None:
        """Tells how it ended; `hung_up`: by us, so that only what had come by then is known."""
        gate, question = self._gate, self.question
        cost = gate.pay(question.request, reply, "".join(self._streamed) if hung_up else None)
        if cost is not None:
            self._bill.append(cost)
        seconds = gate.clock() - self._started
        event = call_finished(question.asker, question.request, status, reply, cost, seconds)
        if self._noted is not None:
            self._noted.ended(event, reply, error, hung_up, self._started - gate.began)
        gate.emit(event)

    def accepted(self, reply: Reply) -> Reply:
        """The reply, if it came to its end. Raises ModelError."""
        if reply.finish == "length":
            self.ended("cut-off", reply)
            # Sent again, it would be cut off again.
            raise ModelError("the answer was cut off at the most tokens that it may have", "cut-off", retryable=False)
        self.ended("ok", reply)
        model = self.question.request.model
        if reply.finish == "content_filter":
            raise ContentRefused(f"`{model}` stopped its answer: its provider does not allow the content")
        if reply.finish == "refusal":
            raise ContentRefused(f"`{model}` would not answer: {shown(reply.text, 200)}")
        return reply
