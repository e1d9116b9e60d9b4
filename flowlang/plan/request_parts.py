"""What a recording keeps of the request that it answers: enough to know it again, and to say which part has changed.

Five groups of hexadecimal digits: the model, the parameters, what must come back (schema and tools), the step's own
texts as the flow has them, and the messages as they are sent. The texts are there for the telling alone: two requests
are the same if everything else is. Nothing of a provider's address is in it, nor ids that a provider gives to calls.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

from ..diagnostics.source import Span
from ..language.checked import CheckedTool
from ..language.values import Value
from ..language.writing import json_text
from ..models.chat import ChatMessage, ChatRequest, ToolCall
from .fingerprint import key_of_messages, parts_of

_GROUP = 4  # hexadecimal digits of a part; the messages, on which most hangs, have twice as many
_TEXTS = 3  # the group of the step's own texts

# The parts in their order, as they are told; a tool's result has the last two of its own.
PARTS = ("model", "parameters", "form", "texts", "messages")
TOOL_PARTS = ("tool", "values")


def request_print(request: ChatRequest, texts: str) -> str:
    """The groups of a request; `texts` is the group that texts_print() gives for the step."""
    parts = parts_of(request, "")
    form = [parts["schema"], parts["tools"]]
    messages = key_of_messages(_plain_ids(request)).hex()[: 2 * _GROUP]
    return "-".join((_digits(parts["model"]), _digits(parts["parameters"]), _digits(form), texts, messages))


def tool_print(tool: CheckedTool, takes: Mapping[str, Value]) -> str:
    """The groups of a tool's call: what the tool is, and what it is called with."""
    texts = (tool.method, tool.target, tool.function, tool.headers, tool.body)
    return f"{_digits(_plain(texts))}-{_digits(json_text(dict(takes), indent=None), 2 * _GROUP)}"


def texts_print(texts: Iterable[object]) -> str:
    """The group of texts as a flow has them, with what is to be filled in; where they stand is not in it."""
    return _digits([_plain(text) for text in texts])


def exact(printed: str) -> str:
    """What of the groups must be equal for a recording to serve."""
    groups = printed.split("-")
    return "-".join((*groups[:_TEXTS], *groups[_TEXTS + 1 :])) if len(groups) == len(PARTS) else printed


def changed_parts(old: str, new: str) -> tuple[str, ...]:
    """The parts in which two prints differ; all of them where one is none of ours."""
    names = PARTS if new.count("-") == len(PARTS) - 1 else TOOL_PARTS
    before, now = old.split("-"), new.split("-")
    if len(before) != len(now):
        return names
    return tuple(name for name, a, b in zip(names, before, now, strict=True) if a != b)


def _digits(data: Any, most: int = _GROUP) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:most]


def _plain_ids(request: ChatRequest) -> tuple[ChatMessage, ...]:
    """The messages with calls numbered in their order, and without what only the provider can read."""
    known: dict[str, str] = {}
    messages = []
    for message in request.messages:
        calls = []
        for call in message.tool_calls:
            known[call.id] = str(len(known) + 1)
            calls.append(ToolCall(known[call.id], call.name, _plain_json(call.arguments)))
        answered = known.get(message.tool_call_id, "")
        messages.append(replace(message, tool_calls=tuple(calls), tool_call_id=answered))
    return tuple(messages)


def _plain_json(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _plain(node: object) -> Any:
    """A part of a text as plain data, without its place."""
    if isinstance(node, str | bool | int | None):
        return node
    if isinstance(node, Decimal):
        return f"{node:f}"
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return [_plain(one) for one in node]
    assert is_dataclass(node)
    return [type(node).__name__, *(_plain(getattr(node, one.name)) for one in fields(node) if one.name != "span")]
