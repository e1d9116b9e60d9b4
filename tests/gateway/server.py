"""`Gateway`: listens on loopback, decides who is answered how, and keeps the log."""

import asyncio
import contextlib
import hashlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from .answers import Answer, Script, fitting_answer
from .contract import complaint, refuse_field
from .exchange import Exchange
from .faults import WHOLE, Choose, Fault, player, quirk_of
from .listing import models_of
from .log import Seen, most_open
from .model import OTHER_PRICE, PRICES, Latency, Limiter, Limits, Prefix, Price, PromptCache, prompt_of
from .quirks import ASKS, REFUSES, RESHAPES
from .reading import MOST_HEAD_BYTES, read_body, read_head
from .refusals import REFUSALS, Refusal, waiting
from .shapes import Shape, encoded, shape_of

BODIES = "/chat/completions"
ACCOUNT_USD = Decimal(100)
SPEND_WINDOW_S = 5 * 3600


class Gateway:
    """The stand-in gateway. `with Gateway(…) as url` runs it in a thread, `async with` in the running loop.

    `script` answers a request; `faults` says which request fails how; `refuses` names fields and how they are refused
    (`contract.refuse_field`); `quirks` are those of every answer. With a `key` every request must bring it.
    A script that raises is told on leaving.
    """

    def __init__(
        self,
        script: Script = fitting_answer,
        *,
        faults: Choose | None = None,
        refuses: Mapping[str, str] | None = None,
        quirks: tuple[int, ...] = (),
        key: str = "",
        latency: Latency = Latency(),  # noqa: B008 - it is frozen
        limits: Limits = Limits(),  # noqa: B008
        prices: Mapping[str, Price] = PRICES,
        accounting: bool = True,
        keep_bodies: bool = True,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.log: list[Seen] = []
        self.url = ""
        self.connections = 0
        self._script, self._faults, self._quirks = script, faults, quirks
        self._refuses = refuses or {}
        self._key, self._latency, self._limits, self._prices = key, latency, limits, prices
        self._accounting, self._keep_bodies, self._tls, self._port = accounting, keep_bodies, tls, port
        self._mistakes: list[Exception] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = False
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = lambda: None
        self.forget()

    def forget(self) -> None:
        """Forgets what was seen, billed and cached."""
        self.log = []
        self.billed_usd = Decimal(0)
        self.open = 0
        self._began_s = time.monotonic()
        self._attempts: Counter[str] = Counter()
        self._cache = PromptCache()
        self._limiter = Limiter(self._limits)

    def summary(self) -> dict[str, Any]:
        """The log in a few numbers."""
        usage = [seen.usage for seen in self.log if seen.answered]
        return {
            "requests": len(self.log),
            "answered": len(usage),
            "billed": sum(1 for seen in self.log if seen.billed_usd),
            "billed_usd": str(self.billed_usd),
            "tokens_in": sum(each.get("prompt_tokens", 0) for each in usage),
            "tokens_out": sum(each.get("completion_tokens", 0) for each in usage),
            "tokens_cached": sum((each.get("prompt_tokens_details") or {}).get("cached_tokens", 0) for each in usage),
            "hung_up": sum(1 for seen in self.log if seen.hung_up),
            "connections": self.connections,
            "most_open": most_open(self.log),
            "began_s": self._began_s,
            "statuses": dict(sorted(Counter(str(seen.status) for seen in self.log).items())),
        }

    # Beginning and end

    def __enter__(self) -> str:
        ready = threading.Event()

        async def live() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(stop.set)
            async with self:
                ready.set()
                await stop.wait()

        self._thread = threading.Thread(target=asyncio.run, args=(live(),), name="gateway", daemon=True)
        self._thread.start()
        ready.wait()
        return self.url

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()
        if self._thread is not None:
            self._thread.join()
        self._tell_mistakes(error)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, loop), "127.0.0.1", self._port, ssl=self._tls, backlog=2048
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/v1"
        self._began_s = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for _ in range(4):  # whoever has hung up by now is seen to have done so
            await asyncio.sleep(0)
        self._leaving = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        if self._thread is None:
            self._tell_mistakes(error)

    def _tell_mistakes(self, error: BaseException | None) -> None:
        if self._mistakes and error is None:
            raise self._mistakes[0]

    # A connection

    async def talk(self, wire: "_Connection", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection, one after the other."""
        self.connections += 1
        connection = self.connections
        try:
            while head := await read_head(reader):
                arrived_s = time.monotonic()
                if head.headers.get("expect", "").lower() == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await read_body(reader, head)
                seen = Seen(
                    len(self.log) + 1,
                    connection,
                    head.method,
                    head.path,
                    head.headers,
                    body,
                    _parsed(body),
                    hashlib.blake2b(body, digest_size=8).hexdigest(),
                    arrived_s - self._began_s,
                )
                wire.busy = True
                try:
                    keep = await self._serve(seen, writer)
                finally:
                    wire.busy = False
                if not keep:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()
            if self._leaving:
                writer.transport.abort()  # what nobody reads is not worth waiting for

    async def _serve(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; returns whether the connection goes on."""
        if seen.path.startswith("/-/"):
            return await self._control(seen, writer)
        self.log.append(seen)
        self.open += 1
        try:
            x, play = self._decide(seen, writer)
        except Exception as mistake:
            self._mistakes.append(mistake)
            self.open -= 1
            return False
        try:
            if not self._keep_bodies:
                seen.body, seen.request = b"", {}
            await play()
            return x.keep
        except (asyncio.CancelledError, ConnectionError):
            seen.hung_up = not self._leaving and seen.ended_s is None
            if seen.hung_up:
                self._bill_part(seen, x)
            raise
        except Exception as mistake:
            self._mistakes.append(mistake)
            return False
        finally:
            self.open -= 1
            if seen.ended_s is None:
                seen.ended_s = time.monotonic() - self._began_s

    async def _control(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        x = self._exchange(seen, writer, {}, (), None)
        if seen.path == "/-/forget":
            self.forget()
        found: Any = [each.row() for each in self.log] if seen.path == "/-/log" else self.summary()
        await x.respond(encoded(found), "application/json")
        return x.keep

    # What becomes of a request

    def _decide(self, seen: Seen, writer: asyncio.StreamWriter) -> tuple[Exchange, Callable[[], Any]]:
        url = urlsplit(seen.path)
        if refusal := self._wrong_key(seen):
            x = self._exchange(seen, writer, {}, (), None)
            return x, lambda: x.refuse(refusal)
        if seen.method == "GET" and url.path.endswith("/models"):
            x = self._exchange(seen, writer, {}, (), None)
            data = {"object": "list", "data": models_of(parse_qs(url.query))}
            return x, lambda: x.respond(encoded(data), "application/json")
        refusal = self._refused(seen, url.path)
        prompt = b"" if refusal else prompt_of(seen.request)
        if refusal is None:
            refusal = self._limited(-(-len(prompt) // 4))
        fault = None
        if refusal is None:
            self._attempts[seen.digest] += 1
            seen.attempt = self._attempts[seen.digest]
            chosen = self._faults(seen) if self._faults else None
            fault = Fault(chosen) if isinstance(chosen, str) else chosen
            seen.fault = fault.name if fault else ""
        quirk = quirk_of(fault)
        quirks = self._quirks if quirk is None or fault is None else (*self._quirks, quirk)
        request = seen.request
        for number in quirks if refusal is None else ():
            refusal = refusal or (REFUSES[number](request) if number in REFUSES else None)
            request = ASKS[number](request) if number in ASKS else request
        now_s = time.monotonic()
        prefix = None if refusal else self._cache.look(request["model"], prompt, now_s)
        x = self._exchange(seen, writer, request, quirks, prefix, fault)
        if refusal is not None:
            found = refusal
            return x, lambda: x.refuse(found)
        if fault is None or quirk is not None:
            return x, x.answer
        if fault.name in REFUSALS or fault.name.startswith("wait-"):
            found = REFUSALS.get(fault.name) or waiting(fault.name.removeprefix("wait-"), time.time())
            return x, lambda: x.refuse(found)
        play = player(fault)
        return x, lambda: play(x)

    def _wrong_key(self, seen: Seen) -> Refusal | None:
        if not self._key:
            return None
        given = seen.headers.get("x-api-key") or seen.headers.get("authorization", "").removeprefix("Bearer ")
        return None if given == self._key else REFUSALS["401"]

    def _refused(self, seen: Seen, path: str) -> Refusal | None:
        if not path.endswith(BODIES):
            return REFUSALS["404"]
        if seen.method != "POST":
            return Refusal(405, b'{"detail":"Method Not Allowed"}')
        return complaint(seen.body, seen.request) or refuse_field(seen.request, self._refuses)

    def _limited(self, tokens_in: int) -> Refusal | None:
        # This request is open already; it doesn't stand in its own way.
        met = self._limiter.admit(tokens_in, self.open - 1, self.billed_usd, time.monotonic())
        if met is None:
            return None
        refusal = REFUSALS[met.name]
        if not self._limits.retry_after:
            return refusal
        return Refusal(refusal.status, refusal.body, {"Retry-After": str(max(1, round(met.wait_s + 0.5)))})

    def _exchange(
        self,
        seen: Seen,
        writer: asyncio.StreamWriter,
        request: dict[str, Any],
        quirks: tuple[int, ...],
        prefix: Prefix | None,
        fault: Fault | None = None,
    ) -> Exchange:
        made: list[tuple[Shape, float, Latency]] = []

        def shape() -> tuple[Shape, float, Latency]:
            if not made:
                assert prefix is not None
                answered = self._script(request)
                answer = Answer(answered) if isinstance(answered, str) else answered
                found = shape_of(
                    answer, request, f"chatcmpl-{seen.digest}", prefix.tokens_in, prefix.tokens_cached, not quirks
                )
                for number in quirks:
                    if number in RESHAPES:
                        value = fault.value if fault and quirk_of(fault) == number else None
                        RESHAPES[number](found, value)
                latency = answer.latency or self._latency
                seen.usage = found.usage
                made.append((found, latency.before_s(prefix.tokens_in, prefix.tokens_cached), latency))
            return made[0]

        def streaming() -> None:
            if prefix is not None:
                self._cache.began(prefix, time.monotonic())

        def settle(whole: bool) -> None:
            if seen.ended_s is None:
                seen.ended_s = time.monotonic() - self._began_s
                seen.answered = whole
                if whole:
                    self._bill(seen, request["model"])

        return Exchange(seen, request, writer, self._headers(seen), self._began_s, shape, streaming, settle)

    # Money

    def _headers(self, seen: Seen) -> dict[str, str]:
        headers = {"x-request-id": f"req-{seen.digest}-{seen.number}"}
        if not self._accounting:
            return headers
        left = f"{max(Decimal(0), (self._limits.budget_usd or ACCOUNT_USD) - self.billed_usd):.2f}"
        return headers | {
            "X-RateLimit-Limit": f"{self._limits.budget_usd or ACCOUNT_USD:.2f}",
            "X-RateLimit-Remaining": left,
            "X-RateLimit-Reset": str(int(time.time()) + SPEND_WINDOW_S),
            "X-Quota-Remaining-Credits": left,
            "X-Org-Quota-Remaining-Credits": left,
        }

    def _bill(self, seen: Seen, model: str) -> None:
        seen.billed_usd = self._prices.get(model, OTHER_PRICE).of(seen.usage)
        self.billed_usd += seen.billed_usd

    def _bill_part(self, seen: Seen, x: Exchange) -> None:
        """The client hung up on an answer: what was read and what was sent is billed, but not our own faults."""
        ours = seen.fault and seen.fault not in WHOLE and not seen.fault.startswith("quirk-")
        if seen.usage and not ours:
            seen.usage = seen.usage | {"completion_tokens": x.tokens_sent}
            self._bill(seen, x.request["model"])


class _Connection(asyncio.StreamReaderProtocol):
    """A connection that ends what it is answering when the client hangs up."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop) -> None:
        self.reader = asyncio.StreamReader(MOST_HEAD_BYTES, loop)
        super().__init__(self.reader, loop=loop)
        self.busy = False
        self._gateway, self._of_loop = gateway, loop
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        writer = asyncio.StreamWriter(transport, self, self.reader, self._of_loop)
        self._task = self._of_loop.create_task(self._gateway.talk(self, self.reader, writer))
        self._gateway._tasks.add(self._task)
        self._task.add_done_callback(self._gateway._tasks.discard)

    def eof_received(self) -> bool | None:
        self._hang_up()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hang_up()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        if self.busy and self._task is not None:
            self._task.cancel()


def _parsed(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict):
            return found
    return {}
