"""Plain values read from text, the same everywhere: in defaults, flags, cells of a table and answers of a model.

Each reader returns the value or raises ValueError with a sentence for the author.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import assert_never

from ..pattern import pattern
from . import reading
from .arithmetic import MAX_DIGITS
from .types import (
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
    spelled_choice,
)
from .values import Value
from .writing import number_text

_NUMBER_OF_ANY_SIZE = pattern(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = pattern(r"[+-]?[0-9]{1,3}(?:[,' ][0-9]{3})+(?:\.[0-9]+)?")
_DECIMAL_COMMA = pattern(r"[+-]?[0-9]+,[0-9]+")


def read_number(text: str) -> Decimal:
    """The exact number that a text spells; spaces around it and the minus sign of typesetters do no harm."""
    bare = text.strip().replace("\u2212", "-")
    number = reading.read_number(bare)
    if number is not None:
        return number
    if _NUMBER_OF_ANY_SIZE.fullmatch(bare):
        raise ValueError(f"{_quoted(text)} has more than {MAX_DIGITS} digits")
    hint = ""
    if _THOUSANDS.fullmatch(bare):
        hint = f": write {re.sub('[^0-9.+-]', '', bare)}"
    elif _DECIMAL_COMMA.fullmatch(bare):
        hint = f": write {bare.replace(',', '.')}"
    raise ValueError(f"{_quoted(text)} is no number{hint}")


def read_yes_no(text: str) -> bool:
    """yes or no; true and false are understood."""
    answer = reading.read_yes_no({"true": "yes", "false": "no"}.get(text.strip().casefold(), text))
    if answer is None:
        raise ValueError(f"{_quoted(text)} is neither yes nor no")
    return answer


def read_date(text: str) -> date:
    """A day as 2026-03-11."""
    day = reading.read_date(text)
    if day is None:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
            raise ValueError(f"{_quoted(text)} is a day that does not exist")
        raise ValueError(f"{_quoted(text)} is no date: write it as 2026-03-11")
    return day


def read_choice(text: str, choices: Sequence[str]) -> str:
    """The choice that a text means, as it was declared; case and outer spaces do not count."""
    if text in choices:
        return text
    wanted = _folded(text)
    for choice in choices:
        if _folded(choice) == wanted:
            return choice
    raise ValueError(f"{_quoted(text)} is not one of {listed(choices)}")


def listed(choices: Sequence[str]) -> str:
    """The choices as a flow lists them."""
    return ", ".join(spelled_choice(choice) for choice in choices)


def kind_of_number(of: NumberType) -> str:
    """What a number must be, such as `a whole number from 1 to 10`."""
    span = _span(of.low, of.high)
    kind = "a whole number" if of.whole else "a number"
    return f"{kind} {span}" if span.startswith("from") else f"{kind} of {span}" if span else kind


def check_bounds(value: Value, of: Type) -> str | None:
    """What is wrong with the size of a value of the right kind, such as `must be at most 10`; None if nothing is.

    Looks at the value itself, not into its items and fields.
    """
    match of:
        case NumberType():
            if not isinstance(value, Decimal):
                return None
            off = (of.low is not None and value < of.low) or (of.high is not None and value > of.high)
            if of.whole and (off or value != value.to_integral_value()):
                return f"must be {kind_of_number(of)}"
            if off:
                return f"must be {_span(of.low, of.high)}"
            return None
        case TextType():
            if isinstance(value, str) and _off(len(value), of.low, of.high):
                return f"must have {_span(of.low, of.high, count=True)} {_plural('character', of.low, of.high)}"
            return None
        case ListOf():
            if isinstance(value, tuple) and _off(len(value), of.low, of.high):
                return f"must have {_span(of.low, of.high, count=True)} {_plural('item', of.low, of.high)}"
            return None
        case Optional() | Remembering():
            return check_bounds(value, of.item)
        case (
            YesNoType()
            | DateType()
            | JsonType()
            | SecretType()
            | DocumentType()
            | MediaType()
            | ChoiceType()
            | RecordType()
            | Unknown()
        ):
            return None
    assert_never(of)


def _off(size: int, low: int | None, high: int | None) -> bool:
    return (low is not None and size < low) or (high is not None and size > high)


def _span(low: int | Decimal | None, high: int | Decimal | None, count: bool = False) -> str:
    if low is not None and high is not None:
        if low == high:
            return f"exactly {_plain(low)}"
        return f"{_plain(low)} to {_plain(high)}" if count else f"from {_plain(low)} to {_plain(high)}"
    if low is not None:
        return f"at least {_plain(low)}"
    return f"at most {_plain(high)}" if high is not None else ""


def _plain(number: int | Decimal) -> str:
    return number_text(number) if isinstance(number, Decimal) else str(number)


def _plural(word: str, low: int | None, high: int | None) -> str:
    last = high if high is not None else low
    return word if last == 1 and low in (None, 1) else word + "s"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _quoted(text: str) -> str:
    one_line = " ".join(text.split())
    return f'"{one_line[:60]}…"' if len(one_line) > 60 else f'"{one_line}"'
