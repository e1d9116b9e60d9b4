"""Reads the words of a command line: which are flags, which are values, and which input each one gives.

It is written by hand because half of the flags are made from the flow that is named among the words: an input
wins over a flag of ours with its name, a yes/no stands alone or with its value, and every slip is told at once.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from ..diagnostics.diagnostic import nearest
from ..record import record
from ..run.exit import WRONG_INPUT
from .command import Command, Flag, Word
from .given import Given
from .refusal import Refusal, all_in_one

_YES_NO = ("yes", "no", "true", "false")


@record
class _Input:
    """A flag that is made from an input; `alone`: it can stand without a value, and then means yes."""

    name: str
    alone: bool


class _Reading:
    """The words of one command line, as far as they are read."""

    def __init__(self, command: Command, inputs: Mapping[str, _Input]) -> None:
        self.command = command
        self.inputs = inputs
        self.words: list[str] = []
        self.flags: dict[str, list[str]] = {}
        self.given: dict[str, list[str]] = {}
        self.slips: list[Refusal] = []

    def slip(self, message: str, rule: str, *hints: str) -> None:
        self.slips.append(Refusal(WRONG_INPUT, message, hints, rule))


def read_words(words: Sequence[str], command: Command, inputs: Mapping[str, bool], whole: bool = True) -> Given:
    """What was typed, by name; raises all slips in one. Not `whole`: what the flow would have to explain is left out.

    `inputs` are the flow's, if its inputs are flags, each with whether it is a yes/no, which may stand alone.
    """
    reading = _Reading(command, {name: _Input(name, alone) for name, alone in inputs.items()})
    known = _spellings(command.flags, reading.inputs)
    left = list(words)
    only_words = False  # after `--`
    while left:
        word = left.pop(0)
        if word == "--" and not only_words:
            only_words = True
        elif not word:
            reading.slip("there is an empty word on the command line", "wrong-value")
        elif only_words or not word.startswith("-") or word == "-":
            reading.words.append(word)
        else:
            _read_flag(word, left, known, reading)
    given_words = _sorted_words(reading)
    _check_choices(reading)
    if reading.slips and whole:
        raise all_in_one(reading.slips)
    return Given(given_words, _frozen(reading.flags), _frozen(reading.given))


def _read_flag(word: str, left: list[str], known: Mapping[str, Flag | _Input], reading: _Reading) -> None:
    name, equals, value = word.partition("=")
    meant = known.get(_spelling(name))
    if meant is None:
        _unknown(name, reading)
        # Its value, if the next word is one, belongs to the slip.
        if not equals and left and not left[0].startswith("-"):
            left.pop(0)
    elif equals:
        _take_written(name, meant, value, reading)
    else:
        _take(name, meant, left, reading)


def find_flow(words: Sequence[str], flags: Sequence[Flag]) -> str | None:
    """The word that is the flow, before its inputs are known: one that ends with `.flow`, else the first bare one."""
    known = {spelling for flag in flags if flag.value for spelling in (f"--{flag.name}", flag.short)}
    bare: list[str] = []
    value_of_flag = only_words = False
    for word in words:
        if word == "--" and not value_of_flag and not only_words:
            only_words = True
            continue
        if word and not value_of_flag and (only_words or not word.startswith("-") or word == "-"):
            bare.append(word)
        value_of_flag = not only_words and word in known
    return next((word for word in bare if word.endswith(".flow")), bare[0] if bare else None)


def _spellings(flags: Sequence[Flag], inputs: Mapping[str, _Input]) -> dict[str, Flag | _Input]:
    """Every way to write a flag, `_` and `-` being one. An input wins; our flag is then `--run-NAME`."""
    known: dict[str, Flag | _Input] = {}
    for flag in flags:
        known[_spelling(f"--{flag.name}")] = known[_spelling(f"--run-{flag.name}")] = flag
        if flag.short:
            known[flag.short] = flag
    for one in inputs.values():
        known[_spelling(f"--{one.name}")] = one
    return known


def _spelling(flag: str) -> str:
    return "--" + unicodedata.normalize("NFC", flag[2:]).replace("-", "_") if flag.startswith("--") else flag


def _into(meant: Flag | _Input, reading: _Reading) -> list[str]:
    return (reading.given if isinstance(meant, _Input) else reading.flags).setdefault(meant.name, [])


def _take_written(name: str, meant: Flag | _Input, value: str, reading: _Reading) -> None:
    """Takes `--name=value`."""
    if isinstance(meant, Flag) and not meant.value:
        reading.slip(f"`{name}` stands alone, without `={value}`", "wrong-value")
    else:
        _into(meant, reading).append(value)


def _take(name: str, meant: Flag | _Input, left: list[str], reading: _Reading) -> None:
    """Takes `--name`, and what follows if that is its value."""
    if isinstance(meant, _Input) and meant.alone and not (left and left[0].casefold() in _YES_NO):
        _into(meant, reading).append("yes")
    elif isinstance(meant, Flag) and (not meant.value or (meant.may_stand_alone and not _is_value(left))):
        _into(meant, reading).append("")
    elif left and not (left[0].startswith("--") and len(left[0]) > 2):
        _into(meant, reading).append(left.pop(0))
    else:
        write = f"{name}={left[0]}" if left else f"{name} VALUE"
        reason = "a value that starts with `--` is written " if left else "write it behind: "
        reading.slip(f"`{name}` needs a value", "missing-input", f"{reason}{write}")


def _is_value(left: Sequence[str]) -> bool:
    """Whether what follows is the value of a flag that can do without: another flag or a flow is none."""
    return bool(left) and not left[0].startswith("-") and not left[0].endswith(".flow")


def _unknown(name: str, reading: _Reading) -> None:
    command, inputs = reading.command, list(reading.inputs)
    near = nearest(name.lstrip("-"), [*inputs, *(flag.name for flag in command.flags), "help"])
    what = "an input or an option" if command.takes_inputs else "an option"
    if near:
        hint = f"did you mean `--{near}`?"
    elif inputs:
        hint = "the inputs of this flow: " + ", ".join(f"`--{one}`" for one in inputs)
    else:
        hint = f"what it takes: flowlang {command.name} --help"
    reading.slip(f"`{name}` is not {what} of `flowlang {command.name}`", "unknown-name", hint)


def _sorted_words(reading: _Reading) -> dict[str, tuple[str, ...]]:
    """The bare words under the names of the arguments they are."""
    given: dict[str, tuple[str, ...]] = {}
    left = list(reading.words)
    for word in reading.command.words:
        taken, left = (left, []) if word.many else (left[:1], left[1:])
        if taken:
            given[word.name] = tuple(taken)
        elif word.needed:
            _missing(word, reading)
    for extra in left:
        hints = [f"an input is given by its name: --{next(iter(reading.inputs))} {extra}"] if reading.inputs else []
        reading.slip(f"`{extra}` is one word too many", "wrong-value", *hints)
    return given


def _missing(word: Word, reading: _Reading) -> None:
    command = reading.command
    usage = " ".join(["flowlang", command.name, *(one.name for one in command.words if one.needed)])
    reading.slip(f"{word.name} is missing: {word.about}", "missing-input", f"write it like this: {usage}")


def _check_choices(reading: _Reading) -> None:
    """Notes what is not among a flag's choices, and flags that contradict each other."""
    for flag in reading.command.flags:
        for value in reading.flags.get(flag.name, ()) if flag.choices else ():
            if value not in flag.choices:
                near = nearest(value, list(flag.choices))
                hint = f"did you mean `{near}`?" if near else "it takes one of " + ", ".join(flag.choices)
                reading.slip(f"`--{flag.name}` cannot be `{value}`", "wrong-value", hint)
    if {"store", "no-store"} <= reading.flags.keys():
        reading.slip("`--store` and `--no-store` exclude each other", "wrong-value", "leave one of them out")


def _frozen(given: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in given.items()}
