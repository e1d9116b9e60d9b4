"""The files that a person names for results and events: found unwritable before a run, or written in one step.

None is written through a link, which may have come with the project. What stands below `/dev` is the system's own.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from ..models.recording import ENDING
from ..project import CONFIGURATION
from ..run.below import link_on
from ..run.exit import NOT_ALLOWED, STORE, WRONG_INPUT
from .refusal import Refusal


def refuse_unless_writable(path: str, flag: str) -> None:
    """Raises Refusal if a file cannot be written at the path. Nothing is created."""
    try:
        target = Path(path)
        _refuse_link(path, flag)
        if target.is_dir():
            raise Refusal(WRONG_INPUT, f"`{flag}` needs a file, and `{path}` is a folder", rule="bad-file")
        folder = target.parent
        if not folder.is_dir():
            hint = f"make it first: mkdir -p {folder}"
            raise Refusal(WRONG_INPUT, f"`{flag}`: there is no folder `{folder}`", (hint,), "not-found")
        if not os.access(target if target.exists() else folder, os.W_OK):
            raise Refusal(WRONG_INPUT, f"`{flag}`: `{path}` may not be written", rule="bad-file")
    except (OSError, ValueError):
        raise Refusal(WRONG_INPUT, f"`{flag}`: `{path}` cannot be the name of a file", rule="bad-file") from None


def report_slip(word: str, path: str, others: Iterable[str]) -> Refusal | None:
    """Why the report of `--report WORD` goes to no such path: a flow's own file, or another report, stands there."""
    if Path(path).suffix in (".flow", ENDING) or Path(path).name == CONFIGURATION:
        message = f"`--report {word}` would put the report in the place of `{path}`"
        return Refusal(WRONG_INPUT, message, ("name a file of its own",), "wrong-value")
    # The system's own, such as `/dev/null`, may take two.
    if not path.startswith("/dev/") and any(os.path.realpath(path) == os.path.realpath(other) for other in others):
        message = f"two reports can't be written to one file, `{path}`"
        return Refusal(WRONG_INPUT, message, ("name a file for each",), "wrong-value")
    return None


def write_result(path: str, text: str) -> None:
    """Puts a text in a file's place: the whole of it or nothing. A device or pipe is written to as it is."""
    target = Path(path)
    try:
        _refuse_link(path, "-o")
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as device:
                device.write(text)
        else:
            replace_file(target, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Refusal(STORE, f"`{path}` could not be written: {reason}", rule="bad-file") from None


def replace_file(target: Path, data: bytes) -> None:
    """The file with new bytes and its old permissions; nobody ever sees half of it. Raises OSError."""
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    handle, draft = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(mode if mode is not None else 0o666 & ~_umask())
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def open_events(path: str | None) -> TextIO | None:
    """The file for a run's events, opened, so that it is known to be writable; None without a path."""
    if path is None:
        return None
    refuse_unless_writable(path, "--events")
    return open_lines(path, "--events")


def open_lines(path: str, flag: str) -> TextIO:
    """A file that grows line by line: who follows it sees each at once, and a kill loses none. Raises Refusal."""
    _refuse_link(path, flag)
    try:
        return open(
            path, "w", buffering=1, encoding="utf-8", errors="backslashreplace", newline="\n", opener=_opener(path)
        )
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Refusal(WRONG_INPUT, f"`{flag}`: `{path}` cannot be written: {reason}", rule="bad-file") from None


def _opener(path: str) -> Callable[[str, int], int]:
    """Opens no link, also not one that was put there a moment ago."""
    no_link = 0 if _is_the_systems(path) else getattr(os, "O_NOFOLLOW", 0)
    return lambda name, flags: os.open(name, flags | no_link, 0o666)


def _refuse_link(path: str, flag: str) -> None:
    if not _is_the_systems(path) and (link := link_on(Path(path))) is not None:
        message = f"`{flag}`: `{link}` is a link, and nothing is written through a link"
        raise Refusal(NOT_ALLOWED, message, ("name another file",), "not-allowed")


def _is_the_systems(path: str) -> bool:
    """Whether a path is one such as `/dev/stdout`, which is a link on many systems."""
    return path.startswith("/dev/") and ".." not in Path(path).parts


def _umask() -> int:
    # The only way to ask for it is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
