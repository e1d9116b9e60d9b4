"""What tools gave back in the runs that this one repeats: what has had its effect is not done a second time.

Each result serves once, in the order in which it came, and only for the same tool that takes the same values for the
same step and item.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ..language.checked import CheckedTool
from ..language.values import Document, Media, Remembered, Secret, Value
from ..record import record
from ..store.history import PastStep
from ..store.store import Store


@record
class ToolResult:
    """What a tool gave back: its text, None for nothing."""

    text: str | None


class ToolResults:
    """The results of tools as one run sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before: dict[str, list[ToolResult]] = {}

    def remember(self, steps: Iterable[PastStep]) -> None:
        """Takes in what the store has of a run that is repeated; its long texts must be told.

        A run that was a retry itself has taken over what it used, so that of several runs the one with most counts.
        """
        found: dict[str, list[ToolResult]] = {}
        for one in steps:
            body = one.body
            if body.get("outcome") == "result" and isinstance(body.get("text"), str | None):
                found.setdefault(str(body.get("call")), []).append(ToolResult(body.get("text")))
        for call, results in found.items():
            if len(results) > len(self._before.get(call, ())):
                self._before[call] = results

    def take(
        self, path: str, step: str, item: int | None, tool: CheckedTool, takes: Mapping[str, Value]
    ) -> ToolResult | None:
        """The next result from before, if there is one; it is this run's then."""
        found = self._before.get(_call_of(path, step, item, tool, takes)) if self._before else None
        if not found:
            return None
        result = found.pop(0)
        self.keep(path, step, item, tool, takes, result.text)
        return result

    def keep(
        self, path: str, step: str, item: int | None, tool: CheckedTool, takes: Mapping[str, Value], text: str | None
    ) -> None:
        """Keeps what the tool gave back."""
        told = None if text is None else self._store.texts.text(text)
        call = _call_of(path, step, item, tool, takes)
        body = {"outcome": "result", "item": item, "tool": tool.name, "call": call, "text": told}
        self._store.step_ended(path, step, body)


def _call_of(path: str, step: str, item: int | None, tool: CheckedTool, takes: Mapping[str, Value]) -> str:
    place = tool.target_place
    written = place.source.text[slice(*place.span)]
    told = [path, step, item, tool.file, tool.name, tool.method, written, _plain(takes)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _plain(value: Value) -> Any:
    match value:
        case Remembered(inner, _):
            return _plain(inner)
        case bool() | str():
            return value
        case Decimal() | date():
            return [type(value).__name__, str(value)]
        case Document(text, name, _):
            return ["document", name, text]
        case Media():
            return ["media", value.digest]
        case Secret():
            return ["secret"]  # its value is in no digest that is kept
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return None
