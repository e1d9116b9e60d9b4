"""One answer: asked for, read, held against its rules, and asked for again until it fits or has cost enough.

`tries` counts every call that the answer costs: the first one, those sent again after a fault, those that ask again
because the answer did not fit, and those of the fallbacks. Turns of tools and calls of judges are not in it. Each
fallback has one try kept for it. What is asked again goes on from what was said: the wrong answer and what was wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..language import ast
from ..language.checked import CheckedStep, CheckedTool, Ensured, Place
from ..language.expression import Scope, holds
from ..language.types import Type, spelled
from ..language.values import Value, ValueMistake
from ..models.answer import JUDGEMENT, read_kindly, told_again, told_rule
from ..models.chat import ChatMessage, ChatRequest, Reply
from ..models.errors import BadAnswer, ModelError
from ..plan.graph import Ask, PlannedStep
from ..plan.requests import Plain, build_request, judge_messages, rule_text, settled, timeout_s_of, tries_of
from .budget import Budget
from .calling import Gate
from .event import Emit, Noted
from .exit import FINAL, OF_RULE
from .keeping import ANY, Reuse
from .outcome import Failure, StepFailure
from .question import Asker
from .standing import StoodIn
from .tool_use import ToolUse
from .unmet import sides_of
from .waiting import Waiting

EXCERPT = 60  # characters of an answer, before and behind what is wrong in it


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that stands. `conversation` is what was said: the messages, the turns of tools, and the answer."""

    value: Value
    conversation: tuple[ChatMessage, ...]


@dataclass(slots=True)
class _Tries:
    """The calls that one answer has cost, and may cost with the model that is asked now.

    `from_before`: some replies came from the store, and count as if they had been asked for. `again`: now none does.
    """

    allowed: int
    used: int = 0
    from_before: bool = False
    again: bool = False


