"""What a job of GitHub's shows on its summary page, in Markdown. No text of anyone's is more than code in it."""

from collections.abc import Sequence

from ..diagnostics.diagnostic import Diagnostic
from .numbers import count
from .snippet import summary
from .terminal import visible_line

MOST_TOLD = 50


def check_summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    """The reports of `check`."""
    told = summary(diagnostics) if diagnostics else f"no mistakes in {count(files, 'file')}"
    return "\n".join(["### flowlang check", "", told, "", *listed(diagnostics)]) + "\n"


def listed(diagnostics: Sequence[Diagnostic], *, with_hints: bool = False) -> list[str]:
    """Reports as items of a list, the first ones of many; their hints below them."""
    lines = []
    for one in diagnostics[:MOST_TOLD]:
        line, column = one.source.position(one.span.start)
        lines.append(f"- {as_code(f'{one.source.path}:{line}:{column}')} {as_code(one.rule)} {as_code(one.message)}")
        lines += [f"  - {as_code(hint)}" for hint in one.hints if hint.strip()] if with_hints else []
    more = len(diagnostics) - MOST_TOLD
    return [*lines, f"- and {more} more"] if more > 0 else lines


def as_code(text: str) -> str:
    """A text as Markdown code on one line: its fence is longer than any in it.

    An empty one is told in words: two fences with nothing between them would open a piece of code.
    """
    text = visible_line(" ".join(text.split()))
    if not text:
        return "(empty)"
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"
