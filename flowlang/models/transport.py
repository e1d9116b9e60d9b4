"""The one HTTP client for models: asks an endpoint, reads what streams back, and says plainly what went wrong.

It never asks again by itself, with one exception: where an endpoint refuses a field (`stream_options`, a name of the
token limit, a form of schema), the same question is sent at once in a form that it takes, and that is remembered.
"""

import asyncio
import errno
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from time import time
from urllib.parse import urlsplit

import httpx2

from .. import __version__
from .chat import ChatRequest, Chunk, EmitChunk, Reply
from .errors import BadRequest, BrokenOff, ModelError, Unreachable
from .pace import Pace, Place, delay_s
from .providers import Endpoint
from .refusals import adaptation_of, error_of
from .replies import BodyReading
from .wire import Dialect, body_of, encoded, not_taken

CONNECT_S = 10.0
IDLE_S = 90.0  # without a word of an answer that has begun; what only keeps the line open does not count
DRAIN_S = 0.05  # for what may follow the end of an answer; some servers leave the line open behind it
SMALL = 128 * 1024  # bytes of a question that are put together rather than sent in pieces
MOST_BYTES = 32 * 1024 * 1024  # of one answer, unpacked
MOST_COMPLAINT = 64 * 1024  # bytes that are read of an answer that says no
MOST_ADAPTED = 4  # times that one question changes its form
PIECE = 256 * 1024  # bytes of a long question that wait to be sent; the rest is not copied before

Wall = Callable[[], float]  # the time of day, in seconds since 1970
_Server = tuple[str, str, int | None]  # scheme, host, port


@dataclass(slots=True)
class _Known:
    """What is known of an endpoint by now: which form of a question it takes, and how fast it may be asked."""

    endpoint: Endpoint
    pace: Pace
    dialects: dict[str, Dialect] = field(default_factory=dict)  # by model: endpoints translate for some of them

    def dialect(self, model: str) -> Dialect:
        return self.dialects.get(model) or Dialect(extras=self.endpoint.extras)


