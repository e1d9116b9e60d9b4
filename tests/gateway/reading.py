"""An HTTP/1.1 request, read from a stream."""

import asyncio
from dataclasses import dataclass

MOST_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers; names in lower case, the last of equal names counts."""

    method: str
    path: str
    headers: dict[str, str]


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next request's head, or None where the client closed or talks something else."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
        lines = raw[:-4].decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        pairs = (line.split(":", 1) for line in lines[1:])
        return Head(method, path, {name.strip().lower(): text.strip() for name, text in pairs})
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, ConnectionError):
        return None


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    """The body: as long as it says, or in chunks."""
    if "chunked" not in head.headers.get("transfer-encoding", "").lower():
        length = int(head.headers.get("content-length", "0"))
        return await reader.readexactly(length) if length else b""
    pieces = []
    while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        pieces.append(await reader.readexactly(length))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(pieces)
