"""What the store has of inputs, requests and answers, told: long texts put in where only their digest stands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..models.quoting import shown
from ..record import record
from ..store.history import History
from ..store.past import Exchange
from .numbers import count
from .terminal import visible_line

_MOST_LAID_OUT = 200_000  # characters of a JSON text
MOST_IN_LINE = 90  # characters of a value that is told in one line


@record
class ToldMessage:
    """A message as it was sent: its texts, and a word for each image or audio. `calls` are name and arguments."""

    role: str
    parts: tuple[str, ...]
    calls: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """All of it in one text."""
        return "".join([*self.parts, *(f"[calls {name}: {arguments}]" for name, arguments in self.calls)])


@dataclass(slots=True)
class Teller:
    """Puts texts in. The long ones of the last few messages are remembered, since many requests share them."""

    history: History
    _texts: dict[str, str] = field(default_factory=dict)

    def text(self, told: Any) -> str:
        """A text that the store has whole or by its digest; empty for what is none."""
        if isinstance(told, str):
            return told
        if not (isinstance(told, Mapping) and isinstance(told.get("text"), str)):
            return ""
        digest = told["text"]
        if digest not in self._texts:
            if len(self._texts) > 8:
                self._texts.clear()
            try:
                self._texts[digest] = str(self.history.told(told))
            except ValueError:
                return ""
        return self._texts[digest]

    def messages(self, exchange: Exchange) -> tuple[ToldMessage, ...]:
        """What was asked."""
        found = exchange.request.get("messages") if exchange.request is not None else None
        return tuple(self.message(one) for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()

    def message(self, told: Mapping[str, Any]) -> ToldMessage:
        """One message."""
        parts = told.get("parts")
        return ToldMessage(
            str(told.get("role", "")),
            tuple(self.part(part) for part in parts) if isinstance(parts, list) else (),
            tuple(_calls(told.get("calls"))),
        )

    def part(self, told: Any) -> str:
        """A part of a message: a text as it is, an image or audio by its name."""
        if isinstance(told, Mapping) and "media" in told:
            name = told.get("name") or told.get("type") or ""
            return f"[{told.get('kind', 'file')} {name}]"
        return self.text(told)

    def media(self, told: Mapping[str, Any]) -> bytes | None:
        """The bytes of an image or audio; None if they are gone."""
        try:
            return self.history.text(bytes.fromhex(str(told.get("media"))))
        except ValueError:
            return None

    def parameters(self, exchange: Exchange) -> dict[str, Any]:
        """The parameters that were sent."""
        found = exchange.request.get("parameters") if exchange.request is not None else None
        return dict(found) if isinstance(found, Mapping) else {}

    def schema(self, exchange: Exchange) -> str:
        """The schema that the answer had to fit, as JSON; empty without one."""
        return self.text(exchange.request.get("schema")) if exchange.request is not None else ""

    def tools(self, exchange: Exchange) -> tuple[str, ...]:
        """The tools that the model could call, each as JSON."""
        found = exchange.request.get("tools") if exchange.request is not None else None
        return tuple(self.text(one) for one in found) if isinstance(found, list) else ()

    def value(self, told: Any) -> str:
        """A value of an input in full: a text as it is, anything else much as JSON."""
        match told:
            case None:
                return "(empty)"
            case bool():
                return "yes" if told else "no"
            case str():
                return told
            case {"number": number}:
                return str(number)
            case {"date": day}:
                return str(day)
            case {"document": text}:
                return self.text(text)
            case {"secret": True}:
                return "[secret]"
            case {"record": {**fields}}:
                return "{" + ", ".join(f"{name}: {self.value(one)}" for name, one in fields.items()) + "}"
            case {"media": _}:
                return self.part(told)
            case list():
                return "[" + ", ".join(self.value(one) for one in told) + "]"
            case _:
                return self.text(told)

    def line(self, told: Any) -> str:
        """A value of an input in one line: its beginning, and how long it is."""
        text = self.value(told)
        if isinstance(told, Mapping) and "document" in told:
            return f"{told.get('name') or 'document'}, {count(len(text), 'character')}"
        if isinstance(told, list):
            return f"{count(len(told), 'item')}: {shown(text, MOST_IN_LINE)}"
        one_line = visible_line(shown(text, MOST_IN_LINE))
        return one_line if len(text) <= MOST_IN_LINE else f"{one_line} ({count(len(text), 'character')})"

    def plain(self, told: Any) -> Any:
        """A value of an input as JSON."""
        match told:
            case {"number": number}:
                return _number(str(number))
            case {"date": day}:
                return day
            case {"document": text}:
                return {"document": told.get("name") or "", "text": self.text(text)}
            case {"media": digest}:
                return {"media": told.get("name") or "", "type": told.get("type"), "sha256": digest}
            case {"record": {**fields}}:
                return {name: self.plain(one) for name, one in fields.items()}
            case {"text": _}:
                return self.text(told)
            case list():
                return [self.plain(one) for one in told]
            case _:
                return told


def shared(before: Sequence[ToldMessage], after: Sequence[ToldMessage]) -> int:
    """How many messages two requests begin with that are the same."""
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    return same


def prefix_length(one: str, other: str) -> int:
    """How many characters two texts begin with that are the same; by halves, each a single look at memory."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def laid_out(text: str) -> str:
    """JSON over several lines; any other text as it is."""
    if text[:1] not in "{[" or len(text) > _MOST_LAID_OUT:
        return text
    try:
        found = json.loads(text)
        return json.dumps(found, indent=2, ensure_ascii=False) if isinstance(found, dict | list) else text
    except (ValueError, RecursionError):
        return text


def _calls(found: Any) -> Iterator[tuple[str, str]]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, list) and len(one) == 2:
            yield str(one[0]), str(one[1])


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
