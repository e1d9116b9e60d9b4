"""What a message holds beside what the contract knows, put together from the pieces of a stream.

Some providers want it back with the tool calls that came with it: signatures of what was thought, or the thoughts.
Nobody looks into it here, so all that counts is that it goes back as it was meant.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..pattern import pattern

# Keys of a message that are read elsewhere, or that nobody may send back.
KNOWN = frozenset(("role", "content", "tool_calls", "refusal", "annotations", "audio", "function_call"))
MOST_SIZE = 4_000_000  # characters of all of it
MOST_DEPTH = 40

_HALF = pattern("[\ud800-\udfff]")
# A piece repeats what these hold, it does not go on with it.
_REPEATED = frozenset(("id", "index", "type", "format", "name", "role", "signature", "thought_signature"))


class RestParts:
    """Takes what deltas hold beside what is known. Texts go on, lists get longer, records fill up; else the last holds.

    Elements of lists with the same `index` are pieces of one. What gets too large is given up as a whole: half of it
    would be worse than nothing.
    """

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._left = MOST_SIZE

    def take(self, delta: Mapping[str, Any]) -> None:
        """The unknown keys of one delta, or of a whole message."""
        for key, value in delta.items():
            if key in KNOWN or value is None or self._left < 0:
                continue
            size = size_of(value)
            self._left = -1 if size is None else self._left - len(key) - size
            self._found[key] = _grown(self._found.get(key), key, value)

    def whole(self) -> dict[str, Any]:
        """All of it by its keys."""
        return {} if self._left < 0 else {key: _finished(one) for key, one in self._found.items()}


def rewritten(value: Any, write: Callable[[str], str]) -> Any:
    """A JSON value with every text in it as `write` gives it."""
    match value:
        case str():
            return write(value)
        case list():
            return [rewritten(item, write) for item in value]
        case Mapping():
            return {key: rewritten(item, write) for key, item in value.items()}
    return value


# While it grows, a text is a list of its pieces and a list knows where its elements stand: both may come in thousands.


class _Text:
    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[str] = []


class _List:
    __slots__ = ("items", "places")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.places: dict[int, int] = {}  # by `index`


def _grown(before: Any, key: str, value: Any) -> Any:
    """What a key holds once another piece of it has come."""
    if isinstance(value, str) and key not in _REPEATED:
        text = before if isinstance(before, _Text) else _Text()
        text.pieces.append(value)
        return text
    if isinstance(value, dict):
        record = before if isinstance(before, dict) else {}
        for name, item in value.items():
            if item is not None or name not in record:
                record[name] = _grown(record.get(name), name, item)
        return record
    if isinstance(value, list):
        found = before if isinstance(before, _List) else _List()
        for item in value:
            index = item.get("index") if isinstance(item, dict) else None
            if not isinstance(index, int):
                found.items.append(_grown(None, key, item))
            elif index in found.places:
                _grown(found.items[found.places[index]], key, item)
            else:
                found.places[index] = len(found.items)
                found.items.append(_grown(None, key, item))
        return found
    return value


def _finished(one: Any) -> Any:
    match one:
        case _Text():
            text = "".join(one.pieces)
            if _HALF.search(text):  # of a character whose other half came with the next piece
                text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return text
        case _List():
            return [_finished(item) for item in one.items]
        case dict():
            return {name: _finished(item) for name, item in one.items()}
    return one


def size_of(value: Any, levels: int = MOST_DEPTH) -> int | None:
    """About how many characters a JSON value has; None if it is nested too deep to be handed on."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | dict):
        return 8
    if not levels:
        return None
    total = 2 * len(value)
    for item in value.values() if isinstance(value, dict) else value:
        size = size_of(item, levels - 1)
        if size is None:
            return None
        total += size
    return total + (sum(map(len, value)) if isinstance(value, dict) else 0)
