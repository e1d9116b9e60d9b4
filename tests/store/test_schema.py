"""Stores of every version that was ever released open, with all that is in them."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from flowlang.store.connecting import connect
from flowlang.store.file import NAME
from flowlang.store.schema import APPLICATION, VERSION, is_ours, migrate, told_version
from flowlang.store.store import open_store

from .stores import key

GOLDEN = Path(__file__).parent / "golden"


def test_a_store_of_every_version_is_kept() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"version_{one}.sqlite" for one in range(1, VERSION + 1)}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_store_of_an_earlier_version_is_brought_up_to_date(version: int, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    shutil.copy(GOLDEN / f"version_{version}.sqlite", tmp_path / NAME)
    (tmp_path / NAME).chmod(0o600)
    told: list[str] = []
    store = open_store(tmp_path, str, told.append, lambda: 1_800_000_000.0)
    lost = store.begin_run("brief.flow", {})
    assert told == [] and [(one.run, one.step, one.item, one.most_usd) for one in lost] == [(2, "claims", 8, "0.01")]
    for number in range(3):
        kept = store.find(key(number))
        assert kept is not None and kept.reply.text == f"answer {number} — ünï"
        assert (kept.made_at, kept.run, kept.reply.usage.tokens_out) == (1_764_400_000.25, 1, number)
    talked = store.find(key(9))
    assert talked is not None and [turn.role for turn in talked.turns] == ["assistant", "tool"]
    assert talked.turns[0].tool_calls[0].rest == {"extra": [1]}
    assert store.find(key(7)) is None
    assert store.dialects() == {("http://x", "gpt-5-4"): "{}"}
    assert store.run == 3
    store.close_now()
    reader = connect(tmp_path / NAME, readonly=True)
    assert reader.execute("pragma user_version").fetchone() == (VERSION,)
    assert is_ours(reader)
    reader.close()


def test_what_is_new_is_ours() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 0)
    assert is_ours(connection)
    connection.execute("create view v as select 1")
    assert not is_ours(connection)
    connection.close()


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (b"", None),
        (b"SQLite format 3\0" + bytes(84), None),
        (b"SQLite format 3\0" + bytes(44) + (7).to_bytes(4, "big") + bytes(4) + APPLICATION.to_bytes(4, "big"), None),
        (
            b"SQLite format 3\0"
            + bytes(44)
            + (7).to_bytes(4, "big")
            + bytes(4)
            + APPLICATION.to_bytes(4, "big")
            + bytes(28),
            7,
        ),
    ],
)
def test_the_version_is_read_from_the_first_bytes(header: bytes, version: int | None) -> None:
    assert told_version(header) == version
