"""Finds out why a question is asked: it is compared with what was asked the last time, and with what was there then."""

import json
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ..language.checked import CheckedFlow, CheckedStep, Parameter
from ..language.values import Value
from ..models.chat import ChatRequest
from ..models.providers import Providers
from ..pipeline import compile_texts
from ..plan.graph import Ask, Plan, PlannedStep
from ..plan.seen import Asked
from ..project import find_root
from ..record import record
from ..run.keeping import Keeping, OriginOf
from ..run.words import KeysOf, Tell
from ..show.because import Reason, as_line
from ..show.edits import Edit, edits, where
from ..store.changes import Change, changes
from ..store.frozen import frozen
from ..store.history import History, PastCall, PastRun
from ..store.problems import StoreUnusable
from ..store.requests import Redact, Texts
from .screen import Screen
from .storing import flow_key, origins

MOST_RUNS = 20  # that are looked back upon


@record
class Before:
    """The call that a question is compared with, and the run that it is of. `same`: it asked exactly this."""

    run: PastRun
    call: PastCall
    same: bool


class Reasons:
    """Why the questions of a flow are asked. `keys_of` tells what the steps have asked now; `run` is not looked at."""

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Value],
        history: History,
        origin_of: OriginOf,
        redact: Redact,
        keys_of: KeysOf,
        run: int = 0,
    ) -> None:
        self._plan = plan
        self._inputs = inputs
        self.history = history
        self._origin_of = origin_of
        self._texts = Texts(redact)
        self._own_texts: dict[bytes, bytes] = {}
        self._keys_of = keys_of
        self._run = run
        self._flows: dict[int, CheckedFlow | None] = {}
        self._past_keys: dict[int, dict[str, set[bytes]]] = {}

    def of(self, path: str, step: str, asked: Asked) -> tuple[Reason, ...]:
        """Why a step of the flow that is reached by `path` asks a question."""
        node = self._node(path, step)
        if node is None:
            return (Reason("never"),)
        if asked.why:
            return (self._of_answer(asked, node),)
        before = self.before(path, step, asked.item, asked.key, asked.role)
        if before is None:
            return (Reason("never"),)
        if before.same:
            return (_of_last_call(before.call),)
        request = self.request_of(before.call)
        if request is None:
            return (Reason("messages"),)
        return self._compared(before.run, request, path, node, asked)

    def between(self, path: str, step: str, run: PastRun, older: PastCall, newer: Asked) -> tuple[Reason, ...]:
        """Why a question differs from one of a run."""
        node, request = self._node(path, step), self.request_of(older)
        if node is None or request is None:
            return (Reason("messages"),)
        return self._compared(run, request, path, node, newer)

    @cached_property
    def runs(self) -> tuple[PastRun, ...]:
        """The runs of the flow to look back upon, newest first; those that asked nobody tell nothing."""
        runs = self.history.runs(flow_key(self._plan.flow))
        asking = (run for run in runs if run.number != self._run and not run.body.get("offline"))
        return tuple(islice(asking, MOST_RUNS))

    def before(self, path: str, step: str, item: int | None, key: bytes, role: str = "") -> Before | None:
        """The call to compare with: of the newest run in which the step asked anything, the nearest one."""
        for run in self.runs:
            calls = [one for one in self.history.calls(run.number, step) if _is_of(one, path, role)]
            if same := [one for one in calls if one.key == key]:
                return Before(run, same[-1], True)
            if calls:
                return Before(run, max(calls, key=lambda one: (one.path == path, one.item == item, one.number)), False)
        return None

    def request_of(self, call: PastCall) -> Mapping[str, Any] | None:
        """What a call asked; one that was answered from before asked what it found."""
        if "request" not in call.body:
            of_run = call.body.get("of_run")
            found = [one for one in self.history.calls(of_run, call.step) if one.key == call.key] if of_run else []
            told = next((one for one in reversed(found) if "request" in one.body), None)
            told = told or self.history.call_with(call.key)
            request = None if told is None else told.body.get("request")
        else:
            request = call.body["request"]
        return request if isinstance(request, Mapping) else None

    def _of_answer(self, asked: Asked, node: PlannedStep) -> Reason:
        """What is wrong with the answer from before."""
        assert asked.why
        if asked.why not in ("too old", "no cache"):
            return Reason(asked.why)
        set_by = _setting("cache", asked.request.model, node)
        if set_by is None:
            return Reason(asked.why)
        path, line = where(set_by.place)
        words = set_by.place.source.text[slice(*set_by.place.span)].strip()
        return Reason(asked.why, old=words.removeprefix("cache:").strip(), path=path, line=line)

    # ── What differs ──

    def _compared(
        self, run: PastRun, before: Mapping[str, Any], path: str, node: PlannedStep, asked: Asked
    ) -> tuple[Reason, ...]:
        found: list[Reason] = []
        others: list[Change] = []
        for change in changes(before, self.told(asked.request), self._read):
            if change.what in ("message", "messages"):
                others.append(change)
            else:
                found.append(_of_setting(change, node, asked.request))
        if others:
            causes = [
                *self._edits(run, path, node, asked.role),
                *self._changed_inputs(run, path, node),
                *self._changed_steps(run, path, node),
            ]
            found += causes or ([] if found else [Reason("messages")])
        return tuple(found) or (Reason("messages"),)

    def told(self, request: ChatRequest) -> dict[str, Any]:
        """A request as the store would keep it."""
        told = self._texts.told(request, self._origin_of(request.model))
        self._own_texts |= self._texts.take()
        plain = json.loads(json.dumps(told))
        assert isinstance(plain, dict)
        return plain

    def _read(self, part: Any) -> Any:
        if isinstance(part, Mapping) and set(part) == {"text"}:
            own = self._own_texts.get(bytes.fromhex(part["text"]))
            if own is not None:
                return own.decode("utf-8", "replace")
        return self.history.told(part)

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
            self._flows[run.number] = self._compiled(run)
        return self._flows[run.number]

    def _compiled(self, run: PastRun) -> CheckedFlow | None:
        now = {source.path: source.text for source in self._plan.flow.files}
        kept = run.body.get("sources")
        if not isinstance(kept, Mapping):
            return None
        then = {path: str(self.history.told(part)) for path, part in kept.items()}
        main = next(iter(then), "")
        by_key = {_key_in_project(path, main, run.flow): text for path, text in then.items()}
        flow = Path(self._plan.flow.source.path)
        root = find_root(flow)
        shown = {key: os.path.relpath(root / key) for key in by_key if not key.startswith("std/")}
        if {shown.get(key, key): text for key, text in by_key.items()} == now:
            return None
        return compile_texts(flow, by_key, shown).flow

    def _changed_inputs(self, run: PastRun, path: str, node: PlannedStep) -> list[Reason]:
        """The inputs that the step reads, and that had another value."""
        before = run.body.get("inputs")
        if not isinstance(before, Mapping):
            return []
        found = []
        for name in self._read_by(path, node, steps=False):
            if name not in self._inputs:
                continue
            now = json.loads(json.dumps(frozen(self._inputs[name], self._texts)))
            self._own_texts |= self._texts.take()
            if before.get(name) != now:
                old, new = self._shown(before.get(name)), self._shown(now)
                found.append(Reason("input", name, old, new, what=_kind_of(now)))
        return found

    def _changed_steps(self, run: PastRun, path: str, node: PlannedStep) -> list[Reason]:
        """The steps that the step reads, and that were asked something else then."""
        if run.number not in self._past_keys:
            keys: dict[str, set[bytes]] = {}
            for call in self.history.calls(run.number):
                keys.setdefault(_top(call.path, call.step), set()).add(call.key)
            self._past_keys[run.number] = keys
        found = []
        for name in self._read_by(path, node, steps=True):
            asked = self._keys_of(name)
            if asked is None or asked != self._past_keys[run.number].get(name, set()):
                found.append(Reason("step", name))
        return found

    def _read_by(self, path: str, node: PlannedStep, *, steps: bool) -> list[str]:
        """The inputs, or the steps, that a step reads, also by lets; below the main flow, those of its outer one."""
        nodes = self._plan.nodes
        outer = nodes.get(_top(path, node.name), node)
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


