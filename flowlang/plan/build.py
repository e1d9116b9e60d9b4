"""From a checked flow to a plan."""

from collections.abc import Iterator, Mapping

from ..language import ast
from ..language.checked import CheckedFlow, CheckedLet, CheckedOutput, CheckedStep
from ..language.circles import what_is_needed_first
from ..language.types import ListOf, Optional, RecordType, Remembering, Type, bare
from .graph import Defaults, Plan, PlannedStep
from .requests import asks_of, swapped

_MOST_CALLS = 10**15  # of more there is no saying how many


def build(flow: CheckedFlow, defaults: Defaults, only: str | None = None) -> Plan:
    """The plan of a flow. `only` names a step or let of it: then that one, and what it needs, is all that runs.

    Steps that run the same flow share its plan: a few flows that run each other twice would have no end of plans.
    """
    flows = {id(flow): flow}

    def runs(key: int) -> Iterator[int]:
        for step in flows[key].steps.values():
            if step.run is not None:
                flows[id(step.run)] = step.run
                yield id(step.run)

    plans: dict[int, Plan] = {}
    for key in what_is_needed_first((id(flow),), runs):
        plans[key] = _build(flows[key], defaults, plans, only if flows[key] is flow else None)
    return plans[id(flow)]


def _build(flow: CheckedFlow, defaults: Defaults, plans: Mapping[int, Plan], only: str | None) -> Plan:
    """The plan of a flow; `plans` are those of the flows that it runs, by their identity."""
    waits = {name: _waits_for(node, flow) for name, node in _nodes(flow).items()}
    kept = waits.keys() if only is None else _with_ancestors(only, waits)
    levels = _levels(waits, flow)
    continued = {step.continues for name, step in flow.steps.items() if name in kept}
    planned: dict[str, PlannedStep] = {}
    sizes = _Sizes(flow)
    for name, node in _nodes(flow).items():
        if name not in kept:
            continue
        if isinstance(node, CheckedLet):
            planned[name] = PlannedStep(
                name, "let", node, node.reads, waits[name], waits[name], levels[name], (), (), 0, None, None, False
            )
        else:
            sub = None if node.run is None else plans[id(node.run)]
            planned[name] = _planned(node, flow, defaults, waits[name], levels[name], name in continued, sizes, sub)
    if only is None:
        outputs, expects = flow.outputs, flow.limits.expects
    else:
        outputs, expects = (_output_of(planned[only]),), ()
    return Plan(flow, planned, outputs, expects, _sum([node.calls for node in planned.values()]))


def _nodes(flow: CheckedFlow) -> Mapping[str, CheckedStep | CheckedLet]:
    """Steps and lets in the order of the file."""
    nodes: list[tuple[str, CheckedStep | CheckedLet]] = [*flow.steps.items(), *flow.lets.items()]
    return dict(sorted(nodes, key=lambda named: named[1].place.span.start))


def _waits_for(node: CheckedStep | CheckedLet, flow: CheckedFlow) -> tuple[str, ...]:
    """The steps and lets that must have ended first."""
    named = node.reads if isinstance(node, CheckedLet) else (*node.reads, *node.waits_for, node.continues or "")
    return tuple(
        dict.fromkeys(name for name in named if (name in flow.steps or name in flow.lets) and name != node.name)
    )


def _with_ancestors(name: str, waits: Mapping[str, tuple[str, ...]]) -> set[str]:
    found, open_ones = {name}, [name]
    while open_ones:
        for one in waits[open_ones.pop()]:
            if one not in found:
                found.add(one)
                open_ones.append(one)
    return found


def _levels(waits: Mapping[str, tuple[str, ...]], flow: CheckedFlow) -> dict[str, int]:
    """How many steps stand in the longest chain before each node. Without recursion: chains may be long."""
    levels: dict[str, int] = {}
    for start in waits:
        stack = [start]
        while stack:
            name = stack[-1]
            missing = [one for one in waits[name] if one not in levels]
            if name in levels or not missing:
                stack.pop()
                levels[name] = max((levels[one] + (one in flow.steps) for one in waits[name]), default=0)
            else:
                stack += missing
    return levels


def _planned(
    step: CheckedStep,
    flow: CheckedFlow,
    defaults: Defaults,
    waits: tuple[str, ...],
    level: int,
    is_continued: bool,
    sizes: "_Sizes",
    sub: Plan | None,
) -> PlannedStep:
    asks = asks_of(step.parameters, step.fallback, defaults) if step.kind == "prompt" else ()
    asks = swapped(asks, defaults.swaps) if defaults.swaps else asks
    judges = tuple(
        asks_of(ensured.using or step.parameters, (), defaults)[0] if ensured.judged else None
        for ensured in step.ensures
    )
    return PlannedStep(
        name=step.name,
        kind=step.kind,
        of=step,
        reads=step.reads,
        needs=tuple(name for name in waits if name in step.reads or name == step.continues),
        waits_for=waits,
        level=level,
        asks=asks,
        judges=judges,
        calls=_calls(step, sub, sizes),
        sub=sub,
        continued_by_loop=_continued_by(step, flow),
        is_continued=is_continued,
    )


