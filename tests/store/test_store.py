import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowlang.models.chat import ChatMessage, ChatRequest, Reply, ToolCall
from flowlang.run.secrets import secrets_of
from flowlang.store.file import NAME
from flowlang.store.problems import StoreUnusable
from flowlang.store.rows import Attempt, Ending, Kept
from flowlang.store.store import Busy, Store

from .stores import attempt, filled, found, key, opened, using

CANARY = "sk-canary-8842-north"


def test_an_answer_that_has_come_is_there_for_the_next_process(tmp_path: Path) -> None:
    filled(tmp_path / "s", 3)
    assert found(tmp_path / "s", 4) == ["answer 0", "answer 1", "answer 2", None]


def test_who_asks_in_the_transaction_that_brings_the_answer_gets_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "s")
    answer = store._answer_row(key(1), Reply("yes"))
    asking = store._claiming(attempt(1), lambda kept: True, True)
    works = [lambda batch: batch.add("answers", answer), asking]
    _, claimed = store._file.write(lambda connection: store._carry_out(connection, works))
    assert isinstance(claimed, Kept) and claimed.reply.text == "yes"
    store.close_now()


def test_a_call_is_noted_before_it_is_sent_and_named_once_if_it_never_ends(tmp_path: Path) -> None:
    store = opened(tmp_path / "s")

    async def claim() -> None:
        await store.claim(attempt(1, item=4), lambda kept: True, True)
        assert store._writer is not None
        await store._writer.close()

    asyncio.run(claim())
    assert opened_lost(tmp_path / "s") == ()  # it is under way
    store._alive.let_go()  # as if the process had died
    store._file.close()
    (lost,) = opened_lost(tmp_path / "s")
    assert (lost.run, lost.step, lost.item, lost.most_usd) == (1, "step", 4, "0.25")
    assert opened_lost(tmp_path / "s") == ()


def test_a_run_that_was_cut_off_and_has_lost_its_seal_stops_nobody(tmp_path: Path) -> None:
    opened(tmp_path / "s").close_now()
    # A damaged page may hold what no statement could put there.
    for declared, damage in (("seal blob", "update runs set seal = null"), ("seal blob not null", "select 1")):
        with closing(sqlite3.connect(tmp_path / "s" / NAME)) as file:
            file.execute("pragma writable_schema = 1")
            change = "replace(replace(sql, 'seal blob not null', 'seal blob'), 'seal blob', ?)"
            file.execute(f"update sqlite_master set sql = {change} where name = 'runs'", (declared,))
            file.commit()
        with closing(sqlite3.connect(tmp_path / "s" / NAME)) as file:
            file.execute(damage)
            file.commit()
    assert opened_lost(tmp_path / "s") == ()


def opened_lost(folder: Path) -> tuple[object, ...]:
    from flowlang.store.store import open_store

    store = open_store(folder, str, lambda told: None)
    lost = store.begin_run("a.flow", {})
    store.close_now()
    return lost


def test_who_asks_the_same_waits_until_the_other_has_ended_or_died(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "s"), opened(tmp_path / "s")

    async def whole() -> None:
        call = await one.claim(attempt(1), lambda kept: True, True)
        assert isinstance(call, int)
        busy = await two.claim(attempt(1), lambda kept: True, True)
        assert busy == Busy(call) and not two.is_over(call)
        assert isinstance(await two.claim(attempt(1), lambda kept: True, waits=False), int)
        await one.end_call(call, attempt(1), Ending("ok", 1.0, reply=Reply("yes")), True)
        assert two.is_over(call)
        kept = await two.claim(attempt(1), lambda kept: True, True)
        assert not isinstance(kept, int | Busy) and kept.reply.text == "yes"
        # One that dies lets go of its lock.
        left = await one.claim(attempt(2), lambda kept: True, True)
        assert isinstance(left, int) and not two.is_over(left)
        one._alive.let_go()
        assert two.is_over(left)
        assert isinstance(await two.claim(attempt(2), lambda kept: True, True), int)
        await one.close()
        await two.close()

    asyncio.run(whole())


def test_an_answer_that_does_not_serve_is_asked_for_again_and_replaced(tmp_path: Path) -> None:
    filled(tmp_path / "s", 1)

    async def again(store: Store) -> None:
        call = await store.claim(attempt(0), lambda kept: False, True)
        assert isinstance(call, int)
        await store.end_call(call, attempt(0), Ending("ok", 1.0, reply=Reply("newer")), True)

    using(tmp_path / "s", again)
    assert found(tmp_path / "s", 1) == ["newer"]


