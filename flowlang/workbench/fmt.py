"""`flowlang fmt PATH…`: flow files in the canonical layout."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics.source import SourceFile
from ..language.format import Formatted, encode, format_source
from ..language.loader import MAX_SOURCE, Denied, decode
from ..run.below import link_on
from ..run.exit import DIFFERENCES, DONE, MISTAKES, WRONG_INPUT
from ..show.numbers import count
from ..show.terminal import visible, visible_line
from .finding import find_flows
from .given import Given
from .placing import replace_file
from .refusal import Refusal, all_in_one
from .screen import Screen


@dataclass(frozen=True, slots=True)
class _Laid:
    """A file before and after."""

    source: SourceFile
    formatted: Formatted

    @property
    def differs(self) -> bool:
        return self.formatted.text != self.source.text

    @property
    def data(self) -> bytes:
        """What the file should hold: its own line ends, and a byte-order mark if it had one."""
        return encode(self.formatted.text, self.source)


def perform(given: Given, screen: Screen) -> int:
    """Writes what differs; with `--check` or `--diff` only tells it."""
    words = given.words.get("PATH", ())
    if "-" in words:
        if len(words) > 1:
            raise Refusal(WRONG_INPUT, "`-` (standard input) stands alone", rule="wrong-value")
        return _through(given, screen)
    differing = 0
    links = dict.fromkeys(link for word in words if (link := link_on(Path(word))) is not None)
    slips = [_refused_link(link) for link in links]
    for path in find_flows(words):
        if (link := link_on(Path(path))) is not None:
            if link not in links:
                screen.err(f"passed over {visible_line(path)}, which is a link")
            continue
        try:
            laid = _lay_out(_read(path), path)
            if laid.differs:
                differing += 1
                _told_or_written(laid, path, given, screen)
        except Refusal as slip:
            slips.append(slip)
    if slips:
        raise all_in_one(slips)
    if given.has("check"):
        if differing:
            screen.err(f"{count(differing, 'file')} would change; to change them: flowlang fmt")
        return DIFFERENCES if differing else DONE
    return DONE


def _refused_link(link: Path) -> Refusal:
    message = f"`{link}` is a link, and nothing is changed through a link"
    return Refusal(WRONG_INPUT, message, ("name the place itself that it leads to",), "not-allowed")


def _told_or_written(laid: _Laid, path: str, given: Given, screen: Screen) -> None:
    if given.has("diff"):
        screen.out(_difference(laid, path, screen))
    elif given.has("check"):
        screen.out(visible_line(path) + "\n")
    else:
        _write(path, laid)
        screen.err(f"changed {visible_line(path)}")
        for note in laid.formatted.notes:
            screen.err(f"   = line {note.line}: {visible_line(note.what)}")


def _through(given: Given, screen: Screen) -> int:
    """Standard input to standard output."""
    data = sys.stdin.buffer.read(MAX_SOURCE + 1) if sys.stdin is not None else b""
    laid = _lay_out(data, "standard input")
    if given.has("diff"):
        screen.out(_difference(laid, "standard input", screen) if laid.differs else "")
    elif not given.has("check"):
        screen.out(laid.data.decode("utf-8"))
    return DIFFERENCES if given.has("check") and laid.differs else DONE


def _lay_out(data: bytes, path: str) -> _Laid:
    source = decode(data, path)
    if isinstance(source, Denied):
        raise Refusal(MISTAKES, source.message, source.hints, source.rule)
    return _Laid(source, format_source(source))


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_SOURCE + 1)
    except OSError as error:
        raise Refusal(
            WRONG_INPUT, f"`{path}` cannot be read: {(error.strerror or '').lower()}", rule="bad-file"
        ) from None


def _write(path: str, laid: _Laid) -> None:
    try:
        replace_file(Path(path), laid.data)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Refusal(WRONG_INPUT, f"`{path}` cannot be written: {reason}", rule="bad-file") from None


def _difference(laid: _Laid, path: str, screen: Screen) -> str:
    import difflib

    before, after = (io.StringIO(text).readlines() for text in (laid.source.text, laid.formatted.text))
    lines = difflib.unified_diff(before, after, path, f"{path} (formatted)")
    told = "".join(line if line.endswith("\n") else f"{line}\n\\ no line break at the end\n" for line in lines)
    return visible(told) if screen.reads_out else told
