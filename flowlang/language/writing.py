"""From values to text: as a prompt shows them, as JSON, as a list and as a Markdown table."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from json.encoder import encode_basestring as quoted
from typing import Union, assert_never

from .arithmetic import MAX_DIGITS, fits
from .values import MAX_DEPTH, Document, Empty, Media, Remembered, Secret, Value, ValueMistake, bare

# In characters. A document has up to 50 MB, and a let may put several together before it cuts them.
MAX_TEXT = 64 * 1024 * 1024

REDACTED = "[secret]"

# What stdlib's json reads and writes, but for Decimal, which stands where a number is not whole.
Json = Union[None, bool, int, Decimal, str, list["Json"], dict[str, "Json"]]  # noqa: UP007


def as_text(value: Value, limit: int = MAX_TEXT) -> str:
    """How a value looks in a text: without what it remembers, EMPTY as nothing, a secret as `REDACTED`.

    A list of plain values has a line `- x` per item, further lines of an item indented below it; an item that is
    EMPTY has none. A record, and a list that holds records or lists, is JSON. Raises ValueMistake beyond `limit`.
    """
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return number_text(value)
        case date():
            return value.isoformat()
        case Empty():
            return ""
        case Document():
            return value.text
        case Media():
            return value.name
        case Secret():
            return REDACTED
        case Remembered():
            return as_text(bare(value), limit)
        case tuple():
            if any(isinstance(bare(item), Mapping | tuple) for item in value):
                return json_text(value, limit=limit)
            return bullets(value, limit)
        case Mapping():
            return json_text(value, limit=limit)
    assert_never(value)


def number_text(number: Decimal) -> str:
    """The number in digits: no exponent, no trailing zeros, no sign at 0."""
    if not number:
        return "0"
    if not fits(number):
        raise ValueMistake(f"a number has more than {MAX_DIGITS} digits")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def bullets(items: Iterable[Value], limit: int = MAX_TEXT) -> str:
    """A line `- x` per item."""
    return _listed(items, lambda _: "- ", limit)


def numbered(items: Iterable[Value], limit: int = MAX_TEXT) -> str:
    """A line `1. x` per item, counted from 1."""
    return _listed(items, lambda place: f"{place}. ", limit)


def joined(texts: Iterable[str], between: str, limit: int = MAX_TEXT) -> str:
    """The texts in a row; raises ValueMistake instead of building more than `limit` characters."""
    parts: list[str] = []
    size = -len(between)
    for text in texts:
        size += len(text) + len(between)
        if size > limit:
            raise _too_long(limit)
        parts.append(text)
    return between.join(parts)


def markdown_table(records: Iterable[Mapping[str, Value]]) -> str:
    """A Markdown table: a column per field, in the order of first appearance; nothing at all without columns."""
    rows = list(records)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return ""
    lines = [[_cell(name) for name in columns], ["---"] * len(columns)]
    lines += [[_cell(row[name]) if name in row else "" for name in columns] for row in rows]
    return joined(("| " + " | ".join(cells) + " |" for cells in lines), "\n")


def json_text(value: Value | Json, *, indent: int | None = 2, memory: bool = False, limit: int = MAX_TEXT) -> str:
    """The value as JSON text, with every digit of its numbers; EMPTY is null, a file its text or name.

    With `memory`, what an answer remembers stands beside its fields; an answer without fields is then under
    `answer`. `indent` None writes one line. Raises ValueMistake beyond `limit` characters.
    """
    return _JsonWriter(indent, memory, limit).written(value)


def as_json(value: Value, memory: bool = False) -> Json:
    """The value as the data that `json_text` writes: whole numbers as int, others as Decimal."""
    data: Json = json.loads(json_text(value, indent=None, memory=memory), parse_float=Decimal)
    return data


class _JsonWriter:
    """One JSON text under way: its pieces, and how many characters it may still have."""

    __slots__ = ("indent", "left", "limit", "memory", "pieces")

    def __init__(self, indent: int | None, memory: bool, limit: int) -> None:
        self.indent = indent
        self.memory = memory
        self.limit = self.left = limit
        self.pieces: list[str] = []

    def written(self, value: Value | Json) -> str:
        self._write(value, 0)
        return "".join(self.pieces)

    def _put(self, text: str) -> None:
        self.left -= len(text)
        if self.left < 0:
            raise _too_long(self.limit)
        self.pieces.append(text)

    def _write(self, value: "Value | Json", depth: int) -> None:
        match value:
            case str():
                self._put(quoted(value))
            case bool():
                self._put("true" if value else "false")
            case None | Empty():
                self._put("null")
            case int():
                self._put(str(value))
            case Decimal():
                self._put(number_text(value))
            case tuple() | list():
                self._write_all("[", [("", item) for item in value], "]", depth)
            case Remembered():
                self._write(_with_memory(value) if self.memory else value.value, depth)
            case Mapping():
                self._write_all("{", [(quoted(name) + ": ", item) for name, item in value.items()], "}", depth)
            case _:
                self._put(quoted(as_text(value)))

    def _write_all(self, opening: str, items: "list[tuple[str, Value | Json]]", closing: str, depth: int) -> None:
        if not items:
            self._put(opening + closing)
            return
        if depth >= MAX_DEPTH:
            raise ValueMistake(f"a value is nested more than {MAX_DEPTH} levels deep")
        margin = "" if self.indent is None else "\n" + " " * (self.indent * (depth + 1))
        between = ", " if self.indent is None else "," + margin
        start = opening + margin
        for label, item in items:
            self._put(start + label)
            self._write(item, depth + 1)
            start = between
        self._put(closing if self.indent is None else "\n" + " " * (self.indent * depth) + closing)


def _with_memory(value: Remembered) -> Mapping[str, Value]:
    """The fields of an answer, or the plain answer under `answer`, and beside them what it remembers."""
    answer = bare(value)
    fields = answer if isinstance(answer, Mapping) else {"answer": answer}
    return {**value.memory, **fields}


def _listed(items: Iterable[Value], sign: Callable[[int], str], limit: int) -> str:
    given = [item for item in map(bare, items) if not isinstance(item, Empty)]
    return joined((_item(sign(place), item, limit) for place, item in enumerate(given, 1)), "\n", limit)


def _item(sign: str, item: Value, limit: int) -> str:
    """One item of a list: a record or list on one line, further lines of a text indented under the first."""
    text = json_text(item, indent=None, limit=limit) if isinstance(item, Mapping | tuple) else as_text(item)
    if "\n" not in text:
        return sign + text
    margin = " " * len(sign)
    return sign + "\n".join(margin + line if place and line else line for place, line in enumerate(text.split("\n")))


def _cell(value: Value) -> str:
    value = bare(value)
    if isinstance(value, tuple) and not any(isinstance(bare(item), Mapping | tuple) for item in value):
        text = ", ".join(as_text(item) for item in value)
    elif isinstance(value, Mapping | tuple):
        text = json_text(value, indent=None)
    else:
        text = as_text(value)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    return "<br>".join(lines).replace("|", "\\|")


def _too_long(limit: int) -> ValueMistake:
    return ValueMistake(f"the text gets longer than {limit:,} characters")
