"""Runs and plans of a flow over a real store in a folder, with a model that is a plain function."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from flowlang.language.values import Value
from flowlang.models.catalog import catalogue_of
from flowlang.models.chat import Reply, ToolCall, Usage
from flowlang.models.cost import Prices
from flowlang.plan.build import build
from flowlang.plan.estimate import Estimate, estimate
from flowlang.plan.graph import Defaults, Plan
from flowlang.plan.remaining import Saved, remaining, saved_by, status_of
from flowlang.plan.seen import Asked, Looked, Seen
from flowlang.run.event import CallFinished, CallStarted, Event, StepFinished
from flowlang.run.executor import execute
from flowlang.run.inputs import defaults_of
from flowlang.run.keeping import Keeping
from flowlang.run.looking import look, only_finds
from flowlang.run.means import Means
from flowlang.run.outcome import Result
from flowlang.run.tools import PerformTool, refuse_tools
from flowlang.run.words import KeysOf, Tell
from flowlang.store.history import History
from flowlang.store.place import open_folder
from flowlang.store.store import open_store
from tests.run.scripted import Model, Script, flow_of

PRICES = Prices(catalogue_of({}), lambda model: False)


def at(model: str) -> str:
    """Every model has the same provider."""
    return "https://models.example"


@dataclass(frozen=True)
class StoredRun:
    """A run that has ended. `sent` has the step of the main flow for every call that was sent, with its item."""

    result: Result
    events: list[Event]
    script: Script

    @property
    def sent(self) -> list[tuple[str, int | None]]:
        found = []
        for event in self.events:
            if isinstance(event, CallStarted) and event.because != "from before":
                outer, _, item = event.path.partition("/")[0].rstrip("]").partition("[")
                found.append((outer or event.step, int(item) if item else event.item))
        return found

    @property
    def steps(self) -> set[str]:
        """The steps of the main flow that sent something."""
        return {step for step, _ in self.sent}

    def cost(self) -> int:
        """How many calls were sent and ended."""
        return sum(isinstance(event, CallFinished) and not event.cached for event in self.events)

    def words(self) -> dict[str, str]:
        """What is said of each step when it has ended."""
        return {
            event.step: event.because for event in self.events if isinstance(event, StepFinished) and not event.path
        }


@dataclass
class Project:
    """A folder with a flow and a store. `now` is the clock on the wall."""

    folder: Path
    model: Model
    now: float = 1_000_000.0
    keys: set[bytes] = field(default_factory=set)

    def plan_of(self, text: str) -> Plan:
        return build(flow_of(text, self.folder), Defaults(model="gemini-3-flash"))

    def run(
        self,
        text: str,
        inputs: Mapping[str, Value] | None = None,
        fresh: Iterable[str] | None = (),
        perform_tool: PerformTool = refuse_tools,
        tell: Tell | None = None,
    ) -> StoredRun:
        """Runs the flow; what it asks is kept, and what was asked before is not asked again."""
        plan, script, events = self.plan_of(text), Script(self.model), list[Event]()

        async def whole() -> Result:
            told: list[str] = []
            store = open_store(open_folder(self.folder / ".flowlang"), lambda text: text, told.append, lambda: self.now)
            store.begin_run("test.flow", {})
            chosen = None if fresh is None else frozenset(fresh)
            keeping = Keeping(store, at, fresh=chosen, wall=lambda: self.now)

            def hear(event: Event) -> None:
                events.append(event)
                keeping.hear(event)

            means = Means(script, keeping=keeping, perform_tool=perform_tool, tell=tell or _no_word)
            try:
                return await execute(plan, {**defaults_of(plan.flow), **(inputs or {})}, means, hear)
            finally:
                await store.close()

        return StoredRun(asyncio.run(whole()), events, script)

    def look(
        self, text: str, inputs: Mapping[str, Value] | None = None, fresh: Iterable[str] | None = ()
    ) -> tuple[Plan, Looked]:
        """What a run would do."""
        plan = self.plan_of(text)
        given = {**defaults_of(plan.flow), **(inputs or {})}
        chosen = None if fresh is None else frozenset(fresh)
        if not (self.folder / ".flowlang").exists():
            keeping = only_finds(lambda key: None, at, lambda: self.now, chosen)
            return plan, asyncio.run(look(plan, given, keeping))
        with closing(History(self.folder / ".flowlang")) as history:
            keeping = only_finds(history.answer, at, lambda: self.now, chosen)
            return plan, asyncio.run(look(plan, given, keeping))

    def estimate(self, text: str, inputs: Mapping[str, Value] | None = None) -> tuple[Estimate, Saved]:
        """What is left to ask, in numbers."""
        plan, looked = self.look(text, inputs)
        whole = estimate(plan, looked.values, PRICES, looked.items())
        return remaining(whole, looked, PRICES, lambda node, seen, status: status), saved_by(looked, PRICES)

    def statuses(
        self, text: str, inputs: Mapping[str, Value] | None = None, fresh: Iterable[str] | None = ()
    ) -> dict[str, str]:
        """The status of every step and let."""
        plan, looked = self.look(text, inputs, fresh)
        return {name: status_of(node, looked) for name, node in plan.nodes.items()}


def _no_word(path: str, step: str, asked: Asked, keys_of: KeysOf) -> str:
    return "asked"


def asked_of(seen: Seen) -> list[int | None]:
    """The items that are asked, in order; what another question asks as well is left out."""
    return sorted((one.item for one in seen.asked if not one.again), key=lambda item: item or 0)


def reply(text: str, *calls: ToolCall) -> Reply:
    """A reply that cost something."""
    return Reply(text, calls, "tool_calls" if calls else "stop", Usage(1000, 100), "gemini-3-flash")
