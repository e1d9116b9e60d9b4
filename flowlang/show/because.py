"""Why a step is asked, or is not: in the few words behind a line of `run` and `plan`, and in full for `why`."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ..plan.graph import PlannedStep
from ..plan.remaining import Status
from ..plan.seen import Seen
from ..record import record
from .numbers import count
from .terminal import visible_line

Kind = Literal[
    "never", "text", "input", "step", "model", "provider", "parameter", "schema", "tools", "sample", "messages",
    "fresh", "no cache", "too old", "does not fit", "led nowhere", "failed", "cut-off", "unknown", "pruned",
]  # fmt: skip
NEW = "new"
MOST_TOLD = 2  # reasons in a short form
MOST_SHOWN = 40  # characters of a value in a short form
_MOST_LINES = 8  # of one side of a difference
_MOST_LINE = 200  # characters of a line of it


@record
class Reason:
    """One thing that makes a question another one, or its answer no use. `old` and `new` are what it was and is.

    `what` says what an input is: a text, a list.
    `path` and `line` are where it is set, where a file says so; `lines` what stood there, and stands there now.
    """

    kind: Kind
    name: str = ""
    old: str | None = None
    new: str | None = None
    path: str = ""
    line: int = 0
    lines: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    what: str = "value"


def in_short(reasons: Sequence[Reason], flow: str) -> str:
    """The reasons in a few words; `flow` is the file whose lines are meant where none is named."""
    told = list(dict.fromkeys(_short(one, flow) for one in reasons))
    more = len(told) - MOST_TOLD
    return ", ".join(told[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def as_line(reasons: Sequence[Reason], flow: str) -> str:
    """The word behind a line of a run."""
    return NEW if [one.kind for one in reasons] == ["never"] else in_short(reasons, flow)


def in_full(reasons: Iterable[Reason], flow: str) -> list[str]:
    """Each reason on a line of its own, and below it the lines that differ."""
    told: list[str] = []
    for one in reasons:
        told.append(_short(one, flow, longer=True))
        if one.lines is not None:
            old, new = one.lines
            told += [f"  - {_cut(line)}" for line in old[:_MOST_LINES]]
            told += [f"  - … and {count(len(old) - _MOST_LINES, 'more line')}"] if len(old) > _MOST_LINES else []
            told += [f"  + {_cut(line)}" for line in new[:_MOST_LINES]]
            told += [f"  + … and {count(len(new) - _MOST_LINES, 'more line')}"] if len(new) > _MOST_LINES else []
    return told


def reason_json(reason: Reason) -> dict[str, Any]:
    """A reason in the shape that programs rely on."""
    told: dict[str, Any] = {"kind": reason.kind, "name": reason.name or None, "old": reason.old, "new": reason.new}
    told |= {"path": reason.path or None, "line": reason.line or None}
    if reason.lines is not None:
        told |= {"old": "\n".join(reason.lines[0]), "new": "\n".join(reason.lines[1])}
    return told


def of_cached(seen: Seen) -> str:
    """Why a step asks nothing."""
    if seen.skipped:
        return f"it is skipped: {seen.skipped}"
    if seen.failed:
        return f"it fails: {seen.failed}"
    if not seen.from_before:
        return "it has nothing to ask"
    runs = sorted({one.run for one in seen.from_before})
    where = f"run {runs[0]}" if len(runs) == 1 else f"runs {runs[0]} to {runs[-1]}"
    if seen.items is None:
        return f"answered in {where}"
    return (
        f"its one item was answered in {where}"
        if seen.items == 1
        else f"all {seen.items} items were answered in {where}"
    )


def of_unknown(node: PlannedStep, seen: Seen) -> str:
    """Why nobody can say what a step asks."""
    first = seen.open[0]
    if first.is_input:
        why = f"`--{first.by}` is not given"
    elif first.by == node.name:
        why = "its tools are called again"
    else:
        why = f"it hangs on `{first.by}`, whose answer is not known yet"
    places = {one.item for one in seen.open}
    if seen.items and None not in places and len(places) < seen.items:
        return f"{len(places)} of {seen.items} items: {why}"
    return why


def of_new(seen: Seen, reasons: str) -> str:
    """Why a step asks something; `reasons` are those of its first new question."""
    places = {one.item for one in seen.asked}
    if seen.asked and all(one.again for one in seen.asked):
        reasons = "another step asks the same"
    if None in places and any(one.why == "led nowhere" for one in seen.asked):
        return reasons  # what was asked before counts for nothing
    if seen.items and None not in places and len(places) < seen.items:
        return f"{len(places)} of {seen.items} items {'is' if len(places) == 1 else 'are'} new: {reasons}"
    if not seen.items and seen.from_before and len(seen.asked) and None in places:
        whole = len(seen.asked) + len(seen.from_before)
        return f"{len(seen.asked)} of {whole} questions {'is' if len(seen.asked) == 1 else 'are'} new: {reasons}"
    return reasons


def of_step(node: PlannedStep, seen: Seen, status: Status, reasons: str) -> str:
    """Why a step has its status."""
    if node.kind == "call" and status == "new":
        return "a tool is always called"
    match status:
        case "cached":
            return of_cached(seen)
        case "unknown":
            return of_unknown(node, seen)
        case "new":
            return of_new(seen, reasons or "a tool of the flow that it runs is always called")


def _short(reason: Reason, flow: str, longer: bool = False) -> str:
    at = _at(reason, flow, longer)
    name, old, new = visible_line(reason.name), reason.old, reason.new
    match reason.kind:
        case "never":
            return "never asked before"
        case "text":
            kind, _, of = name.partition(" ")
            return (f"{kind} `{of}` changed" if of else f"its {name} changed") + at
        case "input":
            return _changed(f"`{name}`", old, new, f"is another {reason.what}") + at
        case "step":
            return f"`{name}` gave another answer"
        case "model" | "provider":
            return _changed(f"its {reason.kind}", old, new, "changed") + at
        case "parameter":
            if old is None:
                return f"{name} {_cut(new or '')} is new{at}"
            return (f"{name} {_cut(old)} was taken away" if new is None else f"{name} {_cut(old)} → {_cut(new)}") + at
        case "schema":
            if not name:
                return f"its `returns` {_came_or_went(old, new)}{at}"
            return f"field `{name}` of its `returns` {_came_or_went(old, new)}{at}"
        case "tools":
            return f"its tool `{name}` {_came_or_went(old, new)}{at}"
        case "sample":
            return f"sample {new} is new"
        case "messages":
            return "its messages changed"
        case _:
            return _OF_ANSWERS[reason.kind].format(old=_cut(old or "")) + at


# What is wrong with an answer from before.
_OF_ANSWERS = {
    "fresh": "asked with --fresh",
    "no cache": "`cache: no`",
    "too old": "older than `cache: {old}`",
    "does not fit": "its answer from before does not fit",
    "led nowhere": "its answers from before led nowhere",
    "failed": "its last call failed",
    "cut-off": "its answer was cut off the last time",
    "unknown": "nobody knows what came of its last call",
    "pruned": "its answer is not kept any more",
}


def _came_or_went(old: str | None, new: str | None) -> str:
    return "is new" if old is None else "was taken away" if new is None else "changed"


def _changed(what: str, old: str | None, new: str | None, else_: str) -> str:
    """`reader` changed: investor → lawyer; what is too long to be shown is only said to be another."""
    if old is None or new is None or max(len(old), len(new)) > MOST_SHOWN or "\n" in old + new:
        return f"{what} {else_}"
    return f"{what} changed: {visible_line(old)} → {visible_line(new)}"


def _at(reason: Reason, flow: str, longer: bool) -> str:
    if not reason.line:
        return ""
    if longer or reason.path != flow:
        return f" ({visible_line(reason.path)}:{reason.line})"
    return f" (line {reason.line})"


def _cut(text: str) -> str:
    line = visible_line(text)
    return line if len(line) <= _MOST_LINE else line[: _MOST_LINE - 1] + "…"
