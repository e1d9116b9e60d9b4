"""An answer as the frames of a stream, and as one JSON body."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .answers import Answer, call_id, pieces_of

CREATED = 1_760_000_000
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(slots=True)
class Frame:
    """One event of a stream: its JSON, or its bytes as they go out; `after` counts the tokens before it."""

    data: dict[str, Any] | bytes
    after: int

    def choice(self) -> dict[str, Any]:
        """The first choice of the frame; an empty one where it has none."""
        if isinstance(self.data, bytes):
            return {}
        found: dict[str, Any] = (self.data.get("choices") or [{}])[0]
        return found

    def delta(self) -> dict[str, Any]:
        """What the frame adds; an empty one where it adds nothing."""
        found = self.choice().get("delta")
        return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class Shape:
    """How an answer goes out. Quirks change it: that is why it is not frozen.

    `whole` is the body where no stream was asked for, or where `as_json` says so; `failed`: it is not billed.
    """

    frames: list[Frame]
    whole: dict[str, Any]
    usage: dict[str, Any]
    asked_usage: bool
    content_type: str = "text/event-stream"
    line_end: bytes = b"\n"
    colon: bytes = b"data: "
    done: bool = True
    before_whole: bytes = b""
    as_json: bool = False
    failed: bool = False

    def events(self) -> list[bytes]:
        """Every event as it goes out."""
        end = self.line_end * 2
        events = [frame.data if isinstance(frame.data, bytes) else self._event(frame.data) for frame in self.frames]
        return [*events, self.colon + b"[DONE]" + end] if self.done else events

    def _event(self, data: dict[str, Any]) -> bytes:
        return self.colon + encoded(data) + self.line_end * 2

    def body(self) -> bytes:
        """The body of an answer that is no stream."""
        return self.before_whole + encoded(self.whole)


def encoded(data: Any) -> bytes:
    """JSON as it goes over the wire; a lone surrogate stays one, written as an escape."""
    return _JSON(data).encode("utf-8", "backslashreplace")


def cut_to(answer: Answer, request: dict[str, Any]) -> tuple[list[str], str]:
    """The pieces that `max_tokens` lets through, and how the answer ends."""
    pieces = pieces_of(answer)
    most = request.get("max_tokens", request.get("max_completion_tokens"))
    if isinstance(most, int) and len(pieces) > most:
        return pieces[:most], "length"
    return pieces, answer.finish or ("tool_calls" if answer.tool_calls else "stop")


def shape_of(
    answer: Answer, request: dict[str, Any], ident: str, tokens_in: int, tokens_cached: int, final: bool
) -> Shape:
    """The normal form of an answer: both ways in which it may be asked for, and what it counts.

    `final`: nothing will change it, so that its text can be made as bytes at once, which is much faster.
    """
    pieces, finish = cut_to(answer, request)
    thoughts = answer.reasoning.split(" ") if answer.reasoning else []
    arguments = sum(-(-len(call.text) // 4) for call in answer.tool_calls)
    tokens_out = len(pieces) + len(thoughts) + arguments
    usage = dict(answer.usage) if answer.usage is not None else _usage(tokens_in, tokens_cached, tokens_out, thoughts)
    asked_usage = bool((request.get("stream_options") or {}).get("include_usage"))
    about = {"id": ident, "object": "chat.completion", "created": CREATED, "model": request["model"]}
    message: dict[str, Any] = {"role": "assistant", "content": "".join(pieces) or None, **answer.extra}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.refusal:
        message["refusal"] = answer.refusal
    if answer.tool_calls:
        message["tool_calls"] = _calls(answer)
    whole = {**about, "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
    frames = _frames(answer, pieces, thoughts, finish, about, final) if request.get("stream") else []
    if frames and asked_usage:
        frames.append(Frame({**_chunk(about), "choices": [], "usage": usage}, tokens_out))
    return Shape(frames, whole, usage, asked_usage)


def _usage(tokens_in: int, tokens_cached: int, tokens_out: int, thoughts: list[str]) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": tokens_cached},
    }
    if thoughts:
        usage["completion_tokens_details"] = {"reasoning_tokens": len(thoughts)}
    return usage


def _calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"id": call_id(call, index), "type": "function", "function": {"name": call.name, "arguments": call.text}}
        for index, call in enumerate(answer.tool_calls)
    ]


def _told(chunk: dict[str, Any], delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@lru_cache(maxsize=4096)
def _text(piece: str) -> bytes:
    return encoded(piece)


def _chunk(about: dict[str, Any]) -> dict[str, Any]:
    return {**about, "object": "chat.completion.chunk"}


def _frames(
    answer: Answer, pieces: list[str], thoughts: list[str], finish: str, about: dict[str, Any], final: bool
) -> list[Frame]:
    chunk = _chunk(about)
    frames: list[Frame] = []

    def add(delta: dict[str, Any], after: int, finish: str | None = None) -> None:
        frames.append(Frame(_told(chunk, delta, finish), after))

    add({"role": "assistant", "content": ""}, 0)
    for index, thought in enumerate(thoughts):
        add({"reasoning_content": f" {thought}" if index else thought}, index)
    after = len(thoughts)
    for name, value in answer.extra.items():
        half = len(value) // 2 if isinstance(value, str) else 0
        for part in (value[:half], value[half:]) if half else (value,):
            add({name: part}, after)
    if final:
        before, _, behind = encoded(_told(chunk, {"content": ""}, None)).rpartition(b'""')
        before, behind = b"data: " + before, behind + b"\n\n"
        frames += [Frame(before + _text(piece) + behind, after + index) for index, piece in enumerate(pieces)]
    else:
        for index, piece in enumerate(pieces):
            add({"content": piece}, after + index)
    after += len(pieces)
    if answer.refusal:
        add({"refusal": answer.refusal}, after)
    for index, call in enumerate(_calls(answer)):
        arguments = call["function"]["arguments"]
        opening = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        add({"tool_calls": [opening]}, after)
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            if part:
                add({"tool_calls": [{"index": index, "function": {"arguments": part}}]}, after)
                after += -(-len(part) // 4)
    add({}, after, finish)
    return frames
