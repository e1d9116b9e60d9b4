"""When values are the same, which comes first, and what stands in what.

Text is compared without regard to case and outer spaces, and é is é however it was typed. Where types let it
through (a table's cell, `json`), a text also equals the number, date or yes/no that it spells.
"""

import unicodedata
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from decimal import Decimal

from .reading import read_date, read_number, read_yes_no
from .values import MAX_DEPTH, Document, Empty, Media, Secret, Value, ValueMistake, bare, kind_of
from .writing import as_text


def folded(text: str) -> str:
    """The text as it is compared."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def same(a: Value, b: Value) -> bool:
    """Whether `a is b` holds. Lists and records are compared item by item; what is remembered does not count."""
    a, b = _matched(a, b)
    if isinstance(a, str) and isinstance(b, str):
        return a == b or folded(a) == folded(b)
    identity = identities()
    return identity(a) == identity(b)


def identities() -> Callable[[Value], Hashable]:
    """A function that gives two values the same key if, and only if, they are the same. Keys of one such function only.

    Lists and records are numbered as they turn up, so a key is short, and a value that stands in many places
    is looked at once, however often a flow has doubled it.
    """
    numbers: dict[Hashable, int] = {}
    seen: dict[int, tuple[Value, Hashable]] = {}  # by id; the value is kept, so that the id stays its own

    def key(value: Value, depth: int) -> Hashable:
        value = bare(value)
        match value:
            case str():
                return folded(value)
            case bool():
                return ("yes/no", value)
            case Decimal() | Empty():
                return value
            case date():
                return value.isoformat()
            case Document():
                return folded(value.text)
            case Media():
                return ("media", value.digest)
            case Secret():
                return ("secret", value.value)
        if id(value) in seen:
            return seen[id(value)][1]
        if depth >= MAX_DEPTH:
            raise ValueMistake(f"a value is nested more than {MAX_DEPTH} levels deep")
        parts: Hashable
        if isinstance(value, Mapping):
            # A field that is EMPTY and one that is not there are the same.
            fields = [(name, key(item, depth + 1)) for name, item in value.items()]
            parts = frozenset([field for field in fields if not isinstance(field[1], Empty)])
        else:
            assert isinstance(value, tuple)
            parts = tuple([key(item, depth + 1) for item in value])
        found = ("nested", numbers.setdefault(parts, len(numbers)))
        seen[id(value)] = (value, found)
        return found

    return lambda value: key(value, 0)


def compared(a: Value, b: Value) -> int | None:
    """-1, 0 or 1: numbers by size, dates by day, texts by alphabet, unless one spells a number or a date.

    None where a blank text, an empty cell of a table, stands beside a number or a date. Raises ValueMistake for
    anything else.
    """
    a, b = _matched(a, b)
    if isinstance(a, str) and isinstance(b, str):
        a, b = _measured(a, b)
    if isinstance(a, str) and isinstance(b, str):
        return _sign(folded(a) > folded(b), folded(a) < folded(b))
    if isinstance(a, Decimal | date) and isinstance(b, str) and is_empty(b):
        return None
    if isinstance(b, Decimal | date) and isinstance(a, str) and is_empty(a):
        return None
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return _sign(a > b, a < b)
    if isinstance(a, date) and isinstance(b, date):
        return _sign(a > b, a < b)
    for one, other in ((a, b), (b, a)):
        if isinstance(one, str) and isinstance(other, Decimal | date):
            what = "date" if isinstance(other, date) else "number"
            raise ValueMistake(f"{_shown(one)} is no {what}, so it cannot be compared by size with {_shown(other)}")
    raise ValueMistake(f"{_shown(a)} cannot be compared by size with {_shown(b)}")


def contains(whole: Value, part: Value) -> bool:
    """Whether a text contains a text, or a list an item."""
    whole = bare(whole)
    if isinstance(whole, tuple):
        return any(same(item, part) for item in whole)
    return _sought(part, "contains") in folded(_text(whole, "contains"))


def starts_with(whole: Value, part: Value) -> bool:
    """Whether a text starts with a text."""
    return folded(_text(whole, "starts with")).startswith(_sought(part, "starts with"))


def ends_with(whole: Value, part: Value) -> bool:
    """Whether a text ends with a text."""
    return folded(_text(whole, "ends with")).endswith(_sought(part, "ends with"))


def is_empty(value: Value) -> bool:
    """Whether `is empty` holds: of what never came about, of a text without anything but blanks, of an empty list."""
    value = bare(value)
    if isinstance(value, Document):
        value = value.text
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, Empty) or value == ()


def sort_key(value: Value, choices: tuple[str, ...] = ()) -> tuple[int, object]:
    """The key by which `sort by` orders: numbers, dates, no before yes, choices as declared, text by alphabet.

    Accents count only between texts that are else equal. Lists, records and files come last, as they were.
    """
    value = bare(value)
    if isinstance(value, Document):
        value = value.text
    match value:
        case Decimal():
            return (0, value)
        case bool():
            return (2, value)
        case date():
            return (1, value)
        case str():
            plain = folded(value)
            for place, choice in enumerate(choices):
                if folded(choice) == plain:
                    return (3, place)
            return (4, (_without_accents(plain), plain, value))
        case _:
            return (5, 0)


def _matched(a: Value, b: Value) -> tuple[Value, Value]:
    """Both values without memory, documents as text, and a text beside another plain value read as one of its kind."""
    a, b = bare(a), bare(b)
    a = a.text if isinstance(a, Document) else a
    b = b.text if isinstance(b, Document) else b
    if isinstance(a, str) and not isinstance(b, str):
        return _read_like(b, a), b
    if isinstance(b, str) and not isinstance(a, str):
        return a, _read_like(a, b)
    return a, b


def _read_like(pattern: Value, text: str) -> Value:
    found: Value | None = None
    match pattern:
        case bool():
            found = read_yes_no(text)
        case Decimal():
            found = read_number(text)
        case date():
            found = read_date(text)
    return text if found is None else found


def _measured(a: str, b: str) -> tuple[Value, Value]:
    """Both texts as dates if one of them spells one, else as numbers; one that spells none stays a text."""
    days = read_date(a), read_date(b)
    if days != (None, None):
        return days[0] or a, days[1] or b
    first, second = read_number(a), read_number(b)
    return a if first is None else first, b if second is None else second


def _sign(more: bool, less: bool) -> int:
    return int(more) - int(less)


def _text(value: Value, words: str) -> str:
    value = bare(value)
    if isinstance(value, tuple | Mapping | Media | Secret | Empty):
        raise ValueMistake(f"`{words}` needs a text, and this is {kind_of(value)}")
    return as_text(value)


def _sought(value: Value, words: str) -> str:
    """The text that is looked for; one of nothing but blanks is taken as it stands."""
    text = _text(value, words)
    return folded(text) or text


def _shown(value: Value) -> str:
    value = bare(value)
    if isinstance(value, tuple | Mapping | Media | Secret | Empty):
        return kind_of(value)
    text = as_text(value)
    shown = text if len(text) <= 40 else text[:39] + "…"
    return f'the text "{shown}"' if isinstance(value, str) else shown


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
