"""Finds out what a run would do: carries the plan out with the answers of the store, and sends nothing.

It is the very executor that runs flows. Where the store has no answer to a question, or a tool would be called, an
unsettled value takes the answer's place; what does not read it goes on, and so the rest is exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn, cast

from ..language.checked import CheckedLimits, CheckedTool
from ..language.unsettled import Unsettled, Untold
from ..language.values import Secret, Value, bare
from ..models.chat import ChatMessage, ChatRequest, EmitChunk, Reply
from ..plan.graph import Plan
from ..plan.seen import Asked, FromBefore, Looked, Open, Seen
from ..store.rows import Kept
from ..store.store import Store
from .budget import Budget
from .calling import AT_ONCE, Gate
from .event import Event, StepFailed, StepSkipped, StepStarted, ToolCalled
from .executor import FlowRun
from .hold import NOTHING_HELD, Hold
from .keeping import ANY, Keeping, OriginOf, Reuse
from .question import Asker
from .standing import carry_out
from .waiting import Waiting

_OWN = ""  # what a step hangs on that waits for its own answer

FindAnswer = Callable[[bytes], Kept | None]  # the answer to the question with a key


class Past:
    """The answers of a store, for reading alone: as much of a store as a keeping needs that finds and keeps nothing."""

    run = 0  # no run's number: what is asked now belongs to none

    def __init__(self, find: FindAnswer) -> None:
        self.find = find


def only_finds(
    find: FindAnswer, origin_of: OriginOf, wall: Callable[[], float], fresh: frozenset[str] | None = frozenset()
) -> Keeping:
    """A keeping that finds answers and keeps nothing."""
    return Keeping(cast(Store, Past(find)), origin_of, fresh=fresh, wall=wall)


async def look(plan: Plan, inputs: Mapping[str, Value], keeping: Keeping, hold: Hold = NOTHING_HELD) -> Looked:
    """What a run of the plan with these inputs would ask, and what is answered already.

    Inputs that are not given are not known. Limits don't count: what they would stop is told all the same.
    """
    gate = _Looker(keeping)
    names = {name: inputs.get(name, Unsettled(name, is_input=True)) for name in plan.flow.inputs}
    budget = Budget(CheckedLimits(), _no_time)
    unbound = replace(plan, expects=())
    run = FlowRun(unbound, names, "", budget, gate, gate.take, _refuse_tool, carry_out, Waiting(), hold)
    await run.run()
    values: dict[str, Value] = {}
    unsettled: dict[str, Open] = {}
    for name, value in run.names.items():
        if isinstance(found := bare(value), Unsettled):
            unsettled[name] = Open(None, found.by, found.is_input)
        else:
            values[name] = value
    return Looked(gate.seen, values, unsettled)


class _Looker(Gate):
    """A gate that answers from the store, and notes what is not in it."""

    def __init__(self, keeping: Keeping) -> None:
        super().__init__(_send_nothing, self.take, _no_time, AT_ONCE, keeping=keeping)
        self.looks = keeping
        self.seen: dict[tuple[str, str], Seen] = {}
        self._missed: set[bytes] = set()
        self._answered: set[tuple[str, str, int | None, int]] = set()  # whose question had an answer

    async def ask(
        self, asker: Asker, request: ChatRequest, timeout_s: float, budget: Budget, reuse: Reuse = ANY
    ) -> Reply:
        """The answer of the store. Raises Untold where it has none that serves."""
        keeping, seen = self.looks, self._of(asker.path, asker.step)
        key = keeping.key(request)
        kept = keeping.store.find(key)
        turn = (asker.path, asker.step, asker.item, request.sample)
        if kept is not None and keeping.serves(kept, reuse) and not kept.reply.tool_calls:
            self._answered.add(turn)
            seen.from_before.append(
                FromBefore(asker.item, request.model, kept.reply.usage, kept.run, kept.made_at, key)
            )
            return replace(kept.reply, turns=kept.turns) if kept.turns else kept.reply
        if kept is not None and keeping.serves(kept, reuse):
            # Its tools were called, and it never came to an answer: they are called again, and may say other things.
            seen.open.append(Open(asker.item, asker.step))
            raise Untold(Unsettled(_OWN))
        why = keeping.why_not(asker.step, key, reuse, turn in self._answered and asker.role != "judge")
        again = key in self._missed and reuse.since != "never"
        self._missed.add(key)
        seen.asked.append(Asked(asker.item, request, key, asker.role, why, again))
        raise Untold(Unsettled(_OWN))

    def leave_open(self, asker: Asker, untold: Untold) -> Unsettled:
        """Notes what the step or item hangs on, unless it is its own answer."""
        what = untold.what
        if what.by != _OWN:
            self._of(asker.path, asker.step).open.append(Open(asker.item, what.by, what.is_input))
        return Unsettled(asker.step)

    async def keep_conversation(self, request: ChatRequest, reply: Reply, turns: tuple[ChatMessage, ...]) -> None:
        """Keeps nothing."""

    def take(self, event: Event) -> None:
        """Notes what steps say of themselves."""
        match event:
            case StepStarted():
                self._of(event.path, event.step).items = event.items
            case StepSkipped():
                self._of(event.path, event.step).skipped = event.because
            case StepFailed(item=None):
                self._of(event.path, event.step).failed = event.message
            case ToolCalled():
                self._of(event.path, event.step).tools += 1
            case _:
                pass

    def _of(self, path: str, step: str) -> Seen:
        return self.seen.setdefault((path, step), Seen())


async def _send_nothing(request: ChatRequest, emit: EmitChunk) -> NoReturn:
    raise AssertionError("whoever only looks sends nothing")


async def _refuse_tool(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> NoReturn:
    raise Untold(Unsettled(_OWN))


def _no_time() -> float:
    return 0.0
