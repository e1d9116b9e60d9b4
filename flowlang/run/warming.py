"""One call first, where many begin with the same long text: the provider's cache then serves all the others.

A provider can read a prefix from its cache as soon as the first answer to it begins to stream. Calls that start
together all pay the full price. So of the calls that share a long beginning one goes ahead, and the others wait for
its first word: never for long, and never below the size from which the provider's cache works at all.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..language.values import Media
from ..models.chat import ChatRequest

STAYS_WARM_S = 240.0  # after the last call that used it; providers forget after five minutes and more
LONGEST_WAIT_S = 30.0  # for the first word of the call that goes ahead
CHARACTERS = 4  # of a token, in the middle
MOST_REMEMBERED = 10_000

# From how many tokens a model's provider caches a prefix; None where it does not, or where it saves nothing.
Minimum = Callable[[str], int | None]
Begun = Callable[[], None]  # to be called at the first word of an answer


def never(model: str) -> int | None:
    """Where no prefix is cached."""
    return None


class Warming:
    """Lets one call of those that share a beginning go ahead."""

    def __init__(self, minimum: Minimum = never, clock: Callable[[], float] = time.monotonic) -> None:
        self._minimum = minimum
        self._clock = clock
        self._ahead: dict[bytes, asyncio.Event] = {}
        self._warm: dict[bytes, float] = {}  # when each was used last

    @asynccontextmanager
    async def turn(self, request: ChatRequest) -> AsyncIterator[Begun]:
        """The turn of one call, once its beginning is warm or it is the one that goes ahead."""
        key = self._key(request)
        if key is None:
            yield _nothing
            return

        def begun() -> None:
            self._warm.pop(key, None)
            self._warm[key] = self._clock()
            if len(self._warm) > MOST_REMEMBERED:
                del self._warm[next(iter(self._warm))]
            if key in self._ahead:
                self._ahead[key].set()

        while not self._is_warm(key) and (ahead := self._ahead.get(key)) is not None:
            try:
                async with asyncio.timeout(LONGEST_WAIT_S):
                    await ahead.wait()
            except TimeoutError:
                break
        if self._is_warm(key) or key in self._ahead:
            yield begun
            return
        mine = self._ahead[key] = asyncio.Event()
        try:
            yield begun
        finally:
            self._ahead.pop(key, None)
            mine.set()  # if it failed, another one goes ahead

    def _is_warm(self, key: bytes) -> bool:
        used = self._warm.get(key)
        return used is not None and self._clock() - used < STAYS_WARM_S

    def _key(self, request: ChatRequest) -> bytes | None:
        """What stands for the beginning of a request; None if it is too short to be cached."""
        minimum = self._minimum(request.model)
        if minimum is None:
            return None
        left = minimum * CHARACTERS
        tools = [tool.name for tool in request.tools]
        seen = hashlib.sha256(f"{request.model}\0{tools}\0{request.schema_name}".encode())
        for message in request.messages:
            for part in message.parts:
                if isinstance(part, Media):
                    seen.update(part.digest.encode())
                    left -= len(part.data) // 100
                else:
                    seen.update(part[:left].encode("utf-8", "surrogatepass"))
                    left -= len(part)
                if left <= 0:
                    return seen.digest()
            seen.update(b"\0" + message.role.encode())
        return None


def _nothing() -> None:
    return None
