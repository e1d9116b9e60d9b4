"""Types of answers for laws: any that a flow may ask for."""

from decimal import Decimal

from hypothesis import strategies as st

from flowlang.language.types import (
    ChoiceType,
    DateType,
    FieldType,
    JsonType,
    ListOf,
    NumberType,
    Optional,
    RecordType,
    TextType,
    Type,
    YesNoType,
)

NAMES = st.sampled_from(["name", "reason", "page", "kind", "year", "lines", "answer", "größe", "हिन्दी", "a-b", "note"])
MEANINGS = st.sampled_from(["", "One sentence", "a name", "Every step", 'with "quotes"'])


@st.composite
def bounds(draw: st.DrawFn, least: int, most: int) -> tuple[int | None, int | None]:
    low = draw(st.none() | st.integers(least, most))
    high = draw(st.none() | st.integers(least if low is None else low, most))
    return low, high


@st.composite
def numbers(draw: st.DrawFn) -> NumberType:
    whole = draw(st.booleans())
    low, high = draw(bounds(-10_000, 10_000))
    scale = Decimal(1) if whole else Decimal(draw(st.sampled_from(["1", "0.001", "0.5"])))
    return NumberType(whole, None if low is None else low * scale, None if high is None else high * scale)


PLAIN = st.one_of(
    bounds(0, 600).map(lambda pair: TextType(*pair)),
    numbers(),
    st.just(YesNoType()),
    st.just(DateType()),
    st.lists(
        st.sampled_from(["billing", "bug", "with spaces", "other", "yes", "2026", "ÄRGER", "empty"]),
        min_size=1,
        max_size=5,
        unique=True,
    ).map(lambda choices: ChoiceType(tuple(choices))),
    st.just(JsonType()),
)


@st.composite
def records(draw: st.DrawFn, items: st.SearchStrategy[Type]) -> RecordType:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    return RecordType("Thing", tuple(FieldType(name, draw(items), draw(MEANINGS)) for name in names))


@st.composite
def lists(draw: st.DrawFn, items: st.SearchStrategy[Type]) -> ListOf:
    low, high = draw(bounds(0, 8))
    return ListOf(draw(items), low, high)


def types() -> st.SearchStrategy[Type]:
    return st.recursive(
        PLAIN, lambda inner: st.one_of(inner.map(Optional), lists(inner), records(inner)), max_leaves=10
    )
