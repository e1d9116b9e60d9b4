"""The store of a project as a run uses it: answers from before, calls before they are sent and when they end, runs.

Reading is at once; writing is the writer's. What one process claims to be asking, no other asks meanwhile.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ..models.chat import ChatMessage, Reply
from ..record import record
from .alive import Alive
from .file import NAME, StoreFile, connect
from .problems import StoreUnusable
from .requests import BLOB_BYTES, Redact, Texts, write_blob
from .rows import Attempt, Ending, Kept, ending_json, read_reply, reply_json
from .sealed import seal
from .writer import Writer

Clock = Callable[[], float]
_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_BAD = (sqlite3.Error, ValueError, TypeError)


@record
class Busy:
    """Another process asks the same question right now: the call with this number."""

    call: int


@record
class OpenCall:
    """A call that was open when its run was cut off: it may have been billed. `most_usd` is what it may have cost."""

    run: int
    path: str
    step: str
    item: int | None
    model: str
    most_usd: str | None


class Store:
    """A store in use by one run. Made by `open_store`, closed by `close`.

    `run` is its number from 1. `saved` counts the answers that are kept for good, `unsaved` those that came when
    nothing could be written any more.
    """

    def __init__(self, file: StoreFile, redact: Redact, wall: Clock) -> None:
        self.folder = file.folder
        self.run = 0
        self.saved = 0
        self.unsaved = 0
        self._file = file
        self._wall = wall
        self._redact = redact
        self._texts = Texts(redact)
        self._alive = Alive(file.folder)
        self._reader: sqlite3.Connection | None = None
        self._writer: Writer | None = None

    # ── The run ──

    def begin_run(self, flow: str, body: Mapping[str, Any]) -> tuple[OpenCall, ...]:
        """Gives the run its number; returns the calls of runs that were cut off, each told once.

        Raises StoreUnusable.
        """
        started = self._wall()
        told = _json(body)
        texts = self._texts.take()

        def work(connection: sqlite3.Connection) -> tuple[int, tuple[OpenCall, ...]]:
            lost = self._cut_off(connection)
            self._put_texts(connection, texts)
            row = (flow, started, None, None, told)
            made = connection.execute(
                "insert into runs (flow, started_at, ended_at, outcome, body, seal) values (?, ?, ?, ?, ?, ?)",
                (*row, seal(*row)),
            )
            number = made.lastrowid or 0
            self._alive.hold(number)
            return number, lost

        self.run, lost = self._file.write(work)
        return lost

    def end_run(self, outcome: str, body: Mapping[str, Any]) -> None:
        """Notes how the run came out; `body` is added to what it began with."""
        number, ended = self.run, self._wall()

        def work(connection: sqlite3.Connection) -> None:
            found = connection.execute("select flow, started_at, body from runs where id = ?", (number,)).fetchone()
            if found is None:
                return
            flow, started, told = found
            row = (flow, started, ended, outcome, _json({**_object(told), **body}))
            connection.execute(
                "update runs set ended_at = ?, outcome = ?, body = ?, seal = ? where id = ?",
                (ended, outcome, row[4], seal(*row), number),
            )

        self._later(work)

    def step_ended(self, path: str, step: str, body: Mapping[str, Any]) -> None:
        """Notes how a step of the run came out."""
        row = (self.run, path, step, self._redact(_json(body)))
        texts = self._texts.take()

        def work(connection: sqlite3.Connection) -> None:
            self._put_texts(connection, texts)
            _insert_step(connection, row)

        self._later(work)

    # ── Answers ──

    def find(self, key: bytes) -> Kept | None:
        """The answer to exactly this question, if there is one. What is damaged counts as none."""
        try:
            if self._reader is None:
                self._reader = connect(self.folder / NAME, readonly=True)
            row = self._reader.execute(_FIND, (key,)).fetchone()
        except sqlite3.Error:
            self._close_reader()
            return None
        return _kept_in(key, row)

    def note_conversation(self, key: bytes, reply: Reply, turns: tuple[ChatMessage, ...]) -> "asyncio.Future[Any]":
        """Keeps the answer to a question together with the turns of tools that led to it."""
        row = self._answer_row(key, reply, turns)
        return self._done(lambda connection: _run(connection, _PUT, row))

    # ── Calls ──

    async def claim(self, attempt: Attempt, usable: Callable[[Kept], bool], waits: bool) -> int | Kept | Busy:
        """Notes a call before it is sent, on the disk: its number.

        Unless an answer that is `usable` has come in meanwhile, or, where the caller `waits` for others, another
        process is asking: then that. Raises StoreUnusable.
        """
        told: Any = await self._done(self._claiming(attempt, usable, waits))
        assert isinstance(told, int | Kept | Busy)
        return told

    def note_call(self, attempt: Attempt, ending: Ending) -> None:
        """Notes a call that has ended, of which nothing needs to be found again: a hit, an offline answer."""
        body = {"model": attempt.model, "role": attempt.role, "request": attempt.request, **ending_json(ending)}
        row = (self.run, attempt.path, attempt.step, attempt.item, attempt.key, ending.status, self._clean(body))
        texts = self._texts.take()

        def work(connection: sqlite3.Connection) -> None:
            self._put_texts(connection, texts)
            connection.execute(_CALL, (*row, seal(*row)))

        self._later(work)

    def note_hit(self, path: str, step: str, item: int | None, key: bytes, of_run: int, began_s: float = 0.0) -> None:
        """Notes a question that was answered from before."""
        row = (self.run, path, step, item, key, "ok", f'{{"cached":true,"of_run":{of_run},"began_s":{began_s:.4f}}}')
        self._later(lambda connection: _run(connection, _CALL, (*row, seal(*row))))

    def end_call(self, call: int, attempt: Attempt, ending: Ending, keeps: bool) -> "asyncio.Future[Any]":
        """Notes how a call ended, and keeps its answer if it may ever be used again. Done: it is on the disk."""
        body = {"model": attempt.model, "role": attempt.role, "request": attempt.request, **ending_json(ending)}
        row = (self.run, attempt.path, attempt.step, attempt.item, attempt.key, ending.status, self._clean(body))
        answer = self._answer_row(attempt.key, ending.reply) if keeps and ending.reply is not None else None

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "update calls set status = ?, body = ?, seal = ? where id = ?", (row[5], row[6], seal(*row), call)
            )
            if answer is not None:
                connection.execute(_PUT, answer)

        future = self._done(work)
        if answer is not None:
            future.add_done_callback(self._count)
        return future

    def is_over(self, call: int) -> bool:
        """Whether a call of another process has ended, or nobody is left to end it."""
        try:
            if self._reader is None:
                self._reader = connect(self.folder / NAME, readonly=True)
            row = self._reader.execute("select status, run from calls where id = ?", (call,)).fetchone()
        except sqlite3.Error:
            self._close_reader()
            return True
        return row is None or row[0] != "open" or not self._alive.is_alive(row[1])

    def told_request(self, request: Any, origin: str) -> dict[str, Any]:
        """A request as it is kept."""
        return self._texts.told(request, origin)

    @property
    def texts(self) -> Texts:
        """Where long texts of a run's inputs go; the next write takes them along."""
        return self._texts

    # ── What endpoints refuse ──

    def dialects(self) -> dict[tuple[str, str], str]:
        """What is known of how endpoints want to be asked: JSON, by their address and model."""
        with suppress(sqlite3.Error), closing(connect(self.folder / NAME, readonly=True)) as reader:
            return {(one, two): body for one, two, body in reader.execute("select origin, model, body from dialects")}
        return {}

    def note_dialect(self, origin: str, model: str, body: str) -> None:
        """Notes how an endpoint wants to be asked."""
        statement = "insert or replace into dialects (origin, model, body) values (?, ?, ?)"
        self._later(lambda connection: _run(connection, statement, (origin, model, body)))

    # ── The end ──

    @property
    def failure(self) -> StoreUnusable | None:
        """Why nothing can be written any more."""
        return self._writer.failure if self._writer is not None else None

    async def close(self) -> None:
        """Ends when all is on the disk, or cannot be."""
        if self._writer is not None:
            await self._writer.close()
        self.close_now()

    def close_now(self) -> None:
        """Closes what is open; for a store that has written nothing since its run began."""
        self._close_reader()
        self._file.close()
        self._alive.let_go()

    # ── The rest ──

    def _claiming(
        self, attempt: Attempt, usable: Callable[[Kept], bool], waits: bool
    ) -> Callable[[sqlite3.Connection], Any]:
        body = {"model": attempt.model, "role": attempt.role, "request": attempt.request, "most_usd": attempt.most_usd}
        row = (self.run, attempt.path, attempt.step, attempt.item, attempt.key, "open", self._clean(body))
        texts = self._texts.take()

        def work(connection: sqlite3.Connection) -> int | Kept | Busy:
            self._put_texts(connection, texts)
            kept = _kept_in(attempt.key, connection.execute(_FIND, (attempt.key,)).fetchone())
            if kept is not None and usable(kept):
                return kept
            others = "select id, run from calls where key = ? and status = 'open' and run != ?"
            for call, run in connection.execute(others, (attempt.key, self.run)).fetchall():
                if waits and self._alive.is_alive(run):
                    return Busy(call)
            return connection.execute(_CALL, (*row, seal(*row))).lastrowid or 0

        return work

    def _cut_off(self, connection: sqlite3.Connection) -> tuple[OpenCall, ...]:
        """Closes the runs that nobody runs any more; the calls that were open when they ended."""
        found: list[OpenCall] = []
        columns = "id, flow, started_at, body"
        for run, flow, started, told in connection.execute(
            f"select {columns} from runs where outcome is null"
        ).fetchall():
            if self._alive.is_alive(run):
                continue
            row = (flow, started, None, "cut off", told)
            connection.execute("update runs set outcome = ?, seal = ? where id = ?", ("cut off", seal(*row), run))
            calls = "select id, path, step, item, key, body from calls where run = ? and status = 'open'"
            for call, path, step, item, key, body in connection.execute(calls, (run,)).fetchall():
                sealed = (run, path, step, item, key, "unknown", body)
                connection.execute("update calls set status = 'unknown', seal = ? where id = ?", (seal(*sealed), call))
                known = _object(body)
                found.append(OpenCall(run, path, step, item, str(known.get("model", "")), known.get("most_usd")))
            self._alive.forget(run)
        return tuple(found)

    def _put_texts(self, connection: sqlite3.Connection, texts: Mapping[bytes, bytes]) -> None:
        for digest, data in texts.items():
            is_large = len(data) > BLOB_BYTES
            if is_large:
                try:
                    write_blob(self.folder, digest, data)
                except OSError as error:
                    reason = (error.strerror or "unknown reason").lower()
                    raise StoreUnusable(f"the store `{self.folder}` cannot be used: {reason}") from None
            connection.execute("insert or ignore into texts values (?, ?)", (digest, None if is_large else data))

    def _answer_row(
        self, key: bytes, reply: Reply, turns: tuple[ChatMessage, ...] = ()
    ) -> tuple[bytes, float, int, str, bytes]:
        row = (key, self._wall(), self.run, reply_json(reply, turns))
        return (*row, seal(*row))

    def _clean(self, body: Mapping[str, Any]) -> str:
        return self._redact(_json(body))

    def _count(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            return
        if future.exception() is None:
            self.saved += 1
        else:
            self.unsaved += 1

    def _done(self, work: Callable[[sqlite3.Connection], Any]) -> "asyncio.Future[Any]":
        if self._writer is None:
            self._writer = Writer(self._file)
        return self._writer.done(work)

    def _later(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if self._writer is None:
            self._writer = Writer(self._file)
        self._writer.later(work)

    def _close_reader(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
            self._reader = None


def open_store(folder: Path, redact: Redact, tell: Callable[[str], None], wall: Clock = time.time) -> Store:
    """The store in a folder that is there. Raises StoreUnusable."""
    return Store(StoreFile(folder, tell), redact, wall)


_FIND = "select made_at, run, body, seal from answers where key = ?"
_PUT = "insert or replace into answers (key, made_at, run, body, seal) values (?, ?, ?, ?, ?)"
_CALL = "insert into calls (run, path, step, item, key, status, body, seal) values (?, ?, ?, ?, ?, ?, ?, ?)"


def _kept_in(key: bytes, row: tuple[Any, ...] | None) -> Kept | None:
    """The answer in a row; None if there is none, or it is damaged."""
    if row is None:
        return None
    made_at, run, body, mark = row
    with suppress(*_BAD):
        if seal(key, made_at, run, body) == mark:
            reply, turns = read_reply(body)
            return Kept(reply, made_at, run, turns)
    return None


def _run(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> None:
    connection.execute(statement, values)


def _insert_step(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    connection.execute("insert into steps (run, path, step, body, seal) values (?, ?, ?, ?, ?)", (*row, seal(*row)))


def _object(body: object) -> dict[str, Any]:
    with suppress(ValueError, TypeError):
        told = json.loads(body)  # type: ignore[arg-type]
        if isinstance(told, dict):
            return told
    return {}
