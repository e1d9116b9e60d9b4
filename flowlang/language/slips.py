"""What was probably meant by a line that can't be read, told in the author's words.

The grammar says only where a line stops making sense. The slips that people make are looked for in the order of the
tuples at the end; the last resort names what could have stood at that place.
"""

import re

from ..diagnostics.source import Span
from . import header_slips, line_slips, sign_slips
from .mistake import Mistake
from .parser import END, MAX_WORDS, Unreadable
from .pieces import Explain, rest_of_line, syntax

# A slip is seen from near: of a very long line, only so much is looked at behind the place that can't be read.
_NEAR = 2000

# What could have stood there, in words. Signs of the grammar that are not listed are never offered.
_WORDS_FOR = {
    "NAME": "a name",
    "PATH": "a name",
    "WORD": "a word",
    "NUMBER": "a number",
    "STRING": 'a text in quotes, "…"',
    "_COLON": "a colon",
    "_COMMA": "a comma",
    "_EQUALS": "`=`",
    "_LEFT_BRACKET": "a list, `[…]`",
    "_RIGHT_BRACKET": "`]`",
    "_RIGHT": "`)`",
    "_PIPE": "`|` and a filter",
    "IS": "`is` or another comparison",
    "_IN": "`in`",
    "_AS": "`as` and a name",
    "_TO": "`to`",
    "_OF": "`of`",
    "_WORDS": "`words`",
    "_WITH_TEXT": "`with`",
    "_TIMES": "`times`",
    "_AT_A_TIME": "`at a time`",
    "_COMMA_AT_MOST": "`, at most N times`",
    "_ONE_OF": "a type",
    END: "the end of the line",
}


def explain_header(text: str, unreadable: Unreadable) -> Mistake:
    """The mistake of a section's first line."""
    return _explain(text, unreadable, header_slips.SLIPS + sign_slips.SLIPS)


def explain_line(text: str, unreadable: Unreadable, keys: tuple[str, ...]) -> Mistake:
    """The mistake of a line below a header. `keys` are the settings that may stand in its section."""
    key: Explain = lambda text, unreadable: line_slips.unknown_key(text, unreadable, keys)  # noqa: E731
    line: Explain = lambda text, unreadable: line_slips.unknown_line(text, keys)  # noqa: E731
    return _explain(text, unreadable, (key, *line_slips.SLIPS, line, *line_slips.CONTROL_SLIPS, *sign_slips.SLIPS))


def explain_field(text: str, unreadable: Unreadable) -> Mistake:
    """The mistake of a schema's field."""
    return _explain(text, unreadable, line_slips.FIELD_SLIPS + sign_slips.SLIPS)


def _explain(text: str, unreadable: Unreadable, slips: tuple[Explain, ...]) -> Mistake:
    if unreadable.too_long:
        message = f"this line is too long: it has more than {MAX_WORDS:,} words and signs"
        return Mistake("out-of-range", message, Span(0, min(len(text), 80)), ("put what it lists into a file",))
    if len(text) > unreadable.offset + _NEAR:
        text = text[: unreadable.offset + _NEAR]
    if unreadable.offset <= _NEAR:
        for explain in slips:
            if (mistake := explain(text, unreadable)) is not None:
                return mistake
    return _last_resort(text, unreadable)


def _last_resort(text: str, unreadable: Unreadable) -> Mistake:
    wanted = [words for name, words in _WORDS_FOR.items() if name in unreadable.expected]
    wanted = list(dict.fromkeys(wanted))[:4]
    offset, length = unreadable.offset, len(text.rstrip())
    sign = re.compile(r"[,\uff0c\u3001]\s*(?=\S)").match(text, offset)
    if sign is not None and not re.search(r"[,\uff0c\u3001]\s*$", text[max(0, offset - _NEAR) : offset]):
        offset = sign.end()  # not the comma is wrong, but what stands behind it
    if offset >= length:
        start = max(0, length - _NEAR)
        word = re.search(r"\S+$", text[start:length])
        span = Span(start + word.start() if word else 0, length)
        message = "this line stops too early"
    else:
        span = rest_of_line(text, offset)
        message = "this line can't be read from here on"
    hint = f"what fits here is {' or '.join([', '.join(wanted[:-1]), wanted[-1]] if wanted[1:] else wanted)}"
    return syntax(message, span, *((hint,) if wanted else ()))
