"""Finds the flow files that are meant by the words of a command line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..run.exit import WRONG_INPUT
from .refusal import Refusal, all_in_one

# Folders in which nobody keeps flows of their own.
_PASSED_OVER = ("node_modules", "__pycache__", "site-packages")
MOST_FILES = 20_000


def find_flows(words: Sequence[str]) -> list[str]:
    """The files that are named, and those in the folders that are named, each once; the current folder by default.

    Raises Refusal for what is not there, and for a folder without any flow.
    """
    found: dict[str, None] = {}
    slips: list[Refusal] = []
    for word in words or (".",):
        try:
            is_folder, is_file, is_there = Path(word).is_dir(), Path(word).is_file(), Path(word).exists()
        except (OSError, ValueError):
            slips.append(Refusal(WRONG_INPUT, f"`{word}` cannot be the name of a file", rule="not-found"))
            continue
        if is_folder:
            inside = list(flows_in(word))
            if not inside:
                where = "this folder" if word == "." else f"`{word}`"
                message = f"there is no flow file (*.flow) in {where}"
                slips.append(Refusal(WRONG_INPUT, message, ("to write one: flowlang new",), "not-found"))
            found |= dict.fromkeys(inside)
        elif is_there and not is_file:
            slips.append(
                Refusal(WRONG_INPUT, f"`{word}` is a device or a pipe, a flow file is needed", rule="not-found")
            )
        elif is_file:
            found[os.path.normpath(word)] = None
        else:
            slips.append(Refusal(WRONG_INPUT, f"there is no file or folder `{word}`", meant_files(word), "not-found"))
    if len(found) > MOST_FILES:
        slips.append(Refusal(WRONG_INPUT, f"these are more than {MOST_FILES:,} files", ("name fewer folders",)))
    if slips:
        raise all_in_one(slips)
    return list(found)


def refuse_unless_file(path: str) -> None:
    """Raises Refusal for what is no file, with the file that was probably meant."""
    try:
        if Path(path).is_dir():
            flows = sorted(one.name for one in Path(path).glob("*.flow"))[:2]
            hints = tuple(f"did you mean `{Path(path, one)}`?" for one in flows)
            raise Refusal(WRONG_INPUT, f"`{path}` is a folder, a flow file is needed", hints, "not-found")
        if Path(path).is_file():
            return
        if Path(path).exists():
            message = f"`{path}` is a device or a pipe, a flow file is needed"
            raise Refusal(WRONG_INPUT, message, rule="not-found")
    except (OSError, ValueError):
        raise Refusal(WRONG_INPUT, f"`{path}` cannot be the name of a file", rule="not-found") from None
    raise Refusal(WRONG_INPUT, f"there is no file `{path}`", meant_files(path), "not-found")


def meant_files(path: str) -> tuple[str, ...]:
    """Did-you-mean, out of the folder in which a flow was looked for."""
    with_ending = Path(path + ".flow")
    folder = Path(path).parent
    try:
        if with_ending.is_file():
            return (f"did you mean `{with_ending}`?",)
        if not folder.is_dir():
            return (f"there is no folder `{folder}` either",)
        names = sorted(one.name for one in folder.iterdir() if one.suffix == ".flow" or one.is_dir())
    except (OSError, ValueError):
        return ()
    near = nearest(Path(path).name, names)
    if near is not None:
        return (f"did you mean `{folder / near}`?",)
    flows = [name for name in names if name.endswith(".flow")]
    return (f"the flows there: {', '.join(flows[:5])}",) if flows else ()


def is_passed_over(name: str) -> bool:
    """Whether a folder of that name is not looked into."""
    return name.startswith(".") or name in _PASSED_OVER


def flows_in(folder: str) -> Iterator[str]:
    """The flow files in a folder and those below it."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if not is_passed_over(one))
        for name in sorted(files):
            if name.endswith(".flow") and not name.startswith("."):
                yield os.path.normpath(Path(where, name))
