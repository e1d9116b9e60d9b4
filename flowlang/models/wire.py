"""A request as the body of a chat-completions call (POST /chat/completions)."""

import base64
from decimal import Decimal
from typing import Any

from ..language.values import Media
from .answer import schema_of
from .chat import ChatMessage, ChatRequest, ToolSpec


def body_of(request: ChatRequest, name: str) -> dict[str, Any]:
    """The JSON body; `name` is what the answer's schema is called. Only what the flow sets is in it."""
    body: dict[str, Any] = {"model": request.model, "messages": [_message(message) for message in request.messages]}
    body |= {key: _parameter(key, value) for key, value in request.parameters.items()}
    if request.answer is not None and request.schema is not None:
        schema = schema_of(request.answer, name)
        form = {"name": schema.name, "schema": request.schema, "strict": schema.strict}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    return {**body, "stream": True}


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
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        told["tool_call_id"] = message.tool_call_id
    return told


def _part(part: str | Media) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    data = base64.b64encode(part.data).decode("ascii")
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}
    form = "wav" if "wav" in part.media_type else "mp3"
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    about = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": about}


def _parameter(key: str, value: str | Decimal | bool | tuple[str, ...]) -> Any:
    if key == "grounding":
        return {}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return list(value) if isinstance(value, tuple) else value
