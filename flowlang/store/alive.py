"""Which runs are under way: each holds a lock on a file of its own, and the system lets go of it when it dies."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from .place import existing_folder, open_own, own_folder
from .problems import StoreUnusable


class Alive:
    """The locks of one process's run, and its look at those of others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "running"
        self._held: dict[int, int] = {}

    def hold(self, run: int) -> None:
        """Says that this run is under way, until the process ends or `let_go`. Raises OSError, StoreUnusable."""
        if run in self._held:
            return
        own_folder(self._folder)
        handle = open_own(self._folder / str(run), os.O_RDWR | os.O_CREAT)
        # Where somebody put a store aside, a run of it may have the number still: then it speaks for both.
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[run] = handle

    def holds(self, run: int) -> bool:
        """Whether it is this process that is running it."""
        return run in self._held

    def is_alive(self, run: int) -> bool:
        """Whether some process, this one included, is running it."""
        if run in self._held:
            return True
        if not existing_folder(self._folder):
            return False
        try:
            handle = open_own(self._folder / str(run), os.O_RDWR)
        except StoreUnusable:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def forget(self, run: int) -> None:
        """Takes away what a run that is over has left."""
        if existing_folder(self._folder):
            with suppress(OSError):
                (self._folder / str(run)).unlink()

    def let_go_of(self, run: int) -> None:
        """Says that one run is over."""
        if (handle := self._held.pop(run, None)) is not None:
            self.forget(run)
            os.close(handle)

    def let_go(self) -> None:
        """Says that all runs are over."""
        for run, handle in self._held.items():
            self.forget(run)
            os.close(handle)
        self._held.clear()
