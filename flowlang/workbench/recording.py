"""The recordings of a flow file: `NAME.answers` beside `NAME.flow`, read and written. Over no link, ever."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..language.loader import Denied, Read, decode, resolve
from ..models.recording import ENDING, MOST_BYTES, Recorded, Recordings
from ..models.recording_text import files_named, read_recordings, write_recordings
from ..pattern import pattern
from ..pipeline import files_beside
from ..plan.request_parts import exact
from ..run.below import link_on
from ..run.exit import NOT_ALLOWED, STORE
from ..run.files import FileMistake, in_megabytes
from ..run.outputs import write_below
from .outside import outside_of
from .refusal import Refusal

MOST_BESIDE = 50_000_000  # bytes of one answer that stands beside the file
_OURS = pattern(r"[0-9a-f]{16}\.txt")


@dataclass
class AnswersFile:
    """The recordings of one flow file, as they were read; `text` is empty where there is no file."""

    flow: Path
    recordings: Recordings = field(default_factory=Recordings)
    mistakes: list[Diagnostic] = field(default_factory=list)
    text: str = ""

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
    data = read(base.removesuffix(".flow") + ENDING)
    source = SourceFile(found.shown, "")
    if isinstance(data, Denied):
        if data.rule != "not-found":
            found.mistakes.append(Diagnostic(data.rule, data.message, source, Span(0, 0), data.hints))
        return found
    if len(data) > MOST_BYTES:
        message = f"`{found.shown}` is larger than {in_megabytes(MOST_BYTES)}, too large for recorded answers"
        hint = "cut the flow's tests into several files"
        found.mistakes.append(Diagnostic("bad-file", message, source, Span(0, 0), (hint,)))
        return found
    decoded = decode(data, found.shown, MOST_BYTES)
    if isinstance(decoded, Denied):
        found.mistakes.append(Diagnostic(decoded.rule, decoded.message, source, Span(0, 0), decoded.hints))
        return found
    found.text = decoded.text
    beside: dict[str, str] = {}
    for path, span in files_named(decoded) if 'file "' in decoded.text else ():
        key = resolve(base, path, outside)
        text = key if isinstance(key, Denied) else _text_of(read(key), path)
        if isinstance(text, Denied):
            found.mistakes.append(Diagnostic(text.rule, text.message, decoded, span, text.hints))
            text = ""
        beside[path] = text
    answers, mistakes = read_recordings(decoded, beside)
    found.mistakes += mistakes
    for one in answers:
        found.recordings.add(one, exact(one.request))
    return found


def _text_of(data: bytes | Denied, path: str) -> str | Denied:
    if isinstance(data, Denied):
        return data
    if len(data) > MOST_BESIDE:
        return Denied("bad-file", f"`{path}` is larger than {in_megabytes(MOST_BESIDE)}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Denied("bad-file", f"`{path}` is not UTF-8: byte {error.start + 1} can't be read")


def write_answers(file: AnswersFile, ordered: list[Recorded]) -> bool:
    """Writes the recordings, whole or not at all; False if nothing has changed. Raises Refusal."""
    folder = f"{file.name}.d"
    text, beside = write_recordings(ordered, folder)
    place = file.flow.parent
    # Where nothing has changed the file stays as it is, with whatever comments somebody has put into it.
    if [one.without_source() for one in file.recordings] == [one.without_source() for one in ordered]:
        return False
    try:
        # The long answers come first: a file that names what is not there is never seen.
        for name, content in beside.items():
            write_below(place, f"{folder}/{name}", content)
        if ordered:
            write_below(place, file.name, text)
        else:
            (place / file.name).unlink(missing_ok=True)
    except FileMistake as mistake:
        code = NOT_ALLOWED if mistake.rule == "not-allowed" else STORE
        raise Refusal(code, mistake.message, mistake.hints, mistake.rule) from None
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise Refusal(STORE, f"`{file.shown}` cannot be written: {reason}", rule="bad-file") from None
    _clear(place / folder, set(beside))
    return True


def _clear(folder: Path, kept: set[str]) -> None:
    """Removes the long answers that no recording names any more; nothing else that may stand there."""
    if link_on(folder) is not None or not folder.is_dir():
        return
    for one in folder.iterdir():
        if _OURS.fullmatch(one.name) and one.name not in kept:
            one.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
