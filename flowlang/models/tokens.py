"""How many tokens a text is for a model, estimated without any model's own tables."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from ..language.template import LONG
from ..pattern import pattern

# Measured habits of the byte-pair vocabularies in use: a short word with its space is one token, a long one a token
# per six letters or so; digits go in threes; a sign is one; other scripts cost by the character.
_WORD = pattern(r"[A-Za-z]+")
_NUMBER = pattern(r"[0-9]+")
_SIGNS = pattern(r"[!-/:-@\[-`{-~]+")
_BREAKS = pattern(r"\n\s*|[ \t]{2,}")
_OTHER = pattern(r"[^\x00-\x7f]+")
# Where a word, a number or another script begins: what stands before and behind it costs apart what it does together.
_BEGINS = pattern(r"[^A-Za-z](?=[A-Za-z])|[^0-9](?=[0-9])|(?=[^\x00-\x7f\s])")
_BLOCK = 65_536  # characters that are counted at once
_EDGE = 1_000  # characters at its end in which the beginning of a word is looked for
# All of it is counted in parts of a token, so that sums are exact: a text costs the same however it is cut.
_TOKEN = 300
_PER_CHARACTER = (
    (0x024F, 165),  # Latin letters with marks, typographic signs
    (0x03FF, 150),  # Greek
    (0x052F, 99),  # Cyrillic
    (0x05FF, 135),  # Armenian, Hebrew
    (0x077F, 120),  # Arabic
    (0x0FFF, 150),  # the scripts of India, Thai, Lao
    (0x1FFF, 180),
    (0x2FFF, 300),  # signs
    (0x30FF, 225),  # kana
    (0x9FFF, 255),  # Han
    (0xD7FF, 225),  # Hangul
    (0xFFFF, 300),
    (0x10FFFF, 600),  # emoji
)


def estimate_tokens(text: str) -> int:
    """An estimate from the classes of characters; 0 for an empty text, at least 1 for any other."""
    return _whole(_cost_of(text), bool(text))


def estimate_tokens_of(pieces: Sequence[str]) -> int:
    """The estimate for the text that the pieces make together; a long piece that many texts share is counted once."""
    total = 0
    open_: list[str] = []  # what comes before a place from which on it can be counted apart
    for piece in pieces:
        middle = _middle(piece) if len(piece) >= LONG else None
        if middle is None:
            open_.append(piece)
            continue
        start, end, cost = middle
        total += _cost_of("".join(chain(open_, (piece[:start],)))) + cost
        open_ = [piece[end:]]
    return _whole(total + _cost_of("".join(open_)), any(pieces))


@lru_cache(maxsize=8)
def _middle(piece: str) -> tuple[int, int, int] | None:
    """Where in a long piece the first word begins, where the last one does, and what stands between them costs."""
    first = _BEGINS.search(piece)
    edge = len(piece) - _EDGE
    last = [edge + found.end() for found in _BEGINS.finditer(piece[edge:])]
    if first is None or not last or first.end() > last[-1]:
        return None
    return first.end(), last[-1], _cost_of(piece[first.end() : last[-1]])


def _whole(cost: int, says_something: bool) -> int:
    return max(int(says_something), -(-cost // _TOKEN))


def _cost_of(text: str) -> int:
    """In parts of a token."""
    if len(text) <= _BLOCK:
        return _cost_of_block(text)
    total = start = 0
    while start < len(text):
        cut = _BEGINS.search(text, start + _BLOCK)
        end = len(text) if cut is None else cut.end()
        total += _cost_of_block(text[start:end])
        start = end
    return total


def _cost_of_block(text: str) -> int:
    total = 0
    for word in _WORD.findall(text):
        total += _TOKEN if len(word) <= 8 else _TOKEN + (len(word) - 8) * (_TOKEN // 6)
    for digits in _NUMBER.findall(text):
        total += (len(digits) + 2) // 3 * _TOKEN
    for signs in _SIGNS.findall(text):
        total += _TOKEN if len(signs) <= 2 else _TOKEN + (len(signs) - 2) * (_TOKEN // 4)
    total += sum(_TOKEN for _ in _BREAKS.finditer(text))
    if not text.isascii():
        for run in _OTHER.findall(text):
            total += sum(map(_cost, run))
    return total


def _cost(character: str) -> int:
    code = ord(character)
    for last, cost in _PER_CHARACTER:
        if code <= last:
            return cost
    return _TOKEN
