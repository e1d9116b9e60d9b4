"""Ways to servers: names, proxies, certificates, and a computer that has no connection left."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from flowlang.models import dialing, lines
from flowlang.models.dialing import Dialing, Found
from flowlang.models.errors import ModelError, NoRoom
from flowlang.models.http1 import request_head
from flowlang.models.line import Line
from flowlang.models.lines import Lines
from flowlang.models.ways import way_to
from tests.models.raw_server import Connection, serving

T = TypeVar("T")
PEM = Path(__file__).resolve().parents[1] / "run" / "weather.test.pem"  # of the name weather.test
HERE = (socket.AF_INET, "127.0.0.1")


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(whole())


def leads_to(*hosts: tuple[socket.AddressFamily, str]) -> tuple[Dialing, list[str]]:
    """A resolver that knows one answer, and a list of what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[Found]:
        asked.append(host)
        await asyncio.sleep(0)
        return [(family, (number, port)) for family, number in hosts]

    return Dialing(resolve, lambda: 0.0), asked


async def asked(url: str, environment: dict[str, str] | None = None, dialing: Dialing | None = None) -> bytes:
    """The body of the answer to one question."""
    known, way = Lines(dialing), way_to(url, environment or {})
    try:
        line, _ = await known.ask(way, request_head("POST", way.target, {**way.headers, "Content-Length": "0"}), [])
        body = b""
        while data := await line.read():
            body += data
        known.give_back(way, line)
        return body
    finally:
        await known.close()


async def refused(url: str, environment: dict[str, str] | None = None, dialing: Dialing | None = None) -> ModelError:
    with pytest.raises(ModelError) as error:
        await asked(url, environment, dialing)
    assert "secret" not in error.value.message and "c2VjcmV0" not in error.value.message
    return error.value


async def echoes(connection: Connection) -> None:
    while head := await connection.head():
        await connection.answer(head)


def secured(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs to prove to be weather.test, to whom trusts this certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(PEM)
    return tls


# ── Names ──


def test_a_name_is_looked_up_once_for_all_who_need_it() -> None:
    async def work() -> None:
        names, looked_up = leads_to(HERE)
        async with serving(echoes) as server:
            made = await asyncio.gather(*(names.connect("a.example", server.port) for _ in range(20)))
            assert looked_up == ["a.example"]
            for one in (*made, await names.connect("a.example", server.port)):
                one.close()
            (await names.connect("127.0.0.1", server.port)).close()
            assert looked_up == ["a.example"]

    run(work)


def test_a_name_is_looked_up_again_later_and_what_was_known_is_better_than_nothing() -> None:
    async def work() -> None:
        now, answers = [0.0], ["127.0.0.1", "127.0.0.1"]

        async def resolve(host: str, port: int) -> Sequence[Found]:
            if not answers:
                raise socket.gaierror(socket.EAI_AGAIN, "no")
            return [(socket.AF_INET, (answers.pop(), port))]

        names = Dialing(resolve, lambda: now[0])
        async with serving(echoes) as server:
            for moment, left in ((0.0, 1), (29.0, 1), (31.0, 0), (90.0, 0)):
                now[0] = moment
                (await names.connect("a.example", server.port)).close()
                assert len(answers) == left

    run(work)


def test_an_address_where_nobody_is_does_not_keep_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        names, _ = leads_to((socket.AF_INET6, "::1"), HERE)  # the server listens on one of them only
        async with serving(echoes) as server:
            assert b"Host: a.example" in await asked(f"http://a.example:{server.port}/", dialing=names)
        error = await refused(f"http://a.example:{server.port}/", dialing=names)
        assert "cannot be reached: connection refused" in error.message and error.retryable

    run(work)


def test_an_address_that_is_silent_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "NEXT_S", 0.01)

    async def work() -> None:
        with socket.create_server(("127.0.0.2", 0), backlog=0) as silent, socket.socket() as other:
            port = silent.getsockname()[1]
            filling = [socket.socket() for _ in range(4)]  # of its queue: from then on it says nothing
            for one in filling:
                one.setblocking(False)
                one.connect_ex(("127.0.0.2", port))
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            names, _ = leads_to((socket.AF_INET, "127.0.0.2"), HERE)
            made = await names.connect("a.example", port)
            assert made.getpeername()[0] == "127.0.0.1"
            for one in (made, *filling):
                one.close()

    run(work)


