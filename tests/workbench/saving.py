"""The ways in which editors save a file: for the tests of `watch`, and for its benchmark."""

import time
from collections.abc import Callable
from pathlib import Path


def truncate(path: Path, text: str) -> None:
    """Empties the file and writes it, with a moment between."""
    with path.open("wb") as file:
        file.flush()
        time.sleep(0.002)
        file.write(text.encode())


def rename_over(path: Path, text: str) -> None:
    """Writes beside it and renames that over it."""
    (draft := path.with_name(".draft~")).write_text(text, encoding="utf-8")
    draft.replace(path)


def backup(path: Path, text: str) -> None:
    """Probes the folder, renames the file away, writes it anew, and takes the backup away."""
    (probe := path.with_name("4913")).touch()
    probe.unlink()
    path.replace(old := path.with_name(f"{path.name}~"))
    path.write_text(text, encoding="utf-8")
    old.unlink()


def twice(path: Path, text: str) -> None:
    """Writes half of it, and all of it 30 ms later."""
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    time.sleep(0.03)
    path.write_text(text, encoding="utf-8")


def mode_only(path: Path, text: str) -> None:
    """Changes who may read it."""
    path.chmod(0o600 if path.stat().st_mode & 0o077 else 0o644)


def same_again(path: Path, text: str) -> None:
    """Writes what stands there, and touches it."""
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    path.touch()


WAYS: dict[str, Callable[[Path, str], None]] = {
    "truncate and write": truncate,
    "rename over": rename_over,
    "backup and rename": backup,
    "two writes 30 ms apart": twice,
    "mode change only": mode_only,
    "no change": same_again,
}
QUIET = ("mode change only", "no change")  # nothing may come of these
