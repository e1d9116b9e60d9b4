"""The one thread that writes: what has come together while it wrote is written next, all in one go.

A commit takes the disk a moment, however much is in it. So nothing is written by itself: work queues up, and each
round of the thread takes all of it into one transaction ("group commit"). Who needs to know that it is on the disk
waits for it; who does not, goes on.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from .file import StoreFile
from .problems import StoreUnusable

Work = Callable[[sqlite3.Connection], Any]


class Writer:
    """Writes to a store until it is closed. All but the thread itself is used from one event loop.

    After a failure nothing more is written, and everybody who waits, then or later, is told of it.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._queue: deque[tuple[Work, asyncio.Future[Any] | None]] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self.failure: StoreUnusable | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def done(self, work: Work) -> "asyncio.Future[Any]":
        """What the work gives back, once it is on the disk. The work itself is in good hands at once."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.failure is not None:
            future.set_exception(self.failure)
            return future
        self._queue.append((work, future))
        self._wake.set()
        return future

    def later(self, work: Work) -> None:
        """Has it written; nobody waits for it."""
        if self.failure is None:
            self._queue.append((work, None))
            self._wake.set()

    async def close(self) -> None:
        """Ends when all that was handed over is on the disk, or cannot be."""
        self._is_closing = True
        self._wake.set()
        # A thread of its own to wait in: a signal must find the loop awake.
        while self._thread.is_alive():
            await asyncio.sleep(0.002)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(len(self._queue))]
                self._write(batch)
            if self._is_closing:
                return

    def _write(self, batch: "list[tuple[Work, asyncio.Future[Any] | None]]") -> None:
        results: list[Any] = []

        def work(connection: sqlite3.Connection) -> None:
            results.clear()
            results.extend([one(connection) for one, _ in batch])

        problem: StoreUnusable | None = self.failure
        if problem is None:
            try:
                self._file.write(work)
            except StoreUnusable as error:
                problem = self.failure = error
        waiting = [
            (future, None if problem else result)
            for (_, future), result in zip(batch, results or [None] * len(batch), strict=True)
            if future is not None
        ]
        if waiting:
            self._loop.call_soon_threadsafe(_tell, waiting, problem)


def _tell(waiting: "list[tuple[asyncio.Future[Any], Any]]", problem: StoreUnusable | None) -> None:
    for future, result in waiting:
        if future.done():
            continue
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)
