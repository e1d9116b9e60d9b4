import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from flowlang.store.file import StoreFile
from flowlang.store.place import open_folder
from flowlang.store.problems import StoreUnusable
from flowlang.store.writer import Writer


def insert(number: int) -> Any:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("insert into dialects values (?, 'm', '')", (str(number),))
        return number

    return work


def each(connection: sqlite3.Connection, works: list[Any]) -> list[Any]:
    return [work(connection) for work in works]


def rows(file: StoreFile) -> int:
    count: int = file.connection.execute("select count(*) from dialects").fetchone()[0]
    return count


def open_file(folder: Path) -> StoreFile:
    return StoreFile(open_folder(folder / "s"), lambda told: None)


def test_many_wait_for_few_transactions_and_each_hears_its_own_result(tmp_path: Path) -> None:
    file = open_file(tmp_path)
    transactions: list[int] = []
    transaction = file._transaction
    file._transaction = lambda work: (transactions.append(1), transaction(work))[1]  # type: ignore[method-assign]

    async def whole() -> list[int]:
        writer = Writer(file, each)
        told = await asyncio.gather(*[writer.done(insert(number)) for number in range(200)])
        await writer.close()
        return told

    assert asyncio.run(whole()) == list(range(200))
    assert rows(file) == 200 and len(transactions) < 20
    file.close()


def test_a_slip_of_ours_is_told_to_everybody_who_waits_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    file = open_file(tmp_path)

    def slip(connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    async def whole() -> list[Any]:
        writer = Writer(file, each)
        first = [writer.done(insert(1)), writer.done(slip), writer.done(insert(2))]
        told = await asyncio.gather(*first, return_exceptions=True)
        told.append((await asyncio.gather(writer.done(insert(3)), return_exceptions=True))[0])
        writer.later(insert(4))
        assert await writer.close()
        return told

    assert [type(one) for one in asyncio.run(whole())] == [StoreUnusable] * 4
    assert rows(file) == 0
    file.close()


def test_without_a_thread_the_loop_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    file = open_file(tmp_path)

    async def whole() -> None:
        writer = Writer(file, each)
        assert await asyncio.gather(*[writer.done(insert(number)) for number in range(20)]) == list(range(20))
        writer.later(insert(20))
        assert await writer.close()

    asyncio.run(whole())
    assert rows(file) == 21
    file.close()


def test_who_is_stopped_does_not_wait_for_a_lock_that_somebody_holds(tmp_path: Path) -> None:
    file, other = open_file(tmp_path), open_file(tmp_path)

    async def whole() -> bool:
        writer = Writer(file, each)
        with other.locked():
            writer.later(insert(1))
            is_done = await writer.close(0.05)
        assert writer._thread is not None
        writer._thread.join()
        return is_done

    assert asyncio.run(whole()) is False
    assert rows(file) == 1
    file.close()
    other.close()


def test_who_gave_up_waiting_leaves_no_noise_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = open_file(tmp_path)

    def slip(connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    async def whole() -> None:
        writer = Writer(file, each)
        writer.done(slip)
        await writer.close()
        await asyncio.sleep(0)

    asyncio.run(whole())
    assert caplog.text == ""
    file.close()
