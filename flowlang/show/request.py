"""A request as people read it."""

from decimal import Decimal

from ..language.values import Media
from ..language.writing import as_text
from ..models.chat import ChatMessage, ChatRequest


def request_text(request: ChatRequest) -> str:
    """The messages one after the other, and the parameters before them; texts stand as they are sent."""
    head = [f"model: {request.model or 'none yet'}"]
    head += [f"{name}: {parameter_text(value)}" for name, value in request.parameters.items()]
    if request.tools:
        head.append("tools: " + ", ".join(tool.name for tool in request.tools))
    return "\n\n".join(["\n".join(head), *map(message_text, request.messages)]) + "\n"


def message_text(message: ChatMessage) -> str:
    """A message below its role."""
    parts = [part if isinstance(part, str) else _media_text(part) for part in message.parts]
    parts += [f"[calls {call.name}: {call.arguments}]" for call in message.tool_calls]
    return f"── {message.role} ──\n{''.join(parts)}"


def _media_text(media: Media) -> str:
    return f"[{media.kind} {media.name or media.media_type}, {len(media.data):,} bytes]"


def parameter_text(value: str | Decimal | bool | tuple[str, ...]) -> str:
    """A parameter as it is sent."""
    return ", ".join(value) if isinstance(value, tuple) else as_text(value)
