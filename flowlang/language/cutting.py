"""Taking a text apart: lines, words, chunks. A word is a row of characters without blanks."""

from itertools import islice

from ..pattern import pattern
from .values import ValueMistake
from .writing import MAX_TEXT

_WORD = pattern(r"\S+")
_LINE_BREAK = pattern(r"\r\n|\n|\r")


def lines(text: str) -> tuple[str, ...]:
    """The lines as they stand, blank ones too; a line break at the very end opens no further one."""
    parts = _LINE_BREAK.split(text)
    return tuple(parts[:-1] if not parts[-1] else parts)


def words(text: str) -> tuple[str, ...]:
    """The words, in their order."""
    return tuple(text.split())


def split(text: str, at: str) -> tuple[str, ...]:
    """The parts between the separators, each without outer spaces; none of a blank text."""
    if not at:
        raise ValueMistake("`split` needs something to split at, and this is an empty text")
    return tuple(part.strip() for part in text.split(at)) if text.strip() else ()


def chunks(text: str, size: int, overlap: int) -> tuple[str, ...]:
    """Pieces of `size` words, each starting with the last `overlap` words of the one before; the last may be shorter.

    A piece is cut out as it stands, with its own spaces and paragraphs.
    """
    if size < 1:
        raise ValueMistake("a chunk has at least 1 word")
    if overlap >= size:
        raise ValueMistake(f"chunks of {size} words cannot share {overlap} words: they would not get on")
    step = size - overlap
    starts: list[int] = []
    found: list[str] = []
    length = 0
    end = 0
    for place, word in enumerate(_WORD.finditer(text)):
        end = word.end()
        if place % step == 0:
            starts.append(word.start())
        if place >= size - 1 and (place - size + 1) % step == 0:
            piece = text[starts[len(found)] : end]
            length += len(piece)
            if length > MAX_TEXT:
                raise ValueMistake(f"the chunks together get longer than {MAX_TEXT:,} characters")
            found.append(piece)
            last = place
    if starts and (not found or last < place):
        found.append(text[starts[len(found)] : end])
    return tuple(found)


def shortened(text: str, size: int) -> str:
    """The text up to its last allowed word and `…`; a text of no more words as it is."""
    if size < 1:
        raise ValueMistake("a text can be shortened to 1 word or more")
    ends = [word.end() for word in islice(_WORD.finditer(text), size - 1, size + 1)] if size < len(text) else []
    return text[: ends[0]] + "…" if len(ends) > 1 else text
