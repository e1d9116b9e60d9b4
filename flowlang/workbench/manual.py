"""The pages behind `flowlang COMMAND --help`."""

import textwrap
from collections.abc import Container, Sequence

from .command import Command, Flag
from .front_page import COMMANDS

_COLUMN = 26  # where the explanations begin, if the screen is wide enough


def manual(command: Command, width: int) -> str:
    """What a command takes."""
    summary = dict(COMMANDS)[command.name]
    lines = [*paragraph(sentence(summary), width), *_usage(command), *_about(command, width)]
    if command.words:
        lines += ["", "Arguments", *table([(word.name, word.about) for word in command.words], width)]
    lines += ["", "Options", *table([*map(flag_row, command.flags), ("--help", "this page")], width)]
    lines += _examples(command)
    return "\n".join(lines) + "\n"


def flag_row(flag: Flag, taken: Container[str] = ()) -> tuple[str, str]:
    """A flag and what it does; one whose name an input has taken goes by another."""
    name = f"--run-{flag.name}" if flag.name in taken else f"--{flag.name}"
    short = f"{flag.short}, " if flag.short else ""
    return f"{short}{name} {flag.value}".rstrip(), flag.about


def _usage(command: Command) -> list[str]:
    words = []
    for word in command.words:
        text = word.name + ("…" if word.many else "")
        words.append(text if word.needed else f"[{text}]")
    inputs = ["[--INPUT VALUE …]"] if command.takes_inputs else []
    return ["", " ".join(["Usage: flowlang", command.name, *words, *inputs, "[OPTIONS]"])]


def _about(command: Command, width: int) -> list[str]:
    lines: list[str] = []
    for text in command.about.strip().split("\n\n") if command.about else ():
        lines += ["", *paragraph(" ".join(text.split()), width)]
    return lines


def _examples(command: Command) -> list[str]:
    return ["", "Examples", *(f"  {example}" for example in command.examples)] if command.examples else []


def table(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Two columns; the second one goes below the first where that is too long or the screen too narrow."""
    lines: list[str] = []
    beside = width >= _COLUMN + 30
    for name, about in rows:
        if beside and len(name) <= _COLUMN - 4:
            told = textwrap.wrap(about, width - _COLUMN - 1, break_on_hyphens=False) or [""]
            lines.append(f"  {name:<{_COLUMN - 2}}{told[0]}".rstrip())
            lines += [" " * _COLUMN + more for more in told[1:]]
        else:
            indent = _COLUMN if beside else 4
            lines.append(f"  {name}")
            lines += [" " * indent + more for more in textwrap.wrap(about, max(12, width - indent - 1))]
    return lines


def paragraph(text: str, width: int) -> list[str]:
    """The text in lines that fit."""
    return textwrap.wrap(text, max(16, min(width - 1, 100)), break_on_hyphens=False)


def sentence(text: str) -> str:
    """The text with a capital at its start and a full stop at its end."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":")) else ".") if text else ""
