"""`NAME.answers` as text: written in the flow language's own lines, sorted, the same bytes for the same answers.

A text stands as it is, in a block that no line of it can close. What a block can't hold (a carriage return, a control
sign, a beginning that all its lines share) stands in quotes with JSON's escapes, and says so: `text: "a\\r\\nb" json`.
"""

import json
import re
from collections.abc import Iterable
from hashlib import sha256

from ..pattern import pattern
from .recording import BIGGEST, VERSION, Recorded, Which

_LONGEST_IN_QUOTES = 80
_MARGIN = "    "
# What a block or a line would lose, change or hide: control signs, line breaks of other systems, lone surrogates, marks
# that turn or hide what is read.
_ODD = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_LONE = pattern("[\ud800-\udfff]")


def write_recordings(ordered: Iterable[Recorded], folder: str, longest: int = BIGGEST) -> tuple[str, dict[str, str]]:
    """The text of the file, and the files beside it by their names; `folder` is where these stand.

    Answers of more than `longest` characters stand beside it.
    """
    beside: dict[str, str] = {}
    pieces = [f"answers {VERSION}\n"]
    for one in ordered:
        lines = [f"answer {one.which.step}", *_labels(one.which), f"  request: {one.request}"]
        if one.tokens is not None:
            lines.append(f"  tokens: {one.tokens[0]}, {one.tokens[1]}")
        if one.calls:
            lines += _block("calls", "\n".join(map(_call_line, one.calls)))
        if one.failed:
            lines += _text("failed", one.failed, folder, beside, longest)
        elif one.text is not None:
            lines += _text("text", one.text, folder, beside, longest)
        pieces.append("\n".join(lines) + "\n")
    return "\n".join(pieces), beside


def _labels(which: Which) -> list[str]:
    told = {
        "flow": ".".join(which.flow),
        "place": ", ".join(map(str, which.place)),
        "round": ", ".join(map(str, which.round)),
        "sample": str(which.sample or ""),
        "run": str(which.run or ""),
        "try": str(which.again or ""),
        "tool": which.tool,
    }
    lines = [f"  {name}: {value}" for name, value in told.items() if value]
    return [*lines, *(_text("judge", which.judge, "", {}) if which.judge else ())]


def _text(name: str, text: str, folder: str, beside: dict[str, str], longest: int = BIGGEST) -> list[str]:
    if folder and len(text) > longest and not _LONE.search(text):
        file = f"{sha256(text.encode()).hexdigest()[:16]}.txt"
        beside[file] = text
        return [f'  {name}: file "{folder}/{file}"']
    if _ODD.search(text) or "\\{{" in text:
        return [f"  {name}: {_json_string(text)} json"]
    if len(text) <= _LONGEST_IN_QUOTES and not any(sign in text for sign in '\n\t"\\'):
        return [f'  {name}: "{text}"']
    return _block(name, text) if _fits_block(text) else [f"  {name}: {_json_string(text)} json"]


def _json_string(text: str) -> str:
    plain = json.dumps(text, ensure_ascii=False)
    return _ODD.sub(lambda found: f"\\u{ord(found.group()):04x}", plain)


def _fits_block(text: str) -> bool:
    """Whether a block gives the text back: its lines share no beginning of blanks, which would be taken for margin."""
    lines = [line for line in text.split("\n") if line.strip()]
    return any(not line[0].isspace() for line in lines)


def _block(name: str, text: str) -> list[str]:
    fence = '"' * max(3, 1 + max(map(len, re.findall('"+', text)), default=0))
    return [f"  {name}: {fence}", *(_MARGIN + line if line else "" for line in text.split("\n")), f"  {fence}"]


def _call_line(call: tuple[str, str]) -> str:
    """A call as a line: the tool's name, and its values as a JSON object; what is none stands there as a JSON text.

    A model may call a tool by any name: one that would not be read back stands there as a JSON text as well.
    """
    name, arguments = call
    if not name or name.startswith('"') or re.search(r"\s", name) or _ODD.search(name) or "\\{{" in name:
        name = _json_string(name)
    try:
        plain = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        plain = False
    if plain and not _ODD.search(arguments) and "\n" not in arguments and arguments == arguments.strip():
        return f"{name} {arguments}"
    return f"{name} {_json_string(arguments)}"
