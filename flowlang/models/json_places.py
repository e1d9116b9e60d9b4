"""Where the parts of a JSON text stand, so that a mistake can be shown at its place."""

import json
import re

from ..pattern import pattern

# Possessive, so that a quote that is never closed costs one pass and not one per quote.
_STRING_OR_BRACKET = pattern(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_SPACE = pattern(r"[ \t\r\n]*")
_PLAIN = pattern(r"[^\s,\]}]*")


def find(text: str, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Start and end of the part at `path`, in a text that is JSON.

    A name or item that is not there leads to the record or list that lacks it.
    """
    at = _space(text, 0)
    for step in path:
        inner = _child(text, at, step)
        if inner is None:
            break
        at = inner
    return at, _end(text, at)


def broken_at(text: str) -> tuple[str, int] | None:
    """Why a text is no JSON, in plain words, and where that shows; None if its grammar is in order."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as mistake:
        return _in_plain_words(mistake), mistake.pos
    except RecursionError:
        return None
    return None


def _in_plain_words(mistake: json.JSONDecodeError) -> str:
    said = mistake.msg
    if not mistake.doc.strip():
        return "it is empty"
    if mistake.pos >= len(mistake.doc.rstrip()) or said.startswith("Unterminated"):
        return "it ends too early"
    if said.startswith("Extra data"):
        return "something stands behind its end"
    if said.startswith("Expecting ',' delimiter"):
        return "a comma is missing"
    if said.startswith("Expecting ':' delimiter"):
        return "a colon is missing"
    if "property name" in said:
        return "a name in double quotes is missing"
    if said.startswith("Invalid control character"):
        return "a line break or tab inside quotes must be written as \\n or \\t"
    if said.startswith("Invalid"):
        return "a backslash stands before a sign that takes none"
    return "a value is missing"


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end(text: str, at: int) -> int:
    if at >= len(text):
        return at
    if text[at] not in "[{":
        found = (_STRING_OR_BRACKET if text[at] == '"' else _PLAIN).match(text, at)
        return found.end() if found else at
    depth = 0
    for sign in _STRING_OR_BRACKET.finditer(text, at):
        depth += (sign[0] in ("[", "{")) - (sign[0] in ("]", "}"))
        if depth == 0:
            return sign.end()
    return len(text)


def _child(text: str, at: int, step: str | int) -> int | None:
    """The start of an item or field of what starts at `at`."""
    if text[at] != ("{" if isinstance(step, str) else "["):
        return None
    at = _space(text, at + 1)
    place = 0
    while at < len(text) and text[at] not in "]}":
        if isinstance(step, str):
            name_end = _end(text, at)
            name = json.loads(text[at:name_end])
            at = _space(text, _space(text, name_end) + 1)
            if name == step:
                return at
        elif place == step:
            return at
        at = _space(text, _end(text, at))
        if text[at : at + 1] == ",":
            at = _space(text, at + 1)
        place += 1
    return None
