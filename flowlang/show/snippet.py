"""A report as people read it: what is wrong, where, the line itself with carets under the place, and what to do.

error[unknown-name]: there is no input, step, let or snippet called `sumary`
  --> brief.flow:41:8
   |
41 |     {{ sumary }}
   |        ^^^^^^
   = did you mean `summary`? It is a step, on line 27.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..diagnostics.diagnostic import Diagnostic
from .terminal import columns, visible_line

LEAST_COLUMNS = 16  # of a line that are shown however narrow the terminal is
TAB = 4
MOST_HINTS = 2

_RED, _YELLOW, _BLUE, _PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[34m", "\x1b[0m"


def tell(diagnostic: Diagnostic, width: int = 100, colour: bool = False) -> str:
    """The whole report, without a final line break; a line of more than `width` columns is cut around the place.

    A source without a path has no place to show.
    """
    loud = (_RED if diagnostic.severity == "error" else _YELLOW) if colour else ""
    line, column = diagnostic.source.position(_start(diagnostic))
    number = str(line)
    margin = " " * len(number)

    told = [f"{_painted(f'{diagnostic.severity}[{diagnostic.rule}]', loud)}: {visible_line(diagnostic.message)}"]
    if path := visible_line(diagnostic.source.path):
        told.append(f"{margin}{_painted('-->', _BLUE if colour else '')} {path}:{line}:{column}")
    bar = _painted("|", _BLUE if colour else "")
    if diagnostic.source.text:
        shown = _show_line(diagnostic, max(width - len(number) - 3, LEAST_COLUMNS))
        told += [
            f"{margin} {bar}",
            f"{_painted(number, _BLUE if colour else '')} {bar} {shown.text}".rstrip(),
            f"{margin} {bar} {' ' * shown.before}{_painted('^' * shown.carets, loud)}",
        ]
    sign = _painted("=", _BLUE if colour else "")
    told += [f"{margin} {sign} {visible_line(hint)}" for hint in diagnostic.hints[:MOST_HINTS]]
    return "\n".join(told)


def concise(diagnostic: Diagnostic) -> str:
    """The report in one line, in the form that editors and `grep` know."""
    line, column = diagnostic.source.position(_start(diagnostic))
    where = f"{visible_line(diagnostic.source.path)}:{line}:{column}"
    return f"{where}: {diagnostic.severity}[{diagnostic.rule}] {visible_line(diagnostic.message)}"


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """The last line: how many mistakes and warnings, in how many files."""
    if not diagnostics:
        return "no mistakes"
    errors = sum(one.severity == "error" for one in diagnostics)
    counts = ((errors, "mistake"), (len(diagnostics) - errors, "warning"))
    files = len({one.source.path for one in diagnostics})
    told = ", ".join(_counted(count, word) for count, word in counts if count)
    return f"{told} in {_counted(files, 'file')}"


class _Shown(NamedTuple):
    """A line as it is shown, and the carets under it: `before` columns of blanks, then `carets` of them."""

    text: str
    before: int
    carets: int


class _Cell(NamedTuple):
    text: str
    columns: int


def _show_line(diagnostic: Diagnostic, room: int) -> _Shown:
    """The line at which the span begins, cut to `room` columns if it has more."""
    text = diagnostic.source.text
    start = _start(diagnostic)
    # A line may be as long as the file. What is further away than this cannot be in sight, unless it has no width.
    reach = 4 * room
    line_start = text.rfind("\n", 0, start) + 1
    first = max(line_start, start - reach)
    line_end = text.find("\n", start, start + 2 * reach)
    last = line_end if line_end >= 0 else min(len(text), start + 2 * reach)
    end = max(min(diagnostic.span.end, last), start)

    cells = _cells(text[first:last])
    begin, stop = start - first, end - first
    goes_on = last != line_end and last != len(text)
    fits = first == line_start and not goes_on and _width(cells) <= room
    left, right = (0, len(cells)) if fits else _window(cells, begin, stop, room - 2)
    head = "…" if left > 0 or first > line_start else ""
    tail = "…" if right < len(cells) or goes_on else ""
    shown = head + "".join(cell.text for cell in cells[left:right]) + tail
    carets = _width(cells[begin : min(stop, right)])
    return _Shown(shown, len(head) + _width(cells[left:begin]), max(carets, 1))


def _cells(text: str) -> list[_Cell]:
    """Each character as it is shown: tabs as blanks up to the next stop, what could steer the terminal spelled out."""
    spelled = visible_line(text)
    if spelled == text and text.isascii():
        return [_Cell(char, 1) for char in text]
    cells: list[_Cell] = []
    column = 0
    for place, char in enumerate(text):
        if char == "\t":
            shown = " " * (TAB - column % TAB)
        elif char in "\u200c\u200d":
            # Whether a joiner may stay depends on its neighbours.
            around = visible_line(text[max(place - 1, 0) : place + 2])
            shown = char if char in around else visible_line(char)
        else:
            shown = visible_line(char)
        cells.append(_Cell(shown, columns(shown)))
        column += cells[-1].columns
    return cells


def _window(cells: list[_Cell], begin: int, stop: int, room: int) -> tuple[int, int]:
    """The part of the line to show: all of `begin` to `stop` if it fits, and as much around it on both sides."""
    left = right = begin
    while right < stop and cells[right].columns <= room:
        room -= cells[right].columns
        right += 1
    if right == stop:
        before = room // 2
        while left > 0 and cells[left - 1].columns <= before:
            left -= 1
            before -= cells[left].columns
            room -= cells[left].columns
        while right < len(cells) and cells[right].columns <= room:
            room -= cells[right].columns
            right += 1
        while left > 0 and cells[left - 1].columns <= room:
            left -= 1
            room -= cells[left].columns
    return left, right


def _width(cells: Iterable[_Cell]) -> int:
    return sum(cell.columns for cell in cells)


def _start(diagnostic: Diagnostic) -> int:
    return min(max(diagnostic.span.start, 0), len(diagnostic.source.text))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{_PLAIN}" if colour else text
