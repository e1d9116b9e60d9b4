"""The quirks of endpoints in the wild, by number: each changes the request, refuses it, or reshapes the answer."""

import copy
from collections.abc import Callable
from typing import Any

from .refusals import Refusal, refused
from .shapes import Frame, Shape, encoded

Ask = Callable[[dict[str, Any]], dict[str, Any]]
Refuse = Callable[[dict[str, Any]], Refusal | None]
Reshape = Callable[[Shape, Any], None]

SIGNATURE = "sig-"


def no_index(shape: Shape, value: Any) -> None:
    """Tool calls without `index`."""
    for call in _streamed_calls(shape):
        call.pop("index", None)


def finish_stop(shape: Shape, value: Any) -> None:
    """A stream with tool calls ends with `stop`."""
    for frame in shape.frames:
        if frame.choice().get("finish_reason") == "tool_calls":
            frame.choice()["finish_reason"] = "stop"


def all_on_index_0(shape: Shape, value: Any) -> None:
    """Parallel calls all on index 0; with "glued" the arguments of all follow each other in one frame."""
    calls = _streamed_calls(shape)
    for call in calls:
        call["index"] = 0
    if value == "glued" and calls:
        calls[0]["function"]["arguments"] = "".join(call["function"]["arguments"] for call in calls)
        first = next(frame for frame in shape.frames if frame.delta().get("tool_calls"))
        shape.frames = [frame for frame in shape.frames if frame is first or not frame.delta().get("tool_calls")]


def thought_signature(shape: Shape, value: Any) -> None:
    """Tool calls carry a signature that must come back."""
    calls = shape.whole["choices"][0]["message"].get("tool_calls", [])
    for call in [*calls, *(call for call in _streamed_calls(shape) if "id" in call)]:
        call["extra_content"] = {"google": {"thought_signature": SIGNATURE + call["id"]}}


def refuse_lost_signature(request: dict[str, Any]) -> Refusal | None:
    """400 where a tool call came back without its signature."""
    for message in request["messages"]:
        for call in message.get("tool_calls") or ():
            given = call.get("extra_content", {}).get("google", {}).get("thought_signature", "")
            if given not in (SIGNATURE + call["id"], "skip_thought_signature_validator"):
                name = call["function"]["name"]
                return refused(400, f"Function call {name} is missing a thought_signature.", code="invalid_argument")
    return None


def finish_twice(shape: Shape, value: Any) -> None:
    """A second finish frame, empty."""
    at = next(index for index, frame in enumerate(shape.frames) if frame.choice().get("finish_reason"))
    again = copy.deepcopy(shape.frames[at])
    again.choice().update(delta={"role": "assistant", "content": ""}, finish_reason=value or "stop")
    shape.frames.insert(at + 1, again)


def no_done(shape: Shape, value: Any) -> None:
    """No `[DONE]`."""
    shape.done = False


def usage_on_finish(shape: Shape, value: Any) -> None:
    """Usage on the frame with the finish, even unasked."""
    shape.frames = [frame for frame in shape.frames if not _has_usage(frame)]
    for frame in shape.frames:
        if frame.choice().get("finish_reason") and isinstance(frame.data, dict):
            frame.data["usage"] = shape.usage


def usage_with_choices(shape: Shape, value: Any) -> None:
    """The usage frame has choices."""
    for frame in shape.frames:
        if _has_usage(frame) and isinstance(frame.data, dict):
            frame.data["choices"] = [{"index": 0, "delta": {"content": ""}}]


def no_usage(shape: Shape, value: Any) -> None:
    """No usage, though asked for."""
    shape.frames = [frame for frame in shape.frames if not _has_usage(frame)]
    shape.whole.pop("usage", None)


def sparse_finish(shape: Shape, value: Any) -> None:
    """`finish_reason` on one frame only; the first text in the frame with the role."""
    for frame in shape.frames:
        if frame.choice().get("finish_reason") is None:
            frame.choice().pop("finish_reason", None)
    if len(shape.frames) > 1 and shape.frames[1].delta().get("content"):
        shape.frames[1].delta()["role"] = "assistant"
        del shape.frames[0]


def other_ids(shape: Shape, value: Any) -> None:
    """Another id on every frame."""
    for index, frame in enumerate(shape.frames):
        if isinstance(frame.data, dict):
            frame.data["id"] = f"{frame.data['id']}-{index}"


def plain_text(shape: Shape, value: Any) -> None:
    """The stream is called text/plain."""
    shape.content_type = "text/plain; charset=utf-8"


def no_space(shape: Shape, value: Any) -> None:
    """`data:` without a space."""
    shape.colon = b"data:"


def crlf(shape: Shape, value: Any) -> None:
    """Lines end with CRLF."""
    shape.line_end = b"\r\n"


def comments(shape: Shape, value: Any) -> None:
    """Comments between the frames; empty lines before a body that is no stream."""
    _interleave(shape, (b": OPENROUTER PROCESSING\n\n", b": keep-alive\n\n"))
    shape.before_whole = b"\n\n\n"


def data_pings(shape: Shape, value: Any) -> None:
    """Keep-alives as data frames: empty ones, and `: ping`."""
    _interleave(shape, (b"data: \n\n", b"data: : ping\n\n"))


def no_choices_first(shape: Shape, value: Any) -> None:
    """A frame with empty `choices` comes first."""
    about = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    shape.frames.insert(0, Frame({**about, "prompt_filter_results": [{"prompt_index": 0}]}, 0))


