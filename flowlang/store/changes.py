"""What is different between two requests, as the store tells them: the one that was asked, and the one of now."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from ..record import record

# A part of a kept request with its text put in where only a digest stands.
ReadPart = Callable[[Any], Any]

What = Literal["model", "provider", "parameter", "schema", "tools", "sample", "message", "messages"]


@record
class Change:
    """One difference. `name` is a parameter's, a field's or a tool's name, or a message's role.

    `old` and `new` are None for what was not there, or is not any more; of a schema's field they are its type.
    `place` is the number of a message from 0.
    """

    what: What
    name: str = ""
    old: str | None = None
    new: str | None = None
    place: int = 0


def changes(before: Mapping[str, Any], now: Mapping[str, Any], read: ReadPart) -> tuple[Change, ...]:
    """Every difference, the most telling ones first; none for equal requests. Damaged parts count as empty."""
    found: list[Change] = []
    for what, part in (("model", "model"), ("provider", "origin")):
        if before.get(part) != now.get(part):
            found.append(Change(what, "", str(before.get(part, "")), str(now.get(part, ""))))  # type: ignore[arg-type]
    found += _parameters(_mapping(before.get("parameters")), _mapping(now.get("parameters")))
    if before.get("schema") != now.get("schema"):
        old, new = _json(read(before.get("schema"))), _json(read(now.get("schema")))
        if old is None or new is None or _list(old)[-2:] != _list(new)[-2:]:  # its name, if it has one, goes before
            found += _schemas(old, new)
    if before.get("tools") != now.get("tools"):
        found += _tools(_list(before.get("tools")), _list(now.get("tools")), read)
    if before.get("sample") != now.get("sample"):
        found.append(Change("sample", "", str(before.get("sample")), str(now.get("sample"))))
    found += _messages(_list(before.get("messages")), _list(now.get("messages")), read)
    return tuple(found)


def _parameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*now, *before)):
        old, new = before.get(name), now.get(name)
        if old != new:
            yield Change("parameter", name, _plain(old), _plain(new))


def _schemas(before: Any, now: Any) -> Iterator[Change]:
    """The fields that came, went or changed; the whole, if that is not the difference."""
    old = dict(_fields(_schema_in(before), "")) if now is not None else {}
    new = dict(_fields(_schema_in(now), "")) if before is not None else {}
    told = False
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            told = True
            yield Change("schema", name, old.get(name), new.get(name))
    if not told:
        is_there = (None if before is None else "", None if now is None else "")
        yield Change("schema", "", *is_there)


def _schema_in(told: Any) -> Any:
    """The JSON Schema in what is kept of a request's schema: the last of a list."""
    return told[-1] if isinstance(told, list) and told else None


def _fields(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every field of a schema by its path, with what is said of it but for its own fields."""
    if not isinstance(schema, Mapping):
        return
    for name, of in _mapping(schema.get("properties")).items():
        full = f"{path}.{name}" if path else name
        inner = of
        while isinstance(inner, Mapping) and isinstance(inner.get("items"), Mapping):
            inner = inner["items"]
        own = {key: value for key, value in _mapping(of).items() if key not in ("properties", "items", "required")}
        rest = {} if inner is of else {k: v for k, v in _mapping(inner).items() if k not in ("properties", "required")}
        yield full, json.dumps([own, rest] if rest else own, ensure_ascii=False, sort_keys=True)
        yield from _fields(inner, full)


def _tools(before: Sequence[Any], now: Sequence[Any], read: ReadPart) -> Iterator[Change]:
    old, new = (dict(map(_named_tool, map(read, tools))) for tools in (before, now))
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield Change("tools", name, old.get(name), new.get(name))


def _named_tool(told: Any) -> tuple[str, str]:
    tool = _json(told)
    return (str(tool[0]), str(told)) if isinstance(tool, list) and tool else ("", str(told))


def _messages(before: Sequence[Any], now: Sequence[Any], read: ReadPart) -> Iterator[Change]:
    if len(before) != len(now):
        yield Change("messages", "", str(len(before)), str(len(now)))
    for place, (old, new) in enumerate(zip(before, now, strict=False)):
        if old != new and isinstance(old, Mapping) and isinstance(new, Mapping):
            one, two = _text(old, read), _text(new, read)
            if one != two or old.get("role") != new.get("role"):
                yield Change("message", str(new.get("role", "")), one, two, place)


def _text(message: Mapping[str, Any], read: ReadPart) -> str:
    """A message's texts in one; an image or audio is told by its name and digest."""
    parts = []
    for part in _list(message.get("parts")):
        if isinstance(part, Mapping) and "media" in part:
            parts.append(f"[{part.get('kind')} {part.get('name')}, sha256 {str(part['media'])[:12]}…]")
        else:
            parts.append(str(read(part)))
    return "".join(parts)


def _plain(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
