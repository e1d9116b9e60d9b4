"""The one HTTP client for models: asks an endpoint, reads what streams back, and says plainly what went wrong.

It never asks again by itself, with one exception: where an endpoint refuses a field (`stream_options`, a name of the
token limit, a form of schema), the same question is sent at once in a form that it takes, and that is remembered.
"""

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import time
from urllib.parse import urlsplit

import httpx2

from .. import __version__
from .chat import ChatRequest, EmitChunk, Reply
from .errors import BadRequest, ModelError, Unreachable
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
CONNECTIONS = 64  # of one pool; looking through a larger one takes longer than all else

Wall = Callable[[], float]  # the time of day, in seconds since 1970


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
        self._pools = _Pools(environment)
        self._wall = wall

    def place(self, model: str) -> Place:
        """A place among the calls to the provider of a model: to be held while one is made."""
        name, sent = self._route(model)
        return self._known[name].pace.place(sent)

    async def complete(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        """The reply to one request, for which there is a place. Raises ModelError."""
        name, model = self._route(request.model)
        known, asked = self._known[name], replace(request, model=model)
        for _ in range(MOST_ADAPTED):
            dialect = known.dialect(model)
            try:
                reply = await self._ask(known.endpoint, asked, dialect, emit)
            except _Adapt as refused:
                other = adapted(dialect, refused.field)
                if other == dialect:
                    raise refused.error from None
                known.dialects[model], last = other, refused.error
                continue
            return replace(reply, model=reply.model or model)
        raise last

    def delay_s(self, attempt: int, error: ModelError) -> float:
        """How long to wait before a call is sent again that has failed `attempt` times. Raises ModelError."""
        return delay_s(attempt, error)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pools.close()

    async def _ask(self, endpoint: Endpoint, request: ChatRequest, dialect: Dialect, emit: EmitChunk) -> Reply:
        if left_out := not_taken(request, dialect):
            named = left_out[0].removeprefix("extra.")
            where = f"`extras` of [providers.{endpoint.name}] in flowlang.toml"
            raise BadRequest(f"`{named}` may not be sent to the provider `{endpoint.name}`: it is not in {where}")
        pieces = encoded(body_of(request, dialect))
        if sum(map(len, pieces)) < SMALL:
            pieces = [b"".join(pieces)]
        url = f"{endpoint.base_url}/chat/completions"
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(sum(map(len, pieces))),
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"flowlang/{__version__}",
        }
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        timeout = {"connect": CONNECT_S, "read": None, "write": IDLE_S, "pool": None}
        sent = httpx2.Request("POST", url, headers=headers, content=_parts(pieces), extensions={"timeout": timeout})
        where = urlsplit(url).netloc
        try:
            async with self._pools.response(sent) as response:
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
                    for chunk in reading.feed(piece):
                        emit(chunk)
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
                raise Unreachable(f"the answer of {where} broke off before its end") from None
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


class _Pools:
    """Connections, in pools of a bounded size; a pool more as soon as all places are taken."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._trust: ssl.SSLContext | None = None
        self._pools: list[_Pool] = []

    def response(self, request: httpx2.Request) -> "_Open":
        proxy = proxy_for(str(request.url), self._environment)
        pool = next((one for one in self._pools if one.open < CONNECTIONS and one.proxy == proxy), None)
        if pool is None:
            if self._trust is None:
                self._trust = ssl.create_default_context()
            limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
            transport = httpx2.AsyncHTTPTransport(verify=self._trust, trust_env=False, limits=limits, proxy=proxy)
            pool = _Pool(transport, proxy)
            self._pools.append(pool)
        return _Open(pool, request)

    async def close(self) -> None:
        for pool in self._pools:
            with suppress(httpx2.TransportError, OSError):
                await pool.transport.aclose()
        self._pools.clear()


@dataclass(slots=True, eq=False)
class _Pool:
    transport: httpx2.AsyncHTTPTransport
    proxy: str | None
    open: int = 0


class _Open:
    """One question under way in a pool."""

    def __init__(self, pool: _Pool, request: httpx2.Request) -> None:
        self._pool = pool
        self._request = request
        self._response: httpx2.Response | None = None

    async def __aenter__(self) -> httpx2.Response:
        self._pool.open += 1
        try:
            self._response = await self._pool.transport.handle_async_request(self._request)
        except BaseException:
            self._pool.open -= 1
            raise
        return self._response

    async def __aexit__(self, *_: object) -> None:
        self._pool.open -= 1
        if self._response is not None:
            await self._response.aclose()


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
        yield piece


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
