"""A request as the body of a chat-completions call (POST /chat/completions)."""

import base64
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from ..language.template import LONG
from ..language.values import Media
from ..record import record
from .chat import ChatMessage, ChatRequest, ToolSpec

# Names of the language that are no part of the chat-completions contract: many endpoints refuse what they don't know.
VENDOR_FIELDS = frozenset(("grounding",))
EXTRA = "extra."  # before the name of a vendor's own field, as a line `extra NAME: value` sets it
BLOCK = 262_144  # characters; a longer text is encoded in blocks of this size, so that it never stands there thrice
MOST_ENCODED = 16_000_000  # characters of long texts whose bytes are kept for the next request that holds them


@record
class Dialect:
    """How an endpoint wants to be asked; the default is how it is asked first.

    `schema` is how far it understands schemas: "json_schema" as such, "json_object" as a mere wish for JSON, "none" not
    at all; below the first the schema is told in the messages. `usage`: it may be asked to report tokens. `extras` are
    the vendor fields that it takes. `rest`: what its messages hold beside the contract may be sent back.
    """

    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    schema: Literal["json_schema", "json_object", "none"] = "json_schema"
    usage: bool = True
    extras: frozenset[str] = VENDOR_FIELDS
    rest: bool = True


FIRST = Dialect()


@record
class Texts:
    """One text of a body, in the pieces that it was put together from: none of them is copied."""

    pieces: tuple[str, ...]

    def joined(self) -> str:
        """The text. As `default` of `json.dumps` it writes a body for people."""
        return "".join(self.pieces)


def body_of(request: ChatRequest, dialect: Dialect = FIRST) -> dict[str, Any]:
    """The JSON body, a text of several pieces as Texts. Only what the flow sets is in it; equal requests give equal
    bytes, however their texts are cut.
    """
    messages = [_message(message, dialect) for message in request.messages]
    if request.schema is not None and dialect.schema != "json_schema":
        _tell_schema(messages, request.schema)
    body: dict[str, Any] = {"model": request.model, "messages": messages}
    for name, value in request.parameters.items():
        if name == "max_tokens":
            body[dialect.max_tokens_name] = _parameter(value)
        elif name.startswith(EXTRA):
            if name.removeprefix(EXTRA) in dialect.extras:
                body[name.removeprefix(EXTRA)] = _parameter(value)
        elif name not in VENDOR_FIELDS:
            body[name] = _parameter(value)
        elif value is True and name in dialect.extras:
            body[name] = {}
    if request.schema is not None:
        if dialect.schema == "json_schema":
            form = {"name": request.schema_name or "answer", "schema": request.schema, "strict": request.strict}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif dialect.schema == "json_object":
            body["response_format"] = {"type": "json_object"}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    body["stream"] = True
    if dialect.usage:
        body["stream_options"] = {"include_usage": True}
    return body


def not_taken(request: ChatRequest, dialect: Dialect) -> tuple[str, ...]:
    """What the flow sets and an endpoint of this dialect cannot be told, by its names in the language."""
    wanted = [name for name, value in request.parameters.items() if name in VENDOR_FIELDS and value is True]
    wanted += [name for name in request.parameters if name.startswith(EXTRA)]
    return tuple(name for name in wanted if name.removeprefix(EXTRA) not in dialect.extras)


def encoded(body: Mapping[str, Any]) -> list[bytes]:
    """The body as the bytes that are sent, in pieces. A long text that many requests share shares its bytes, too."""
    pieces: list[bytes] = []
    short: list[str] = []
    _write(body, short, pieces)
    _flush(short, pieces)
    return pieces


# Messages


