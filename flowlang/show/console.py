"""A run as plain lines: one per change of state, and one every ten seconds while nothing changes."""

from collections.abc import Callable
from dataclasses import dataclass

from ..run.event import Event
from .numbers import duration
from .progress import Progress
from .rows import RowsProgress

QUIET_S = 10.0


@dataclass(slots=True)
class Console:
    """Every line begins with our own clock, so that no text of a model can begin one."""

    write: Callable[[str], object]
    progress: Progress | RowsProgress
    every_s: float = 1.0

    def emit(self, event: Event) -> None:
        """Tells an event, if there is a line for it."""
        if (line := self.progress.take(event)) is not None:
            self._tell(line)

    def tick(self) -> None:
        """To be called about once a second: breaks a long silence."""
        if self.progress.clock() - self.progress.changed_at >= QUIET_S:
            self.progress.changed_at = self.progress.clock()
            self._tell(self.progress.still())

    def close(self) -> None:
        """Nothing is left to do: each line was written at once."""

    def _tell(self, line: str) -> None:
        self.write(f"{duration(self.progress.elapsed()):>6}  {line}\n")
