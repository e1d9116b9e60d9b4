"""A session as plain lines: a line per change of state, never one per token."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..run.event import Event
from ..run.words import FROM_BEFORE
from .console import QUIET_S
from .numbers import duration
from .progress import Clock, Progress


@dataclass(slots=True)
class BoardLines:
    """Every line begins with the time since the session began, so that no text of a model can begin one."""

    write: Callable[[str], object]
    clock: Clock
    started_at: float = field(init=False)
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.clock()
        self.progress = Progress(self.clock)

    def emit(self, event: Event) -> None:
        """Tells an event, if there is a line for it."""
        line = self.progress.take(event)
        if line is not None and not line.endswith(f": {FROM_BEFORE}"):  # the last line says how many these are
            self.say(line)

    def tick(self) -> None:
        """To be called about once a second: breaks a long silence while something runs."""
        if self.progress.running and self.clock() - self.progress.changed_at >= QUIET_S:
            self.progress.changed_at = self.clock()
            self.say(self.progress.still())

    def say(self, line: str) -> None:
        """Tells a line of our own."""
        self.write(f"{duration(self.clock() - self.started_at):>6}  {line}\n")
