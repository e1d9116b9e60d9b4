"""Reads a flow file with everything it names: imported files and the texts of `file "…"`.

What a path means is decided here: relative to the file that names it, inside the project, or `std/…`. How bytes are
got is the caller's business (`Read`): a disk, an editor's buffers, a dict in a test.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..record import record
from . import ast
from .lower import lower_tag_at
from .mistake import Mistake
from .read import MAX_LINES, Remembered, read
from .texts import TextReader

MAX_SOURCE = 4 * 1024 * 1024  # bytes of one file
MAX_SOURCES = 16 * 1024 * 1024  # bytes of a flow file and all that it imports
MAX_READ = 64 * 1024 * 1024  # bytes of these, and of all texts
MAX_FILES = 1000
MAX_DEPTH = 32
_SOURCES = "this flow and the files that it imports have"
STANDARD = "std/"


@record
class Denied:
    """A file that can't be had: `rule` is `not-found`, `not-allowed` or `bad-file`."""

    rule: str
    message: str
    hints: tuple[str, ...] = ()


# The path is below the project's folder, with `/` between its parts, or begins with `std/`.
Read = Callable[[str], bytes | Denied]


@dataclass(eq=False)
class LoadedFile:
    """A flow file, read, with what it names. `path` is its key for `Read`."""

    path: str
    source: SourceFile
    file: ast.FlowFile
    imports: "dict[str, LoadedFile]" = field(default_factory=dict)
    texts: dict[str, "LoadedText"] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # texts that can't be had


@dataclass(eq=False)
class LoadedText:
    """The text of a file: `words` as it stands there; `parts` is None where nothing fills it in."""

    source: SourceFile
    words: str
    parts: tuple[ast.Part, ...] | None = None


@record
class _NoText:
    """A file that is there, and no text."""

    why: Denied


