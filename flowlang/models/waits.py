"""How long a provider asks to wait, out of the many forms in which that is said."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ..pattern import pattern

MAX_S = 366 * 86_400.0
_UNIX_SINCE = 1_000_000_000.0  # a reset of at least this is a point in time, in Unix time

_DURATION = pattern(r"(?:([0-9.]+)d)?(?:([0-9.]+)h)?(?:([0-9.]+)m(?!s))?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?")
_UNITS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_SAID = pattern(
    r"(?:try again|retry|retry after|come back) (?:in|after) ((?:[0-9.]+ ?(?:d|h|ms|m|s)(?![a-z]) ?)+)"
    r"|(?:try again|retry|resets?) (?:in|after) ([0-9.]+) ?(seconds?|minutes?|hours?|days?)",
    re.IGNORECASE,
)
_LONG_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def wait_of(headers: Mapping[str, str], words: str, now: float) -> float | None:
    """The seconds to wait, from headers in lower case or from an error's own words; None if nothing usable is said.

    What is past, negative or no number says nothing. The first of them counts: a time in milliseconds, one in seconds
    or as a date, one that a proxy passed on, then the limits that have run out, then the words.
    """
    for found in (
        _seconds(headers.get("retry-after-ms", ""), 0.001),
        _retry_after(headers.get("retry-after", ""), now),
        _retry_after(headers.get("llm_provider-retry-after", ""), now),
        _of_limits(headers, now),
        _of_words(words),
    ):
        if found is not None:
            return found
    return None


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return min(number, MAX_S) if math.isfinite(number) and number > 0 else None


def _retry_after(text: str, now: float) -> float | None:
    text = text.strip()
    if not text:
        return None
    found = _seconds(text)
    if found is not None:
        return found if float(text) < _UNIX_SINCE else _usable(float(text) - now)
    if duration := _duration(text):
        return duration
    try:
        when = parsedate_to_datetime(text)
        return _usable((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _of_words(words: str) -> float | None:
    said = _SAID.search(words[:2000])
    if said is None:
        return None
    if said[1]:
        return _duration(said[1].replace(" ", "").rstrip("."))
    return _seconds(said[2], _LONG_UNITS[said[3][0].lower()])


def _of_limits(headers: Mapping[str, str], now: float) -> float | None:
    """When the last of the limits that have run out is filled again; one that doesn't tell what is left has run out."""
    waits = []
    for kind in ("-requests", "-tokens", ""):
        reset = headers.get(f"x-ratelimit-reset{kind}", "").strip()
        left = headers.get(f"x-ratelimit-remaining{kind}", "").strip()
        if not reset or (left and _seconds(left) is not None):
            continue
        number = _seconds(reset)
        if number is None:
            found = _duration(reset)
        else:
            found = _usable(float(reset) - now) if float(reset) >= _UNIX_SINCE else number
        if found is not None:
            waits.append(found)
    return max(waits, default=None)


def _duration(text: str) -> float | None:
    """6m0s, 1.5s, 250ms."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    try:
        total = sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS, strict=True) if part)
    except ValueError:
        return None
    return _usable(total)


def _usable(seconds: float) -> float | None:
    return min(seconds, MAX_S) if math.isfinite(seconds) and seconds > 0 else None
