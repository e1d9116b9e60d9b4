"""`flowlang completion SHELL`, and the answers that its script asks for. Click knows the shells; we the words.

Click is loaded only here: it takes longer to load than most commands take to run, and half of our flags are made
from a flow, which it could not read (see words.py).
"""

from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from ..diagnostics.diagnostic import nearest
from ..pipeline import compile_flow
from ..run.exit import DONE, WRONG_INPUT
from .command import Command
from .declared import ALL
from .front_page import COMMANDS
from .given import Given
from .refusal import Refusal
from .screen import Screen
from .words import find_flow

VARIABLE = "_FLOWLANG_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


def perform(given: Given, screen: Screen) -> int:
    """Prints the script for one shell."""
    shell = given.word("SHELL")
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        near = nearest(shell, list(SHELLS))
        hint = f"did you mean `{near}`?" if near else "it can be one of " + ", ".join(SHELLS)
        raise Refusal(WRONG_INPUT, f"there is no completion for `{shell}`", (hint,), "wrong-value")
    script = kind(_Everything("flowlang"), {}, "flowlang", VARIABLE)
    screen.out((script.source_template % script.source_vars()).strip() + "\n")
    return DONE


def complete(instruction: str) -> int:
    """Answers the script of a shell, which says in the environment what has been typed so far."""
    return shell_complete(_Everything("flowlang"), {}, "flowlang", VARIABLE, instruction)


class _Everything(click.Group):
    """All commands, as far as completion needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ALL)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _One(ALL[cmd_name]) if cmd_name in ALL else None


class _One(click.Command):
    def __init__(self, command: Command) -> None:
        super().__init__(command.name, short_help=dict(COMMANDS)[command.name], add_help_option=False)
        self.command = command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return ctx.args

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if not incomplete.startswith("-"):
            if self.command.words and self.command.words[0].name == "RUN":
                return [one for one in _runs() if one.value.startswith(incomplete)]
            return [CompletionItem(incomplete, type="file")]
        flags = [*_inputs(self.command, ctx.args), *((flag.name, flag.about) for flag in self.command.flags)]
        found = [CompletionItem(f"--{name}", help=" ".join(about.split())) for name, about in flags]
        return [one for one in found if one.value.startswith(incomplete)]


def _runs() -> list[CompletionItem]:
    """The newest runs, by number."""
    from .past import runs_here  # no other word needs the store

    return [CompletionItem("last"), *(CompletionItem(str(number), help=about) for number, about in runs_here())]


def _inputs(command: Command, words: Sequence[str]) -> list[tuple[str, str]]:
    """The names and descriptions of the inputs of the flow that was typed, if there is one."""
    path = find_flow(words, command.flags) if command.takes_inputs else None
    if path is None or not Path(path).is_file():
        return []
    flow = compile_flow(Path(path)).flow
    return [(one.name, one.description) for one in flow.inputs.values()] if flow is not None else []
