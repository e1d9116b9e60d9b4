"""From text to values: numbers, dates, yes/no and JSON. Strict, and never more than a value may be."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from ..pattern import pattern
from .arithmetic import MAX_DIGITS, fits
from .values import EMPTY, Record, Value, ValueMistake

MAX_JSON_DEPTH = 64

_NUMBER = pattern(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,6})?")
_DATE = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONE_SURROGATE = pattern(r"[\ud800-\udfff]")


def read_number(text: str) -> Decimal | None:
    """The number that a text spells, outer spaces aside; None if it spells none that fits."""
    text = text.strip()
    if len(text) > 3 * MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if not number:
        return Decimal(0)
    return number if fits(number) else None


def read_date(text: str) -> date | None:
    """The day that a text like 2026-03-11 spells, outer spaces aside; None if it spells none."""
    text = text.strip()
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_yes_no(text: str) -> bool | None:
    """True for yes, False for no, in any case; None for anything else."""
    return {"yes": True, "no": False}.get(text.strip().casefold())


def read_json(text: str) -> Value:
    """The value of a JSON text; null is EMPTY.

    Raises ValueMistake for what is no JSON, and for JSON that hides something: a name twice in one record,
    NaN, a number of over `MAX_DIGITS` digits, half a character, more than `MAX_JSON_DEPTH` levels.
    """
    try:
        data = json.loads(
            text.removeprefix("\ufeff"),
            parse_int=_json_number,
            parse_float=_json_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_record,
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            raise ValueMistake("an empty text is not JSON") from None
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueMistake(f"the text is not JSON: something is wrong at its {place}") from None
    except RecursionError:
        raise _too_deep() from None
    return _value(data, 0)


def _json_number(text: str) -> Decimal:
    number = read_number(text)
    if number is None:
        raise ValueMistake(f"the JSON holds a number of more than {MAX_DIGITS} digits")
    return number


def _refuse_constant(word: str) -> Value:
    raise ValueMistake(f"the text is not JSON: `{word}` is no JSON number")


def _record(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueMistake(f'the JSON has "{name[:100]}" twice in one record')
            seen.add(name)
    return record


def _value(data: object, depth: int) -> Value:
    if isinstance(data, str):
        if not data.isascii() and _LONE_SURROGATE.search(data):
            raise ValueMistake("the JSON holds half a character, like \\ud83d without its other half")
        return data
    if isinstance(data, bool | Decimal):
        return data
    if data is None:
        return EMPTY
    if depth >= MAX_JSON_DEPTH:
        raise _too_deep()
    if isinstance(data, list):
        return tuple([_value(item, depth + 1) for item in data])
    assert isinstance(data, dict)
    record: Record = {str(_value(name, depth)): _value(item, depth + 1) for name, item in data.items()}
    return record


def _too_deep() -> ValueMistake:
    return ValueMistake(f"the JSON is nested more than {MAX_JSON_DEPTH} levels deep")
