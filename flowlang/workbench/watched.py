"""Hears of changes in folders, from the system: the one owner of `watchfiles`.

Folders are watched, never files: a file that is renamed over keeps its name and is another one. What is heard is only
a hint to look; a look now and then finds what no system tells of, and what changed while a folder was away.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

LOOKS_S = 1.0  # between two looks that nobody asked for
STEP_MS = 10  # between two looks at what the system has told
_GONE = (-1, -1)


class FolderWatch:
    """Calls `hear` in the event loop whenever something in one of the folders may have changed."""

    def __init__(self, hear: Callable[[], None]) -> None:
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._folders: dict[str, tuple[int, int]] = {}
        self._stop: threading.Event | None = None

    def watch(self, files: Iterable[str]) -> None:
        """Watches the folders of these files from now on, or the nearest ones above them that are there."""
        wanted = {folder: _identity(folder) for folder in map(_folder_of, files)}
        if wanted == self._folders:
            return
        self.close()
        self._folders = wanted
        stop = self._stop = threading.Event()
        folders = [folder for folder, identity in wanted.items() if identity != _GONE]
        threading.Thread(target=self._listen, args=(folders, stop), name="watch", daemon=True).start()

    def close(self) -> None:
        """Hears no more."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None
        self._folders = {}

    def _listen(self, folders: list[str], stop: threading.Event) -> None:
        from watchfiles import watch  # no other command needs it

        told = watch(
            *folders,
            watch_filter=None,
            debounce=STEP_MS,
            step=STEP_MS,
            stop_event=stop,
            rust_timeout=int(LOOKS_S * 1_000),
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )
        try:
            self._tell()  # what changed before the system was told to look
            for _ in told:
                self._tell()
        except Exception:  # the system has no more to give: looking now and then still finds everything
            while not stop.wait(LOOKS_S):
                self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._hear)


def _folder_of(file: str) -> str:
    folder = Path(file) if Path(file).is_dir() else Path(file).parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return os.path.abspath(folder)


def _identity(folder: str) -> tuple[int, int]:
    try:
        found = os.stat(folder)
    except OSError:
        return _GONE
    return found.st_dev, found.st_ino
