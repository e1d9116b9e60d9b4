"""`flowlang retry [RUN]`: what failed, was skipped or was cut off in a run, with the same inputs."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..language.checked import CheckedFlow
from ..language.types import SecretType
from ..project import find_root
from ..run.exit import DONE, WRONG_INPUT
from ..show.past import moment, outcome_words
from ..show.terminal import visible_line
from ..store.history import History, PastRun
from ..store.past import DONE as ENDED_WELL
from ..store.past import UNDER_WAY, outcome_of, repeats_of
from ..store.place import FOLDER
from .again import Again, values_again
from .command import Command
from .given import Given
from .opening import open_flow
from .past import is_run, no_runs, opened, pick_run
from .refusal import Refusal
from .run import perform as run_flow
from .screen import Screen
from .storing import digest_of
from .words import read_words

_HERE = "any.flow"


def perform(words: Sequence[str], command: Command, screen: Screen) -> int:
    """Repeats a run. The words are read once it is known which, since its flow's secrets are flags."""
    word, before = _scanned(words, command)
    with opened(before, screen) as history:
        if history is None:
            raise no_runs(before, screen)
        run = pick_run(history, word) if word else _last_bad(history)
        if run is None:
            read_words(words, command, {})
            screen.err("every run here ended well, or was repeated since: there is nothing to retry")
            return DONE
        if (outcome := outcome_of(history, run)) == ENDED_WELL:
            screen.err(f"run {run.number} ended well: there is nothing to retry")
            return DONE
        if outcome == UNDER_WAY:
            message = f"run {run.number} is still under way"
            raise Refusal(WRONG_INPUT, message, ("wait for its end, or stop it first",), "wrong-value")
        path = _flow_path(history, run)
        flow = open_flow(path, screen, words)
        secret = {name: False for name, one in flow.inputs.items() if isinstance(one.type, SecretType)}
        given = read_words(words, command, secret)
        again = Again((run.number, *repeats_of(run)), values_again(history, run, flow))
        given = _as_before(given, run, Path(path))
        _tell(history, run, outcome, flow, given, screen)
    return run_flow(given, flow, screen, again)


def _scanned(words: Sequence[str], command: Command) -> tuple[str, Given]:
    """The word that names the run, if there is one, and the store; what is wrong with the rest is told later."""
    taking = {spelling for flag in command.flags if flag.value for spelling in (f"--{flag.name}", flag.short)}
    alone = {f"--{flag.name}" for flag in command.flags if not flag.value}
    flags: dict[str, tuple[str, ...]] = {}
    found = ""
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            found = found or word
        elif name == "--store" and (equals or left):
            flags["store"] = (value if equals else left.pop(0),)
        elif not equals and left and name not in alone and (name in taking or not left[0].startswith("-")):
            left.pop(0)  # the value of a flag, or of a secret
    if found and not is_run(found):
        hint = "flowlang runs lists them" if not found.endswith(".flow") else f"to run it: flowlang run {found}"
        raise Refusal(WRONG_INPUT, f"`{found}` is no run, which is a number or `last`", (hint,), "wrong-value")
    return found, Given({}, flags)


def _last_bad(history: History) -> PastRun | None:
    """The newest run that did not end well, and that no later one repeats: as a retry, or as the same command."""
    repeated: set[int] = set()
    done: set[str] = set()  # what ended well
    for run in history.runs():
        outcome = outcome_of(history, run)
        if outcome == ENDED_WELL:
            done.add(_told_to_do(run))
        elif outcome != UNDER_WAY and run.number not in repeated and _told_to_do(run) not in done:
            return run
        repeated.update(repeats_of(run))
    return None


def _told_to_do(run: PastRun) -> str:
    """What a run was told to do, to be compared; of rows from standard input nobody knows whether they are the same."""
    body = run.body
    each = body.get("each")
    if isinstance(each, Mapping) and each.get("path") == "-":
        return str(run.number)
    told = [run.flow, *(body.get(name) for name in ("folder", "inputs", "only", "each", "offline", "fresh"))]
    return json.dumps(told, sort_keys=True)


def _flow_path(history: History, run: PastRun) -> str:
    """The file of the flow, as it is named from here.

    The store of a project may have come with it. So it names flows of this project alone, and one elsewhere only where
    the store itself is elsewhere: the user said so, or it is in their own folder.
    """
    folder, here = history.folder.resolve(), find_root(Path(_HERE)).resolve()
    places = [folder.parent] if folder.name == FOLDER else []
    places.append(here)
    if folder != here / FOLDER and isinstance(run.body.get("folder"), str):
        places.append(Path(run.body["folder"]))
    for place in places:
        path = place / run.flow
        if path.is_file() and path.resolve().is_relative_to(place.resolve()):
            near = os.path.relpath(path)
            return str(path) if near.startswith("..") else near
    message = f"`{run.flow}` is gone, of which run {run.number} was"
    raise Refusal(WRONG_INPUT, message, (f"what it asked: flowlang show {run.number}",), "not-found")


def _as_before(given: Given, run: PastRun, flow: Path) -> Given:
    """What is given, with what the run was told of that nothing says anew."""
    body = run.body
    flags: dict[str, tuple[str, ...]] = dict(given.flags)
    if isinstance(body.get("only"), str):
        flags["only"] = (body["only"],)
    if body.get("offline"):
        flags["offline"] = ("",)
    if isinstance(body.get("fresh"), list) and body["fresh"]:
        flags["fresh"] = tuple(str(one) for one in body["fresh"])
    if isinstance(body.get("each"), Mapping):
        flags["each"] = (_rows(body["each"], run, flow),)
    return replace(given, flags=flags)


def _rows(each: Mapping[str, object], run: PastRun, flow: Path) -> str:
    """The file of the rows. Raises Refusal if it is not what it was."""
    path = str(each.get("path", ""))
    again = f"run it anew: flowlang run {flow} --each FILE …"
    if path == "-":
        message = f"the rows of run {run.number} came from standard input, and are not kept"
        raise Refusal(WRONG_INPUT, message, (f"{again}; what was answered is not asked again",), "not-found")
    full = find_root(flow) / path
    digest = digest_of(full)
    if digest is None:
        raise Refusal(WRONG_INPUT, f"the rows of run {run.number} are gone: `{path}`", (again,), "not-found")
    if digest != each.get("digest"):
        message = f"`{path}` is not what it was in run {run.number}: its rows have changed"
        raise Refusal(WRONG_INPUT, message, (f"{again}; rows that are the same are not asked again",), "bad-file")
    near = os.path.relpath(full)
    return str(full) if near.startswith("..") else near


def _tell(history: History, run: PastRun, outcome: str, flow: CheckedFlow, given: Given, screen: Screen) -> None:
    if given.flag("console") == "none":
        return
    what = f"again: run {run.number} of {visible_line(run.flow)}, {moment(run.started_at)}, {outcome_words(outcome)}"
    if run.body.get("offline"):
        what += "; it was offline, and so is this"
    screen.err(what)
    before = run.body.get("sources")
    if isinstance(before, Mapping):
        was = sorted(str(history.told(told)) for told in before.values())
        if was != sorted(screen.redact(source.text) for source in flow.files):
            screen.err(f"the flow has changed since run {run.number}: it is taken as it is now")
