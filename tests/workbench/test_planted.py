"""A store that came with a stranger's project: its checksums are right, and its rows lie."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowlang.store.sealed import seal
from tests.gateway import Gateway, numbered
from tests.workbench.kept import project, says

COLUMNS = {
    "answers": ("key", "made_at", "run", "body"),
    "runs": ("flow", "started_at", "ended_at", "outcome", "body"),
    "calls": ("run", "path", "step", "item", "key", "status", "body"),
    "steps": ("run", "path", "step", "body"),
}
ODD: tuple[Any, ...] = (b"\xff", "1e999", float("inf"), -float("inf"), 2.0**62)
OF_ANSWERS = ("text", "finish", "model", "usage")
OF_CALLS = ("began_s", "seconds", "tokens_in", "cost_usd", "of_run", "cached", "request", "answer", "most_usd", "model")
COMMANDS = (
    ("runs",),
    ("runs", "--json"),
    ("show", "1"),
    ("show", "last", "--json"),
    ("show", "last", "--html", "page.html"),
    ("show", "1", "verdict"),
    ("diff", "1", "last"),
    ("plan", "claims.flow", "--mail", "Hm"),
    ("why", "claims.flow", "verdict", "--mail", "Hm"),
    ("retry", "1", "--trust"),
    ("run", "claims.flow", "--mail", "Hm", "--trust"),
)


@pytest.fixture
def planted(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store of a project, with one run that failed and another that used its answers."""
    with Gateway(says, faults=numbered({4: "400-parameter", 5: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        for _ in range(2):
            assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        yield folder / ".flowlang" / "store.sqlite"


def lie(store: Path, table: str, name: str, value: Any, *, in_body: bool = False) -> None:
    """Has every row of a table say something else, under a checksum that is right."""
    columns, key = COLUMNS[table], "key" if table == "answers" else "id"
    with closing(sqlite3.connect(store)) as connection, connection:
        for number, *row in connection.execute(f"select {key}, {', '.join(columns)} from {table}").fetchall():
            told = dict(zip(columns, row, strict=True))
            told.update({"body": json.dumps({**json.loads(told["body"]), name: value})} if in_body else {name: value})
            sets = ", ".join(f"{column} = ?" for column in columns)
            connection.execute(f"update {table} set {sets} where {key} = ?", (*told.values(), number))
            kept = connection.execute(f"select {', '.join(columns)} from {table} where {key} = ?", (number,)).fetchone()
            connection.execute(f"update {table} set seal = ? where {key} = ?", (seal(*kept), number))


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, one) for table, columns in COLUMNS.items() for one in columns if one not in ("key", "body")],
)
def test_no_command_stumbles_over_a_column_that_lies(table: str, column: str, flowlang, planted: Path) -> None:
    kept = planted.read_bytes()
    for odd in ODD:
        planted.write_bytes(kept)
        lie(planted, table, column, odd)
        for words in COMMANDS:
            flowlang(*words)  # never exits with 70


@pytest.mark.parametrize(
    ("table", "name"), [*(("answers", name) for name in OF_ANSWERS), *(("calls", name) for name in OF_CALLS)]
)
def test_no_command_stumbles_over_a_body_that_lies(table: str, name: str, flowlang, planted: Path) -> None:
    kept = planted.read_bytes()
    for odd in (5, 1e308, 10**400, "1e999999999", "1e-999999999", ["x", "y", "z"], {"text": "zz"}):
        planted.write_bytes(kept)
        lie(planted, table, name, odd, in_body=True)
        for words in COMMANDS:
            flowlang(*words)


def test_what_open_calls_may_have_cost_is_not_written_out_however_long(flowlang, planted: Path) -> None:
    lie(planted, "runs", "outcome", None)
    lie(planted, "calls", "most_usd", "1e999998", in_body=True)
    lie(planted, "calls", "status", "open")
    err = flowlang("run", "claims.flow", "--mail", "Hm", "--trust").err
    assert "may have been billed" in err and len(err) < 5_000


@pytest.mark.parametrize("elsewhere", ["absolute", "upwards", "folder"])
def test_a_store_repeats_no_flow_of_another_project(elsewhere: str, flowlang, planted: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pay.flow").write_text('step a\n  prompt: "Pay."\n', encoding="utf-8")
    named = {"absolute": str(other / "pay.flow"), "upwards": "../other/pay.flow", "folder": "pay.flow"}
    lie(planted, "runs", "flow", named[elsewhere])
    lie(planted, "runs", "folder", str(other), in_body=True)
    code, _, err = flowlang("retry", "1", "--trust")
    assert code == 2 and "pay.flow` is gone" in err


@pytest.mark.parametrize("words", [one for one in COMMANDS if one[0] != "run"])
def test_no_command_waits_for_a_pipe_in_the_place_of_the_store(words: tuple[str, ...], flowlang, planted: Path) -> None:
    planted.unlink()
    os.mkfifo(planted)
    assert flowlang(*words).code in (0, 2, 6)


def test_a_store_that_is_a_part_of_the_repository_answers_nothing(flowlang, planted: Path, folder: Path) -> None:
    words = ("run", "claims.flow", "--mail", "Hm", "--trust")
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example")
    for more in (("init", "-q"), ("add", "."), ("commit", "-qm", "All but what is ignored")):
        subprocess.run([*git, *more], cwd=folder, check=True, capture_output=True)
    assert flowlang(*words).code == 0
    subprocess.run([*git, "add", "-f", ".flowlang/store.sqlite"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-qm", "Poison"], cwd=folder, check=True)
    for command in (words, ("retry", "1", "--trust")):
        code, _, err = flowlang(*command)
        assert code == 7 and "is a part of the repository" in err
    assert flowlang(*words, "--store", ".flowlang").code == 0
    assert flowlang(*words, "--no-store").code == 0
