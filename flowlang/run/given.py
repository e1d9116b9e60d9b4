"""What was given for one input, as a value of its type: a flag's texts, a value of a JSON file, standard input."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..language.reading import read_json
from ..language.types import (
    TABLE,
    DocumentType,
    JsonType,
    ListOf,
    MediaType,
    Optional,
    RecordType,
    SecretType,
    TextType,
    Type,
    spelled,
)
from ..language.values import Document, Value, ValueMistake, kind_of
from .confined import Confined
from .documents import MOST_DOCUMENT_BYTES, document_of
from .fetched import Fetch, Fetched, as_utf8, document_at, is_json, is_json_lines, read_address, refuse_addresses
from .files import FileMistake, decoded, files_of, in_megabytes, read_bytes, without_last_break
from .fitting import Misfit, fitted
from .media import MOST_MEDIA_BYTES, media_of
from .tables import MOST_TABLE_BYTES, Rows, fit_rows, read_rows, rows_of_json

MOST_TEXT_BYTES = 50_000_000
MOST_ITEMS = 10_000  # files or values of one list input

Stdin = Callable[[], bytes]  # read when it is needed, and only then


class GivenValues:
    """Reads what was given. Raises FileMistake, Misfit and ValueMistake. Standard input can be taken once.

    `confined_to`: where the names of files come from data, the folder in which they must stay.
    """

    def __init__(
        self, stdin: Stdin | None, fetch: Fetch = refuse_addresses, confined_to: Confined | None = None
    ) -> None:
        self.stdin = stdin
        self.fetch = fetch
        self.confined_to = confined_to
        self.stdin_is_read = False

    def from_data(self, confined_to: Confined) -> "GivenValues":
        """The same for what stands in data, which names no files elsewhere and takes no standard input."""
        return GivenValues(None, self.fetch, confined_to)

    # Each file is found and opened here, and nowhere else.

    def files(self, name: str, base: Path) -> list[Path]:
        """The files that a name stands for: a folder, a pattern or a file."""
        if self.confined_to is not None:
            self.confined_to.check(base / name)
        return files_of(name, base)

    def bytes_of(self, path: Path, most_bytes: int, kind: str = "file") -> bytes:
        if self.confined_to is not None:
            return self.confined_to.read(path, most_bytes, kind)
        return read_bytes(path, most_bytes, kind)

    def is_there(self, base: Path, text: str) -> bool:
        """Whether a text is the name of a file, so that an `@` was probably forgotten."""
        return _is_there(base, text) and (self.confined_to is None or self.confined_to.holds(base / text))

    def text_of(self, path: Path) -> str:
        return decoded(self.bytes_of(path, MOST_TEXT_BYTES), str(path))

    def from_stdin(self) -> bytes:
        if self.confined_to is not None:
            raise self.confined_to.refused("-", "stands for standard input, which is not read for what stands in data")
        if self.stdin is None:
            raise FileMistake("nothing is piped in", "pipe a file in, or give `@FILE`")
        if self.stdin_is_read:
            raise FileMistake("standard input can be read only once", "give one of the inputs as `@FILE`")
        self.stdin_is_read = True
        data = self.stdin()
        if len(data) > MOST_TEXT_BYTES:
            raise FileMistake(f"more than {in_megabytes(MOST_TEXT_BYTES)} were piped in", "give a smaller text")
        return data

    def value_of_flags(self, texts: Sequence[str], of: Type, base: Path) -> Value:
        match of:
            case Optional():
                return self.value_of_flags(texts, of.item, base)
            case ListOf(item=RecordType() as record):
                return _bounded(
                    tuple([row for text in texts for row in _rows_as(self.rows(text, base), of, record)]), of
                )
            case ListOf():
                items = [item for text in texts for item in self.items(text, of.item, base, alone=len(texts) == 1)]
                if len(items) > MOST_ITEMS:
                    raise Misfit(f"has {len(items):,} items, a list may have {MOST_ITEMS:,}")
                return fitted(tuple(items), of)
            case _:
                if len(texts) != 1:
                    raise Misfit(f"is given {len(texts)} times, and takes one value")
                return self.value_of_text(texts[0], of, base)

    def items(self, text: str, of: Type, base: Path, alone: bool) -> Sequence[Value]:
        """The items of a list that one flag brings."""
        if alone and text.lstrip().startswith("["):
            try:
                found = read_json(text)
            except ValueMistake:
                if not isinstance(of, TextType):
                    raise
            else:
                return self.items_of_data(found, of, base)
        if not _names_files(text):
            if _is_file_type(of) or isinstance(of, RecordType | JsonType | SecretType) or text == "-":
                return [self.value_of_text(text, of, base)]
            return [text[1:] if text.startswith("@@") else text]
        if _is_address(text):
            return self.items_of_address(text, of, base)
        found_files = self.files(_file_name(text), base)
        if len(found_files) > MOST_ITEMS:
            raise FileMistake(f"`{text[1:]}` stands for {len(found_files):,} files, a list may have {MOST_ITEMS:,}")
        items: list[Value] = []
        for path in found_files:
            ending = path.suffix.lower()
            if not _is_file_type(of) and ending == ".json":
                items += self.items_of_data(read_json(self.text_of(path)), of, path.parent)
            elif not _is_file_type(of) and ending in (".jsonl", ".ndjson"):
                items += [read_json(line) for line in self.text_of(path).split("\n") if line.strip()]
            else:
                items.append(self._one_of_files(path, of, text, base))
        return items

    def _one_of_files(self, path: Path, of: Type, text: str, base: Path) -> Value:
        """The value of a file; where a whole folder was given, it is told how to give only some of it."""
        try:
            return self.value_of_file(path, of)
        except FileMistake as mistake:
            if not _is_file_type(of) or not _is_folder(base / _file_name(text)):
                raise
            ending = {"image": "png", "audio": "mp3"}.get(of.kind, "") if isinstance(of, MediaType) else "pdf"
            hint = f"only some files of a folder: `{text.rstrip('/')}/*.{ending}`"
            raise FileMistake(mistake.message, *mistake.hints, hint, rule=mistake.rule) from None

    def value_of_text(self, text: str, of: Type, base: Path) -> Value:
        """The value that a text on the command line gives."""
        if text == "-":
            return self.value_of_stdin(self.from_stdin(), of)
        if _is_address(text):
            return self.value_of_address(text, of)
        if _names_files(text):
            name = _file_name(text)
            paths = [base / name] if _is_folder(base / name) else self.files(name, base)
            if len(paths) != 1:
                raise FileMistake(f"`{name}` stands for {len(paths)} files, and one is needed")
            try:
                return self.value_of_file(paths[0], of)
            except FileMistake as mistake:
                if mistake.rule == "not-found" and isinstance(of, TextType):
                    hints = (*mistake.hints, f"a text that begins with `@` is written `@{text[:40]}`")
                    raise FileMistake(mistake.message, *hints, rule=mistake.rule) from None
                raise
        if text.startswith("@@"):
            text = text[1:]
        match of:
            case MediaType():
                raise Misfit("needs a file: put `@` before its name")
            case DocumentType():
                if self.is_there(base, text) or (_is_address("@" + text) and len(text.split()) == 1):
                    what = "there is a file of that name" if self.is_there(base, text) else "that is an address"
                    raise Misfit(f"is given the text `{text}`, and {what}: write `@{text}`")
                return Document(text)
            case JsonType() | RecordType():
                return fitted(read_json(text), of)
            case _:
                return fitted(text, of)

    def value_of_file(self, path: Path, of: Type) -> Value:
        match of:
            case DocumentType():
                return document_of(self.bytes_of(path, MOST_DOCUMENT_BYTES, "document"), path.name)
            case MediaType():
                kind = "image" if of.kind == "image" else "recording"
                return media_of(self.bytes_of(path, MOST_MEDIA_BYTES, kind), path.name, of.kind)
            case _:
                return _value_of_whole(self.text_of(path), of)

    def value_of_stdin(self, data: bytes, of: Type) -> Value:
        match of:
            case DocumentType():
                found = document_of(data, "standard input")
                return Document(found.text, "", found.pages if data.startswith(b"%PDF") else ())
            case MediaType():
                return media_of(data, "standard input", of.kind)
            case JsonType() | RecordType():
                return fitted(read_json(decoded(data, "standard input")), of)
            case ListOf(item=RecordType() as record):
                return _bounded(_rows_as(read_rows(data, "standard input"), of, record), of)
            case _:
                return fitted(without_last_break(decoded(data, "standard input")), of)

    def rows(self, text: str, base: Path) -> Rows:
        if text == "-":
            return read_rows(self.from_stdin(), "standard input")
        if not _names_files(text):
            if text.lstrip()[:1] in ("[", "{"):
                return rows_of_json(read_json(text), "the list")
            raise Misfit(
                "needs a file: put `@` before its name" if self.is_there(base, text) else "needs a file: `@FILE`"
            )
        if _is_address(text):
            found = self.fetched(text, MOST_TABLE_BYTES)
            return read_rows(as_utf8(found), found.name)
        name = _file_name(text)
        paths = self.files(name, base)
        tables = [read_rows(self.bytes_of(path, MOST_TABLE_BYTES, "table"), path.name) for path in paths]
        if len(tables) == 1:
            return tables[0]
        raise FileMistake(f"`{name}` stands for {len(tables)} files", "give the flag once for each table")

    # ── A cell of a table ──

    def value_of_cell(self, cell: str, of: Type, folder: Path) -> Value:
        """The value that a cell spells. A text is what stands there; files are named from the table's own folder."""
        is_json = cell.lstrip()[:1] in ("[", "{")
        match of:
            case Optional():
                return self.value_of_cell(cell, of.item, folder)
            case DocumentType() | MediaType():
                return self.value_of_text(_as_name(cell), of, folder)
            case ListOf(item=DocumentType() | MediaType()):
                names = read_json(cell) if is_json else (cell,)
                if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                    raise Misfit("must be a list of names of files")
                found = [self.items(_as_name(str(name)), of.item, folder, alone=False) for name in names]
                return fitted(tuple([item for items in found for item in items]), of)
            case ListOf(item=RecordType() as record):
                text = cell if is_json else _as_name(cell)
                return _bounded(_rows_as(self.rows(text, folder), of, record), of)
            case ListOf():
                return fitted(_items_of_cell(cell, of.item), of)
            case JsonType() | RecordType():
                return fitted(read_json(cell), of)
            case _:
                return fitted(cell, of)

    # ── A web address ──

    def fetched(self, text: str, most_bytes: int) -> Fetched:
        return read_address(text[1:], self.fetch, most_bytes)

    def value_of_address(self, text: str, of: Type) -> Value:
        match of:
            case DocumentType():
                return document_at(self.fetched(text, MOST_DOCUMENT_BYTES))
            case MediaType():
                found = self.fetched(text, MOST_MEDIA_BYTES)
                return media_of(found.data, found.name, of.kind)
            case _:
                return _value_of_whole(_text_at(self.fetched(text, MOST_TEXT_BYTES)), of)

    def items_of_address(self, text: str, of: Type, base: Path) -> Sequence[Value]:
        """The items of a list: those of a JSON list, or the one that stands at the address."""
        if _is_file_type(of):
            return [self.value_of_address(text, of)]
        found = self.fetched(text, MOST_TEXT_BYTES)
        if is_json(found):
            return self.items_of_data(read_json(_text_at(found)), of, base)
        if is_json_lines(found):
            return [read_json(line) for line in _text_at(found).split("\n") if line.strip()]
        return [_value_of_whole(_text_at(found), of)]

    # ── A JSON file of values ──

    def value_of_data(self, value: Value, of: Type, base: Path) -> Value:
        match of:
            case Optional():
                return self.value_of_data(value, of.item, base)
            case ListOf(item=RecordType() as record):
                if isinstance(value, str):
                    return self.value_of_flags([value], of, base)
                return _bounded(_rows_as(rows_of_json(value, "the list"), of, record), of)
            case ListOf():
                items = self.items_of_data(value, of.item, base)
                return fitted(tuple(items), of)
            case DocumentType() | MediaType() if isinstance(value, str):
                return self.value_of_text("@" + value if value == "-" else value, of, base)
            case _:
                return fitted(value, of)

    def items_of_data(self, value: Value, of: Type, base: Path) -> Sequence[Value]:
        if isinstance(value, str) and _is_file_type(of):
            return self.items(value, of, base, alone=True)
        if not isinstance(value, tuple):
            raise Misfit(f"must be a list of {spelled(of)}, not {kind_of(value)}")
        if _is_file_type(of):
            return [
                found
                for item in value
                for found in (self.items(item, of, base, alone=False) if isinstance(item, str) else [item])
            ]
        return value


