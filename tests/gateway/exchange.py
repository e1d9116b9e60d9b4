"""One request on the wire: what goes back, byte by byte."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from .log import Seen
from .model import Latency
from .refusals import Refusal
from .shapes import Shape

FOR_EVER_S = 3600.0
PER_WRITE = 65_536


class Exchange:
    """A request that is being answered. What it writes is counted in its record.

    `shape()` is the answer as it should be, the wait for its first token, and its latency; `streaming()` tells that
    it begins. `settle(whole)` closes the record and bills what is whole, before the last bytes go out, so that whoever
    has read the answer finds the record complete. `keep`: the connection stays open.
    """

    def __init__(
        self,
        seen: Seen,
        request: dict[str, Any],
        writer: asyncio.StreamWriter,
        headers: Mapping[str, str],
        began_s: float,
        shape: Callable[[], tuple[Shape, float, Latency]],
        streaming: Callable[[], None],
        settle: Callable[[bool], None],
    ) -> None:
        self.seen = seen
        self.request = request
        self.writer = writer
        self.headers = headers
        self.keep = seen.headers.get("connection", "").lower() != "close"
        self.tokens_sent = 0
        self.shape = shape
        self.streaming = streaming
        self.settle = settle
        self._began_s = began_s

    def head(self, status: int, content_type: str, length: int | None, more: Mapping[str, str] | None = None) -> bytes:
        """The head of a reply; without a length it goes out in chunks."""
        self.seen.status = status
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
        fields = {"Content-Type": content_type, **self.headers, **(more or {})}
        fields |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        if not self.keep:
            fields["Connection"] = "close"
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {text}" for name, text in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        if self.seen.first_byte_s is None:
            self.seen.first_byte_s = time.monotonic() - self._began_s
        self.seen.sent_bytes += len(data)
        self.writer.write(data)

    async def flush(self) -> None:
        """Waits until the client has taken most of what was sent."""
        await self.writer.drain()

    async def pause(self, seconds: float = FOR_EVER_S) -> None:
        """Waits; a client that hangs up ends the wait and the whole exchange."""
        await asyncio.sleep(seconds)

    def end(self) -> None:
        """Closes the connection in order, once everything is sent."""
        self.keep = False
        self.settle(False)
        self.writer.close()

    def reset(self) -> None:
        """Breaks the connection off: the client's system sees a reset."""
        self.keep = False
        self.settle(False)
        raw: socket.socket | None = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def refuse(self, refusal: Refusal) -> None:
        """Sends a refusal; the connection stays."""
        await self.respond(refusal.body, refusal.content_type, refusal.status, refusal.headers)

    async def respond(
        self, body: bytes, content_type: str, status: int = 200, more: Mapping[str, str] | None = None
    ) -> None:
        """Sends a body that nobody is billed for."""
        self.settle(False)
        self.write(self.head(status, content_type, len(body), more) + body)
        await self.flush()

    async def answer(self, before: bytes = b"") -> None:
        """Sends the answer as it should be, in the time that the latency gives; `before` precedes its head."""
        shape, wait_s, latency = self.shape()
        due_s = time.monotonic() + wait_s
        if not is_stream(self, shape):
            body = shape.body()
            tokens = shape.usage.get("completion_tokens", 0)
            await self._until(due_s + latency.per_token_s * tokens)
            self.streaming()
            self.settle(not shape.failed)
            self.write(before + self.head(200, "application/json", len(body)) + body)
            await self.flush()
            return
        events = shape.events()
        times = [due_s + latency.per_token_s * frame.after for frame in shape.frames]
        times += [times[-1]] * (len(events) - len(times))
        at = 0
        while at < len(events):
            await self._until(times[at])
            now_s = time.monotonic()
            first, size = at, 0
            while at < len(events) and (at == first or (times[at] <= now_s and size < PER_WRITE)):
                size += len(events[at])
                at += 1
            out = chunked(b"".join(events[first:at]))
            if first == 0:
                self.streaming()
                out = before + self.head(200, shape.content_type, None) + out
            self.tokens_sent = shape.frames[min(at, len(shape.frames) - 1)].after
            if at == len(events):
                self.settle(not shape.failed)
                out += chunked(b"")
            self.write(out)
            await self.flush()

    async def _until(self, moment_s: float) -> None:
        wait_s = moment_s - time.monotonic()
        if wait_s > 0:
            await self.pause(wait_s)


def chunked(data: bytes) -> bytes:
    """A chunk of a body without a known length; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def is_stream(x: Exchange, shape: Shape) -> bool:
    """Whether this answer goes out as a stream."""
    return bool(x.request.get("stream")) and not shape.as_json
