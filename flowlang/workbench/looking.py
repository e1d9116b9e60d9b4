"""Looks a plan up in the store: what is answered already, and why the rest is not. Nothing is sent or written."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from ..language.values import Value
from ..models.providers import Providers
from ..plan.graph import Plan, PlannedStep
from ..plan.remaining import Status
from ..plan.seen import FromBefore, Looked, Seen
from ..run.looking import look, only_finds
from ..show.because import Reason, in_short, of_step
from ..store.history import History
from .given import Given
from .questions import Kept, Question
from .reasons import Reasons, top_of
from .screen import Screen
from .storing import fresh_steps, origins


def looked_up(plan: Plan, inputs: Mapping[str, Value], providers: Providers, history: History, given: Given) -> Looked:
    """What a run of the plan would ask, and what the store answers."""
    keeping = only_finds(history.answer, origins(providers), time.time, fresh_steps(given, plan))
    return asyncio.run(look(plan, inputs, keeping))


class Because:
    """Why each step of a plan that was looked up is asked, or is not."""

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Value],
        looked: Looked,
        history: History,
        providers: Providers,
        screen: Screen,
    ) -> None:
        self._flow = plan.flow.source.path
        self._looked = looked
        self.kept = Kept(origins(providers), screen.redact)
        self.reasons = Reasons(plan, lambda: self.kept.inputs(inputs), history, self.kept, self._keys_of)

    def in_short(self, node: PlannedStep, seen: Seen, status: Status) -> str:
        """Why a step has its status."""
        if node.kind == "let":
            return ""  # said elsewhere: it is worked out without a model
        return of_step(node, seen, status, in_short(self.of(node), self._flow))

    def of(self, node: PlannedStep) -> tuple[Reason, ...]:
        """The reasons of the first question of a step that is new, or of what it runs; none if there is no such."""
        looked = self._looked
        path, name = ("", node.name) if node.kind != "run" else looked.first_below(node.name) or ("", node.name)
        asked = looked.steps.get((path, name), Seen()).asked
        return self.reasons.of(self.kept.question(path, name, asked[0])) if asked else ()

    def questions(self, name: str) -> list[Question]:
        """All that a step of the main flow asks now, and what it runs; what is answered from before included."""
        found: list[Question] = []
        for (path, step), seen in self._looked.steps.items():
            if top_of(path, step) == name:
                found += [self.kept.question(path, step, one) for one in seen.asked]
                found += [self._answered(path, step, one) for one in seen.from_before]
        return found

    def _answered(self, path: str, step: str, found: FromBefore) -> Question:
        """A question that is answered from before, as the call asked it that was answered."""

        def told() -> Mapping[str, Any]:
            call = self.reasons.history.call_with(found.key)
            return call.body["request"] if call is not None else {}

        return Question(path, step, found.item, found.key, "", "", told)

    def _keys_of(self, name: str) -> frozenset[bytes] | None:
        seen = self._looked.of(name)
        if seen.tools:
            return None
        return frozenset((*(one.key for one in seen.from_before), *(one.key for one in seen.asked)))
