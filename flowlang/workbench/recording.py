"""The recordings of a flow file: `NAME.answers` beside `NAME.flow`, read and written. Over no link, ever."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..language.loader import Denied, Read, decode, resolve
from ..models.recording import BIGGEST, ENDING, MOST_BYTES, Recorded, Recordings, Which
from ..models.recording_reader import files_named, read_recordings
from ..models.recording_text import write_recordings
from ..pattern import pattern
from ..pipeline import files_beside
from ..plan.request_parts import exact
from ..run.below import link_on
from ..run.exit import NOT_ALLOWED, STORE, WRONG_INPUT
from ..run.files import FileMistake, in_megabytes
from ..run.outputs import check_out_dir, is_safe, write_below
from .outside import outside_of
from .refusal import Refusal

MOST_BESIDE = 50_000_000  # bytes of one answer that stands beside the file
_OURS = pattern(r"[0-9a-f]{16}\.txt")
_ODD_FOLDER = pattern(r'["\\{}\x00-\x1f]')  # what a line of the file could not name
# Characters of an answer that stands in the file itself: fewer where the file gets too large.
_SHORTER = (BIGGEST, 2_000, 100)

_Key = tuple[Which, str]


@dataclass
class AnswersFile:
    """The recordings of one flow file, as they were read; `text` is empty where there is no file.

    `text` and `known` are what stood there when it was last read or written: who finds it otherwise knows that
    somebody else has changed it. `theirs` is what they have changed so far, None what they have deleted; `first` is
    what stood there at the beginning.
    """

    flow: Path
    recordings: Recordings = field(default_factory=Recordings)
    mistakes: list[Diagnostic] = field(default_factory=list)
    text: str = ""
    known: dict[_Key, Recorded] = field(default_factory=dict)
    first: dict[_Key, Recorded] = field(default_factory=dict)
    theirs: dict[_Key, Recorded | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.flow.stem + ENDING

    @property
    def shown(self) -> str:
        """Its path as it is told."""
        return os.path.relpath(self.flow.with_name(self.name))


def open_answers(flow: Path) -> AnswersFile:
    """The recordings beside a flow file, and what is wrong with them."""
    return answers_from(flow, *files_beside(flow, MOST_BESIDE, outside_of))


def answers_from(flow: Path, read: Read, base: str, outside: tuple[str, ...] = ()) -> AnswersFile:
    """The same, out of files that stand anywhere: `base` is the flow's own key for `read`."""
    found = AnswersFile(flow)
    decoded = _decoded(read(base.removesuffix(".flow") + ENDING), found.shown)
    if isinstance(decoded, Denied):
        if decoded.rule != "not-found":
            place = SourceFile(found.shown, "")
            found.mistakes.append(Diagnostic(decoded.rule, decoded.message, place, Span(0, 0), decoded.hints))
        return found
    found.text = decoded.text
    beside: dict[str, str] = {}
    for path, span in files_named(decoded) if 'file "' in decoded.text else ():
        key = resolve(base, path, outside)
        text = key if isinstance(key, Denied) else _text_of(read(key), path)
        if isinstance(text, Denied):
            hints = text.hints or ("take the file back from git, or delete this answer and record it again",)
            found.mistakes.append(Diagnostic(text.rule, text.message, decoded, span, hints))
            text = ""
        beside[path] = text
    answers, mistakes = read_recordings(decoded, beside)
    found.mistakes += mistakes
    for one in answers:
        found.recordings.add(one, exact(one.request))
    found.known = found.first = _by_key(found.recordings)
    return found


def _decoded(data: bytes | Denied, shown: str) -> SourceFile | Denied:
    if isinstance(data, bytes) and len(data) > MOST_BYTES:
        message = f"`{shown}` is larger than {in_megabytes(MOST_BYTES)}, too large for recorded answers"
        return Denied("bad-file", message, ("cut the flow's tests into several files",))
    return data if isinstance(data, Denied) else decode(data, shown, MOST_BYTES)


def _by_key(recorded: Iterable[Recorded]) -> dict[_Key, Recorded]:
    return {(one.which, exact(one.request)): one for one in recorded}