@dataclass
class Loader:
    """Loads one flow and what belongs to it; every file once."""

    read: Read
    max_source: int = MAX_SOURCE
    show: Callable[[str], str] = lambda path: path  # how a path is shown to the user
    remembered: dict[str, Remembered] = field(default_factory=dict)
    outside: tuple[str, ...] = ()  # files and folders outside the project that may be read
    diagnostics: list[Diagnostic] = field(default_factory=list)
    files: dict[str, LoadedFile] = field(default_factory=dict)
    sources: list[SourceFile] = field(default_factory=list)
    _texts: "dict[str, LoadedText | _NoText | Denied]" = field(default_factory=dict)  # by the key of the file
    _source_bytes: int = 0
    _lines: int = 0  # outside of texts
    _read_bytes: int = 0
    _full: Denied | None = None  # once too much was read; told at the place that passes it, and nowhere else
    _full_is_told: bool = False

    def load(self, path: str) -> LoadedFile | None:
        """The flow at `path`; None if there is nothing to check, which is told at its first line."""
        found = self._load(path, ())
        if isinstance(found, Denied):
            self.diagnostics.append(
                Diagnostic(found.rule, found.message, SourceFile(self.show(path), ""), Span(0, 0), found.hints)
            )
            return None
        return found

    def _load(self, path: str, chain: tuple[str, ...]) -> LoadedFile | Denied:
        if path in self.files:
            return self.files[path]
        if self._full is not None:
            return self._full
        if len(self.files) >= MAX_FILES:
            return Denied("out-of-range", f"this flow imports more than {MAX_FILES} files")
        data = self.read(path)
        if isinstance(data, Denied):
            return data
        source = decode(data, self.show(path), self.max_source)
        if isinstance(source, Denied):
            return source
        self._source_bytes += len(data)
        if (full := self._count(len(data))) is not None:
            return full
        self.sources.append(source)
        flow_file, diagnostics = read(source, self.remembered.setdefault(path, Remembered()))
        self._lines += sum(1 + len(placed.section.lines) for placed in flow_file.sections)
        if chain and self._lines > MAX_LINES:
            return self._fill(f"{_SOURCES} more than {MAX_LINES:,} lines in all")
        self.diagnostics.extend(diagnostics)
        loaded = self.files[path] = LoadedFile(path, source, flow_file)
        for placed in flow_file.sections:
            header = placed.section.header
            if isinstance(header, ast.Import) and header.path.path:
                self._import(loaded, placed, header, (*chain, path))
            if _may_name_file(source, placed):
                for text in _file_texts(placed.section):
                    self._load_text(loaded, placed, text)
        for missing in loaded.missing:
            # It was told, and counts as a text, so that nobody is told that it is empty.
            loaded.texts[missing] = LoadedText(SourceFile(missing, ""), "…", ("…",))
        return loaded

    def _import(
        self, loaded: LoadedFile, placed: ast.PlacedSection, header: ast.Import, chain: tuple[str, ...]
    ) -> None:
        span = header.path.span.moved(placed.start)
        target = resolve(loaded.path, header.path.path, self.outside)
        problem: Denied | LoadedFile
        if isinstance(target, Denied):
            problem = target
        elif target in chain:
            around = " -> ".join(self.show(path) for path in (*chain[chain.index(target) :], target))
            problem = Denied("cycle", "these files import each other", (around, "leave one of these imports out"))
        elif len(chain) >= MAX_DEPTH:
            problem = Denied("out-of-range", f"imports go deeper than {MAX_DEPTH} files")
        else:
            problem = self._load(target, chain)
        if isinstance(problem, LoadedFile):
            loaded.imports.setdefault(header.name.text, problem)
        else:
            self._tell(problem, loaded.source, span)

    def _load_text(self, loaded: LoadedFile, placed: ast.PlacedSection, text: ast.FileText) -> None:
        if text.path not in loaded.texts and not self._get_text(loaded, placed, text):
            return
        found = loaded.texts[text.path]
        if found.parts is None and isinstance(
            placed.section.header, ast.Step | ast.Snippet | ast.Tool | ast.Let | ast.Output
        ):
            mistakes: list[Mistake] = []
            found.parts = TextReader(lower_tag_at(mistakes), mistakes).file(found.words)
            self.diagnostics.extend(mistake.at(found.source, 0) for mistake in mistakes)

    def _get_text(self, loaded: LoadedFile, placed: ast.PlacedSection, text: ast.FileText) -> bool:
        """Whether the text could be had; it is told if it could not."""
        target = resolve(loaded.path, text.path, self.outside)
        found = target if isinstance(target, Denied) else self._text_at(target)
        if isinstance(found, _NoText) and isinstance(placed.section.header, ast.Test):
            return False  # a test's file is read as its input's flag would read it, and may be an image
        if isinstance(found, LoadedText):
            loaded.texts[text.path] = found
            return True
        self._tell(found.why if isinstance(found, _NoText) else found, loaded.source, text.span.moved(placed.start))
        loaded.missing.add(text.path)
        return False

    def _text_at(self, target: str) -> "LoadedText | _NoText | Denied":
        """The text of a file: one, in however many spellings flows name it."""
        if target not in self._texts:
            self._texts[target] = self._read_text(target)
        return self._texts[target]

    def _read_text(self, target: str) -> "LoadedText | _NoText | Denied":
        if self._full is not None:
            return self._full
        data = self.read(target)
        if isinstance(data, Denied):
            return data
        source = decode(data, self.show(target), self.max_source)
        if isinstance(source, Denied):
            return _NoText(source)
        if (full := self._count(len(data))) is not None:
            return full
        self.sources.append(source)
        return LoadedText(source, source.text.removesuffix("\n"))

    def _count(self, size: int) -> Denied | None:
        """Notes that so much more was read; Denied if that is too much."""
        self._read_bytes += size
        most, what = max(MAX_SOURCES, self.max_source), _SOURCES
        if self._source_bytes <= most:
            most, what = max(MAX_READ, self.max_source), "the files that belong to this flow have"
            if self._read_bytes <= most:
                return None
        return self._fill(f"{what} more than {most // 1024 // 1024} MB in all")

    def _fill(self, message: str) -> Denied:
        self._full = Denied("out-of-range", message, ("leave out what it does not need, or cut it into several flows",))
        return self._full

    def _tell(self, denied: Denied, source: SourceFile, span: Span) -> None:
        if denied is self._full and self._full_is_told:
            return
        self._full_is_told = self._full_is_told or denied is self._full
        self.diagnostics.append(Diagnostic(denied.rule, denied.message, source, span, denied.hints))


