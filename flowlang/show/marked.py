"""An answer with what is new in it marked, against the one before: by words, and where they are many, by lines."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..pattern import pattern

MOST_WORDS = 1_500  # of each text; comparing takes the square of that
MOST_LINES = 3_000
_WORDS = pattern(r"\s+|\w+|[^\w\s]")

_Code = tuple[str, int, int, int, int]
Mark = Literal["", "+", "-"]


class Piece(NamedTuple):
    """A part of a text that is the same in both, new, or gone."""

    text: str
    mark: Mark


def marked(before: str | None, now: str, with_gone: bool = False) -> tuple[Piece, ...]:
    """The text in pieces. `with_gone`: what is not there any more stands among them. Too long a text has no marks."""
    if before is None or before == now:
        return (Piece(now, ""),)
    for split, most in ((_WORDS.findall, MOST_WORDS), (_lines_of, MOST_LINES)):
        old, new = split(before), split(now)
        if len(old) <= most and len(new) <= most:
            return _compared(old, new, with_gone)
    return (Piece(now, ""),)


def _lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _compared(old: Sequence[str], new: Sequence[str], with_gone: bool) -> tuple[Piece, ...]:
    from difflib import SequenceMatcher  # nobody else needs it

    pieces: list[Piece] = []
    for kind, old_from, old_to, new_from, new_to in _joined(SequenceMatcher(None, old, new).get_opcodes(), new):
        if kind != "equal" and with_gone and old_to > old_from:
            pieces.append(Piece("".join(old[old_from:old_to]), "-"))
        if new_to > new_from:
            pieces.append(Piece("".join(new[new_from:new_to]), "" if kind == "equal" else "+"))
    return tuple(pieces)


def _joined(codes: Sequence[_Code], new: Sequence[str]) -> list[_Code]:
    """The steps from one text to the other; changes with nothing but a space between them are one."""
    joined: list[_Code] = []
    for place, code in enumerate(codes):
        kind, _, old_to, new_from, new_to = code
        is_between = 0 < place < len(codes) - 1 and kind == "equal" and "".join(new[new_from:new_to]) == " "
        if joined and joined[-1][0] != "equal" and (is_between or kind != "equal"):
            before = joined.pop()
            code = ("replace", before[1], old_to, before[3], new_to)
        joined.append(code)
    return joined
