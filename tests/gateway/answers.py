"""What the gateway answers: as scripted, or something that fits what was asked; equal requests, equal answers."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import Latency


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is a JSON text or what is written as one."""

    name: str
    arguments: Any
    id: str = ""

    @property
    def text(self) -> str:
        """The arguments as a JSON text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `pieces` cuts the text for the stream (empty: at its words); each piece counts as one token.

    `finish` is found where it is empty: "tool_calls", "length" where `max_tokens` is less than the pieces, or "stop".
    `usage` replaces what is counted; `latency` is that of the gateway unless given; `extra` stands in the message
    beside what the contract knows.
    """

    text: str = ""
    tool_calls: tuple[Call, ...] = ()
    finish: str = ""
    usage: Mapping[str, Any] | None = None
    pieces: tuple[str, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    latency: Latency | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


Script = Callable[[dict[str, Any]], Answer | str]

_WORD = re.compile(r"\s*\S+\s*?")


def pieces_of(answer: Answer) -> list[str]:
    """The answer's text in the pieces in which it is streamed."""
    if answer.pieces:
        return list(answer.pieces)
    words = _WORD.findall(answer.text)
    rest = answer.text[sum(map(len, words)) :]
    return [*words, rest] if rest else words


def call_id(call: Call, index: int) -> str:
    """The id of a call: its own, or one for its place."""
    return call.id or f"call_{index + 1}"


def fitting_answer(request: dict[str, Any]) -> Answer:
    """What is answered where nothing is scripted: the forced tool call, a value of the schema, or a sentence."""
    draw = _Draw(json.dumps(request, sort_keys=True))
    if calls := _forced_calls(request, draw):
        return Answer(tool_calls=calls)
    schema = _schema_of(request)
    if schema is None:
        return Answer(f"Answer {draw.take(10_000)} to: {_asked(request)[:60]}")
    return Answer(json.dumps(_value(schema, schema, draw, 0), ensure_ascii=False))


class _Draw:
    """Numbers that follow from a text, the same in every process."""

    def __init__(self, text: str) -> None:
        self._seed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def take(self, below: int) -> int:
        """The next number."""
        self._seed = hashlib.blake2b(self._seed, digest_size=16).digest()
        return int.from_bytes(self._seed[:6], "big") % below


def _forced_calls(request: dict[str, Any], draw: _Draw) -> tuple[Call, ...]:
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        named = choice.get("function", {}).get("name")
    elif choice == "required":
        named = request["tools"][0]["function"]["name"]
    else:
        return ()
    tools = [tool["function"] for tool in request["tools"] if tool["function"]["name"] == named]
    schema = tools[0].get("parameters", {"type": "object"})
    return (Call(named, _value(schema, schema, draw, 0)),)


def _schema_of(request: dict[str, Any]) -> Any:
    form = request.get("response_format") or {}
    match form.get("type"):
        case "json_schema":
            return form["json_schema"]["schema"]
        case "json_object":
            given = form.get("schema") or _schema_in(_asked(request))
            return given or {"type": "object", "properties": {"answer": {"type": "string"}}}
        case _:
            return _schema_in(_asked(request))


def _schema_in(text: str) -> dict[str, Any] | None:
    """A schema that the text shows, for an endpoint that is told in words."""
    for start in re.finditer(r"\{\s*\"", text):
        try:
            found, _ = json.JSONDecoder().raw_decode(text, start.start())
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("properties"), dict):
            return found
    return None


def _asked(request: dict[str, Any]) -> str:
    for message in reversed(request.get("messages", [])):
        content = message.get("content")
        if isinstance(content, list):
            content = " ".join(part.get("text", "") for part in content if isinstance(part, dict))
        if content:
            return str(content)
    return ""


def _value(schema: dict[str, Any], root: dict[str, Any], draw: _Draw, depth: int) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return _value(root.get("$defs", {})[name], root, draw, depth + 1)
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return choices[draw.take(len(choices))]
    if ways := schema.get("anyOf") or schema.get("oneOf"):
        return _value(_shallow(ways, depth), root, draw, depth + 1)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null" or depth > 20)
    match kind:
        case "object":
            fields = schema.get("properties", {})
            return {name: _value(field, root, draw, depth + 1) for name, field in fields.items()}
        case "array":
            length = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2))) if depth < 12 else 0
            return [_value(schema.get("items", {}), root, draw, depth + 1) for _ in range(length)]
        case "integer" | "number":
            least = schema.get("minimum", 1)
            return min(least + draw.take(9), schema.get("maximum", 10**9))
        case "boolean":
            return draw.take(2) == 1
        case "null":
            return None
        case _:
            return f"text {draw.take(1000)}"


def _shallow(ways: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    """The first way, or null where a schema refers to itself without end."""
    nothing = [way for way in ways if way.get("type") == "null"]
    return nothing[0] if nothing and depth > 8 else ways[0]
