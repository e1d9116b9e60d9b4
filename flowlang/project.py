"""The project's folder, and files in it: never outside, never through a link, regular files only."""

import errno
import os
import stat
from difflib import get_close_matches
from pathlib import Path

from .language.loader import Denied

CONFIGURATION = "flowlang.toml"


def find_root(flow: Path) -> Path:
    """The nearest folder above a flow that has a `flowlang.toml`; else the flow's own folder."""
    folder = Path(os.path.abspath(flow)).parent
    for candidate in (folder, *folder.parents):
        if (candidate / CONFIGURATION).is_file():
            return candidate
    return folder


def read_below(root: Path, name: str, most_bytes: int) -> bytes | Denied:
    """The bytes of a file below `root`, at most one more than `most_bytes`; `name` has `/` between its parts.

    Every part is opened in its turn without following links, so that a link swapped in between leads nowhere.
    """
    parts = name.split("/")
    shown = f"`{name}`"
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return Denied("not-found", f"there is no file {shown}")
    part = ""
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Non-blocking, so that a pipe in the file's place is refused rather than waited for.
        part = parts[-1]
        file = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return Denied("not-found", f"there is no file {shown}", _near(folder, parts[-1], name))
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            if _is_file(folder, part):
                return Denied("not-found", f"there is no file {shown}: `{part}` is no folder")
            return Denied("not-allowed", f"{shown} goes over a link, and links are not followed")
        return Denied("bad-file", f"{shown} can't be read: {os.strerror(problem.errno or 0).lower()}")
    except ValueError:
        return Denied("not-found", f"there is no file {shown}")
    finally:
        os.close(folder)
    # Not closed by `open`, which refuses a folder with an error of its own.
    try:
        status = os.fstat(file)
        kind = status.st_mode
        if stat.S_ISDIR(kind):
            return Denied("bad-file", f"{shown} is a folder, not a file")
        if not stat.S_ISREG(kind):
            return Denied("not-allowed", f"{shown} is no regular file")
        if status.st_nlink > 1 and status.st_uid != os.getuid():
            return Denied("not-allowed", f"{shown} is another name for a file of another user")
        with open(file, "rb", closefd=False) as opened:
            return opened.read(most_bytes + 1)
    except OSError as problem:
        return Denied("bad-file", f"{shown} can't be read: {os.strerror(problem.errno or 0).lower()}")
    finally:
        os.close(file)


def _is_file(folder: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _near(folder: int, wanted: str, name: str) -> tuple[str, ...]:
    try:
        found = get_close_matches(wanted, os.listdir(folder), 1)
    except OSError:
        return ()
    return (f"did you mean `{name[: len(name) - len(wanted)]}{found[0]}`?",) if found else ()
