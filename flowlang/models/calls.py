"""The tool calls of an answer, put together from the pieces of a stream."""

import json
from collections.abc import Mapping
from typing import Any

from .chat import ToolCall
from .errors import Unreachable
from .rest import size_of
from .tokens import estimate_tokens

_KNOWN = frozenset(("index", "id", "type", "function"))
_KNOWN_OF_FUNCTION = frozenset(("name", "arguments"))
_DECODER = json.JSONDecoder()


class _Call:
    __slots__ = ("arguments", "function", "id", "name", "rest", "whole")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.rest: dict[str, Any] = {}
        self.function: dict[str, Any] = {}
        self.whole: bool | None = False  # whether the arguments are one JSON object; None if that was not looked at

    def is_whole(self) -> bool:
        if self.whole is None:
            self.whole = _is_object("".join(self.arguments))
        return self.whole


class CallParts:
    """Takes pieces of calls and tells which belong together.

    The index tells, where it can be trusted: some servers leave it out, others give all calls the same. A new id with a
    name begins a new call, and so does a name or a whole object of arguments where the call had all it needs.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}

    def take(self, piece: Mapping[str, Any]) -> None:
        """One element of a delta's `tool_calls`."""
        function = piece.get("function")
        if not isinstance(function, Mapping):
            function = {}
        index, id_, name = piece.get("index"), piece.get("id"), function.get("name")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        id_ = id_ if isinstance(id_, str) else ""
        name = name if isinstance(name, str) else ""
        arguments = function.get("arguments")
        if isinstance(arguments, dict):  # not written as a text, as it should be
            arguments = json.dumps(arguments, ensure_ascii=False)
        arguments = arguments if isinstance(arguments, str) else ""

        call = self._found(index, id_, name)
        if call is None or _begins_anew(call, id_, name, arguments):
            before, call = call, _Call()
            call.name = before.name if before is not None else ""
            self._calls.append(call)
        if index is not None:
            self._at[index] = call
        call.id = call.id or id_
        call.name = name or call.name
        if arguments:
            if id_ and id_ == call.id and call.arguments == ["{}"]:
                call.arguments.clear()  # it only kept the place
            call.arguments.append(arguments)
            call.whole = None
        call.rest |= _unknown(piece, _KNOWN)
        call.function |= _unknown(function, _KNOWN_OF_FUNCTION)

    def whole(self) -> tuple[ToolCall, ...]:
        """The calls, in the order in which they began; each has an id of its own. Raises ModelError."""
        found: list[ToolCall] = []
        used: set[str] = set()
        for call in self._calls:
            if not call.name:
                raise Unreachable("the provider's answer calls a tool and does not name it")
            rest = {**call.rest, "function": call.function} if call.function else call.rest
            for place, arguments in enumerate(_apart("".join(call.arguments))):
                id_ = call.id if call.id and not place else f"call_{len(found) + 1}"
                while id_ in used:
                    id_ += "_"
                used.add(id_)
                found.append(ToolCall(id_, call.name, arguments, rest))
        return tuple(found)

    def tokens(self) -> int:
        """An estimate of what the calls took to say."""
        return sum(estimate_tokens(call.name) + estimate_tokens("".join(call.arguments)) for call in self._calls)

    def _found(self, index: int | None, id_: str, name: str) -> _Call | None:
        if index is not None:
            return self._at.get(index)
        if id_:
            same = next((call for call in self._calls if call.id == id_), None)
            if same is not None or name:
                return same
        elif name:
            return self._calls[-1] if self._calls and not self._calls[-1].name else None
        return self._calls[-1] if self._calls else None


def _unknown(record: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    if record.keys() <= known:
        return {}
    rest = {key: value for key, value in record.items() if key not in known and value is not None}
    return {key: value for key, value in rest.items() if size_of(value) is not None}


def _begins_anew(call: _Call, id_: str, name: str, arguments: str) -> bool:
    if id_ and call.id and id_ != call.id and name:
        return True
    if id_ and id_ == call.id and call.arguments == ["{}"]:
        return False
    if name and call.name and (name != call.name or (call.is_whole() and not (id_ and id_ == call.id))):
        return True
    return bool(arguments) and arguments.lstrip().startswith("{") and call.is_whole() and _is_object(arguments)


def _is_object(text: str) -> bool:
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _apart(arguments: str) -> list[str]:
    """The arguments of several calls that were glued together; anything else stays as it is."""
    if "}" not in arguments or _is_object(arguments):
        return [arguments]
    found, at = [], 0
    try:
        while at < len(arguments):
            if arguments[at].isspace():
                at += 1
                continue
            value, end = _DECODER.raw_decode(arguments, at)
            if not isinstance(value, dict):
                return [arguments]
            found.append(arguments[at:end])
            at = end
    except (ValueError, RecursionError):
        return [arguments]
    return found or [arguments]
