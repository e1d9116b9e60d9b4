"""What may be a name: a letter, then letters, marks, digits, `_` and `-`, of one script."""

import re
import unicodedata

from ..pattern import pattern

RESERVED = frozenset(
    (
        "and",
        "or",
        "not",
        "is",
        "yes",
        "no",
        "empty",
        "contains",
        "in",
        "if",
        "else",
        "for",
        "end",
        "each",
        "it",
        "place",
    )
)

# Scripts that are written together. Kanji and kana are one script to those who write them.
_TOGETHER = {"CJK": "JAPANESE", "HIRAGANA": "JAPANESE", "KATAKANA": "JAPANESE", "KATAKANA-HIRAGANA": "JAPANESE"}
_PLAIN = pattern(r"[A-Za-z][A-Za-z0-9_-]*")


def normalise(name: str) -> str:
    """The form in which names are compared: NFC."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def name_mistake(name: str) -> str | None:
    """Why `name` can't be a name, as the end of a sentence; None if it can."""
    if name in RESERVED:
        return "is a word of the language"
    if _PLAIN.fullmatch(name):
        return None
    scripts = set()
    for index, char in enumerate(name):
        category = unicodedata.category(char)
        if category in ("Cf", "Cc", "Co", "Cs", "Cn", "Zl", "Zp"):
            return f"has an invisible character (U+{ord(char):04X}) in it"
        if index == 0 and not category.startswith("L"):
            return "does not begin with a letter"
        if category[0] == "L" or category[0] == "M":
            scripts.add(_script(char))
        elif category != "Nd" and char not in "_-":
            return f"has a `{char}` in it; a name has letters, digits, `_` and `-` only"
    scripts.discard("")
    if len(scripts) > 1:
        return f"mixes letters of different scripts ({' and '.join(sorted(s.capitalize() for s in scripts))})"
    return None


def suggest_name(words: str) -> str:
    """A name made of what was written: its words joined by `_`; empty if nothing is left."""
    parts = re.findall(r"[^\W_][\w-]*", words)
    name = "_".join(parts)
    while name and not name[0].isalpha():
        name = name[1:].lstrip("_-")
    return name + "_" if name in RESERVED else name


def _script(char: str) -> str:
    if unicodedata.category(char)[0] == "M" and unicodedata.name(char, "").startswith("COMBINING"):
        return ""  # an accent belongs to whatever it stands on
    word = unicodedata.name(char, "").split(" ")[0]
    if word in ("MODIFIER", "FEMININE", "MASCULINE", "MICRO"):
        return ""
    return _TOGETHER.get(word, word)
