"""Every filter: what it makes of a plain case, of each edge the language names, and what it refuses."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.filters import FILTERS, Call, Filter, apply
from flowlang.language.values import EMPTY, Document, Remembered, Value, ValueMistake, field_of
from flowlang.language.writing import MAX_TEXT

from .build import number, numbers, plain_values, remembering, texts, values

MANIFEST = (
    {"name": "pears", "price": number(3), "kind": "fruit", "on": date(2026, 3, 11)},
    {"name": "Apples", "price": number(10), "kind": "Fruit", "on": date(2025, 1, 1)},
    {"name": "leeks", "price": number(3), "kind": "greens", "on": date(2026, 1, 1)},
)
REMEMBERED = (remembering("b", 1, w="x"), remembering("a", 2, w="y"), remembering("B", 3, w="z"))


def run(name: str, given: Value, *arguments: Value) -> Value:
    return apply(name, given, Call(arguments))


def by(name: str, given: Value, field: str, *, largest_first: bool = False, choices: tuple[str, ...] = ()) -> Value:
    call = Call(pick=lambda item: field_of(item, field), largest_first=largest_first, choices=choices)
    return apply(name, given, call)


def names(items: Value) -> list[Value]:
    assert isinstance(items, tuple)
    return [field_of(item, "name") for item in items]


def numbers_of(*texts_: str) -> tuple[Value, ...]:
    return tuple(map(number, texts_))


# ── Lists ──


def test_where_keeps_what_holds_with_its_memory() -> None:
    assert apply("where", REMEMBERED, Call(holds=lambda item: field_of(item, "w") == "y")) == (REMEMBERED[1],)
    assert apply("where", (), Call(holds=lambda item: True)) == ()


def test_sort_by() -> None:
    assert names(by("sort by", MANIFEST, "price")) == ["pears", "leeks", "Apples"]
    assert names(by("sort by", MANIFEST, "price", largest_first=True)) == ["Apples", "pears", "leeks"]
    assert names(by("sort by", MANIFEST, "name")) == ["Apples", "leeks", "pears"]
    assert names(by("sort by", MANIFEST, "on")) == ["Apples", "leeks", "pears"]


def test_sort_by_takes_choices_as_declared() -> None:
    assert names(by("sort by", MANIFEST, "kind", choices=("greens", "fruit"))) == ["leeks", "pears", "Apples"]
    turned = by("sort by", MANIFEST, "kind", choices=("greens", "fruit"), largest_first=True)
    assert names(turned) == ["pears", "Apples", "leeks"]


@pytest.mark.parametrize(
    ("cells", "ordered"),
    [
        (("10", "9", "", "-2"), ("-2", "9", "10", "")),
        (("2026-11-01", " ", "2026-02-01"), ("2026-02-01", "2026-11-01", " ")),
        (("10", "9", "n/a"), ("10", "9", "n/a")),
    ],
)
def test_cells_sort_by_size_where_all_of_them_spell_one(cells: tuple[str, ...], ordered: tuple[str, ...]) -> None:
    rows = tuple({"name": cell} for cell in cells)
    there = apply("sort by", rows, Call(pick=lambda item: field_of(item, "name"), by_size=True))
    assert names(there) == list(ordered)
    assert names(by("sort by", ({"name": "9"}, {"name": "10"}), "name")) == ["10", "9"]


def test_sort_by_puts_what_is_empty_last() -> None:
    rows = ({"name": "a", "n": EMPTY}, {"name": "b", "n": number(1)}, {"name": "c", "n": number(2)})
    assert names(by("sort by", rows, "n")) == ["b", "c", "a"]
    assert names(by("sort by", rows, "n", largest_first=True)) == ["c", "b", "a"]


@given(st.lists(plain_values), st.booleans())
def test_sorting_is_stable_and_loses_nothing(keys: list[Value], largest_first: bool) -> None:
    rows = tuple({"name": number(place), "key": key} for place, key in enumerate(keys))
    there = by("sort by", rows, "key", largest_first=largest_first)
    assert by("sort by", there, "key", largest_first=largest_first) == there
    assert sorted(names(there)) == [number(place) for place in range(len(keys))]
    equal = by("sort by", tuple({**row, "key": "same"} for row in rows), "key", largest_first=largest_first)
    assert names(equal) == names(rows)


def test_group_by_in_order_of_first_appearance() -> None:
    assert by("group by", MANIFEST, "kind") == (
        {"key": "fruit", "items": MANIFEST[:2]},
        {"key": "greens", "items": MANIFEST[2:]},
    )
    assert by("group by", (), "kind") == ()


def test_group_by_keeps_the_memory_of_items() -> None:
    groups = apply("group by", REMEMBERED, Call(pick=lambda item: item))
    assert groups == ({"key": "b", "items": (REMEMBERED[0], REMEMBERED[2])}, {"key": "a", "items": (REMEMBERED[1],)})


def test_first_and_last() -> None:
    assert run("first", ("a", "b", "c"), number(2)) == ("a", "b")
    assert run("last", ("a", "b", "c"), number(2)) == ("b", "c")
    assert run("first", ("a", "b"), number(9)) == run("last", ("a", "b"), number(9)) == ("a", "b")
    assert run("first", ("a", "b"), number(0)) == run("last", ("a", "b"), number(0)) == ()
    assert run("first", ("a",), number("1E+900")) == ("a",)
    assert run("first", REMEMBERED) == REMEMBERED[0]
    assert run("last", REMEMBERED) == REMEMBERED[2]
    assert run("first", ()) is EMPTY
    assert run("last", ()) is EMPTY


@pytest.mark.parametrize("count", [number("2.5"), number(-1), "two", True])
def test_first_needs_a_whole_number(count: Value) -> None:
    with pytest.raises(ValueMistake, match="`first` needs a"):
        run("first", ("a",), count)


def test_take_leaves_memory_behind() -> None:
    assert by("take", MANIFEST, "name") == ("pears", "Apples", "leeks")
    assert by("take", REMEMBERED, "w") == ("x", "y", "z")
    assert by("take", (remembering("a", claim=remembering("c", 2)),), "claim") == ("c",)


def test_unique_keeps_the_first_of_equals_with_its_memory() -> None:
    assert run("unique", REMEMBERED) == REMEMBERED[:2]
    assert run("unique", (number("1.0"), number(1), " 1 ", True)) == (number("1.0"), " 1 ", True)


@given(st.lists(values).map(tuple))
def test_unique_twice_is_unique_once(items: tuple[Value, ...]) -> None:
    once = run("unique", items)
    assert run("unique", once) == once


def test_flatten() -> None:
    assert run("flatten", (("a", "b"), (), ("c",))) == ("a", "b", "c")
    assert run("flatten", ((("a",),), "b")) == (("a",), "b")
    assert run("flatten", ()) == ()


def test_flatten_hands_memory_down() -> None:
    sampled = (remembering(("a", "b"), 1, w="x"), remembering((remembering("c", 5, v="y"),), 2, w="z"))
    assert run("flatten", sampled) == (
        remembering("a", 1, w="x"),
        remembering("b", 1, w="x"),
        Remembered("c", {"w": "z", "v": "y", "place": number(5)}),
    )


def test_a_list_that_doubles_for_ever_is_refused() -> None:
    items: Value = ("x",)
    with pytest.raises(ValueMistake, match="longer than 1,000,000 items"):
        for _ in range(40):
            items = run("flatten", (items, items))


# ── A whole list ──


def test_of_an_empty_list() -> None:
    assert run("count", ()) == 0
    assert run("sum", ()) == 0
    assert run("join", (), ", ") == ""
    for name in ("average", "smallest", "largest", "most_common"):
        assert run(name, ()) is EMPTY
    assert apply("share", (), Call(holds=lambda item: True)) is EMPTY


def test_sums_are_exact() -> None:
    assert run("sum", numbers_of("0.1", "0.2")) == number("0.3")
    assert run("sum", numbers_of("1E+40", "1E-40", "-1E+40")) == number("1E-40")
    assert run("sum", (number(1), EMPTY, remembering(number(2)), "3.5")) == number("6.5")
    with pytest.raises(ValueMistake, match=r'`sum` needs a number, and "x" is no number \(item 2 of the list\)'):
        run("sum", ("1", "x"))


@given(st.lists(numbers))
def test_a_sum_does_not_hang_on_the_order(items: list[Decimal]) -> None:
    assert run("sum", tuple(items)) == run("sum", tuple(reversed(items)))


def test_averages_keep_twelve_digits() -> None:
    assert run("average", numbers_of("1", "2")) == number("1.5")
    assert run("average", numbers_of("1", "0", "0")) == number("0.333333333333")
    assert run("average", numbers_of("2", "0", "0")) == number("0.666666666667")
    assert run("average", numbers_of("200", "0", "0")) == number("66.6666666667")


def test_smallest_and_largest() -> None:
    assert run("smallest", numbers_of("3", "-1", "2")) == -1
    assert run("largest", ("9", number(10))) == 10
    assert run("largest", (date(2025, 1, 1), "2026-03-11")) == date(2026, 3, 11)
    assert run("smallest", ("2026-03-11", "2025-01-01")) == date(2025, 1, 1)
    assert run("largest", (EMPTY, number(1))) == 1
    with pytest.raises(ValueMistake):
        run("largest", (date.max, number(1)))
    with pytest.raises(ValueMistake, match="`smallest` needs a number, and this is a list"):
        run("smallest", ((),))


def test_most_common_is_the_first_in_a_tie() -> None:
    assert run("most_common", numbers_of("2", "4", "4.0", "2", "7")) == 2
    assert run("most_common", ("a", "B", "b ")) == "B"
    assert run("most_common", REMEMBERED) == "b"


def test_share() -> None:
    share = apply("share", numbers_of("1", "2", "3"), Call(holds=lambda item: item == 1))
    assert share == number("0.333333333333")
    assert apply("share", ("a",), Call(holds=lambda item: True)) == 1


def test_join() -> None:
    assert run("join", ("a", number("2.0"), EMPTY, True), ", ") == "a, 2, yes"
    assert run("join", ({"a": "x"},), ", ") == '{\n  "a": "x"\n}'


# ── Texts ──


def test_split_gives_parts_without_outer_spaces() -> None:
    assert run("split", " a, b ,,c", ",") == ("a", "b", "", "c")
    assert run("split", "  ", ",") == ()
    assert run("split", "a", ",") == ("a",)
    with pytest.raises(ValueMistake, match="`split` needs something"):
        run("split", "a", "")


def test_lines_keep_blank_ones() -> None:
    assert run("lines", "a \n\n b\r\nc\rd\n") == ("a ", "", " b", "c", "d")
    assert run("lines", "a\u2028b\x0bc") == ("a\u2028b\x0bc",)
    assert run("lines", "") == ()


def test_words() -> None:
    assert run("words", " one\ttwo\n\nthree ") == ("one", "two", "three")
    assert run("words", Document("one two")) == ("one", "two")
    assert run("words", "") == ()


def test_chunks() -> None:
    text = "  one  two\n\nthree four five "
    assert run("chunks of", text, number(2)) == ("one  two", "three four", "five")
    assert run("chunks of", text, number(5)) == ("one  two\n\nthree four five",)
    assert run("chunks of", text, number(9)) == ("one  two\n\nthree four five",)
    assert run("chunks of", "", number(2)) == ()


def test_chunks_that_overlap() -> None:
    assert run("chunks of", "1 2 3 4 5", number(3), number(1)) == ("1 2 3", "3 4 5")
    assert run("chunks of", "1 2 3 4 5 6", number(3), number(1)) == ("1 2 3", "3 4 5", "5 6")
    with pytest.raises(ValueMistake, match="cannot share 2 words"):
        run("chunks of", "a", number(2), number(2))
    with pytest.raises(ValueMistake, match="at least 1 word"):
        run("chunks of", "a", number(0))


@given(texts, st.integers(1, 5), st.integers(0, 4))
def test_chunks_cover_every_word(text: str, size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    pieces = run("chunks of", text, number(size), number(overlap))
    assert isinstance(pieces, tuple)
    found: list[str] = []
    for place, piece in enumerate(pieces):
        assert isinstance(piece, str)
        assert piece in text
        assert len(piece.split()) <= size
        found += piece.split()[overlap if place else 0 :]
    assert found == text.split()


def test_chunks_that_share_nearly_everything_are_refused_when_they_get_too_long() -> None:
    text = "word " * 40_000
    with pytest.raises(ValueMistake, match="chunks together get longer"):
        run("chunks of", text, number(20_000), number(19_999))


def test_trim_upper_lower() -> None:
    assert run("trim", " \n a b \n") == "a b"
    assert run("upper", "straße") == "STRASSE"
    assert run("lower", "ÄB") == "äb"
    assert run("upper", True) == "YES"
    with pytest.raises(ValueMistake, match="`upper` needs a text, and this is a list"):
        run("upper", ("a",))


def test_replace_letter_for_letter() -> None:
    assert run("replace", "aAba", "a", "") == "Ab"
    assert run("replace", "a.c abc", "a.c", "x") == "x abc"
    with pytest.raises(ValueMistake, match="something to look for"):
        run("replace", "a", "", "b")


def test_replace_does_not_blow_up() -> None:
    with pytest.raises(ValueMistake, match="longer than"):
        run("replace", "a" * 10_000, "a", "b" * (MAX_TEXT // 9_000))


def test_shorten() -> None:
    text = "One  two\n\nthree."
    assert run("shorten to", text, number(2)) == "One  two…"
    assert run("shorten to", text, number(3)) == text
    assert run("shorten to", text + "\n", number(3)) == text + "\n"
    assert run("shorten to", text, number("1E+30")) == text
    with pytest.raises(ValueMistake):
        run("shorten to", text, number(0))


# ── Numbers ──


@pytest.mark.parametrize(
    ("given", "places", "result"),
    [
        ("2.345", 2, "2.35"),
        ("-2.345", 2, "-2.35"),
        ("2.5", 0, "3"),
        ("2.4", 0, "2"),
        ("7", 2, "7"),
        ("1E+3", 2, "1000"),
    ],
)
def test_round(given: str, places: int, result: str) -> None:
    assert run("round", number(given), number(places)) == number(result)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        ("0.756", "76%"),
        ("0.755", "76%"),
        ("0.754", "75%"),
        ("1", "100%"),
        ("0", "0%"),
        ("-0.001", "0%"),
        ("12", "1200%"),
    ],
)
def test_percent(share: str, text: str) -> None:
    assert run("percent", number(share)) == text


def test_arithmetic_is_exact() -> None:
    assert run("plus", number("0.1"), number("0.2")) == number("0.3")
    assert run("minus", number(1), number("0.9")) == number("0.1")
    assert run("times", number("1.10"), number("1.10")) == number("1.21")
    big = number("9" * 60)
    assert run("plus", big, number("1E-30")) == number("9" * 60 + "." + "0" * 29 + "1")
    assert run("times", "3", number(2)) == 6


def test_division_keeps_twelve_digits() -> None:
    assert run("divided by", number(2), number(3)) == number("0.666666666667")
    assert run("divided by", number(-2), number(3)) == number("-0.666666666667")
    assert run("divided by", number(200000), number(3)) == number("66666.6666667")
    assert run("divided by", number("1000000000005"), number(10)) == number("100000000001")
    assert run("divided by", number(1), number(0)) is EMPTY


def test_numbers_that_grow_for_ever_are_refused() -> None:
    value: Value = number("1.5")
    with pytest.raises(ValueMistake, match="more than 1000 digits"):
        for _ in range(20):
            value = run("times", value, value)
    ones: Value = number("1.10")
    for _ in range(1_500):
        ones = run("times", ones, number("1.00"))
    assert ones == number("1.1")


@given(numbers, numbers)
def test_minus_undoes_plus(a: Decimal, b: Decimal) -> None:
    assert run("minus", run("plus", a, b), b) == a


# ── Anything ──


def test_default_stands_in_for_what_is_empty_only() -> None:
    assert run("default", EMPTY, "x") == "x"
    assert run("default", "", "x") == ""
    assert run("default", (), "x") == ()
    assert run("default", REMEMBERED[0], "x") is REMEMBERED[0]


def test_bullets_and_numbers() -> None:
    assert run("bullets", ("a", "b\nc")) == "- a\n- b\n  c"
    assert run("numbered", ("a", EMPTY, "b\nc")) == "1. a\n2. b\n   c"
    assert run("bullets", ({"a": number(1)},)) == '- {"a": 1}'
    assert run("bullets", ()) == run("numbered", ()) == ""


def test_table() -> None:
    rows = (
        {"what": "a | b", "tags": ("x", "y"), "note": EMPTY},
        remembering({"what": "one\r\ntwo\n", "more": {"n": number(1)}}, 2, item="never shown"),
    )
    assert run("table", rows) == (
        "| what | tags | note | more |\n"
        "| --- | --- | --- | --- |\n"
        "| a \\| b | x, y |  |  |\n"
        '| one<br>two |  |  | {"n": 1} |'
    )
    assert run("table", ()) == ""
    with pytest.raises(ValueMistake, match="an item of this one is a text"):
        run("table", ("a",))


def test_json_and_back() -> None:
    assert run("json", (remembering({"a": number("1.50")}, 3),)) == '[\n  {\n    "a": 1.5\n  }\n]'
    assert run("parse json", '{"a": [1]}') == {"a": (number(1),)}
    with pytest.raises(ValueMistake, match="not JSON"):
        run("parse json", "Sure! {}")


# ── The table of filters ──


@pytest.mark.parametrize("row", FILTERS.values(), ids=lambda row: row.name)
def test_every_filter_is_told(row: Filter) -> None:

    assert row is FILTERS[row.name]
    assert row.form.startswith(row.name)
    assert "\n" not in row.help
    assert row.least <= row.most


def test_the_filters_of_the_language_in_its_order() -> None:
    assert " · ".join(FILTERS) == (
        "where · sort by · group by · first · last · take · unique · flatten · count · sum · average · smallest · "
        "largest · most_common · share · join · split · lines · words · chunks of · trim · upper · lower · replace · "
        "shorten to · round · percent · plus · minus · times · divided by · default · bullets · numbered · table · "
        "json · parse json"
    )


LIST_FILTERS = ["count", "sum", "average", "unique", "flatten", "bullets", "numbered", "table", "first", "most_common"]


@pytest.mark.parametrize("name", LIST_FILTERS)
def test_what_needs_a_list_says_so(name: str) -> None:
    with pytest.raises(ValueMistake, match=f"`{name}` needs a list, and this is a record"):
        run(name, {"a": "x"})


@given(st.sampled_from(sorted(FILTERS)), values, values, values)
def test_a_filter_gives_a_value_or_a_sentence(name: str, given_: Value, one: Value, two: Value) -> None:
    row = FILTERS[name]
    call = Call((one, two)[: row.most], holds=lambda item: True, pick=lambda item: item)
    try:
        apply(name, given_, call)
    except ValueMistake as mistake:
        assert mistake.message