def error_frame(shape: Shape, value: Any) -> None:
    """An error inside the stream after `value` frames (2), then the end, no `[DONE]`."""
    kept = 2 if value is None else int(value)
    after = shape.frames[min(kept, len(shape.frames) - 1)].after if shape.frames else 0
    error = {"error": {"message": "The upstream closed the connection.", "type": "server_error", "code": "500"}}
    shape.frames = [*shape.frames[:kept], Frame(error, after)]
    shape.whole = error
    shape.done = False
    shape.failed = True


def null_choices(shape: Shape, value: Any) -> None:
    """200, JSON, `choices` null and an error beside it."""
    shape.whole = {"id": None, "choices": None, "error": {"message": "Provider returned error", "code": 502}}
    shape.as_json = True
    shape.failed = True


def cut_silently(shape: Shape, value: Any) -> None:
    """The stream ends after `value` frames (half of them) with neither a finish nor `[DONE]`."""
    finish = next((at for at, frame in enumerate(shape.frames) if frame.choice().get("finish_reason")), 1)
    shape.frames = shape.frames[: max(1, finish // 2) if value is None else min(int(value), finish)]
    shape.whole["choices"][0]["finish_reason"] = None
    shape.done = False
    shape.failed = True


def refuse_json_object(request: dict[str, Any]) -> Refusal | None:
    """`json_object` is refused."""
    if _form(request) != "json_object":
        return None
    body = {"error": "'response_format.type' must be 'json_schema' or 'text'"}
    return Refusal(400, encoded(body))


def refuse_json_schema(request: dict[str, Any]) -> Refusal | None:
    """`json_schema` is refused with a 500 full of validation text."""
    if _form(request) != "json_schema":
        return None
    text = (
        "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), "
        "'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema'}]"
    )
    return refused(500, f"validation error: {text}", kind="internal_server_error")


def ignore_form(request: dict[str, Any]) -> dict[str, Any]:
    """`response_format` has no effect."""
    return {name: value for name, value in request.items() if name != "response_format"}


def only_reasoning(shape: Shape, value: Any) -> None:
    """All text in `reasoning` (or the field that `value` names), `content` empty."""
    name = value or "reasoning"
    for frame in shape.frames:
        if frame.delta().get("content"):
            frame.delta()[name] = frame.delta()["content"]
            frame.delta()["content"] = ""
    message = shape.whole["choices"][0]["message"]
    message[name], message["content"] = message["content"], ""


def hoist_system(request: dict[str, Any]) -> dict[str, Any]:
    """System messages go to the front, joined."""
    system = [str(message["content"]) for message in request["messages"] if message["role"] == "system"]
    if not system:
        return request
    others = [message for message in request["messages"] if message["role"] != "system"]
    return {**request, "messages": [{"role": "system", "content": "\n".join(system)}, *others]}


def broken_arguments(shape: Shape, value: Any) -> None:
    """The arguments of tool calls end too early to be JSON."""
    calls = shape.whole["choices"][0]["message"].get("tool_calls", [])
    for call in calls:
        call["function"]["arguments"] = call["function"]["arguments"][:-1]
    last: dict[int, dict[str, Any]] = {call["index"]: call for call in _streamed_calls(shape)}
    for call in last.values():
        call["function"]["arguments"] = call["function"]["arguments"][:-1]


def no_content_key(shape: Shape, value: Any) -> None:
    """No `content` key beside tool calls."""
    message = shape.whole["choices"][0]["message"]
    if "tool_calls" in message:
        del message["content"]
        for frame in shape.frames:
            frame.delta().pop("content", None)


RESHAPES: dict[int, Reshape] = {
    1: no_index,
    2: finish_stop,
    3: all_on_index_0,
    4: thought_signature,
    5: finish_twice,
    6: no_done,
    7: usage_on_finish,
    8: usage_with_choices,
    9: no_usage,
    10: sparse_finish,
    11: other_ids,
    12: plain_text,
    13: no_space,
    14: crlf,
    15: comments,
    16: data_pings,
    17: no_choices_first,
    18: error_frame,
    19: null_choices,
    20: cut_silently,
    24: only_reasoning,
    26: broken_arguments,
    27: no_content_key,
}
REFUSES: dict[int, Refuse] = {4: refuse_lost_signature, 21: refuse_json_object, 22: refuse_json_schema}
ASKS: dict[int, Ask] = {23: ignore_form, 25: hoist_system}

QUIRKS: dict[int, str] = {
    number: (change.__doc__ or "").partition("\n")[0]
    for number, change in sorted({**REFUSES, **ASKS, **RESHAPES}.items())
}


def _form(request: dict[str, Any]) -> str:
    return str((request.get("response_format") or {}).get("type", ""))


def _has_usage(frame: Frame) -> bool:
    return isinstance(frame.data, dict) and "usage" in frame.data


def _streamed_calls(shape: Shape) -> list[dict[str, Any]]:
    return [call for frame in shape.frames for call in frame.delta().get("tool_calls", [])]


def _interleave(shape: Shape, lines: tuple[bytes, ...]) -> None:
    frames = []
    for index, frame in enumerate(shape.frames):
        frames.append(Frame(lines[index % len(lines)], frame.after))
        frames.append(frame)
    shape.frames = frames
