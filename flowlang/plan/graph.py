"""What a run would do, before it does it: the steps and lets of a flow as a graph, with all that is settled already."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal

from ..language.checked import CheckedFlow, CheckedLet, CheckedOutput, CheckedStep, Expectation, Parameter, Place
from ..record import record

ANY_MODEL = "*"


@record
class Defaults:
    """What holds where a flow is silent (`model` and `parameters` of the project), and `flags`, which go over all.

    `provider` is the one that is meant by a model id without a provider in front. `swaps` are models that steps ask
    instead of others, by these; one for ANY_MODEL goes for all. Who judges stays.
    """

    model: str = ""
    provider: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    flags: Mapping[str, Parameter] = field(default_factory=dict)
    swaps: Mapping[str, str] = field(default_factory=dict)


@record
class Ask:
    """One model that may be asked, and how. `model` is empty where neither flow nor project names one."""

    model: str
    parameters: Mapping[str, Parameter]


@record
class PlannedStep:
    """A step or a let.

    `waits_for` names steps and lets only; what is there but not in `needs` is waited for without being read.
    `level` is how many steps stand in the longest chain before it. `calls` is what answers that fit at once need,
    None where data decides, 0 for a let. `asks` are the models to ask, the first one first.
    """

    name: str
    kind: str  # "prompt", "run", "call" or "let"
    of: CheckedStep | CheckedLet
    reads: tuple[str, ...]
    needs: tuple[str, ...]
    waits_for: tuple[str, ...]
    level: int
    asks: tuple[Ask, ...]
    judges: tuple[Ask | None, ...]  # one per `ensure:` of the step; None where it is no judge's
    calls: int | None
    sub: "Plan | None"  # of the flow that the step runs
    continued_by_loop: str | None  # the loop whose items are the answers that the step continues
    is_continued: bool
    status: str = "new"  # "cached", "new" or "unknown"
    without_asking: str = ""  # "skipped" or "fails", of a step that is called cached since it would ask nothing
    tokens_in: int | None = None
    cost_usd: Decimal | None = None
    because: str = "it was never asked"

    @property
    def model(self) -> str:
        """The model that is asked first; empty for what asks none, and where none is named."""
        return self.asks[0].model if self.asks else ""

    @property
    def place(self) -> Place:
        return self.of.place


@record
class Plan:
    """A flow that is ready to run. `nodes` are its steps and lets in the order of the file."""

    flow: CheckedFlow
    nodes: Mapping[str, PlannedStep]
    outputs: tuple[CheckedOutput, ...]
    expects: tuple[Expectation, ...]
    calls: int | None  # in all
    cost_usd: Decimal | None = None

    def steps(self) -> tuple[PlannedStep, ...]:
        """The nodes that are steps."""
        return tuple(node for node in self.nodes.values() if node.kind != "let")

    def with_those_below(self) -> Iterator["Plan"]:
        """This plan and those of all flows that its steps run, each once however many steps run it."""
        seen, left = {id(self)}, [self]
        while left:
            plan = left.pop()
            yield plan
            for node in reversed(tuple(plan.nodes.values())):
                if node.sub is not None and id(node.sub) not in seen:
                    seen.add(id(node.sub))
                    left.append(node.sub)

    def without_model(self) -> tuple[PlannedStep, ...]:
        """The steps, also of the flows that they run, that would ask a model and have none."""
        found: dict[Place, PlannedStep] = {}
        for plan in self.with_those_below():
            for node in plan.nodes.values():
                if any(not ask.model for ask in (*node.asks, *(judge for judge in node.judges if judge))):
                    found[node.place] = node
        return tuple(found.values())
