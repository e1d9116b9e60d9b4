"""What tools have given back in a session: a save is no reason to run a program or ask an address again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..language import ast
from ..language.checked import CheckedTool
from ..language.values import Secret, Value
from ..run.tools import PerformTool

MOST_KEPT = 1_000

_Key = tuple[str, ...]


@dataclass(slots=True)
class ToolMemory:
    """Results by the tool as it stands in the flow and what it was given. `began` and `ended` hear of real work.

    A result of the present run serves the next ones, never the same: there a tool may be called twice on purpose.
    """

    began: Callable[[], None]
    ended: Callable[[], None]
    run: int = 0
    _kept: "OrderedDict[_Key, tuple[int, str | None]]" = field(default_factory=OrderedDict)

    def around(self, perform: PerformTool, digests: Mapping[str, str]) -> PerformTool:
        """Carries tools out that have to be, and knows the others' results. `digests` are of the files they run."""

        async def performed(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str | None:
            key = _key(tool, takes, digests)
            if (kept := self._kept.get(key)) is not None and kept[0] < self.run:
                return kept[1]
            self.began()
            try:
                result = await perform(tool, takes, secrets)
            finally:
                self.ended()
            self._kept[key] = (self.run, result)
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return result

        return performed

    def forget(self, tools: frozenset[str]) -> None:
        """Asks these tools again the next time."""
        for key in [key for key in self._kept if key[0] in tools]:
            del self._kept[key]


def _key(tool: CheckedTool, takes: Mapping[str, Value], digests: Mapping[str, str]) -> _Key:
    """What decides a result. Where a tool stands in its file does not."""
    taken = hashlib.sha256(repr(sorted(takes.items())).encode("utf-8", "surrogatepass")).hexdigest()
    texts = [tool.target, *(text for _, text in tool.headers), *((tool.body,) if tool.body is not None else ())]
    files = [f"{name} {digest}" for name, digest in sorted(digests.items())]
    return tool.name, tool.method, tool.function, taken, *map(_words, texts), *files


def _words(text: ast.Text) -> str:
    return "".join(part if isinstance(part, str) else _slot(part) for part in text.parts)


def _slot(part: ast.Part) -> str:
    is_name = isinstance(part, ast.Slot) and isinstance(part.value, ast.Ref)
    return f"{{{{ {part.value} }}}}" if is_name and isinstance(part, ast.Slot) else repr(part)
