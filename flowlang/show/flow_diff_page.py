"""What a change does to flows as Markdown, for a comment on a pull request. No text of anyone's is more than code."""

import re
from collections.abc import Iterator, Sequence

from .behaviour_diff import BehaviourDiff
from .comparing import StepDiff, line_diff
from .diff import MOST_IN_LINE, MOST_LINES, MOST_OF_A_STEP, fitted
from .flow_diff import MOST_REASONS, headline, hindrances, outcomes_of, reasons_of
from .github import as_code
from .numbers import count
from .terminal import visible
from .told import laid_out
from .trials import as_cell

MOST_CHARACTERS = 60_000  # GitHub takes no comment with more than 65,536


def flows_page(
    names: tuple[str, str], diffs: Sequence[BehaviourDiff], looked_at: int, command: str = "flowlang diff"
) -> str:
    """The differences as a page; what would be too much for a comment is left out, and that is said.

    `command` is what shows all of it.
    """
    told = [f"### {command}", _sentence(headline(names, diffs, looked_at), names)]
    size = sum(map(len, told))
    left = 0
    for diff in diffs:
        parts = list(_flow(names, diff))
        for part in parts:
            size += len(part) + 2
            if size <= MOST_CHARACTERS:
                told.append(part)
        left += size > MOST_CHARACTERS
    if left:
        told.append(f"More was left out; `{command}` shows all of it ({count(left, 'flow')} cut).")
    return "\n\n".join(told) + "\n"


def _sentence(words: str, names: tuple[str, str]) -> str:
    """The headline with the sides' names as code: a branch may be called anything."""
    between, _, rest = words.rpartition(": ")
    return f"{as_code(names[0])} → {as_code(names[1])}: {rest}." if between else f"{words}."


def _flow(names: tuple[str, str], diff: BehaviourDiff) -> Iterator[str]:
    yield f"#### {as_code(diff.path)}"
    if hindered := list(hindrances(names, diff)):
        yield "\n".join(f"- {as_code(one)}" for one in hindered)
    if diff.figures:
        yield _table(names, diff)
    if not diff.is_complete:
        return
    if diff.is_same:
        yield "Its text changed, and it asks and answers the same."
        return
    if diff.flips:
        lines = ["Tests that come out differently:", ""]
        for flip in diff.flips:
            lines.append(
                f"- {as_code(flip.case.words())}: {_outcomes(outcomes_of(flip, names), flip.before, flip.after)}"
            )
            reasons = reasons_of(flip)
            for words, values in reasons[:MOST_REASONS]:
                shown = f": {', '.join(map(as_code, values))}" if values else ""
                lines.append(f"  - {as_code(words)}{shown}")
            if len(reasons) > MOST_REASONS:
                lines.append(f"  - and {len(reasons) - MOST_REASONS} more")
        yield "\n".join(lines)
    for name, (old, new) in diff.inputs.items():
        yield _change(f"**input** {as_code(name)}", old, new)
    for step in diff.steps:
        yield from _step(step)
    for side, steps in zip(names, (diff.only_before, diff.only_after), strict=True):
        if steps:
            yield f"Steps only in {as_code(side)}: {', '.join(map(as_code, steps))}."


def _table(names: tuple[str, str], diff: BehaviourDiff) -> str:
    rows = [f"| | {as_cell(names[0])} | {as_cell(names[1])} |", "| --- | --- | --- |"]
    return "\n".join([*rows, *(f"| {name} | {was} | {now} |" for name, was, now in diff.figures)])


def _outcomes(words: str, before: str, after: str) -> str:
    return words if before and after else as_code(words)


def _step(step: StepDiff) -> Iterator[str]:
    same = f" ({step.same} of {step.asked} questions the same)" if step.asked > 1 else ""
    yield f"**step** {as_code(step.name)}{same}"
    places = list(dict.fromkeys(change.where for change in step.changes))
    shown = places[: MOST_OF_A_STEP + 1]  # the first one is the flow's own line
    told: set[tuple[str, str, str]] = set()
    for change in step.changes:
        key = (change.what, change.before, change.after)
        if change.where in shown and key not in told:
            told.add(key)
            where = f" ({as_code(change.where)})" if change.where else ""
            yield _change(f"{as_code(change.what)}{where}", change.before, change.after)
    if len(places) > len(shown):
        yield f"And {count(len(places) - len(shown), 'more place')}."
    for words, only in (("Asked only before", step.only_before), ("Asked only after", step.only_after)):
        if only:
            more = f" and {len(only) - 5} more" if len(only) > 5 else ""
            yield f"{words}: {', '.join(map(as_code, only[:5]))}{more}."


def _change(title: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{title}: only {'after' if old is None else 'before'}"
    if all(len(text) <= MOST_IN_LINE and "\n" not in text for text in (old, new)):
        return f"{title}: {as_code(old)} → {as_code(new)}"
    lines = line_diff(laid_out(old), laid_out(new))
    cut = fitted(lines[:MOST_LINES])
    text = "\n".join(visible(line) for line in cut)
    if len(lines) > len(cut):
        text += f"\n… {count(len(lines) - len(cut), 'more line')}"
    return f"{title}:\n\n{fenced(text, 'diff')}"


def fenced(text: str, language: str) -> str:
    """A block of code that no text can end: its fence is longer than any inside."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
