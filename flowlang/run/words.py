"""The word behind every line of a run: what of a step came from before, and why the rest was asked."""

import re
from collections.abc import Callable

from ..models.chat import ChatRequest
from ..plan.seen import Asked
from .keeping import Keeping, Reuse

FROM_BEFORE = "from before"

# The keys of what a step of the main flow has asked, with all that it runs; None where a tool decides.
KeysOf = Callable[[str], frozenset[bytes] | None]
# Why a step of the flow that is reached by a path asks a question, in a few words.
Tell = Callable[[str, str, Asked, KeysOf], str]


class Words:
    """What is said of the steps of one run. Of a step only the first question that is sent is looked into."""

    def __init__(self, keeping: Keeping | None, tell: Tell | None) -> None:
        self._keeping = keeping
        self._tell = tell
        self._of: dict[str, str] = {}
        self._looked_into: set[str] = set()
        self._keys: dict[str, set[bytes]] = {}
        self._answered: set[tuple[str, str, int | None, int]] = set()

    def from_before(self, path: str, step: str, item: int | None, sample: int, key: bytes) -> None:
        """A question was answered from before."""
        if self._tell is not None:
            self._answered.add((path, step, item, sample))
            for name in _way_to(path, step):
                self._of.setdefault(name, FROM_BEFORE)
                self._keys.setdefault(name, set()).add(key)

    def sent(
        self, path: str, step: str, item: int | None, role: str, request: ChatRequest, key: bytes, reuse: Reuse
    ) -> str:
        """A question is about to be sent: why, for the first one of its step; else nothing."""
        if self._tell is None or self._keeping is None:
            return ""
        way = _way_to(path, step)
        for name in way:
            self._keys.setdefault(name, set()).add(key)
        if way[-1] in self._looked_into:
            return ""
        self._looked_into.add(way[-1])
        had_answer = (path, step, item, request.sample) in self._answered
        why = self._keeping.why_not(step, key, reuse, had_answer and role != "judge")
        word = self._tell(path, step, Asked(item, request, key, role, why), self._keys_of)
        for name in way:
            if self._of.get(name, FROM_BEFORE) == FROM_BEFORE:
                self._of[name] = word
        return word

    def of(self, path: str, step: str) -> str:
        """What is said of a step; empty where nothing is kept."""
        return self._of.get(_way_to(path, step)[-1], "") if self._of else ""

    def _keys_of(self, name: str) -> frozenset[bytes] | None:
        return frozenset(self._keys.get(name, ()))


def _way_to(path: str, step: str) -> list[str]:
    """The names of a step and of those that run its flow, the outermost first, whatever items and rounds lead there."""
    if not path:
        return [step]
    parts = [*re.sub(r"\[\d+\]", "", path).split("/"), step]
    return ["/".join(parts[: place + 1]) for place in range(len(parts))]
