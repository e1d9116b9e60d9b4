"""Git, asked to look up objects and nothing else.

Git is asked, since only it can read a repository of any age. It runs no hook, no watcher and no filter, and reaches no
other repository, whatever the settings of this one say. One that belongs to somebody else it refuses by itself. Nothing
is checked out, and nothing is written.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ..run.process import environment_for_tools, find_program

PATIENCE_S = 30.0  # for one object
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_CLOSED = {
    "GIT_ALLOW_PROTOCOL": "none",  # an object that is missing is not fetched
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
MOST_COMMITS = 200_000  # that are looked through
_MOST_OF_A_COMMIT = 1024 * 1024
_MOST_OF_A_FOLDER = 16 * 1024 * 1024
_LINK = "120000"
_FOLDER = "40000"
_FILES = ("100644", "100755", "100664")


def top_of(folder: Path) -> Path | None:
    """The folder of the repository that a folder is in."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), None)


def program_for(top: Path, environment: Mapping[str, str]) -> str | None:
    """Where git is; None if it is nowhere, or came with the repository."""
    program = find_program("git", environment)
    return None if program is None or Path(program).resolve().is_relative_to(top.resolve()) else program


def start(
    program: str, form: str, folder: Path, environment: Mapping[str, str], errors: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """`git cat-file`, waiting for names of objects; `form` says what it tells of each. Raises OSError, ValueError."""
    return subprocess.Popen(
        [program, *_SAFE, "cat-file", form],
        cwd=folder,
        env={**environment_for_tools(environment), **_CLOSED},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )


class GitFailed(Exception):
    """Git ended, or said nothing for too long; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path of a revision: "file", "folder", "link" or "other" (a repository of its own)."""

    kind: str
    id: str


@dataclass
class Objects:
    """The objects of a repository, one asked for after the other."""

    process: "subprocess.Popen[bytes]"
    _folders: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _parents: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def open(cls, program: str, folder: Path, environment: Mapping[str, str]) -> Self:
        """Starts git in a folder. Raises GitFailed."""
        try:
            return cls(start(program, "--batch", folder, environment, subprocess.PIPE))
        except (OSError, ValueError) as problem:
            raise GitFailed(str(problem)) from None

    def close(self) -> None:
        """Ends git."""
        self.process.kill()
        with suppress(OSError, ValueError, subprocess.SubprocessError):
            self.process.communicate(timeout=PATIENCE_S)

    def find(self, name: str, kind: str, most_bytes: int) -> tuple[str, bytes] | None:
        """An object's id and its bytes, at most one more than `most_bytes`; None if there is none of that kind.

        Raises GitFailed.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        if "\n" in name or "\0" in name:
            return None
        watch = threading.Timer(PATIENCE_S, self.process.kill)
        watch.start()
        try:
            stdin.write(os.fsencode(f"{name}\n"))
            stdin.flush()
            head = stdout.readline()
            words = head.decode("utf-8", "replace").rsplit(None, 2)
            if not head.endswith(b"\n"):
                raise GitFailed(self._complaint())
            if len(words) != 3 or not words[2].isdigit() or not _is_id(words[0]):
                return None
            size = int(words[2])
            data = stdout.read(min(size, most_bytes + 1))
            left = size - len(data) + 1
            while left > 0 and (passed := stdout.read(min(left, 1 << 20))):
                left -= len(passed)
            if left:
                raise GitFailed(self._complaint())
        except (OSError, ValueError):
            raise GitFailed(self._complaint()) from None
        finally:
            watch.cancel()
        return (words[0], data) if words[1] == kind else None

    def folder(self, id: str) -> Mapping[str, Entry]:
        """What stands in a folder, by its id. Raises GitFailed."""
        if id not in self._folders:
            found = self.find(id, "tree", _MOST_OF_A_FOLDER)
            if found is None:
                raise GitFailed(f"it does not have the folder {id}, which a partial copy leaves out")
            self._folders[id] = dict(_entries(found[1], len(id) // 2))
        return self._folders[id]

    def base_of(self, one: str, other: str) -> str | None:
        """Where two commits have parted, by their ids: the last commit that both come from; None if there is none.

        Raises GitFailed.
        """
        common = self._history(one) & self._history(other)
        passed = {parent for commit in common for parent in self._parents[commit]}
        return min(common - passed, default=None)

    def _history(self, commit: str) -> set[str]:
        """A commit and all that it comes from."""
        seen, left = {commit}, [commit]
        while left:
            commit = left.pop()
            if commit not in self._parents:
                if len(self._parents) >= MOST_COMMITS:
                    raise GitFailed(f"more than {MOST_COMMITS:,} commits would have to be looked through")
                found = self.find(commit, "commit", _MOST_OF_A_COMMIT)
                self._parents[commit] = _parents_in(found[1]) if found is not None else ()
            new = [parent for parent in self._parents[commit] if parent not in seen]
            seen.update(new)
            left += new
        return seen

    def _complaint(self) -> str:
        self.process.kill()
        with suppress(OSError, ValueError, subprocess.SubprocessError):
            _, said = self.process.communicate(timeout=PATIENCE_S)
            if lines := said.decode("utf-8", "replace").strip().splitlines():
                return lines[0].removeprefix("fatal: ")
        return "it said nothing"


def _parents_in(data: bytes) -> tuple[str, ...]:
    """The parents that a commit names in its head."""
    head = data.partition(b"\n\n")[0].decode("ascii", "replace").split("\n")
    words = [line.removeprefix("parent ") for line in head if line.startswith("parent ")]
    return tuple(word for word in words if _is_id(word))


def _entries(data: bytes, width: int) -> list[tuple[str, Entry]]:
    """The entries of a tree: for each its mode, its name, and the bytes of its id."""
    found: list[tuple[str, Entry]] = []
    place = 0
    while place < len(data):
        name_at, end = data.find(b" ", place), data.find(b"\0", place)
        if not place < name_at < end or end + 1 + width > len(data):
            break
        mode = data[place:name_at].decode("ascii", "replace")
        kind = "folder" if mode == _FOLDER else "link" if mode == _LINK else "file" if mode in _FILES else "other"
        name = os.fsdecode(data[name_at + 1 : end])
        # Git itself makes no others; who writes a repository by hand might, to lead out of it.
        if name not in ("", ".", "..") and "/" not in name:
            found.append((name, Entry(kind, data[end + 1 : end + 1 + width].hex())))
        place = end + 1 + width
    return found


def _is_id(word: str) -> bool:
    return len(word) in (40, 64) and all(letter in "0123456789abcdef" for letter in word)
