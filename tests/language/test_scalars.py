from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.scalars import check_bounds, read_choice, read_date, read_number, read_yes_no
from flowlang.language.types import ListOf, NumberType, Optional, TextType, Type, YesNoType
from flowlang.language.values import Value


@pytest.mark.parametrize(
    ("text", "number"), [("12", "12"), (" -3.50 ", "-3.50"), ("+4", "4"), ("\u22127", "-7"), ("1e3", "1000")]
)
def test_numbers(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("twelve", '"twelve" is no number'),
        ("", '"" is no number'),
        ("1,000", '"1,000" is no number: write 1000'),
        ("3,5", '"3,5" is no number: write 3.5'),
        ("NaN", '"NaN" is no number'),
        ("Infinity", '"Infinity" is no number'),
        ("1_000", '"1_000" is no number'),
        ("٣", '"٣" is no number'),
        ("1e999999999", '"1e999999999" has more than 1000 digits'),
        ("x" * 100, '"' + "x" * 60 + '…" is no number'),
    ],
)
def test_what_is_no_number(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_number(text)
    assert str(caught.value) == sentence


def test_yes_and_no() -> None:
    assert [read_yes_no(text) for text in ("yes", " NO ", "true", "False")] == [True, False, True, False]
    with pytest.raises(ValueError, match='"maybe" is neither yes nor no'):
        read_yes_no("maybe")


def test_dates() -> None:
    assert read_date(" 2026-03-11 ") == date(2026, 3, 11)
    with pytest.raises(ValueError, match="write it as 2026-03-11"):
        read_date("11.3.2026")
    with pytest.raises(ValueError, match="a day that does not exist"):
        read_date("2026-02-30")


def test_choices_are_compared_without_case_and_outer_spaces_and_keep_their_spelling() -> None:
    assert read_choice(" BILLING ", ("billing", "Bug")) == "billing"
    assert read_choice("Gro\u0308\u00dfe", ("Gr\u00f6sse",)) == "Gr\u00f6sse"
    assert read_choice("a", ("A", "a")) == "a"
    with pytest.raises(ValueError, match='"crash" is not one of billing, "a b"'):
        read_choice("crash", ("billing", "a b"))


@pytest.mark.parametrize(
    ("value", "of", "wrong"),
    [
        (Decimal(5), NumberType(True, Decimal(1), Decimal(10)), None),
        (Decimal("5.0"), NumberType(True), None),
        (Decimal("5.5"), NumberType(True), "must be a whole number"),
        (Decimal(11), NumberType(True, Decimal(1), Decimal(10)), "must be a whole number from 1 to 10"),
        (Decimal(0), NumberType(True, Decimal(1)), "must be a whole number of at least 1"),
        (Decimal("1.5"), NumberType(high=Decimal("1.20")), "must be at most 1.2"),
        ("abc", TextType(high=2), "must have at most 2 characters"),
        ("", TextType(1, 1), "must have exactly 1 character"),
        ((), ListOf(TextType(), 3, 10), "must have 3 to 10 items"),
        ((), ListOf(TextType(), 1), "must have at least 1 item"),
        ("abc", Optional(TextType(high=2)), "must have at most 2 characters"),
        (True, YesNoType(), None),
    ],
)
def test_bounds(value: Value, of: Type, wrong: str | None) -> None:
    assert check_bounds(value, of) == wrong


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_numbers_are_exact(number: Decimal) -> None:
    assert read_number(str(number)) == number
