"""A terminal's whole screen, taken over and given back: lines are written where they changed, and nowhere else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from .cells import Line, width_of, written

# The other screen, no cursor, no wrapping, and marks around what is pasted; empty.
_TAKE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J"
_GIVE_BACK = "\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"


@dataclass(slots=True)
class WholeScreen:
    """Writes frames to a terminal. Whoever takes it must give it back, whatever happens."""

    stream: TextIO
    colour: bool
    is_taken: bool = False
    _shown: list[str] = field(default_factory=list)
    _size: tuple[int, int] = (0, 0)

    def take(self) -> None:
        """Takes the screen over; what was on it comes back afterwards."""
        self.is_taken = True
        self._shown, self._size = [], (0, 0)
        self._write(_TAKE)

    def give_back(self) -> None:
        """Leaves the terminal as it was. May be called twice."""
        if self.is_taken:
            self.is_taken = False
            self._write(_GIVE_BACK)

    def size(self) -> tuple[int, int]:
        """Columns and lines, at least one of each."""
        try:
            found = os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return max(1, found.columns or 80), max(1, found.lines or 24)

    def draw(self, lines: Sequence[Line], size: tuple[int, int]) -> None:
        """Shows the lines. What stands there already is not written again."""
        if not self.is_taken:
            return
        told = [written(line, self.colour) for line in lines]
        parts: list[str] = []
        if size != self._size:
            self._size, self._shown = size, []
            parts.append("\x1b[0m\x1b[2J")
        for number, line in enumerate(told):
            if number >= len(self._shown) or self._shown[number] != line:
                # Nothing is erased behind a full line: there the cursor stands on its last character.
                rest = "" if width_of(lines[number]) >= size[0] else "\x1b[K"
                parts.append(f"\x1b[{number + 1};1H{line}\x1b[0m{rest}")
        for number in range(len(told), len(self._shown)):
            parts.append(f"\x1b[{number + 1};1H\x1b[K")
        self._shown = told
        if parts:
            self._write("".join(parts))

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.is_taken = False  # the terminal is gone; the signal that tells of it ends the session
