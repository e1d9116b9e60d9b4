"""The whole program on one page: text → SourceFile → sections → CheckedFile; plan and run go on from there.

Cheap to import: what only runs need is imported by who runs.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import resources
from .diagnostics.diagnostic import Diagnostic
from .language.check import check
from .language.checked import CheckedFile
from .language.loader import MAX_SOURCE, STANDARD, Denied, Loader, Read
from .language.read import Remembered
from .models.catalog import facts_of
from .project import find_root, read_below


def compile_flow(path: Path, max_source: int = MAX_SOURCE) -> CheckedFile:
    """A flow file with everything it imports, checked. Executes nothing, reads nothing outside its project."""
    return Workspace(max_source).check(path)


def check_files(paths: list[Path], max_source: int = MAX_SOURCE) -> list[Diagnostic]:
    """What is wrong with these files and what they import; each place once."""
    found: dict[tuple[str, int, int, str], Diagnostic] = {}
    for path in paths:
        for one in compile_flow(path, max_source).diagnostics:
            found.setdefault(one.key(), one)
    return list(found.values())


def check_text(text: str, path: str = "example.flow") -> list[Diagnostic]:
    """What is wrong with a text that is no file; it can name files of the standard library only."""
    data = text.encode("utf-8", "surrogatepass")

    def read(name: str) -> bytes | Denied:
        if name == path:
            return data
        if name.startswith(STANDARD):
            return _read_standard(name)
        return Denied("not-found", f"there is no file `{name}`")

    loader = Loader(read)
    return list(check(loader, loader.load(path), facts_of).diagnostics)


@dataclass
class Workspace:
    """A process that checks again and again: an unchanged section is not read again."""

    max_source: int = MAX_SOURCE
    _remembered: dict[str, Remembered] = field(default_factory=dict)

    def check(self, path: Path) -> CheckedFile:
        """A flow file with everything it imports, checked."""
        root = find_root(path)
        read = _reader(root, self.max_source)
        relative = os.path.relpath(path, root).replace(os.sep, "/")

        def show(name: str) -> str:
            return name if name.startswith(STANDARD) else os.path.relpath(os.path.join(root, name))

        loader = Loader(read, self.max_source, show, self._remembered)
        with _without_collection():
            return check(loader, loader.load(relative), facts_of)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Checking makes many small values and drops few: looking for circles among them takes longer than all else."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if before:
            gc.enable()


def _reader(root: Path, max_source: int) -> Read:
    def read(name: str) -> bytes | Denied:
        if name.startswith(STANDARD):
            return _read_standard(name)
        return read_below(root, name, max_source)

    return read


def _read_standard(name: str) -> bytes | Denied:
    """A file of the standard library, `std/NAME.flow`."""
    folder = resources.find_stdlib()
    path = folder / name.removeprefix(STANDARD)
    if path.parent != folder or not path.is_file():
        known = ", ".join(f'"std/{one.name}"' for one in sorted(folder.glob("*.flow")))
        return Denied("not-found", f"the standard library has no `{name}`", (f"it has {known}",))
    return path.read_bytes()