def _message(message: ChatMessage, dialect: Dialect) -> dict[str, Any]:
    # A list of parts only where it must be: some endpoints take nothing but a text elsewhere.
    runs = message.runs
    content: Any = _text(tuple(piece for run in runs if not isinstance(run, Media) for piece in run))
    if any(isinstance(run, Media) for run in runs) and not message.tool_calls:
        content = [_part(run) for run in runs]
    told: dict[str, Any] = {**((dialect.rest and message.rest) or {}), "role": message.role, "content": content}
    if message.tool_calls:
        told["content"] = content or None
        told["tool_calls"] = [
            {
                **call.rest,
                "id": call.id,
                "type": "function",
                "function": {**call.rest.get("function", {}), "name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        told["tool_call_id"] = message.tool_call_id
    return told


def _text(pieces: tuple[str, ...]) -> str | Texts:
    return Texts(pieces) if len(pieces) > 1 and sum(map(len, pieces)) >= LONG else "".join(pieces)


def _part(part: tuple[str, ...] | Media) -> dict[str, Any]:
    if not isinstance(part, Media):
        return {"type": "text", "text": _text(part)}
    if part.kind == "image":
        url = _text((f"data:{part.media_type};base64,", _base64(part.data)))
        return {"type": "image_url", "image_url": {"url": url}}
    form = "wav" if "wav" in part.media_type else "mp3"
    return {"type": "input_audio", "input_audio": {"data": _base64(part.data), "format": form}}


@lru_cache(maxsize=8)  # an image that a step shows with each of its items
def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _tell_schema(messages: list[dict[str, Any]], schema: Mapping[str, Any]) -> None:
    """Puts the schema behind the last thing that the user says."""
    shape = json.dumps(schema, ensure_ascii=False)
    told = f"Answer with JSON alone: no other words, and no code fence. The JSON must fit this JSON Schema:\n{shape}"
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, Texts):
                message["content"] = Texts((*content.pieces, f"\n\n{told}"))
            elif isinstance(content, str):
                message["content"] = _text((content, f"\n\n{told}")) if content else told
            else:
                content.append({"type": "text", "text": told})
            return
    messages.append({"role": "user", "content": told})


# Tools and parameters


def _tool(tool: ToolSpec) -> dict[str, Any]:
    about = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": about}


def _parameter(value: str | Decimal | bool | tuple[str, ...]) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return list(value) if isinstance(value, tuple) else value


# Bytes


def _write(value: Any, short: list[str], pieces: list[bytes]) -> None:
    """Adds a JSON value: long texts to `pieces`, everything else to `short`, which goes before the next piece."""
    if isinstance(value, Texts) or (isinstance(value, str) and len(value) >= LONG):
        short.append('"')
        for piece in value.pieces if isinstance(value, Texts) else (value,):
            if len(piece) >= LONG:
                _flush(short, pieces)
                pieces.extend(_encoded(piece))
            else:
                short.append(_json(piece)[1:-1])
        short.append('"')
    elif isinstance(value, Mapping) and value:
        for place, (name, item) in enumerate(value.items()):
            short.append(f"{',' if place else '{'}{_json(name)}:")
            _write(item, short, pieces)
        short.append("}")
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            short.append("," if place else "[")
            _write(item, short, pieces)
        short.append("]")
    else:
        short.append(_json(value))


def _flush(short: list[str], pieces: list[bytes]) -> None:
    if short:
        pieces.append("".join(short).encode("utf-8", "replace"))
        short.clear()


class _Encoding:
    """The bytes of long texts as they stand between quotes, each encoded once as long as it is remembered.

    A text is found by itself: its hash is reckoned once, and the same object needs no comparing.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, ...]] = {}
        self._size = 0  # characters of all that is known

    def __call__(self, text: str) -> tuple[bytes, ...]:
        blocks = self._known.pop(text, None)
        if blocks is None:
            cuts = range(0, len(text), BLOCK)
            blocks = tuple(_json(text[at : at + BLOCK])[1:-1].encode("utf-8", "replace") for at in cuts)
            self._size += len(text)
        self._known[text] = blocks  # what was used last stands last
        while self._size > MOST_ENCODED and len(self._known) > 1:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._size -= len(oldest)
        return blocks


_encoded = _Encoding()
_json: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
