"""Connections to hosts: where a name leads, and the first of those addresses that takes the call (RFC 8305)."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from typing import Any

REMEMBERED_S = 30.0  # where a name leads
NEXT_S = 0.25  # after which the next address is tried beside the one that does not answer
ALIVE_S = 60  # of silence, after which the system asks whether the other side is still there

Found = tuple[socket.AddressFamily, tuple[Any, ...]]  # the family of an address, and the address
Resolve = Callable[[str, int], Awaitable[Sequence[Found]]]  # where the name of a host leads


async def look_up(host: str, port: int) -> Sequence[Found]:
    """What the system's resolver gives for a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(one[0], one[4]) for one in found]


class Dialing:
    """Connects. A name is looked up once for all who need it at the same time; `clock` is monotonic, in seconds."""

    def __init__(self, resolve: Resolve = look_up, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, Sequence[Found]]] = {}  # and until when
        self._asked: dict[tuple[str, int], asyncio.Task[Sequence[Found]]] = {}

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connection to a host. Raises OSError."""
        number = _number(host, port)
        found = [number] if number is not None else await self._look_up(host, port)
        return await (_connected(found[0]) if len(found) == 1 else _first(found))

    async def _look_up(self, host: str, port: int) -> Sequence[Found]:
        until, found = self._known.get((host, port), (0.0, ()))
        if found and self._clock() < until:
            return found
        task = self._asked.get((host, port))
        if task is None:
            task = self._asked[host, port] = asyncio.ensure_future(self._resolved(host, port))
            task.add_done_callback(lambda done: self._learn(host, port, done))
        try:
            return await asyncio.shield(task)
        except OSError:
            if found:
                return found  # rather the old one than none: the resolver needs resources, too
            raise

    async def _resolved(self, host: str, port: int) -> Sequence[Found]:
        """The addresses, families in turn, in the system's order: a family that leads nowhere costs one wait only."""
        found = await self._resolve(host, port)
        first = [one for one in found if one[0] == found[0][0]]
        others = [one for one in found if one[0] != found[0][0]]
        return [one for pair in zip_longest(first, others) for one in pair if one is not None]

    def _learn(self, host: str, port: int, done: "asyncio.Task[Sequence[Found]]") -> None:
        del self._asked[host, port]
        if not done.cancelled() and done.exception() is None:
            self._known[host, port] = (self._clock() + REMEMBERED_S, done.result())


def _number(host: str, port: int) -> Found | None:
    """The address that a host is, if it is a number: nobody has to be asked for it."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family, (host, port)
    return None


async def _connected(address: Found) -> socket.socket:
    family, where = address
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        # A model may think for minutes, and what stands in between forgets connections on which nothing is said.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
            if hasattr(socket, option):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), ALIVE_S)
        await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


async def _first(addresses: Sequence[Found]) -> socket.socket:
    """The first connection that is made; of those that fail, the first one's reason."""
    left = list(reversed(addresses))
    tried: list[asyncio.Task[socket.socket]] = []
    open_ones: set[asyncio.Task[socket.socket]] = set()
    made: asyncio.Task[socket.socket] | None = None
    problem: BaseException | None = None
    try:
        while made is None and (left or open_ones):
            if left:
                tried.append(asyncio.ensure_future(_connected(left.pop())))
                open_ones.add(tried[-1])
            wait_s = NEXT_S if left else None
            done, open_ones = await asyncio.wait(open_ones, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                problem = problem or one.exception()
                made = one if one.exception() is None else made
    finally:
        for one in tried:
            if one is not made:
                one.cancel()
                one.add_done_callback(_hang_up)
    if made is not None:
        return made.result()
    assert problem is not None
    raise problem


def _hang_up(late: "asyncio.Task[socket.socket]") -> None:
    if not late.cancelled() and late.exception() is None:
        late.result().close()
