"""Opens what a command is about: the flow, its project's settings, its inputs. A mistake in them ends the command."""

import os
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..language.address import Hosts
from ..language.checked import CheckedFlow, Place
from ..language.types import YesNoType
from ..language.values import Value
from ..pipeline import compile_flow
from ..plan.graph import Defaults
from ..run.exit import MISTAKES, NOT_ALLOWED, PROVIDER, WRONG_INPUT
from ..run.fetched import Fetch, Fetched, FetchFailed, refuse_addresses
from ..run.inputs import MOST_TEXT_BYTES, InputMistake, read_inputs
from ..settings import Settings, find_settings, load_settings
from ..show.numbers import count
from ..show.snippet import summary, tell
from ..show.terminal import visible_line
from .finding import refuse_unless_file
from .given import Given
from .hiding import hide_inputs
from .outside import outside_for
from .refusal import Ended, Refusal, all_in_one
from .screen import Screen

PATIENCE_S = 1.0  # before it is said that standard input is waited for


def open_flow(path: str, screen: Screen, words: Sequence[str] = ()) -> CheckedFlow:
    """The main flow of a file. Tells the file's mistakes, if it has any, and ends with their exit code.

    `words` of the command line may let it read outside its project.
    """
    refuse_unless_file(path)
    checked = compile_flow(Path(path), outside=outside_for(words))
    if checked.flow is None:
        tell_all(checked.diagnostics, screen)
        screen.err(summary(checked.diagnostics))
        raise Ended(NOT_ALLOWED if all(one.rule == "not-allowed" for one in checked.diagnostics) else MISTAKES)
    if checked.diagnostics:
        found = len(checked.diagnostics)
        screen.err(f"{count(found, 'warning')}; to read {'it' if found == 1 else 'them'}: flowlang check {path}")
    return checked.flow


def inputs_of(flow: CheckedFlow) -> dict[str, bool]:
    """The inputs' names, each with whether it is a yes/no, whose flag may stand alone."""
    return {name: isinstance(one.type, YesNoType) for name, one in flow.inputs.items()}


def open_settings(flow: str, screen: Screen) -> Settings:
    """The settings of the flow's project; tells mistakes in them and ends."""
    path = find_settings(Path(flow))
    if path is None:
        return Settings()
    settings, mistakes = load_settings(path, os.path.relpath(path))
    if mistakes:
        tell_all(mistakes, screen)
        raise Ended(WRONG_INPUT)
    return settings


def defaults_of(settings: Settings) -> Defaults:
    """What the project sets for steps that are silent."""
    return Defaults(model=settings.model or "")


def fetch_from(hosts: Hosts) -> Fetch:
    """Reads the addresses of inputs, from these hosts alone."""

    def fetch(address: str, most_bytes: int) -> Fetched:
        from ..run.fetch import fetch_input

        return fetch_input(address, hosts, most_bytes)

    return fetch


def read_no_address(address: str, most_bytes: int) -> Fetched:
    """Stands in for commands that only look: what they read could be asked of no host."""
    hint = "save the file, and give its name"
    raise FetchFailed("only `run` reads addresses: this command sends nothing anywhere", hint, rule="bad-file")


def open_inputs(
    flow: CheckedFlow, given: Given, screen: Screen, complete: bool = True, fetch: Fetch = refuse_addresses
) -> Mapping[str, Value]:
    """The values of the inputs; tells what is wrong with them and ends.

    Not `complete`: what is missing is left out and nothing is read from standard input unless it is asked for.
    """
    refuse_no_text(given)
    asks_for_stdin = any("-" in values for values in given.inputs.values())
    stdin = piped_in(screen) if complete or asks_for_stdin else None
    inputs = read_inputs(flow, given.inputs, stdin, values_file=given.flag("inputs"), fetch=fetch)
    wrong = [one for one in inputs.mistakes if complete or one.rule != "missing-input"]
    wrong += hide_inputs(inputs.values, screen)
    tell_wrong_inputs(wrong, flow, screen)
    return inputs.values


def tell_wrong_inputs(wrong: Sequence[InputMistake], flow: CheckedFlow, screen: Screen) -> None:
    """Tells what is wrong with what was given and ends; returns if nothing is."""
    if wrong:
        # At the line that declares the input, since that says what it takes; else there is no line to show.
        rules = {one.rule for one in wrong}
        code = NOT_ALLOWED if "not-allowed" in rules else PROVIDER if rules == {"unreachable"} else WRONG_INPUT
        tell_all([_diagnostic(one, flow.inputs[one.input].place) for one in wrong if one.input], screen)
        if others := [Refusal(code, one.message, one.hints, one.rule) for one in wrong if not one.input]:
            raise all_in_one(others)
        screen.err(f"all inputs: flowlang run {visible_line(flow.source.path)} --help")
        raise Ended(code)


def refuse_no_text(given: Given) -> None:
    """A word of the command line may be any bytes; the value of an input is text."""
    for name, values in given.inputs.items():
        for value in values:
            if not value.startswith("@") and any("\ud800" <= character <= "\udfff" for character in value):
                raise Refusal(WRONG_INPUT, f"`--{name}` holds bytes that are no UTF-8 text", rule="wrong-value")


def pick_step(flow: CheckedFlow, name: str) -> str:
    """The name of a step or let of the flow; raises Refusal with the nearest one."""
    names = [*flow.steps, *flow.lets]
    if name in names:
        return name
    near = nearest(name, names)
    hint = f"did you mean `{near}`?" if near else "its steps: " + ", ".join(f"`{one}`" for one in flow.steps)
    raise Refusal(WRONG_INPUT, f"there is no step `{name}` in `{flow.source.path}`", (hint,), "unknown-name")


def tell_all(diagnostics: Sequence[Diagnostic], screen: Screen) -> None:
    """Tells mistakes where they are not the command's result."""
    for diagnostic in diagnostics:
        screen.err(tell(diagnostic, screen.width, screen.colour_err) + "\n\n")


def _diagnostic(mistake: InputMistake, place: Place) -> Diagnostic:
    return Diagnostic(mistake.rule, mistake.message, place.source, place.span, mistake.hints)


def piped_in(screen: Screen) -> Callable[[], bytes] | None:
    """Reads what is piped in; None where a person would have to type it."""
    stream = sys.stdin
    try:
        if stream is None or stream.isatty():
            return None
        number = stream.fileno()
    except (OSError, ValueError):
        return None

    def read() -> bytes:
        try:
            if os.name == "posix" and not select.select([number], [], [], PATIENCE_S)[0]:
                screen.err("waiting for standard input …")
            return stream.buffer.read(MOST_TEXT_BYTES + 1)
        except OSError:
            return b""

    return read
