"""Values that come from outside the flow, made to fit a type: flags, cells, JSON, and what one flow hands another."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import assert_never

from ..language.reading import read_json
from ..language.scalars import check_bounds, listed, read_choice, read_date, read_number, read_yes_no
from ..language.types import (
    ChoiceType,
    DateType,
    DocumentType,
    JsonType,
    ListOf,
    MediaType,
    NumberType,
    Optional,
    RecordType,
    Remembering,
    SecretType,
    TextType,
    Type,
    Unknown,
    YesNoType,
    spelled,
)
from ..language.values import EMPTY, Document, Media, Secret, Value, ValueMistake, bare, kind_of
from ..language.writing import number_text


class Misfit(Exception):
    """A value that does not fit; `path` leads to the wrong part, list items counted from 0."""

    def __init__(self, message: str, path: tuple[str | int, ...] = (), rule: str = "wrong-value") -> None:
        super().__init__(message)
        self.message = message  # what follows the thing's name: "must be at most 10", "is missing"
        self.path = path
        self.rule = rule

    def sentence(self, name: str) -> str:
        """The mistake as a sentence about `name`: "field `amount` of item 3 of `lines` must be at most 10"."""
        words = f"`{name}`"
        for step in self.path:
            words = f"item {step + 1} of {words}" if isinstance(step, int) else f"`{step}` of {words}"
        return f"{words} {self.message}"


def fitted(value: Value, of: Type, path: tuple[str | int, ...] = ()) -> Value:
    """The value as one of the type, without what it remembers. Raises Misfit.

    A text is read as what the type needs; nothing else is turned into something that it is not.
    """
    value = bare(value)
    if value is EMPTY:
        if isinstance(of, Optional | JsonType | Unknown):
            return EMPTY
        raise Misfit("is missing", path)
    match of:
        case Optional() | Remembering():
            return fitted(value, of.item, path)
        case JsonType() | Unknown():
            return _unremembered(value)
        case DocumentType():
            return Document(value) if isinstance(value, str) else _known(value, Document, of, path)
        case SecretType():
            return Secret(value) if isinstance(value, str) else _known(value, Secret, of, path)
        case MediaType():
            if not isinstance(value, Media) or value.kind != of.kind:
                raise Misfit(f"must be {'an image' if of.kind == 'image' else 'audio'}, not {kind_of(value)}", path)
            return value
        case ListOf():
            if not isinstance(value, tuple):
                raise Misfit(f"must be a list, not {kind_of(value)}", path)
            _bounded(value, of, path)
            return tuple([fitted(item, of.item, (*path, place)) for place, item in enumerate(value)])
        case RecordType():
            return _record(value, of, path)
        case TextType() | NumberType() | YesNoType() | DateType() | ChoiceType():
            return _plain(value, of, path)
    assert_never(of)


def in_words(of: Type) -> str:
    """The type as it stands in a sentence: `a number from 0 to 1`, `yes or no`, `an image`."""
    match of:
        case Optional() | Remembering():
            return in_words(of.item)
        case YesNoType():
            return "yes or no"
        case DateType():
            return "a date like 2026-03-11"
        case ChoiceType():
            return spelled(of)
        case JsonType() | Unknown():
            return "JSON"
        case RecordType():
            return f"a record `{of.name}`"
        case MediaType():
            return "an image" if of.kind == "image" else "audio"
        case TextType() | NumberType() | ListOf() | DocumentType() | SecretType():
            return f"a {spelled(of)}"
    assert_never(of)


def read_cell(cell: str, of: Type) -> Value:
    """The value that a table's cell spells; an empty one is an absent optional or an empty text. Raises Misfit."""
    if not cell.strip():
        if isinstance(of, Optional):
            return EMPTY
        if not isinstance(of, TextType | JsonType | Unknown):
            raise Misfit(f"is empty, and must be {in_words(of)}")
    inner = of
    while isinstance(inner, Optional | Remembering):
        inner = inner.item
    if isinstance(inner, ListOf | RecordType):
        try:
            return fitted(read_json(cell), of)
        except ValueMistake:
            raise Misfit(f"must be {in_words(inner)}, written as JSON") from None
    return fitted(cell, of)


def _plain(
    value: Value, of: TextType | NumberType | YesNoType | DateType | ChoiceType, path: tuple[str | int, ...]
) -> Value:
    found: Value = value
    try:
        match of:
            case TextType():
                found = value.text if isinstance(value, Document) else value
                right = isinstance(found, str)
            case NumberType():
                found = read_number(value) if isinstance(value, str) else value
                right = isinstance(found, Decimal)
            case YesNoType():
                found = read_yes_no(value) if isinstance(value, str) else value
                right = isinstance(found, bool)
            case DateType():
                found = read_date(value) if isinstance(value, str) else value
                right = isinstance(found, date)
            case ChoiceType():
                found = read_choice(_as_word(value), of.choices)
                right = True
    except ValueError as mistake:
        if isinstance(of, ChoiceType):
            raise Misfit(f"must be one of {listed(of.choices)}, not {_shown(value)}", path) from None
        raise Misfit(f"must be {in_words(of)}: {mistake}", path) from None
    if not right:
        raise Misfit(f"must be {in_words(of)}, not {_shown(value) if isinstance(value, str) else kind_of(value)}", path)
    _bounded(found, of, path)
    return found


def _record(value: Value, of: RecordType, path: tuple[str | int, ...]) -> Value:
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a record with {_fields(of)}, not {kind_of(value)}", path)
    record: dict[str, Value] = {}
    for field in of.fields:
        record[field.name] = fitted(value.get(field.name, EMPTY), field.type, (*path, field.name))
    if of.open:
        for name, item in value.items():
            record.setdefault(name, _unremembered(item))
    return record


def _bounded(value: Value, of: Type, path: tuple[str | int, ...]) -> None:
    if wrong := check_bounds(value, of):
        size = (
            f"it has {len(value)}"
            if isinstance(value, str | tuple)
            else f"not {number_text(value)}"
            if isinstance(value, Decimal)
            else f"not {_shown(value)}"
        )
        raise Misfit(f"{wrong}, {size}", path, "out-of-range")


def _known(value: Value, kind: type[Document] | type[Secret], of: Type, path: tuple[str | int, ...]) -> Value:
    if not isinstance(value, kind):
        raise Misfit(f"must be {in_words(of)}, not {kind_of(value)}", path)
    return value


def _unremembered(value: Value) -> Value:
    """The value without any memory in it."""
    value = bare(value)
    if isinstance(value, tuple):
        return tuple([_unremembered(item) for item in value])
    if isinstance(value, Mapping):
        return {name: _unremembered(item) for name, item in value.items()}
    return value


def _as_word(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise ValueError


def _shown(value: Value) -> str:
    try:
        word = " ".join(_as_word(value).split())
    except ValueError:
        return kind_of(value)
    return f'"{word[:60]}…"' if len(word) > 60 else f'"{word}"'


def _fields(of: RecordType) -> str:
    return ", ".join(f"`{field.name}`" for field in of.fields[:6]) + (" and more" if len(of.fields) > 6 else "")
