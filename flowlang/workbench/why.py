"""`flowlang why [FLOW] STEP`: why a step would be asked again, and why it was asked. Nothing is sent or written."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow
from ..language.values import Value
from ..models.providers import Providers, providers_of
from ..plan.build import build
from ..plan.graph import Defaults, Plan, PlannedStep
from ..plan.remaining import Status
from ..plan.seen import Looked, Seen
from ..project import find_root
from ..run.exit import DONE, WRONG_INPUT
from ..run.inputs import defaults_of as input_defaults_of
from ..show.because import Reason, in_short, of_step
from ..show.edits import where
from ..show.terminal import visible
from ..show.why import Group, Link, Why, why_json, why_text
from ..store.frozen import Gone, thawed
from ..store.history import History, PastRun
from .asking import hide_keys
from .earlier import flow_then
from .given import Given
from .looking import Because, looked_up
from .opening import defaults_of, open_inputs, open_settings, read_no_address
from .refusal import Refusal
from .screen import Screen
from .storing import flow_key, open_history
from .tracing import Trace, explained_run


def last_flow(words: Sequence[str], screen: Screen) -> str:
    """The flow of the project's last run, or of the one that `--run` names. Raises Refusal if there is none."""
    given = Given({}, {name: (value,) for name in ("store", "run") if (value := _value_of(name, words)) is not None})
    history = open_history("any.flow", given, screen)
    if history is None:
        raise Refusal(WRONG_INPUT, "nothing was run here yet", ("name the flow: flowlang why FLOW STEP",))
    try:
        number = given.number("run", 1)
        run = history.run(number) if number is not None else next(_asking(history.runs()), None)
        if run is None:
            message = "nothing was run here yet" if number is None else f"there is no run {number}"
            raise Refusal(WRONG_INPUT, message, ("name the flow: flowlang why FLOW STEP",))
        return os.path.relpath(find_root(Path("any.flow")) / run.flow)
    finally:
        history.close()


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints why."""
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    words = [given.word("FLOW"), given.word("STEP")]
    path, name = _pick(flow, words[0] if words[1].endswith(".flow") else words[1])
    defaults = defaults_of(settings)
    plan = build(flow, defaults)
    providers = providers_of(settings.providers, settings.provider, screen.environment)
    history = open_history(flow.source.path, given, screen)
    try:
        why = _explained(plan, defaults, path, name, history, providers, given, screen)
    finally:
        if history is not None:
            history.close()
    text = why_json(why, flow.source.path) if given.has("json") else why_text(why, flow.source.path)
    screen.out(visible(text) if screen.reads_out else text)
    return DONE


def _explained(
    plan: Plan,
    defaults: Defaults,
    path: str,
    name: str,
    history: History | None,
    providers: Providers,
    given: Given,
    screen: Screen,
) -> Why:
    """All that is to be said of a step."""
    flow_path = plan.flow.source.path
    node = _node_of(plan, path, name)
    file, line = where(node.of.place)
    step = f"{path}.{name}" if path else name
    if history is None:
        open_inputs(plan.flow, given, screen, complete=False, fetch=read_no_address)
        never = (Group((), (Reason("never"),)),)
        return Why(step, file, line, "new", "it was never asked", never, 1, ())
    run = _run_meant(plan.flow, history, given)
    values = _inputs(plan.flow, run, history, given, screen)
    looked = looked_up(plan, values, providers, history, given)
    because = Because(plan, values, looked, history, providers, screen)
    item = given.number("item", 1)
    found = list(_entries(looked, path, name, node))
    entries = [(at, _only(seen, at, item)) for at, seen in found]
    then = None if run is None else explained_run(plan, path, name, item, run, history, because.kept, defaults)
    if item is not None and (then is None or not (then.asked or then.cached)):
        _refuse_no_item(item, step, found)
    merged = _merged([seen for _, seen in entries])
    status: Status = "new" if merged.asked or merged.tools else "unknown" if merged.open else "cached"
    trace = Trace(because.reasons, because.questions, flow_path)
    groups = trace.groups([because.kept.question(*at, one) for at, seen in entries for one in seen.asked])
    newest = max(merged.from_before, key=lambda one: one.made_at, default=None)
    return Why(
        step=step,
        path=file,
        line=line,
        status=status,
        because=of_step(node, merged, status, in_short(groups[0].reasons, flow_path) if groups else ""),
        groups=groups,
        asked=sum(not one.again for one in merged.asked),
        chain=_hanging(merged, looked, trace) if status == "unknown" else trace.chain(),
        answered_in=newest.run if newest is not None else 0,
        answered_at=newest.made_at if newest is not None else 0.0,
        before=then,
    )


# ── Which step ──


def _pick(flow: CheckedFlow, word: str) -> tuple[str, str]:
    """The step that is meant: its own name, or `outer.inner` for a step of the flow that `outer` runs."""
    outer, dot, inner = word.partition(".")
    known = list(flow.steps)
    for one in flow.steps.values():
        known += [f"{one.name}.{name}" for name in one.run.steps] if one.run is not None else []
    if word in known:
        return (outer, inner) if dot else ("", word)
    if word in flow.lets:
        raise Refusal(WRONG_INPUT, f"`{word}` is worked out without a model, and never asked", rule="wrong-value")
    near = nearest(word, known)
    hint = f"did you mean `{near}`?" if near else "its steps: " + ", ".join(f"`{one}`" for one in known)
    raise Refusal(WRONG_INPUT, f"there is no step `{word}` in `{flow.source.path}`", (hint,), "unknown-name")


def _node_of(plan: Plan, path: str, name: str) -> PlannedStep:
    if not path:
        return plan.nodes[name]
    sub = plan.nodes[path].sub
    assert sub is not None
    return sub.nodes[name]


def _entries(looked: Looked, path: str, name: str, node: PlannedStep) -> Iterator[tuple[tuple[str, str], Seen]]:
    """What was found out about a step, by the ways that lead to it; of one that runs a flow, about all below it."""
    for (at, step), seen in looked.steps.items():
        outer = at.partition("/")[0].partition("[")[0]
        is_it = step == name and outer == path and "/" not in at
        if is_it or (not path and node.kind == "run" and outer == name):
            yield (at, step), seen


def _only(seen: Seen, at: tuple[str, str], item: int | None) -> Seen:
    """What was found out, of one item alone if one is meant."""
    number = at[0].partition("/")[0].partition("[")[2].rstrip("]")
    if item is None or number == str(item):
        return seen
    if number:
        return Seen()
    return Seen(
        seen.items,
        [one for one in seen.from_before if one.item == item],
        [one for one in seen.asked if one.item == item],
        [one for one in seen.open if one.item in (item, None)],
        seen.tools,
        seen.skipped,
        seen.failed,
    )


def _refuse_no_item(item: int, step: str, found: Sequence[tuple[tuple[str, str], Seen]]) -> None:
    """Refuses an item that a step does not have, where it is known how many there are."""
    if len(found) != 1 or "[" in found[0][0][0]:
        return
    seen = found[0][1]
    if seen.items is not None and item > seen.items:
        raise Refusal(WRONG_INPUT, f"`{step}` has no item {item}, only {seen.items}", rule="not-found")
    places = [one.item for one in seen.from_before] + [one.item for one in seen.asked]
    if None in places:
        raise Refusal(WRONG_INPUT, f"`{step}` does not repeat: it has no items", rule="not-found")


def _hanging(seen: Seen, looked: Looked, trace: Trace) -> tuple[Link, ...]:
    """Up from a step that hangs on others, to the one that is asked anew."""
    links: list[Link] = []
    while (name := next((one.by for one in seen.open if not one.is_input), "")) and len(links) < len(looked.steps):
        seen = looked.of(name)
        if seen.asked:
            return (*links, *trace.chain_from(name))
        links.append(Link(name, ()))
    return tuple(links)


def _merged(found: Sequence[Seen]) -> Seen:
    whole = Seen(items=found[0].items if len(found) == 1 else None)
    for seen in found:
        whole.from_before += seen.from_before
        whole.asked += seen.asked
        whole.open += seen.open
        whole.tools += seen.tools
        whole.skipped = whole.skipped or seen.skipped
        whole.failed = whole.failed or seen.failed
    return whole


# ── Which run, and with which inputs ──


def _run_meant(flow: CheckedFlow, history: History, given: Given) -> PastRun | None:
    """The run that `--run` names, or the last one that asked models."""
    number = given.number("run", 1)
    if number is None:
        return next(_asking(history.runs(flow_key(flow))), None)
    run = history.run(number)
    if run is None:
        raise Refusal(WRONG_INPUT, f"there is no run {number}", rule="not-found")
    if run.flow != flow_key(flow):
        raise Refusal(WRONG_INPUT, f"run {number} was one of `{run.flow}`", rule="wrong-value")
    return run


def _asking(runs: Iterator[PastRun]) -> Iterator[PastRun]:
    return (run for run in runs if not run.body.get("offline"))


def _inputs(
    flow: CheckedFlow, run: PastRun | None, history: History, given: Given, screen: Screen
) -> Mapping[str, Value]:
    """The values of the inputs: those that are given, else those of the run."""
    values = dict(open_inputs(flow, given, screen, complete=False, fetch=read_no_address))
    kept = run.body.get("inputs") if run is not None and not given.has("inputs") and not run.body.get("each") else None
    if not isinstance(kept, Mapping):
        return values
    defaults = input_defaults_of(flow)
    for name in flow.inputs:
        if name in given.inputs or name not in kept:
            continue
        try:
            value = thawed(kept[name], history.text)
        except (Gone, ValueError):
            continue
        # What stood in the flow as a default is a part of the flow, as it is now.
        if name not in defaults or not _was_default(name, value, run, history, flow):
            values[name] = value
    return values


def _was_default(name: str, value: Value, run: PastRun | None, history: History, flow: CheckedFlow) -> bool:
    then = None if run is None else flow_then(flow, run, history)
    return then is not None and input_defaults_of(then).get(name) == value


def _value_of(flag: str, words: Sequence[str]) -> str | None:
    """The value of a flag among words that are not read yet."""
    for place, word in enumerate(words):
        if word == f"--{flag}" and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"--{flag}="):
            return word.partition("=")[2]
    return None
