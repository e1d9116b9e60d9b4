"""The whole program on one page: text → SourceFile → sections → CheckedFile; plan and run go on from there.

Cheap to import: what only runs need is imported by who runs.
"""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import resources
from .diagnostics.diagnostic import Diagnostic, nearest
from .language.again import Memory
from .language.check import Forbids, check
from .language.checked import CheckedFile, CheckedTool
from .language.facts import ModelFacts, Models
from .language.loader import MAX_SOURCE, STANDARD, Denied, Loader, Read
from .language.read import Remembered
from .language.types import Type
from .language.values import EMPTY, Value
from .models.catalog import catalogue_of
from .models.cost import free_models
from .models.errors import BadAnswer
from .models.providers import providers_of
from .project import CONFIGURATION, find_root, has_configuration, read_below
from .run.permits import Allow, Power, denial_of, power_of
from .settings import Settings, load_settings

MAX_PYTHON = 256 * 1024  # bytes of a tool's file: to read one takes two hundred times its size in memory
MAX_PYTHON_IN_ALL = 4 * 1024 * 1024  # a file counts as often as a tool names it: so often it is looked through

# What may be read outside a project, given its folder: what the project lists, and the user trusts it with.
Outside = Callable[[Path], tuple[str, ...]]


def nothing_outside(root: Path) -> tuple[str, ...]:
    """A project ends at its folder."""
    return ()


def compile_flow(path: Path, max_source: int = MAX_SOURCE, outside: Outside = nothing_outside) -> CheckedFile:
    """A flow file with everything it imports, checked. Executes nothing, reads nothing else outside its project."""
    settings, _ = _settings_of(find_root(path))
    return Workspace(max_source, outside, settings, once=True).check(path)


def check_files(
    paths: list[Path], max_source: int = MAX_SOURCE, outside: Outside = nothing_outside
) -> list[Diagnostic]:
    """What is wrong with these files, what they import, and what their projects set and allow; each place once."""
    found: dict[tuple[str, int, int, str], Diagnostic] = {}
    projects: dict[Path, tuple[Settings, list[Diagnostic]]] = {}
    for path in paths:
        root = find_root(path)
        if root not in projects:
            projects[root] = _settings_of(root)
        settings, mistakes = projects[root]
        checked = Workspace(max_source, outside, settings, once=True).check(path, forbids_by(root, settings.allow))
        for one in (*mistakes, *checked.diagnostics):
            found.setdefault(one.key(), one)
    return list(found.values())


def _settings_of(root: Path) -> tuple[Settings, list[Diagnostic]]:
    path = root / CONFIGURATION
    return load_settings(path, os.path.relpath(path)) if has_configuration(root) else (Settings(), [])


def forbids_by(root: Path, allow: Allow) -> Forbids:
    """Why a project forbids a tool: it is not on its lists, or the Python file is not what the tool needs."""
    left = MAX_PYTHON_IN_ALL

    def forbids(tool: CheckedTool) -> Denied | None:
        nonlocal left
        try:
            denied = denial_of(tool, allow)
        except ValueError:
            return None  # its address or command is none, and that was told
        if denied is None and tool.method == "python":
            power = power_of(tool)
            assert isinstance(power, Power)
            data = read_below(root, power.name, MAX_PYTHON)
            if isinstance(data, Denied):
                return data
            if len(data) > MAX_PYTHON:
                message = f"`{power.name}` is too large: the Python file of a tool has at most {MAX_PYTHON // 1024} KB"
                return Denied("bad-file", message, ("let it import the rest",))
            left -= len(data)
            if left < 0:
                message = (
                    f"the Python files of these tools have more than {MAX_PYTHON_IN_ALL // 1024 // 1024} MB in all"
                )
                return Denied("bad-file", message, ("a file counts once for each tool: cut a large one",))
            from .run.python_file import python_mistake  # few flows have such a tool, and Python's grammar is large

            return python_mistake(tool, data)
        return denied

    return forbids


def models_of(settings: Settings) -> Models:
    """The models that a project's flows may ask, as `check` sees them. Of those on this computer anything goes."""
    is_free = free_models(providers_of(settings.providers, settings.provider, {}))
    catalogue = cache(lambda: catalogue_of(settings.models))  # read when the first model is met

    @cache
    def facts_of(model: str) -> ModelFacts | None:
        if (entry := catalogue().entry(model)) is not None:
            return entry.facts()
        return ModelFacts() if is_free(model) else None

    return Models(facts_of, lambda: catalogue().names(), settings.model or "")


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
    return list(check(loader, loader.load(path), models_of(Settings()), answer_in=_answer_in).diagnostics)


def _unheard(name: str) -> None:
    return None


