"""Earlier runs, read back: what they began with, what each step asked and was answered, how it came out.

Reading changes nothing in the store, and needs no run. A row that is damaged is passed over.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..record import record
from .file import NAME, connect
from .place import first_bytes
from .problems import StoreUnusable
from .requests import read_blob
from .rows import Kept, is_call, is_run, is_step, is_time, read_reply
from .schema import HEADER_BYTES, VERSION, told_version
from .sealed import seal


@record
class PastRun:
    """One run. `body` is what it began and ended with (see docs/store.md); `outcome` is None while it is under way.

    Times are Unix times in seconds.
    """

    number: int
    flow: str  # its path in the project
    started_at: float
    ended_at: float | None
    outcome: str | None  # "done", "failed", "limit", "interrupted", "cut off"
    body: Mapping[str, Any]


@record
class PastCall:
    """One call of a run, or a question that was answered from before (`body["cached"]`).

    `status`: "ok", "failed", "cut-off", "cancelled", "unknown" (nobody knows what became of it), "open".
    `body` has `model`, `role`, `request` as `Texts.told` gives it, and, once it ended, what `ending_json` gives.
    """

    number: int
    run: int
    path: str
    step: str
    item: int | None
    key: bytes
    status: str
    body: Mapping[str, Any]


@record
class PastStep:
    """How a step of a run came out, or one item of it, or something noted of it: `body["outcome"]` tells which."""

    run: int
    path: str
    step: str
    body: Mapping[str, Any]


class History:
    """The store of a folder, opened for reading. Raises StoreUnusable if it is none, or a newer one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / NAME
        try:
            version = told_version(first_bytes(path, HEADER_BYTES))
        except OSError as error:
            raise StoreUnusable(f"there is no store in `{folder}`: {(error.strerror or '').lower()}") from None
        if version is None or version > VERSION:
            what = "is none that can be read" if version is None else "was made by a newer flowlang"
            raise StoreUnusable(f"the store `{path}` {what}")
        try:
            self._connection = connect(path, readonly=True)
        except sqlite3.Error as error:
            raise StoreUnusable(f"the store `{path}` cannot be read: {error}") from None
        self._connection.text_factory = lambda data: data.decode("utf-8", "replace")

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def runs(self, flow: str | None = None) -> Iterator[PastRun]:
        """The runs, newest first; of one flow only, if it is named."""
        where, values = ("where flow = ?", (flow,)) if flow is not None else ("", ())
        return self._runs(f"{where} order by id desc", values)

    def run(self, number: int) -> PastRun | None:
        """The run with this number."""
        return next(self._runs("where id = ?", (number,)), None)

    def calls(self, run: int, step: str | None = None) -> Iterator[PastCall]:
        """The calls of a run in the order in which they began; of one step only, if it is named."""
        where, values = ("and step = ?", (run, step)) if step is not None else ("", (run,))
        statement = f"select {_CALL} from calls where run = ? {where} order by id"
        for number, *row, mark in self._rows(statement, values):
            if seal(*row) == mark and is_call(*row[:6]) and (body := _object(row[6])) is not None:
                yield PastCall(number, row[0], row[1], row[2], row[3], row[4], row[5], body)

    def call_with(self, key: bytes) -> PastCall | None:
        """The newest call that asked exactly this and was answered: a cached one has no request of its own."""
        statement = f"select {_CALL} from calls where key = ? and status = 'ok' order by id desc"
        for number, *row, mark in self._rows(statement, (key,)):
            body = _object(row[6]) if seal(*row) == mark and is_call(*row[:6]) else None
            if body is not None and "request" in body:
                return PastCall(number, row[0], row[1], row[2], row[3], row[4], row[5], body)
        return None

    def steps(self, run: int) -> Iterator[PastStep]:
        """How the steps of a run came out, in the order in which they ended."""
        for *row, mark in self._rows(f"select {_STEP} from steps where run = ? order by id", (run,)):
            if seal(*row) == mark and is_step(*row[:3]) and (body := _object(row[3])) is not None:
                yield PastStep(row[0], row[1], row[2], body)

    def answer(self, key: bytes) -> Kept | None:
        """The answer that the store has to a question."""
        statement = "select made_at, run, body, seal from answers where key = ?"
        for made_at, run, body, mark in self._rows(statement, (key,)):
            with suppress(ValueError):
                if seal(key, made_at, run, body) == mark and is_time(made_at) and isinstance(run, int):
                    reply, turns = read_reply(body)
                    return Kept(reply, made_at, run, turns)
        return None

    def has_answers(self) -> bool:
        """Whether there is any answer at all."""
        return any(True for _ in self._rows("select 1 from answers limit 1", ()))

    def text(self, digest: bytes) -> bytes | None:
        """A long text or an attachment by its digest; None if it is gone."""
        for (data,) in self._rows("select data from texts where digest = ?", (digest,)):
            return data if isinstance(data, bytes) else read_blob(self.folder, digest)
        return None

    def told(self, part: Any) -> Any:
        """A part of a kept request with its text put in where only a digest stands."""
        if isinstance(part, Mapping) and set(part) == {"text"}:
            data = None
            with suppress(ValueError):
                data = self.text(bytes.fromhex(str(part["text"])))
            return "[this text is not kept any more]" if data is None else data.decode("utf-8", "replace")
        return part

    def _runs(self, clause: str, values: tuple[Any, ...]) -> Iterator[PastRun]:
        for number, *row, mark in self._rows(f"select {_RUN} from runs {clause}", values):
            if seal(*row) == mark and is_run(*row[:4]) and (body := _object(row[4])) is not None:
                yield PastRun(number, row[0], row[1], row[2], row[3], body)

    def _rows(self, statement: str, values: tuple[Any, ...]) -> Iterator[Any]:
        with suppress(sqlite3.Error):
            yield from self._connection.execute(statement, values)


_RUN = "id, flow, started_at, ended_at, outcome, body, seal"
_CALL = "id, run, path, step, item, key, status, body, seal"
_STEP = "run, path, step, body, seal"


def _object(body: object) -> dict[str, Any] | None:
    try:
        told = json.loads(body)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
