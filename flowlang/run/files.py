"""Files that the user names on the command line: read once, whole, and only if they are plain files."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..diagnostics.diagnostic import nearest

MOST_NEIGHBOURS = 2_000  # names of a folder that a did-you-mean looks at


class FileMistake(Exception):
    """A file that cannot be used: `message` is one sentence, `hints` what to do, the fix first."""

    def __init__(self, message: str, *hints: str, rule: str = "bad-file") -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.rule = rule  # "bad-file", "not-found" or "not-allowed"


def read_bytes(path: Path, most_bytes: int, kind: str = "file") -> bytes:
    """The bytes of a plain file. Raises FileMistake for anything else, and for more than `most_bytes`."""
    try:
        # Non-blocking, so that a pipe without a writer is refused and not waited for.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as problem:
        raise _unreadable(path, problem) from None
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise FileMistake(f"`{path}` is a folder, a file is needed", "name one of the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise FileMistake(
                f"`{path}` is a device or a pipe, a file is needed", "to read from a pipe, give `-` for standard input"
            )
        if status.st_size > most_bytes:
            raise too_large(path, most_bytes, kind)
        with open(handle, "rb", closefd=False) as file:
            data = file.read(most_bytes + 1)
    except OSError as problem:
        raise _unreadable(path, problem) from None
    finally:
        os.close(handle)
    if len(data) > most_bytes:
        raise FileMistake(f"`{path}` grew to more than {in_megabytes(most_bytes)} while it was read")
    return data


def too_large(path: Path, most_bytes: int, kind: str) -> FileMistake:
    """What is told of a file with more than `most_bytes`."""
    return FileMistake(
        f"`{path}` is larger than {in_megabytes(most_bytes)}, the most that {_article(kind)} {kind} may have",
        "give a smaller file, or only the part that matters",
    )


def decoded(data: bytes, name: str) -> str:
    """The text of UTF-8 (or marked UTF-16) bytes, every line break as `\\n`. Raises FileMistake with the byte."""
    is_utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16") if is_utf_16 else data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise FileMistake(
            f"`{name}` is not UTF-{16 if is_utf_16 else 8} text: byte {problem.start + 1} does not belong there",
            "save the file as UTF-8",
        ) from None
    if not is_utf_16 and is_unmarked_utf_16(data):
        raise FileMistake(f"`{name}` is UTF-16 text, and does not say so at its beginning", "save the file as UTF-8")
    if "\0" in text:
        raise FileMistake(f"`{name}` is not text: it has a NUL at character {text.index(chr(0)) + 1}")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_unmarked_utf_16(data: bytes) -> bool:
    """Whether bytes are probably UTF-16 without the mark: of the first letters nearly every second byte is a NUL."""
    some = data[:1000]
    nuls = sorted((some[::2].count(0), some[1::2].count(0)))
    return len(some) >= 4 and nuls[0] == 0 and nuls[1] > 0.4 * len(some)


def without_last_break(text: str) -> str:
    """The text without the one line break that ends it."""
    return text[:-1] if text.endswith("\n") else text


def files_of(pattern: str, base: Path) -> list[Path]:
    """The files that `folder`, `*.png` or a single name stand for, in the order of names. Raises FileMistake.

    In a folder neither links nor hidden files count: nobody named them, and they may have come with a project.
    """
    path = base / pattern
    try:
        is_folder = path.is_dir()
        exists = is_folder or path.exists()
    except (OSError, ValueError) as problem:
        raise _unreadable(path, problem) from None
    if is_folder:
        found = _plain_ones(path.iterdir())
        if not found:
            is_bare = next(path.iterdir(), None) is None
            raise FileMistake(f"the folder `{path}` has no files in it", *(() if is_bare else (_NOT_TAKEN,)))
        return found
    if exists or not any(mark in pattern for mark in "*?["):
        return [path]
    folder = path.parent
    if any(mark in str(folder) for mark in "*?["):
        raise FileMistake(f"`{pattern}` has `*` in a folder's name", "`*` may stand in the last part only")
    try:
        fitting = list(folder.glob(path.name))
        found = _plain_ones(fitting)
    except (OSError, ValueError) as problem:
        raise _unreadable(folder, problem) from None
    if not found:
        hints = (_NOT_TAKEN,) if fitting else _neighbours_hint(path)
        raise FileMistake(f"no file fits `{pattern}`", *hints, rule="not-found")
    return found


def in_megabytes(size: int) -> str:
    """A number of bytes for people: `12 MB`, `300 KB`."""
    if size >= 1_000_000:
        return f"{size / 1_000_000:.0f} MB"
    return f"{size / 1_000:.0f} KB" if size >= 1_000 else f"{size} bytes"


_NOT_TAKEN = "links, hidden files and folders in it are not taken; a link can be named by itself"


def _plain_ones(paths: Iterable[Path]) -> list[Path]:
    """The files among what stands in a folder, in the order of names."""
    plain = (one for one in paths if not one.name.startswith(".") and not one.is_symlink() and one.is_file())
    return sorted(plain, key=lambda path: path.name)


def _unreadable(path: Path, problem: OSError | ValueError) -> FileMistake:
    if isinstance(problem, ValueError):
        return FileMistake("a file's name cannot have a NUL in it")
    match problem.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return FileMistake(f"there is no file `{path}`", *_neighbours_hint(path), rule="not-found")
        case errno.EISDIR:
            return FileMistake(f"`{path}` is a folder, a file is needed", "name one of the files in it")
        case errno.EACCES | errno.EPERM:
            return FileMistake(f"`{path}` may not be read", "change the file's permissions, or give another file")
        case errno.ENAMETOOLONG:
            return FileMistake("a file's name is too long", "to give a text itself, leave the `@` out")
        case _:
            return FileMistake(f"`{path}` cannot be read: {(problem.strerror or 'unknown reason').lower()}")


def _neighbours_hint(path: Path) -> tuple[str, ...]:
    """Did-you-mean, out of the folder in which the file was looked for."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_NEIGHBOURS), strict=False)]
    except (OSError, ValueError):
        return (f"there is no folder `{path.parent}` either",) if str(path.parent) != "." else ()
    near = nearest(path.name, sorted(names))
    return (f"did you mean `{path.with_name(near)}`?",) if near is not None else ()


def _article(kind: str) -> str:
    return "an" if kind[:1] in "aeiou" else "a"
