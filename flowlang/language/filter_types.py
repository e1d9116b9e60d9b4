"""What each filter takes and gives, as types; a filter that cannot work on what it gets is told here."""

from collections.abc import Callable
from dataclasses import replace

from . import ast, types
from .condition_types import type_against, type_item_condition
from .filters import FILTERS
from .lookup import UNKNOWN, Typing
from .matching import in_words, unwrapped
from .types import Type, Unknown, bare

_TEXT = types.TextType()
_NUMBER = types.NumberType()
_WHOLE = types.NumberType(whole=True)

_ON_LISTS = frozenset(
    ("where", "share", "sort by", "group by", "first", "last", "take", "unique", "flatten", "join", "bullets")
) | frozenset(("count", "sum", "average", "smallest", "largest", "most_common", "numbered", "table"))
_ON_TEXTS = frozenset(
    ("split", "lines", "words", "chunks of", "trim", "upper", "lower", "replace", "shorten to", "parse json")
)
_ON_NUMBERS = frozenset(("round", "percent", "plus", "minus", "times", "divided by"))
# Words that people know from elsewhere, and what they are called here.
_KNOWN_ELSEWHERE = {
    "filter": "where",
    "map": "take",
    "select": "take",
    "pluck": "take",
    "length": "count",
    "size": "count",
    "len": "count",
    "total": "sum",
    "mean": "average",
    "avg": "average",
    "min": "smallest",
    "max": "largest",
    "uppercase": "upper",
    "lowercase": "lower",
    "strip": "trim",
    "distinct": "unique",
    "dedupe": "unique",
    "sort": "sort by",
    "order": "sort by",
    "group": "group by",
    "chunk": "chunks of",
    "chunks": "chunks of",
    "truncate": "shorten to",
    "shorten": "shorten to",
    "tojson": "json",
    "to_json": "json",
    "fromjson": "parse json",
    "parse": "parse json",
    "divided": "divided by",
    "divide": "divided by",
    "add": "plus",
    "subtract": "minus",
    "multiply": "times",
    "mode": "most_common",
    "most": "most_common",
    "common": "most_common",
    "head": "first",
    "tail": "last",
    "concat": "join",
    "bullet": "bullets",
    "list": "bullets",
}


def filter_type(typer: Typing, call: ast.FilterCall, given: Type, dealt: bool = False) -> tuple[ast.FilterCall, Type]:
    """The call, complete, and the type of what it gives. `dealt`: what `default` names may be empty itself."""
    row = FILTERS.get(call.name)
    if row is None:
        _tell_unknown(typer, call)
        return call, UNKNOWN
    count = len(call.arguments)
    if (
        (row.condition and call.condition is None)
        or (row.path and call.path is None)
        or not row.least <= count <= row.most
    ):
        if count > row.most:
            message, span = f"`{row.name}` takes nothing behind it", call.arguments[0].span
        else:
            message, span = f"`{row.name}` needs something behind it", call.name_span
        typer.look.tell("syntax", message, span, f"it is written `{row.form}`")
        return call, UNKNOWN
    if call.name == "default":
        return _default(typer, call, given, dealt)
    call = _complete_arguments(typer, call)
    kind = bare(given)
    if isinstance(kind, Unknown):
        _visit(typer, call)
        return call, UNKNOWN
    wanted = _wanted(call.name)
    if wanted is not None and not isinstance(kind, types.JsonType) and not _is(kind, wanted):
        hint = _hint(call.name, kind)
        typer.look.tell(
            "wrong-type",
            f"`{call.name}` works on {'text' if wanted == 'text' else f'a {wanted}'}, and this is {in_words(kind)}",
            call.name_span,
            *hint,
        )
        _visit(typer, call)
        return call, UNKNOWN
    if isinstance(kind, types.JsonType) and wanted == "list":
        kind = types.ListOf(kind)
    return _TYPES[call.name](typer, call, kind)


def _wanted(name: str) -> str | None:
    if name in _ON_LISTS:
        return "list"
    if name in _ON_TEXTS:
        return "text"
    return "number" if name in _ON_NUMBERS else None


def _is(kind: Type, wanted: str) -> bool:
    match wanted:
        case "list":
            return isinstance(kind, types.ListOf)
        case "text":
            return isinstance(kind, types.TextType | types.ChoiceType | types.DocumentType)
    return isinstance(kind, types.NumberType)


