"""How many tokens a text is for a model, estimated without any model's own tables."""

import math
import re

# Measured habits of the byte-pair vocabularies in use: a short word with its space is one token, a long one a token
# per six letters or so; digits go in threes; a sign is one; other scripts cost by the character.
_WORD = re.compile(r"[A-Za-z]+")
_NUMBER = re.compile(r"[0-9]+")
_SIGNS = re.compile(r"[!-/:-@\[-`{-~]+")
_BREAKS = re.compile(r"\n\s*|[ \t]{2,}")
_OTHER = re.compile(r"[^\x00-\x7f]+")
_PER_CHARACTER = (
    (0x024F, 0.55),  # Latin letters with marks, typographic signs
    (0x03FF, 0.5),  # Greek
    (0x052F, 0.33),  # Cyrillic
    (0x05FF, 0.45),  # Armenian, Hebrew
    (0x077F, 0.4),  # Arabic
    (0x0FFF, 0.5),  # the scripts of India, Thai, Lao
    (0x1FFF, 0.6),
    (0x2FFF, 1.0),  # signs
    (0x30FF, 0.75),  # kana
    (0x9FFF, 0.85),  # Han
    (0xD7FF, 0.75),  # Hangul
    (0xFFFF, 1.0),
    (0x10FFFF, 2.0),  # emoji
)


def estimate_tokens(text: str) -> int:
    """An estimate from the classes of characters; 0 for an empty text, at least 1 for any other."""
    if not text:
        return 0
    total = 0.0
    for word in _WORD.findall(text):
        total += 1 if len(word) <= 8 else 1 + (len(word) - 8) / 6
    for digits in _NUMBER.findall(text):
        total += (len(digits) + 2) // 3
    for signs in _SIGNS.findall(text):
        total += 1 if len(signs) <= 2 else 1 + (len(signs) - 2) / 4
    total += sum(1 for _ in _BREAKS.finditer(text))
    if not text.isascii():
        for run in _OTHER.findall(text):
            total += sum(map(_cost, run))
    return max(1, math.ceil(total))


def _cost(character: str) -> float:
    code = ord(character)
    for last, cost in _PER_CHARACTER:
        if code <= last:
            return cost
    return 1.0
