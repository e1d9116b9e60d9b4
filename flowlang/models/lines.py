"""The lines to all servers: opened where none is idle, used again, and told plainly where none can be had."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Sequence

from .dialing import Dialing
from .errors import ModelError, NoRoom, Unreachable
from .http1 import NotHttp, ResponseReading, request_head
from .line import Line, LineBroken, Stuck, Unsent
from .ways import Proxy, Server, Way

CONNECT_S = 10.0
SCARCE = (errno.EMFILE, errno.ENFILE)  # what the system says when it has no more connections to give

_Key = tuple[str, int, bool]


class Lines:
    """Lines, each for one call at a time."""

    def __init__(self, dialing: Dialing | None = None) -> None:
        self._dialing = dialing or Dialing()
        self._trust: ssl.SSLContext | None = None
        self._idle: dict[_Key, list[Line]] = {}  # the one that was used last comes last
        self._busy: set[Line] = set()
        self._opening = 0
        self._is_scarce = False  # the system has once refused a connection

    async def ask(self, way: Way, head: bytes, body: Sequence[bytes]) -> tuple[Line, ResponseReading]:
        """Sends a request; the line on which its answer can be read, and the answer's beginning.

        The line is to be given back. Raises ModelError, LineBroken and NotHttp.
        """
        line = self._idle_line(way.server)
        if line is not None:
            try:
                return line, await self._asked(way, line, head, body)
            except Unsent:
                pass  # it was closed while it lay idle, and nobody has seen the whole question
        line = await self._open(way)
        return line, await self._asked(way, line, head, body)

    def give_back(self, way: Way, line: Line, most: int = 0) -> None:
        """Ends a call: the line can be used again, unless the call was ended in its middle.

        Where connections are scarce, no more than `most` are kept: files and tools need some of what they use.
        """
        self._busy.discard(line)
        idle = self._idle.setdefault(_key(way.server), [])
        if line.rest() and not (self._is_scarce and len(self._busy) + len(idle) >= most):
            idle.append(line)
        else:
            line.close()

    async def close(self) -> None:
        """Closes every line."""
        for line in (*self._busy, *(line for idle in self._idle.values() for line in idle)):
            line.close()
        self._busy.clear()
        self._idle.clear()
        await asyncio.sleep(0)  # the loop closes them in its next round

    async def _asked(self, way: Way, line: Line, head: bytes, body: Sequence[bytes]) -> ResponseReading:
        self._busy.add(line)
        try:
            answer = await line.ask(head, body)
            if answer.status == 407 and way.proxy is not None:
                raise _stranger(way.proxy, way.server)
            return answer
        except BaseException:
            self._busy.discard(line)
            line.close()
            raise

    def _idle_line(self, server: Server) -> Line | None:
        idle = self._idle.get(_key(server), [])
        while idle:
            line = idle.pop()
            if line.is_fresh():
                return line
            line.close()
        return None

    # ── Opening ──

    async def _open(self, way: Way) -> Line:
        self._opening += 1
        try:
            try:
                return await self._opened(way)
            except OSError as problem:
                if problem.errno not in SCARCE:
                    raise
                return await self._opened_in_need(way)
        except OSError as problem:
            raise unreachable(way.server, problem) from None
        finally:
            self._opening -= 1

    async def _opened_in_need(self, way: Way) -> Line:
        """Opens a line where the system has no more of them: one that is idle has to go first."""
        self._is_scarce = True
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        await asyncio.sleep(0)  # the loop closes them in its next round
        try:
            return await self._opened(way)
        except OSError as problem:
            if problem.errno in SCARCE and (self._busy or self._opening > 1):
                raise NoRoom from None
            raise

    async def _opened(self, way: Way) -> Line:
        to, proxy, who = way.server, way.proxy, way.server.shown
        try:
            async with asyncio.timeout(CONNECT_S):
                if proxy is None:
                    return await self._line(to)
                who = _called(proxy, to)
                if to.is_secure:
                    self._trusted()
                try:
                    line = await self._line(proxy.server)
                except OSError as problem:
                    if problem.errno in SCARCE:
                        raise
                    raise unreachable(proxy.server, problem, who) from None
                if to.is_secure:
                    await self._lead_through(line, proxy, to)
                return line
        except TimeoutError as problem:
            if problem.errno is not None:  # it was the system that waited
                raise
            raise Unreachable(f"{who} does not answer: no connection within {CONNECT_S:g} seconds") from None

    async def _line(self, to: Server) -> Line:
        trust = self._trusted() if to.is_secure else None
        name = _name(to) if to.is_secure else None
        made = await self._dialing.connect(to.host, to.port)
        _, line = await asyncio.get_running_loop().create_connection(Line, sock=made, ssl=trust, server_hostname=name)
        return line

    async def _lead_through(self, line: Line, proxy: Proxy, to: Server) -> None:
        """Has a proxy pass on bytes that it can't read."""
        who = _called(proxy, to)
        headers = {"Host": to.authority}
        if proxy.authorization:
            headers["Proxy-Authorization"] = proxy.authorization
        try:
            answer = await line.ask(request_head("CONNECT", to.authority, headers), connects=True)
            if answer.status == 407:
                raise _stranger(proxy, to)
            if answer.status >= 300 or not answer.is_done:
                raise Unreachable(f"{who} refuses the connection, with status {answer.status}")
            await line.secure(self._trusted(), _name(to))
        except NotHttp as problem:
            line.close()
            raise Unreachable(f"{who} does not answer as it should: {problem.why}") from None
        except LineBroken as problem:
            raise unreachable(proxy.server, problem, who) from None
        except BaseException:
            line.close()
            raise

    def _trusted(self) -> ssl.SSLContext:
        """Whom to believe. Without a secure connection nobody needs this list, which takes long to read.

        It is read before there are connections: where they use up all files, it would come out empty, without a word.
        """
        if self._trust is None:
            self._trust = ssl.create_default_context()
            self._trust.set_alpn_protocols(["http/1.1"])
        return self._trust


def unreachable(server: Server, problem: BaseException, who: str = "") -> ModelError:
    """A connection that came to nothing, in plain words. `who` is what the server is called, if not by its name."""
    who = who or server.shown
    cause: BaseException | None = problem
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                message = f"{who} does not prove that it is {server.host}: {cause.verify_message}"
                return ModelError(message, "unreachable", retryable=False)
            case ssl.SSLError():
                why = f": {cause.reason.replace('_', ' ').lower()}" if cause.reason else ""
                message = f"no secure connection to {who} could be made{why}"
                return ModelError(message, "unreachable", retryable=False)
            case socket.gaierror():
                return Unreachable(f"there is no host `{server.shown}`, or no network")
            case OSError(errno=number) if number not in (None, errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
                return Unreachable(f"{who} cannot be reached: {os.strerror(number).lower()}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(problem, Stuck):
        return Unreachable(f"{who} stopped taking the question in its middle")
    if isinstance(problem, Unsent):
        return Unreachable(f"{who} hung up in the middle of the question, and did not say why")
    return Unreachable(f"the connection to {who} broke off before an answer came")


def _called(proxy: Proxy, to: Server) -> str:
    return f"the proxy {proxy.server.shown} on the way to {to.shown}"


def _stranger(proxy: Proxy, to: Server) -> ModelError:
    wrong = "does not take the name and the password" if proxy.authorization else "wants to be told who asks"
    return ModelError(f"{_called(proxy, to)} {wrong}", "unreachable", retryable=False)


def _key(server: Server) -> _Key:
    return server.host, server.port, server.is_secure


def _name(server: Server) -> str:
    return server.host.removesuffix(".")