def test_no_answer_is_kept_of_a_call_that_failed(tmp_path: Path) -> None:
    async def fail(store: Store) -> None:
        call = await store.claim(attempt(0), lambda kept: True, True)
        assert isinstance(call, int)
        await store.end_call(call, attempt(0), Ending("failed", 1.0, error="no"), False)
        assert (store.saved, store.unsaved) == (0, 0)

    using(tmp_path / "s", fail)
    assert found(tmp_path / "s", 1) == [None]


def test_a_full_disk_keeps_what_is_on_its_way_and_begins_nothing(tmp_path: Path) -> None:
    async def whole(store: Store) -> None:
        call = await store.claim(attempt(0), lambda kept: True, True)
        assert isinstance(call, int)
        transaction, file = store._file._transaction, store._file
        tried: list[int] = []

        def full(work: object) -> object:
            tried.append(1)
            if len(tried) == 1:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return transaction(work)  # type: ignore[arg-type]

        file._transaction = full  # type: ignore[method-assign, assignment]
        await store.end_call(call, attempt(0), Ending("ok", 1.0, reply=Reply("yes")), True)
        assert not (tmp_path / "s/reserve").exists()
        assert store.saved == 1 and store.failure is not None and store.failure.is_full
        with pytest.raises(StoreUnusable, match="full"):
            await store.claim(attempt(1), lambda kept: True, True)

    using(tmp_path / "s", whole)
    assert found(tmp_path / "s", 2) == ["yes", None]
    assert (tmp_path / "s/reserve").exists()


def test_answers_that_cannot_be_written_are_counted(tmp_path: Path) -> None:
    async def whole(store: Store) -> None:
        call = await store.claim(attempt(0), lambda kept: True, True)
        assert isinstance(call, int)

        def broken(work: object) -> object:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

        store._file._transaction = broken  # type: ignore[method-assign, assignment]
        future = store.end_call(call, attempt(0), Ending("ok", 1.0, reply=Reply("yes")), True)
        with pytest.raises(StoreUnusable, match="I/O"):
            await future
        assert (store.saved, store.unsaved) == (0, 1)
        del store._file._transaction
        with pytest.raises(StoreUnusable, match="I/O"):
            await store.claim(attempt(1), lambda kept: True, True)  # the disk is not trusted again

    using(tmp_path / "s", whole)


def test_no_secret_is_in_any_file_however_it_comes(tmp_path: Path) -> None:
    secrets = secrets_of({"KEY": CANARY})
    store = opened(tmp_path / "s", redact=secrets.redact)
    tool = ToolCall(CANARY, CANARY, f'{{"a": "{CANARY}"}}', {"extra": [CANARY, {CANARY: CANARY}]})
    message = ChatMessage("user", (f"my key is {CANARY}", CANARY * 40, CANARY * 9_000), (tool,), CANARY)
    request = ChatRequest(CANARY, (message,), {"stop": (CANARY,), "suffix": CANARY}, schema={"title": CANARY})

    async def whole() -> None:
        told = store.told_request(request, f"http://{CANARY}")
        one = Attempt("", "step", None, key(1), "model", told)
        call = await store.claim(one, lambda kept: True, True)
        assert isinstance(call, int)
        reply = Reply(CANARY, (tool,), "tool_calls", model=CANARY)
        await store.end_call(call, one, Ending("ok", 1.0, error=CANARY, reply=reply), True)
        await store.note_conversation(key(2), reply, (message,))
        store.note_call(one, Ending("ok", 1.0, error=CANARY, reply=reply))
        store.step_ended("", "step", {"message": CANARY, "hints": [CANARY]})
        store.end_run("failed", {"message": CANARY})
        await store.close()

    asyncio.run(whole())
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert any("blobs" in path.parts for path in files)
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []


def test_a_secret_that_looks_like_a_number_breaks_no_row(tmp_path: Path) -> None:
    secrets = secrets_of({"pin": "1000"})
    store = opened(tmp_path / "s", redact=secrets.redact)

    async def whole() -> None:
        call = await store.claim(attempt(1), lambda kept: True, True)
        assert isinstance(call, int)
        await store.end_call(call, attempt(1), Ending("ok", 1.0, 1000, 1000, reply=Reply("1000 it is")), True)
        await store.close()

    asyncio.run(whole())
    assert found(tmp_path / "s", 2)[1] == "[secret pin] it is"


def test_runs_are_numbered_by_what_is_written_not_by_the_clock(tmp_path: Path) -> None:
    for number, wall in enumerate((2e9, 1.0, -5e9), 1):
        store = opened(tmp_path / "s", wall=wall)
        assert store.run == number
        store.close_now()


def test_the_store_opens_where_no_lock_file_can_be_made_for_the_run(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "s/running").symlink_to(tmp_path)
    with pytest.raises(StoreUnusable, match="link"):
        opened(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert (tmp_path / "s" / NAME).exists()
