"""The filters: one row each, and the pure function behind it.

A filter never sees EMPTY: what is piped on from an EMPTY is EMPTY, and `default` is where that ends (expression.py).
Items of a list that are EMPTY (a field that `json` lacks) are passed over by every filter that calculates or writes.
Types are the checker's business; what it lets through (`json`, a table's cell) is met here with a ValueMistake.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from ..record import record
from . import arithmetic, cutting, writing
from .comparing import compared, identities, is_empty, sort_key
from .reading import read_date, read_json
from .scalars import read_number
from .values import EMPTY, Document, Media, Remembered, Secret, Value, ValueMistake, bare, kind_of


def _never(item: Value) -> bool:
    raise AssertionError("this filter was called without its condition")


def _nothing(item: Value) -> Value:
    raise AssertionError("this filter was called without its field")


@record
class Call:
    """How a filter is called: what stands behind its name, and how to ask an item."""

    arguments: tuple[Value, ...] = ()
    holds: Callable[[Value], bool] = _never  # where, share
    pick: Callable[[Value], Value] = _nothing  # sort by, group by, take
    largest_first: bool = False
    choices: tuple[str, ...] = ()
    by_size: bool = False  # sort by: whether texts that all spell numbers, or dates, are ordered as these


@record
class Filter:
    """One row: `form` is how it is written, `least` and `most` how many arguments it takes.

    A condition and a field are no arguments; `condition` and `path` say that one must stand there.
    """

    name: str
    form: str
    help: str
    work: Callable[[Value, Call], Value]
    least: int = 0
    most: int = 0
    condition: bool = False
    path: bool = False


def apply(name: str, given: Value, call: Call) -> Value:
    """What the filter makes of `given`. Raises ValueMistake where it cannot."""
    return FILTERS[name].work(given, call)


# ── Lists ──


def _where(given: Value, call: Call) -> Value:
    return tuple([item for item, holds in _asked(given, call, "where") if holds])


def _sort_by(given: Value, call: Call) -> Value:
    keyed = [(bare(call.pick(item)), item) for item in _items(given, "sort by")]
    if call.by_size:
        keyed = _sized(keyed)
    there = [(sort_key(key, call.choices), item) for key, item in keyed if key is not EMPTY]
    there.sort(key=lambda pair: pair[0], reverse=call.largest_first)
    return tuple([item for _, item in there] + [item for key, item in keyed if key is EMPTY])


def _sized(keyed: list[tuple[Value, Value]]) -> list[tuple[Value, Value]]:
    """The keys as numbers or as dates if all of them spell such, blank ones as EMPTY; else as they are."""
    for read in (_number_in, _day_in):
        sizes = [EMPTY if is_empty(key) else read(key) for key, _ in keyed]
        if None not in sizes:
            return [(size, item) for size, (_, item) in zip(sizes, keyed, strict=True) if size is not None]
    return keyed


def _number_in(key: Value) -> Decimal | None:
    if not isinstance(key, str):
        return key if isinstance(key, Decimal) else None
    try:
        return read_number(key)
    except ValueError:
        return None


def _day_in(key: Value) -> date | None:
    return read_date(key) if isinstance(key, str) else key if isinstance(key, date) else None


def _group_by(given: Value, call: Call) -> Value:
    identity = identities()
    groups: dict[object, tuple[Value, list[Value]]] = {}
    for item in _items(given, "group by"):
        key = bare(call.pick(item))
        groups.setdefault(identity(key), (key, []))[1].append(item)
    return tuple([{"key": key, "items": tuple(items)} for key, items in groups.values()])


def _first(given: Value, call: Call) -> Value:
    items = _items(given, "first")
    if call.arguments:
        return items[: _whole(call.arguments[0], "first")]
    return items[0] if items else EMPTY


def _last(given: Value, call: Call) -> Value:
    items = _items(given, "last")
    if call.arguments:
        return items[max(0, len(items) - _whole(call.arguments[0], "last")) :]
    return items[-1] if items else EMPTY


def _take(given: Value, call: Call) -> Value:
    return tuple([bare(call.pick(item)) for item in _items(given, "take")])


def _unique(given: Value, call: Call) -> Value:
    identity = identities()
    firsts: dict[object, Value] = {}
    for item in _items(given, "unique"):
        firsts.setdefault(identity(item), item)
    return tuple(firsts.values())


# A list that was put together, doubled and doubled again ends here.
MAX_ITEMS = 1_000_000


def _flatten(given: Value, call: Call) -> Value:
    flat: list[Value] = []
    for item in _items(given, "flatten"):
        inner = bare(item)
        if not isinstance(inner, tuple):
            flat.append(item)
        elif isinstance(item, Remembered):
            flat += [_reminded(one, item.memory) for one in inner]
        else:
            flat += inner
        if len(flat) > MAX_ITEMS:
            raise ValueMistake(f"the list gets longer than {MAX_ITEMS:,} items")
    return tuple(flat)


def _reminded(item: Value, memory: Mapping[str, Value]) -> Value:
    """The item with what its list remembers; what it remembers itself goes before."""
    if isinstance(item, Remembered):
        return Remembered(item.value, {**memory, **item.memory})
    return Remembered(item, memory)


# ── What becomes of a whole list ──


def _count(given: Value, call: Call) -> Value:
    return Decimal(len(_items(given, "count")))


def _sum(given: Value, call: Call) -> Value:
    return arithmetic.total(_numbers(given, "sum"))


def _average(given: Value, call: Call) -> Value:
    numbers = _numbers(given, "average")
    return arithmetic.divided_by(arithmetic.total(numbers), Decimal(len(numbers)))


def _smallest(given: Value, call: Call) -> Value:
    return _extreme(_measures(given, "smallest"), -1)


def _largest(given: Value, call: Call) -> Value:
    return _extreme(_measures(given, "largest"), 1)


def _most_common(given: Value, call: Call) -> Value:
    identity = identities()
    counts: dict[object, int] = {}
    firsts: dict[object, Value] = {}
    for item in _present(given, "most_common"):
        key = identity(item)
        firsts.setdefault(key, item)
        counts[key] = counts.get(key, 0) + 1
    # max() stays with the first of equals, and a dict with the order of first appearance.
    return firsts[max(counts, key=lambda key: counts[key])] if counts else EMPTY


def _share(given: Value, call: Call) -> Value:
    asked = _asked(given, call, "share")
    holding = sum(1 for _, holds in asked if holds)
    return arithmetic.divided_by(Decimal(holding), Decimal(len(asked)))


def _join(given: Value, call: Call) -> Value:
    between = _text(call.arguments[0], "join")
    return writing.joined((writing.as_text(item) for item in _present(given, "join")), between)


# ── Texts ──


def _split(given: Value, call: Call) -> Value:
    return cutting.split(_text(given, "split"), _text(call.arguments[0], "split"))


def _lines(given: Value, call: Call) -> Value:
    return cutting.lines(_text(given, "lines"))


def _words(given: Value, call: Call) -> Value:
    return cutting.words(_text(given, "words"))


def _chunks_of(given: Value, call: Call) -> Value:
    size, *overlap = [_whole(argument, "chunks of") for argument in call.arguments]
    return cutting.chunks(_text(given, "chunks of"), size, overlap[0] if overlap else 0)


def _trim(given: Value, call: Call) -> Value:
    return _text(given, "trim").strip()


def _upper(given: Value, call: Call) -> Value:
    return _text(given, "upper").upper()


def _lower(given: Value, call: Call) -> Value:
    return _text(given, "lower").lower()


def _replace(given: Value, call: Call) -> Value:
    text = _text(given, "replace")
    old, new = [_text(argument, "replace") for argument in call.arguments]
    if not old:
        raise ValueMistake("`replace` needs something to look for, and this is an empty text")
    if len(text) + text.count(old) * (len(new) - len(old)) > writing.MAX_TEXT:
        raise ValueMistake(f"the text gets longer than {writing.MAX_TEXT:,} characters")
    return text.replace(old, new)


def _shorten_to(given: Value, call: Call) -> Value:
    return cutting.shortened(_text(given, "shorten to"), _whole(call.arguments[0], "shorten to"))


# ── Numbers ──


def _round(given: Value, call: Call) -> Value:
    return arithmetic.rounded(_number(given, "round"), _whole(call.arguments[0], "round"))


def _percent(given: Value, call: Call) -> Value:
    return writing.number_text(arithmetic.percent(_number(given, "percent"))) + "%"


def _plus(given: Value, call: Call) -> Value:
    return arithmetic.plus(_number(given, "plus"), _number(call.arguments[0], "plus"))


def _minus(given: Value, call: Call) -> Value:
    return arithmetic.minus(_number(given, "minus"), _number(call.arguments[0], "minus"))


def _times(given: Value, call: Call) -> Value:
    return arithmetic.times(_number(given, "times"), _number(call.arguments[0], "times"))


def _divided_by(given: Value, call: Call) -> Value:
    return arithmetic.divided_by(_number(given, "divided by"), _number(call.arguments[0], "divided by"))


# ── Anything ──


def _default(given: Value, call: Call) -> Value:
    return call.arguments[0] if bare(given) is EMPTY else given


def _bullets(given: Value, call: Call) -> Value:
    return writing.bullets(_items(given, "bullets"))


def _numbered(given: Value, call: Call) -> Value:
    return writing.numbered(_items(given, "numbered"))


def _table(given: Value, call: Call) -> Value:
    rows = [row for row in _present(given, "table") if isinstance(row, Mapping)]
    if others := [row for row in _present(given, "table") if not isinstance(row, Mapping)]:
        raise ValueMistake(f"`table` needs a list of records, and an item of this one is {kind_of(others[0])}")
    return writing.markdown_table(rows)


def _json(given: Value, call: Call) -> Value:
    return writing.json_text(given)


def _parse_json(given: Value, call: Call) -> Value:
    return read_json(_text(given, "parse json"))


# ── What a filter asks of its values ──


def _items(given: Value, name: str) -> tuple[Value, ...]:
    given = bare(given)
    if not isinstance(given, tuple):
        raise ValueMistake(f"`{name}` needs a list, and this is {kind_of(given)}")
    return given


def _asked(given: Value, call: Call, name: str) -> list[tuple[Value, bool]]:
    """Each item, and whether the condition holds for it. A mistake names the item."""
    asked: list[tuple[Value, bool]] = []
    for place, item in enumerate(_items(given, name), 1):
        try:
            asked.append((item, call.holds(item)))
        except ValueMistake as mistake:
            raise _at(place, mistake) from None
    return asked


def _at(place: int, mistake: ValueMistake) -> ValueMistake:
    """The mistake with its place in the list; of lists in lists the innermost one."""
    told = mistake.message.endswith(" of the list)")
    return mistake if told else ValueMistake(f"{mistake.message} (item {place:,} of the list)")


def _present(given: Value, name: str) -> list[Value]:
    """The items without memory, and without those that are EMPTY."""
    return [item for item in map(bare, _items(given, name)) if item is not EMPTY]


def _numbers(given: Value, name: str) -> list[Decimal]:
    numbers: list[Decimal] = []
    for place, item in enumerate(_items(given, name), 1):
        if bare(item) is not EMPTY:
            try:
                numbers.append(_number(item, name))
            except ValueMistake as mistake:
                raise _at(place, mistake) from None
    return numbers


def _number(value: Value, name: str) -> Decimal:
    """A number, or a text that spells one, as a table's cells do."""
    value = bare(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        try:
            return read_number(value)
        except ValueError as error:
            raise ValueMistake(f"`{name}` needs a number, and {error}") from None
    raise ValueMistake(f"`{name}` needs a number, and this is {kind_of(value)}")


def _measures(given: Value, name: str) -> list[Value]:
    """Numbers or dates; texts that spell them are turned into them."""
    items = _present(given, name)
    if any(isinstance(item, date) for item in items):
        items = [read_date(item) or item if isinstance(item, str) else item for item in items]
        if all(isinstance(item, date) for item in items):
            return items
        raise ValueMistake(f"`{name}` needs numbers or dates, and not both")
    days = [read_date(item) for item in items if isinstance(item, str)]
    if len(days) == len(items) and None not in days:
        return [day for day in days if day is not None]
    return [*_numbers(given, name)]


def _extreme(items: list[Value], side: int) -> Value:
    """The first item that none passes to that side; EMPTY of none."""
    found: Value = items[0] if items else EMPTY
    for item in items[1:]:
        if compared(item, found) == side:
            found = item
    return found


def _whole(value: Value, name: str) -> int:
    number = _number(value, name)
    if number < 0 or number != number.to_integral_value():
        shown = writing.number_text(number)
        raise ValueMistake(f"`{name}` needs a whole number that is not below 0, and this is {shown}")
    return min(int(number), _MOST)


_MOST = 10**12  # more than any list or text has; keeps a number of 1,000 digits out of slices


def _text(value: Value, name: str) -> str:
    """A text, a document's text, or a plain value as it is written."""
    value = bare(value)
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | Mapping | Media | Secret):
        raise ValueMistake(f"`{name}` needs a text, and this is {kind_of(value)}")
    return value.text if isinstance(value, Document) else writing.as_text(value)


