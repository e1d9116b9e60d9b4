"""One logical line in canonical spacing: its words stay, what stands between them is laid out anew."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from ..pattern import pattern
from .cut import LogicalLine, cut
from .parser import Token, the_parser

CONTINUATION = "    "  # the margin of what a line goes on with

CURLY_QUOTES = "curly quotes are straight now"
HARD_SPACES = "non-breaking spaces are plain ones now"
ODD_SPACES = "unusual spaces are plain ones now"
WIDE_SIGNS = "full-width signs are plain ones now"
TABS = "tabs are spaces now"

_AS_WRITTEN = frozenset(("NAME", "PATH", "WORD", "NUMBER"))
_QUOTES = "\u201c\u201d\u201e\u201f"
# Full-width forms stand 0xFEE0 above their plain ones; the ideographic comma is one, too.
_PLAIN_SIGNS = {0xFEE0 + code: code for code in range(0x21, 0x7F)} | {ord("\u3001"): ord(",")}
_OPENING = pattern(r'("{3,})[^\S\n]*(verbatim)?[^\S\n]*(#.*)?')
# What a text in curly quotes may hold, and means something else between straight ones. Escapes come first.
_IN_CURLY = pattern(r'\\(?:["\\nt]|\{\{)|\\\Z|"')
_ODD = pattern(r"#[^\n]*|[^\n -~]")
_PLAIN = pattern(r"[\n -~]*")


def respace(start: str, text: str, margin: str) -> str | None:
    """The line `text` in canonical spacing; None if it can't be read as the grammar's rule `start`.

    `margin` goes before the quotes that close a text block; the lines of the text itself stay as they are.
    """
    words = the_parser().words(start, text)
    if words is None:
        return None
    spaced = _lay_out(text, words, margin)
    return spaced if spaced == text or _says_the_same(start, words, spaced) else text


def find_odd(start: str, text: str) -> Iterator[tuple[int, str]]:
    """What `respace` puts right in a line: the offset, and one of the sentences above."""
    if _PLAIN.fullmatch(text):
        return
    end = 0
    for word in the_parser().words(start, text) or ():
        yield from find_odd_blanks(text[end : word.start], end)
        end = word.end
        match word.type:
            case "STRING":
                if word.text[0] in _QUOTES:
                    yield word.start, CURLY_QUOTES
            case "BLOCK":
                first, last = word.text.index("\n"), word.text.rindex("\n")
                yield from find_odd_blanks(word.text[:first], word.start)
                yield from find_odd_blanks(word.text[last:], word.start + last)
            case "SLOT":
                inner = word.text[2:-2]
                shift = word.start + 2 + len(inner) - len(inner.lstrip())
                for offset, what in find_odd("tag", inner.strip()):
                    yield shift + offset, what
            case _ if word.type not in _AS_WRITTEN:
                yield from find_odd_blanks(word.text, word.start)


def find_odd_blanks(text: str, at: int) -> Iterator[tuple[int, str]]:
    """Blanks and signs of `text`, which stands at `at`, that have a plain form. Comments are left alone."""
    if _PLAIN.fullmatch(text):
        return
    for found in _ODD.finditer(text):
        char = found.group()[0]
        if char == "\t":
            yield at + found.start(), TABS
        elif char in "\u00a0\u2007\u202f":
            yield at + found.start(), HARD_SPACES
        elif char == "\u3000" or ord(char) in _PLAIN_SIGNS:
            yield at + found.start(), WIDE_SIGNS
        elif char.isspace():
            yield at + found.start(), ODD_SPACES


def _lay_out(text: str, words: list[Token], margin: str) -> str:
    parts = [_spell(words[0], margin)] if words else []
    for before, after in pairwise(words):
        between = text[before.end : after.start]
        if before.type == "_COMMA":
            between = before.text[1:] + between  # a comma takes line breaks and comments along
        spelled = _spell(after, margin)
        if "\n" in between:
            parts.append(_break_line(between))
        elif parts[-1] not in ("(", "[") and spelled[0] not in ",:)]":
            parts.append(" ")
        parts.append(spelled)
    return "".join(parts)


def _break_line(between: str) -> str:
    """A line break with the comments around it, and at most one blank line in a row."""
    behind, *above, _ = (line.strip() for line in between.split("\n"))
    lines = ["  " + behind if behind else ""]
    for line in above:
        if line:
            lines.append(CONTINUATION + line)
        elif lines[-1] or len(lines) == 1:
            lines.append("")
    return "\n".join(lines) + "\n" + CONTINUATION


def _spell(word: Token, margin: str) -> str:
    match word.type:
        case "NAME" | "PATH" | "WORD" | "NUMBER":
            return word.text
        case "STRING":
            return word.text if word.text[0] == '"' else _straighten(word.text)
        case "BLOCK":
            return _lay_out_fences(word.text, margin)
        case "SLOT":
            content = word.text[2:-2].strip()
            words = the_parser().words("tag", content)
            return word.text if words is None else "{{ " + _lay_out(content, words, margin) + " }}"
    return _spell_sign(word.text)


@lru_cache(512)
def _spell_sign(text: str) -> str:
    """A word or sign of the language; some are several words (`at  most`) or begin with a comma (`,at most`)."""
    if text[0] in ",\uff0c\u3001":
        rest = " ".join(text[1:].partition("#")[0].split())
        return ", " + rest if rest else ","
    text = " ".join(text.translate(_PLAIN_SIGNS).split())
    return "yes/no" if "/" in text else text


def _straighten(text: str) -> str:
    return '"' + _IN_CURLY.sub(_escape, text[1:-1]) + '"'


def _escape(found: re.Match[str]) -> str:
    return found.group() if len(found.group()) > 1 else "\\" + found.group()


def _lay_out_fences(text: str, margin: str) -> str:
    first, last = text.index("\n"), text.rindex("\n")
    opening = _OPENING.fullmatch(text, 0, first)
    assert opening is not None
    quotes, verbatim, comment = opening.groups()
    line = quotes + (" verbatim" if verbatim else "") + ("  " + comment.rstrip() if comment else "")
    return line + text[first:last] + "\n" + margin + quotes


def _says_the_same(start: str, words: list[Token], spaced: str) -> bool:
    """Whether the laid-out line still has the words that it was made of, and is still one line.

    Where a space decides what a word is (`judge 5 : "rule"`, as `5:` is no number), it does not.
    """
    line = next(cut(spaced), None)
    if not isinstance(line, LogicalLine) or (line.start, line.end) != (0, len(spaced)) or line.slip or line.unclosed:
        return False
    again = the_parser().words(start, spaced)
    if again is None or len(again) != len(words):
        return False
    return all(a.type == b.type and _spell(a, "") == _spell(b, "") for a, b in zip(words, again, strict=True))
