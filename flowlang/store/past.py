"""An earlier run put together from its rows: its steps with what they cost and how they came out, and what was asked.

Nothing here is made for a reader: `show/` turns it into text, JSON and pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ..record import record
from .alive import Alive
from .history import History, PastCall, PastRun, PastStep

DONE = "done"
UNDER_WAY = "under way"
CUT_OFF = "cut off"
_MOST_PLACES = 15
_MOST_COUNT = 10**12
_MOST_S = 1e10
PENDING = ("open", "unknown")  # of calls of which nobody knows what they cost


@record
class Exchange:
    """One question of a run and what came back.

    `request` is as the store keeps it (see `Texts.told`), None if it is gone; its texts may be digests. `cached`: it
    was answered from before, by run `of_run`, whose figures these are not.
    """

    number: int
    path: str
    step: str
    item: int | None
    sample: int
    role: str
    status: str
    model: str
    key: bytes
    request: Mapping[str, Any] | None
    answer: str | None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    turns: tuple[Mapping[str, Any], ...] = ()  # of tools, before an answer from before
    error: str = ""
    cached: bool = False
    of_run: int | None = None
    began_s: float | None = None
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: Decimal | None = None


@dataclass(slots=True)
class StepOfRun:
    """A step of a run, all its items, rounds and rows together. `name` is `outer.inner` for one of a sub-flow.

    `failures` are rows of the store; `consequences` counts those that only followed from others.
    """

    name: str
    kind: str = ""
    done: int = 0
    skipped: int = 0
    lost: int = 0  # items that it went on without
    consequences: int = 0
    because: str = ""  # why it was skipped
    failures: list[PastStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: int = 0
    cached: int = 0
    failed_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: Decimal | None = None
    seconds: float = 0.0  # from its start to its end, or to that of its last call; of several, the longest

    @property
    def outcome(self) -> str:
        """The word for how it came out."""
        if any(one.body.get("item") is None for one in self.failures) or self.consequences:
            return "failed"
        if self.done:
            return "done without some" if self.lost else DONE
        if self.failures:
            return "failed"
        if self.skipped:
            return "skipped"
        return "not finished" if self.calls or self.cached else "not begun"


@record
class WholeRun:
    """A run with its steps in their order. `outcome` is never open: "under way" and "cut off" are told apart."""

    run: PastRun
    outcome: str
    steps: tuple[StepOfRun, ...]
    unmet: tuple[PastStep, ...]  # failures of no step: expectations, rows that could not be read

    @property
    def ended_well(self) -> bool:
        return self.outcome == DONE


def outcome_of(history: History, run: PastRun) -> str:
    """How a run ended, or that it has not."""
    if run.outcome is not None:
        return run.outcome
    return UNDER_WAY if Alive(history.folder).is_alive(run.number) else CUT_OFF


def name_of(path: str, step: str, by_row: bool) -> str:
    """A step's name as a person gives it: `outer.inner` for a step of the flow that `outer` runs."""
    parts = path.split("/") if path else []
    if by_row and parts and parts[0].startswith("row["):
        parts = parts[1:]
    return ".".join([*(part.partition("[")[0] for part in parts), *([step] if step else [])])


def row_of(path: str) -> int | None:
    """The row of a run for every row, by the path of what happened in it."""
    first = path.partition("/")[0]
    number = first.removeprefix("row[").removesuffix("]")
    return int(number) if first.startswith("row[") and number.isascii() and number.isdigit() else None


def exchanges(history: History, run: PastRun) -> Iterator[Exchange]:
    """All that a run asked and was answered, in the order in which it began."""
    origins: dict[int, dict[bytes, PastCall]] = {}
    for call in history.calls(run.number):
        body = call.body
        if not body.get("cached"):
            yield _exchange(call, call)
            continue
        of_run = _int(body.get("of_run"))
        if of_run not in origins:
            origins[of_run] = {one.key: one for one in history.calls(of_run) if "request" in one.body and one.key}
        origin = origins[of_run].get(call.key)
        yield _from_before(history, call, origin or history.call_with(call.key), of_run)


def whole(history: History, run: PastRun) -> WholeRun:
    """The run with its steps."""
    by_row = run.body.get("each") is not None
    steps: dict[str, StepOfRun] = {}
    for name, kind, *_ in graph_of(run):
        if kind in ("prompt", "run", "call"):
            steps[name] = StepOfRun(name, kind)
    calling: dict[tuple[str, str], tuple[float, float]] = {}  # from the first call's beginning to the last one's end
    for exchange in exchanges(history, run):
        _count(_step(steps, name_of(exchange.path, exchange.step, by_row)), exchange)
        if not exchange.cached and exchange.began_s is not None:
            first, last = calling.get((exchange.path, exchange.step), (exchange.began_s, 0.0))
            ended = exchange.began_s + exchange.seconds
            calling[exchange.path, exchange.step] = min(first, exchange.began_s), max(last, ended)
    unmet: list[PastStep] = []
    rows: set[int | None] = set()  # whose failure is told with the step that met it
    for one in history.steps(run.number):
        if one.body.get("outcome") == "failed":
            rows.add(row_of(one.path))
        if not one.step:
            unmet.append(one)
        elif one.body.get("outcome") != "result":
            if one.body.get("outcome") == "done":
                calling.pop((one.path, one.step), None)
            _take(_step(steps, name_of(one.path, one.step, by_row)), one)
    for (path, name), (first, last) in calling.items():
        step = _step(steps, name_of(path, name, by_row))
        step.seconds = max(step.seconds, last - first)
    order = {name: place for place, name in enumerate(steps)}
    ordered = sorted(steps.values(), key=lambda one: (order.get(one.name.partition(".")[0], 0), order[one.name]))
    own = (one for one in unmet if one.body.get("outcome") != "row failed" or row_of(one.path) not in rows)
    return WholeRun(run, outcome_of(history, run), tuple(ordered), tuple(own))