def _text_of(data: bytes | Denied, path: str) -> str | Denied:
    if isinstance(data, Denied):
        return data
    if len(data) > MOST_BESIDE:
        return Denied("bad-file", f"`{path}` is larger than {in_megabytes(MOST_BESIDE)}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Denied("bad-file", f"`{path}` is not UTF-8: byte {error.start + 1} can't be read")


# ── Writing ──


def refuse_unless_recordable(file: AnswersFile) -> None:
    """Raises Refusal where no recording could be written: better now than when the answers are paid for."""
    place, folder = file.flow.parent, file.flow.with_name(f"{file.name}.d")
    if not is_safe(file.name):
        message = f"answers are recorded in no file called `{file.shown}`"
        raise Refusal(
            WRONG_INPUT, message, ("give the flow a name without a dot in front, a colon and a backslash",), "bad-file"
        )
    if folder.is_symlink():
        message = f"`{file.shown}.d` is a link, and nothing is written through a link"
        raise Refusal(NOT_ALLOWED, message, ("put a folder in its place, or delete it",), "not-allowed")
    if folder.exists() and not folder.is_dir():
        message = f"`{file.shown}.d` is a file, and long answers go into a folder of that name"
        raise Refusal(STORE, message, ("give it another name",), "bad-file")
    if (mistake := check_out_dir(place)) is not None:
        hint = "nobody was asked, since the answers could not be kept"
        if mistake.rule == "not-allowed":
            raise Refusal(NOT_ALLOWED, mistake.message, (hint,), mistake.rule)
        message = f"`{file.shown}` cannot be written: nothing can be written in its folder"
        raise Refusal(STORE, message, (hint,), "bad-file")


def write_answers(file: AnswersFile, ordered: list[Recorded]) -> bool:
    """Writes the recordings, whole or not at all; False if nothing has changed. Raises Refusal.

    What somebody else has recorded, edited or deleted in the file since it was read stays so.
    """
    place = file.flow.parent
    try:
        with _alone_in(place):
            ordered = _with_theirs(file, ordered)
            # Where nothing has changed the file stays as it is, with whatever comments somebody has put into it.
            if [one.without_source() for one in file.known.values()] == [one.without_source() for one in ordered]:
                return False
            text, beside = _as_files(file, ordered)
            # The long answers come first: a file that names what is not there is never seen.
            for name, content in beside.items():
                write_below(place, f"{file.name}.d/{name}", content)
            if ordered:
                write_below(place, file.name, text)
            else:
                (place / file.name).unlink(missing_ok=True)
            file.text, file.known = text if ordered else "", _by_key(ordered)
            with suppress(OSError):  # what is left over does no harm
                _clear(place / f"{file.name}.d", set(beside))
    except FileMistake as mistake:
        code = NOT_ALLOWED if mistake.rule == "not-allowed" else STORE
        raise Refusal(code, mistake.message, mistake.hints, mistake.rule) from None
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise Refusal(STORE, f"`{file.shown}` cannot be written: {reason}", rule="bad-file") from None
    return True


@contextmanager
def _alone_in(place: Path) -> Iterator[None]:
    """Lets one process at a time write recordings in a folder. Raises OSError."""
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # there are disks that know no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _with_theirs(file: AnswersFile, ours: list[Recorded]) -> list[Recorded]:
    """What is to be written, with what somebody else has done to the file since it was read. Raises Refusal."""
    read, base, _ = files_beside(file.flow, MOST_BESIDE, outside_of)
    decoded = _decoded(read(base.removesuffix(".flow") + ENDING), file.shown)
    text = "" if isinstance(decoded, Denied) and decoded.rule == "not-found" else decoded
    if file.text == (text.text if isinstance(text, SourceFile) else text):
        return _merged(file, ours) if file.theirs else ours
    now = open_answers(file.flow)
    if now.mistakes:
        message = f"`{file.shown}` was changed meanwhile and can't be read now, so nothing was written to it"
        raise Refusal(STORE, message, (f"{now.mistakes[0].message}", "put it right, and record again"), "bad-file")
    file.theirs |= {key: one for key, one in now.known.items() if not _is_same(file.known.get(key), one)}
    file.theirs |= dict.fromkeys(file.known.keys() - now.known.keys())
    file.text, file.known = now.text, now.known
    return _merged(file, ours)


def _is_same(one: Recorded | None, other: Recorded) -> bool:
    return one is not None and one.without_source() == other.without_source()


def _merged(file: AnswersFile, ours: list[Recorded]) -> list[Recorded]:
    """Ours, but for what they have changed; their new ones stand behind ours of the same step.

    What they have deleted comes back only with another answer than it had.
    """
    theirs = dict(file.theirs)
    kept: list[Recorded] = []
    for key, one in _by_key(ours).items():
        changed = theirs.pop(key, one)
        if changed is not None:
            kept.append(changed)
        elif not _is_same(file.first.get(key), one):
            kept.append(one)
    new = [one for one in theirs.values() if one is not None]
    return sorted([*kept, *new], key=lambda one: one.which.order())


def _as_files(file: AnswersFile, ordered: list[Recorded]) -> tuple[str, dict[str, str]]:
    """The file's text, and the answers beside it: as many as it takes to keep it readable. Raises Refusal."""
    folder = "" if _ODD_FOLDER.search(file.name) else f"{file.name}.d"
    for longest in _SHORTER:
        text, beside = write_recordings(ordered, folder, longest)
        if len(text.encode()) <= MOST_BYTES:
            return text, beside
    message = f"`{file.shown}` would be larger than {in_megabytes(MOST_BYTES)}, too large for recorded answers"
    raise Refusal(STORE, message, ("cut the flow's tests into several files",), "bad-file")


def _clear(folder: Path, kept: set[str]) -> None:
    """Removes the long answers that no recording names any more; nothing else that may stand there."""
    if link_on(folder) is not None or not folder.is_dir():
        return
    for one in folder.iterdir():
        if _OURS.fullmatch(one.name) and one.name not in kept:
            one.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