def _continued_by(step: CheckedStep, flow: CheckedFlow) -> str | None:
    """The loop of a step whose items are the answers that it continues."""
    if step.continues is None:
        return None
    for loop in step.loops:
        if len(loop.items.parts) == 1 and _comes_from(loop.items.parts[0].text, step.continues, flow):
            return loop.name
    return None


def _comes_from(name: str, step: str, flow: CheckedFlow) -> bool:
    """Whether a name is the step, or a let that picks or orders its answers."""
    seen = set()
    while name != step and name not in seen:
        seen.add(name)
        let = flow.lets.get(name)
        if let is None:
            return False
        head = let.value.head if isinstance(let.value, ast.Piped) else let.value
        if not isinstance(head, ast.Ref) or len(head.parts) != 1:
            return False
        name = head.parts[0].text
    return name == step


def _output_of(node: PlannedStep) -> CheckedOutput:
    """The output of a run of one step: its value."""
    span = node.place.span
    ref = ast.Ref((ast.Name(node.name, span),), span)
    return CheckedOutput(node.name, ref, node.of.type, "", (node.name,), node.place)


# ── How many calls ──


def _calls(step: CheckedStep, sub: Plan | None, sizes: "_Sizes") -> int | None:
    if step.kind == "call":
        return 0
    each = _calls_each(step, sub)
    if each == 0:
        return 0
    if step.when is not None:
        return None
    items = sizes.items(step)
    return 0 if items == 0 else None if items is None or each is None else _told(items * each)


def _calls_each(step: CheckedStep, sub: Plan | None) -> int | None:
    """The calls of one item, or of a step that does not repeat."""
    if sub is not None:
        return sub.calls if step.until is None or step.times == 1 or sub.calls == 0 else None
    answered = 1 + sum(ensured.judged for ensured in step.ensures)
    if step.samples is None:
        return answered
    return step.samples * answered if isinstance(step.samples, int) else None


def _sum(numbers: list[int | None]) -> int | None:
    return None if None in numbers else _told(sum(number for number in numbers if number is not None))


def _told(calls: int) -> int | None:
    return calls if calls <= _MOST_CALLS else None


class _Sizes:
    """How many items lists have, as far as the flow alone tells."""

    def __init__(self, flow: CheckedFlow) -> None:
        self.flow = flow
        self._known: dict[str, int | None] = {}

    def items(self, step: CheckedStep) -> int | None:
        """How many items a step goes through; 1 if it does not repeat."""
        product: int | None = 1
        loops: dict[str, Type] = {}
        for loop in step.loops:
            size = self._size(loop.items, loops)
            product = 0 if size == 0 else None if size is None or product is None else product * size
            if product == 0:
                return 0
            of = self._type(loop.items, loops)
            if isinstance(of, ListOf):
                loops[loop.name] = of.item
        return product

    def _size(self, ref: ast.Ref, loops: Mapping[str, Type]) -> int | None:
        name = ref.parts[0].text
        if len(ref.parts) == 1 and name not in loops:
            if name not in self._known:
                self._known[name] = None  # a circle is a mistake, but never a hang
                self._known[name] = self._size_of_name(name)
            if self._known[name] is not None:
                return self._known[name]
        of = self._type(ref, loops)
        return of.low if isinstance(of, ListOf) and of.low == of.high else None

    def _size_of_name(self, name: str) -> int | None:
        if let := self.flow.lets.get(name):
            size = self._size_of_value(let.value)
            if size is not None:
                return size
        if (step := self.flow.steps.get(name)) and step.when is None:
            if step.loops and step.failures == 0:
                return self.items(step)
            if not step.loops and isinstance(step.samples, int):
                return step.samples
        return None

    def _size_of_value(self, value: ast.Value) -> int | None:
        match value:
            case ast.ListValue(items):
                return len(items)
            case ast.Ref():
                return self._size(value, {})
            case ast.Piped(head, filters):
                size = self._size_of_value(head)
                for call in filters:
                    match call.name, call.arguments:
                        case ("sort by" | "take", _):
                            continue
                        case ("first" | "last", (ast.Number(most),)) if size is not None:
                            size = min(size, int(most))
                        case _:
                            return None
                return size
            case _:
                return None

    def _type(self, ref: ast.Ref, loops: Mapping[str, Type]) -> Type | None:
        """The type of what is named; None where it is unknown or may be empty."""
        name = ref.parts[0].text
        of: Type | None = loops.get(name)
        if of is None and (one := self.flow.inputs.get(name)):
            of = Optional(one.type) if one.optional else one.type
        elif of is None and (node := self.flow.steps.get(name) or self.flow.lets.get(name)):
            if isinstance(node, CheckedStep) and node.loops:
                # How many answers there are is told by items(), not by the type.
                of = node.type if len(ref.parts) > 1 else None
            else:
                of = node.type
        for part in ref.parts[1:]:
            if isinstance(of, Remembering) and part.text in dict(of.memory):
                of = dict(of.memory)[part.text]
                continue
            of = bare(of) if isinstance(of, Remembering) else of
            of = of.field(part.text) if isinstance(of, RecordType) else None
        return of.item if isinstance(of, Remembering) else of