def graph_of(run: PastRun) -> tuple[Sequence[Any], ...]:
    """The flow's inputs, steps, lets and outputs: name, kind, level, notes, what it reads, what it waits for."""
    found = run.body.get("graph")
    return tuple(node for node in found if _is_node(node)) if isinstance(found, list) else ()


def commit_of(run: PastRun) -> tuple[str, tuple[str, ...]] | None:
    """The commit of git's at which the flow was, and the files that were changed since; None if nobody knows."""
    found = run.body.get("commit")
    if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
        return None
    changed = found.get("changed")
    return found["id"], tuple(str(one) for one in changed) if isinstance(changed, list) else ()


def repeats_of(run: PastRun) -> tuple[int, ...]:
    """The numbers of the runs that a run repeats, the last one first."""
    found = run.body.get("repeats")
    return tuple(one for one in found if isinstance(one, int)) if isinstance(found, list) else ()


def money_of(told: object) -> Decimal | None:
    """US dollars as the store has them."""
    try:
        amount = Decimal(told) if isinstance(told, str) else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite():
        return None
    # Nobody pays more, or less: written out, such an amount would fill the memory.
    return amount if amount == 0 or -_MOST_PLACES <= amount.adjusted() <= _MOST_PLACES else None


def _is_node(node: object) -> bool:
    return (
        isinstance(node, list)
        and len(node) == 6
        and isinstance(node[0], str)
        and isinstance(node[1], str)
        and isinstance(node[2], int)
        and all(isinstance(names, list) and all(isinstance(one, str) for one in names) for names in node[3:])
    )


def _step(steps: dict[str, StepOfRun], name: str) -> StepOfRun:
    return steps.setdefault(name, StepOfRun(name))


def _count(step: StepOfRun, exchange: Exchange) -> None:
    if exchange.cached:
        step.cached += 1
        return
    step.calls += exchange.status != "cancelled"  # as the run itself counts
    step.failed_calls += exchange.status not in ("ok", "cancelled", *PENDING)
    step.tokens_in += exchange.tokens_in
    step.tokens_out += exchange.tokens_out
    step.tokens_cached += exchange.tokens_cached
    if exchange.cost_usd is not None:
        step.cost_usd = (step.cost_usd or Decimal(0)) + exchange.cost_usd


def _take(step: StepOfRun, one: PastStep) -> None:
    body = one.body
    match body.get("outcome"):
        case "done":
            step.done += 1
            step.lost += _int(body.get("failed_items"))
            step.seconds = max(step.seconds, _number(body.get("seconds")) or 0.0)
        case "skipped":
            step.skipped += 1
            step.because = str(body.get("because", ""))
        case "failed" if body.get("rule") == "failed-before":
            step.consequences += 1
        case "failed":
            step.failures.append(one)
        case "noted":
            step.notes.append(str(body.get("message", "")))


def _exchange(call: PastCall, asked: PastCall) -> Exchange:
    """A call of the run itself; `asked` is where its request and answer stand."""
    body, request = call.body, asked.body.get("request")
    request = request if isinstance(request, Mapping) else None
    answer = asked.body.get("answer")
    return Exchange(
        number=call.number,
        path=call.path,
        step=call.step,
        item=call.item,
        sample=_int(request.get("sample") if request else None) or 1,
        role=str(asked.body.get("role") or ""),
        status=call.status,
        model=str(asked.body.get("model") or ""),
        key=call.key,
        request=request,
        answer=answer if isinstance(answer, str) else None,
        tool_calls=_objects(asked.body.get("calls")),
        error=str(body.get("error") or ""),
        began_s=_number(body.get("began_s")),
        seconds=_number(body.get("seconds")) or 0.0,
        tokens_in=_int(body.get("tokens_in")),
        tokens_out=_int(body.get("tokens_out")),
        tokens_cached=_int(body.get("tokens_cached")),
        cost_usd=money_of(body.get("cost_usd")),
    )


def _from_before(history: History, call: PastCall, origin: PastCall | None, of_run: int) -> Exchange:
    """A question that was answered from before: asked as it was then."""
    kept = history.answer(call.key)
    asked = _exchange(call, origin if origin is not None else call)
    is_same = kept is not None and (kept.run == of_run or asked.answer is None)
    reply = kept.reply if kept is not None and is_same else None
    return Exchange(
        number=asked.number,
        path=asked.path,
        step=asked.step,
        item=asked.item,
        sample=asked.sample,
        role=asked.role,
        status=asked.status,
        model=asked.model or (reply.model if reply is not None else ""),
        key=asked.key,
        request=asked.request,
        answer=reply.text if reply is not None else asked.answer,
        tool_calls=asked.tool_calls if reply is None else (),
        turns=tuple(_turn(one) for one in kept.turns) if kept is not None and is_same else (),
        cached=True,
        of_run=of_run,
        began_s=asked.began_s,
    )


def _turn(message: Any) -> Mapping[str, Any]:
    return {
        "role": message.role,
        "parts": [part for part in message.parts if isinstance(part, str)],
        "calls": [[call.name, call.arguments] for call in message.tool_calls],
    }


def _objects(found: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()


def _int(told: object) -> int:
    """A count, such as of tokens."""
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= _MOST_COUNT else 0


def _number(told: object) -> float | None:
    """A time in seconds."""
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if is_number and 0 <= told <= _MOST_S else None  # type: ignore[operator,arg-type]
