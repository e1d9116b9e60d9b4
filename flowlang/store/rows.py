"""What the rows of the store hold, as plain data, and how it becomes JSON and is read back.

A checksum says that a row is as it was written, not by whom: a store may have come with a stranger's project. So what
is read has the form that it should have, or it counts as damaged.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..models.chat import ChatMessage, Reply, ToolCall, Usage
from ..record import record


@record
class Kept:
    """An answer from before: what came, when (in Unix time), and in which run.

    `turns` are the turns of tools that led to it, where the question was asked by a step that uses some.
    """

    reply: Reply
    made_at: float
    run: int
    turns: tuple[ChatMessage, ...] = ()


@record
class Attempt:
    """One call as it is about to be sent. `request` is JSON for `show` and `why`; `most_usd` what it may cost."""

    path: str
    step: str
    item: int | None
    key: bytes
    model: str
    request: Mapping[str, Any]
    most_usd: str | None = None
    role: str = ""  # "judge" for the call of a rule's judge
    run: int = 0  # the run that makes it; a session of many runs may have begun another before it ends


@record
class Ending:
    """How a call came out: `status` as in the event `call_finished`. Money as text, in US dollars.

    `began_s`: how long the run had been under way when it began.
    """

    status: str
    seconds: float
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: str | None = None
    error: str = ""
    reply: Reply | None = None
    began_s: float = 0.0


_LATEST_S = 250_000_000_000.0  # in Unix time; the calendar ends a little later
_MOST_TOKENS = 10**12


def is_time(told: object) -> bool:
    """Whether this is a point in time."""
    return isinstance(told, int | float) and 0 <= told <= _LATEST_S


def is_run(flow: object, started_at: object, ended_at: object, outcome: object) -> bool:
    """Whether a run can have begun and ended like this."""
    is_ended = (ended_at is None or is_time(ended_at)) and (outcome is None or isinstance(outcome, str))
    return isinstance(flow, str) and is_time(started_at) and is_ended


def is_step(run: object, path: object, step: object) -> bool:
    """Whether these can name a step of a run."""
    return isinstance(run, int) and isinstance(path, str) and isinstance(step, str)


def is_call(run: object, path: object, step: object, item: object, key: object, status: object) -> bool:
    """Whether these can name a call, and how it came out."""
    is_named = is_step(run, path, step) and isinstance(item, int | None) and isinstance(key, bytes | None)
    return is_named and isinstance(status, str)


def reply_json(reply: Reply, turns: tuple[ChatMessage, ...] = ()) -> str:
    """An answer as the body of its row."""
    usage = reply.usage
    told: dict[str, Any] = {
        "text": reply.text,
        "finish": reply.finish,
        "model": reply.model,
        "usage": [getattr(usage, name) for name in Usage.__match_args__],
    }
    if reply.rest:
        told["rest"] = dict(reply.rest)
    if reply.tool_calls:
        told["calls"] = [_call_json(call) for call in reply.tool_calls]
    if turns:
        told["turns"] = [_turn_json(turn) for turn in turns]
    return _json(told)


def read_reply(body: str) -> tuple[Reply, tuple[ChatMessage, ...]]:
    """The answer in a row's body, and the turns before it. Raises ValueError for what is none."""
    try:
        told = json.loads(body)
        reply = Reply(
            text=_text(told["text"]),
            tool_calls=tuple(map(_read_call, told.get("calls", ()))),
            finish=_text(told["finish"]),
            usage=_read_usage(told["usage"]),
            model=_text(told["model"]),
            cached=True,
            rest=_mapping(told.get("rest", {})),
        )
        turns = tuple(map(_read_turn, told.get("turns", ())))
    except (KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise ValueError(f"no answer: {problem}") from None
    return reply, turns


def ending_json(ending: Ending) -> dict[str, Any]:
    """How a call came out, as a part of its row's body."""
    told: dict[str, Any] = {
        "began_s": round(ending.began_s, 4),
        "seconds": round(ending.seconds, 4),
        "tokens_in": ending.tokens_in,
        "tokens_out": ending.tokens_out,
        "tokens_cached": ending.tokens_cached,
        "cost_usd": ending.cost_usd,
    }
    if ending.error:
        told["error"] = ending.error
    if ending.reply is not None:
        told["answer"] = ending.reply.text
        if ending.reply.tool_calls:
            told["calls"] = [_call_json(call) for call in ending.reply.tool_calls]
    return told


def _turn_json(turn: ChatMessage) -> dict[str, Any]:
    told = {"role": turn.role, "text": turn.text, "calls": [_call_json(call) for call in turn.tool_calls]}
    return {**told, "call_id": turn.tool_call_id, "rest": turn.rest and dict(turn.rest), "said_by": turn.said_by}


def _read_turn(told: Mapping[str, Any]) -> ChatMessage:
    parts = (_text(told["text"]),) if told["text"] else ()
    calls = tuple(map(_read_call, told["calls"]))
    rest = None if told["rest"] is None else _mapping(told["rest"])
    return ChatMessage(_text(told["role"]), parts, calls, _text(told["call_id"]), rest, _text(told["said_by"]))


def _call_json(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments, "rest": dict(call.rest)}


def _read_call(told: Mapping[str, Any]) -> ToolCall:
    return ToolCall(_text(told["id"]), _text(told["name"]), _text(told["arguments"]), _mapping(told["rest"]))


def _read_usage(told: Any) -> Usage:
    usage = Usage(*told)
    for name in Usage.__match_args__:
        value = getattr(usage, name)
        if not (
            isinstance(value, bool) if name == "estimated" else isinstance(value, int) and 0 <= value <= _MOST_TOKENS
        ):
            raise TypeError(f"{name} is no count")
    return usage


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    return told


def _mapping(told: object) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise TypeError("no record")
    return told


_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode  # lone surrogates pass as they are
