"""Exact decimal arithmetic. Only a division rounds: to twelve significant digits, a half away from zero.

A result of more than `MAX_DIGITS` digits on either side of its point is refused, so that no row of
multiplications grows without end.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow

from .values import EMPTY, Empty, ValueMistake

MAX_DIGITS = 1000  # before the point, and as many behind it
KEPT_DIGITS = 12  # of an average and a division

# Wide enough for any sum or product of two numbers that fit; what then does not fit is refused.
_EXACT = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[Inexact, InvalidOperation, Overflow])
_WIDE = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])
_DIVISION = Context(prec=KEPT_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])


def fits(number: Decimal) -> bool:
    """Whether a number is finite and has at most `MAX_DIGITS` digits on either side of its point."""
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DIGITS and number.adjusted() < MAX_DIGITS


def plus(a: Decimal, b: Decimal) -> Decimal:
    """The exact sum of two numbers."""
    return total((a, b))


def minus(a: Decimal, b: Decimal) -> Decimal:
    """The exact difference."""
    return total((a, b.copy_negate()))


def times(a: Decimal, b: Decimal) -> Decimal:
    """The exact product."""
    try:
        return _checked(_EXACT.multiply(a, b))
    except (Inexact, Overflow):
        raise _too_long() from None


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The exact sum of any number of numbers, 0 of none."""
    result = Decimal(0)
    try:
        for number in numbers:
            result = _EXACT.add(result, number)
    except (Inexact, Overflow):
        raise _too_long() from None
    return _checked(result)


def divided_by(a: Decimal, b: Decimal) -> Decimal | Empty:
    """The quotient, rounded to twelve significant digits; EMPTY for a division by zero."""
    return _checked(_DIVISION.divide(a, b)) if b else EMPTY


def rounded(number: Decimal, places: int) -> Decimal:
    """The number with at most `places` digits behind its point, a half rounded away from zero."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -places:
        return number
    return number.quantize(Decimal((0, (1,), -places)), context=_WIDE)


def percent(number: Decimal) -> Decimal:
    """The share as whole percents: 76 for 0.756."""
    return rounded(times(number, Decimal(100)), 0)


def _checked(number: Decimal) -> Decimal:
    if not number:
        return Decimal(0)
    if not fits(number):
        number = number.normalize(_WIDE)  # 1.10 times 1.10 is 1.2100: zeros are no digits that count
        if not fits(number):
            raise _too_long()
    return number


def _too_long() -> ValueMistake:
    return ValueMistake(f"the calculation gives a number of more than {MAX_DIGITS} digits")