class Transport:
    """Asks endpoints, at most `at_once` calls each. `route` gives the endpoint of a model id, and the id it is sent."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        route: Callable[[str], tuple[str, str]],
        at_once: int,
        environment: Mapping[str, str],
        wall: Wall = time,
    ) -> None:
        self._known = {
            name: _Known(one, Pace(min(one.at_once, at_once), most=at_once)) for name, one in endpoints.items()
        }
        self._route = route
        self._lines = _Lines(environment)
        self._wall = wall

    def place(self, model: str) -> Place:
        """A place among the calls to the provider of a model: to be held while one is made."""
        name, sent = self._route(model)
        return self._known[name].pace.place(sent)

    async def complete(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        """The reply to one request, for which there is a place. Raises ModelError."""
        name, model = self._route(request.model)
        known, asked = self._known[name], request if model == request.model else replace(request, model=model)
        for _ in range(MOST_ADAPTED):
            dialect = known.dialect(model)
            try:
                reply = await self._ask(known.endpoint, asked, dialect, emit)
            except _Adapt as refused:
                other = adapted(dialect, refused.field)
                if body_of(asked, other) == body_of(asked, dialect):
                    raise refused.error from None  # nothing would be asked in another way
                known.dialects[model], last = other, refused.error
                continue
            return reply if reply.model else replace(reply, model=model)
        raise last

    def delay_s(self, attempt: int, error: ModelError) -> float:
        """How long to wait before a call is sent again that has failed `attempt` times. Raises ModelError."""
        return delay_s(attempt, error)

    async def close(self) -> None:
        """Closes every connection."""
        await self._lines.close()

    async def _ask(self, endpoint: Endpoint, request: ChatRequest, dialect: Dialect, emit: EmitChunk) -> Reply:
        if left_out := not_taken(request, dialect):
            named = left_out[0].removeprefix("extra.")
            where = f"`extras` of [providers.{endpoint.name}] in flowlang.toml"
            raise BadRequest(f"`{named}` may not be sent to the provider `{endpoint.name}`: it is not in {where}")
        pieces = encoded(body_of(request, dialect))
        size = sum(map(len, pieces))
        url = f"{endpoint.base_url}/chat/completions"
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(size),
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"flowlang/{__version__}",
        }
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        timeout = {"connect": CONNECT_S, "read": None, "write": IDLE_S, "pool": None}
        content = b"".join(pieces) if size < SMALL else _parts(pieces)
        where = urlsplit(url).netloc
        try:
            address = _address(url)
            sent = httpx2.Request("POST", address, headers=headers, content=content, extensions={"timeout": timeout})
            async with self._lines.response(sent) as response:
                return await self._read(endpoint, where, response, request, emit)
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as problem:
            if isinstance(problem, TimeoutError) and not isinstance(problem, httpx2.TimeoutException):
                raise
            raise _unreachable(where, problem) from None

    async def _read(
        self, endpoint: Endpoint, where: str, response: httpx2.Response, request: ChatRequest, emit: EmitChunk
    ) -> Reply:
        body, hidden = _unpacked(response, where), (endpoint.key,) if endpoint.key else ()
        if response.status_code != 200:
            data = await _beginning(body)
            error = error_of(response.status_code, response.headers, data, self._wall(), hidden)
            if (refused := adaptation_of(response.status_code, data)) is not None:
                raise _Adapt(refused, error)
            raise error
        reading, seen = BodyReading(request, hidden), 0
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as idle:
                async for piece in body:
                    if chunks := reading.feed(piece):  # who listens hears once of what came at once
                        emit(Chunk("".join([chunk.text for chunk in chunks])))
                    if reading.events > seen:
                        seen = reading.events
                        idle.reschedule(loop.time() + IDLE_S)
                    if reading.done:
                        break
                if reading.done:
                    await _drained(body)
        except TimeoutError:
            raise Unreachable(f"{where} stopped in the middle of its answer") from None
        except (httpx2.TransportError, OSError):
            if not reading.finished:
                raise BrokenOff(f"the answer of {where} broke off before its end") from None
        return reading.end()


def adapted(dialect: Dialect, refused: str) -> Dialect:
    """The form of question that comes next where an endpoint refuses a field; the same one if there is none."""
    match refused:
        case "stream_options":
            return replace(dialect, usage=False)
        case "max_tokens":
            return replace(dialect, max_tokens_name="max_completion_tokens")
        case "max_completion_tokens":
            return replace(dialect, max_tokens_name="max_tokens")
        case "messages":
            return replace(dialect, rest=False)
        case "response_format":
            return replace(dialect, schema="json_object" if dialect.schema == "json_schema" else "none")
        case _:
            return dialect


class _Adapt(Exception):
    """The endpoint refuses a field of the question."""

    def __init__(self, field: str, error: ModelError) -> None:
        super().__init__()
        self.field = field
        self.error = error


class _Lines:
    """Lines to servers, each for one call at a time; one that is idle is used again.

    Each line is a pool of one connection: a pool looks through all of its connections at each call.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._trust: dict[bool, ssl.SSLContext] = {}
        self._idle: dict[_Server, list[httpx2.AsyncHTTPTransport]] = {}
        self._lines: set[httpx2.AsyncHTTPTransport] = set()

    @asynccontextmanager
    async def response(self, request: httpx2.Request) -> AsyncIterator[httpx2.Response]:
        """The response to a request, up to the end of the context."""
        idle = self._idle.setdefault((request.url.scheme, request.url.host, request.url.port), [])
        line = idle.pop() if idle else self._line(request.url)
        try:
            response = await line.handle_async_request(request)
        except BaseException:
            await self._give_up(line)
            raise
        try:
            yield response
        finally:
            try:
                await response.aclose()  # of an answer that was not read to its end, it closes the connection
            except BaseException:
                await self._give_up(line)
                raise
            if line in self._lines:
                idle.append(line)

    def _line(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        proxy = proxy_for(str(url), self._environment)
        is_secure = url.scheme == "https" or proxy is not None
        if is_secure not in self._trust:
            # Without a secure connection nobody needs the list of whom to trust, which takes long to read.
            self._trust[is_secure] = (
                ssl.create_default_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
        line = httpx2.AsyncHTTPTransport(verify=self._trust[is_secure], trust_env=False, limits=limits, proxy=proxy)
        self._lines.add(line)
        return line

    async def _give_up(self, line: httpx2.AsyncHTTPTransport) -> None:
        self._lines.discard(line)
        await _close(line)

    async def close(self) -> None:
        """Closes every line."""
        lines = tuple(self._lines)
        self._lines.clear()
        self._idle.clear()
        for line in lines:
            await _close(line)


@lru_cache(maxsize=64)
def _address(url: str) -> httpx2.URL:
    return httpx2.URL(url)


async def _close(line: httpx2.AsyncHTTPTransport) -> None:
    with suppress(httpx2.TransportError, OSError):
        await line.aclose()


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address; never one for this computer."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    named = {name.lower(): value.strip() for name, value in environment.items() if value.strip()}
    for spared in named.get("no_proxy", "").split(","):
        ending = spared.strip().lower().lstrip("*").lstrip(".")
        if spared.strip() == "*" or (ending and (host == ending or host.endswith(f".{ending}"))):
            return None
    return named.get(f"{parts.scheme}_proxy") or named.get("all_proxy")


async def _parts(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), PIECE):
            yield piece[start : start + PIECE]


async def _unpacked(response: httpx2.Response, where: str) -> AsyncIterator[bytes]:
    """The bytes of an answer, unpacked in pieces. Raises ModelError where there are too many of them."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise ModelError(f"{where} packs its answer as `{packing[:20]}`, which was not asked for", "unreachable", True)
    unpack = zlib.decompressobj(47) if packing not in ("identity", "") else None
    left = MOST_BYTES
    async for data in response.stream:  # type: ignore[union-attr]
        piece = data
        while piece:
            if unpack is not None:
                try:
                    out = unpack.decompress(piece, 65_536)
                except zlib.error:
                    raise Unreachable(f"the answer of {where} is packed, and broken") from None
                piece = unpack.unconsumed_tail
            else:
                out, piece = piece, b""
            left -= len(out)
            if left < 0:
                message = f"the answer of {where} is larger than {MOST_BYTES // 1024 // 1024} MB"
                raise ModelError(message, "limit-reached", retryable=False)
            if out:
                yield out


async def _drained(body: AsyncIterator[bytes]) -> None:
    """Takes the end of a body off the wire, if it is there: then the connection can be used again."""
    with suppress(TimeoutError, ModelError, httpx2.TransportError, OSError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in body:
                pass


async def _beginning(body: AsyncIterator[bytes]) -> bytes:
    data = b""
    with suppress(httpx2.TransportError, OSError):
        async with asyncio.timeout(CONNECT_S):
            async for piece in body:
                data += piece
                if len(data) >= MOST_COMPLAINT:
                    break
    return data[:MOST_COMPLAINT]


def _unreachable(where: str, problem: BaseException) -> ModelError:
    """A connection that came to nothing, in plain words."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = f"{where} does not prove that it is {where.partition(':')[0]}: {cause.verify_message}"
            return ModelError(message, "unreachable", retryable=False)
        if isinstance(cause, ssl.SSLError):
            return ModelError(f"no secure connection to {where} could be made", "unreachable", retryable=False)
        if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, ssl.SSLError):
            if isinstance(cause, socket.gaierror):
                return ModelError(f"there is no host `{where}`, or no network", "unreachable", retryable=True)
            if cause.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
                return Unreachable(f"the connection to {where} broke off before an answer came")
            return Unreachable(f"{where} cannot be reached: {os.strerror(cause.errno).lower()}")
        cause = cause.__cause__ or cause.__context__
    match problem:
        case httpx2.ConnectTimeout():
            return Unreachable(f"{where} does not answer: no connection within {CONNECT_S:g} seconds")
        case httpx2.ProxyError():
            return Unreachable(f"the proxy on the way to {where} refuses the connection")
        case httpx2.LocalProtocolError() | httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return ModelError(f"`{where}` is no address that can be asked", "unreachable", retryable=False)
        case _:
            return Unreachable(f"the connection to {where} broke off before an answer came")
