"""Everything that goes wrong on the wire, by name, and ways to choose which request meets what.

Beside the names in `FAULTS` every name in `refusals.REFUSALS` is a fault ("429-quota"), every form of Retry-After
("wait-date"), every odd body ("body-html", in a stream "frame-html") and every quirk ("quirk-7").
"""

import random
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from .exchange import Exchange, chunked, is_stream
from .log import Seen
from .odd_bodies import ODD, odd_body, odd_frames
from .quirks import QUIRKS
from .refusals import REFUSALS, RETRY_AFTER
from .shapes import encoded

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its name; `value` is what its description calls so."""

    name: str
    value: Any = None

    def __post_init__(self) -> None:
        if not is_fault(self.name):
            raise ValueError(f"no fault is called {self.name}")


Choose = Callable[[Seen], Fault | str | None]
Play = Callable[[Exchange, Any], Awaitable[None]]


def first(times: int, *faults: Fault | str) -> Choose:
    """Each question fails so many times before it is answered, with these faults in turn."""
    return lambda seen: faults[(seen.attempt - 1) % len(faults)] if seen.attempt <= times else None


def numbered(faults: Mapping[int, Fault | str]) -> Choose:
    """The requests of these numbers fail; the first is number 1."""
    return lambda seen: faults.get(seen.number)


def mixed(rates: Mapping[Any, float], seed: int = 0) -> Choose:
    """Each fault, or its name, at its rate.

    Which it is follows from the body and the attempt, so the order of the requests is no matter.
    """
    faults = tuple((fault if isinstance(fault, Fault) else Fault(fault), rate) for fault, rate in rates.items())

    def choose(seen: Seen) -> Fault | str | None:
        drawn = random.Random(f"{seed} {seen.digest} {seen.attempt}").random()
        for fault, rate in faults:
            drawn -= rate
            if drawn < 0:
                return fault
        return None

    return choose


async def reset_before_headers(x: Exchange, value: Any) -> None:
    """A reset before the first byte."""
    x.reset()


async def close_before_headers(x: Exchange, value: Any) -> None:
    """The connection is closed before the first byte."""
    x.end()


async def reset_in_headers(x: Exchange, value: Any) -> None:
    """A reset in the middle of the head."""
    await _sent(x, x.head(200, "text/event-stream", None)[:40])
    x.reset()


async def reset_after_headers(x: Exchange, value: Any) -> None:
    """A reset after the head."""
    await _sent(x, x.head(200, "text/event-stream", None))
    x.reset()


async def reset_in_body(x: Exchange, value: Any) -> None:
    """A reset after half of the body, or `value` bytes of it."""
    head, body = _whole(x)
    await _sent(x, head + chunked(body[: len(body) // 2 if value is None else value]))
    x.reset()


async def stall_before_headers(x: Exchange, value: Any) -> None:
    """Nothing for `value` seconds (for ever), then the answer."""
    await (x.pause() if value is None else x.pause(value))
    await x.answer()


async def stall_after_headers(x: Exchange, value: Any) -> None:
    """The head, then nothing."""
    x.write(_whole(x)[0])
    await x.flush()
    await x.pause()


async def stall_in_body(x: Exchange, value: Any) -> None:
    """The head and `value` events (2), then nothing."""
    events = x.shape()[0].events()
    x.write(_whole(x)[0] + chunked(b"".join(events[: 2 if value is None else value])))
    await x.flush()
    await x.pause()


async def drip(x: Exchange, value: Any) -> None:
    """The body one byte every `value` seconds (0.3)."""
    head, body = _whole(x)
    x.write(head)
    x.streaming()
    for at in range(len(body)):
        await x.pause(0.3 if value is None else value)
        if at == len(body) - 1:
            x.settle(True)
        x.write(chunked(body[at : at + 1]))
    x.write(chunked(b""))
    await x.flush()


async def slow_headers(x: Exchange, value: Any) -> None:
    """The head one byte every `value` seconds (0.3), without end."""
    for byte in x.head(200, "text/event-stream", None)[:-2]:
        x.write(bytes((byte,)))
        await x.pause(0.3 if value is None else value)
    await x.pause()


async def cut_at_byte(x: Exchange, value: Any) -> None:
    """The body ends after `value` bytes (half), as if that were all of it."""
    head, body = _whole(x)
    kept = body[: len(body) // 2 if value is None else value]
    x.settle(False)
    x.write(head + (chunked(kept) if kept else b"") + chunked(b""))
    await x.flush()


async def cut_after_event(x: Exchange, value: Any) -> None:
    """The stream ends after `value` events (2), as if that were all of it."""
    events = x.shape()[0].events()[: 2 if value is None else value]
    x.settle(False)
    x.write(_whole(x)[0] + b"".join(map(chunked, events)) + chunked(b""))
    await x.flush()


async def short_body(x: Exchange, value: Any) -> None:
    """Fewer bytes than Content-Length says, then the end: half of them, or `value`."""
    _, body = _whole(x)
    x.write(x.head(200, _content_type(x), len(body)) + body[: len(body) // 2 if value is None else value])
    await x.flush()
    x.end()


async def broken_chunks(x: Exchange, value: Any) -> None:
    """The stream is closed inside a chunk."""
    head, body = _whole(x)
    x.write(head + chunked(body)[: len(body) // 2 + 8])
    await x.flush()
    x.end()


async def bad_chunks(x: Exchange, value: Any) -> None:
    """The length of a chunk is no number."""
    x.write(_whole(x)[0] + b"zz\r\nhello\r\n")
    await x.flush()
    x.end()


async def no_http(x: Exchange, value: Any) -> None:
    """Something that is not HTTP."""
    x.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await x.flush()
    x.end()


async def gzip_bomb(x: Exchange, value: Any) -> None:
    """A small compressed body that holds `value` megabytes (500)."""
    x.settle(False)
    body = _bomb(500 if value is None else value)
    x.write(x.head(200, _content_type(x), len(body), {"Content-Encoding": "gzip"}) + body)
    await x.flush()


async def huge_body(x: Exchange, value: Any) -> None:
    """An answer of `value` megabytes (64) in one JSON."""
    megabytes = 64 if value is None else value
    start = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"'
    end = b'"},"finish_reason":"stop"}]}'
    x.write(x.head(200, "application/json", len(start) + megabytes * MEGABYTE + len(end)) + start)
    for _ in range(megabytes):
        x.write(b"a" * MEGABYTE)
        await x.flush()
    x.settle(False)
    x.write(end)
    await x.flush()


async def huge_line(x: Exchange, value: Any) -> None:
    """A stream whose line never ends."""
    x.write(x.head(200, "text/event-stream", None) + chunked(b"data: "))
    while True:
        x.write(chunked(b"a" * 65_536))
        await x.flush()


async def endless_stream(x: Exchange, value: Any) -> None:
    """Text for ever."""
    x.write(x.head(200, "text/event-stream", None))
    piece = chunked(b'data: {"choices":[{"index":0,"delta":{"content":"and on "}}]}\n\n' * 500)
    while True:
        x.write(piece)
        await x.flush()


async def many_headers(x: Exchange, value: Any) -> None:
    """`value` headers (100,000)."""
    count = 100_000 if value is None else value
    head = x.head(200, "application/json", 2)[:-2]
    x.settle(False)
    x.write(head + b"".join(b"X-More-%d: more\r\n" % number for number in range(count)) + b"\r\n{}")
    await x.flush()


async def long_header(x: Exchange, value: Any) -> None:
    """One header of `value` megabytes (10)."""
    head = x.head(200, "application/json", 2)[:-2]
    x.settle(False)
    x.write(head + b"X-More: " + b"a" * MEGABYTE * (10 if value is None else value) + b"\r\n\r\n{}")
    await x.flush()


async def keep_alives(x: Exchange, value: Any) -> None:
    """Comments every `value` seconds (0.05), for ever."""
    await _for_ever(x, b": keep-alive\n\n", value)


async def data_keep_alives(x: Exchange, value: Any) -> None:
    """Empty data frames every `value` seconds (0.05), for ever."""
    await _for_ever(x, b"data: \n\n", value)


async def blank_lines(x: Exchange, value: Any) -> None:
    """Empty lines before a body that never comes, every `value` seconds (0.05)."""
    await _for_ever(x, b"\n", value)


async def redirect(x: Exchange, value: Any) -> None:
    """307 to the address `value`, by default at another origin."""
    location = {"Location": str(value or "http://elsewhere.invalid/v1/chat/completions")}
    await x.respond(b"", "text/plain", 307, location)


async def redirect_as_get(x: Exchange, value: Any) -> None:
    """302 to the address `value`, by default at another origin."""
    location = {"Location": str(value or "http://elsewhere.invalid/v1/chat/completions")}
    await x.respond(b"", "text/plain", 302, location)


async def early_hints(x: Exchange, value: Any) -> None:
    """A 103 before the answer."""
    await x.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")


async def close_after(x: Exchange, value: Any) -> None:
    """The answer, and then the connection is closed without a word."""
    await x.answer()
    x.keep = False


async def echo_key(x: Exchange, value: Any) -> None:
    """401 whose message repeats the key."""
    told = x.seen.headers.get("authorization", "") + x.seen.headers.get("x-api-key", "")
    error = {
        "message": f"Incorrect API key provided: {told}",
        "type": "authentication_error",
        "code": "invalid_api_key",
    }
    await x.respond(encoded({"error": error}), "application/json", 401, {"X-Echo": told})


FAULTS: dict[str, Play] = {
    play.__name__.replace("_", "-"): play
    for play in (
        *(reset_before_headers, close_before_headers, reset_in_headers, reset_after_headers, reset_in_body),
        *(stall_before_headers, stall_after_headers, stall_in_body, drip, slow_headers),
        *(cut_at_byte, cut_after_event, short_body, broken_chunks, bad_chunks, no_http),
        *(gzip_bomb, huge_body, huge_line, endless_stream, many_headers, long_header),
        *(keep_alives, data_keep_alives, blank_lines, redirect, redirect_as_get),
        *(early_hints, close_after, echo_key),
    )
}

# These end with a whole answer, which is billed.
WHOLE = frozenset(("stall-before-headers", "drip", "early-hints", "close-after"))


def is_fault(name: str) -> bool:
    """Whether a fault has this name."""
    kind, _, rest = name.partition("-")
    known: dict[str, Any] = {"quirk": tuple(map(str, QUIRKS)), "wait": RETRY_AFTER, "body": ODD, "frame": ODD}
    return name in FAULTS or name in REFUSALS or rest in known.get(kind, ())


def quirk_of(fault: Fault | None) -> int | None:
    """The number of the quirk that a fault stands for."""
    return int(fault.name.removeprefix("quirk-")) if fault is not None and fault.name.startswith("quirk-") else None


def player(fault: Fault) -> Callable[[Exchange], Awaitable[None]]:
    """How a fault that is no refusal, wait or quirk is played."""
    kind, _, rest = fault.name.partition("-")
    if fault.name in FAULTS:
        return partial(_play, FAULTS[fault.name], fault.value)
    return partial(_odd, rest, kind == "frame")


async def _play(play: Play, value: Any, x: Exchange) -> None:
    await play(x, value)


async def _odd(name: str, framed: bool, x: Exchange) -> None:
    x.settle(False)
    if framed:
        x.write(x.head(200, "text/event-stream", None) + b"".join(map(chunked, odd_frames(name))) + chunked(b""))
        await x.flush()
    else:
        await x.respond(*odd_body(name))


async def _sent(x: Exchange, data: bytes) -> None:
    """Sends bytes and gives the client a moment to read them: a reset may throw away what was not read."""
    x.write(data)
    await x.flush()
    await x.pause(0.02)


def _content_type(x: Exchange) -> str:
    shape = x.shape()[0]
    return shape.content_type if is_stream(x, shape) else "application/json"


def _whole(x: Exchange) -> tuple[bytes, bytes]:
    """The head (in chunks) and the body of the answer as it should be."""
    shape = x.shape()[0]
    body = b"".join(shape.events()) if is_stream(x, shape) else shape.body()
    return x.head(200, _content_type(x), None), body


async def _for_ever(x: Exchange, line: bytes, value: Any) -> None:
    x.write(x.head(200, _content_type(x), None))
    while True:
        x.write(chunked(line))
        await x.flush()
        await x.pause(0.05 if value is None else value)


@lru_cache(maxsize=2)
def _bomb(megabytes: int) -> bytes:
    """A gzip stream of that many megabytes of one letter: a compressed block, written again and again."""
    letters = b"a" * MEGABYTE
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeeze.compress(letters) + squeeze.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(letters, check)
    end = squeeze.flush(zlib.Z_FINISH)
    trailer = check.to_bytes(4, "little") + (megabytes * MEGABYTE % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + block * megabytes + end + trailer
