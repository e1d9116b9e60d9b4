import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from flowlang.store.connecting import connect
from flowlang.store.file import NAME, StoreFile
from flowlang.store.place import open_folder
from flowlang.store.problems import StoreUnusable
from flowlang.store.schema import VERSION

from .stores import filled, found


def insert(connection: sqlite3.Connection) -> None:
    connection.execute("insert into dialects values ('origin', 'model', '{}')")


def open_file(folder: Path, told: list[str] | None = None) -> StoreFile:
    return StoreFile(open_folder(folder), ([] if told is None else told).append)


def test_every_file_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = open_file(tmp_path / "s")
        file.write(insert)
        modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "s").iterdir()}
    finally:
        os.umask(before)
    file.close()
    assert NAME in modes and f"{NAME}-wal" in modes and set(modes.values()) == {0}


def test_no_connection_makes_a_checkpoint_by_itself_or_maps_the_file(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")
    for one in (file.connection, connect(file.path, readonly=True)):
        told = {name: one.execute(f"pragma {name}").fetchone()[0] for name in ("wal_autocheckpoint", "trusted_schema")}
        assert told == {"wal_autocheckpoint": 0, "trusted_schema": 0}
        assert one.execute("pragma mmap_size").fetchone() in (None, (0,))
        assert one.execute("pragma cell_size_check").fetchone() == (1,)
    assert file.connection.execute("pragma synchronous").fetchone() == (2,)
    assert file.connection.execute("pragma journal_mode").fetchone() == ("wal",)
    file.close()


@pytest.mark.parametrize("version", [VERSION + 1, 999, 2**31 - 1])
def test_a_store_of_a_newer_version_is_not_touched(version: int, tmp_path: Path) -> None:
    filled(tmp_path / "s", 3)
    with sqlite3.connect(tmp_path / "s" / NAME) as connection:
        connection.execute(f"pragma user_version = {version}")
    connection.close()
    (tmp_path / "s/lock").unlink()
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "s").glob("*.*")}
    with pytest.raises(StoreUnusable, match=str(version)):
        open_file(tmp_path / "s")
    after = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "s").glob("*.*")}
    assert after == before and not any(name.endswith(("-wal", "-shm")) for name in after)


def test_a_run_that_was_begun_before_another_version_came_writes_no_more(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")
    with sqlite3.connect(file.path) as connection:
        connection.execute(f"pragma user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StoreUnusable, match="newer"):
        file.write(insert)
    file.close()


@pytest.mark.parametrize("name", [NAME, f"{NAME}-wal", f"{NAME}-shm", "lock"])
@pytest.mark.parametrize("planted", ["link", "pipe", "folder", "hard link"])
def test_what_is_planted_where_a_file_goes_is_refused(name: str, planted: str, tmp_path: Path) -> None:
    filled(tmp_path / "s", 1)
    path, victim = tmp_path / "s" / name, tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.unlink(missing_ok=True)
    match planted:
        case "link":
            path.symlink_to(victim)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.hardlink_to(victim)
    with pytest.raises(StoreUnusable):
        open_file(tmp_path / "s")
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["reserve", f"{NAME}.new", f"{NAME}.broken-1"])
def test_a_link_beside_the_store_is_not_followed(name: str, tmp_path: Path) -> None:
    filled(tmp_path / "s", 1)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "s" / name).unlink(missing_ok=True)
    (tmp_path / "s" / name).symlink_to(victim)
    (tmp_path / "s" / NAME).write_bytes(b"no store")
    open_file(tmp_path / "s").close()
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "statement",
    [
        "create trigger t after insert on dialects begin delete from answers; end",
        "create view v as select * from answers",
        "create table more (a)",
        "drop index open_calls",
        "alter table calls add column extra",
    ],
)
def test_a_store_that_declares_anything_else_is_made_anew_with_its_answers(statement: str, tmp_path: Path) -> None:
    filled(tmp_path / "s", 5)
    with sqlite3.connect(tmp_path / "s" / NAME) as connection:
        connection.execute(statement)
    connection.close()
    told: list[str] = []
    assert found(tmp_path / "s", 5, told) == [f"answer {number}" for number in range(5)]
    assert len(told) == 1 and "5 answers" in told[0]


