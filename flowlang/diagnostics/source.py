"""A text with a name, and places in it."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """Half-open range of code points: `start` is the first, `end` one past the last."""

    start: int
    end: int

    def moved(self, by: int) -> "Span":
        """The same range, `by` code points further on."""
        return Span(self.start + by, self.end + by)


@dataclass(eq=False)
class SourceFile:
    """One file as it was read.

    `text` has `\\n` at every line's end and no byte-order mark; `newline` and `bom` tell what the
    file itself has, so that the formatter can give it back.
    """

    path: str  # as it is shown: relative to the working directory where that is possible
    text: str
    newline: str = "\n"
    bom: bool = False
    _starts: list[int] = field(default_factory=list, repr=False)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a code point, both from 1; a tab is one column."""
        starts = self._line_starts()
        line = bisect_right(starts, offset) - 1
        return line + 1, offset - starts[line] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line break."""
        starts = self._line_starts()
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[start:end]

    def line_count(self) -> int:
        """How many lines there are; a line break at the very end opens no further one."""
        starts = self._line_starts()
        return len(starts) - (1 if len(starts) > 1 and starts[-1] == len(self.text) else 0)

    def _line_starts(self) -> list[int]:
        if not self._starts:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._starts = starts
        return self._starts
