"""A request as the body of a chat-completions call (POST /chat/completions)."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from ..language.values import Media
from ..record import record
from .chat import ChatMessage, ChatRequest, ToolSpec

# Names of the language that are no part of the chat-completions contract: many endpoints refuse what they don't know.
VENDOR_FIELDS = frozenset(("grounding",))
EXTRA = "extra."  # before the name of a vendor's own field, as a line `extra NAME: value` sets it
BLOCK = 32_768  # characters; a longer text is encoded in blocks of this size, each of them once


@record
class Dialect:
    """How an endpoint wants to be asked; the default is how it is asked first.

    `schema` is how far it understands schemas: "json_schema" as such, "json_object" as a mere wish for JSON, "none" not
    at all; below the first the schema is told in the messages. `usage`: it may be asked to report tokens. `extras` are
    the vendor fields that it takes.
    """

    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    schema: Literal["json_schema", "json_object", "none"] = "json_schema"
    usage: bool = True
    extras: frozenset[str] = VENDOR_FIELDS


FIRST = Dialect()


def body_of(request: ChatRequest, dialect: Dialect = FIRST) -> dict[str, Any]:
    """The JSON body. Only what the flow sets is in it; equal requests give equal bytes."""
    messages = [_message(message) for message in request.messages]
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
    """The body as the bytes that are sent, in pieces. A long text that many requests share shares its pieces, too."""
    pieces: list[bytes] = []
    short: list[str] = []
    _write(body, short, pieces)
    _flush(short, pieces)
    return pieces


# Messages


def _message(message: ChatMessage) -> dict[str, Any]:
    # A list of parts only where it must be: some endpoints take nothing but a text elsewhere.
    content: Any = message.text
    if any(isinstance(part, Media) for part in message.parts):
        content = [_part(part) for part in message.parts]
    told: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        told["content"] = message.text or None
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


def _part(part: str | Media) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{_base64(part.data)}"}}
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
            if isinstance(content, str):
                message["content"] = f"{content}\n\n{told}" if content else told
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
    if isinstance(value, str) and len(value) > BLOCK:
        short.append('"')
        _flush(short, pieces)
        # Blocks are counted from the start, so that texts with the same beginning have the same blocks.
        pieces.extend(_block(value[at : at + BLOCK]) for at in range(0, len(value), BLOCK))
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


@lru_cache(maxsize=512)  # up to 16 million characters
def _block(text: str) -> bytes:
    return _json(text)[1:-1].encode("utf-8", "replace")


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
