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
    if width_of(spans) <= width:
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
    if text.isascii():
        return text[:width]
    taken = 0
    for place, char in enumerate(text):
        taken += columns(char)
        if taken > width:
            return text[:place]
    return text


def width_of(line: Iterable[Span]) -> int:
    """How many columns a line takes."""
    return sum(columns(one.text) for one in line)


def wrapped(spans: Iterable[Span], width: int) -> list[Line]:
    """Texts that may be anyone's, with their line breaks, in lines of at most `width` columns.

    A line breaks between words, where it has some; the space there is not shown.
    """
    lines: list[Line] = []
    current: list[Span] = []
    for one in spans:
        for number, part in enumerate(visible(one.text).replace("\t", TAB).split("\n")):
            if number:
                lines += _broken(current, width)
                current = []
            if part:
                current.append(Span(part, one.style))
    return lines + _broken(current, width)


def _broken(line: list[Span], width: int) -> list[Line]:
    """One line of a text, as the lines of the screen that it takes."""
    if width_of(line) <= width:
        return [tuple(line)]
    text = "".join(one.text for one in line)
    lines: list[Line] = []
    start = number = before = 0  # `before`: where the span with this number begins
    while start < len(text):
        end, after = _end(text, start, width)
        found: list[Span] = []
        while start < end:
            one = line[number]
            part = one.text[start - before : end - before]
            found.append(Span(part, one.style))
            start += len(part)
            if start < end:
                before += len(one.text)
                number += 1
        lines.append(tuple(found))
        start = after
        while number < len(line) and before + len(line[number].text) <= start:
            before += len(line[number].text)
            number += 1
    return lines


def _end(text: str, start: int, width: int) -> tuple[int, int]:
    """Where the line ends that starts there, and where the next one starts."""
    fits = start + max(1, _fitting(text, start, width))
    if fits >= len(text) or text[fits] == " ":
        return fits, min(fits + 1, len(text))
    space = text.rfind(" ", start, fits)
    if space < 0 or not text[start:space].strip():
        return fits, fits
    return space, space + 1


def _fitting(text: str, start: int, width: int) -> int:
    """How many characters fit; marks on others take no room, so they may be more than columns."""
    size = width + 1
    while len(head := _head(part := text[start : start + size], width)) == len(part) and start + size < len(text):
        size *= 2
    return len(head)


def written(line: Line, colour: bool) -> str:
    """The line as a terminal is sent it."""
    styles = _SGR if colour else _NO_COLOUR
    parts = []
    for text, style in line:
        codes = ";".join(styles[name] for name in style.split() if name in styles)
        parts.append(f"\x1b[{codes}m{text}{_PLAIN}" if codes and text else text)
    return "".join(parts)