_ROWS = (
    Filter("where", "where CONDITION", "the items for which the condition holds", _where, condition=True),
    Filter(
        "sort by", "sort by FIELD", "the items by size or alphabet; `, largest first` turns it", _sort_by, path=True
    ),
    Filter(
        "group by", "group by FIELD", "a record per value of the field: its `key` and `items`", _group_by, path=True
    ),
    Filter("first", "first N", "the first N items; without N the first item itself", _first, 0, 1),
    Filter("last", "last N", "the last N items; without N the last item itself", _last, 0, 1),
    Filter("take", "take FIELD", "the field of each item, as a list", _take, path=True),
    Filter("unique", "unique", "each item once, the first of equals", _unique),
    Filter("flatten", "flatten", "one list of the items of the lists in a list", _flatten),
    Filter("count", "count", "how many items", _count),
    Filter("sum", "sum", "the numbers added up; 0 of an empty list", _sum),
    Filter("average", "average", "the mean of the numbers, to 12 digits", _average),
    Filter("smallest", "smallest", "the smallest number or the earliest date", _smallest),
    Filter("largest", "largest", "the largest number or the latest date", _largest),
    Filter("most_common", "most_common", "the item that stands there most often, the first in a tie", _most_common),
    Filter("share", "share CONDITION", "the part of the list for which it holds, from 0 to 1", _share, condition=True),
    Filter("join", 'join ", "', "the items as one text, with this between them", _join, 1, 1),
    Filter("split", 'split ","', "the parts of a text between these, without outer spaces", _split, 1, 1),
    Filter("lines", "lines", "the lines of a text, blank ones too", _lines),
    Filter("words", "words", "the words of a text", _words),
    Filter(
        "chunks of",
        "chunks of N words, N overlapping",
        "pieces of a text of N words each; `, N overlapping` may be left out",
        _chunks_of,
        1,
        2,
    ),
    Filter("trim", "trim", "the text without spaces and blank lines around it", _trim),
    Filter("upper", "upper", "the text in capitals", _upper),
    Filter("lower", "lower", "the text in small letters", _lower),
    Filter("replace", 'replace "a" with "b"', "the text with every `a` replaced, letter for letter", _replace, 2, 2),
    Filter("shorten to", "shorten to N words", "the first N words, and `…` if there are more", _shorten_to, 1, 1),
    Filter("round", "round N", "the number with at most N digits behind the point", _round, 1, 1),
    Filter("percent", "percent", "a share as text: 0.756 is 76%", _percent),
    Filter("plus", "plus N", "the number and N added", _plus, 1, 1),
    Filter("minus", "minus N", "the number less N", _minus, 1, 1),
    Filter("times", "times N", "the number N times", _times, 1, 1),
    Filter("divided by", "divided by N", "the number divided by N, to 12 digits; by 0 it is empty", _divided_by, 1, 1),
    Filter("default", "default VALUE", "VALUE where there is none: stands in for what is empty", _default, 1, 1),
    Filter("bullets", "bullets", "a line `- item` for each item", _bullets),
    Filter("numbered", "numbered", "a line `1. item` for each item", _numbered),
    Filter("table", "table", "a Markdown table of records", _table),
    Filter("json", "json", "the value as JSON, indented", _json),
    Filter("parse json", "parse json", "the value that a JSON text holds", _parse_json),
)

FILTERS: Mapping[str, Filter] = {row.name: row for row in _ROWS}
