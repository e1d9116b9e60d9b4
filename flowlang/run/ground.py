"""What the steps of one run of a flow share, and the sockets through which they reach the rest of the run."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from ..language import ast
from ..language.checked import Place
from ..language.expression import Scope, evaluate, holds
from ..language.values import Secret, Value, ValueMistake
from ..models.chat import ChatMessage
from ..plan.graph import Plan
from ..record import record
from .budget import Budget
from .calling import Gate
from .event import Emit
from .outcome import Failure, LeftOut, Outcome, StepFailure
from .standing import StandIn
from .tools import PerformTool
from .waiting import Waiting

T = TypeVar("T")
Conversation = tuple[ChatMessage, ...]


class Together(Protocol):
    """Runs work for each job, at most `width` at the same time; takes no further job once work has returned False."""

    def __call__(self, jobs: Iterable[T], width: int, work: Callable[[T], Awaitable[bool]]) -> Awaitable[None]: ...


RunFlow = Callable[[Plan, Mapping[str, Value], str, Budget], Awaitable[Mapping[str, Outcome]]]


@record
class Ground:
    """What a step of one run of a flow stands on. `names` holds the values of inputs, and of what has ended."""

    path: str
    names: Mapping[str, Value]
    secrets: Mapping[str, Secret]
    conversations: dict[str, dict[int | None, Conversation]]
    gate: Gate
    budget: Budget
    emit: Emit
    perform_tool: PerformTool
    stand_in: StandIn
    waiting: Waiting
    together: Together
    run_flow: RunFlow


def held(condition: ast.Condition, names: Mapping[str, Value], place: Place) -> bool:
    """Whether the condition holds. Raises StepFailure for a value that it cannot be asked of."""
    try:
        return holds(condition, Scope(names))
    except ValueMistake as mistake:
        raise StepFailure(Failure("wrong-value", mistake.message, place)) from None


def worked_out(value: ast.Value, names: Mapping[str, Value], place: Place) -> Value:
    """The value. Raises StepFailure for what does not fit."""
    try:
        return evaluate(value, Scope(names))
    except ValueMistake as mistake:
        raise StepFailure(Failure("wrong-value", mistake.message, place)) from None


def left_out(blamed: tuple[ast.Condition, ...]) -> LeftOut:
    """Why something is left out: the first name that is empty."""
    names = tuple(root for one in blamed if (root := _root(one)))
    ref = next((one for one in blamed if isinstance(one, ast.Ref)), None)
    if ref is not None:
        return LeftOut(f"`{ref}` is empty", names)
    return LeftOut(f"a value made from `{names[0]}` is empty" if names else "a value that it reads is empty", names)


def _root(node: ast.Condition) -> str:
    """The name that a value begins with."""
    while isinstance(node, ast.Piped):
        node = node.head
    return node.parts[0].text if isinstance(node, ast.Ref) else ""
