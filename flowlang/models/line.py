"""One connection to a server, for one call at a time: sends a request, and hands the response on as it comes."""

import asyncio
import os
import select
import ssl
from collections.abc import Sequence
from contextlib import suppress

from .http1 import ResponseReading

HELD = 512 * 1024  # bytes of a response that wait to be read; so long the server has to wait as well
PIECE = 256 * 1024  # bytes of a request that are written without a look at what the server says
STUCK_S = 90.0  # without room for the next piece of a request


class LineBroken(ConnectionError):
    """The connection ended before the response did."""


class Unsent(LineBroken):
    """The server had closed the connection before the whole request was out: it can have done nothing with it."""


class Stuck(LineBroken):
    """The server does not take the request."""


class Line(asyncio.Protocol):
    """A connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reading: ResponseReading | None = None  # of the call under way
        self._body: list[bytes] = []  # what came of it and was not taken yet
        self._held = 0  # bytes of that
        self._holds_back = False  # the server is not read
        self._is_full = False  # what was written waits for the server
        self._is_sent = False  # nothing of the request is left to be written
        self._is_heard = False  # something of the response has come
        self._is_over = False  # nothing more comes
        self._problem: Exception | None = None  # why that is too early
        self._waiter: asyncio.Future[None] | None = None
        self._poll: select.poll | None = None

    async def ask(self, head: bytes, body: Sequence[bytes] = (), *, connects: bool = False) -> ResponseReading:
        """Sends a request; the response, once its head has come. Raises LineBroken and NotHttp.

        A server that says no before it has the whole request is not sent the rest of it.
        """
        self._reading = reading = ResponseReading(connects=connects)
        self._is_sent = self._is_heard = False
        await self._send(head, body)
        while not reading.status:
            await self._news()
        return reading

    async def read(self) -> bytes:
        """The next bytes of the body, none at its end. Raises LineBroken and NotHttp."""
        while not self._body:
            if self.is_whole:
                return b""
            await self._news()
        data = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._held = 0
        if self._holds_back:
            self._holds_back = False
            self._transport.resume_reading()
        return data

    @property
    def is_whole(self) -> bool:
        """Whether all of the response has come."""
        return self._reading is not None and self._reading.is_done

    def rest(self) -> bool:
        """Ends a call. False if the line cannot be used for another one."""
        reading, self._reading = self._reading, None
        self._body.clear()
        self._held = 0
        is_good = reading is None or (reading.is_done and reading.keeps and self._is_sent and not self._holds_back)
        return is_good and not self._is_over and not self._transport.get_write_buffer_size()

    def is_fresh(self) -> bool:
        """Whether nothing has come while it was idle: it could only be that the server hangs up."""
        if self._is_over or self._transport.is_closing():
            return False
        return not self._says_something()

    async def secure(self, trust: ssl.SSLContext, host: str) -> None:
        """Goes on in TLS, with a host that must prove its name. Raises OSError."""
        self._transport = await self._loop.start_tls(  # type: ignore[assignment]
            self._transport, self, trust, server_hostname=host
        )

    def close(self) -> None:
        """Ends it at once, whatever is under way."""
        if not self.is_whole and self._problem is None:
            self._problem = LineBroken()
        self._is_over = True
        self._transport.abort()
        self._wake()

    async def _send(self, head: bytes, body: Sequence[bytes]) -> None:
        write = self._transport.write
        if len(head) + sum(map(len, body)) <= PIECE:
            write(b"".join((head, *body)))
        else:
            write(head)
            for piece in body:
                for at in range(0, len(piece), PIECE):
                    if self._is_full:
                        await self._emptied()
                    elif self._says_something():
                        await asyncio.sleep(0)  # it is heard before more is written, which may break the line
                    if self._is_turned_down():
                        return
                    write(piece if len(piece) <= PIECE else memoryview(piece)[at : at + PIECE])
        self._is_sent = not self._transport.is_closing()

    def _says_something(self) -> bool:
        """Whether the system has something from the server, or its end, that the loop has not seen yet."""
        file = self._transport.get_extra_info("socket").fileno()
        if not hasattr(select, "poll"):
            return bool(select.select([file], [], [], 0)[0])
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(file, select.POLLIN)
        return bool(self._poll.poll(0))

    def _is_turned_down(self) -> bool:
        """Whether nobody wants the rest of a request."""
        said_no = self._reading is not None and self._reading.status >= 300
        return said_no or self._is_over or self._transport.is_closing()

    async def _emptied(self) -> None:
        """Waits until more can be written, or need not be."""
        try:
            async with asyncio.timeout(STUCK_S):
                while self._is_full and not self._is_turned_down():
                    await self._news()
        except TimeoutError:
            raise Stuck from None

    async def _news(self) -> None:
        """Waits for anything to happen."""
        if self._problem is not None:
            raise self._problem
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ── For asyncio ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        reading = self._reading
        if reading is None or self._problem is not None:
            self.close()  # nobody has asked
            return
        self._is_heard = True
        piece = reading.feed(data)
        if piece:
            self._body.append(piece)
            self._held += len(piece)
            if self._held > HELD and not self._holds_back:
                self._holds_back = True
                self._transport.pause_reading()
        if reading.problem is not None:
            self._problem = reading.problem
            self.close()
        elif reading.status:
            self._wake()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and not self._is_over:
            self._hear_out()
        self._end(error)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    def _hear_out(self) -> None:
        """Takes what the server said before it broke the connection: it may be why."""
        if self._transport.get_extra_info("sslcontext") is None and self._reading is not None:
            with suppress(OSError):
                while data := os.read(self._transport.get_extra_info("socket").fileno(), PIECE):
                    self.data_received(data)

    def _end(self, error: Exception | None) -> None:
        if self._is_over:
            self._wake()
            return
        self._is_over = True
        if self._reading is not None and self._problem is None:
            if error is None:
                self._reading.end()
            if not self._reading.is_done:
                self._problem = LineBroken() if self._is_sent or self._is_heard else Unsent()
                self._problem.__cause__ = error
        self._wake()
