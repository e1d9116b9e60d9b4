"""What the slips have in common: a look at a line by its words and quotes, without a grammar."""

import re
from collections.abc import Callable

from ..diagnostics.source import Span
from ..pattern import pattern
from .mistake import Mistake
from .names import name_mistake
from .parser import Unreadable

BLANK = r"[^\S\n]"
COLONS = ":\uff1a"
EQUALS = "=\uff1d"
OPENING_QUOTES = '"\u201c-\u201f'
WORD = pattern(r"[^\W\d_][\w-]*")
# A text in quotes that is closed, or the quotes that open a block with all that stands in it.
TEXT = pattern(
    r'"{3,}[^\n]*(?:\n[\s\S]*)?|"(?:[^"\\\n]|\\[^\n])*"|[\u201c-\u201f][^\u201c-\u201f\n]*[\u201c-\u201f]|#[^\n]*'
)
# The first words of the filters.
FILTERS = frozenset(
    [
        "where",
        "sort",
        "group",
        "first",
        "last",
        "take",
        "unique",
        "flatten",
        "count",
        "sum",
        "average",
        "smallest",
        "largest",
        "most_common",
        "share",
        "join",
        "split",
        "lines",
        "words",
        "chunks",
        "trim",
        "upper",
        "lower",
        "replace",
        "shorten",
        "round",
        "percent",
        "plus",
        "minus",
        "times",
        "divided",
        "default",
        "bullets",
        "numbered",
        "table",
        "json",
        "parse",
    ]
)
TEXT_KEYS = ("prompt", "system", "user", "assistant", "about", "get", "post", "body", "command")

# What may be the matter with a line that can't be read; None if it is something else.
Explain = Callable[[str, Unreadable], Mistake | None]


def syntax(message: str, span: Span, *hints: str) -> Mistake:
    return Mistake("syntax", message, span, hints)


def rest_of_line(text: str, start: int) -> Span:
    """From `start` to the last thing on its line that is no blank."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return Span(start, start + len(text[start:end].rstrip()))


def first_line(text: str) -> str:
    """The first of the lines that a logical line runs over."""
    return text[: rest_of_line(text, 0).end]


def is_name(word: str) -> bool:
    """Whether a word may be the name of something."""
    return WORD.match(word) is not None and name_mistake(word) is None


def starts_text(text: str, at: int) -> bool:
    """Whether a text in quotes begins there."""
    return re.compile(rf"[{OPENING_QUOTES}]|file{BLANK}*[{OPENING_QUOTES}]").match(text, at) is not None


def unquoted(text: str, start: int) -> Mistake:
    """A text without its quotes, from `start` to the end of the line."""
    span = rest_of_line(text, start)
    if text.startswith(("'", "`", "\u2018", "\u2019"), start):
        hint = 'write `"…"`, or `"""` on the lines before and after a text of several lines'
        return syntax("a text stands in double quotes", span, hint)
    hint = 'put quotes around it, or `"""` on the lines before and after a text of several lines'
    return syntax("a text stands in quotes", span, hint)


def article(kind: str) -> str:
    """`a step`, `an input`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
