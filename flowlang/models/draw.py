"""Choices that look random and never are: equal questions draw equal lots, in every process."""

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

from ..record import record
from .chat import ChatMessage, ChatRequest

T = TypeVar("T")

Path = tuple[str | int, ...]


@record
class Draw:
    """Lots of one question. `question` is the same for all its samples, `answer` belongs to one of them."""

    question: bytes
    answer: bytes
    first: bool  # whether this is the first sample

    def part(self, *path: str | int) -> float:
        """A number from 0 to below 1. Samples mostly draw the same one, as answers to one question mostly agree."""
        if not self.first and _lot(self.answer, ("agrees", *path)) >= 0.7:
            return _lot(self.answer, path)
        return _lot(self.question, path)

    def varied(self, *path: str | int) -> float:
        """A number from 0 to below 1 that is another one for each sample."""
        return _lot(self.answer, path)

    def one_of(self, items: Sequence[T], *path: str | int) -> T:
        return items[int(self.part(*path) * len(items))]


def draw_for(request: ChatRequest) -> Draw:
    """The lots of a request, from everything in it that a model would see."""
    seen = hashlib.sha256()
    for message in request.messages:
        _see_message(seen, message)
    settings = {name: str(value) for name, value in sorted(request.parameters.items())}
    tools = [(tool.name, tool.description, tool.parameters) for tool in request.tools]
    rest = [request.model, repr(request.answer), settings, tools]
    seen.update(json.dumps(rest, sort_keys=True, default=str).encode())
    question = seen.digest()
    return Draw(question, hashlib.sha256(question + b"%d" % request.sample).digest(), request.sample == 1)


def _see_message(seen: "hashlib._Hash", message: ChatMessage) -> None:
    # Every part with its kind and length, so that no two conversations run together.
    for part in (message.role, message.tool_call_id, *(call.arguments for call in message.tool_calls)):
        _see(seen, b"s", part.encode("utf-8", "surrogatepass"))
    for run in message.runs:
        if isinstance(run, tuple):
            _see(seen, b"t", *(piece.encode("utf-8", "surrogatepass") for piece in run))
        else:
            _see(seen, b"m", run.digest.encode())
    seen.update(b"/")


def _see(seen: "hashlib._Hash", kind: bytes, *data: bytes) -> None:
    seen.update(b"%s%d:" % (kind, sum(map(len, data))))
    for piece in data:
        seen.update(piece)


def _lot(seed: bytes, path: Path) -> float:
    lot = hashlib.sha256(seed + "/".join(map(str, path)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(lot[:6]) / 2**48
