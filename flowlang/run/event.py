"""What happens in a run, told as it happens. Every view and every report reads only these.

`item` is the place of an item in a repeated step, from 1; None where a step does not repeat. `path` is empty for
the main flow's steps, else the steps (with their item or round) through which a sub-flow was reached: `polished[2]`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ..language.checked import Place


@dataclass(frozen=True, slots=True)
class RunStarted:
    flow: str
    steps: tuple[str, ...]
    offline: bool


@dataclass(frozen=True, slots=True)
class StepStarted:
    path: str
    step: str
    kind: str
    items: int | None  # how many calls a repeated step makes; None where it does not repeat


@dataclass(frozen=True, slots=True)
class CallStarted:
    path: str
    step: str
    item: int | None
    model: str


@dataclass(frozen=True, slots=True)
class Delta:
    path: str
    step: str
    item: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The call is sent again: what it streamed so far is void."""

    path: str
    step: str
    item: int | None


@dataclass(frozen=True, slots=True)
class CallFinished:
    path: str
    step: str
    item: int | None
    model: str
    status: str  # "ok", "failed", "cut-off", "cancelled"
    attempts: int
    cached: bool
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: Decimal | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ToolCalled:
    path: str
    step: str
    item: int | None
    tool: str
    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepFinished:
    path: str
    step: str
    items: int | None
    failed_items: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StepSkipped:
    path: str
    step: str
    because: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step, or with `item` one item of it, failed. `place` is the line to show, `hints` what to do."""

    path: str
    step: str
    item: int | None
    rule: str
    message: str
    place: Place
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the user should know and that is no failure: a condition not reached, items left out."""

    path: str
    step: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    outcome: str  # "done", "failed", "limit", "interrupted"
    calls: int
    cached: int
    cost_usd: Decimal | None
    seconds: float


Event = (
    RunStarted
    | StepStarted
    | CallStarted
    | Delta
    | Dropped
    | CallFinished
    | ToolCalled
    | StepFinished
    | StepSkipped
    | StepFailed
    | Noted
    | RunFinished
)
Emit = Callable[[Event], None]
