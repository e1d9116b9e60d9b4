"""Which commit of git's a flow was at, and whether its files were as they are there.

Whatever goes wrong, no commit is told, and the run goes on.
"""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..diagnostics.source import SourceFile
from ..language.checked import CheckedFlow
from ..project import CONFIGURATION, find_root
from .git import program_for, start, top_of

PATIENCE_S = 2.0
_STANDARD = "std/"


class Asked:
    """Git under way. Made by `ask_git`; `told` waits for what it says.

    `has_store`, once it has: the project's store is a part of the repository, so that it is somebody else's.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", files: Mapping[str, tuple[str, list[bytes]]], store: str = ""
    ) -> None:
        self.has_store = False
        self._store = store  # by its name for git
        self._process = process
        self._files = files  # by the name for git: the name that is told, and what its bytes may be in the repository

    def told(self) -> dict[str, Any] | None:
        """The commit's `id`, and the files that are not as they are there (`changed`); None if there is no commit."""
        names = [name for name in self._files if not name.startswith("\0")]
        store = [self._store] if self._store else []
        question = "\n".join(["HEAD", *(f"HEAD:{name}" for name in (*names, *store))]) + "\n"
        try:
            said, _ = self._process.communicate(os.fsencode(question), PATIENCE_S)
        except (OSError, ValueError, subprocess.SubprocessError):
            self._process.kill()
            with suppress(OSError, ValueError, subprocess.SubprocessError):
                self._process.communicate()
            return None
        commit, *found = said.decode("ascii", "replace").split("\n")
        if not _is_id(commit) or self._process.returncode != 0:
            return None
        there = dict(zip((*names, *store), found, strict=False))
        self.has_store = _is_id(there.get(self._store, ""))
        changed = [
            shown for name, (shown, forms) in self._files.items() if there.get(name) not in _ids(forms, len(commit))
        ]
        return {"id": commit, "changed": sorted(changed)}


def ask_git(flow: CheckedFlow, environment: Mapping[str, str], store: Path | None = None) -> Asked | None:
    """Has git look up the flow's files, and that of a store; None where there is no repository, or no git."""
    folder = _full(flow.source.path).parent
    top = top_of(folder)
    if top is None or (program := program_for(top, environment)) is None:
        return None
    try:
        process = start(program, "--batch-check=%(objectname)", folder, environment)
    except (OSError, ValueError):
        return None
    return Asked(process, _files_of(flow, folder, top), "" if store is None else _name_of(store, folder))


def _files_of(flow: CheckedFlow, folder: Path, top: Path) -> dict[str, tuple[str, list[bytes]]]:
    """The files that make a flow what it is. What git cannot be asked about counts as changed."""
    root = find_root(Path(flow.source.path))
    found = {source.path: _forms(source) for source in flow.files if not source.path.startswith(_STANDARD)}
    with suppress(OSError):
        settings = root / CONFIGURATION
        found[str(settings)] = [settings.read_bytes()]
    files: dict[str, tuple[str, list[bytes]]] = {}
    for path, forms in found.items():
        full = _full(path)
        shown = os.path.relpath(full, root)
        name = _name_of(full, folder)
        if not full.is_relative_to(top) or "\n" in name:
            name = f"\0{name}"
        files[name] = (shown, forms)
    return files


def _name_of(path: Path, folder: Path) -> str:
    """How git is asked about a file, from the folder in which it runs."""
    name = os.path.relpath(path, folder)
    return name if name.startswith("../") else f"./{name}"


def _full(path: str) -> Path:
    """The path from the root on, links left as they are."""
    return Path(os.path.normpath(Path.cwd() / path))


def _forms(source: SourceFile) -> list[bytes]:
    """The bytes of a file as it is here, and with the line ends that git may keep it with."""
    mark = "\ufeff" if source.bom else ""
    texts = (mark + source.text.replace("\n", source.newline), mark + source.text)
    return [text.encode("utf-8", "surrogatepass") for text in texts]


def _ids(forms: list[bytes], length: int) -> set[str]:
    kind = hashlib.sha1 if length == 40 else hashlib.sha256
    return {kind(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() for data in forms}


def _is_id(word: str) -> bool:
    return len(word) in (40, 64) and all(letter in "0123456789abcdef" for letter in word)
