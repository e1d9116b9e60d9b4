"""What a change does to flows, as people read it at a terminal, and as programs do."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from .behaviour import Behaviour
from .behaviour_diff import BehaviourDiff, Flip, Reason
from .diff import bold, change_text, step_json, step_text
from .numbers import count
from .snippet import concise
from .terminal import visible_line

MOST_REASONS = 3  # of a test that comes out differently


def flows_text(
    names: tuple[str, str],
    diffs: Sequence[BehaviourDiff],
    looked_at: int,
    *,
    in_full: bool,
    colour: bool,
    shows_all: str = "",
) -> Iterator[str]:
    """The differences, in parts. `names` are those of the two sides, `shows_all` is as in step_text()."""
    yield bold(headline(names, diffs, looked_at), colour) + "\n"
    for diff in diffs:
        yield "\n" + bold(visible_line(diff.path), colour) + "\n"
        yield from flow_text(names, diff, in_full=in_full, colour=colour, shows_all=shows_all)


def headline(names: tuple[str, str], diffs: Sequence[BehaviourDiff], looked_at: int) -> str:
    """The sentence that stands above all: between what, and how many flows are not the same."""
    between = f"{visible_line(names[0])} and {visible_line(names[1])}"
    if not diffs:
        files = "the flow file is" if looked_at == 1 else f"all {count(looked_at, 'flow file')} are"
        return f"{between}: {files} the same" if looked_at else f"{between}: there is no flow file in either"
    return f"{between}: {len(diffs):,} of {count(looked_at, 'flow file')} changed"


def flow_text(
    names: tuple[str, str], diff: BehaviourDiff, *, in_full: bool, colour: bool, shows_all: str = ""
) -> Iterator[str]:
    """The differences of one flow, without its name."""
    for told in hindrances(names, diff):
        yield f"  {told}\n"
    for name, was, now in diff.figures:
        yield f"  {name:<20}{was}\n" if was == now else f"  {name:<20}{was} → {now}\n"
    if not diff.is_complete:
        return
    if diff.is_same:
        yield "  its text changed, and it asks and answers the same\n"
        return
    for name, (old, new) in diff.inputs.items():
        yield f"\n{bold(f'input {visible_line(name)}', colour)}"
        yield from change_text(old, new, in_full, colour)
    for step in diff.steps:
        yield from step_text(step, in_full, colour, shows_all)
    for side, steps in zip(names, (diff.only_before, diff.only_after), strict=True):
        if steps:
            yield f"\nsteps only in {visible_line(side)}: {', '.join(map(visible_line, steps))}\n"
    if diff.flips:
        yield f"\n{bold('tests that come out differently', colour)}\n"
        for flip in diff.flips:
            yield f"  {visible_line(flip.case.words())}: {outcomes_of(flip, names)}\n"
            reasons = reasons_of(flip)
            for words, values in reasons if in_full else reasons[:MOST_REASONS]:
                yield f"    {visible_line(words)}\n"
                yield from (f"      {visible_line(value)}\n" for value in values)
            if len(reasons) > MOST_REASONS and not in_full:
                yield f"    and {len(reasons) - MOST_REASONS} more\n"


def outcomes_of(flip: Flip, names: tuple[str, str]) -> str:
    """How a test came out on both sides."""
    if not flip.before or not flip.after:
        return f"only in {visible_line(names[0 if flip.before else 1])}, {flip.before or flip.after}"
    return f"{flip.before} → {flip.after}" if flip.before != flip.after else f"{flip.after}, for another reason"


def reasons_of(flip: Flip) -> list[tuple[str, tuple[str, ...]]]:
    """Why a test comes out differently, one expectation after the other: in words, and the values."""
    began = [(one.words, one.values) for one in flip.began]
    return began + [(f"not any more: {one.words}", one.values) for one in flip.ended]


def hindrances(names: tuple[str, str], diff: BehaviourDiff) -> Iterator[str]:
    """Why two sides of a flow can't be held against each other; nothing if they can."""
    for side, other, one in zip(names, reversed(names), (diff.before, diff.after), strict=True):
        if one is None:
            yield f"it is only in {visible_line(other)}, not in {visible_line(side)}"
        elif one.mistakes:
            yield f"it has {count(len(one.mistakes), 'mistake')} in {visible_line(side)}, so it can't be compared:"
            yield from (f"  {concise(mistake)}" for mistake in one.mistakes[:MOST_REASONS])


def flows_json(names: tuple[str, str], diffs: Sequence[BehaviourDiff], looked_at: int) -> str:
    """The differences as a JSON object in plain ASCII. The shape is stable: see the manual."""
    told = {
        "before": names[0],
        "after": names[1],
        "looked_at": looked_at,
        "flows": [flow_json(one) for one in diffs],
    }
    return json.dumps(told, indent=2, ensure_ascii=True) + "\n"


def flow_json(diff: BehaviourDiff) -> dict[str, Any]:
    """The differences of one flow, as plain data."""
    return {
        "path": diff.path,
        "same": diff.is_same,
        "before": _side_json(diff.before, diff.costs_usd[0]),
        "after": _side_json(diff.after, diff.costs_usd[1]),
        "inputs": [{"name": name, "before": old, "after": new} for name, (old, new) in diff.inputs.items()],
        "steps": [step_json(one) for one in diff.steps],
        "only_before": list(diff.only_before),
        "only_after": list(diff.only_after),
        "tests": [_flip_json(one) for one in diff.flips],
    }


def _side_json(side: Behaviour | None, cost: Decimal | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "mistakes": [concise(one) for one in side.mistakes],
        "tests": {
            outcome: sum(one.outcome == outcome for one in side.tried.values())
            for outcome in ("passed", "failed", "not-recorded")
        },
        "calls_of_a_run": side.calls,
        "calls_of_the_tests": side.calls_of_tests,
        "cost_usd": None if cost is None else float(cost),
    }


def _flip_json(flip: Flip) -> dict[str, Any]:
    return {
        "flow": flip.case.flow,
        "name": flip.case.test,
        "case": flip.case.row,
        "before": flip.before or None,
        "after": flip.after or None,
        "why": [one.words for one in flip.began],
        "began": [_reason_json(one) for one in flip.began],
        "ended": [_reason_json(one) for one in flip.ended],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {"message": reason.words, "values": list(reason.values)}
