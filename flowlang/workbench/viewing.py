"""Chooses how a run is told, and keeps everyone who listens apart from the run itself."""

import sys
import time
from collections.abc import Callable
from typing import Protocol

from ..run.event import Event
from ..show.console import Console
from ..show.progress import Progress
from ..show.rows import RowsProgress
from .screen import Screen


class View(Protocol):
    """A listener that a person looks at. `tick` is called every `every_s` seconds."""

    every_s: float

    def emit(self, event: Event) -> None:
        """Takes an event in."""
        ...

    def tick(self) -> None:
        """Takes note that time has passed."""
        ...

    def close(self) -> None:
        """Leaves the screen as it should be."""
        ...


def start_view(
    choice: str, screen: Screen, clock: Callable[[], float] = time.monotonic, *, by_row: bool = False
) -> View | None:
    """The view that was chosen; None for no view. `by_row`: rows are counted, and steps not told."""
    if choice == "none":
        return None
    progress = RowsProgress(clock) if by_row else Progress(clock)
    if choice == "live" or (choice == "auto" and screen.live):
        from ..show.live import start_live

        return start_live(sys.stderr, progress, screen.colour_err)
    return Console(screen.err, progress)
