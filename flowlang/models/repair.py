"""JSON that a model wrote with a slip, put right: fences and words around it, commas, quotes, a bracket at the end.

A repair changes signs, never words: every letter and digit of the JSON is kept, in its place, and none is added. What
stops in the middle of something is no slip, and is left as it is.
"""

import re

from ..pattern import pattern

MAX_CHARACTERS = 500_000  # reading with so much patience is slow
MAX_DEPTH = 64
MAX_PIECES = 4_000  # of two texts, that are compared to tell what changed
MAX_TOLD = 120

_FENCE = pattern(r"```[A-Za-z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_SIGN = pattern(r'"(?:[^"\\]|\\.)*+"|"|[\[\]{}]', re.DOTALL)
_ESCAPED = pattern(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_PIECE = pattern(r"\w+|\s+|.")
_ZEROS = pattern(r"(?<=[0-9]\.)([0-9]*?)0+(?![0-9])")
_PYTHON_WORDS = pattern(r"\b(?:None|True|False)\b")
_IN_JSON = {"None": "null", "True": "true", "False": "false"}


def repaired(text: str) -> list[str]:
    """What the text may have been meant to be, as JSON texts, the likeliest first; none if no repair is safe."""
    if len(text) > MAX_CHARACTERS:
        return []
    fences = [fence[1] for fence in _FENCE.finditer(text)]
    if len(fences) > 1:
        return []  # which of them is the answer, nobody can tell
    found: dict[str, None] = {}
    body = fences[0] if fences else text
    first, *later = sorted(place for place in (body.find("{"), body.find("[")) if place >= 0) or [len(body)]
    for start in (first, *(place for place in later if _depth(body[first:place]) == 0)):
        part = _json_part(body[start:])
        found |= dict.fromkeys(one for one in (part, _mended(part)) if one)
    return list(found)


def difference(before: str, after: str) -> str:
    """What a repair changed, as a few words for a person: what was taken out and what was put in."""
    import difflib  # only for answers with a slip

    fence = _FENCE.search(before)
    if fence is not None:  # its signs would be taken for others
        before = f"{before[: fence.start()]}\n{fence[1]}\n{before[fence.end() :]}"
    old, new = _PIECE.findall(before)[:MAX_PIECES], _PIECE.findall(after)[:MAX_PIECES]
    told = []
    if fence is not None:
        told.append("without the fence around it")
    for what, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new).get_opcodes():
        out, put = "".join(old[start:end]).strip(), "".join(new[new_start:new_end]).strip()
        if what != "equal" and (out or put):
            told.append(f"`{out}` became `{put}`" if out and put else f"without `{out}`" if out else f"with `{put}`")
    line = " ".join(", ".join(dict.fromkeys(told)).split())
    return f"{line[: MAX_TOLD - 1]}…" if len(line) > MAX_TOLD else line or "its layout"


def _json_part(text: str) -> str:
    """A text without what stands behind the last bracket, unless that bracket closes only an inner part."""
    end = max(text.rfind("}"), text.rfind("]")) + 1
    return text[:end] if _depth(text[:end]) == 0 else text.rstrip().removesuffix("```").rstrip()


def _depth(text: str) -> int | None:
    """How many brackets are open at the end of a text; None if they don't fit, or go too deep, or a quote is open."""
    open_now: list[str] = []
    for sign in _SIGN.findall(text):
        if sign in "[{":
            open_now.append(sign)
            if len(open_now) > MAX_DEPTH:
                return None
        elif sign in "]}":
            if not open_now or (open_now.pop() == "[") != (sign == "]"):
                return None
        elif sign == '"':
            return None
    return len(open_now)


def _mended(text: str) -> str:
    if text.count("{") + text.count("[") > 20_000 or _deepest(text) > MAX_DEPTH:
        return ""
    if not text.endswith(("}", "]")) and not (text.endswith('"') and _depth(text) is not None):
        return ""  # it stops in the middle of a value, or before one
    import json_repair  # only for answers with a slip

    try:
        mended = json_repair.repair_json(text, skip_json_loads=True, ensure_ascii=False)
    except (ValueError, RecursionError, IndexError, TypeError):
        return ""
    return mended if isinstance(mended, str) and mended and _words(mended) == _words(text) else ""


def _deepest(text: str) -> int:
    deepest = depth = 0
    for sign in text:
        if sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


def _words(text: str) -> str:
    """The letters and digits of a JSON text, however they are written."""
    text = _ZEROS.sub(r"\1", text)
    text = _PYTHON_WORDS.sub(lambda word: _IN_JSON[word[0]], text)
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)
    return "".join(filter(str.isalnum, text))
