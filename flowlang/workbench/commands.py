"""Finds the command that is meant, and loads what it needs: no command pays for another."""

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from ..diagnostics.diagnostic import nearest
from ..run.exit import DONE, WRONG_INPUT
from ..show.terminal import visible_but_colours, without_commands
from .declared import ALL
from .refusal import Refusal
from .screen import Screen
from .words import find_flow, read_words


def perform(words: Sequence[str], screen: Screen) -> int:
    """Runs one command line and returns its exit code."""
    screen.steadied, screen.disarmed = visible_but_colours, without_commands
    name, *rest = words
    if (command := ALL.get(name)) is None:
        raise _no_command(name)
    flags = rest[: rest.index("--")] if "--" in rest else rest
    asks_for_help = "--help" in flags or "-h" in flags
    path = find_flow(rest, command.flags) if command.opens_flow or command.keeps_looking else None
    if command.flow_may_miss and (path is None or not path.endswith(".flow")):
        path = None
    if asks_for_help and (path is None or not command.takes_inputs):
        screen.out(_load("manual").manual(command, screen.width))
        return DONE
    if command.opens_run:
        return _exit_code(_load(name).perform(rest, command, screen))
    if path is None and command.flow_may_miss:
        path = _text(_load(name).last_flow(rest, screen))
        rest = [path, *rest]
    if command.keeps_looking and not asks_for_help:
        return _exit_code(_load(name).perform(rest, screen))
    if path is None:
        given = read_words(rest, command, {})
        return _exit_code(_load(name).perform(given, screen))
    flow = _load("opening").open_flow(path, screen, rest)
    if asks_for_help:
        screen.out(_load("flow_manual").flow_manual(command, flow, screen.width))
        return DONE
    given = read_words(rest, command, _load("opening").inputs_of(flow) if command.takes_inputs else {})
    return _exit_code(_load(name).perform(given, flow, screen))


def _load(module: str) -> ModuleType:
    """A module of this folder, when it is needed: a flow brings the whole language with it, and a run asyncio."""
    return import_module(f".{module}", __package__)


def _text(path: object) -> str:
    assert isinstance(path, str)
    return path


def _exit_code(code: object) -> int:
    assert isinstance(code, int)
    return code


def _no_command(word: str) -> Refusal:
    if word.startswith("-"):
        return Refusal(WRONG_INPUT, f"`{word}` is not an option of `flowlang`", ("all commands: flowlang --help",))
    if word.endswith(".flow"):
        return Refusal(WRONG_INPUT, f"say what to do with `{word}`", (f"to run it: flowlang run {word}",))
    near = nearest(word, list(ALL))
    hint = f"did you mean `flowlang {near}`?" if near else "all commands: flowlang --help"
    return Refusal(WRONG_INPUT, f"there is no command `{word}`", (hint,))
