"""Reading addresses, from servers on this computer that misbehave in every way they can."""

import asyncio
import gzip
import itertools
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flowlang.language.address import Hosts
from flowlang.run import fetch as fetching
from flowlang.run.fetch import Fetched, FetchFailed, fetch, header_mistake

# A key and its own certificate for `weather.test`, good from 2020 to 2120, for nothing but these tests.
CERTIFICATE = Path(__file__).with_name("weather.test.pem")
HERE = Hosts(("127.0.0.1", "localhost", "weather.test"))


@dataclass
class Server:
    """A server on this computer, and what reached it."""

    port: int = 0
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # the client went away


Answer = Callable[[Server, asyncio.StreamWriter], Awaitable[None]]


def says(*lines: str, body: bytes = b"", length: int | None = None) -> Answer:
    """Answers with these lines, of which the first is the status."""
    told = (*lines, f"Content-Length: {len(body) if length is None else length}", "", "")

    async def answer(server: Server, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 " + "\r\n".join(told).encode("latin-1") + body)
        await writer.drain()

    return answer


GOOD = says("200 OK", "Content-Type: text/plain", body=b"sun")


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        server.gone.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            if (first := await reader.read(1)) == b"\x16":  # the beginning of an encrypted connection
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length" in line), 0
            )
            server.requests.append(head + (await reader.readexactly(length)).decode())
            tasks.add(asyncio.create_task(listen(reader, writer)))
            await answer(server, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await asyncio.gather(*tasks, return_exceptions=True)


def lead_to(*numbers: str) -> fetching.Resolve:
    """A resolver that knows one answer for every name."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return numbers

    return resolve


def read(
    answer: Answer,
    address: str = "http://127.0.0.1:PORT/a.txt",
    hosts: Hosts = HERE,
    *,
    timeout_s: float = 20,
    most_bytes: int = 1_000_000,
    tls: ssl.SSLContext | None = None,
    **more: object,
) -> tuple[Fetched | FetchFailed, Server]:
    """What comes of reading an address of a server, and what the server saw."""

    async def both() -> tuple[Fetched | FetchFailed, Server]:
        async with serving(answer, tls) as server:
            where = address.replace("PORT", str(server.port))
            try:
                found = await fetch(where, hosts, timeout_s=timeout_s, most_bytes=most_bytes, **more)  # type: ignore[arg-type]
            except FetchFailed as failed:
                return failed, server
            return found, server

    return asyncio.run(both())


def failed(found: Fetched | FetchFailed) -> tuple[str, str]:
    assert isinstance(found, FetchFailed)
    return found.rule, found.message


# ── What is read ──


def test_what_stands_at_an_address_is_read() -> None:
    answer = says("200 OK", 'Content-Type: Text/HTML; Charset="ISO-8859-1"', body=b"sun")
    found, server = read(answer, "http://localhost:PORT/a/b%20%C3%B6.html?q=1&r=%2F")
    assert found == Fetched(b"sun", "text/html", "iso-8859-1", "b ö.html")
    (request,) = server.requests
    assert request.startswith("GET /a/b%20%C3%B6.html?q=1&r=%2F HTTP/1.1\r\n")
    assert "accept-encoding: identity\r\n" in request.lower() and "cookie" not in request.lower()


def test_a_body_and_headers_are_sent() -> None:
    more = {"method": "POST", "headers": {"X-Key": "k1 ", "user-agent": "me"}, "body": b'{"a": 1}'}
    found, server = read(GOOD, **more)
    assert isinstance(found, Fetched)
    (request,) = server.requests
    assert request.startswith("POST /a.txt ") and request.endswith('\r\n\r\n{"a": 1}')
    assert "X-Key: k1\r\n" in request and request.lower().count("user-agent") == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "127.0.0.1"),
        ("/a/", "a"),
        ("/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("/..%5Cevil.txt", "evil.txt"),
        ("/%2e%2e", "127.0.0.1"),
        ("/.env", "env"),
        ("/a%00%1b%5B2Jb.txt", "a[2Jb.txt"),
        ("/a%E2%80%AEtxt.exe", "atxt.exe"),
        ("/" + "a" * 300 + ".pdf", "a" * 116 + ".pdf"),
    ],
)
def test_the_name_is_fit_to_be_shown(path: str, name: str) -> None:
    found, _ = read(GOOD, f"http://127.0.0.1:PORT{path}")
    assert isinstance(found, Fetched) and found.name == name


def test_a_packed_answer_is_unpacked() -> None:
    found, _ = read(says("200 OK", "Content-Encoding: gzip", body=gzip.compress(b"sun" * 1000)))
    assert isinstance(found, Fetched) and found.data == b"sun" * 1000


# ── Where it leads ──


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:PORT/",
        "http://localhost:PORT/",
        "http://2130706433:PORT/",
        "http://0x7f.1:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://127.1:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://weather.test@127.0.0.1:PORT/",
        "http://weather.test\\@127.0.0.1:PORT/",
        "http://127.0.0.1:PORT\\@weather.test/",
        "http://127.0.0.1:PORT#@weather.test/",
        "http://weather.test:PORT/",  # it is allowed, and leads to a number that is not
        "https://weather.test:PORT/",
    ],
)
def test_nothing_reaches_a_host_that_is_not_allowed(address: str) -> None:
    found, server = read(GOOD, address, Hosts(("weather.test",)), resolve=lead_to("127.0.0.1"))
    assert failed(found)[0] in ("not-allowed", "bad-file")
    assert server.connections == 0


def test_a_refusal_has_the_line_to_add() -> None:
    found, _ = read(GOOD, "http://127.0.0.1:80/", Hosts(("weather.test",)))
    assert failed(found) == ("not-allowed", "the project does not allow the host `127.0.0.1`")
    assert isinstance(found, FetchFailed) and 'hosts = ["127.0.0.1"]' in found.hints[0]


def test_one_refused_number_among_several_is_enough() -> None:
    numbers = ("93.184.216.34", "127.0.0.1")
    found, server = read(GOOD, "http://weather.test:PORT/", Hosts(("weather.test",)), resolve=lead_to(*numbers))
    assert failed(found) == (
        "not-allowed",
        f"`weather.test:{server.port}` leads to 127.0.0.1, which is not in the open internet",
    )


def test_the_connection_goes_to_the_number_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([("93.184.216.34",), ("127.0.0.1",)])
    asked: list[str] = []
    connected: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    async def connect(self: object, protocol: object, host: str, port: int, **more: object) -> None:
        connected.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "create_connection", connect)
    found, server = read(GOOD, "http://weather.test:PORT/", Hosts(("weather.test",)), resolve=resolve)
    assert failed(found)[0] == "unreachable"
    assert (asked, connected, server.connections) == (["weather.test"], ["93.184.216.34"], 0)


def test_the_server_is_told_the_name() -> None:
    found, server = read(GOOD, "http://weather.test:PORT/", resolve=lead_to("127.0.0.1"))
    assert isinstance(found, Fetched)
    assert f"Host: weather.test:{server.port}\r\n" in server.requests[0]


def test_the_next_number_is_tried_where_nothing_listens() -> None:
    hosts = Hosts(("weather.test", "127.0.0.0/8"))
    found, server = read(GOOD, "http://weather.test:PORT/", hosts, resolve=lead_to("127.0.0.9", "127.0.0.1"))
    assert isinstance(found, Fetched) and len(server.requests) == 1


def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(read(GOOD)[0], Fetched)


def test_offline_reads_this_computer_alone() -> None:
    hosts = Hosts(("127.0.0.1", "localhost", "weather.test"), offline=True)
    assert isinstance(read(GOOD, hosts=hosts)[0], Fetched)
    assert isinstance(read(GOOD, "http://localhost:PORT/", hosts)[0], Fetched)
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    rule, message = failed(read(GOOD, "https://weather.test/", hosts, resolve=resolve)[0])
    assert rule == "not-allowed" and "with `--offline` nothing else is read" in message
    assert asked == []


def test_a_redirect_is_told_and_not_followed() -> None:
    place = "http://127.0.0.1:PORT/b\x1b[2J" + "x" * 500
    found, server = read(says("302 Found", f"Location: {place}".replace("\x1b", "\x85")))
    rule, message = failed(found)
    assert rule == "tool-failed" and "is elsewhere, at `http://127.0.0.1:PORT/b" in message
    assert "\x85" not in message and len(message) < 350
    assert len(server.requests) == 1


# ── What goes wrong ──


def test_an_answer_that_says_no_is_told_in_one_line() -> None:
    body = b"no\r\nsuch \x1b[31mcity  " + b"\xff" + b"x" * 100_000
    rule, message = failed(read(says("404 Not Found", body=body))[0])
    assert rule == "tool-failed" and "status 404: no such \\x1b[31mcity" in message
    assert len(message) < 260 and message.isprintable()


def test_a_refused_connection_is_told() -> None:
    with socket.socket() as silent:  # the port is taken, and nobody listens
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        rule, message = failed(read(GOOD, f"http://127.0.0.1:{port}/")[0])
    assert (rule, message) == ("unreachable", f"nothing listens at `127.0.0.1:{port}`: the connection was refused")


def test_a_name_that_leads_nowhere_is_told() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    rule, message = failed(read(GOOD, "https://weather.test/", resolve=resolve)[0])
    assert (rule, message) == ("unreachable", "there is no host `weather.test`, or it could not be found")


async def stall(server: Server, writer: asyncio.StreamWriter) -> None:
    await server.gone.wait()


async def stall_after_the_head(server: Server, writer: asyncio.StreamWriter) -> None:
    await says("200 OK", length=10)(server, writer)
    await server.gone.wait()


async def drip(server: Server, writer: asyncio.StreamWriter) -> None:
    await says("200 OK", length=100_000)(server, writer)
    gone = asyncio.create_task(server.gone.wait())
    while not (await asyncio.wait([gone], timeout=0.005))[0]:
        writer.write(b"x")
        await writer.drain()


async def drip_the_head(server: Server, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    gone = asyncio.create_task(server.gone.wait())
    while not (await asyncio.wait([gone], timeout=0.005))[0]:
        writer.write(b"A: b\r\n")
        await writer.drain()


@pytest.mark.parametrize("answer", [stall, stall_after_the_head, drip, drip_the_head])
def test_the_time_is_for_all_of_it(answer: Answer) -> None:
    rule, message = failed(read(answer, timeout_s=0.2)[0])
    assert rule == "unreachable" and message.endswith("was not done after 0.2 seconds")


def test_a_name_that_is_never_looked_up_takes_no_longer() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return await asyncio.Future()

    assert failed(read(GOOD, "https://weather.test/", resolve=resolve, timeout_s=0.1)[0])[0] == "unreachable"


@pytest.mark.parametrize("answer", [stall, stall_after_the_head])
def test_a_server_that_falls_silent_is_not_waited_for(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "IDLE_S", 0.1)
    assert failed(read(answer)[0])[0] == "unreachable"


@pytest.mark.parametrize(
    "answer",
    [
        says("200 OK", body=b"half", length=10),
        says("200 OK", "Content-Encoding: gzip", body=gzip.compress(b"sun" * 100)[:-9]),
    ],
)
def test_an_answer_that_is_cut_is_no_answer(answer: Answer) -> None:
    rule, message = failed(read(answer)[0])
    assert rule == "unreachable" and message.endswith("broke off before its end")


async def many_headers(server: Server, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(b"A%d: b\r\n" % number)
        if writer.transport.get_write_buffer_size() > 100_000:
            await writer.drain()
    writer.write(b"\r\n")


async def no_http(server: Server, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")


async def nothing(server: Server, writer: asyncio.StreamWriter) -> None:
    pass


@pytest.mark.parametrize("answer", [many_headers, no_http, nothing])
def test_an_answer_that_is_none_is_told(answer: Answer) -> None:
    rule, message = failed(read(answer)[0])
    assert rule == "unreachable" and message.endswith("gave no answer that can be read")


async def endless(server: Server, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in itertools.count():
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(bytes(100_000_000), 9)


@pytest.mark.parametrize(
    "answer",
    [
        endless,
        says("200 OK", "Content-Type: text/plain", length=10**15),
        says("200 OK", "Content-Encoding: gzip", body=BOMB),
    ],
    ids=["endless", "announced", "bomb"],
)
def test_what_is_too_long_is_not_held(answer: Answer) -> None:
    tracemalloc.start()
    found, _ = read(answer, most_bytes=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    rule, message = failed(found)
    assert rule == "bad-file" and message.endswith("has more than 1 MB")
    assert peak < 10_000_000


def test_what_is_just_short_enough_is_read() -> None:
    assert isinstance(read(says("200 OK", body=b"x" * 1000), most_bytes=1000)[0], Fetched)
    assert isinstance(read(says("200 OK", body=b"x" * 1001), most_bytes=1000)[0], FetchFailed)


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip"])
def test_other_packings_are_refused(packing: str) -> None:
    rule, message = failed(read(says("200 OK", f"Content-Encoding: {packing}", body=b"sun"))[0])
    assert rule == "bad-file" and packing in message


# ── Headers ──


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "ö", "\x1b"])
def test_a_header_cannot_bring_another_one(value: str) -> None:
    found, server = read(GOOD, headers={"X-Key": value})
    rule, message = failed(found)
    assert rule == "tool-failed" and "`X-Key`" in message and value not in message
    assert server.connections == 0


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection", "a b", "a:", "", "ö"])
def test_a_header_of_the_connection_cannot_be_set(name: str) -> None:
    assert header_mistake(name, "x") != ""
    assert failed(read(GOOD, headers={name: "x"})[0])[0] == "tool-failed"


# ── Encryption ──


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def trust_it(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    monkeypatch.setattr(fetching, "_trust", lambda: context)


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    found, server = read(GOOD, "https://weather.test:PORT/", tls=tls(), resolve=lead_to("127.0.0.1"))
    assert failed(found) == (
        "unreachable",
        f"the certificate of `weather.test:{server.port}` cannot be trusted: nobody but itself has signed it",
    )
    assert server.requests == []


def test_a_trusted_certificate_is_checked_against_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    trust_it(monkeypatch)
    found, _ = read(GOOD, "https://weather.test:PORT/", tls=tls(), resolve=lead_to("127.0.0.1"))
    assert isinstance(found, Fetched) and found.data == b"sun"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust_it(monkeypatch)
    found, server = read(GOOD, f"https://{host}:PORT/", tls=tls(), resolve=lead_to("127.0.0.1"))
    rule, message = failed(found)
    assert rule == "unreachable" and "it was made out to another" in message
    assert server.requests == []


def test_a_server_without_encryption_is_told() -> None:
    found, server = read(GOOD, "https://127.0.0.1:PORT/")
    assert failed(found) == ("unreachable", f"no encrypted connection to `127.0.0.1:{server.port}` could be made")
