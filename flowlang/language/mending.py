"""Lines that can't be read, put right as their report tells the author to, so that one slip has no further reports.

What is put right keeps its place: a sign takes the place of another one, or of the blank before a word.
"""

import re
from collections.abc import Iterator

from ..diagnostics.source import Span
from ..pattern import pattern
from . import ast
from .line_slips import hidden_slip
from .mistake import Mistake
from .names import name_mistake, normalise
from .parser import Node, Unreadable, the_parser
from .pieces import BLANK, TEXT_KEYS

_LONGEST = 10_000  # what is longer is no slip of the pen
_REPEATS = pattern(r"(?:rep|for|each|loop)")
_LOOP = pattern(r"([^\W\d_][\w-]*)\s+(?:in|of|from)\s+(?:\{\{\s*)?([^\W\d_][\w-]*(?:\.[^\W\d_][\w-]*)*)")
_ITEM = pattern(r"repeat\s+for\s+each\s+([^\W\d_][\w-]*)")
_NAMED = pattern(rf"(?:step|preset|tool|flow|limits|test|schema)(?![\w-]){BLANK}*\S")
_TEXT_KEY = pattern(rf"(?:{'|'.join(TEXT_KEYS)}){BLANK}*[:\uff1a]{BLANK}*\"")


def mend(rule: str, text: str, unreadable: Unreadable, mistake: Mistake) -> Node | None:
    """The tree of the line as it was probably meant; None if that is not clear."""
    if len(text) > _LONGEST:
        return None
    for mended in _mended(rule, text, unreadable, mistake):
        tree = the_parser().parse(rule, mended)
        if isinstance(tree, Node) and not (tree.rule == "setting" and hidden_slip(tree, mended)):
            return tree
    return None


def mend_repeat(text: str, base: int) -> ast.RepeatEach | None:
    """The loops of a line that was to repeat a step: every `X in LIST`; the line stands at `base` of its section."""
    if len(text) > _LONGEST or "until" in text or _REPEATS.match(text) is None:
        return None
    loops: list[ast.Each] = []
    for found in _LOOP.finditer(text):
        if name_mistake(found.group(1)) is not None:
            continue
        name = ast.Name(normalise(found.group(1)), Span(base + found.start(1), base + found.end(1)))
        parts: list[ast.Name] = []
        start = base + found.start(2)
        for part in found.group(2).split("."):
            parts.append(ast.Name(normalise(part), Span(start, start + len(part))))
            start += len(part) + 1
        loops.append(ast.Each(name, ast.Ref(tuple(parts), Span(base + found.start(2), base + found.end(2)))))
    item = _ITEM.match(text)
    if not loops and item is not None and name_mistake(item.group(1)) is None:
        # The list can't be read: the item may be anything.
        name = ast.Name(normalise(item.group(1)), Span(base + item.start(1), base + item.end(1)))
        loops.append(ast.Each(name, ast.Ref((ast.Name("", name.span),), name.span)))
    return ast.RepeatEach(tuple(loops), None, Span(base, base + len(text))) if loops else None


def _mended(rule: str, text: str, unreadable: Unreadable, mistake: Mistake) -> Iterator[str]:
    start, end = mistake.span
    if mistake.rule == "stray-text" and start:
        yield text[:start].rstrip()
    if mistake.rule != "syntax":
        return
    wrong = text[start:end]
    if start == 0 and wrong in ("-", "*", "•"):
        yield " " + text[1:]
    if wrong in (":", "\uff1a", "=", "\uff1d", ":=", "->", "=>", "==") or re.fullmatch(r"[=:]\s*[=:]", wrong):
        for sign in ":=":
            yield text[:start] + sign.ljust(end - start) + text[end:]
    if start == 0 and (gap := re.match(rf"[\w-]+{BLANK}", text)):
        yield text[: gap.end() - 1] + ":" + text[gap.end() :]
        if wrong[-1:] in (":", "\uff1a"):  # a control word with a colon
            yield text[: end - 1] + " " + text[end:]
    elif start == 0 and wrong[-1:] in (":", "\uff1a"):
        yield text[: end - 1] + " " + text[end:]
    if start and start == unreadable.offset and text[start - 1].isspace():
        signs = [sign for sign, name in ((":", "_COLON"), ("=", "_EQUALS")) if name in unreadable.expected]
        for sign in (*signs, *("," if re.search(r"one\s+of", text[:start]) else "")):
            yield text[: start - 1] + sign + text[start:]
    if "{{" in wrong and "}}" in wrong:
        yield re.sub(r"\{\{|\}\}", "  ", text)
    if text.startswith("repeat") or _NAMED.match(text) or (rule == "line" and _TEXT_KEY.match(text)):
        yield text[:start].rstrip(" \t,\uff0c")
