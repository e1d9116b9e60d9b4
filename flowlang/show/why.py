"""What `why` says: whether a step would be asked again and why, and why it was asked in an earlier run."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..plan.remaining import Status
from ..record import record
from .because import Reason, in_full, reason_json
from .numbers import count
from .terminal import visible_line

MOST_PLACES = 12  # items that are named
_MOST_LINES = 8  # of one side of a difference


@record
class Group:
    """Items of a step that are asked for the same reasons; () where the step does not repeat.

    `old` and `new` are the lines of the messages that differ, of the first of them; `more` such as are not looked into.
    """

    places: tuple[int, ...]
    reasons: tuple[Reason, ...]
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@record
class Link:
    """Why a step that is read by the one before it in a chain gives, or gave, another answer."""

    step: str
    reasons: tuple[Reason, ...]


@record
class Before:
    """How a step was answered in an earlier run: `groups` were asked, `cached` came from the runs `of_runs`."""

    number: int
    started_at: float  # Unix time in seconds
    groups: tuple[Group, ...]
    asked: int
    cached: int
    of_runs: tuple[int, ...]
    chain: tuple[Link, ...] = ()


@record
class Why:
    """All that is said of a step. `answered_at` is when its newest answer came, in run `answered_in`; 0 for none."""

    step: str
    path: str
    line: int
    status: Status
    because: str
    groups: tuple[Group, ...]
    asked: int
    chain: tuple[Link, ...]
    answered_in: int = 0
    answered_at: float = 0.0
    before: Before | None = None


def why_text(why: Why, flow: str) -> str:
    """What is said, for people."""
    lines = [f"{visible_line(why.step)} ({visible_line(why.path)}:{why.line})", "", *_now(why, flow)]
    if why.before is not None:
        lines += ["", *_then(why.before, flow)]
    return "\n".join(lines) + "\n"


def why_json(why: Why, flow: str) -> str:
    """The same, for programs."""
    now: dict[str, Any] = {
        "status": why.status,
        "because": why.because,
        "asked": why.asked,
        "answered_in": why.answered_in or None,
        "answered_at": why.answered_at or None,
        "items": list(map(_group_json, why.groups)),
        "chain": list(map(_link_json, why.chain)),
    }
    then = why.before
    run = None
    if then is not None:
        run = {
            "number": then.number,
            "started_at": then.started_at,
            "asked": then.asked,
            "cached": then.cached,
            "of_runs": list(then.of_runs),
            "items": list(map(_group_json, then.groups)),
            "chain": list(map(_link_json, then.chain)),
        }
    whole = {"flow": flow, "step": why.step, "path": why.path, "line": why.line, "now": now, "run": run}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def moment(at: float) -> str:
    """A time of the clock on the wall, to the minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def _now(why: Why, flow: str) -> list[str]:
    match why.status:
        case "cached" if why.answered_in:
            return [
                f"It would not be asked again: {visible_line(why.because)}, "
                f"{'the last of them ' if ' items ' in why.because else ''}on {moment(why.answered_at)}."
            ]
        case "cached":
            return [f"It would not be asked: {visible_line(why.because)}."]
        case "unknown":
            lines = [f"Nobody can say whether it would be asked again: {visible_line(why.because)}."]
        case "new":
            times = f" ({count(why.asked, 'call')})" if why.asked > 1 else ""
            lines = [f"It would be asked{times}: {visible_line(why.because)}."]
    return [*lines, *([] if _is_told(why.groups, flow) else _groups(why.groups, flow)), *_chain(why.chain, flow)]


def _is_told(groups: Sequence[Group], flow: str) -> bool:
    """Whether the first line says it all: one reason for the whole step, and no lines to show."""
    if len(groups) != 1 or groups[0].places or groups[0].old or groups[0].new:
        return False
    return len(in_full(groups[0].reasons, flow)) == 1


def _then(then: Before, flow: str) -> list[str]:
    head = f"In run {then.number}, on {moment(then.started_at)}, "
    if not then.asked and not then.cached:
        return [f"{head}it asked nothing."]
    runs = ", ".join(map(str, then.of_runs))
    found = f"{count(then.cached, 'question')} had an answer from run {runs}" if then.cached else ""
    if not then.asked:
        return [f"{head}it was not asked: {found}."]
    asked = f"it was asked{f' {then.asked} times' if then.asked > 1 else ''}"
    lines = [f"{head}{asked}{f'; {found}' if found else ''}."]
    return [*lines, *_groups(then.groups, flow), *_chain(then.chain, flow)]


def _groups(groups: Sequence[Group], flow: str) -> list[str]:
    lines: list[str] = []
    for group in groups:
        told = in_full(group.reasons, flow)
        if group.places:
            told = [f"{_places(group.places)}: {told[0]}", *told[1:]] if told else [_places(group.places)]
        lines += [f"  {line}" for line in told]
        lines += [f"    - {visible_line(line)}" for line in group.old[:_MOST_LINES]]
        lines += [f"    + {visible_line(line)}" for line in group.new[:_MOST_LINES]]
    return lines


def _chain(chain: Sequence[Link], flow: str) -> list[str]:
    lines: list[str] = []
    for depth, link in enumerate(chain, 1):
        margin = "  " * depth
        told = in_full(link.reasons, flow) or ["it is not known yet"]
        lines += [f"{margin}└ {visible_line(link.step)}: {told[0]}", *(f"{margin}  {line}" for line in told[1:])]
    return lines


def _places(places: Sequence[int]) -> str:
    if len(places) == 1:
        return f"item {places[0]}"
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return f"items {', '.join(map(str, places[:MOST_PLACES]))}{more}"


def _group_json(group: Group) -> dict[str, Any]:
    told: dict[str, Any] = {"places": list(group.places), "reasons": list(map(reason_json, group.reasons))}
    return {**told, "old": list(group.old), "new": list(group.new)}


def _link_json(link: Link) -> dict[str, Any]:
    return {"step": link.step, "reasons": list(map(reason_json, link.reasons))}
