"""Lines of styled text that fit a terminal exactly: cut and wrapped by columns, written as what a terminal obeys."""

from collections.abc import Iterable
from typing import NamedTuple

from .terminal import columns, visible, visible_line

_PLAIN = "\x1b[0m"
_SGR = {
    "bold": "1",
    "dim": "2",
    "new": "4;32",
    "gone": "9;31",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "chosen": "7",
}
_NO_COLOUR = {"bold": "1", "dim": "2", "new": "4", "gone": "9", "chosen": "7"}
TAB = "    "


class Span(NamedTuple):
    """A text in one style. It is safe: made by `safe`, or our own."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


def safe(text: str, style: str = "") -> Span:
    """A text that may be anyone's, on one line."""
    return Span(visible_line(text.replace("\t", " ")), style)


def cut(line: Iterable[Span], width: int) -> Line:
    """The line in at most `width` columns; what was cut ends with `…`."""
    spans = tuple(line)
    if sum(columns(one.text) for one in spans) <= width:
        return spans
    left, kept = max(0, width - 1), list[Span]()
    for one in spans:
        fitting = _head(one.text, left)
        if fitting:
            kept.append(Span(fitting, one.style))
        left -= columns(fitting)
        if len(fitting) < len(one.text):
            break
    return (*kept, Span("…" if width > 0 else ""))


def _head(text: str, width: int) -> str:
    if columns(text) <= width:
        return text
    taken = 0
    for place, char in enumerate(text):
        taken += columns(char)
        if taken > width:
            return text[:place]
    return text


def wrapped(spans: Iterable[Span], width: int) -> list[Line]:
    """Texts that may be anyone's, with their line breaks, in lines of at most `width` columns."""
    lines: list[Line] = []
    current: list[Span] = []
    left = width
    for one in spans:
        for number, part in enumerate(visible(one.text).replace("\t", TAB).split("\n")):
            if number:
                lines.append(tuple(current))
                current, left = [], width
            while part:
                fitting = _head(part, left) or (part[:1] if left >= width else "")
                if fitting:
                    current.append(Span(fitting, one.style))
                part, left = part[len(fitting) :], left - columns(fitting)
                if part:
                    lines.append(tuple(current))
                    current, left = [], width
    lines.append(tuple(current))
    return lines


def written(line: Line, colour: bool) -> str:
    """The line as a terminal is sent it."""
    styles = _SGR if colour else _NO_COLOUR
    parts = []
    for text, style in line:
        codes = ";".join(styles[name] for name in style.split() if name in styles)
        parts.append(f"\x1b[{codes}m{text}{_PLAIN}" if codes and text else text)
    return "".join(parts)