def _hint(name: str, kind: Type) -> tuple[str, ...]:
    if name == "count" and isinstance(kind, types.TextType | types.DocumentType | types.ChoiceType):
        return ("count its words: `| words | count`",)
    if isinstance(kind, types.ListOf) and name in _ON_TEXTS:
        return ('make it one text first: `| join " "`',)
    if isinstance(kind, types.ListOf) and name in _ON_NUMBERS:
        return ("make it one number first, with `| count`, `| sum` or `| average`",)
    if isinstance(kind, types.TextType | types.DocumentType) and name in ("first", "last", "unique", "join", "bullets"):
        return ("make it a list first, with `| lines` or `| words`",)
    return ()


def _complete_arguments(typer: Typing, call: ast.FilterCall) -> ast.FilterCall:
    """Checks the plain arguments: N is a whole number or number, the others are texts."""
    if not call.arguments:
        return call
    done: list[ast.Atom] = []
    for argument in call.arguments:
        resolved, kind = typer.value(argument)
        done.append(resolved)  # type: ignore[arg-type]
        inner = bare(kind)
        if call.name in ("join", "split", "replace"):
            if not isinstance(inner, types.TextType | types.ChoiceType | types.JsonType | Unknown):
                message = f"`{call.name}` takes a text in quotes here, not {in_words(inner)}"
                typer.look.tell("wrong-type", message, argument.span)
        elif not isinstance(inner, types.NumberType | types.JsonType | Unknown):
            message = f"`{call.name}` takes a number here, not {in_words(inner)}"
            typer.look.tell("wrong-type", message, argument.span)
        elif isinstance(argument, ast.Number) and call.name not in ("plus", "minus", "times", "divided by"):
            lowest = 0 if call.name in ("round", "first", "last") else 1
            if argument.value != argument.value.to_integral_value():
                typer.look.tell("wrong-value", f"`{call.name}` takes a whole number", argument.span)
            elif argument.value < lowest:
                typer.look.tell("out-of-range", f"`{call.name}` takes a number of at least {lowest}", argument.span)
    if call.name == "chunks of" and len(call.arguments) == 2:
        size, overlap = call.arguments
        if isinstance(size, ast.Number) and isinstance(overlap, ast.Number) and overlap.value >= size.value:
            typer.look.tell("out-of-range", "pieces can't overlap by as many words as they have", overlap.span)
    return replace(call, arguments=tuple(done))


def _visit(typer: Typing, call: ast.FilterCall) -> None:
    """Looks at what stands behind a filter whose input has a mistake already."""
    if call.condition is not None:
        type_item_condition(typer, UNKNOWN, call.condition)


def _tell_unknown(typer: Typing, call: ast.FilterCall) -> None:
    near = typer.look.names.reports.nearest(call.name, [*FILTERS, *_KNOWN_ELSEWHERE])
    better = _KNOWN_ELSEWHERE.get(near or "", near)
    hints = (f"did you mean `{FILTERS[better].form}`? It gives {FILTERS[better].help}",) if better else ()
    if not hints:
        hints = ("the filters are " + ", ".join(FILTERS),)
    typer.look.tell("unknown-filter", f"there is no filter called `{call.name}`", call.name_span, *hints)
    for argument in call.arguments:
        if not isinstance(argument, ast.Ref):
            typer.value(argument)


def _default(typer: Typing, call: ast.FilterCall, given: Type, dealt: bool) -> tuple[ast.FilterCall, Type]:
    argument = call.arguments[0]
    resolved, other = type_against(typer, argument, given, dealt)
    call = replace(call, arguments=(resolved,))  # type: ignore[arg-type]
    kind = given.item if isinstance(given, types.Optional) else given
    a, b = bare(kind), bare(other)
    if isinstance(b, Unknown):
        return call, kind
    if isinstance(a, Unknown):
        return call, other
    if type(a) is type(b):
        if isinstance(a, types.ChoiceType) and isinstance(b, types.ChoiceType):
            return call, types.ChoiceType(tuple(dict.fromkeys((*a.choices, *b.choices))))
        if isinstance(a, types.RecordType) and a != b:
            return call, types.JsonType()
        return call, kind
    if _is(a, "text") and _is(b, "text"):
        return call, _TEXT
    if isinstance(a, types.MediaType):  # with a text for want of an image: it may stand where an image may
        return call, kind
    if (
        isinstance(a, types.ListOf) != isinstance(b, types.ListOf)
        and not isinstance(a, types.JsonType)
        and not isinstance(b, types.JsonType)
    ):
        message = f"`default` stands in for {in_words(a)} here, so it can't be {in_words(b)}"
        typer.look.tell("wrong-type", message, argument.span)
    return call, types.JsonType()


# ── One function per shape of result ──

_Rule = Callable[[Typing, ast.FilterCall, Type], tuple[ast.FilterCall, Type]]


def _where(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf) and call.condition is not None
    condition, item = type_item_condition(typer, kind.item, call.condition)
    return replace(call, condition=condition), types.ListOf(item)


