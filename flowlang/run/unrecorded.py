"""Why a test has no answer to go on with: nothing was ever recorded, or the request has changed since.

What became outdated is told by the part of the request that changed, at the line that sets it. Steps that only wait for
such a step are not told: their turn comes when it is recorded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..diagnostics.diagnostic import Diagnostic
from ..language import ast
from ..language.checked import CheckedFlow, CheckedStep, Place
from ..models.recording import Recorded
from ..plan.graph import Plan, PlannedStep
from ..plan.request_parts import PARTS, TOOL_PARTS, changed_parts
from .outcome import Failure
from .recorder import MISSING, Miss, Recorder
from .trial import MOST_PLACES, Tried

OUTDATED = "outdated-recording"
UNUSED = "unused-recording"
_NAMES = {"form": "schema", "texts": "prompt"}  # what programs are told of parts, where it is another name


def explained(tried: Sequence[Tried], plans: Sequence[Plan], recorder: Recorder, command: str) -> list[Tried]:
    """The tests with what they lack told as failures; `command` records it.

    `plans` are those of the tests. All tests of the file must have been tried: what another one uses is not outdated.
    """
    left = _Left(recorder.unused())
    return [
        replace(one, failures=(*one.failures, *_told(one, plan, left, command)))
        for one, plan in zip(tried, plans, strict=True)
    ]


class _Left:
    """The recordings that nothing asked for: what is missing may be a later form of one of them."""

    def __init__(self, unused: Iterable[Recorded]) -> None:
        self._unused = list(unused)

    def nearest(self, miss: Miss) -> Recorded | None:
        """The recording that was probably made for what is missing."""
        which = miss.which
        alike = [
            one
            for one in self._unused
            if (one.which.flow, one.which.step, bool(one.which.judge), one.which.tool)
            == (which.flow, which.step, bool(which.judge), which.tool)
        ]
        if not alike:
            return None

        def distance(one: Recorded) -> tuple[int, bool, bool]:
            changed = len(changed_parts(one.request, miss.request))
            return changed + 2 * (one.which.place != which.place), one.which != which, bool(one.text is None)

        return min(alike, key=distance)


def _told(tried: Tried, plan: Plan, left: _Left, command: str) -> list[Failure]:
    """A failure for each step that lacks answers, and for each way in which its requests changed."""
    found: dict[tuple[str, str, tuple[str, ...] | None], list[Miss]] = {}
    for miss in tried.misses:
        near = left.nearest(miss)
        changed = None if near is None else changed_parts(near.request, miss.request) or ("place",)
        found.setdefault((_dotted(miss), miss.which.judge, changed), []).append(miss)
    failures = []
    for (step, _, changed), misses in found.items():
        node = _node_of(plan, misses[0])
        if changed is None:
            failures.append(_missing(tried, step, node, misses, command))
        else:
            failures.append(_outdated(tried, step, node, misses, changed, command))
    return failures


def _missing(tried: Tried, step: str, node: PlannedStep | None, misses: list[Miss], command: str) -> Failure:
    miss, record = misses[0], f"to record it: {command}"
    own = _own_judges(tried)
    if miss.which.judge and (node is None or miss.which.judge in own):
        place = own.get(miss.which.judge, tried.test.place)
        return Failure(MISSING, f"the judgement of `{step}` is not recorded", place, (record,))
    if miss.which.judge:
        message = f"a judge would be asked about step `{step}`{_items(misses)}, and its judgement is not recorded"
        return Failure(MISSING, message, tried.test.place, (record,))
    if miss.which.tool:
        message = (
            f"step `{step}` would call the tool `{miss.which.tool}`{_items(misses)}, and its result is not recorded"
        )
    else:
        message = f"step `{step}` would ask a model{_items(misses)}, and its answer is not recorded"
    return Failure(MISSING, message, tried.test.place, (record, f"or answer it in the test: `answer {step}: …`"))


def _own_judges(tried: Tried) -> dict[str, Place]:
    """The rules of the test's own judges, and where they stand."""
    return {_words(one.rule): one.place for one in tried.test.judges}


def _judges_of(step: CheckedStep | None) -> dict[str, Place]:
    """The same of a step's rules; what is filled into one is not known here."""
    ensures = step.ensures if step is not None else ()
    return {_words(one.rule): one.place for one in ensures if isinstance(one.rule, ast.Text)}


def _words(rule: ast.Text) -> str:
    return "".join(part for part in rule.parts if isinstance(part, str))


