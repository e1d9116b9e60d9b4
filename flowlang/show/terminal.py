"""What foreign text may do to a terminal, or to who reads a log: nothing. What steers or hides is spelled out."""

import re
import unicodedata

from ..pattern import pattern

# All control characters but line break and tab; what turns the direction of writing; what has no width at all;
# line ends of other kinds; halves of a character, which no terminal can be sent.
_STEERING = (
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"
    "\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e007f"
)
# Joiners are left alone where they belong to the writing: between the parts of one emoji, and between letters of the
# Arabic and Indian scripts. Elsewhere they only hide.
_JOINED = pattern(
    "(?<=[\\u2600-\\u27bf\\ufe0f\\U0001f000-\\U0001faff])\\u200d(?=[\\u2600-\\u27bf\\U0001f000-\\U0001faff])"
    "|(?<=[\\u0620-\\u06ff\\u0900-\\u0dff])[\\u200c\\u200d](?=[\\u0620-\\u06ff\\u0900-\\u0dff])"
)
_UNSAFE = pattern(f"[{_STEERING}]")
_UNSAFE_IN_LINE = pattern(f"[{_STEERING}\\n\\t]")
_SHORT = {"\n": "\\n", "\t": "\\t"}
_COLOUR = pattern("(\x1b\\[(?:0|1|2|1;3[1-6]|3[1-6])m)")

# What a service that keeps the log takes for a command. GitHub: `::` at the start of a line, blanks before it do not
# count, and the older `##[` anywhere in one; Azure and TeamCity: `##vso[`, `##teamcity[`, anywhere.
_COMMAND = pattern(r"((?:\A|[\r\n])(?:[^\S\r\n]|[\ufeff\u200b])*):(?=:)|#(?=#(?:vso|teamcity)?\[)", re.IGNORECASE)


def visible(text: str) -> str:
    """The text with every character that could steer a terminal, or hide in it, written as `\\x1b` or `\\u202e`."""
    return _UNSAFE.sub(_spelled, text)


def visible_line(text: str) -> str:
    """The same for a text that has to stay on one line: line breaks and tabs are written as `\\n` and `\\t`."""
    return _UNSAFE_IN_LINE.sub(_spelled, text)


def visible_but_colours(text: str) -> str:
    """The same for a text that has colours of our own in it, which stay."""
    return "".join(part if _COLOUR.fullmatch(part) else visible(part) for part in _COLOUR.split(text))


def without_commands(text: str) -> str:
    """The text for a log that is searched for commands: none is left. In JSON the text still means the same."""
    return _COMMAND.sub(lambda found: f"{found[1]}\\u003a" if found[1] is not None else "\\u0023", text)


def columns(text: str) -> int:
    """How many columns of a terminal a visible text takes: two for wide characters, none for marks on others."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _spelled(found: re.Match[str]) -> str:
    char = found.group()
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if char in "\u200c\u200d" and _JOINED.match(found.string, found.start()):
        return char
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