def test_who_does_not_answer_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CONNECT_S", 0.05)

    async def work() -> None:
        async def resolve(host: str, port: int) -> Sequence[Found]:
            await asyncio.sleep(3600)
            return []

        error = await refused("http://a.example/", dialing=Dialing(resolve))
        assert error.message == "a.example does not answer: no connection within 0.05 seconds" and error.retryable

    run(work)


# ── Certificates ──


def test_a_secure_server_must_prove_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = secured(monkeypatch)

    async def work() -> None:
        names, _ = leads_to(HERE)
        async with serving(echoes, tls=tls) as server:
            assert b"Host: weather.test" in await asked(f"https://weather.test:{server.port}/", dialing=names)
            error = await refused(f"https://other.test:{server.port}/", dialing=names)
            assert "does not prove that it is other.test" in error.message and not error.retryable
            monkeypatch.delenv("SSL_CERT_FILE")
            error = await refused(f"https://weather.test:{server.port}/", dialing=names)
            assert "does not prove that it is weather.test" in error.message and not error.retryable
            assert server.connections == 1  # with the others, no word was exchanged

    run(work)


def test_whom_to_trust_is_read_before_there_are_connections_that_use_up_all_files() -> None:
    async def work() -> None:
        known = Lines()
        trusted: list[bool] = []

        async def resolve(host: str, port: int) -> Sequence[Found]:
            trusted.append(known._trust is not None)
            raise socket.gaierror(socket.EAI_NONAME, "no")

        known._dialing = Dialing(resolve)
        for url, environment in (("https://a.example/", {}), ("https://a.example/", {"ALL_PROXY": "http://p.example"})):
            known._trust = None
            with pytest.raises(ModelError, match="there is no host"):
                await known.ask(way_to(url, environment), b"", [])
        assert trusted == [True, True]

    run(work)


def test_a_server_without_tls_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async def plain(connection: Connection) -> None:
            await connection.say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        names, _ = leads_to(HERE)
        async with serving(plain) as server:
            error = await refused(f"https://weather.test:{server.port}/", dialing=names)
            assert error.message.startswith(f"no secure connection to weather.test:{server.port} could be made: ")

    run(work)


# ── Proxies ──


