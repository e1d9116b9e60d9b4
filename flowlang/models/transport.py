"""The one HTTP client for models: asks an endpoint, reads what streams back, and says plainly what went wrong.

It never asks again by itself, with one exception: where an endpoint refuses a field (`stream_options`, a name of the
token limit, a form of schema), the same question is sent at once in a form that it takes, and that is remembered.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import time

from .. import __version__
from .chat import ChatRequest, Chunk, EmitChunk, Reply
from .dialects import NOTHING, Known, dialect_json, read_dialect
from .errors import BadRequest, BrokenOff, ModelError, Refused, Unreachable
from .http1 import NotHttp, ResponseReading, request_head
from .line import Line, LineBroken
from .lines import CONNECT_S, Lines, unreachable
from .pace import Pace, Place, delay_s
from .providers import Endpoint
from .refusals import adaptation_of, error_of
from .replies import BodyReading
from .ways import Way, way_to
from .wire import Dialect, body_of, encoded, not_taken

IDLE_S = 90.0  # without a word of an answer that has begun; what only keeps the line open does not count
DRAIN_S = 0.05  # for what may follow the end of an answer; some servers leave the line open behind it
MOST_BYTES = 32 * 1024 * 1024  # of one answer, unpacked
MOST_COMPLAINT = 64 * 1024  # bytes that are read of an answer that says no
MOST_ADAPTED = 4  # times that one question changes its form

Wall = Callable[[], float]  # the time of day, in seconds since 1970


@dataclass(slots=True)
class _Known:
    """What is known of an endpoint by now: which form of a question it takes, and how fast it may be asked."""

    endpoint: Endpoint
    pace: Pace
    dialects: dict[str, Dialect] = field(default_factory=dict)  # by model: endpoints translate for some of them


class Transport:
    """Asks endpoints, at most `at_once` calls each. `route` gives the endpoint of a model id, and the id it is sent."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        route: Callable[[str], tuple[str, str]],
        at_once: int,
        environment: Mapping[str, str],
        wall: Wall = time,
        dialects: Known = NOTHING,
    ) -> None:
        self._known = {
            name: _Known(one, Pace(min(one.at_once, at_once), most=at_once)) for name, one in endpoints.items()
        }
        self._route = route
        self._lines = Lines()
        self._ways: dict[str, Way] = {}  # by endpoint
        self._environment = environment
        self._wall = wall
        self._dialects = dialects

    def place(self, model: str) -> Place:
        """A place among the calls to the provider of a model: to be held while one is made."""
        name, sent = self._route(model)
        return self._known[name].pace.place(sent)

    def forgive(self) -> None:
        """A new run begins: no provider is refused because of what it said to the one before."""
        for known in self._known.values():
            known.pace.forgive()

    async def complete(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        """The reply to one request, for which there is a place. Raises ModelError."""
        name, model = self._route(request.model)
        known, asked = self._known[name], request if model == request.model else replace(request, model=model)
        for _ in range(MOST_ADAPTED):
            dialect = self._dialect(known, model)
            try:
                reply = await self._ask(known, asked, dialect, emit)
            except _Adapt as refused:
                other = adapted(dialect, refused.field)
                if body_of(asked, other) == body_of(asked, dialect):
                    raise refused.error from None  # nothing would be asked in another way
                known.dialects[model], last = other, refused.error
                self._dialects.note(known.endpoint.base_url, model, dialect_json(other, self._wall()))
                continue
            except Refused as error:
                error.key_env = known.endpoint.key_env
                raise
            return reply if reply.model else replace(reply, model=model)
        raise last

    def _dialect(self, known: _Known, model: str) -> Dialect:
        """How the endpoint is asked now, for this model."""
        dialect = known.dialects.get(model)
        if dialect is None:
            body = self._dialects.bodies.get((known.endpoint.base_url, model))
            dialect = known.dialects[model] = read_dialect(body, known.endpoint.extras, self._wall())
        return dialect

    def delay_s(self, attempt: int, error: ModelError) -> float:
        """How long to wait before a call is sent again that has failed `attempt` times. Raises ModelError."""
        return delay_s(attempt, error)

    async def close(self) -> None:
        """Closes every connection."""
        await self._lines.close()

    async def _ask(self, known: _Known, request: ChatRequest, dialect: Dialect, emit: EmitChunk) -> Reply:
        endpoint = known.endpoint
        if left_out := not_taken(request, dialect):
            named = left_out[0].removeprefix("extra.")
            where = f"`extras` of [providers.{endpoint.name}] in flowlang.toml"
            raise BadRequest(f"`{named}` may not be sent to the provider `{endpoint.name}`: it is not in {where}")
        pieces = encoded(body_of(request, dialect))
        way = self._way(endpoint)
        headers = {
            **way.headers,
            "Content-Type": "application/json",
            "Content-Length": str(sum(map(len, pieces))),
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"flowlang/{__version__}",
        }
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        try:
            head = request_head("POST", way.target, headers)
        except ValueError:  # all the others are our own
            message = (
                f"the key of the provider `{endpoint.name}` has a line break or another sign in it that no key has"
            )
            raise Refused(message, final=True) from None
        try:
            line, response = await self._lines.ask(way, head, pieces)
        except NotHttp as problem:
            raise _odd(way.server.shown, problem) from None
        except LineBroken as problem:
            raise unreachable(way.server, problem) from None
        try:
            return await self._read(endpoint, way.server.shown, line, response, request, emit)
        finally:
            self._lines.give_back(way, line, known.pace.room)

    def _way(self, endpoint: Endpoint) -> Way:
        way = self._ways.get(endpoint.name)
        if way is None:
            way = self._ways[endpoint.name] = way_to(f"{endpoint.base_url}/chat/completions", self._environment)
        return way

    async def _read(
        self,
        endpoint: Endpoint,
        where: str,
        line: Line,
        response: ResponseReading,
        request: ChatRequest,
        emit: EmitChunk,
    ) -> Reply:
        hidden = (endpoint.key,) if endpoint.key else ()
        unpacking = _Unpacking(response.headers.get("content-encoding", ""), where)
        if response.status != 200:
            data = await _beginning(line, unpacking)
            error = error_of(response.status, response.headers, data, self._wall(), hidden)
            if (refused := adaptation_of(response.status, data)) is not None:
                raise _Adapt(refused, error)
            raise error
        reading, seen = BodyReading(request, hidden), 0
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as idle:
                is_told = False
                while not is_told and (data := await line.read()):
                    for piece in unpacking.pieces(data):
                        if chunks := reading.feed(piece):  # who listens hears once of what came at once
                            emit(Chunk("".join([chunk.text for chunk in chunks])))
                        if reading.events > seen:
                            seen = reading.events
                            idle.reschedule(loop.time() + IDLE_S)
                        if is_told := reading.done:
                            break
                if not line.is_whole:
                    await _drain(line)
        except TimeoutError:
            raise Unreachable(f"{where} stopped in the middle of its answer") from None
        except LineBroken:
            if not reading.finished:
                raise BrokenOff(f"the answer of {where} broke off before its end") from None
        except NotHttp as problem:
            if not reading.finished:
                raise _odd(where, problem) from None
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


class _Unpacking:
    """Unpacks an answer as it comes. Raises ModelError for what cannot be unpacked, and for too much of it."""

    def __init__(self, packing: str, where: str) -> None:
        self._where = where
        self._left = MOST_BYTES
        packing = packing.strip().lower()
        if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
            message = f"{where} packs its answer as `{packing[:20]}`, which was not asked for"
            raise ModelError(message, "unreachable", retryable=True)
        self._unpack = zlib.decompressobj(47) if packing not in ("identity", "") else None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What these bytes hold, in pieces of a bearable size."""
        while data:
            piece, data = self._unpacked(data)
            self._left -= len(piece)
            if self._left < 0:
                message = f"the answer of {self._where} is larger than {MOST_BYTES // 1024 // 1024} MB"
                raise ModelError(message, "limit-reached", retryable=False)
            if piece:
                yield piece

    def _unpacked(self, data: bytes) -> tuple[bytes, bytes]:
        """A piece, and the bytes that are left."""
        if self._unpack is None:
            return data, b""
        try:
            return self._unpack.decompress(data, 65_536), self._unpack.unconsumed_tail
        except zlib.error:
            raise Unreachable(f"the answer of {self._where} is packed, and broken") from None


async def _drain(line: Line) -> None:
    """Takes the end of a body off the wire, if it is there: then the connection can be used again."""
    with suppress(TimeoutError, LineBroken, NotHttp):
        async with asyncio.timeout(DRAIN_S):
            while await line.read():
                pass


async def _beginning(line: Line, unpacking: _Unpacking) -> bytes:
    data = b""
    with suppress(TimeoutError, LineBroken, NotHttp):
        async with asyncio.timeout(CONNECT_S):
            while len(data) < MOST_COMPLAINT and (packed := await line.read()):
                for piece in unpacking.pieces(packed):
                    data += piece
                    if len(data) >= MOST_COMPLAINT:
                        break
    return data[:MOST_COMPLAINT]


def _odd(where: str, problem: NotHttp) -> ModelError:
    return Unreachable(f"the answer of {where} cannot be read: {problem.why}")