def test_a_kill_while_a_store_is_mended_loses_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "s", 5)
    path = tmp_path / "s" / NAME
    shutil.copy(path, f"{path}.mended")
    for left in (b"garbage", b"", None):
        path.unlink() if left is None else path.write_bytes(left)
        Path(f"{path}-wal").write_bytes(b"the log of the damaged file")
        assert found(tmp_path / "s", 5) == [f"answer {number}" for number in range(5)]
        shutil.copy(path, f"{path}.mended")


def test_a_file_that_another_process_has_mended_is_opened_anew(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")
    file.write(insert)
    other = tmp_path / "s/other"
    shutil.copy(file.path, other)
    for ending in ("-wal", "-shm"):
        Path(f"{file.path}{ending}").unlink()
    other.rename(file.path)
    file.write(lambda connection: connection.execute("insert into dialects values ('b', 'b', '{}')"))
    with sqlite3.connect(file.path) as reader:
        assert ("b",) in reader.execute("select origin from dialects").fetchall()
    reader.close()
    file.close()


def test_who_has_the_damaged_file_open_leaves_the_log_of_the_new_one_alone(tmp_path: Path) -> None:
    one, two = open_file(tmp_path / "s"), open_file(tmp_path / "s")
    two.write(insert)
    with two.locked():
        two.connection.close()
        two._mend()
        two.connection = two._opened(is_first=False, mends=False)
    two.write(lambda connection: connection.execute("insert into dialects values ('b', 'b', '{}')"))
    log = Path(f"{two.path}-wal")
    assert log.stat().st_size > 0
    one.connection.close()  # the last one that had the old file open: it must not take "its" log away
    assert log.stat().st_size > 0
    one._is_other = True
    one.close()
    shutil.copytree(tmp_path / "s", tmp_path / "killed")
    two.close()
    other = open_file(tmp_path / "killed")
    assert other.connection.execute("select count(*) from dialects where origin = 'b'").fetchone() == (1,)
    other.close()


def test_a_folder_that_was_taken_away_and_made_anew_has_one_lock_again(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    other = open_file(tmp_path / "s")
    with other.locked():
        assert os.fstat(other._lock).st_ino == (tmp_path / "s/lock").stat().st_ino
    file.write(insert)
    assert os.fstat(file._lock).st_ino == (tmp_path / "s/lock").stat().st_ino
    file.close()
    other.close()


def test_work_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")

    def half(connection: sqlite3.Connection) -> None:
        insert(connection)
        raise KeyError("a slip")

    with pytest.raises(KeyError):
        file.write(half)
    assert file.write(lambda connection: connection.execute("select count(*) from dialects").fetchone()) == (0,)
    file.close()


def test_a_log_that_has_grown_is_taken_in_also_where_somebody_reads(tmp_path: Path) -> None:
    file = open_file(tmp_path / "s")
    reader = connect(file.path, readonly=True)
    reader.execute("begin")
    reader.execute("select count(*) from texts").fetchone()
    sizes = []
    for number in range(30):
        row = (number.to_bytes(32, "big"), os.urandom(600_000))
        file.write(lambda connection, row=row: connection.execute("insert into texts values (?, ?)", row))  # type: ignore[misc]
        sizes.append(Path(f"{file.path}-wal").stat().st_size)
    reader.close()
    file.write(lambda connection: connection.execute("delete from texts where digest < ?", ((29).to_bytes(32, "big"),)))
    for number in range(20):
        file.write(
            lambda connection, n=number: connection.execute("insert into dialects values (?, 'm', '')", (str(n),))
        )  # type: ignore[misc]
    assert max(sizes) > 12_000_000
    assert Path(f"{file.path}-wal").stat().st_size < 12_000_000
    file.close()
    assert not Path(f"{file.path}-wal").exists()
