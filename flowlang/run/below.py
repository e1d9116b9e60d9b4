"""Folders and files below a folder: opened part by part, so that a link on the way leads nowhere.

A link can come with a project that somebody else wrote. In a relative path every part may be such a link; what stands
above the last part of an absolute path is the user's own.
"""

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from ..language.loader import Denied

BY_HANDLE = os.open in os.supports_dir_fd  # whether files can be opened relative to an opened folder


def link_on(path: Path, inner: Sequence[str] = ()) -> Path | None:
    """The first link on the way to `inner` below a path, or at its end."""
    place, parts = (path.parent, (path.name,)) if path.is_absolute() else (Path(), path.parts)
    for part in (*parts, *inner):
        place /= part
        if place.is_symlink():
            return place
    return None


def open_folder(path: Path, inner: Sequence[str] = (), *, make: bool = False) -> int:
    """A handle of the folder `inner` below a path, for the caller to close; `make` creates what is missing.

    Raises OSError, with ELOOP for a link on the way.
    """
    start, parts = (path.parent, (path.name or ".",)) if path.is_absolute() else (Path(), path.parts)
    if make:
        start.mkdir(parents=True, exist_ok=True)
    folder = os.open(start, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in (*parts, *inner):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            deeper = _entered(folder, part)
            os.close(folder)
            folder = deeper
    except BaseException:
        os.close(folder)
        raise
    return folder


def _entered(folder: int, part: str) -> int:
    try:
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as problem:
        # For a link the systems have different errors, some of them that of a file in a folder's place.
        if problem.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK) and stat.S_ISLNK(_mode(folder, part)):
            raise OSError(errno.ELOOP, "it goes over a link, and links are not followed") from None
        raise


def read_below(root: Path, name: str, most_bytes: int) -> bytes | Denied:
    """The bytes of a file below `root`, at most one more than `most_bytes`; `name` has `/` between its parts.

    Every part is opened in its turn without following links, so that a link swapped in between leads nowhere. What
    has `..` in it must have been refused before.
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
            if stat.S_ISREG(_mode(folder, part)):
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


def _mode(folder: int, name: str) -> int:
    """What stands in an opened folder under a name, links not followed; 0 for nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return 0


def _near(folder: int, wanted: str, name: str) -> tuple[str, ...]:
    try:
        found = get_close_matches(wanted, os.listdir(folder), 1)
    except OSError:
        return ()
    return (f"did you mean `{name[: len(name) - len(wanted)]}{found[0]}`?",) if found else ()
