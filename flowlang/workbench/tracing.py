"""Follows the reasons of a step: item by item, and up the steps that it reads; of now, and of an earlier run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..plan.build import build
from ..plan.graph import Defaults, Plan
from ..plan.seen import Why as WhyNot
from ..show.because import Reason, in_short
from ..show.edits import hunks
from ..show.why import Before, Group, Link
from ..store.history import History, PastCall, PastRun
from .earlier import flow_then
from .questions import Kept, Question
from .reasons import Reasons, top_of

MOST_LOOKED_INTO = 10_000  # questions of one step: it has no more items
_MOST_LINKS = 8  # of a chain
_MOST_LINES = 8  # of a difference

QuestionsOf = Callable[[str], Sequence[Question]]  # all questions of a step of the main flow, with what it runs


class Trace:
    """The reasons of the questions of one step, with those of the steps that it reads."""

    def __init__(self, reasons: Reasons, questions_of: QuestionsOf, flow: str) -> None:
        self._reasons = reasons
        self._questions_of = questions_of
        self._flow = flow
        self._against: PastRun | None = None  # the run with which the first question was compared
        self._first: tuple[Reason, ...] = ()

    def groups(self, questions: Iterable[Question]) -> tuple[Group, ...]:
        """The questions by their reasons."""
        found: dict[str, tuple[list[int], tuple[Reason, ...], Question]] = {}
        for number, question in enumerate(questions):
            if number >= MOST_LOOKED_INTO:
                break
            reasons = self._reasons.of(question)
            if not number:
                before = None if question.why else self._reasons.before(question)
                self._against, self._first = before.run if before is not None else None, reasons
            place = _place_of(question)
            places, _, _ = found.setdefault(in_short(reasons, self._flow), ([], reasons, question))
            if place is not None and place not in places:
                places.append(place)
        return tuple(
            Group(tuple(places), reasons, *self._difference(reasons, question))
            for places, reasons, question in found.values()
        )

    def chain(self) -> tuple[Link, ...]:
        """Up from the first question: the steps whose other answers made it another one."""
        return self._up(self._first, self._against, set()) if self._against is not None else ()

    def chain_from(self, step: str) -> tuple[Link, ...]:
        """Up from a step whose answer is not known yet."""
        for question in self._questions_of(step):
            reasons = self._reasons.of(question)
            if reasons and reasons[0].kind != "pruned":
                before = None if question.why else self._reasons.before(question)
                link = Link(step, reasons)
                return (link, *self._up(reasons, before.run, {step})) if before is not None else (link,)
        return ()

    def _up(self, reasons: tuple[Reason, ...], run: PastRun, seen: set[str]) -> tuple[Link, ...]:
        links: list[Link] = []
        while len(links) < _MOST_LINKS:
            name = next((one.name for one in reasons if one.kind == "step" and one.name not in seen), "")
            if not name:
                break
            seen.add(name)
            then = self._reasons.keys_in(run).get(name, set())
            others = (one for one in self._questions_of(name) if one.key not in then)
            first = next(others, None)
            reasons = () if first is None else self._reasons.against(run, first) or self._reasons.of(first)
            links.append(Link(name, reasons))
        return tuple(links)

    def _difference(self, reasons: tuple[Reason, ...], question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The first lines of the messages that differ, where no line of a flow says it."""
        if question.why or any(one.lines for one in reasons):
            return (), ()
        for change in self._reasons.differing(question):
            for _, old, new in hunks((change.old or "").split("\n"), (change.new or "").split("\n")):
                return old[:_MOST_LINES], new[:_MOST_LINES]
        return (), ()


def explained_run(
    plan: Plan,
    path: str,
    name: str,
    item: int | None,
    run: PastRun,
    history: History,
    kept: Kept,
    defaults: Defaults,
) -> Before:
    """Why a step was asked in a run, or not."""
    flow = flow_then(plan.flow, run, history) or plan.flow
    then = build(flow, defaults)
    keys: dict[str, set[bytes]] = {}
    calls: dict[str, list[PastCall]] = {}
    for call in history.calls(run.number):
        top = top_of(call.path, call.step)
        keys.setdefault(top, set()).add(call.key)
        calls.setdefault(top, []).append(call)
    inputs = run.body.get("inputs")
    reasons = Reasons(
        then,
        lambda: inputs if isinstance(inputs, Mapping) else {},
        history,
        kept,
        lambda step: frozenset(keys.get(step, ())),
        run.number,
    )
    own = [one for one in calls.get(path or name, ()) if (not path or one.step == name) and _is_of(one, item)]
    sent = [one for one in own if not one.body.get("cached")]
    found = [one for one in own if one.body.get("cached")]
    trace = Trace(
        reasons,
        lambda step: [_question(one, reasons, run) for one in calls.get(step, ())],
        plan.flow.source.path,
    )
    groups = trace.groups(_question(one, reasons, run) for one in sent)
    of_runs = sorted({of for one in found if isinstance(of := one.body.get("of_run"), int) and of})
    return Before(run.number, run.started_at, groups, len(sent), len(found), tuple(of_runs), trace.chain())


def _is_of(call: PastCall, item: int | None) -> bool:
    """Whether a call is of the item that is meant, if one is."""
    if item is None:
        return True
    number = call.path.partition("/")[0].partition("[")[2].rstrip("]")
    return number == str(item) if number else call.item == item


def _question(call: PastCall, reasons: Reasons, run: PastRun) -> Question:
    """A call of an earlier run as a question."""

    def told() -> Mapping[str, Any]:
        return reasons.request_of(call) or {}

    question = Question(call.path, call.step, call.item, call.key, str(call.body.get("role", "")), "", told)
    why = _why_then(question, call, reasons, run)
    if not why:
        return question
    return Question(call.path, call.step, call.item, call.key, question.role, why, told)


def _why_then(question: Question, call: PastCall, reasons: Reasons, run: PastRun) -> WhyNot:
    """Why no answer from before served a call: what the run was told, and what the flow said then."""
    fresh = run.body.get("fresh")
    if isinstance(fresh, list) and ("" in fresh or call.step in fresh):
        return "fresh"
    cache = reasons.cache_of(question)
    if cache is False:
        return "no cache"
    if cache is not None and (before := reasons.before(question)) is not None and before.same:
        return "too old" if before.call.status == "ok" else ""
    return ""


def _place_of(question: Question) -> int | None:
    """The item of the step of the main flow that a question is of."""
    number = question.path.partition("/")[0].partition("[")[2].rstrip("]")
    return int(number) if number else question.item
