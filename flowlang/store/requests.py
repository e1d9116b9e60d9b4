"""A request as the store keeps it: its long texts, schema and tools are kept once, however many requests share them.

Nothing in it is a secret: every text passes `redact` first. Texts are known by their SHA-256; one of more than
BLOB_BYTES is a file of its own in `blobs/`.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..language.values import Media
from ..models.chat import ChatMessage, ChatRequest, Reply, ToolCall
from ..plan.fingerprint import parts_of
from .place import existing_folder, open_own, own_folder, sync_folder
from .problems import StoreUnusable

SHORT = 1_000  # characters; a longer text stands by itself
BLOB_BYTES = 64 * 1024
_MOST_KNOWN = 200_000

Redact = Callable[[str], str]


class Texts:
    """Long texts and media on their way into the store. `take` hands over those that are not in it yet."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._new: dict[bytes, bytes] = {}
        self._known: set[bytes] = set()
        self._last: dict[int, tuple[str, str]] = {}  # of texts that many requests share: by identity

    def told(self, request: ChatRequest, origin: str) -> dict[str, Any]:
        """The request as JSON. Long texts are objects with the `text`'s digest, media with their own."""
        parts = parts_of(request, origin)
        for name in ("origin", "model", "parameters"):
            parts[name] = redacted(parts[name], self._redact)
        parts["schema"] = None if parts["schema"] is None else self.text(parts["schema"])
        parts["tools"] = [self.text(one) for one in parts["tools"]]
        parts["messages"] = [self._message(message) for message in request.messages]
        return parts

    def text(self, text: str) -> Any:
        """The text itself, or what stands for it."""
        if len(text) < SHORT:
            return self._redact(text)
        if (found := self._last.get(id(text))) is not None and found[0] is text:
            return {"text": found[1]}
        data = self._redact(text).encode("utf-8", "surrogatepass")
        digest = sha256(data).digest()
        self._add(digest, data)
        if len(text) > BLOB_BYTES:
            if len(self._last) > 8:
                self._last.clear()
            self._last[id(text)] = (text, digest.hex())
        return {"text": digest.hex()}

    def take(self) -> dict[bytes, bytes]:
        """The texts that have come since the last time, by their digests."""
        new, self._new = self._new, {}
        return new

    def media(self, media: Media) -> dict[str, Any]:
        """What stands for an image or audio."""
        self._add(bytes.fromhex(media.digest), media.data)
        return {"media": media.digest, "kind": media.kind, "type": media.media_type, "name": self._redact(media.name)}

    def _add(self, digest: bytes, data: bytes) -> None:
        if digest not in self._known:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known.add(digest)
            self._new[digest] = data

    def _message(self, message: ChatMessage) -> dict[str, Any]:
        told: dict[str, Any] = {
            "role": message.role,
            "parts": [self.media(part) if isinstance(part, Media) else self.text(part) for part in message.parts],
        }
        if message.tool_calls:
            told["calls"] = [[self._redact(call.name), self._redact(call.arguments)] for call in message.tool_calls]
        return told


def redacted(value: Any, redact: Redact) -> Any:
    """JSON data without any secret in its texts. Not its text as JSON: a secret may look like a number in it."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(name)): redacted(one, redact) for name, one in value.items()}
    return [redacted(one, redact) for one in value] if isinstance(value, list | tuple) else value


def redacted_reply(reply: Reply, redact: Redact) -> Reply:
    """An answer without any secret, also in what its provider says beside it."""
    return replace(
        reply,
        text=redact(reply.text),
        model=redact(reply.model),
        tool_calls=tuple(_redacted_call(call, redact) for call in reply.tool_calls),
    )


def redacted_turns(turns: Iterable[ChatMessage], redact: Redact) -> tuple[ChatMessage, ...]:
    """Turns of tools without any secret."""
    return tuple(
        replace(
            turn,
            parts=tuple(redact(part) if isinstance(part, str) else part for part in turn.parts),
            tool_calls=tuple(_redacted_call(call, redact) for call in turn.tool_calls),
            tool_call_id=redact(turn.tool_call_id),
        )
        for turn in turns
    )


def _redacted_call(call: ToolCall, redact: Redact) -> ToolCall:
    return ToolCall(redact(call.id), redact(call.name), redact(call.arguments), redacted(call.rest, redact))


def write_blob(folder: Path, digest: bytes, data: bytes) -> None:
    """Writes a large text as a file of its own; it is there whole, or not at all. Raises OSError, StoreUnusable."""
    path = blob_path(folder, digest)
    own_folder(own_folder(path.parent.parent) / path.parent.name)
    if os.path.lexists(path) and read_blob(folder, digest) is not None:
        return
    new = path.with_name(f".{uuid4().hex}")
    try:
        with os.fdopen(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path.parent)
    sync_folder(path.parent.parent)
    sync_folder(folder)


def blob_path(folder: Path, digest: bytes) -> Path:
    """Where a large text is kept."""
    name = digest.hex()
    return folder / "blobs" / name[:2] / name[2:]


def read_blob(folder: Path, digest: bytes) -> bytes | None:
    """A large text; None if it is gone, or not what it was."""
    path = blob_path(folder, digest)
    if not existing_folder(path.parent.parent) or not existing_folder(path.parent):
        return None
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
            data = file.read()
    except (OSError, StoreUnusable):
        return None
    return data if sha256(data).digest() == digest else None