def _share(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf) and call.condition is not None
    condition, _ = type_item_condition(typer, kind.item, call.condition)
    return replace(call, condition=condition), _NUMBER


def _sort_by(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf) and call.path is not None
    key = bare(typer.look.item_path(kind.item, call.path))
    if isinstance(key, types.ListOf | types.RecordType | types.MediaType):
        message = f"`{call.path}` is {in_words(key)}, which has no order"
        typer.look.tell("wrong-type", message, call.path.span, "sort by a text, a number, a date or a choice")
    choices = key.choices if isinstance(key, types.ChoiceType) else ()
    return replace(call, choices=choices, by_size=isinstance(key, types.JsonType | Unknown)), kind


def _group_by(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf) and call.path is not None
    key = typer.look.item_path(kind.item, call.path)
    fields = (types.FieldType("key", bare(key)), types.FieldType("items", types.ListOf(kind.item)))
    return call, types.ListOf(types.RecordType("group", fields))


def _take(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf) and call.path is not None
    taken = typer.look.item_path(kind.item, call.path)
    return call, types.ListOf(taken)


def _first_or_last(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    return call, types.ListOf(kind.item) if call.arguments else kind.item


def _same(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    return call, types.ListOf(kind.item) if isinstance(kind, types.ListOf) else kind


def _item(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    return call, kind.item


def _flatten(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    inner, memory = unwrapped(kind.item)
    if isinstance(inner, types.ListOf):
        return call, types.ListOf(types.Remembering(inner.item, tuple(memory.items())) if memory else inner.item)
    if not isinstance(inner, types.JsonType | Unknown):
        message = f"`flatten` makes one list of lists, and these items are {in_words(inner)}"
        typer.look.tell("wrong-type", message, call.name_span)
    return call, types.ListOf(UNKNOWN)


def _aggregate(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    item = bare(kind.item)
    dates = call.name in ("smallest", "largest")
    if isinstance(item, types.NumberType):
        whole = item.whole and call.name != "average"
        return call, types.NumberType(whole)
    if isinstance(item, types.JsonType | Unknown):
        return call, item
    if dates and isinstance(item, types.DateType):
        return call, item
    what = "numbers or dates" if dates else "numbers"
    hint = "take the number out of each: `| take amount`" if isinstance(item, types.RecordType) else ""
    message = f"`{call.name}` works on a list of {what}, and these items are {in_words(item)}"
    typer.look.tell("wrong-type", message, call.name_span, *((hint,) if hint else ()))
    return call, UNKNOWN


def _joined(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    if isinstance(bare(kind.item), types.MediaType):
        typer.look.tell("wrong-type", f"`{call.name}` can't write {in_words(kind.item)} as text", call.name_span)
    return call, _TEXT


def _table(typer: Typing, call: ast.FilterCall, kind: Type) -> tuple[ast.FilterCall, Type]:
    assert isinstance(kind, types.ListOf)
    item = bare(kind.item)
    if not isinstance(item, types.RecordType | types.JsonType | Unknown):
        message = f"`table` works on a list of records, and these items are {in_words(item)}"
        typer.look.tell("wrong-type", message, call.name_span, "write them as lines with `| bullets`")
    return call, _TEXT


def _gives(result: Type) -> _Rule:
    return lambda typer, call, kind: (call, result)


_TYPES: dict[str, _Rule] = {
    "where": _where,
    "share": _share,
    "sort by": _sort_by,
    "group by": _group_by,
    "take": _take,
    "first": _first_or_last,
    "last": _first_or_last,
    "unique": _same,
    "most_common": _item,
    "flatten": _flatten,
    "count": _gives(_WHOLE),
    "sum": _aggregate,
    "average": _aggregate,
    "smallest": _aggregate,
    "largest": _aggregate,
    "join": _joined,
    "bullets": _joined,
    "numbered": _joined,
    "table": _table,
    "split": _gives(types.ListOf(_TEXT)),
    "lines": _gives(types.ListOf(_TEXT)),
    "words": _gives(types.ListOf(_TEXT)),
    "chunks of": _gives(types.ListOf(_TEXT)),
    "trim": _gives(_TEXT),
    "upper": _gives(_TEXT),
    "lower": _gives(_TEXT),
    "replace": _gives(_TEXT),
    "shorten to": _gives(_TEXT),
    "percent": _gives(_TEXT),
    "round": _gives(_NUMBER),
    "plus": _gives(_NUMBER),
    "minus": _gives(_NUMBER),
    "times": _gives(_NUMBER),
    "divided by": _gives(_NUMBER),
    "json": _gives(_TEXT),
    "parse json": _gives(types.JsonType()),
}
