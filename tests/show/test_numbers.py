"""Numbers as people read them."""

from decimal import Decimal

import pytest

from flowlang.show.numbers import paid


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0", "$0.00"), ("1.23", "$1.2300"), ("0.0137", "$0.0137"), ("0.000246", "$0.00025"), ("0.0000341", "$0.000034")],
)
def test_what_was_paid_never_reads_as_nothing(amount: str, words: str) -> None:
    assert paid(Decimal(amount)) == words
