"""Answers a flow file's tests from its recordings, and notes what is asked for all the same.

It stands between a test's run and whoever answers (`Between`): what is recorded is handed out, what is not is asked for
where that is allowed, and noted. From what was used and what came, the file is written anew: the same bytes if nothing
has changed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from ..language.checked import CheckedStep, CheckedTool
from ..language.values import Value
from ..models.answer import AGAIN
from ..models.chat import ChatRequest, Reply, ToolCall, Usage
from ..models.errors import ModelError
from ..models.recording import Recorded, Recordings, Which
from ..pattern import pattern
from ..plan.graph import Plan
from ..plan.request_parts import exact, request_print, texts_print, tool_print
from ..plan.requests import judged_rule
from ..record import record
from .calling import Between
from .question import Asker
from .tools import ToolFailed

MISSING = "missing-recording"
GIVEN = "given"  # how a reply is finished that nobody was asked for: an `answer` line of the test is
_PART = pattern(r"([^\[/]+)(?:\[(\d+)\])?")

Redact = Callable[[str], str]  # takes what nobody may see out of a text


@record
class Turn:
    """One try of one case: what comes first in it comes first in the file. `run` is 0 for the first try of a case."""

    test: int
    case: int
    run: int


# Hears of each question of a try, and the answer to it; None where none came. Also of what an `answer` line spares.
Hear = Callable[[Turn, Asker, ChatRequest, Reply | None], None]


@record
class Miss:
    """Something that was asked and is not recorded.

    `before` is the recorded answer that led to asking again, where one did not fit; `told` says what was wrong with it.
    """

    asker: Asker
    which: Which
    request: str
    model: str  # empty for a tool
    before: Recorded | None = None
    told: str = ""


@dataclass(slots=True)
class Heard:
    """What one try used and lacked. `answers`: the recorded answer that came last to who asked, for each sample."""

    misses: list[Miss] = field(default_factory=list)
    used: list[tuple[str, Recorded]] = field(default_factory=list)  # with the model that was asked
    asked: int = 0
    answers: dict[tuple[Asker, int], Recorded] = field(default_factory=dict)


@dataclass(slots=True)
class _Use:
    """A recording in use, and where it was first used: the order of the file."""

    one: Recorded
    first: tuple[int, int, int, int]


class Recorder:
    """The recordings of a flow file in use. `serves` False: none is handed out, all is asked for anew."""

    def __init__(
        self, recordings: Recordings, redact: Redact = str, *, serves: bool = True, hear: Hear | None = None
    ) -> None:
        self.recordings = recordings
        self._hear = hear
        self._serves = serves
        self._redact = redact
        self._new = Recordings()
        self._uses: dict[Turn, dict[tuple[Which, str], _Use]] = {}
        self._asking: dict[tuple[object, ...], asyncio.Lock] = {}
        self._texts: dict[int, str] = {}

    def between(self, plan: Plan, turn: Turn, heard: Heard, asks: bool) -> Between:
        """What stands between one try and who answers; `asks`: what is not recorded is asked for.

        A try that is begun anew has used nothing yet.
        """
        self._uses[turn] = {}
        one = _Try(self, plan, turn, heard, asks)
        if (hear := self._hear) is None:
            return Between(one.asked, one.performed)

        def answered(asker: Asker, request: ChatRequest, text: str) -> None:
            hear(turn, asker, request, Reply(text, finish=GIVEN))

        return Between(_heard(one, hear), one.performed, answered)

    def find(self, which: Which, printed: str) -> Recorded | None:
        """The answer that serves: one that has just come, else a recorded one."""
        found = self._new.find(which, exact(printed))
        return found or (self.recordings.find(which, exact(printed)) if self._serves else None)

    def note_use(self, turn: Turn, which: Which, printed: str, one: Recorded, said: int) -> None:
        """Notes that an answer was used in a try, here and with this request."""
        first = (turn.test, turn.case, turn.run, said)
        self._uses[turn].setdefault((which, exact(printed)), _Use(replace(one, which=which, request=printed), first))

    def keep(self, which: Which, printed: str, one: Recorded) -> Recorded:
        """Keeps an answer that has just come, without any secret in it."""
        redact = self._redact
        text = None if one.text is None else redact(one.text)
        calls = tuple((redact(name), redact(arguments)) for name, arguments in one.calls)
        clean = replace(one, text=text, calls=calls, failed=redact(one.failed))
        self._new.add(clean, exact(printed))
        return clean

    def lock(self, which: Which, printed: str) -> asyncio.Lock:
        """Held while an answer is asked for: who asks the same takes what comes."""
        return self._asking.setdefault((exact(printed), *which.asked_alike()), asyncio.Lock())

    def texts_of(self, step: CheckedStep | None) -> str:
        """The print of a step's own texts."""
        if step is None:
            return texts_print(())
        if id(step) not in self._texts:
            self._texts[id(step)] = texts_print([part for one in step.messages for part in (one.role, one.text)])
        return self._texts[id(step)]

    # ── Afterwards ──

    @property
    def has_new(self) -> bool:
        """Whether any answer has come."""
        return any(True for _ in self._new)

    def unused(self) -> list[Recorded]:
        """The recordings that nothing asked for."""
        used = {use.one.source for uses in self._uses.values() for use in uses.values()}
        return [one for one in self.recordings if one.source not in used]

    def ordered(self, keeps_unused: bool) -> list[Recorded]:
        """What the file is to hold, in its order; what was not used stands behind what was."""
        taken: dict[tuple[Which, str], _Use] = {}
        for uses in self._uses.values():
            for key, use in uses.items():
                if key not in taken or use.first < taken[key].first:
                    taken[key] = use
        found = [(use.one, use.first) for use in taken.values()]
        if keeps_unused:
            last = (1 << 30, 0, 0)
            left = [one for one in self.unused() if (one.which, exact(one.request)) not in taken]
            found += [(one, (*last, number)) for number, one in enumerate(left)]
        return [one for one, _ in sorted(found, key=lambda each: (each[0].which.order(), each[1]))]