def compile_texts(path: Path, texts: Mapping[str, str], shown: Mapping[str, str]) -> CheckedFile:
    """A flow as it once was: `texts` are its files by their paths in the project, `shown` the paths that are shown."""
    root = find_root(path)

    def read(name: str) -> bytes | Denied:
        if name in texts:
            return texts[name].encode("utf-8", "surrogatepass")
        return Denied("not-found", f"there is no file `{name}`")

    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return compile_from(read, relative, lambda name: shown.get(name, name), _settings_of(root)[0])


def compile_from(read: Read, key: str, show: Callable[[str], str], settings: Settings) -> CheckedFile:
    """A flow out of files that stand anywhere: `key` is its own for `read`, `show` says how a file's path is shown.

    Files of the standard library are the ones that there are now.
    """

    def read_all(name: str) -> bytes | Denied:
        return _read_standard(name) if name.startswith(STANDARD) else read(name)

    loader = Loader(read_all, show=show)
    with _without_collection(once=True):
        return check(loader, loader.load(key), models_of(settings), answer_in=_answer_in)


@dataclass
class Workspace:
    """A process that checks again and again: what did not change is neither read nor checked again.

    `reads` hears the name of each file of the project that is looked for, below its folder.
    """

    max_source: int = MAX_SOURCE
    outside: Outside = nothing_outside
    settings: Settings = field(default_factory=Settings)
    reads: Callable[[str], None] = _unheard
    once: bool = False  # it will not be asked again
    _remembered: dict[str, Remembered] = field(default_factory=dict)
    _memory: Memory = field(default_factory=Memory)

    def check(self, path: Path, forbids: Forbids | None = None) -> CheckedFile:
        """A flow file with everything it imports, checked; `forbids` says which tools may not be used."""
        root = find_root(path)
        outside = self.outside(root)
        read_file = _reader(root, self.max_source, outside)
        relative = os.path.relpath(path, root).replace(os.sep, "/")

        def show(name: str) -> str:
            return name if name.startswith(STANDARD) else os.path.relpath(os.path.join(root, name))

        def read(name: str) -> bytes | Denied:
            self.reads(name)
            return read_file(name)

        loader = Loader(read, self.max_source, show, self._remembered, outside)
        with _without_collection(self.once):
            return check(
                loader,
                loader.load(relative),
                models_of(self.settings),
                forbids,
                _answer_in,
                None if self.once else self._memory,
            )


def _answer_in(text: str, of: Type | None) -> tuple[Value, str]:
    """The value that a text is as an answer, and what is wrong with it."""
    from .models.answer import read_answer  # few flows have an `answer` line

    try:
        return read_answer(text, of), ""
    except BadAnswer as mistake:
        return EMPTY, mistake.message


@contextmanager
def _without_collection(once: bool) -> Iterator[None]:
    """Checking makes many small values and drops few: looking for circles among them takes longer than all else.

    What is made `once` is never looked through later, either. Else it counts as old at once, without a look through it.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if not once:
            gc.unfreeze()
        if before:
            gc.enable()


def files_beside(path: Path, most_bytes: int, outside: Outside) -> tuple[Read, str, tuple[str, ...]]:
    """How the files of a flow's project are read, each with at most one byte more; the flow's own key; `outside`."""
    root = find_root(path)
    listed = outside(root)
    return _reader(root, most_bytes, listed), os.path.relpath(path, root).replace(os.sep, "/"), listed


def _reader(root: Path, max_source: int, outside: tuple[str, ...]) -> Read:
    def read(name: str) -> bytes | Denied:
        if name.startswith(STANDARD):
            return _read_standard(name)
        for entry in outside:
            # What is listed may stand behind a link; nothing below it may.
            if name == (listed := os.path.normpath(entry)):
                return read_below(
                    Path(os.path.join(root, os.path.dirname(listed))), os.path.basename(listed), max_source
                )
            if name.startswith(f"{listed}/"):
                return read_below(Path(os.path.join(root, listed)), name.removeprefix(f"{listed}/"), max_source)
        return read_below(root, name, max_source)

    return read


def _read_standard(name: str) -> bytes | Denied:
    """A file of the standard library, `std/NAME.flow`."""
    folder = resources.find_stdlib()
    path = folder / name.removeprefix(STANDARD)
    if path.parent != folder or not path.is_file():
        known = [f"{STANDARD}{one.name}" for one in sorted(folder.glob("*.flow"))]
        near = nearest(name if name.endswith(".flow") else f"{name}.flow", known)
        hint = f"did you mean `{near}`?" if near else "it has " + ", ".join(f'"{one}"' for one in known)
        return Denied("not-found", f"the standard library has no `{name}`", (hint,))
    return path.read_bytes()