def resolve(base: str, path: str, outside: Collection[str] = ()) -> str | Denied:
    """The key of a file that `base` names as `path`; `outside` lists what may be read outside the project."""
    shown = f"`{path}`"
    if not path.strip():
        return Denied("not-found", "no file is named here", ("write its path between the quotes",))
    if path.startswith(STANDARD):
        joined = posixpath.normpath(path)
        return joined if joined.startswith(STANDARD) else Denied("not-allowed", f"{shown} leads out of the library")
    if path.startswith("/") and (plain := posixpath.normpath(path)) and _is_covered(plain, outside):
        return plain
    if path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path) or "\\" in path or "\0" in path:
        hint = "name the file by its path from this flow's folder, with `/` between folders"
        return Denied("not-allowed", f"{shown} is not a path inside the project", (hint,))
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    if _is_covered(joined, outside):
        return joined
    if any(part.startswith(".") and part.strip(".") for part in path.split("/")):
        message = f"{shown} is hidden: its name, or the name of a folder on its way, begins with a dot"
        return Denied("not-allowed", message, ("hidden files often hold keys: copy what you need into another file",))
    if joined != ".." and not joined.startswith("../"):
        return joined
    hints = ("move the file into the project's folder", f"if it must stand there: {_allow_line(joined)}")
    return Denied("not-allowed", f"{shown} leads out of the project", hints)


def _is_covered(key: str, outside: Collection[str]) -> bool:
    return any(key == entry or key.startswith(f"{entry}/") for entry in map(posixpath.normpath, outside))


def _allow_line(key: str) -> str:
    return f'`read = ["{posixpath.dirname(key)}"]` below [allow] in flowlang.toml, and flowlang trust'


def decode(data: bytes, path: str, max_source: int = MAX_SOURCE) -> SourceFile | Denied:
    """The text of a file: UTF-8, any line ending, with or without a byte-order mark."""
    if len(data) > max_source:
        megabytes = f"{len(data) / 1024 / 1024:.1f} MB"
        hint = f"a larger one can be read with `--max-source {len(data)}`"
        return Denied("bad-file", f"`{path}` is too large for a flow: {megabytes}", (hint,))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Denied("bad-file", f"`{path}` is saved as UTF-16", ("save it as UTF-8",))
    bom = data.startswith(b"\xef\xbb\xbf")
    if bom:
        data = data[3:]
    if b"\0" in data[:2]:
        return Denied("bad-file", f"`{path}` is saved as UTF-16, or is no text", ("save it as UTF-8",))
    if (nul := data.find(b"\0")) >= 0:
        return Denied("bad-file", f"`{path}` has a NUL at byte {nul + 1}: it is no text", ("save it as UTF-8 text",))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8: byte {error.start + 1} can't be read"
        return Denied("bad-file", message, ("save it as UTF-8",))
    newline = "\n"
    if "\r" in text:
        crlf = text.count("\r\n")
        text_lf = text.replace("\r\n", "\n")
        newline = "\r\n" if crlf * 2 >= text_lf.count("\n") and crlf else ("\r" if "\n" not in text else "\n")
        text = text_lf.replace("\r", "\n")
    return SourceFile(path, text, newline, bom)


def _may_name_file(source: SourceFile, placed: ast.PlacedSection) -> bool:
    """Whether the word `file` stands in a section: few have it, and looking through all of them takes long."""
    section = placed.section
    end = max(section.header_span.end, section.lines[-1].span.end if section.lines else 0)
    return source.text.find("file", placed.start, placed.start + end) >= 0 or any(
        isinstance(line, ast.ForEachRow) for line in section.lines
    )


def _file_texts(section: ast.Section) -> Iterator[ast.FileText]:
    """Every `file "…"` of a section."""
    if isinstance(section.header, ast.Import):
        return
    for placed in (section.header, *section.lines):
        yield from _find(placed)


def _find(node: Any) -> Iterator[ast.FileText]:
    if isinstance(node, ast.FileText):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _find(item)
    elif is_dataclass(node):
        for one in fields(node):
            value = getattr(node, one.name)
            if isinstance(value, tuple) or is_dataclass(value):
                yield from _find(value)
