"""Two runs side by side, as people and as programs read it."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from ..store.history import PastRun
from ..store.past import WholeRun, commit_of
from .comparing import Change, RunsDiff, StepDiff, line_diff
from .numbers import count, duration, money
from .past import moment, outcome_words
from .terminal import visible, visible_line
from .told import laid_out, prefix_length

MOST_OF_A_STEP = 3  # items of a step that are told in full, where not all are asked for
MOST_LINES = 40  # of one difference, where not all are asked for
MOST_OF_A_LINE = 240  # characters, where not all are asked for
MOST_IN_LINE = 60  # characters of a value that stands beside the other
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def diff_text(diff: RunsDiff, *, in_full: bool, colour: bool) -> Iterator[str]:
    """The differences, in parts. `in_full`: of every item, and every line."""
    before, after = diff.before.run, diff.after.run
    flows = before.flow if before.flow == after.flow else f"{before.flow} and {after.flow}"
    yield bold(f"run {before.number} and run {after.number} of {visible_line(flows)}", colour) + "\n"
    for name, was, now in figures_of(diff):
        yield f"  {name:<12}{was}\n" if was == now else f"  {name:<12}{was} → {now}\n"
    if diff.is_same:
        yield "\nboth were given the same, asked the same and were answered the same\n"
        return
    unlike = "" if in_full else _unlike(before, after)
    yield unlike
    for title, found in (("input", {} if unlike else diff.inputs), ("file", diff.sources)):
        for name, (old, new) in found.items():
            yield f"\n{bold(f'{title} {visible_line(name)}', colour)}"
            yield from change_text(old, new, in_full, colour)
    for step in () if unlike else diff.steps:
        yield from step_text(step, in_full, colour)
    for number, names in ((before.number, diff.only_before), (after.number, diff.only_after)):
        if names:
            yield f"\nsteps only in run {number}: {', '.join(map(visible_line, names))}\n"


def _unlike(before: PastRun, after: PastRun) -> str:
    """Why what two runs were given and asked cannot be told side by side; empty where it can."""
    by_row = [run for run in (before, after) if isinstance(run.body.get("each"), dict)]
    if len(by_row) != 1:
        return ""
    single = after if by_row[0] is before else before
    path = visible_line(str(by_row[0].body["each"].get("path")))
    rows = "standard input" if path == "-" else path
    return (
        f"\nrun {by_row[0].number} is for every row of {rows}, and run {single.number} is a single one: "
        "their inputs and questions are not told side by side\n"
    )


def figures_of(diff: RunsDiff) -> Iterator[tuple[str, str, str]]:
    """What each run is as a whole, by name: before and after."""
    before, after = _figures(diff.before), _figures(diff.after)
    for name in dict.fromkeys([*before, *after]):
        yield name, before.get(name, "-"), after.get(name, "-")


def _figures(told: WholeRun) -> dict[str, str]:
    run, steps = told.run, told.steps
    cached = sum(one.cached for one in steps)
    costs = [one.cost_usd for one in steps if one.cost_usd is not None]
    seconds, commit = run.body.get("seconds"), commit_of(run)
    figures = {
        "began": moment(run.started_at),
        "outcome": outcome_words(told.outcome),
        "calls": f"{sum(one.calls for one in steps):,}" + (f" and {cached:,} from before" if cached else ""),
        "tokens": f"{sum(one.tokens_in for one in steps):,} in, {sum(one.tokens_out for one in steps):,} out",
    }
    if costs:
        figures["cost"] = money(sum(costs, Decimal(0)))
    if isinstance(seconds, int | float):
        figures["time"] = duration(seconds)
    if commit is not None:
        figures["commit"] = commit[0][:12] + (" and changes" if commit[1] else "")
    return figures


def step_text(step: StepDiff, in_full: bool, colour: bool, shows_all: str = "") -> Iterator[str]:
    """What is different in a step; `shows_all` is the option that shows all of it, `--step` where it is empty."""
    if not (step.changes or step.only_before or step.only_after):
        return
    same = f" ({step.same} of {step.asked} the same)" if step.asked > 1 else ""
    yield "\n" + bold(f"step {visible_line(step.name)}", colour) + same
    places = list(dict.fromkeys(change.where for change in step.changes))
    shown = places if in_full else places[:MOST_OF_A_STEP]
    told: set[tuple[str, str, str]] = set()
    for change in step.changes:
        key = (change.what, change.before, change.after)
        if change.where not in shown or key in told:
            continue
        told.add(key)  # a model that changed, changed for every item
        where = f" ({visible_line(change.where)})" if change.where else ""
        yield f"\n  {visible_line(change.what)}{where}"
        yield from change_text(change.before, change.after, in_full, colour)
    if len(places) > len(shown):
        hint = shows_all or f"--step {visible_line(step.name)}"
        yield f"  and {count(len(places) - len(shown), 'more place')}; all of them: {hint}\n"
    for words, only in (("asked only before", step.only_before), ("asked only after", step.only_after)):
        if only:
            more = f" and {len(only) - 5} more" if len(only) > 5 else ""
            yield f"\n  {words}: {', '.join(map(visible_line, only[:5]))}{more}\n"


def change_text(old: str | None, new: str | None, in_full: bool, colour: bool) -> Iterator[str]:
    """Two texts, behind the name of what they are: in the same line, or as the lines that differ."""
    if old is None or new is None:
        yield ": only in the later one\n" if old is None else ": only in the earlier one\n"
        return
    if all(len(text) <= MOST_IN_LINE and "\n" not in text for text in (old, new)):
        yield f": {visible_line(old)} → {visible_line(new)}\n"
        return
    lines = line_diff(laid_out(old), laid_out(new))
    cut = lines if in_full else fitted(lines[:MOST_LINES])
    yield "\n"
    for line in cut:
        yield f"    {_painted(visible(line), colour)}\n"
    if len(lines) > len(cut):
        yield f"    … {count(len(lines) - len(cut), 'more line')}\n"


def fitted(lines: Sequence[str]) -> list[str]:
    """The lines, those too long to be read cut to where they begin to differ from their neighbour."""
    cut: list[str] = []
    for place, line in enumerate(lines):
        if len(line) <= MOST_OF_A_LINE:
            cut.append(line)
            continue
        other = lines[place - 1] if line[0] == "+" and place else lines[place + 1] if place + 1 < len(lines) else ""
        is_pair = {line[0], other[:1]} == {"-", "+"}
        start = max(0, prefix_length(line[1:], other[1:]) - MOST_OF_A_LINE // 4) if is_pair else 0
        text = line[1 + start : 1 + start + MOST_OF_A_LINE]
        end = "…" if 1 + start + MOST_OF_A_LINE < len(line) else ""
        cut.append(f"{line[0]}{'…' if start else ''}{text}{end}")
    return cut


def _painted(line: str, colour: bool) -> str:
    paint = {"-": _RED, "+": _GREEN}.get(line[:1], "") if colour else ""
    return f"{paint}{line}{_PLAIN}" if paint else line


def bold(text: str, colour: bool) -> str:
    """The text as a heading."""
    return f"{_BOLD}{text}{_PLAIN}" if colour else text


def diff_json(diff: RunsDiff) -> str:
    """The differences as a JSON object. The shape is stable: see the manual."""
    told = {
        "before": _run_json(diff.before),
        "after": _run_json(diff.after),
        "same": diff.is_same,
        "inputs": [{"name": name, "before": old, "after": new} for name, (old, new) in diff.inputs.items()],
        "files": [{"path": path, "before": old, "after": new} for path, (old, new) in diff.sources.items()],
        "steps": [step_json(one) for one in diff.steps],
        "only_before": list(diff.only_before),
        "only_after": list(diff.only_after),
    }
    return json.dumps(told, indent=2, ensure_ascii=True) + "\n"


def _run_json(told: WholeRun) -> dict[str, Any]:
    steps = told.steps
    costs = [one.cost_usd for one in steps if one.cost_usd is not None]
    return {
        "run": told.run.number,
        "flow": told.run.flow,
        "outcome": told.outcome,
        "calls": sum(one.calls for one in steps),
        "cached": sum(one.cached for one in steps),
        "tokens_in": sum(one.tokens_in for one in steps),
        "tokens_out": sum(one.tokens_out for one in steps),
        "cost_usd": float(sum(costs, Decimal(0))) if costs else None,
        "seconds": told.run.body.get("seconds"),
    }


def step_json(step: StepDiff) -> dict[str, Any]:
    """What is different in a step, as plain data."""
    return {
        "step": step.name,
        "asked": step.asked,
        "same": step.same,
        "changes": [_change_json(change) for change in step.changes],
        "only_before": list(step.only_before),
        "only_after": list(step.only_after),
    }


def _change_json(change: Change) -> dict[str, str | None]:
    return {
        "what": change.what,
        "where": change.where or None,
        "before": change.before,
        "after": change.after,
    }
