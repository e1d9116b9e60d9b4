"""What was found out about the steps of a plan without sending anything: what is answered already, and what is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from ..language.values import Value
from ..models.chat import ChatRequest, Usage
from ..record import record

# Why an answer from before does not serve although the question may have been asked: nothing of the kind; `--fresh`;
# `cache: no`; it is older than `cache` allows; what was answered to it led nowhere and it is asked as if anew; the
# question goes on from an answer from before that does not keep what the step demands.
Why = Literal["", "fresh", "no cache", "too old", "led nowhere", "does not fit"]


@record
class Asked:
    """A call that a run would make: the exact request, of the item at `item`. `why` see above.

    `again`: the same is asked elsewhere in the run, which waits for that answer and sends nothing.
    """

    item: int | None
    request: ChatRequest
    key: bytes
    role: str = ""  # "judge" for the call of a rule's judge
    why: Why = ""
    again: bool = False


@record
class FromBefore:
    """A question that the store has an answer to."""

    item: int | None
    model: str
    usage: Usage
    run: int  # in which it was answered
    made_at: float  # Unix time in seconds
    key: bytes


@record
class Open:
    """A step or an item of which nobody can say what it would ask: it hangs on the step or input `by`."""

    item: int | None
    by: str
    is_input: bool = False


Found = TypeVar("Found", Asked, FromBefore, Open)


@dataclass(slots=True)
class Seen:
    """What was found out about one step of the flow that is reached by a path.

    `items` is how many it goes through, None where it does not repeat or that is not known. `tools` counts the calls
    of a tool by a step of its own; `skipped` and `failed` say why it asks nothing.
    """

    items: int | None = None
    from_before: list[FromBefore] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    tools: int = 0
    skipped: str = ""
    failed: str = ""


@record
class Looked:
    """What was found out about a whole plan. `steps` by their path and name, `values` as far as they are known.

    Lets are in `values` alone; one that is not known is in `unsettled`, with what it hangs on.
    """

    steps: Mapping[tuple[str, str], Seen]
    values: Mapping[str, Value]
    unsettled: Mapping[str, Open]

    def of(self, name: str) -> Seen:
        """What was found out about a step of the main flow; all that the flow asks which it runs is its own."""
        own = self.steps.get(("", name), Seen())
        inner = list(self._below(name))
        if not inner:
            return own
        seen = Seen(own.items, skipped=own.skipped, failed=own.failed, open=list(own.open))
        for item, one in inner:
            seen.from_before += [_moved(found, item) for found in one.from_before]
            seen.asked += [_moved(found, item) for found in one.asked]
            seen.open += [_moved(found, item) for found in one.open]
            seen.tools += one.tools
        return seen

    def items(self) -> dict[str, int]:
        """How many items the steps of the main flow go through, where that is known."""
        return {
            name: seen.items
            for (path, name), seen in self.steps.items()
            if not path and seen.items is not None and all(one.item is not None for one in seen.open)
        }

    def first_below(self, name: str) -> tuple[str, str] | None:
        """The path and name of the first step with something to ask, of those that a step of the main flow runs."""
        for (path, step), seen in self.steps.items():
            if _outer(path)[0] == name and seen.asked:
                return path, step
        return None

    def _below(self, name: str) -> "Iterable[tuple[int | None, Seen]]":
        for (path, _), seen in self.steps.items():
            outer, item = _outer(path)
            if outer == name:
                yield item, seen


def _outer(path: str) -> tuple[str, int | None]:
    """The step of the main flow that a path begins with, and its item or round."""
    name, _, number = path.partition("/")[0].partition("[")
    return name, int(number.rstrip("]")) if number else None


def _moved(found: Found, item: int | None) -> Found:
    """What was found below a step, as the step's own."""
    return replace(found, item=item)
