"""Numbers as people read them."""

from decimal import Decimal


def count(number: int, word: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def money(amount: Decimal) -> str:
    """US dollars, as exactly as an estimate is worth: `$12.30`, `$0.52`, `$0.0041`, `$0.00003`."""
    if amount == 0 or amount >= Decimal("0.1"):
        return f"${amount:.2f}"
    return f"${amount:.{max(3, 1 - amount.adjusted())}f}"


def paid(amount: Decimal) -> str:
    """US dollars that were spent: `$1.2300`, `$0.0137`, `$0.00024`; what is not nothing never reads as nothing."""
    return f"${amount:.{max(4, 1 - amount.adjusted())}f}" if amount else "$0.00"


def duration(seconds: float) -> str:
    """`0.04s`, `3.2s`, `12s`, `2m05s`, `1h03m`."""
    if seconds < 1:
        return f"{max(seconds, 0):.2f}s"
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
