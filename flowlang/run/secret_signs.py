"""Whether a text can have a secret in it at all: a look that takes an eighth of the time of the whole search.

The pattern of `secrets.py` stops at every character; few texts have a secret. So first the signs of one are looked for,
each of which takes one sweep of the machine's own search. It may say yes where there is none, never the reverse:

- as it stands, or escaped: a stretch of a few letters and digits of the secret stands there, or one of these is
  escaped, which for letters and digits is `%73` or `\\u0073` and nothing else;
- in hexadecimal or Base64: once everything that is no digit of it is taken out, the digits stand side by side.
"""

import re
from collections.abc import Iterable

from ..pattern import pattern
from ..record import record

_STRETCH = 6  # characters of a secret that are looked for
_LEAST = 3  # that are worth it

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_ONE_BASE64 = bytes.maketrans(b"-_", b"+/")
_HEX = b"0123456789abcdefABCDEF"
_NOT_HEX = bytes(set(range(256)) - set(_HEX))
_ONE_HEX = bytes.maketrans(b"ABCDEF", b"abcdef")
_WRAPPED = pattern(rb"\\+[rn]")  # a line break in the middle of Base64, inside a text of JSON


@record
class Signs:
    """What betrays a secret: `stretch` or one of `escapes` in a text, `digits` in hexadecimal, `encoded` in Base64."""

    stretch: str
    escapes: tuple[str, ...]
    digits: bytes
    encoded: tuple[bytes, ...]


def signs_of(value: str, encoded: Iterable[str]) -> Signs | None:
    """The signs of a secret, whose Base64 at each alignment is `encoded`; None if it has too few letters in a row."""
    found = max(re.findall(r"[A-Za-z0-9]+", value), key=len, default="")[:_STRETCH]
    if len(found) < _LEAST:
        return None
    codes = {f"%{ord(sign):02x}" for sign in found}
    escapes = tuple(sorted(codes | {code.upper() for code in codes}))
    digits = value.encode("utf-8", "surrogatepass").hex().encode()
    return Signs(found, escapes, digits, tuple(one.encode() for one in encoded))


def may_hold(text: str, secrets: tuple[Signs, ...]) -> bool:
    """Whether one of these secrets may stand in a text, in any spelling."""
    if "u00" in text or "0x" in text or any(one.stretch in text for one in secrets):
        return True
    if "%" in text and any(code in text for one in secrets for code in one.escapes):
        return True
    data = text.encode("utf-8", "surrogatepass")
    # The letter of an escaped line break is none of the Base64, unless that begins with it.
    for one_text in (data, _WRAPPED.sub(b"", data)) if b"\\" in data else (data,):
        letters = one_text.translate(_ONE_BASE64, _NOT_BASE64)
        if any(encoded in letters for one in secrets for encoded in one.encoded):
            return True
    data = data.translate(_ONE_HEX, _NOT_HEX)
    return any(one.digits in data for one in secrets)
