"""What happens in a run, told as it happens. Every view and every report reads only these.

`item` is the place of an item in a repeated step, from 1; None where a step does not repeat. `path` is empty for
the main flow's steps, else the steps (with their item or round) through which a sub-flow was reached: `polished[2]`.
"""

from collections.abc import Callable
from decimal import Decimal

from ..language.checked import Place
from ..record import record


@record
class RunStarted:
    flow: str
    steps: tuple[str, ...]
    offline: bool
    rows: int | None = None  # how many runs there are with `--each`; None for a single one


@record
class StepStarted:
    path: str
    step: str
    kind: str
    items: int | None  # how many calls a repeated step makes; None where it does not repeat


@record
class CallStarted:
    """`because`: "from before" for an answer of the store; for the first call of a step that is sent, why it is."""

    path: str
    step: str
    item: int | None
    model: str
    because: str = ""


@record
class Delta:
    path: str
    step: str
    item: int | None
    text: str


@record
class Dropped:
    """The call is sent again: what it streamed so far is void."""

    path: str
    step: str
    item: int | None


@record
class CallFinished:
    path: str
    step: str
    item: int | None
    model: str
    status: str  # "ok", "failed" (no whole answer came), "cut-off" (the model stopped too soon), "cancelled"
    attempts: int
    cached: bool
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: Decimal | None
    seconds: float


@record
class ToolCalled:
    path: str
    step: str
    item: int | None
    tool: str
    status: str  # "ok", "failed", "from before" where a repeated run had its result
    seconds: float


@record
class StepFinished:
    """`because`: "from before" where nothing was sent, else why; empty where nothing is kept."""

    path: str
    step: str
    items: int | None
    failed_items: int
    seconds: float
    because: str = ""


@record
class StepSkipped:
    path: str
    step: str
    because: str


@record
class StepFailed:
    """A step, or with `item` one item of it, failed. `place` is the line to show, `hints` what to do."""

    path: str
    step: str
    item: int | None
    rule: str
    message: str
    place: Place
    hints: tuple[str, ...] = ()


@record
class Noted:
    """Something that the user should know and that is no failure: a condition not reached, items left out."""

    path: str
    step: str
    message: str


@record
class RowFinished:
    """The run of one row has ended; every event of it had `path` begin with `row[3]`. `rule` is empty if it is good.

    `place` is the line of the flow that met what is wrong with it, where one did.
    """

    path: str
    row: int
    rule: str
    message: str
    seconds: float
    place: Place | None = None


@record
class RunFinished:
    outcome: str  # "done", "failed", "limit", "interrupted"
    calls: int
    cached: int
    cost_usd: Decimal | None
    seconds: float
    saved_usd: Decimal | None = None  # what providers asked less for input that they remembered


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
    | RowFinished
    | RunFinished
)
Emit = Callable[[Event], None]
