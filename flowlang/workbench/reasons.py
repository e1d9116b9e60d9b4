"""Finds out why a question is asked: it is compared with what was asked the last time, and with what was there then."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Literal

from ..language.checked import CheckedFlow, CheckedStep, Parameter
from ..plan.graph import Ask, Plan, PlannedStep
from ..record import record
from ..run.words import KeysOf
from ..show.because import Reason
from ..show.edits import Edit, edits, where
from ..store.changes import Change, changes
from ..store.history import History, PastCall, PastRun
from .earlier import flow_then
from .questions import Kept, Question
from .storing import flow_key

MOST_RUNS = 20  # that are looked back upon


@record
class Before:
    """The call that a question is compared with, and the run that it is of. `same`: it asked exactly this."""

    run: PastRun
    call: PastCall
    same: bool


class _Calls:
    """The calls of a step in a run, to find the nearest one; of equal ones the last counts."""

    def __init__(self, calls: Sequence[PastCall], sample_of: Callable[[PastCall], object]) -> None:
        self.by_key = {one.key: one for one in calls}
        self.last = calls[-1] if calls else None
        self._by_place: dict[tuple[str, int | None], dict[object, PastCall]] = {}
        for one in calls:
            self._by_place.setdefault((one.path, one.item), {})[sample_of(one)] = one

    def at_place_of(self, question: Question) -> PastCall | None:
        """The call of the same item, or another one of its samples if this one was not asked."""
        found = self._by_place.get((question.path, question.item))
        if not found:
            return None
        last = list(found.values())[-1]
        return last if len(found) == 1 else found.get(question.told().get("sample"), last)


class Reasons:
    """Why the questions of a flow are asked, by what stands in the store.

    `inputs` gives the inputs as the store keeps them; `keys_of` tells what the steps have asked. Only runs before
    the one with the number `until` are looked back upon.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Callable[[], Mapping[str, Any]],
        history: History,
        kept: "Kept",
        keys_of: KeysOf,
        until: int | None = None,
    ) -> None:
        self._plan = plan
        self._get_inputs = inputs
        self.history = history
        self.kept = kept
        self._keys_of = keys_of
        self._until = until
        self._flows: dict[int, CheckedFlow | None] = {}
        self._past_keys: dict[int, dict[str, set[bytes]]] = {}
        self._past_calls: dict[tuple[int, str, str, str], _Calls] = {}
        self._past_bodies: dict[tuple[int, str], dict[bytes, Mapping[str, Any]]] = {}
        self._known_causes: dict[tuple[int, str, str, str], tuple[Reason, ...]] = {}

    def of(self, question: Question) -> tuple[Reason, ...]:
        """Why a question is asked."""
        node = self._node(question.path, question.step)
        if node is None:
            return (Reason("never"),)
        if question.why:
            return (self._of_answer(question, node),)
        before = self.before(question)
        if before is None:
            return (Reason("never"),)
        if before.same:
            return (_of_last_call(before.call),)
        if (request := self.request_of(before.call)) is None:
            return (Reason("messages"),)
        is_there = (before.call.path, before.call.item) == (question.path, question.item)
        return self._compared(before.run, request, question, node, "messages" if is_there else "never")

    def against(self, run: PastRun, question: Question) -> tuple[Reason, ...]:
        """Why a question is another one than the nearest of a run; nothing if it is not, or there was none."""
        node, before = self._node(question.path, question.step), self._nearest(run, question)
        if node is None or before is None or before.same or (request := self.request_of(before.call)) is None:
            return ()
        return self._compared(run, request, question, node)

    def differing(self, question: Question) -> tuple[Change, ...]:
        """How the messages of a question differ from those of the one before it."""
        before = self.before(question)
        request = self.request_of(before.call) if before is not None and not before.same else None
        if request is None:
            return ()
        return tuple(one for one in changes(request, question.told(), self._read) if one.what == "message")

    @cached_property
    def runs(self) -> tuple[PastRun, ...]:
        """The runs of the flow to look back upon, newest first; those that asked nobody tell nothing."""
        runs = self.history.runs(flow_key(self._plan.flow))
        until = self._until
        asking = (run for run in runs if (until is None or run.number < until) and not run.body.get("offline"))
        return tuple(islice(asking, MOST_RUNS))

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """The inputs as the store keeps them."""
        return self._get_inputs()

    def before(self, question: Question) -> Before | None:
        """The call to compare with: of the newest run in which the step asked anything, the nearest one."""
        return next((found for run in self.runs if (found := self._nearest(run, question)) is not None), None)

    def _nearest(self, run: PastRun, question: Question) -> Before | None:
        """The nearest call of a run, the same one if it is there."""
        way = (run.number, question.step, _without_numbers(question.path), question.role)
        if way not in self._past_calls:
            calls = self.history.calls(run.number, question.step)
            self._past_calls[way] = _Calls([one for one in calls if self._is_like(one, question)], self._sample_of)
        found = self._past_calls[way]
        if (same := found.by_key.get(question.key)) is not None:
            return Before(run, same, True)
        nearest = found.at_place_of(question) or found.last
        return None if nearest is None else Before(run, nearest, False)

    def _sample_of(self, call: PastCall) -> object:
        request = self.request_of(call)
        return None if request is None else request.get("sample")

    def _is_like(self, call: PastCall, question: Question) -> bool:
        """Whether a call is of the step that asks, whatever items and rounds lead there, and in the same role."""
        if _without_numbers(call.path) != _without_numbers(question.path):
            return False
        return str(self._asking_body(call).get("role", "")) == question.role

    def request_of(self, call: PastCall) -> Mapping[str, Any] | None:
        """What a call asked; one that was answered from before asked what it found."""
        request = self._asking_body(call).get("request")
        return request if isinstance(request, Mapping) else None

    def _asking_body(self, call: PastCall) -> Mapping[str, Any]:
        """What is kept of a call that was sent: of this one, or of the one whose answer it found."""
        if "request" in call.body:
            return call.body
        of_run = call.body.get("of_run")
        if isinstance(of_run, int):
            way = (of_run, call.step)
            if way not in self._past_bodies:
                calls = self.history.calls(*way)
                self._past_bodies[way] = {one.key: one.body for one in calls if "request" in one.body}
            if (body := self._past_bodies[way].get(call.key)) is not None:
                return body
        found = self.history.call_with(call.key)
        return {} if found is None else found.body

    def cache_of(self, question: Question) -> object:
        """What the step's `cache` says: False for `no`, a number of seconds, None where it says nothing."""
        node = self._node(question.path, question.step)
        set_by = None if node is None else _setting("cache", str(question.told().get("model", "")), node)
        return None if set_by is None else set_by.value

    def _of_answer(self, question: Question, node: PlannedStep) -> Reason:
        """What is wrong with the answer from before."""
        assert question.why
        if question.why not in ("too old", "no cache"):
            return Reason(question.why)
        set_by = _setting("cache", str(question.told().get("model", "")), node)
        if set_by is None:
            return Reason(question.why)
        path, line = where(set_by.place)
        words = set_by.place.source.text[slice(*set_by.place.span)].strip()
        return Reason(question.why, old=words.removeprefix("cache:").strip(), path=path, line=line)

    # ── What differs ──

    def _compared(
        self,
        run: PastRun,
        before: Mapping[str, Any],
        question: Question,
        node: PlannedStep,
        else_: Literal["messages", "never"] = "messages",
    ) -> tuple[Reason, ...]:
        """What differs; `else_` if nothing is found that made the messages other ones."""
        now = question.told()
        found: list[Reason] = []
        others: list[Change] = []
        for change in changes(before, now, self._read):
            if change.what in ("message", "messages"):
                others.append(change)
            else:
                found.append(_of_setting(change, node, str(now.get("model", ""))))
        if others:
            found += self._causes(run, question, node) or (() if found else (Reason(else_),))
        return tuple(found) or (Reason("messages"),)

    def _causes(self, run: PastRun, question: Question, node: PlannedStep) -> tuple[Reason, ...]:
        """What made the messages of a step other ones than in a run: the same for all of its items."""
        path, role = question.path, question.role
        way = (run.number, _without_numbers(path), question.step, role)
        if way not in self._known_causes:
            self._known_causes[way] = (
                *self._edits(run, path, node, role),
                *self._changed_inputs(run, path, node),
                *self._changed_steps(run, path, node),
            )
        return self._known_causes[way]

    def _read(self, part: Any) -> Any:
        own = self.kept.text(part)
        return self.history.told(part) if own is None else own

    def _edits(self, run: PastRun, path: str, node: PlannedStep, role: str) -> list[Reason]:
        """The texts of the step that were other ones."""
        then = self.flow_of(run)
        old, new = None if then is None else _step_in(then, path, node.name), node.of
        if then is None or old is None or not isinstance(new, CheckedStep):
            return []
        if role == "judge":
            return _edited_rules(old, new)
        return [_of_edit(one) for one in edits(then, self._plan.flow, old, new)]

    def flow_of(self, run: PastRun) -> CheckedFlow | None:
        """The flow as it was when a run began; None if it is the same, or cannot be had any more."""
        if run.number not in self._flows:
            self._flows[run.number] = flow_then(self._plan.flow, run, self.history)
        return self._flows[run.number]

    def _changed_inputs(self, run: PastRun, path: str, node: PlannedStep) -> list[Reason]:
        """The inputs that the step reads, and that had another value."""
        before = run.body.get("inputs")
        if not isinstance(before, Mapping):
            return []
        found = []
        for name in self._read_by(path, node, steps=False):
            now = self.inputs.get(name)
            if before.get(name) != now:
                old, new = self._shown(before.get(name)), self._shown(now)
                found.append(Reason("input", name, old, new, what=_kind_of(now)))
        return found

    def _changed_steps(self, run: PastRun, path: str, node: PlannedStep) -> list[Reason]:
        """The steps that the step reads, and that were asked something else then."""
        then = self.keys_in(run)
        found = []
        for name in self._read_by(path, node, steps=True):
            asked = self._keys_of(name)
            if asked is None or asked != then.get(name, set()):
                found.append(Reason("step", name))
        return found

    def keys_in(self, run: PastRun) -> Mapping[str, set[bytes]]:
        """What each step of the main flow asked in a run, with all that it runs."""
        if run.number not in self._past_keys:
            keys = self._past_keys[run.number] = {}
            for call in self.history.calls(run.number):
                keys.setdefault(top_of(call.path, call.step), set()).add(call.key)
        return self._past_keys[run.number]

    def _read_by(self, path: str, node: PlannedStep, *, steps: bool) -> list[str]:
        """The inputs, or the steps, that a step reads, also by lets; below the main flow, those of its outer one."""
        nodes = self._plan.nodes
        outer = nodes.get(top_of(path, node.name), node)
        found: dict[str, None] = {}
        left, seen = [*outer.reads, *outer.needs], set[str]()
        while left:
            name = left.pop(0)
            if name in seen:
                continue
            seen.add(name)
            one = nodes.get(name)
            if one is not None and one.kind == "let":
                left += one.reads
            elif (one is not None) is steps:
                found[name] = None
        return list(found)

    def _shown(self, told: Any) -> str | None:
        """A kept value in a few words; None where it has none."""
        match self._read(told):
            case str(text):
                return text
            case bool(yes):
                return "yes" if yes else "no"
            case {"number": str(text)} | {"date": str(text)}:
                return text
            case _:
                return None

    def _node(self, path: str, step: str) -> PlannedStep | None:
        plan: Plan | None = self._plan
        for part in path.split("/") if path else ():
            node = plan.nodes.get(part.partition("[")[0]) if plan is not None else None
            plan = node.sub if node is not None else None
        return plan.nodes.get(step) if plan is not None else None


