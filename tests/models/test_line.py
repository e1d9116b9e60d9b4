"""Connections: used again, given up, and never in the way of what a server has to say."""

import asyncio
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from flowlang.models import line as subject
from flowlang.models.errors import ModelError
from flowlang.models.http1 import NotHttp, request_head
from flowlang.models.line import HELD, Line, LineBroken, Unsent
from flowlang.models.lines import Lines
from flowlang.models.ways import Way, way_to
from tests.models.raw_server import Connection, Plays, serving

T = TypeVar("T")
MEGABYTE = 1 << 20


def run(work: Callable[[Lines], Awaitable[T]]) -> T:
    async def whole() -> T:
        lines = Lines()
        try:
            async with asyncio.timeout(20):
                return await work(lines)
        finally:
            await lines.close()

    return asyncio.run(whole())


async def asked(lines: Lines, url: str, body: list[bytes] | None = None) -> tuple[int, bytes]:
    """Status and body of the answer to one question."""
    way = way_to(url, {})
    line, answer = await begun(lines, way, body)
    try:
        read = b""
        while data := await line.read():
            read += data
        return answer.status, read
    finally:
        lines.give_back(way, line)


async def begun(lines: Lines, way: Way, body: list[bytes] | None = None):  # type: ignore[no-untyped-def]
    size = sum(map(len, body or []))
    return await lines.ask(
        way, request_head("POST", way.target, {**way.headers, "Content-Length": str(size)}), body or []
    )


async def answers(connection: Connection) -> None:
    while await connection.request():
        await connection.answer()


# ── One call after the other ──


def test_the_line_that_was_used_last_is_used_again() -> None:
    async def work(lines: Lines) -> None:
        async with serving(answers) as server:
            for _ in range(3):
                assert await asked(lines, server.url) == (200, b"ok")
            assert server.connections == 1
            await asyncio.gather(*(asked(lines, server.url) for _ in range(4)))
            assert server.connections == 4

    run(work)


@pytest.mark.parametrize(
    "ending",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother",
    ],
)
def test_a_line_that_cannot_go_on_is_not_used_again(ending: bytes) -> None:
    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.say(ending)
        await connection.closed()

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            assert [await asked(lines, server.url) for _ in range(2)] == [(200, b"ok")] * 2
            assert server.connections == 2

    run(work)


@pytest.mark.parametrize("how", ["closes", "resets", "talks"])
def test_a_line_on_which_something_came_while_it_was_idle_is_not_used_again(how: str) -> None:
    happened = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.answer()
        await asyncio.sleep(0)
        if how == "talks":
            await connection.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        elif how == "resets":
            connection.reset()
        else:
            connection.writer.close()
        happened.set()
        await connection.closed()

    async def work(lines: Lines) -> None:
        async with serving(play, answers) as server:
            assert await asked(lines, server.url) == (200, b"ok")
            await happened.wait()
            assert await asked(lines, server.url) == (200, b"ok")
            assert server.connections == 2

    run(work)


@contextmanager
def in_a_thread(*plays: Plays) -> Iterator[str]:
    """The address of a server that goes on while the loop of the test stands still."""
    listens, may_stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serving(*plays) as served:
            urls.append(served.url)
            listens.set()
            await asyncio.to_thread(may_stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert listens.wait(10)
        yield urls[0]
    finally:
        may_stop.set()
        thread.join()


def test_what_a_server_closed_unseen_before_the_question_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "is_fresh", lambda self: True)  # as if it was closed a moment later
    closed = threading.Event()
    seen: list[bytes] = []

    async def breaks(connection: Connection) -> None:
        seen.append(await connection.request())
        await connection.answer()
        connection.reset()
        await asyncio.sleep(0)
        closed.set()

    async def goes_on(connection: Connection) -> None:
        while request := await connection.request():
            seen.append(request)
            await connection.answer()

    with in_a_thread(breaks, goes_on) as url:

        async def work(lines: Lines) -> None:
            assert await asked(lines, url) == (200, b"ok")
            assert closed.wait(10)  # and this loop sees nothing of it
            assert await asked(lines, url, [b"a question"]) == (200, b"ok")
            assert len(seen) == 2

        run(work)


def test_what_a_server_said_before_it_broke_the_line_is_heard_though_writing_failed_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = threading.Event()
    writes: list[Line] = []

    def unaware(self: Line) -> bool:
        writes.append(self)
        assert len(writes) < 2 or closed.wait(10)  # and this loop sees nothing of it
        return self._transport.is_closing()

    monkeypatch.setattr(Line, "_is_turned_down", unaware)
    monkeypatch.setattr(Line, "_says_something", lambda self: False)

    async def play(connection: Connection) -> None:
        await connection.head()
        await connection.answer(b"no", "413 Too Large")
        connection.writer.close()  # with bytes that were not read, which makes it a reset
        await asyncio.sleep(0)
        await connection.writer.wait_closed()
        closed.set()

    with in_a_thread(play) as url:

        async def work(lines: Lines) -> None:
            assert await asked(lines, url, [b"x" * 100_000] * 50) == (413, b"no")

        run(work)