def _items_of_cell(cell: str, of: Type) -> Value:
    """The items of a list that is written as JSON; any other text is its only item."""
    if cell.lstrip().startswith("["):
        try:
            return read_json(cell)
        except ValueMistake:
            if not isinstance(of, TextType):
                raise
    return (cell,)


def _as_name(cell: str) -> str:
    """The name of a file that stands in a cell, with or without `@`, as a flag would have it."""
    return "@" + cell.strip().removeprefix("@")


def _rows_as(rows: Rows, of: ListOf, record: RecordType) -> tuple[Value, ...]:
    return rows.records() if of == TABLE else fit_rows(rows, record)


def _bounded(items: tuple[Value, ...], of: ListOf) -> Value:
    """The rows, if there are as many as the type allows."""
    fitted(tuple([""] * len(items)), ListOf(JsonType(), of.low, of.high))
    return items


def _value_of_whole(text: str, of: Type) -> Value:
    """The value that the whole text of a file gives."""
    match of:
        case JsonType() | RecordType():
            return fitted(read_json(text), of)
        case TextType() | SecretType():
            return fitted(without_last_break(text), of)
        case _:
            return fitted(text.strip(), of)


def _text_at(found: Fetched) -> str:
    return decoded(as_utf8(found), found.name)


def _names_files(text: str) -> bool:
    return text.startswith("@") and not text.startswith("@@")


def _file_name(text: str) -> str:
    name = text[1:]
    if not name:
        raise FileMistake("`@` must be followed by a file's name", "a text that is only `@` is written `@@`")
    return name


def _is_address(text: str) -> bool:
    return text[:9].lower().startswith(("@https://", "@http://"))


def _is_there(base: Path, text: str) -> bool:
    if not text or len(text) > 255 or "\n" in text or "\0" in text:
        return False
    try:
        return (base / text).is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file_type(of: Type) -> bool:
    return isinstance(of, DocumentType | MediaType)