def _kind_of(told: Any) -> str:
    """What a kept value is."""
    match told:
        case str() | {"text": _}:
            return "text"
        case {"document": _}:
            return "document"
        case {"media": _, "kind": str(kind)}:
            return kind
        case list():
            return "list"
        case _:
            return "value"


def _without_numbers(path: str) -> str:
    return re.sub(r"\[\d+\]", "", re.sub(r"^row\[\d+\]/?", "", path))


def top_of(path: str, step: str) -> str:
    """The step of the main flow that a call belongs to."""
    return _without_numbers(path).partition("/")[0] or step


def _step_in(flow: CheckedFlow, path: str, name: str) -> CheckedStep | None:
    found: CheckedFlow | None = flow
    for part in path.split("/") if path else ():
        step = found.steps.get(part.partition("[")[0]) if found is not None else None
        found = step.run if step is not None else None
    return found.steps.get(name) if found is not None else None


def _of_last_call(call: PastCall) -> Reason:
    match call.status:
        case "failed" | "cancelled":
            return Reason("failed", old=str(call.body.get("error", "")) or None)
        case "cut-off":
            return Reason("cut-off")
        case "ok":
            return Reason("pruned")
        case _:
            return Reason("unknown")


def _of_edit(edit: Edit) -> Reason:
    return Reason("text", edit.what, path=edit.path, line=edit.line, lines=(edit.old, edit.new))


def _edited_rules(old: CheckedStep, new: CheckedStep) -> list[Reason]:
    before = {rule.words for rule in old.ensures}
    found = []
    for rule in new.ensures:
        if rule.judged and rule.words not in before:
            path, line = where(rule.place)
            found.append(Reason("text", "rule", path=path, line=line, lines=((), (rule.words,))))
    return found


def _of_setting(change: Change, node: PlannedStep, model: str) -> Reason:
    """A difference of what is set, at the place that sets it."""
    names = {"model": "model", "parameter": change.name}
    set_by = _setting(names.get(change.what, ""), model, node)
    path, line = where(set_by.place) if set_by is not None else ("", 0)
    if change.what in ("schema", "tools") and isinstance(node.of, CheckedStep):
        place = node.of.answer_place if change.what == "schema" else node.of.settings.get("uses")
        path, line = where(place) if place is not None else ("", 0)
    assert change.what != "message"
    return Reason(change.what, change.name, change.old, change.new, path, line)


def _setting(name: str, model: str, node: PlannedStep) -> Parameter | None:
    asks: Iterable[Ask | None] = (*node.asks, *node.judges)
    ask = next((one for one in asks if one is not None and one.model == model), None)
    return ask.parameters.get(name) if ask is not None else None
