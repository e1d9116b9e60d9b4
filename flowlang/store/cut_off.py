"""Runs that nobody runs any more: their process was killed, or the machine went down."""

import json
import sqlite3
from contextlib import suppress
from typing import Any

from ..record import record
from .alive import Alive
from .rows import is_call
from .sealed import seal


@record
class OpenCall:
    """A call that was open when its run was cut off: it may have been billed. `most_usd` is what it may have cost."""

    run: int
    path: str
    step: str
    item: int | None
    model: str
    most_usd: str | None


def close_cut_off(connection: sqlite3.Connection, alive: Alive) -> tuple[OpenCall, ...]:
    """Closes the runs that nobody runs any more; the calls that were open when they ended, each told once."""
    found: list[OpenCall] = []
    columns = "id, flow, started_at, body, seal"
    for run, flow, started, told, mark in connection.execute(
        f"select {columns} from runs where outcome is null"
    ).fetchall():
        if alive.is_alive(run):
            continue
        # A row that is damaged stays so; its seal may be anything, or nothing.
        is_good = seal(flow, started, None, None, told) == mark
        new_mark = seal(flow, started, None, "cut off", told) if is_good else b""
        connection.execute("update runs set outcome = ?, seal = ? where id = ?", ("cut off", new_mark, run))
        # By the index of open calls, which are few; by the run it would look at all that was ever asked in it.
        calls = (
            "select id, path, step, item, key, body from calls indexed by open_calls where status = 'open' and run = ?"
        )
        for call, path, step, item, key, body in connection.execute(calls, (run,)).fetchall():
            sealed = (run, path, step, item, key, "unknown", body)
            connection.execute("update calls set status = 'unknown', seal = ? where id = ?", (seal(*sealed), call))
            if is_call(*sealed[:-1]):
                known = object_in(body)
                most = known.get("most_usd")
                told_most = most if isinstance(most, str) else None
                found.append(OpenCall(run, path, step, item, str(known.get("model", "")), told_most))
        alive.forget(run)
    return tuple(found)


def object_in(body: object) -> dict[str, Any]:
    """The JSON object of a row's body; an empty one if it is none."""
    with suppress(ValueError, TypeError, RecursionError):
        told = json.loads(body)  # type: ignore[arg-type]
        if isinstance(told, dict):
            return told
    return {}
