"""The fingerprint of a request: equal for equal questions to the same provider, different for everything else.

What is in it is exactly what decides the answer: who is asked, the messages with the digests of what is attached, the
parameters that are sent, the schema, the tools, and which sample it is. How a text is cut into pieces is not in it, nor
are names of steps and files, comments and layout.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from ..language.values import Media
from ..models.chat import ChatMessage, ChatRequest

KEY_VERSION = 1  # goes up when equal requests get other fingerprints: every answer is then asked for anew
LONG = 32_768  # characters; what such a text adds to a fingerprint is remembered, since many requests share it
_MOST_STATES = 4  # a state keeps its text in memory

_states: "OrderedDict[tuple[bytes, str], Any]" = OrderedDict()


def key_of(request: ChatRequest, origin: str) -> bytes:
    """The fingerprint of a request to the provider at `origin`, 32 bytes."""
    return _hashed(_head(request, origin), request.messages)


def key_of_messages(messages: Iterable[ChatMessage]) -> bytes:
    """The fingerprint of messages alone, 32 bytes."""
    return _hashed("", messages)


def _hashed(head: str, messages: Iterable[ChatMessage]) -> bytes:
    seen = sha256(head.encode("utf-8", "surrogatepass"))
    for message in messages:
        seen = _with_message(seen, message)
    return seen.digest()


def parts_of(request: ChatRequest, origin: str) -> dict[str, Any]:
    """What a request is made of, but for its messages, as plain JSON: for telling what changed since."""
    return {
        "origin": origin,
        "model": request.model,
        "parameters": {name: _plain(value) for name, value in sorted(request.parameters.items())},
        "schema": _schema_of(request),
        "tools": _tools_of(request),
        "sample": request.sample,
    }


def _head(request: ChatRequest, origin: str) -> str:
    """All but the messages. What a schema is called is left out: it is the step's name, and no part of the question."""
    schema = None if request.schema is None else json.dumps([request.strict, request.schema], ensure_ascii=False)
    # A number is sent as one, a text like it as a text.
    parameters = [
        [name, _plain(value), isinstance(value, Decimal)] for name, value in sorted(request.parameters.items())
    ]
    parts = [KEY_VERSION, origin, request.model, parameters, schema, _tools_of(request), request.sample]
    return json.dumps(parts, separators=(",", ":"))


def _schema_of(request: ChatRequest) -> Any:
    # The order of a schema's fields is the order in which a model fills them in, so it counts: the text keeps it.
    # Its name is the step's, and a step that is renamed asks the same.
    if request.schema is None:
        return None
    return json.dumps([request.strict, request.schema], ensure_ascii=False)


def _tools_of(request: ChatRequest) -> list[str]:
    return [
        json.dumps([tool.name, tool.description, tool.parameters], ensure_ascii=False, default=dict)
        for tool in request.tools
    ]


def _plain(value: object) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    assert isinstance(value, tuple)
    return [_plain(one) for one in value]


def _with_message(seen: Any, message: ChatMessage) -> Any:
    """The hash of all so far and a message. Whatever has no bounds of its own is told with its length behind it."""
    calls = [[one.id, one.name, one.arguments, _jsonable(one.rest)] for one in message.tool_calls]
    rest = [_jsonable(message.rest)] if message.rest else []
    head = json.dumps([message.role, message.tool_call_id, calls, *rest], sort_keys=True)
    seen.update(f"\0m{head}\0".encode("utf-8", "surrogatepass"))
    size = 0
    for part in message.parts:
        if isinstance(part, Media):
            seen.update(f"\0{size}\0{part.kind} {part.media_type} {part.digest}\0".encode())
            size = 0
        else:
            size += len(part)
            seen = _with_text(seen, part)
    seen.update(f"\0{size}".encode())
    return seen


def _with_text(seen: Any, text: str) -> Any:
    if len(text) < LONG:
        seen.update(text.encode("utf-8", "surrogatepass"))
        return seen
    at = (seen.digest(), text)
    known = _states.get(at)
    if known is None:
        seen.update(text.encode("utf-8", "surrogatepass"))
        known = _states[at] = seen.copy()
        if len(_states) > _MOST_STATES:
            _states.popitem(last=False)
    return known.copy()


def _jsonable(rest: Mapping[str, Any]) -> Any:
    return {str(name): value for name, value in rest.items()}
