"""Where the flows of one side of a comparison are read from: a revision of git's, or the working tree."""

import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..language.loader import Denied
from ..project import CONFIGURATION, read_below
from ..run.exit import NOT_ALLOWED, WRONG_INPUT
from ..run.trial_values import MOST_BYTES
from .finding import MOST_FILES, flows_in, is_passed_over
from .git import Entry, GitFailed, Objects, program_for, top_of
from .refusal import Refusal

WORKING_TREE = "the working tree"
_FROM_BASE = "."  # behind a revision: not itself, but where the other one has left it. No name in git ends so
_HOW_TO_DEEPEN = "this copy has the newest commits alone: git fetch --unshallow, or fetch-depth: 0 of actions/checkout"
_SHORT = 16  # digits of a commit's id


@dataclass(frozen=True, slots=True)
class Side:
    """One side. Paths are those from the repository's top on, with `/` between their parts.

    `flows` finds the flow files in a folder; `print_of` is equal for folders that hold the same, None where that
    is not known. Reading raises Refusal if git fails.
    """

    name: str
    read: Callable[[str], bytes | Denied]
    flows: Callable[[str], list[str]]
    print_of: Callable[[str], str | None]

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        found = self.read(path)
        return not (isinstance(found, Denied) and found.rule == "not-found")

    def root_of(self, flow: str) -> str:
        """The folder of a flow's project: the nearest above it that has settings, else its own."""
        folder = own = posixpath.dirname(flow)
        while True:
            if self.has(posixpath.join(folder, CONFIGURATION)):
                return folder
            if not folder:
                return own
            folder = posixpath.dirname(folder)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides, and where the command was typed: the repository's top, and the path from there."""

    top: Path
    here: str
    before: Side
    after: Side

    def shown(self, path: str) -> str:
        """A path as it is told: from the current folder on."""
        return os.path.relpath(self.top / path)


@contextmanager
def open_sides(first: str, second: str, environment: Mapping[str, str]) -> Iterator[Sides]:
    """Two revisions; an empty second one is the working tree. Raises Refusal."""
    here = Path.cwd()
    top = top_of(here)
    if top is None:
        message = "this folder is in no repository of git's, so there are no revisions to compare"
        raise Refusal(WRONG_INPUT, message, ("to compare two runs: flowlang diff RUN RUN",), "not-found")
    program = program_for(top, environment)
    if program is None:
        raise Refusal(WRONG_INPUT, "git is not installed, and it is needed to compare revisions", rule="not-found")
    try:
        objects = Objects.open(program, here, environment)
    except GitFailed as failed:
        raise _failed(failed) from None
    try:
        try:
            before = _revision(_base(first, second, objects) if first.endswith(_FROM_BASE) else first, objects)
            after = _revision(second, objects) if second else working_tree(top)
        except Refusal as refusal:
            if refusal.rule == "not-found" and (top / ".git" / "shallow").is_file():
                raise Refusal(refusal.code, refusal.message, (_HOW_TO_DEEPEN, *refusal.hints), refusal.rule) from None
            raise
        inside = "" if here == top else os.path.relpath(here, top).replace(os.sep, "/")
        yield Sides(top, inside, before, after)
    except GitFailed as failed:
        raise _failed(failed) from None
    finally:
        objects.close()


def split_range(word: str) -> tuple[str, str]:
    """The two revisions of `main..HEAD`; where one is left out, it is HEAD. With three dots the first keeps one dot."""
    first, _, second = word.partition("..")
    if second.startswith("."):
        return f"{first or 'HEAD'}{_FROM_BASE}", second[1:] or "HEAD"
    return first or "HEAD", second or "HEAD"


def _failed(failed: GitFailed) -> Refusal:
    code = NOT_ALLOWED if "ownership" in str(failed) else WRONG_INPUT
    is_partial = any(word in str(failed) for word in ("lazy fetching", "promisor", "partial copy"))
    hints = ("this copy of the repository leaves files out: clone it without --filter",) if is_partial else ()
    rule = "not-allowed" if code == NOT_ALLOWED else "bad-file"
    return Refusal(code, f"git could not be asked: {failed}", hints, rule)


# ── A revision ──


def _base(first: str, second: str, objects: Objects) -> str:
    """The commit where the second has left the first. Raises Refusal."""
    first = first.removesuffix(_FROM_BASE)
    one, other = (_commit(word, objects) for word in (first, second))
    base = objects.base_of(one, other)
    if base is None:
        raise Refusal(WRONG_INPUT, f"`{first}` and `{second}` have no commit in common here", rule="not-found")
    return base[:_SHORT]


def _commit(word: str, objects: Objects) -> str:
    found = objects.find(f"{word}^{{commit}}", "commit", 0)
    if found is None:
        raise _unknown(word)
    return found[0]


def _unknown(word: str) -> Refusal:
    hints = ("a branch, a tag or a commit; all branches: git branch --all",)
    return Refusal(WRONG_INPUT, f"git knows no revision `{word}`", hints, "not-found")


def _revision(word: str, objects: Objects) -> Side:
    found = objects.find(f"{word}^{{tree}}", "tree", 0) if word.strip() else None
    if found is None:
        raise _unknown(word)
    top = Entry("folder", found[0])

    def entry(path: str) -> Entry | None:
        now: Entry | None = top
        for part in path.split("/") if path else ():
            now = objects.folder(now.id).get(part) if now is not None and now.kind == "folder" else None
        return now

    def read(path: str) -> bytes | Denied:
        one = entry(path)
        if one is None or one.kind in ("folder", "other"):
            return Denied("not-found", f"there is no file `{path}` in {word}")
        if one.kind == "link":
            return Denied("not-allowed", f"`{path}` is a link in {word}, and links are not followed")
        found = objects.find(one.id, "blob", MOST_BYTES)
        if found is None:
            hint = f"where this copy leaves files out, this fetches it: git show {word}:{path}"
            return Denied("bad-file", f"git does not have the content of `{path}` in {word}", (hint,))
        return found[1]

    def flows(folder: str) -> list[str]:
        one = entry(folder)
        return list(_walked(one, folder, objects)) if one is not None and one.kind == "folder" else []

    def print_of(folder: str) -> str | None:
        one = entry(folder)
        return one.id if one is not None else None

    return Side(word, read, flows, print_of)


def _walked(folder: Entry, path: str, objects: Objects) -> Iterator[str]:
    left, found = [(folder, path)], 0
    while left:
        one, where = left.pop()
        for name, entry in sorted(objects.folder(one.id).items()):
            inner = posixpath.join(where, name)
            if entry.kind == "folder" and not is_passed_over(name):
                left.append((entry, inner))
            elif entry.kind == "file" and name.endswith(".flow") and not name.startswith("."):
                found += 1
                if found > MOST_FILES:
                    raise Refusal(WRONG_INPUT, f"these are more than {MOST_FILES:,} files", ("name one: --flow FLOW",))
                yield inner


# ── The working tree ──


def working_tree(top: Path) -> Side:
    """The files as they are now, committed or not."""

    def read(path: str) -> bytes | Denied:
        if ".." in path.split("/"):
            return Denied("not-allowed", f"`{path}` leads out of the repository")
        return read_below(top, path, MOST_BYTES)

    def flows(folder: str) -> list[str]:
        found = flows_in(str(top / folder))
        return [os.path.relpath(one, top).replace(os.sep, "/") for one in found]

    return Side(WORKING_TREE, read, flows, lambda folder: None)
