"""Answers against their types: the schema that a model is sent, and the value that its reply becomes.

The schema keeps to what every provider understands: an object at the root, every field required, what is optional as a
union with null, no further fields, choices as an enum. Bounds and meanings are told in descriptions and checked here,
because half of the providers refuse such keywords or ignore them. A type that is no record travels in a record with
the one field `answer`; the reader takes it with or without.
"""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, assert_never

from ..language.reading import read_json
from ..language.scalars import check_bounds, kind_of_number, listed, read_choice, read_date, read_number, read_yes_no
from ..language.types import (
    ChoiceType,
    DateType,
    DocumentType,
    FieldType,
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
from ..language.values import EMPTY, Value, ValueMistake
from ..language.writing import number_text
from ..pattern import pattern
from ..record import record
from .errors import BadAnswer
from .json_places import broken_at, find
from .repair import difference, repaired

WRAPPER = "answer"  # the field that carries what is no record
# What a judge is asked for.
JUDGEMENT = RecordType(
    "Judgement",
    (
        FieldType("holds", YesNoType(), "Does the answer keep the rule?"),
        FieldType("reason", TextType(), "One sentence"),
    ),
)

AGAIN = "That answer can't be used: "  # how a question begins that is asked again

_FENCE = pattern(r"\s*```[A-Za-z]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "`": "`"}


@record
class AnswerSchema:
    """A JSON Schema as a provider is sent it. `strict`: it says everything, so the provider may enforce it."""

    name: str
    schema: Mapping[str, Any]
    strict: bool


def schema_of(of: Type, name: str) -> AnswerSchema:
    """The schema of one answer; equal types give the same bytes. `name` is shortened to what providers allow."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    usable = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_")[:64] or WRAPPER
    schema = _object({WRAPPER: _schema(of, "")}, "") if _wrapped(of) else _schema(of, "")
    return AnswerSchema(usable, schema, strict=not _holds_json(of))


def read_answer(text: str, of: Type | None) -> Value:
    """The value that a reply's text is; of no type, the text as it came. Raises BadAnswer.

    A fence around the whole answer is looked through. Fields that nobody asked for are dropped.
    """
    match _inner(of):
        case None:
            return text
        case TextType():
            return _read_text(text, of or TextType())
        case NumberType() | YesNoType() | DateType() | ChoiceType() as plain:
            return _read_plain(text, of or plain)
        case _:
            return _read_record_or_list(text, of or JsonType())


def read_kindly(text: str, of: Type | None) -> tuple[Value, str]:
    """The value that a model's reply is, and what had to be put right in it for that; "" if nothing.

    Raises BadAnswer. Words around JSON and slips in its signs are put right; what it says is never changed.
    """
    try:
        return read_answer(text, of), ""
    except BadAnswer as strict:
        plain = _inner(of)
        if plain is None or isinstance(plain, TextType) or _is_json(text):
            raise
        mistake = strict
    for meant in repaired(text):
        try:
            return read_answer(meant, of), difference(text, meant)
        except BadAnswer as inner:
            place = text.find(meant)
            if place >= 0 and inner.start is not None and inner.end is not None and _is_json(meant):
                mistake = BadAnswer(inner.message, inner.path, place + inner.start, place + inner.end)
    raise mistake


def told_again(mistake: BadAnswer, text: str) -> str:
    """What a model is told whose answer `text` did not fit its type."""
    where = f" (in {' of '.join(map(_named, reversed(mistake.path[:-1])))})" if len(mistake.path) > 1 else ""
    found = ""
    if " must " in mistake.message and mistake.start is not None and mistake.end is not None:
        bit = " ".join(text[mistake.start : mistake.end].split())
        if bit:
            found = f", not {bit[:80]}…" if len(bit) > 80 else f", not {bit}"
    return f"{AGAIN}{mistake.message}{found}{where}. Answer the whole question again, with that put right."


def told_rule(rule: str, reason: str = "") -> str:
    """What a model is told whose answer broke a rule of the flow; `reason` is the word of the model that judged it."""
    because = f" ({reason.strip()})" if reason.strip() else ""
    return f"{AGAIN}it breaks this rule: {rule}{because}. Answer the whole question again, so that the rule holds."


# The schema


def _schema(of: Type, meaning: str) -> dict[str, Any]:
    match of:
        case TextType():
            return _told({"type": "string"}, meaning, _size(of.low, of.high, "character"))
        case NumberType():
            kind = "integer" if of.whole else "number"
            return _told({"type": kind}, meaning, _size(of.low, of.high, ""))
        case YesNoType():
            return _told({"type": "boolean"}, meaning)
        case DateType():
            return _told({"type": "string"}, meaning, "a date, written as 2026-03-11")
        case ChoiceType():
            return _told({"type": "string", "enum": list(of.choices)}, meaning)
        case ListOf():
            return _told({"type": "array", "items": _schema(of.item, "")}, meaning, _size(of.low, of.high, "item"))
        case Optional():
            item = of.item
            while isinstance(item, Optional | Remembering):
                item = item.item
            inner = _schema(item, meaning)
            told = inner.pop("description", "")
            return _told({"anyOf": [inner, {"type": "null"}]}, told, "null if there is none")
        case RecordType():
            if of.open:
                return _told({"type": "object"}, meaning)
            return _object({one.name: _schema(one.type, one.description) for one in of.fields}, meaning)
        case Remembering():
            return _schema(of.item, meaning)
        case JsonType() | Unknown():
            return _told({}, meaning, "any JSON value")
        case SecretType() | DocumentType() | MediaType():
            raise AssertionError(f"no answer is `{spelled(of)}`: checking refuses it")
    assert_never(of)


def _object(properties: dict[str, Any], meaning: str) -> dict[str, Any]:
    rest = {"properties": properties, "required": list(properties), "additionalProperties": False}
    return _told({"type": "object"}, meaning) | rest


def _told(schema: dict[str, Any], *said: str) -> dict[str, Any]:
    told = "; ".join(part for part in said if part)
    return schema | {"description": told} if told else schema


def _size(low: int | Decimal | None, high: int | Decimal | None, unit: str) -> str:
    def plain(number: int | Decimal) -> str:
        return number_text(number) if isinstance(number, Decimal) else str(number)

    units = f" {unit}" + ("" if (high or low) == 1 else "s") if unit else ""
    if low is not None and high is not None:
        return f"exactly {plain(low)}{units}" if low == high else f"from {plain(low)} to {plain(high)}{units}"
    if low is not None:
        return f"at least {plain(low)}{units}"
    return f"at most {plain(high)}{units}" if high is not None else ""


def _inner(of: Type | None) -> Type | None:
    while isinstance(of, Remembering | Optional):
        of = of.item
    return of


def _wrapped(of: Type) -> bool:
    while isinstance(of, Remembering):
        of = of.item
    return not isinstance(of, RecordType)


def _holds_json(of: Type) -> bool:
    match of:
        case JsonType() | Unknown():
            return True
        case ListOf() | Optional() | Remembering():
            return _holds_json(of.item)
        case RecordType():
            return of.open or any(_holds_json(one.type) for one in of.fields)
        case _:
            return False


# From a reply's text to a value


class _Unfit(Exception):
    def __init__(self, message: str, path: tuple[str | int, ...]) -> None:
        self.message = message
        self.path = path


def _read_text(text: str, of: Type) -> Value:
    """A text as it came. One that was sent as JSON, because of its bounds, is taken out of it."""
    value: Value = text
    if text.lstrip().startswith("{"):
        found: Value = EMPTY
        with suppress(ValueMistake):
            found = read_json(text)
        if isinstance(found, Mapping) and list(found) == [WRAPPER]:
            inner = found[WRAPPER]
            if isinstance(inner, str):
                value = inner
            elif inner is EMPTY and isinstance(of, Optional):
                return EMPTY
    if wrong := check_bounds(value, of):
        raise BadAnswer(f"the answer {wrong}", (), 0, len(text))
    return value


def _read_plain(text: str, of: Type) -> Value:
    """A number, yes or no, date or choice: as a bare word, in quotes, or in a record as it was asked for."""
    start, body = _unfenced(text)
    if body.startswith("{"):
        return _read_json_answer(text, start, body, of)
    word = body
    if len(word) > 1 and _QUOTES.get(word[0]) == word[-1]:
        word = word[1:-1].strip()
    if isinstance(of, Optional) and word.casefold() in ("", "null"):
        return EMPTY
    try:
        return _fitting(word, of, (), bare_word=True)
    except _Unfit as unfit:
        raise BadAnswer(unfit.message, (), start, start + len(body)) from None


def _read_record_or_list(text: str, of: Type) -> Value:
    start, body = _unfenced(text)
    return _read_json_answer(text, start, body, of)


def _read_json_answer(text: str, start: int, body: str, of: Type) -> Value:
    """`body` stands at `start` in the reply."""
    try:
        found = read_json(body)
    except ValueMistake as mistake:
        broken = broken_at(body)
        if broken is None:
            said = mistake.message.replace("the text is", "the answer is")
            raise BadAnswer(said, (), start, start + len(body)) from None
        why, at = broken
        place = min(start + at, len(text))
        raise BadAnswer(f"the answer is no JSON: {why}", (), place, min(place + 1, len(text))) from None
    prefix: tuple[str | int, ...] = ()
    plain = _inner(of)
    if _wrapped(of) and isinstance(found, Mapping) and list(found) == [WRAPPER]:
        found, prefix = found[WRAPPER], (WRAPPER,)
    try:
        return _fitting(found, of, (), bare_word=isinstance(plain, NumberType | YesNoType | DateType | ChoiceType))
    except _Unfit as unfit:
        at, end = find(body, prefix + unfit.path)
        raise BadAnswer(unfit.message, unfit.path, start + at, start + end) from None


def _is_json(text: str) -> bool:
    return broken_at(_unfenced(text)[1]) is None


def _unfenced(text: str) -> tuple[int, str]:
    """What a reply says without a fence, a byte-order mark and outer spaces, and where it begins."""
    fenced = _FENCE.fullmatch(text)
    start, body = (fenced.start(1), fenced[1]) if fenced else (0, text)
    kept = body.lstrip("\ufeff \t\r\n")
    return start + len(body) - len(kept), kept.rstrip()


def _fitting(found: Value, of: Type, path: tuple[str | int, ...], bare_word: bool = False) -> Value:
    """The value of a type that JSON spells. `bare_word`: a number, yes or no may come as a text."""
    value: Value
    match of:
        case Remembering():
            return _fitting(found, of.item, path, bare_word)
        case Optional():
            return EMPTY if found is EMPTY else _fitting(found, of.item, path, bare_word)
        case JsonType() | Unknown():
            return found
        case TextType():
            if not isinstance(found, str):
                raise _unfit("must be text", found, path)
            value = found
        case NumberType():
            if isinstance(found, str) and bare_word:
                with suppress(ValueError):
                    found = read_number(found)
            if not isinstance(found, Decimal):
                raise _unfit(f"must be {kind_of_number(of)}", found, path)
            value = found
        case YesNoType():
            if isinstance(found, str) and bare_word:
                try:
                    return read_yes_no(found)
                except ValueError:
                    raise _unfit("must be yes or no", found, path) from None
            if not isinstance(found, bool):
                raise _unfit("must be true or false", found, path)
            return found
        case DateType():
            try:
                return read_date(found if isinstance(found, str) else "")
            except ValueError as no_date:
                hint = " that exists" if "not exist" in str(no_date) else ", written as 2026-03-11"
                raise _unfit(f"must be a date{hint}", found, path) from None
        case ChoiceType():
            try:
                return read_choice(_as_word(found), of.choices)
            except ValueError:
                raise _unfit(f"must be one of {listed(of.choices)}", found, path) from None
        case ListOf():
            if not isinstance(found, tuple):
                raise _unfit("must be a list", found, path)
            value = tuple(_fitting(item, of.item, (*path, place)) for place, item in enumerate(found))
        case RecordType():
            return _record(found, of, path)
        case SecretType() | DocumentType() | MediaType():
            raise AssertionError(f"no answer is `{spelled(of)}`: checking refuses it")
        case _:
            assert_never(of)
    if wrong := check_bounds(value, of):
        raise _unfit(wrong, found, path)
    return value


def _record(found: Value, of: RecordType, path: tuple[str | int, ...]) -> Value:
    if not isinstance(found, Mapping):
        raise _unfit(f"must be a record with {_fields(of)}", found, path)
    record: dict[str, Value] = {}
    for one in of.fields:
        given = found.get(one.name, EMPTY)
        if given is EMPTY and not isinstance(_unremembered(one.type), Optional | JsonType | Unknown):
            said = "is missing" if one.name not in found else "must not be empty"
            raise _Unfit(f"{_subject((*path, one.name))} {said}", (*path, one.name))
        record[one.name] = _fitting(given, one.type, (*path, one.name))
    if of.open:
        for name, item in found.items():
            if name not in record:
                record[name] = item
    return record


def _unremembered(of: Type) -> Type:
    while isinstance(of, Remembering):
        of = of.item
    return of


def _as_word(found: Value) -> str:
    """A choice as text; one such as "2026" may have come as a number."""
    if isinstance(found, Decimal):
        return number_text(found)
    return found if isinstance(found, str) else ""


def _unfit(must: str, found: Value, path: tuple[str | int, ...]) -> _Unfit:
    if found is EMPTY and path:
        must = "is missing" if isinstance(path[-1], int) else must
    return _Unfit(f"{_subject(path)} {must}", path)


def _subject(path: tuple[str | int, ...]) -> str:
    return _named(path[-1]) if path else "the answer"


def _named(step: str | int) -> str:
    return f"`{step}`" if isinstance(step, str) else f"item {step + 1}"


def _fields(of: RecordType) -> str:
    return ", ".join(f"`{one.name}`" for one in of.fields[:6]) + (" and more" if len(of.fields) > 6 else "")
