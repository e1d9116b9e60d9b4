import random
import shutil
import sqlite3
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flowlang.store.carving import _varint, carved
from flowlang.store.file import NAME

from .stores import asked, filled, found, key, opened, using

PAGE = 4096


def root_of(path: Path, table: str) -> int:
    with sqlite3.connect(path) as connection:
        number: int = connection.execute("select rootpage from sqlite_master where name = ?", (table,)).fetchone()[0]
    connection.close()
    return number


def test_a_table_whose_root_is_gone_loses_no_more_than_that_page(tmp_path: Path) -> None:
    filled(tmp_path / "s", 300)
    path = tmp_path / "s" / NAME
    root = root_of(path, "answers")
    data = bytearray(path.read_bytes())
    data[(root - 1) * PAGE : root * PAGE] = bytes(PAGE)
    path.write_bytes(data)
    told: list[str] = []
    left = found(tmp_path / "s", 300, told)
    # The root of a table without rowids holds a few rows itself.
    assert sum(one is not None for one in left) > 280
    assert all(one in (None, f"answer {number}") for number, one in enumerate(left))
    assert len(told) == 1 and "the store was damaged" in told[0] and "broken-1" in told[0]


def test_a_header_that_is_gone_loses_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "s", 50)
    path = tmp_path / "s" / NAME
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    assert found(tmp_path / "s", 50) == [f"answer {number}" for number in range(50)]


def test_what_stands_in_the_log_only_is_saved_too(tmp_path: Path) -> None:
    async def fill(store: object) -> None:
        for number in range(40):
            await asked(store, number, f"answer {number}")  # type: ignore[arg-type]
        shutil.copytree(tmp_path / "s", tmp_path / "copy")

    using(tmp_path / "s", fill)
    (tmp_path / "copy" / NAME).write_bytes(b"not a store")
    assert found(tmp_path / "copy", 40) == [f"answer {number}" for number in range(40)]


def test_rows_are_carved_as_sqlite_reads_them_those_over_many_pages_too(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    draw = random.Random(7)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "create table answers (key blob primary key, a real, b integer, c text, d blob) without rowid"
        )
        rows = [
            (
                draw.randbytes(32),
                draw.choice([3.0, 2.5]),
                draw.randint(-(2**62), 2**62),
                "x" * draw.choice([0, 9, 900, 5_000, 90_000]),
                draw.randbytes(8),
            )
            for _ in range(200)
        ]
        connection.executemany("insert into answers values (?, ?, ?, ?, ?)", rows)
    connection.close()
    assert {row for table, row in carved(path) if table == "answers"} >= set(rows)


@given(st.binary(max_size=3 * PAGE))
def test_no_bytes_make_the_carver_fail(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store")
        path.write_bytes(data)
        Path(folder, "store-wal").write_bytes(data[::-1])
        list(carved(path))


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_read_as_they_are_written(value: int) -> None:
    written = bytes([*(0x80 | value >> shift & 0x7F for shift in range(63, 6, -7)), value & 0x7F])
    short = (
        written.lstrip(b"\x80")
        if value < 2**56
        else bytes([*(0x80 | value >> shift & 0x7F for shift in range(57, 7, -7)), value & 0xFF])
    )
    assert _varint(short or b"\0", 0) == (value, len(short or b"\0"))


def test_no_run_gets_the_number_of_one_whose_row_is_lost(tmp_path: Path) -> None:
    for _ in range(3):
        opened(tmp_path / "s").close_now()
    store = opened(tmp_path / "s")
    assert store.run == 4
    store.close_now()
    (tmp_path / "s/running").mkdir(exist_ok=True)
    (tmp_path / "s/running/41").write_text("")
    (tmp_path / "s" / NAME).write_bytes(b"garbage")
    store = opened(tmp_path / "s")
    assert store.run == 42
    store.close_now()


def test_a_planted_answer_without_its_seal_is_not_served(tmp_path: Path) -> None:
    filled(tmp_path / "s", 2)
    with sqlite3.connect(tmp_path / "s" / NAME) as connection:
        bodies = connection.execute("select body from answers order by key").fetchall()
        connection.execute("update answers set body = ? where key = ?", (bodies[1][0], key(0)))
    connection.close()
    told: list[str] = []
    assert found(tmp_path / "s", 2, told) == [None, "answer 1"]
    assert told == ["the store was damaged: 1 answer could not be used and had to be asked for again"]
