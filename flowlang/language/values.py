"""The values that a run works with: a closed set of plain, immutable data.

How they are read, compared and written stands in `reading`, `comparing` and `writing`.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Union

from ..record import record


class Empty(Enum):
    """What never came about: a step that was skipped, an optional that was not given."""

    EMPTY = "empty"


EMPTY = Empty.EMPTY


@record
class Document:
    """A document's text. `name` is the file's name with its ending, empty for a text that was typed."""

    text: str
    name: str = ""
    pages: tuple[str, ...] = ()


@record
class Media:
    """An image or audio: `kind` is "image" or "audio", `digest` the SHA-256 of `data` in hex."""

    kind: str
    media_type: str  # image/png, audio/wav
    name: str
    digest: str
    data: bytes = field(repr=False)


@record
class Secret:
    """A secret text; it stands in a tool's header and nowhere else."""

    value: str = field(repr=False)


@record
class Remembered:
    """An answer of a repeated step with what it remembers: its items under the loops' names, and `place`."""

    value: "Value"
    memory: "Mapping[str, Value]"


# A record is a dict with every field of its schema (EMPTY where an optional one is absent); a list is a tuple.
Record = Mapping[str, "Value"]
Value = Union[str, Decimal, bool, date, Empty, Document, Media, Secret, Remembered, "Record", tuple["Value", ...]]


class ValueMistake(Exception):
    """A value that does not fit what is asked of it, found only once it is there: one sentence for the author."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


# How deep lists and records may stand in each other, what is remembered included. What comes from outside is
# held to reading.MAX_JSON_DEPTH; this leaves room for what a flow builds from it, and keeps recursion harmless.
MAX_DEPTH = 200


def bare(value: Value) -> Value:
    """The value without what it remembers."""
    while isinstance(value, Remembered):
        value = value.value
    return value


def has_field(value: Value, name: str) -> bool:
    """Whether `value.name` means something: a record's field, what is remembered, a file's `name` and `pages`."""
    if isinstance(value, Remembered):
        return name in value.memory or has_field(value.value, name)
    if isinstance(value, Mapping):
        return name in value
    return (name == "name" and isinstance(value, Document | Media)) or (name == "pages" and isinstance(value, Document))


def field_of(value: Value, name: str) -> Value:
    """`value.name`. A field goes before what is remembered; EMPTY if a record of a table or of `json` lacks it."""
    match value:
        case Remembered():
            if name in value.memory and not has_field(value.value, name):
                return value.memory[name]
            return field_of(value.value, name)
        case Mapping():
            return value.get(name, EMPTY)
        case Empty():
            return EMPTY
        case Document() if name == "name":
            return value.name or EMPTY
        case Document() if name == "pages":
            return value.pages if value.pages or value.name else EMPTY
        case Media() if name == "name":
            return value.name
    raise ValueMistake(f"`{name}` is asked of {kind_of(value)}, which has no such field")


def kind_of(value: Value) -> str:
    """What the value is, with its article: "a text", "a list"."""
    match bare(value):
        case str():
            return "a text"
        case bool():
            return "yes/no"
        case Decimal():
            return "a number"
        case date():
            return "a date"
        case Empty():
            return "empty"
        case Document():
            return "a document"
        case Media(kind="image"):
            return "an image"
        case Media():
            return "an audio"
        case Secret():
            return "a secret"
        case tuple():
            return "a list"
        case _:
            return "a record"