async def passes_on(connection: Connection, to_port: int, heads: list[bytes]) -> None:
    """What a proxy does with CONNECT."""
    heads.append(await connection.head())
    reader, writer = await asyncio.open_connection("127.0.0.1", to_port)
    await connection.say(b"HTTP/1.1 200 Connection Established\r\nVia: x\r\n\r\n")

    async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
        target.close()

    try:
        await asyncio.gather(pour(connection.reader, writer), pour(reader, connection.writer), return_exceptions=True)
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_secure_server_is_reached_through_a_proxy(is_secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = secured(monkeypatch)

    async def work() -> None:
        heads: list[bytes] = []
        async with serving(echoes, tls=tls) as server:

            async def play(connection: Connection) -> None:
                await passes_on(connection, server.port, heads)

            async with serving(play, tls=tls if is_secure else None) as proxy:
                scheme = "https" if is_secure else "http"
                environment = {"HTTPS_PROXY": f"{scheme}://me:secret@weather.test:{proxy.port}"}
                names, _ = leads_to(HERE)
                body = await asked("https://weather.test/v1", environment, names)
                assert body.startswith(b"POST /v1 HTTP/1.1\r\nHost: weather.test\r\n")
                assert b"Proxy" not in body
        (head,) = heads
        expected = b"CONNECT weather.test:443 HTTP/1.1\r\nHost: weather.test:443\r\nProxy-Authorization: Basic "
        assert head == expected + b"bWU6c2VjcmV0\r\n\r\n"

    run(work)


def test_a_plain_server_is_reached_through_a_proxy_that_is_given_the_whole_address() -> None:
    async def work() -> None:
        async with serving(echoes) as proxy:
            environment = {"HTTP_PROXY": f"me:secret@127.0.0.1:{proxy.port}"}
            body = await asked("http://a.example/v1?x=1", environment)
            assert body.startswith(b"POST http://a.example/v1?x=1 HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: ")

    run(work)


@pytest.mark.parametrize("url", ["http://a.example/v1", "https://a.example/v1"])
@pytest.mark.parametrize(
    ("said", "told", "retryable"),
    [
        (b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", "does not take the name and the password", False),
        (b"SSH-2.0-OpenSSH\r\n", "is no HTTP, and begins `SSH-2.0-OpenSSH`", True),
        (b"", "broke off before an answer came", True),
    ],
)
def test_a_proxy_that_does_not_help_is_told(url: str, said: bytes, told: str, retryable: bool) -> None:
    async def play(connection: Connection) -> None:
        await connection.head()
        await connection.say(said)

    async def work() -> None:
        async with serving(play) as proxy:
            by = f"http://me:secret@127.0.0.1:{proxy.port}"
            try:
                error = await refused(url, {"HTTP_PROXY": by, "HTTPS_PROXY": by})
            except (lines.NotHttp, ConnectionError) as raw:  # of a plain server, whose answer it could be
                assert url.startswith("http:") and told in f"it {raw} broke off before an answer came"
                return
            assert told in error.message and error.retryable is retryable

    run(work)


def test_a_proxy_that_refuses_or_is_not_there_is_named() -> None:
    async def play(connection: Connection) -> None:
        await connection.head()
        await connection.answer(b"no", "403 Forbidden")

    async def work() -> None:
        async with serving(play) as proxy:
            environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
            error = await refused("https://a.example/v1", environment)
            where = f"the proxy 127.0.0.1:{proxy.port} on the way to a.example"
            assert error.message == f"{where} refuses the connection, with status 403"
        error = await refused("https://a.example/v1", environment)
        assert error.message == f"{where} cannot be reached: connection refused"

    run(work)


# ── No connection left ──


def test_where_no_connection_is_left_an_idle_one_goes_first_and_then_calls_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most, made = 2, list[socket.socket]()

    class Counted(Dialing):
        async def connect(self, host: str, port: int) -> socket.socket:
            if sum(one.fileno() >= 0 for one in made) >= most:
                raise OSError(errno.EMFILE, "Too many open files")
            made.append(await super().connect(host, port))
            return made[-1]

    async def work() -> None:
        known = Lines(Counted())

        async def begin(port: int, most: int = 0) -> tuple[Line, Callable[[], None]]:
            way = way_to(f"http://127.0.0.1:{port}/", {})
            head = request_head("POST", way.target, {**way.headers, "Content-Length": "0"})
            line, _ = await known.ask(way, head, [])
            while await line.read():
                pass
            return line, lambda: known.give_back(way, line, most)

        async with serving(echoes) as one, serving(echoes) as other:
            _, end_first = await begin(one.port)
            _, end_second = await begin(one.port)
            with pytest.raises(NoRoom):
                await begin(other.port)
            end_first()
            _, end_third = await begin(other.port)  # in the place of the first
            end_second()
            end_third()
            for kept, connections in ((1, 2), (1, 2), (0, 2), (0, 3)):  # as many lines as there is room for calls
                _, end = await begin(other.port, kept)
                assert other.connections == connections
                end()
            await known.close()
            made.append(socket.socket())
            made.append(socket.socket())
            with pytest.raises(ModelError) as error:  # no call of ours is open that could end
                await begin(one.port)
            assert not isinstance(error.value, NoRoom) and "too many open files" in error.value.message
            for leftover in made:
                leftover.close()

    run(work)
