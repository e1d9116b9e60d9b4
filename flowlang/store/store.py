"""The store of a project as a run uses it: answers from before, calls before they are sent and when they end, runs.

Reading is at once; writing is the writer's. What one process claims to be asking, no other asks meanwhile.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..models.chat import ChatMessage, Reply
from ..record import record
from .alive import Alive
from .batch import Batch
from .connecting import Reader, connect
from .cut_off import OpenCall, close_cut_off, object_in
from .file import NAME, StoreFile
from .problems import StoreUnusable
from .requests import BLOB_BYTES, Redact, Texts, redacted, redacted_reply, redacted_turns, write_blob
from .rows import Attempt, Ending, Kept, ending_json, is_time, read_reply, reply_json
from .sealed import seal
from .writer import Writer

Clock = Callable[[], float]
_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_BAD = (ValueError, TypeError, AttributeError)
LEAVES_S = 0.6  # for what is still to be written when a run is stopped: whoever stops it waits for a second


@record
class Busy:
    """Another process asks the same question right now: the call with this number."""

    call: int


class Store:
    """A store in use by one run. Made by `open_store`, closed by `close`.

    `run` is its number from 1. `saved` counts the answers that are kept for good, `unsaved` those that came when
    nothing could be written any more.
    """

    def __init__(self, file: StoreFile, redact: Redact, tell: Callable[[str], None], wall: Clock) -> None:
        self.folder = file.folder
        self.run = 0
        self.saved = 0
        self.unsaved = 0
        self._file = file
        self._tell = tell
        self._wall = wall
        self._redact = redact
        self._texts = Texts(redact)
        self._alive = Alive(file.folder)
        self._reader = Reader(file.path)
        self._damaged = 0
        self._writer: Writer | None = None

    # ── The run ──

    def begin_run(self, flow: str, body: Mapping[str, Any]) -> tuple[OpenCall, ...]:
        """Gives the run its number; returns the calls of runs that were cut off, each told once.

        Raises StoreUnusable.
        """
        self.run, lost = self._file.write(self._beginning(flow, body))
        return lost

    async def begin_next_run(self, flow: str, body: Mapping[str, Any]) -> tuple[OpenCall, ...]:
        """The same in a session of many runs, whose calls may still be writing."""
        if self._writer is None:
            return self.begin_run(flow, body)
        work = self._beginning(flow, body)
        begun: tuple[int, tuple[OpenCall, ...]] = await self._done(lambda batch: work(batch.connection))
        self.run = begun[0]
        return begun[1]

    def _beginning(
        self, flow: str, body: Mapping[str, Any]
    ) -> Callable[[sqlite3.Connection], tuple[int, tuple[OpenCall, ...]]]:
        started = self._wall()
        told = self._clean(body)
        name = flow.encode("utf-8", "backslashreplace").decode()  # a name of a file need not be UTF-8
        texts = self._texts.take()

        def work(connection: sqlite3.Connection) -> tuple[int, tuple[OpenCall, ...]]:
            lost = close_cut_off(connection, self._alive)
            batch = Batch(connection)
            self._put_texts(batch, texts)
            batch.put()
            row = (name, started, None, None, told)
            made = connection.execute(
                "insert into runs (flow, started_at, ended_at, outcome, body, seal) values (?, ?, ?, ?, ?, ?)",
                (*row, seal(*row)),
            )
            number = made.lastrowid or 0
            self._alive.hold(number)
            return number, lost

        return work

    def end_run(self, outcome: str, body: Mapping[str, Any]) -> None:
        """Notes how the run came out; `body` is added to what it began with."""
        self._later(_telling(self.run, redacted(body, self._redact), (self._wall(), outcome)))

    def note_of_run(self, number: int, body: Mapping[str, Any]) -> None:
        """Adds to what is told of a run of this process, which goes on or is over."""
        self._later(_telling(number, redacted(body, self._redact), None))

    def leave_run(self, number: int) -> None:
        """Says that an earlier run of this process is over: nobody waits for its calls any more."""
        self._alive.let_go_of(number)

    def step_ended(self, path: str, step: str, body: Mapping[str, Any]) -> None:
        """Notes how a step of the run came out."""
        row = (self.run, path, step, self._clean(body))
        texts = self._texts.take()

        def work(batch: Batch) -> None:
            self._put_texts(batch, texts)
            batch.add("steps", (*row, seal(*row)))

        self._later(work)

    # ── Answers ──

    def find(self, key: bytes) -> Kept | None:
        """The answer to exactly this question, if there is one. What is damaged counts as none."""
        try:
            row = self._reader.row(_FIND, (key,))
        except (sqlite3.Error, OSError):
            self._reader.close()
            return None
        kept = _kept_in(key, row)
        self._damaged += kept is None and row is not None
        return kept

    def note_conversation(self, key: bytes, reply: Reply, turns: tuple[ChatMessage, ...]) -> "asyncio.Future[Any]":
        """Keeps the answer to a question together with the turns of tools that led to it."""
        row = self._answer_row(key, redacted_reply(reply, self._redact), redacted_turns(turns, self._redact))
        return self._done(lambda batch: batch.add("answers", row))

    # ── Calls ──

    async def claim(self, attempt: Attempt, usable: Callable[[Kept], bool], waits: bool) -> int | Kept | Busy:
        """Notes a call before it is sent, on the disk: its number.

        Unless an answer that is `usable` has come in meanwhile, or, where the caller `waits` for others, another
        process is asking: then that. Raises StoreUnusable.
        """
        if self._file.full is not None:
            raise self._file.full
        told: Any = await self._done(self._claiming(attempt, usable, waits))
        assert isinstance(told, int | Kept | Busy)
        return told

    def note_call(self, attempt: Attempt, ending: Ending) -> None:
        """Notes a call that has ended, of which nothing needs to be found again: a hit, an offline answer."""
        row = self._ended_row(attempt, self._clean_ending(ending))
        texts = self._texts.take()

        def work(batch: Batch) -> None:
            self._put_texts(batch, texts)
            batch.new_call((*row, seal(*row)))

        self._later(work)

    def note_hit(self, path: str, step: str, item: int | None, key: bytes, of_run: int, began_s: float = 0.0) -> None:
        """Notes a question that was answered from before."""
        row = (self.run, path, step, item, key, "ok", f'{{"cached":true,"of_run":{of_run},"began_s":{began_s:.4f}}}')
        self._later(lambda batch: batch.new_call((*row, seal(*row))))

    def end_call(self, call: int, attempt: Attempt, ending: Ending, keeps: bool) -> "asyncio.Future[Any]":
        """Notes how a call ended, and keeps its answer if it may ever be used again. Done: it is on the disk."""
        ending = self._clean_ending(ending)
        row = self._ended_row(attempt, ending)
        answer = None
        if keeps and ending.reply is not None:
            answer = self._answer_row(attempt.key, ending.reply, run=attempt.run)

        def work(batch: Batch) -> None:
            batch.add("calls", (call, *row, seal(*row)))
            if answer is not None:
                batch.add("answers", answer)

        future = self._done(work)
        if answer is not None:
            future.add_done_callback(self._count)
        return future

    def is_over(self, call: int) -> bool:
        """Whether a call of another process has ended, or nobody is left to end it."""
        try:
            row = self._reader.row("select status, run from calls where id = ?", (call,))
        except (sqlite3.Error, OSError):
            self._reader.close()
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
        row = (self._redact(origin), self._redact(model), self._redact(body))
        self._later(lambda batch: batch.connection.execute(statement, row))

    # ── The end ──

    @property
    def failure(self) -> StoreUnusable | None:
        """Why nothing can be written any more, or nothing more may be begun since the disk is full."""
        return (self._writer.failure if self._writer is not None else None) or self._file.full

    async def close(self) -> None:
        """Ends when all is on the disk, or cannot be; where the run was stopped, not much later than now."""
        task = asyncio.current_task()
        is_stopped = task is not None and task.cancelling() > 0
        if self._writer is None or await self._writer.close(LEAVES_S if is_stopped else None):
            self.close_now()
        else:
            self._alive.let_go()  # the thread has the file; it ends with the process
        if self._damaged:
            told = "1 answer" if self._damaged == 1 else f"{self._damaged} answers"
            self._tell(f"the store was damaged: {told} could not be used and had to be asked for again")

    def close_now(self) -> None:
        """Closes what is open; for a store that has written nothing since its run began."""
        self._reader.close()
        self._file.close()
        self._alive.let_go()

    # ── The rest ──

    def _claiming(self, attempt: Attempt, usable: Callable[[Kept], bool], waits: bool) -> "_Claim":
        body = {
            "model": self._redact(attempt.model),
            "role": attempt.role,
            "request": attempt.request,
            "most_usd": attempt.most_usd,
        }
        own = attempt.run or self.run
        row = (own, attempt.path, attempt.step, attempt.item, attempt.key, "open", _json(body))
        texts = self._texts.take()

        def work(batch: Batch) -> int | Kept | Busy:
            self._put_texts(batch, texts)
            kept = _kept_in(attempt.key, batch.answer(attempt.key))
            if kept is not None and usable(kept):
                return kept
            for call, run in batch.open_calls(attempt.key):
                if waits and not self._alive.holds(run) and self._alive.is_alive(run):
                    return Busy(call)
            return batch.new_call((*row, seal(*row)))

        return _Claim(attempt.key, work)

    def _carry_out(self, connection: sqlite3.Connection, works: list[Callable[[Batch], Any]]) -> list[Any]:
        batch = Batch(connection)
        batch.look_up([work.key for work in works if isinstance(work, _Claim)])
        results = [work(batch) for work in works]
        batch.put()
        return results

    def _put_texts(self, batch: Batch, texts: Mapping[bytes, bytes]) -> None:
        for digest, data in texts.items():
            is_large = len(data) > BLOB_BYTES
            if is_large:
                write_blob(self.folder, digest, data)
            batch.add("texts", (digest, None if is_large else data))

    def _answer_row(
        self, key: bytes, reply: Reply, turns: tuple[ChatMessage, ...] = (), *, run: int = 0
    ) -> tuple[bytes, float, int, str, bytes]:
        row = (key, self._wall(), run or self.run, reply_json(reply, turns))
        return (*row, seal(*row))

    def _ended_row(self, attempt: Attempt, ending: Ending) -> tuple[Any, ...]:
        body = {
            "model": self._redact(attempt.model),
            "role": attempt.role,
            "request": attempt.request,
            **ending_json(ending),
        }
        own = attempt.run or self.run
        return (own, attempt.path, attempt.step, attempt.item, attempt.key, ending.status, _json(body))

    def _clean_ending(self, ending: Ending) -> Ending:
        reply = None if ending.reply is None else redacted_reply(ending.reply, self._redact)
        return replace(ending, reply=reply, error=self._redact(ending.error))

    def _clean(self, body: Mapping[str, Any]) -> str:
        return _json(redacted(body, self._redact))

    def _count(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            return
        if future.exception() is None:
            self.saved += 1
        else:
            self.unsaved += 1

    def _done(self, work: Callable[[Batch], Any]) -> "asyncio.Future[Any]":
        return self._writing().done(work)

    def _later(self, work: Callable[[Batch], Any]) -> None:
        self._writing().later(work)

    def _writing(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self._file, self._carry_out)
        return self._writer


@record
class _Claim:
    """The work of claiming a call; what is known of its question is looked up before."""

    key: bytes
    work: Callable[[Batch], int | Kept | Busy]

    def __call__(self, batch: Batch) -> int | Kept | Busy:
        return self.work(batch)


def open_store(folder: Path, redact: Redact, tell: Callable[[str], None], wall: Clock = time.time) -> Store:
    """The store in a folder that is there. Raises StoreUnusable."""
    return Store(StoreFile(folder, tell), redact, tell, wall)


_FIND = "select made_at, run, body, seal from answers where key = ?"


def _kept_in(key: bytes, row: tuple[Any, ...] | None) -> Kept | None:
    """The answer in a row; None if there is none, or it is damaged."""
    if row is None:
        return None
    made_at, run, body, mark = row
    with suppress(*_BAD):
        if seal(key, made_at, run, body) == mark and is_time(made_at) and isinstance(run, int):
            reply, turns = read_reply(body)
            return Kept(reply, made_at, run, turns)
    return None


def _telling(number: int, more: Mapping[str, Any], ended: "tuple[float, str] | None") -> Callable[[Batch], None]:
    """Adds to the row of a run, with when it ended and how if it has."""

    def work(batch: Batch) -> None:
        connection, columns = batch.connection, "flow, started_at, ended_at, outcome, body"
        found = connection.execute(f"select {columns} from runs where id = ?", (number,)).fetchone()
        if found is None:
            return
        flow, started, *before, told = found
        row = (flow, started, *(ended or before), _json({**object_in(told), **more}))
        connection.execute(
            "update runs set ended_at = ?, outcome = ?, body = ?, seal = ? where id = ?",
            (*row[2:], seal(*row), number),
        )

    return work
