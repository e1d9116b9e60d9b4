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
from contextlib import suppress
from typing import Any

from .file import StoreFile
from .problems import StoreUnusable, unusable

Work = Callable[..., Any]
CarryOut = Callable[[sqlite3.Connection, list[Work]], list[Any]]  # all work of one transaction: what each gives back
_Job = tuple[Work, "asyncio.Future[Any] | None"]
_LOOKS_S = 0.002
_LATER_S = 0.05  # that work for which nobody waits may lie, until more has come together


class Writer:
    """Writes to a store until it is closed. All but the thread itself is used from one event loop.

    After a failure nothing more is written, and everybody who waits, then or later, is told of it. Where the system
    gives no thread, the loop writes itself, and waits for the disk.
    """

    def __init__(self, file: StoreFile, carry_out: CarryOut) -> None:
        self._file = file
        self._carry_out = carry_out
        self._queue: deque[_Job] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._is_due = False  # what has been put off will be written
        self._is_starting = False
        self.failure: StoreUnusable | None = None
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="store", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None

    def done(self, work: Work) -> "asyncio.Future[Any]":
        """What the work gives back, once it is on the disk. The work itself is in good hands at once."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.failure is not None:
            _refuse(future, self.failure)
        else:
            self._queue.append((work, future))
            self._start()
        return future

    def later(self, work: Work) -> None:
        """Has it written; nobody waits for it, so it is written with the next that somebody waits for, or soon."""
        if self.failure is not None:
            return
        self._queue.append((work, None))
        if not self._is_due:
            self._is_due = True
            self._loop.call_later(_LATER_S, self._write_put_off)

    async def close(self, most_s: float | None = None) -> bool:
        """Ends when all that was handed over is on the disk, or cannot be; False if that took too long."""
        self._is_closing = True
        self._wake.set()
        if self._thread is None:
            self._write_all()
        until = None if most_s is None else self._loop.time() + most_s
        # Not by joining the thread: a signal must find the loop awake.
        while self._thread is not None and self._thread.is_alive():
            if until is not None and self._loop.time() > until:
                return False
            await asyncio.sleep(_LOOKS_S)
        return True

    def _write_put_off(self) -> None:
        self._is_due = False
        self._start()

    def _start(self) -> None:
        """Has the queue written when the loop has done what it is at: what comes together there is one transaction."""
        if not self._is_starting:
            self._is_starting = True
            self._loop.call_soon(self._go)

    def _go(self) -> None:
        self._is_starting = False
        if self._thread is not None:
            self._wake.set()
        else:
            self._write_all()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._write_all()
            if self._is_closing and not self._queue:
                return

    def _write_all(self) -> None:
        while self._queue:
            self._write([self._queue.popleft() for _ in range(len(self._queue))])

    def _write(self, batch: list[_Job]) -> None:
        results: list[Any] = []

        def work(connection: sqlite3.Connection) -> None:
            results[:] = self._carry_out(connection, [one for one, _ in batch])

        if self.failure is None:
            try:
                self._file.write(work)
            except StoreUnusable as error:
                self.failure = error
            except BaseException as error:  # a slip of ours: whoever waits must hear of it, or waits for ever
                self.failure = unusable(self._file.path, f"{type(error).__name__}: {error}")
        problem = self.failure
        told = results if problem is None else [None] * len(batch)
        waiting = [(future, one) for (_, future), one in zip(batch, told, strict=True) if future is not None]
        if waiting:
            with suppress(RuntimeError):  # the loop is over, and with it everybody who waited
                self._loop.call_soon_threadsafe(_tell, waiting, problem)


def _tell(waiting: "list[tuple[asyncio.Future[Any], Any]]", problem: StoreUnusable | None) -> None:
    for future, result in waiting:
        if future.done():
            continue
        if problem is not None:
            _refuse(future, problem)
        else:
            future.set_result(result)


def _refuse(future: "asyncio.Future[Any]", problem: StoreUnusable) -> None:
    future.set_exception(problem)
    future.exception()  # it has been told: whoever waits hears of it, and nobody need wait