@dataclass(slots=True)
class _Try:
    """One try under way."""

    recorder: Recorder
    plan: Plan
    turn: Turn
    heard: Heard
    asks: bool
    _said: int = 0

    async def asked(self, asker: Asker, request: ChatRequest, ask: Callable[[bool], Awaitable[Reply]]) -> Reply:
        """The recorded answer to a request, or the one that is asked for. Raises ModelError."""
        said = self._next()
        rule = judged_rule(request.messages) if asker.role == "judge" else ""
        which = self._which(asker, request, rule)
        texts = texts_print([rule]) if rule else self.recorder.texts_of(_step_of(self.plan, asker))
        printed = request_print(request, texts)
        one = self.recorder.find(which, printed)
        if one is not None:
            return self._from_recording(asker, request, which, printed, one, said)
        if not self.asks:
            before, told = self._led_here(asker, request)
            self.heard.misses.append(Miss(asker, which, printed, request.model, before, told))
            raise ModelError("no answer is recorded", MISSING, retryable=False)
        async with self.recorder.lock(which, printed):
            one = self.recorder.find(which, printed)
            if one is not None:
                return self._from_recording(asker, request, which, printed, one, said)
            # Turns of tools are recorded one by one, so they are needed so; and each try of a case is to be a new one.
            reply = await ask(not request.tools and not self.turn.run)
            self.heard.asked += 1
            calls = tuple((call.name, call.arguments) for call in reply.tool_calls)
            usage = reply.usage
            tokens = (usage.tokens_in, usage.tokens_out) if usage.tokens_in or usage.tokens_out else None
            text = None if calls and not reply.text else reply.text
            one = self.recorder.keep(which, printed, Recorded(which, printed, text, calls, "", tokens))
        self.recorder.note_use(self.turn, which, printed, one, said)
        return reply

    async def performed(
        self,
        asker: Asker,
        tool: CheckedTool,
        takes: Mapping[str, Value],
        perform: Callable[[], Awaitable[str | None]],
    ) -> str | None:
        """The recorded result of a tool, or the one that it gives. Raises ToolFailed."""
        said = self._next()
        flow, places, rounds = _way(self.plan, asker.path)
        place = (*places, asker.item) if asker.item is not None else places
        which = Which(asker.step, flow, place, 0, rounds, self.turn.run + 1 if self.turn.run else 0, tool=tool.name)
        printed = tool_print(tool, takes)
        async with self.recorder.lock(which, printed):
            one = self.recorder.find(which, printed)
            if one is None:
                if not self.asks:
                    self.heard.misses.append(Miss(asker, which, printed, ""))
                    raise ToolFailed("no result is recorded", rule=MISSING, told=False)
                one = self.recorder.keep(which, printed, await _result(which, printed, perform))
                self.heard.asked += 1
            else:
                self.heard.used.append(("", one))
        self.recorder.note_use(self.turn, which, printed, one, said)
        if one.failed:
            raise ToolFailed(one.failed)
        return one.text

    def _next(self) -> int:
        self._said += 1
        return self._said

    def _which(self, asker: Asker, request: ChatRequest, rule: str) -> Which:
        flow, places, rounds = _way(self.plan, asker.path)
        step = _step_of(self.plan, asker)
        asked = sum(one.role == "user" and one.text.startswith(AGAIN) for one in request.messages)
        return Which(
            asker.step,
            flow,
            (*places, asker.item) if asker.item is not None else places,
            request.sample if step is not None and step.samples is not None and not rule else 0,
            rounds,
            self.turn.run + 1 if self.turn.run else 0,
            asked + 1 if asked else 0,
            rule,
        )

    def _from_recording(
        self,
        asker: Asker,
        request: ChatRequest,
        which: Which,
        printed: str,
        one: Recorded,
        said: int,
    ) -> Reply:
        self.heard.used.append((request.model, one))
        self.recorder.note_use(self.turn, which, printed, one, said)
        self.heard.answers[asker, request.sample] = one
        calls = tuple(
            ToolCall(f"call-{len(request.messages)}-{number}", name, arguments)
            for number, (name, arguments) in enumerate(one.calls, 1)
        )
        usage = Usage(*one.tokens) if one.tokens is not None else Usage()
        return Reply(one.text or "", calls, "tool_calls" if calls else "stop", usage, request.model, cached=True)

    def _led_here(self, asker: Asker, request: ChatRequest) -> tuple[Recorded | None, str]:
        """The recorded answer that was of no use, if that is why it is asked again, and what was wrong with it."""
        last = self.heard.answers.get((asker, request.sample))
        if last is None or len(request.messages) < 2:
            return None, ""
        answer, told = request.messages[-2:]
        if answer.role == "assistant" and answer.text == last.text and told.text.startswith(AGAIN):
            return last, told.text.removeprefix(AGAIN)
        return None, ""


