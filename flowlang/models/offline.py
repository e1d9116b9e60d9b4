"""The built-in model that needs no network: no language model, and its name says so.

Equal requests get equal answers, in every process. An answer always fits the type that was asked for, and its texts
are sentences of the prompt.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from ..language.types import (
    ChoiceType,
    FieldType,
    JsonType,
    ListOf,
    NumberType,
    Optional,
    RecordType,
    Remembering,
    TextType,
    Type,
    YesNoType,
)
from ..language.values import Media, Value
from ..language.writing import json_text
from ..pattern import pattern
from ..record import record
from .answer import WRAPPER
from .asked import Asked, asked
from .chat import ChatMessage, ChatRequest, Chunk, Complete, EmitChunk, Reply, ToolCall, Usage
from .draw import Draw, draw_for
from .errors import CutOff, Unreachable
from .invent import invent
from .tokens import estimate_tokens, estimate_tokens_of

NAME = "offline"
MEDIA_TOKENS = 300  # what an image or a sound is counted as
MOST_CHUNKS = 24

Sleep = Callable[[float], Awaitable[object]]


@record
class OfflineSettings:
    """How the world should misbehave. `latency_s` is the time of one answer, the rates are parts of 1."""

    latency_s: float = 0.0
    failure_rate: float = 0.0
    cut_off_rate: float = 0.0


def offline_model(settings: OfflineSettings, sleep: Sleep = asyncio.sleep) -> Complete:
    """The model. Which calls fail or are cut off is decided by the request, so that a second run sees the same."""

    async def complete(request: ChatRequest, emit: EmitChunk) -> Reply:
        draw = draw_for(request)
        if draw.varied("fails") < settings.failure_rate:
            await sleep(settings.latency_s)
            raise Unreachable("the offline model was told to fail here")
        question = asked([_readable(message) for message in request.messages])
        calls = _tool_calls(request, question, draw)
        text = "" if calls else _text(request, question, draw)
        pieces = _pieces(text)
        cut = draw.varied("cut off") < settings.cut_off_rate
        kept = pieces[: len(pieces) // 2] if cut else pieces
        pause = settings.latency_s / (len(pieces) + 1)
        await sleep(pause)
        for piece in kept:
            emit(Chunk(piece))
            await sleep(pause)
        if cut:
            raise CutOff("the offline model was told to cut its answer off here", "".join(kept))
        return Reply(
            text,
            calls,
            "tool_calls" if calls else "stop",
            Usage(_tokens_in(request), estimate_tokens(text + "".join(call.arguments for call in calls))),
            NAME,
        )

    return complete


def made_up(about: str, takes: Mapping[str, Value], returns: Type | None) -> str:
    """What a tool might give back that is not called: made of what it is about and what it takes."""
    given = json_text(dict(takes), indent=None)
    request = ChatRequest(NAME, (ChatMessage("user", (f"{about}\n\n{given}",)),), answer=returns)
    return _text(request, asked(list(request.messages)), draw_for(request))


def _text(request: ChatRequest, question: Asked, draw: Draw) -> str:
    answer = invent(question, request.answer, draw)
    if request.answer is None or (request.schema is None and isinstance(answer, str)):
        return _no_longer(str(answer), request)
    whole: Value = answer if _is_record(request.answer) else {WRAPPER: answer}
    return json_text(whole, indent=None)


def _no_longer(text: str, request: ChatRequest) -> str:
    """The text within `max_tokens`: whole sentences if one fits, else whole words."""
    most = request.parameters.get("max_tokens")
    if not isinstance(most, Decimal) or request.answer is not None:
        return text
    for ending in (r"[.!?…](?=\s|$)", r"(?<=\S)(?=\s)"):
        ends = [len(text), *(end.end() for end in reversed(list(re.finditer(ending, text))))]
        for end in ends:
            if estimate_tokens(text[:end]) <= most:
                return text[:end]
    return text.split(" ", 1)[0]


def _is_record(of: Type) -> bool:
    while isinstance(of, Remembering):
        of = of.item
    return isinstance(of, RecordType)


def _pieces(text: str) -> list[str]:
    """The text in a few dozen pieces at most, cut behind words."""
    size = max(8, -(-len(text) // MOST_CHUNKS))
    pieces: list[str] = []
    at = 0
    while at < len(text):
        end = at + size
        space = text.find(" ", end)
        end = space + 1 if 0 <= space < end + size else end
        pieces.append(text[at:end])
        at = end
    return pieces


def _readable(message: ChatMessage) -> ChatMessage:
    """The message with each text in one piece, without halves of characters, which no answer may hold."""
    parts = tuple(run if isinstance(run, Media) else _whole_characters("".join(run)) for run in message.runs)
    return ChatMessage(message.role, parts, message.tool_calls, message.tool_call_id)


def _whole_characters(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _tokens_in(request: ChatRequest) -> int:
    total = 3
    for message in request.messages:
        total += 4
        for run in message.runs:
            total += MEDIA_TOKENS if isinstance(run, Media) else estimate_tokens_of(run)
        total += sum(estimate_tokens(call.arguments) for call in message.tool_calls)
    if request.schema is not None:
        total += estimate_tokens(json.dumps(request.schema, ensure_ascii=False))
    return total


# Tools: each is called once, before anything is answered


def _tool_calls(request: ChatRequest, question: Asked, draw: Draw) -> tuple[ToolCall, ...]:
    called = False
    for message in request.messages:
        if message.role == "user":
            called = False
        elif message.tool_calls:
            called = True
    if called or question.again:
        return ()
    calls = []
    for place, tool in enumerate(request.tools, 1):
        arguments = invent(question, _type_of(tool.parameters), draw)
        calls.append(ToolCall(f"offline_{place}", tool.name, json_text(arguments, indent=None)))
    return tuple(calls)


_BOUND = pattern(r"(?:from (-?[0-9.]+) to (-?[0-9.]+)|at least (-?[0-9.]+)|at most (-?[0-9.]+)|exactly (-?[0-9.]+))")


def _type_of(schema: Mapping[str, Any]) -> Type:
    """The type that a schema describes, as far as schemas of this program go; bounds stand in its descriptions."""
    told = str(schema.get("description", ""))
    if "anyOf" in schema:
        given = [one for one in schema["anyOf"] if one.get("type") != "null"]
        inner = _type_of({"description": told, **given[0]}) if given else JsonType()
        return Optional(inner) if len(given) < len(schema["anyOf"]) else inner
    if "enum" in schema:
        return ChoiceType(tuple(map(str, schema["enum"])))
    low, high = _bounds(told)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return RecordType(
                "",
                tuple(FieldType(name, _type_of(one), str(one.get("description", ""))) for name, one in fields.items()),
            )
        case "array":
            return ListOf(_type_of(schema.get("items", {})), _count(low), _count(high))
        case "string":
            return TextType(_count(low), _count(high)) if "character" in told else TextType()
        case "integer":
            return NumberType(True, low, high)
        case "number":
            return NumberType(False, low, high)
        case "boolean":
            return YesNoType()
        case _:
            return JsonType()


def _bounds(told: str) -> tuple[Decimal | None, Decimal | None]:
    found = _BOUND.search(told.rpartition("; ")[2])
    if not found:
        return None, None
    low, high = found[1] or found[3] or found[5], found[2] or found[4] or found[5]
    return (Decimal(low.rstrip(".")) if low else None, Decimal(high.rstrip(".")) if high else None)


def _count(bound: Decimal | None) -> int | None:
    return None if bound is None else int(bound)
