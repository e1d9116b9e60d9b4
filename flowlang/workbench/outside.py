"""What a flow may read outside its project: what the project lists, and the user trusts it with."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from ..project import CONFIGURATION, has_configuration
from ..settings import load_settings


def outside_of(root: Path) -> tuple[str, ...]:
    """What may be read outside a project: what its `[allow] read` lists, and the user trusts it with."""
    listed = listed_outside(root)
    if not listed:
        return ()
    from .trusted import trusted_lists  # few projects read anything outside, and every check asks

    kept = {line for lines in trusted_lists(root).values() for line in lines}
    return tuple(one for one in listed if read_line(one) in kept)


def listed_outside(root: Path) -> tuple[str, ...]:
    """What the project itself asks to read outside its folder."""
    path = root / CONFIGURATION
    if not has_configuration(root):
        return ()
    settings, _ = load_settings(path, CONFIGURATION)
    return settings.allow.read


def outside_for(words: Sequence[str]) -> Callable[[Path], tuple[str, ...]]:
    """What a command line lets a flow read outside its project. The flow is read before its inputs are known."""
    words = [word.replace("_", "-") if word.startswith("--") else word for word in words]
    named = [after for word, after in pairwise(words) if word in ("--allow", "--run-allow")]
    named += [word.partition("=")[2] for word in words if word.startswith(("--allow=", "--run-allow="))]
    added = tuple(one.removeprefix("read=") for one in named if one.startswith("read="))
    trusts = "--trust" in words or "--run-trust" in words

    def outside(root: Path) -> tuple[str, ...]:
        return (*(listed_outside(root) if trusts else outside_of(root)), *added)

    return outside


def read_line(entry: str) -> str:
    """The line of a list that asks for files outside the project."""
    return f"read {entry}: files outside the project"