def test_a_question_that_a_server_may_have_read_is_never_asked_twice() -> None:
    seen: list[bytes] = []

    async def play(connection: Connection) -> None:
        seen.append(await connection.request())
        await connection.answer()
        seen.append(await connection.request())

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            assert await asked(lines, server.url) == (200, b"ok")
            with pytest.raises(LineBroken) as problem:
                await asked(lines, server.url, [b"a question"])
            assert not isinstance(problem.value, Unsent)
            assert (len(seen), server.connections) == (2, 1)

    run(work)


# ── Long questions ──


@pytest.mark.parametrize("status", ["413 Too Large", "401 No"])
@pytest.mark.parametrize("then", ["closes", "resets", "waits"])
def test_a_no_that_comes_before_the_end_of_the_question_is_heard(status: str, then: str) -> None:
    async def play(connection: Connection) -> None:
        await connection.head()
        await connection.answer(b"no", status)
        if then == "waits":
            await asyncio.sleep(3600)
        if then == "resets":
            await connection.reader.read(1)  # what is not read makes closing a reset

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            for _ in range(3):
                assert await asked(lines, server.url, [b"x" * MEGABYTE] * 24) == (int(status[:3]), b"no")

    run(work)


def test_a_long_question_is_held_once() -> None:
    piece = b"x" * (32 * 1024)
    arrived = 0

    async def play(connection: Connection) -> None:
        nonlocal arrived
        await connection.head()
        while arrived < 512 * len(piece):
            arrived += len(await connection.reader.read(65_536))
        await connection.answer()

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            tracemalloc.start()
            try:
                assert await asked(lines, server.url, [piece] * 512) == (200, b"ok")
                assert tracemalloc.get_traced_memory()[1] < MEGABYTE
            finally:
                tracemalloc.stop()
        assert arrived == 16 * MEGABYTE

    run(work)


def test_a_server_that_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "STUCK_S", 0.05)

    async def play(connection: Connection) -> None:
        await asyncio.sleep(3600)

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            with pytest.raises(subject.Stuck):
                await asked(lines, server.url, [b"x" * MEGABYTE] * 24)

    run(work)


# ── Long answers ──


def test_a_server_waits_for_who_reads_slowly() -> None:
    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"y" * (32 * MEGABYTE))

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            way = way_to(server.url, {})
            line, _ = await begun(lines, way)
            for _ in range(200):  # rounds of the loop, in which all of it could come
                await asyncio.sleep(0)
                assert line._held <= HELD + MEGABYTE
            size = 0
            while data := await line.read():
                size += len(data)
            lines.give_back(way, line)
            assert size == 32 * MEGABYTE

    run(work)


@pytest.mark.parametrize("place", ["before the head", "in the body"])
def test_a_call_that_is_given_up_closes_its_line(place: str) -> None:
    gone = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.request()
        if place == "in the body":
            await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await connection.closed()
        gone.set()

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            call = asyncio.ensure_future(asked(lines, server.url))
            while not server.connections:
                await asyncio.sleep(0)
            for _ in range(20):
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await gone.wait()

    run(work)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"", LineBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Le", LineBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", LineBroken),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", LineBroken),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", NotHttp),
        (b"220 mail.example ESMTP\r\n", NotHttp),
        (b"HTTP/1.1 200 OK\r\n\r\nup to the end, or not", None),
    ],
)
@pytest.mark.parametrize("resets", [False, True])
def test_an_answer_that_is_cut_or_none_is_told(said: bytes, problem: type[Exception] | None, resets: bool) -> None:
    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.say(said)
        for _ in range(5):
            await asyncio.sleep(0)
        if resets:
            connection.reset()

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            if problem is None and not resets:
                assert await asked(lines, server.url) == (200, b"up to the end, or not")
                return
            with pytest.raises(problem or LineBroken):
                await asked(lines, server.url)

    run(work)


def test_who_waits_is_told_when_all_lines_are_closed() -> None:
    async def play(connection: Connection) -> None:
        await connection.closed()

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            call = asyncio.ensure_future(asked(lines, server.url))
            while not server.connections:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            await lines.close()
            with pytest.raises((LineBroken, ModelError)):
                await call

    run(work)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\n\r\nall ")
        await asyncio.sleep(0)
        await connection.say(b"of it")

    async def work(lines: Lines) -> None:
        async with serving(play) as server:
            assert await asked(lines, server.url) == (200, b"all of it")

    run(work)
