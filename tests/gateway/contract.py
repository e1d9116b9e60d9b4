"""What the contract says of a request, and fields that one endpoint or another refuses."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .refusals import REFUSALS, Refusal, refused
from .shapes import encoded

KNOWN_FIELDS = frozenset(
    "model messages max_tokens max_completion_tokens temperature top_p n stream stream_options stop presence_penalty "
    "frequency_penalty response_format tools tool_choice parallel_tool_calls seed user reasoning_effort".split()
)
ROLES = {"system", "developer", "user", "assistant", "tool"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def complaint(body: bytes, request: dict[str, Any]) -> Refusal | None:
    """What any endpoint would refuse; None: the request is in order."""
    if not request:
        return refused(400, f"The body is no JSON object: {body[:40]!r}")
    wrong = _wrong_message(request.get("messages")) or _wrong_field(request)
    if wrong:
        return refused(400, wrong, code="invalid_param")
    form = request.get("response_format") or {}
    if form.get("type") == "json_object" and "json" not in json.dumps(request["messages"]).lower():
        return REFUSALS["400-json-word"]
    return None


def _wrong_field(request: Mapping[str, Any]) -> str:
    if not isinstance(request.get("model"), str) or not request["model"]:
        return "'model' is missing"
    if "stream_options" in request and request.get("stream") is not True:
        return "'stream_options' is only allowed when 'stream' is true"
    if not 0 <= request.get("temperature", 1) <= 2:
        return "'temperature' must be between 0 and 2"
    most = request.get("max_tokens", request.get("max_completion_tokens", 1))
    if not isinstance(most, int) or most < 1:
        return "'max_tokens' must be a whole number above 0"
    if "max_tokens" in request and "max_completion_tokens" in request:
        return "'max_tokens' and 'max_completion_tokens' are both there"
    if request.get("n", 1) != 1:
        return "'n' must be 1"
    stop = request.get("stop")
    if stop is not None and not isinstance(stop, str) and not (isinstance(stop, list) and 1 <= len(stop) <= 4):
        return "'stop' must be a text or up to four"
    names = [tool.get("function", {}).get("name", "") for tool in request.get("tools", [])]
    if "tools" in request and (not names or not all(map(_NAME.fullmatch, names)) or len(set(names)) < len(names)):
        return f"'tools' must have different names of letters, digits, _ and -: {names}"
    form = request.get("response_format")
    if form is not None and form.get("type") not in ("text", "json_object", "json_schema"):
        return f"'response_format.type' is unknown: {form.get('type')}"
    if form is not None and form["type"] == "json_schema":
        about = form.get("json_schema") or {}
        if not _NAME.fullmatch(about.get("name", "")):
            return "'response_format.json_schema.name' must be 1 to 64 letters, digits, _ or -"
        return _wrong_schema(about.get("schema"), "schema") if about.get("strict") else ""
    return ""


def _wrong_message(messages: Any) -> str:
    if not isinstance(messages, list) or not messages:
        return "'messages' must have at least one message"
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        place = f"messages[{number}]"
        if role not in ROLES:
            return f"{place} has an unknown role: {role}"
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                return f"{place} answers no tool call: {message.get('tool_call_id')}"
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            return f"{place}: these tool calls have no answer: {sorted(open_calls)}"
        if role == "assistant":
            open_calls = {call["id"] for call in message.get("tool_calls") or ()}
        if content is None and not open_calls:
            return f"{place} has no content"
        if isinstance(content, list):
            allowed = ("text", "image_url", "input_audio", "file") if role == "user" else ("text",)
            for part in content:
                if part.get("type") not in allowed or not part.get(part["type"]):
                    return f"{place} has a part that is not allowed: {json.dumps(part)[:80]}"
        elif content is not None and not isinstance(content, str):
            return f"{place} has content that is no text"
    return ""


def _wrong_schema(schema: Any, place: str) -> str:
    """What a strict endpoint refuses of a schema: an open or loose object, a keyword of composition."""
    if not isinstance(schema, dict):
        return f"'{place}' is no schema"
    if place == "schema" and schema.get("type") != "object":
        return f"'{place}' must be an object at its root"
    if refusals := {"allOf", "not", "if", "then", "else", "dependentRequired"} & set(schema):
        return f"'{place}' has what is not permitted: {sorted(refusals)}"
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", [])) != set(fields):
            return f"'{place}' must require every field and have additionalProperties: false"
    inner = [*schema.get("properties", {}).items(), *schema.get("$defs", {}).items()]
    inner += [("items", schema["items"])] if "items" in schema else []
    inner += [("anyOf", way) for way in schema.get("anyOf", [])]
    return next((wrong for name, each in inner if (wrong := _wrong_schema(each, f"{place}.{name}"))), "")


def refuse_field(request: Mapping[str, Any], refuses: Mapping[str, str]) -> Refusal | None:
    """The refusal of a field: `refuses` names a field (or "response_format.json_schema", a message's "messages.extra",
    or "*" for unknown ones) and how it is refused: "400", "422", "422-forbidden", "422-detail", "500"."""
    for field, how in refuses.items():
        name, _, kind = field.partition(".")
        if field == "*":
            found = sorted(set(request) - KNOWN_FIELDS)
        elif name == "messages":
            found = [f"messages.{kind}"] if any(kind in message for message in request["messages"]) else []
            kind = ""
        else:
            there = name in request and (not kind or (request[name] or {}).get("type") == kind)
            found = [name] if there else []
        if found:
            return _refused_field(found[0], kind, how)
    return None


def _refused_field(name: str, kind: str, how: str) -> Refusal:
    told = f"{name}.type" if kind else name
    if how == "422-forbidden":
        detail = {"type": "extra_forbidden", "loc": ["body", *told.split(".")], "msg": "Extra inputs are not permitted"}
        return Refusal(
            422, encoded({"object": "error", "message": {"detail": [detail]}, "type": "invalid_request_error"})
        )
    if how == "422-detail":
        return Refusal(422, encoded({"detail": f"Unexpected fields in the request: {{'{name}'}}"}))
    if how == "500":
        return refused(500, f"1 validation error for request: body.{told}: unexpected value {kind or name}")
    if how == "400" and name == "max_tokens":
        return REFUSALS["400-parameter"]
    message = f"Unsupported parameter: '{told}' is not supported with this model."
    if kind:
        message = f"Invalid parameter: '{told}' of type '{kind}' is not supported with this model."
    return refused(int(how), message, param=told, code="unsupported_parameter" if how == "400" else "invalid_param")
