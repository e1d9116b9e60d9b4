"""How values look in text and in JSON, when they are the same, and what their fields are."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.comparing import compared, contains, ends_with, identities, is_empty, same, sort_key, starts_with
from flowlang.language.reading import read_date, read_json, read_number
from flowlang.language.values import EMPTY, Document, Remembered, Secret, Value, ValueMistake, bare, field_of
from flowlang.language.writing import as_json, as_text, json_text, number_text

from .build import image, json_values, number, numbers, remembering, values

CLAIM = {"statement": "Revenue rose", "page": EMPTY, "kind": "figure"}


# ── In text ──


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is \n", "as it is \n"),
        (number("12.0"), "12"),
        (number("12.50"), "12.5"),
        (number("0.10"), "0.1"),
        (number("-0"), "0"),
        (number("1E+3"), "1000"),
        (number("1E-10"), "0.0000000001"),
        (number("100"), "100"),
        (number("123456789012345678901234567890.5"), "123456789012345678901234567890.5"),
        (True, "yes"),
        (False, "no"),
        (date(2026, 3, 11), "2026-03-11"),
        (EMPTY, ""),
        (Document("Read me.", "a.pdf", ("Read me.",)), "Read me."),
        (Secret("sesame"), "[secret]"),
        (remembering("joy", word="Freude"), "joy"),
        (("a", number("2.0"), True), "- a\n- 2\n- yes"),
        (("first\nsecond\n\nthird", "b"), "- first\n  second\n\n  third\n- b"),
        (("a", EMPTY, "b"), "- a\n- b"),
        ((), ""),
        ({"a": number("1.0"), "b": EMPTY}, '{\n  "a": 1,\n  "b": null\n}'),
        (({"a": "é\n"},), '[\n  {\n    "a": "é\\n"\n  }\n]'),
        ((("a",), ()), '[\n  [\n    "a"\n  ],\n  []\n]'),
        ((remembering({"a": "x"}, claim="c"),), '[\n  {\n    "a": "x"\n  }\n]'),
    ],
)
def test_a_value_in_text(value: Value, text: str) -> None:
    assert as_text(value) == text


@given(values)
def test_every_value_has_a_text_without_its_memory(value: Value) -> None:
    assert isinstance(as_text(value), str)
    assert as_text(Remembered(value, {"seen": "never shown"})) == as_text(value)


def test_a_number_too_long_to_write_is_refused() -> None:
    with pytest.raises(ValueMistake):
        number_text(Decimal("1E+999999"))


def test_a_text_beyond_its_limit_is_refused() -> None:
    with pytest.raises(ValueMistake, match="longer than 10 characters"):
        as_text(("12345", "67890"), limit=10)
    with pytest.raises(ValueMistake, match="longer than 10 characters"):
        as_text({"a": "0123456789"}, limit=10)


# ── In JSON ──


def test_memory_stands_beside_the_fields() -> None:
    verdict = remembering({"supported": True}, 3, claim=remembering(CLAIM, 3, topic="money"))
    assert as_json(verdict, memory=True) == {
        "supported": True,
        "claim": {"statement": "Revenue rose", "page": None, "kind": "figure", "topic": "money", "place": 3},
        "place": 3,
    }
    assert as_json(verdict) == {"supported": True}


def test_a_plain_answer_with_memory_is_under_answer() -> None:
    translations = (remembering("Bonjour", 1, language="French"),)
    assert as_json(translations, memory=True) == [{"answer": "Bonjour", "language": "French", "place": 1}]
    assert as_json(translations) == ["Bonjour"]


def test_numbers_are_exact_in_json() -> None:
    assert json_text((number("0.1"), number("1E+3"), number("2.50")), indent=None) == "[0.1, 1000, 2.5]"
    long = "123456789012345678901234567890.123456789"
    assert json_text(number(long)) == long
    assert as_json({"n": number("2.0"), "m": number("2.5")}) == {"n": 2, "m": Decimal("2.5")}
    assert isinstance(as_json(number("2.0")), int)


def test_plain_data_is_written_too() -> None:
    assert json_text({"seconds": 3, "cost": None, "names": ["a"]}, indent=None) == (
        '{"seconds": 3, "cost": null, "names": ["a"]}'
    )


def test_files_dates_and_secrets_in_json() -> None:
    record = {"d": Document("text", "a.pdf"), "i": image("a.png"), "s": Secret("sesame"), "on": date(2026, 3, 11)}
    assert as_json(record) == {"d": "text", "i": "a.png", "s": "[secret]", "on": "2026-03-11"}


@given(json_values)
def test_json_comes_back_as_it_was(value: Value) -> None:
    assert read_json(json_text(value)) == value
    assert read_json(json_text(value, indent=None)) == value


@given(values)
def test_json_is_what_everyone_reads(value: Value) -> None:
    json.loads(json_text(value, memory=True))
    assert json_text(value, indent=2) == json_text(Remembered(value, {}))


def test_a_value_that_doubles_at_every_level_is_refused_and_not_written() -> None:
    value: Value = ("x",)
    for _ in range(60):
        value = (value, value)
    with pytest.raises(ValueMistake, match="longer than"):
        json_text(value, limit=100_000)


def test_what_is_nested_too_deep_is_refused() -> None:
    value: Value = "x"
    for _ in range(5_000):
        value = (value,)
    for work in (json_text, as_text, identities()):
        with pytest.raises(ValueMistake, match="levels deep"):
            work(value)


# ── Reading ──


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty text is not JSON"),
        ("{'a': 1}", "line 1, column 2"),
        ('{\n"a": 1,\n}', "line 3, column 1"),
        ('{"a": 1, "a": 2}', '"a" twice'),
        ("NaN", "`NaN` is no JSON number"),
        ("[-Infinity]", "`-Infinity`"),
        ('"\\ud83d"', "half a character"),
        ('{"\\ud83d": 1}', "half a character"),
        ("9" * 5_000, "more than 1000 digits"),
        ("1e999999999999", "more than 1000 digits"),
        ("[" * 65 + "]" * 65, "nested more than 64 levels"),
        ("[" * 100_000, "nested more than 64 levels"),
    ],
)
def test_json_that_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueMistake, match=words.replace("[", r"\[")):
        read_json(text)


def test_json_that_is_read() -> None:
    assert read_json('\ufeff{"a": [1, 2.50, true, null], "b": "\\ud83d\\ude00"}') == {
        "a": (number(1), number("2.50"), True, EMPTY),
        "b": "😀",
    }
    assert read_json("[" * 64 + "]" * 64) is not None
    assert read_json("0e-999999") == 0


def test_numbers_and_dates_that_texts_spell() -> None:
    assert read_number(" -3.50 ") == number("-3.5")
    assert read_number("1e3") == 1000
    assert [read_number(text) for text in ("", "1,200", "12%", "NaN", "0x10", "1_000", "٣", "1e99999")] == [None] * 8
    assert read_date(" 2026-03-11 ") == date(2026, 3, 11)
    assert [read_date(text) for text in ("2026-02-30", "20260311", "2026-3-11", "11.03.2026")] == [None] * 4


# ── The same ──


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Billing", " billing\n"),
        ("STRASSE", "straße"),
        ("e\u0301te", "ÉTE"),
        (number("12.0"), number(12)),
        (number("0"), number("-0.00")),
        (date(2026, 3, 11), "2026-03-11"),
        (True, "Yes"),
        ("7.50", number("7.5")),
        (Document("Hello"), "hello "),
        (("A", number(1)), ("a", number("1.0"))),
        ({"a": "X", "b": EMPTY}, {"a": "x"}),
        ((date(2026, 3, 11),), ("2026-03-11",)),
        (remembering("a", 1, w="x"), remembering("A", 2, w="y")),
        (image("a.png"), image("a.png")),
    ],
)
def test_the_same(a: Value, b: Value) -> None:
    assert same(a, b)
    assert same(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("a", "b"),
        ("a b", "a  b"),
        (True, number(1)),
        (number(1), "one"),
        (date(2026, 3, 11), "2026-03-12"),
        (("a",), ("a", "a")),
        (("a",), "a"),
        ({"a": "x"}, {"a": "x", "b": "y"}),
        ({"a": "x"}, ("a", "x")),
        (number(0), ()),
        (image("a.png"), image("b.png")),
    ],
)
def test_not_the_same(a: Value, b: Value) -> None:
    assert not same(a, b)
    assert not same(b, a)


@given(values, values)
def test_a_key_is_shared_by_the_same_values_only(a: Value, b: Value) -> None:
    identity = identities()
    assert same(a, a)
    assert same(a, b) == same(b, a)
    if identity(a) == identity(b):
        assert same(a, b)


def test_values_that_double_at_every_level_are_compared_at_once() -> None:
    a: Value = ("x",)
    b: Value = ("X",)
    for _ in range(60):
        a, b = (a, a), (b, b)
    assert same(a, b)


# ── Which comes first, and what stands in what ──


def test_sizes() -> None:
    assert compared(number("9"), number("10")) == -1
    assert compared("10", "9") == 1
    assert compared(number("9"), "10") == -1
    assert compared("b", "A") == 1
    assert compared(date(2026, 3, 11), "2026-03-12") == -1
    assert compared("2026-03-11", date(2026, 3, 11)) == 0


def test_a_text_that_spells_a_date_or_a_number_has_its_size() -> None:
    assert compared(" 2026-03-11", "2026-03-12") == -1
    assert compared("", "2026-03-11") is None
    assert compared(number(5), " ") is None
    assert compared("", "b") == -1
    with pytest.raises(ValueMistake, match='the text "soon" is no date, so it cannot be compared by size with 2026'):
        compared("soon", "2026-03-11")
    with pytest.raises(ValueMistake, match='"many" is no number, so it cannot be compared by size with 5'):
        compared("5", "many")


@pytest.mark.parametrize(("a", "b"), [("ten", number(9)), (True, False), ((), ()), ({}, "x"), (date.max, number(1))])
def test_what_has_no_size(a: Value, b: Value) -> None:
    with pytest.raises(ValueMistake, match="cannot be compared by size"):
        compared(a, b)


def test_what_stands_in_a_text() -> None:
    assert contains("Revenue rose 12%", " 12%\n")
    assert contains("Revenue", "REV")
    assert contains("a b", " ")
    assert not contains("ab", " ")
    assert contains(Document("Revenue"), "rev")
    assert starts_with(" Dear Sir", "dear")
    assert ends_with("the end. ", "END.")
    assert starts_with(date(2026, 3, 11), "2026")


def test_what_stands_in_a_list() -> None:
    assert contains((remembering("Urgent"), "b"), "urgent")
    assert not contains(("urgently",), "urgent")
    with pytest.raises(ValueMistake, match="`contains` needs a text, and this is a record"):
        contains({"a": "x"}, "x")


def test_what_is_empty() -> None:
    assert all(map(is_empty, (EMPTY, "", " \n", (), remembering(""), Document(" "))))
    assert not any(map(is_empty, ("a", number(0), False, (EMPTY,), {}, image())))


def test_the_order_of_texts() -> None:
    words = ["Zebra", "éclair", "Eclair", "apple", "Österreich", "Order"]
    assert sorted(words, key=sort_key) == ["apple", "Eclair", "éclair", "Order", "Österreich", "Zebra"]


@given(st.lists(values))
def test_everything_can_be_sorted(items: list[Value]) -> None:
    assert len(sorted(items, key=sort_key)) == len(items)


@given(numbers, numbers)
def test_numbers_sort_as_they_compare(a: Decimal, b: Decimal) -> None:
    assert (compared(a, b) < 0) == (sort_key(a) < sort_key(b))


# ── Fields ──


def test_fields_of_records_and_of_what_is_remembered() -> None:
    verdict = remembering({"supported": True}, 2, claim=CLAIM)
    assert field_of(CLAIM, "kind") == "figure"
    assert field_of(CLAIM, "page") is EMPTY
    assert field_of(CLAIM, "colour") is EMPTY
    assert field_of(verdict, "supported") is True
    assert field_of(field_of(verdict, "claim"), "kind") == "figure"
    assert field_of(verdict, "place") == 2
    assert field_of(remembering("plain", 7, word="x"), "word") == "x"
    assert field_of(EMPTY, "anything") is EMPTY


def test_a_field_goes_before_memory() -> None:
    assert field_of(remembering({"place": "Rome"}, 4), "place") == "Rome"


def test_fields_of_files() -> None:
    document = Document("one two", "a.pdf", ("one", "two"))
    assert field_of(document, "name") == "a.pdf"
    assert field_of(document, "pages") == ("one", "two")
    assert field_of(image("a.png"), "name") == "a.png"
    assert field_of(Document("typed"), "name") is EMPTY
    assert field_of(Document("typed"), "pages") is EMPTY


@pytest.mark.parametrize("value", ["text", number(1), ("a",), True, Secret("s"), date.max, image(), Document("d")])
@pytest.mark.parametrize("name", ["__class__", "text", "data", "digest", "value", "real", "items", "year"])
def test_nothing_else_has_fields(value: Value, name: str) -> None:
    with pytest.raises(ValueMistake, match="no such field"):
        field_of(value, name)


def test_bare() -> None:
    assert bare(remembering(remembering("x"))) == "x"