def _outdated(
    tried: Tried, step: str, node: PlannedStep | None, misses: list[Miss], changed: tuple[str, ...], command: str
) -> Failure:
    what = "judgement" if misses[0].which.judge else "result" if misses[0].which.tool else "answer"
    them = f"the recorded {what} of step `{step}` is" if len(misses) == 1 else f"recorded {what}s of step `{step}` are"
    reason, place = _reason(tried, node, misses[0], changed)
    message = f"{them} outdated{_items(misses)}: {reason}"
    # The messages follow the texts that they are made of: of these two, the cause is told.
    named = [_NAMES.get(one, one) for one in changed if one != "messages" or "texts" not in changed]
    return Failure(OUTDATED, message, place, (f"to record it again: {command}", _seen_in(tried)), tuple(named))


def _seen_in(tried: Tried) -> str:
    return f'the test "{tried.test.name}" asks for it'


def _reason(tried: Tried, node: PlannedStep | None, miss: Miss, changed: tuple[str, ...]) -> tuple[str, Place]:
    """What changed, in words, and the line that says it now."""
    step = node.of if node is not None and isinstance(node.of, CheckedStep) else None
    place = step.place if step is not None else tried.test.place
    if changed == ("place",):
        return "it was recorded for another of the tries or samples", place
    if set(changed) in (set(PARTS), set(TOOL_PARTS)):
        return "another request was recorded", place
    told = []
    if "model" in changed:
        told.append(f"it asks `{miss.model}` now, another model")
        place = step.settings.get("model", place) if step is not None else place
    if "parameters" in changed:
        told.append("a parameter has changed")
    if "form" in changed:
        or_a_tool = ", or a tool that it may call," if step is None or step.tools else ""
        told.append(f"what it must answer{or_a_tool} has changed")
        place = step.answer_place if step is not None and not told[1:] else place
    if "texts" in changed:
        told.append("the rule has changed" if miss.which.judge else "its prompt has changed")
        if step is not None and step.messages and not told[1:]:
            place = step.messages[-1].place
    elif "messages" in changed:
        told.append(f"what its prompt is filled with has changed{_sources(node)}")
    if "tool" in changed:
        told.append(f"the tool `{miss.which.tool}` has changed")
    elif "values" in changed:
        told.append("it is called with other values")
    if miss.which.judge:
        place = {**_judges_of(step), **_own_judges(tried)}.get(miss.which.judge, place)
    return ", and ".join(told), place


def _sources(node: PlannedStep | None) -> str:
    reads = [f"`{name}`" for name in node.reads[:4]] if node is not None else []
    return f": {', '.join(reads)}" if reads else ""


def _items(misses: list[Miss]) -> str:
    places = sorted({one.asker.item for one in misses if one.asker.item is not None})
    if not places:
        return ""
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    word = "item" if len(places) == 1 else "items"
    return f" for {word} {', '.join(map(str, places[:MOST_PLACES]))}{more}"


def _dotted(miss: Miss) -> str:
    names = [part.partition("[")[0] for part in miss.asker.path.split("/") if part]
    return ".".join((*names, miss.asker.step))


def _node_of(plan: Plan, miss: Miss) -> PlannedStep | None:
    now: Plan | None = plan
    for part in miss.asker.path.split("/"):
        if part:
            node = now.nodes.get(part.partition("[")[0]) if now is not None else None
            now = node.sub if node is not None else None
    return now.nodes.get(miss.asker.step) if now is not None else None


def unused_of(recorder: Recorder, flows: Sequence[CheckedFlow], command: str) -> list[Diagnostic]:
    """A warning for each recorded answer that nothing asks for any more, or for all of a step that is gone."""
    found: dict[tuple[object, ...], list[Recorded]] = {}
    for one in recorder.unused():
        found.setdefault((one.which.flow, one.which.step), []).append(one)
    told = []
    for unused in found.values():
        first = unused[0]
        if first.source is None:
            continue
        name = ".".join((*first.which.flow, first.which.step))
        number = "a recorded answer" if len(unused) == 1 else f"{len(unused):,} recorded answers"
        message = f"no test asks for {number} of `{name}` any more"
        if not any(_is_there(flow, first.which.flow, first.which.step) for flow in flows):
            message = f"there is no step `{name}` any more, and {number} of it"
        hints = (f"to drop what nothing asks for: {command}",)
        told.append(Diagnostic(UNUSED, message, first.source.source, first.source.span, hints, "warning"))
    return told


def _is_there(flow: CheckedFlow, way: Sequence[str], step: str) -> bool:
    """Whether a flow has the step, or something of that name that is judged."""
    now: CheckedFlow | None = flow
    for name in way[1:] if way and way[0] == flow.name else way:
        found = now.steps.get(name) if now is not None else None
        now = found.run if found is not None else None
    if now is None:
        return False
    return step in (*now.steps, *now.lets, *now.inputs, *(output.name for output in now.outputs))