def _heard(
    one: _Try, hear: Hear
) -> Callable[[Asker, ChatRequest, Callable[[bool], Awaitable[Reply]]], Awaitable[Reply]]:
    """Asks as the try does, and lets somebody hear of it."""

    async def asked(asker: Asker, request: ChatRequest, ask: Callable[[bool], Awaitable[Reply]]) -> Reply:
        try:
            reply = await one.asked(asker, request, ask)
        except ModelError:
            hear(one.turn, asker, request, None)
            raise
        hear(one.turn, asker, request, reply)
        return reply

    return asked


async def _result(which: Which, printed: str, perform: Callable[[], Awaitable[str | None]]) -> Recorded:
    """A tool's result, to be recorded; also how it failed, if the model may hear of that."""
    try:
        return Recorded(which, printed, await perform())
    except ToolFailed as failed:
        if not failed.told:
            raise
        return Recorded(which, printed, None, failed=failed.message)


def _way(plan: Plan, path: str) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    """The way to a step through the flows above it: names, places of items, numbers of rounds."""
    names: list[str] = [plan.flow.name] if plan.flow.name else []
    places: list[int] = []
    rounds: list[int] = []
    now: Plan | None = plan
    for name, number in _PART.findall(path):
        names.append(name)
        node = now.nodes.get(name) if now is not None else None
        if number:
            repeats = node is not None and isinstance(node.of, CheckedStep) and node.of.until is not None
            (rounds if repeats else places).append(int(number))
        now = node.sub if node is not None else None
    return tuple(names), tuple(places), tuple(rounds)


def _step_of(plan: Plan, asker: Asker) -> CheckedStep | None:
    """The step that asks; None for what is no step: a judge of a test."""
    now: Plan | None = plan
    for name, _ in _PART.findall(asker.path):
        node = now.nodes.get(name) if now is not None else None
        now = node.sub if node is not None else None
    node = now.nodes.get(asker.step) if now is not None else None
    return node.of if node is not None and isinstance(node.of, CheckedStep) else None