def words_of(plan: Plan, inputs: Mapping[str, Value], providers: Providers, keeping: Keeping, screen: Screen) -> Tell:
    """How a run tells why it asks. The store is read when a step asks for the first time, and is left alone else."""
    reasons: Reasons | None = None

    def tell(path: str, step: str, asked: Asked, keys_of: KeysOf) -> str:
        nonlocal reasons
        try:
            with closing(History(keeping.store.folder)) as history:
                if reasons is None:
                    run = keeping.store.run
                    reasons = Reasons(plan, inputs, history, origins(providers), screen.redact, keys_of, run)
                reasons.history = history
                return as_line(reasons.of(path, step, asked), plan.flow.source.path)
        except StoreUnusable:
            return ""

    return tell


def _is_of(call: PastCall, path: str, role: str) -> bool:
    """Whether a call is of the step that is reached by a path, whatever items and rounds lead there."""
    own_role = call.body.get("role", role if call.body.get("cached") else "")
    return _without_numbers(call.path) == _without_numbers(path) and own_role == role


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


def _top(path: str, step: str) -> str:
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


def _of_setting(change: Change, node: PlannedStep, request: ChatRequest) -> Reason:
    """A difference of what is set, at the place that sets it."""
    names = {"model": "model", "parameter": change.name}
    set_by = _setting(names.get(change.what, ""), request.model, node)
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


def _key_in_project(shown: str, main: str, flow: str) -> str:
    """The path in its project of a file, by the paths of it and of the main flow as they were shown then."""
    if shown.startswith("std/"):
        return shown
    beside = posixpath.relpath(shown, posixpath.dirname(main) or ".")
    return posixpath.normpath(posixpath.join(posixpath.dirname(flow), beside))