class _Unanswered(Exception):
    """A model has failed for good."""

    def __init__(self, failure: Failure, is_final: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.is_final = is_final  # no further call of the run can do better


@dataclass(frozen=True, slots=True)
class Answering:
    """All that asking needs to know about the step and the run."""

    node: PlannedStep
    step: CheckedStep
    asker: Asker
    gate: Gate
    budget: Budget
    emit: Emit
    using: ToolUse
    waiting: Waiting
    stood_in: StoodIn | None = None  # what is answered in the model's stead

    async def answer(self, messages: tuple[ChatMessage, ...], scope: Scope, rounds: int, sample: int) -> Answered:
        """The step's answer to the messages. Raises StepFailure, and LimitReached where no call may start any more."""
        if self.stood_in is not None:
            self._tell_what_is_not_asked(self.stood_in, messages, scope, sample)
            return self._answered_instead(self.stood_in, messages, scope)
        most = tries_of(settled(self.node.asks[0], scope))
        asks = self._ordered(messages, scope, sample)
        tries = _Tries(most)
        try:
            return await self._first_answer(asks, messages, scope, rounds, sample, tries, most)
        except _Unanswered as unanswered:
            # A provider that does not answer says nothing against what it answered before: that was paid for.
            if not tries.from_before or unanswered.is_final or unanswered.failure.rule in OF_RULE:
                raise StepFailure(unanswered.failure) from None
        # What was answered before has led nowhere: the question is asked as if for the first time.
        self.gate.drop(self.asker)
        tries = _Tries(most, again=True)
        try:
            return await self._first_answer(self.node.asks, messages, scope, rounds, sample, tries, most)
        except _Unanswered as unanswered:
            raise StepFailure(unanswered.failure) from None

    def _ordered(self, messages: tuple[ChatMessage, ...], scope: Scope, sample: int) -> tuple[Ask, ...]:
        """The models to ask in their order; one that has answered this very question before comes first."""
        asks, keeping = self.node.asks, self.gate.keeping
        if len(asks) > 1 and keeping is not None:
            for ask in asks:
                parameters = settled(ask, scope)
                step = self.step
                request = build_request(step.name, ask, parameters, messages, step.answer, step.tools, sample)
                if keeping.find(keeping.key(request), self._reuse(parameters)) is not None:
                    return (ask, *(other for other in asks if other is not ask))
        return asks

    async def _first_answer(
        self,
        asks: tuple[Ask, ...],
        messages: tuple[ChatMessage, ...],
        scope: Scope,
        rounds: int,
        sample: int,
        tries: _Tries,
        most: int,
    ) -> Answered:
        """The answer of the first model that gives one. Raises _Unanswered."""
        last: _Unanswered | None = None
        failed: list[tuple[str, Failure]] = []
        for number, ask in enumerate(asks):
            if tries.used >= most:
                break
            tries.allowed = max(tries.used + 1, most - (len(asks) - number - 1))
            if last is not None:
                self.gate.drop(self.asker)
            try:
                return await self._answer_of(ask, settled(ask, scope), messages, scope, rounds, sample, tries)
            except _Unanswered as unanswered:
                last = unanswered
                failed.append((ask.model or "", unanswered.failure))
        assert last is not None
        raise _Unanswered(_of_all(failed), last.is_final)

    def _reuse(self, parameters: Mapping[str, Plain], tries: "_Tries | None" = None) -> Reuse:
        """Which answers from before serve."""
        if self.gate.keeping is None:
            return ANY
        reuse = self.gate.keeping.reuse(self.step.name, parameters.get("cache"))
        if tries is not None and tries.again and reuse.since == "ever":
            return Reuse(reuse.age_s, "this run")
        return reuse

    async def _answer_of(
        self,
        ask: Ask,
        parameters: Mapping[str, Plain],
        messages: tuple[ChatMessage, ...],
        scope: Scope,
        rounds: int,
        sample: int,
        tries: _Tries,
    ) -> Answered:
        """The answer of one model."""
        step, said = self.step, messages
        before = tries.used
        while True:
            reply, turns = await self._reply(ask, parameters, said, step.tools, rounds, sample, step.answer, tries)
            try:
                value, mended = read_kindly(reply.text, step.answer)
            except BadAnswer as mistake:
                wanted = "text" if step.answer is None else spelled(step.answer)
                count = _times(tries.used - before)
                failure = Failure(
                    "bad-answer",
                    f"step `{step.name}` got an answer that does not fit `{wanted}`{count}",
                    step.answer_place,
                    (mistake.message, f"the answer: {_excerpt(reply.text, mistake.start, mistake.end)}"),
                )
                told = told_again(mistake, reply.text)
            else:
                if mended:
                    self.emit(Noted(self.asker.path, step.name, f"an answer was put right: {mended}"))
                conversation = (*messages, *turns, ChatMessage("assistant", (reply.text,)))
                broken = await self._broken_rule(value, messages, reply.text, scope)
                if broken is None:
                    return Answered(value, conversation)
                ensured, reason, told = broken
                failure = Failure(
                    "bad-answer",
                    f"step `{step.name}` got an answer that breaks `{ensured.words}`{_times(tries.used - before)}",
                    ensured.place,
                    (*((reason,) if reason else ()), f"the answer: {_excerpt(reply.text, None, None)}"),
                )
            if tries.used >= tries.allowed:
                raise _Unanswered(failure)
            said = (*said, *turns, ChatMessage("assistant", (reply.text,)), ChatMessage("user", (told,)))
            self.gate.drop(self.asker)

    def _tell_what_is_not_asked(
        self, given: StoodIn, messages: tuple[ChatMessage, ...], scope: Scope, sample: int
    ) -> None:
        """Lets who listens hear of the request that would have been sent; without its settings there is none."""
        if (between := self.gate.between) is None or between.answered is None:
            return
        step, ask = self.step, self.node.asks[0]
        try:
            request = build_request(step.name, ask, settled(ask, scope), messages, step.answer, step.tools, sample)
        except ValueMistake:
            return
        between.answered(self.asker, request, given.text)

    def _answered_instead(self, given: StoodIn, messages: tuple[ChatMessage, ...], scope: Scope) -> Answered:
        """The answer that stands in; it is held to the conditions, and no judge is asked."""
        broken = self._broken_condition(Scope({**scope.names, self.step.name: given.value}))
        if broken is not None:
            ensured, why = broken
            hints = (*((why,) if why else ()), f"the answer: {_excerpt(given.text, None, None)}")
            message = f"the answer for step `{self.step.name}` breaks `{ensured.words}`"
            raise StepFailure(Failure("bad-answer", message, given.place, hints))
        return Answered(given.value, (*messages, ChatMessage("assistant", (given.text,))))

    # ── Rules ──

    def _broken_condition(self, own: Scope) -> tuple[Ensured, str] | None:
        """The first condition that does not hold, and the values in it; `own` has the answer under the step's name."""
        for ensured in self.step.ensures:
            if isinstance(ensured.rule, ast.Text) and ensured.judged:
                continue
            try:
                kept = holds(ensured.rule, own)
            except ValueMistake as mistake:
                raise StepFailure(Failure("wrong-value", mistake.message, ensured.place)) from None
            if not kept:
                answer = f"`{self.step.name}` is "  # who hears of it has the answer before them
                sides = sides_of(ensured.rule, ensured.place, own.names)
                return ensured, ", ".join(side for side in sides if not side.startswith(answer))
        return None

    async def _broken_rule(
        self, value: Value, messages: tuple[ChatMessage, ...], text: str, scope: Scope
    ) -> tuple[Ensured, str, str] | None:
        """The first rule that the answer breaks, why, and what the model is told. Judges come after conditions."""
        own = Scope({**scope.names, self.step.name: value})
        condition = self._broken_condition(own)
        if condition is not None:
            ensured, why = condition
            return ensured, why, told_rule(ensured.words, why)
        for ensured, judge in zip(self.step.ensures, self.node.judges, strict=True):
            if judge is not None:
                verdict = await self._judgement(ensured, judge, messages, text, own)
                if verdict is not None:
                    rule, reason = verdict
                    return ensured, reason, told_rule(rule, reason)
        return None

    async def _judgement(
        self, ensured: Ensured, judge: Ask, messages: tuple[ChatMessage, ...], text: str, scope: Scope
    ) -> tuple[str, str] | None:
        """The rule and the reason why it is broken, None if the judge says that it holds."""
        rule = rule_text(ensured, scope)
        if rule.empties:
            raise StepFailure(Failure("wrong-value", "the rule names something that is empty", ensured.place))
        parameters = settled(judge, scope)
        said = judge_messages(messages, text, rule.text)
        tries = _Tries(tries_of(parameters))
        while True:
            try:
                reply, _ = await self._reply(judge, parameters, said, (), 1, 1, JUDGEMENT, tries)
            except _Unanswered as unanswered:
                failure = unanswered.failure
                told = Failure(failure.rule, failure.message, ensured.place, failure.hints)
                raise StepFailure(told) from None
            try:
                verdict, _ = read_kindly(reply.text, JUDGEMENT)
            except BadAnswer as mistake:
                if tries.used >= tries.allowed:
                    hints = (mistake.message, f"the answer: {_excerpt(reply.text, mistake.start, mistake.end)}")
                    message = f"the judge of step `{self.step.name}` gave no judgement{_times(tries.used)}"
                    raise StepFailure(Failure("bad-answer", message, ensured.place, hints)) from None
                again = ChatMessage("user", (told_again(mistake, reply.text),))
                said = (*said, ChatMessage("assistant", (reply.text,)), again)
                continue
            assert isinstance(verdict, Mapping)
            return None if verdict["holds"] is True else (rule.text, str(verdict["reason"]))

    # ── Calls ──

    async def _reply(
        self,
        ask: Ask,
        parameters: Mapping[str, Plain],
        messages: tuple[ChatMessage, ...],
        tools: tuple[CheckedTool, ...],
        rounds: int,
        sample: int,
        answer: Type | None,
        tries: _Tries,
    ) -> tuple[Reply, tuple[ChatMessage, ...]]:
        """A reply that calls no tool, and the turns of tools before it. Raises _Unanswered."""
        turns: tuple[ChatMessage, ...] = ()
        free = False  # a turn that goes on after a tool is no try
        question: ChatRequest | None = None
        reuse = self._reuse(parameters, tries)
        asker = replace(self.asker, role="judge") if answer is JUDGEMENT else self.asker
        for turn in range(rounds + 1):
            said = tuple(message.told_to(ask.model) for message in (*messages, *turns))
            request = build_request(self.step.name, ask, parameters, said, answer, tools, sample)
            failed = 0  # in a row
            while True:
                if not free:
                    tries.used += 1
                try:
                    reply = await self.gate.ask(asker, request, timeout_s_of(parameters), self.budget, reuse)
                except ModelError as error:
                    if error.final or error.rule in FINAL:
                        self.waiting.stop()
                    if not error.retryable or tries.used >= tries.allowed:
                        is_final = error.final or error.rule in FINAL
                        raise _Unanswered(_failure_of(error, self.step.place), is_final) from None
                    free = False
                    failed += 1
                    self.gate.drop(self.asker)
                    await self._wait(failed, error)
                    continue
                break
            tries.used += max(0, reply.attempts - 1)
            tries.from_before = tries.from_before or reply.cached
            question = question or request
            if not reply.tool_calls:
                if turns and not reply.cached:
                    await self.gate.keep_conversation(question, reply, turns)
                return reply, turns + reply.turns
            if turn == rounds:
                break
            parts = (reply.text,) if reply.text else ()
            turns = (*turns, ChatMessage("assistant", parts, reply.tool_calls, rest=reply.rest, said_by=ask.model))
            turns += await self.using.results_of(reply.tool_calls, tools, timeout_s_of(parameters))
            free = True
        what = f"in {rounds} turn" if rounds == 1 else f"in {rounds} turns"
        message = f"step `{self.step.name}` called tools {what} and gave no answer"
        raise _Unanswered(
            Failure("tool-failed", message, self.step.place, ("`rounds:` sets how many turns of calling there may be",))
        )

    async def _wait(self, failed: int, error: ModelError) -> None:
        """Waits until the call may be sent again. Raises _Unanswered where that takes too long."""
        try:
            await self.waiting.wait(failed, error, self.asker, self.budget, self.emit)
        except ModelError as too_long:
            raise _Unanswered(_failure_of(too_long, self.step.place)) from None


def _failure_of(error: ModelError, place: Place) -> Failure:
    rests = error.rule == "unreachable" and not error.retryable  # it says itself that trying again is no use
    hint = _NEXT.get("resting" if rests else error.rule, "")
    if error.rule == "cut-off" and not error.retryable:
        hint = "a larger `max_tokens` gives it more room"
    key = f"the key is the one in {error.key_env}" if error.key_env else ""
    return Failure(error.rule, error.message, place, tuple(one for one in (key, hint) if one))


def _of_all(failed: Sequence[tuple[str, Failure]]) -> Failure:
    """What the last model met, with what those before it did: the reason may lie with the first."""
    *before, (model, last) = failed
    if not before:
        return last
    others = "; ".join(f"`{name}`: {one.message}" for name, one in before)
    hints = tuple(hint for hint in last.hints if hint not in _NEXT.values())
    return replace(last, hints=(f"`{model}` was asked last; before it {others}", *hints))


# What to do about an error of a provider.
_NEXT = {
    "refused": "what to look at: flowlang explain refused",
    "bad-request": "what was sent: flowlang preview … --json; what else it may be: flowlang explain bad-request",
    "unreachable": "more `tries:` go on for longer, and a `fallback:` is asked when this one fails for good",
    "resting": "a `fallback:` is asked when this one fails for good",
    "content-refused": "another wording may help, or another model: a `fallback:` is asked when this one fails",
}


_COUNTS = ("", "", ", twice", ", three times", ", four times", ", five times", ", six times")


def _times(count: int) -> str:
    return _COUNTS[count] if count < len(_COUNTS) else f", {count} times"


def _excerpt(text: str, start: int | None, end: int | None) -> str:
    """One line of an answer, around what is wrong in it."""
    if start is None or end is None:
        start = end = 0
    first, last = max(0, start - EXCERPT), min(len(text), max(end, start + 1) + EXCERPT)
    line = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{line}{'…' if last < len(text) else ''}" or "empty"
