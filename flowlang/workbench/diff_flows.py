"""`flowlang diff main..HEAD` and `--against REV`: what a change in git does to flows, their prompts and answers."""

import os
import posixpath
from dataclasses import replace
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..run.exit import DONE, WRONG_INPUT
from ..show.behaviour_diff import BehaviourDiff, compare
from ..show.flow_diff import flows_json, flows_text
from ..show.flow_diff_page import flows_page
from .given import Given
from .observing import observe
from .refusal import Refusal
from .revisions import Sides, open_sides, split_range
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints the differences."""
    first, second = _wanted(given)
    with open_sides(first, second, screen.environment) as sides:
        paths = _flows(given.flag("flow"), sides)
        diffs = [diff for path in paths if (diff := _compared(sides, path, screen)) is not None]
        names = (sides.before.name, sides.after.name)
    step = given.flag("step")
    if step:
        diffs = _only(step, diffs)
    if given.has("json"):
        screen.out(flows_json(names, diffs, len(paths)))
    elif given.flag("format") == "markdown":
        screen.out(flows_page(names, diffs, len(paths)))
    else:
        screen.out("".join(flows_text(names, diffs, len(paths), in_full=bool(step), colour=screen.colour_out)))
    return DONE


def _wanted(given: Given) -> tuple[str, str]:
    """The two revisions; the second is empty for the working tree. Raises Refusal."""
    word, other = given.word("RUN"), given.word("OTHER")
    if given.has("store"):
        raise Refusal(
            WRONG_INPUT, "`--store` has no meaning here", ("revisions are read from git, not from the store",)
        )
    if given.has("json") and given.has("format"):
        raise Refusal(WRONG_INPUT, "`--json` and `--format` exclude each other")
    if given.has("against"):
        if word:
            hint = f"{word} and the working tree: --against {word}; two revisions: {word}..{given.flag('against')}"
            raise Refusal(WRONG_INPUT, f"`{word}` is one word too many beside `--against`", (hint,), "wrong-value")
        return given.flag("against") or "HEAD", ""
    if other:
        hints = (f"only this flow: --flow {other}",) if other.endswith(".flow") else ()
        raise Refusal(WRONG_INPUT, f"`{other}` is one word too many behind `{word}`", hints, "wrong-value")
    return split_range(word)


def _flows(wanted: str | None, sides: Sides) -> list[str]:
    """The flows to look at, of both sides: those below the current folder, or what `--flow` names. Raises Refusal."""
    folder = sides.here
    if wanted:
        path = os.path.relpath(os.path.normpath(Path.cwd() / wanted), sides.top).replace(os.sep, "/")
        if path.split("/")[0] == "..":
            raise Refusal(WRONG_INPUT, f"`{wanted}` is not in this repository", rule="not-found")
        folder = "" if path == "." else path
        if folder and any(side.has(folder) for side in (sides.before, sides.after)):
            return [folder]
    found = sorted({*sides.before.flows(folder), *sides.after.flows(folder)})
    if wanted and not found:
        every = [sides.shown(one) for one in {*sides.before.flows(sides.here), *sides.after.flows(sides.here)}]
        near = nearest(wanted, sorted(every))
        hints = (f"did you mean `{near}`?",) if near else ()
        where = f"{sides.before.name} nor in {sides.after.name}"
        raise Refusal(WRONG_INPUT, f"there is no flow `{wanted}`, neither in {where}", hints, "not-found")
    return found


def _compared(sides: Sides, path: str, screen: Screen) -> BehaviourDiff | None:
    """The differences of a flow file; None if there are none that anybody should hear of."""
    before, after = sides.before, sides.after
    if before.has(path) and after.has(path):
        root = before.root_of(path)
        print_before = before.print_of(root)
        if print_before is not None and root == after.root_of(path) and print_before == after.print_of(root):
            return None
    one, other = observe(sides, before, path, screen), observe(sides, after, path, screen)
    diff = compare(sides.shown(path).replace(os.sep, posixpath.sep), one, other)
    if one is None or other is None:
        return diff
    if one.mistakes or other.mistakes:
        return None if one.mistakes and other.mistakes and one.sources == other.sources else diff
    if not diff.is_same:
        return diff
    # What only others import is told where it is imported; what nobody can see from outside is told in a line.
    has_steps = bool(one.steps or other.steps)
    figures_differ = any(was != now for _, was, now in diff.figures)
    return diff if figures_differ or (has_steps and one.sources != other.sources) else None


def _only(step: str, diffs: list[BehaviourDiff]) -> list[BehaviourDiff]:
    """What is different in a step alone. Raises Refusal if none of that name has changed."""
    known = [
        name for diff in diffs for name in (*(one.name for one in diff.steps), *diff.only_before, *diff.only_after)
    ]
    if step not in known:
        near = nearest(step, known)
        hint = f"did you mean `{near}`?" if near else "the steps that changed: " + (", ".join(known) or "none")
        raise Refusal(WRONG_INPUT, f"nothing has changed in a step `{step}`", (hint,), "unknown-name")
    found = [
        replace(
            diff,
            inputs={},
            flips=(),
            steps=tuple(one for one in diff.steps if one.name == step),
            only_before=tuple(one for one in diff.only_before if one == step),
            only_after=tuple(one for one in diff.only_after if one == step),
        )
        for diff in diffs
    ]
    return [diff for diff in found if not diff.is_same]
