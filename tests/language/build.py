"""Small builders for what a flow says, and strategies for the values it works with."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from flowlang.diagnostics.source import Span
from flowlang.language import ast
from flowlang.language.values import EMPTY, Document, Media, Remembered, Value

NOWHERE = Span(0, 0)


def number(text: str | int) -> Decimal:
    return Decimal(text)


def ref(path: str) -> ast.Ref:
    return ast.Ref(tuple(ast.Name(part, NOWHERE) for part in path.split(".")), NOWHERE)


def atom(value: object) -> ast.Atom:
    """A plain value as a flow writes it: `text("a")` for texts, a str is a name."""
    match value:
        case bool():
            return ast.YesNo(value, NOWHERE)
        case int() | Decimal():
            return ast.Number(Decimal(value), NOWHERE)
        case str():
            return ref(value)
        case list():
            return ast.ListValue(tuple(atom(item) for item in value), NOWHERE)
    assert isinstance(value, ast.Ref | ast.Number | ast.YesNo | ast.ListValue | ast.Text | ast.FileText)
    return value


def text(*parts: ast.Part) -> ast.Text:
    return ast.Text(parts, NOWHERE)


def pipe(head: object, *calls: ast.FilterCall) -> ast.Piped:
    return ast.Piped(atom(head), calls, NOWHERE)


def call(
    name: str,
    *arguments: object,
    condition: ast.Condition | None = None,
    path: str | None = None,
    largest_first: bool = False,
    choices: tuple[str, ...] = (),
) -> ast.FilterCall:
    given = tuple(atom(argument) for argument in arguments)
    by = ref(path) if path else None
    return ast.FilterCall(name, NOWHERE, NOWHERE, given, condition, by, largest_first, choices)


def compare(left: object, operator: str, right: object) -> ast.Compare:
    return ast.Compare(operand(left), operator, NOWHERE, operand(right), NOWHERE)


def operand(value: object) -> ast.Value:
    return value if isinstance(value, ast.Piped) else atom(value)


def one_of(left: object, *options: object, negated: bool = False) -> ast.IsOneOf:
    return ast.IsOneOf(operand(left), tuple(atom(option) for option in options), negated, NOWHERE)


def is_empty(value: object, negated: bool = False) -> ast.IsEmpty:
    return ast.IsEmpty(operand(value), negated, NOWHERE)


def both(*parts: ast.Condition) -> ast.AllOf:
    return ast.AllOf(parts, NOWHERE)


def either(*parts: ast.Condition) -> ast.AnyOf:
    return ast.AnyOf(parts, NOWHERE)


def no(inner: ast.Condition) -> ast.Not:
    return ast.Not(inner, NOWHERE)


def slot(value: object) -> ast.Slot:
    return ast.Slot(operand(value), NOWHERE)


def loop(name: str, items: object, *body: ast.Part) -> ast.For:
    return ast.For(ast.Name(name, NOWHERE), operand(items), body, NOWHERE)


def when(condition: ast.Condition, body: tuple[ast.Part, ...], other: tuple[ast.Part, ...] = ()) -> ast.If:
    return ast.If(condition, body, other, NOWHERE)


def image(name: str = "receipt.png") -> Media:
    return Media("image", "image/png", name, f"digest of {name}", b"\x89PNG")


def remembering(value: Value, place: int = 1, **memory: Value) -> Remembered:
    return Remembered(value, {**memory, "place": Decimal(place)})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.sampled_from(["a", "b", "kind", "place", "name"])
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20)
plain_values = st.one_of(texts, numbers, st.booleans(), st.dates(min_value=date(1, 1, 1)))
json_values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(texts, numbers, st.booleans(), st.just(EMPTY)),
    lambda inner: st.one_of(st.lists(inner, max_size=4).map(tuple), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(plain_values, st.just(EMPTY), st.builds(Document, texts), st.builds(image, texts)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(names, inner, max_size=4),
        st.builds(Remembered, inner, st.dictionaries(names, inner, max_size=2)),
    ),
    max_leaves=12,
)
