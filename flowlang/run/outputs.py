"""What a run gives back: the text or JSON on standard output, and the flow's own files.

A file is old or new, never half: it is written beside its place, flushed to the disk and moved there. Folders are
opened one by one without following links, the output folder too, so that nothing is ever written outside of it.
"""

import csv
import errno
import os
import secrets
import stat
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

from ..language import types
from ..language.checked import CheckedOutput
from ..language.types import Type
from ..language.values import EMPTY, Document, Record, Value, bare
from ..language.writing import as_text, json_text
from .below import BY_HANDLE, link_on, open_folder
from .files import FileMistake
from .outcome import Done, Outcome

FORMULA_SIGNS = ("=", "+", "-", "@")  # a spreadsheet may run what begins with one of them


def check_out_dir(folder: Path) -> FileMistake | None:
    """What stands in the way of writing files below the folder; None if nothing does. It leaves nothing behind."""
    existing = folder
    try:
        if "\0" in str(folder):
            raise ValueError
        if (link := link_on(folder)) is not None:
            return FileMistake(
                f"`{link}` is a link, and outputs are written through no link",
                "choose another folder with --out",
                rule="not-allowed",
            )
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            what = "is a file" if existing.exists() else "leads nowhere"
            return FileMistake(f"`{existing}` {what}, and a folder is needed for outputs", "choose another with --out")
        # Only trying tells: rights say little of a read-only disk or of folders that are no real ones.
        Path(tempfile.mkdtemp(prefix=".flowlang-", dir=existing)).rmdir()
    except PermissionError:
        return FileMistake(f"nothing can be written in the folder `{existing}`", "choose another with --out")
    except (OSError, ValueError):
        return FileMistake(f"`{folder}` cannot be a folder for outputs", "choose another with --out")
    return None


def shown(outputs: Mapping[str, Outcome], as_json: bool = False) -> str:
    """What goes to standard output: the text of a single text output, else one JSON object with a key per output.

    What was skipped or failed is null, and no text.
    """
    values = {name: outcome.value if isinstance(outcome, Done) else EMPTY for name, outcome in outputs.items()}
    if len(values) == 1 and not as_json:
        only = bare(next(iter(values.values())))
        if isinstance(only, str | Document):
            return _ended(as_text(only))
    return json_text(values, memory=True) + "\n"


def write_outputs(outputs: Sequence[CheckedOutput], outcomes: Mapping[str, Outcome], folder: Path) -> tuple[str, ...]:
    """Writes the outputs that are files below the folder; returns their paths there. Raises FileMistake."""
    written: list[str] = []
    for output in outputs:
        outcome = outcomes.get(output.name)
        if output.path and isinstance(outcome, Done) and bare(outcome.value) is not EMPTY:
            for path, text in _files_of(output, outcome.value):
                write_below(folder, path, text)
                written.append(path)
    return tuple(written)


def _files_of(output: CheckedOutput, value: Value) -> Iterator[tuple[str, str]]:
    """The files of an output: where below the output folder, and their text."""
    if not output.path.endswith("/"):
        yield output.path, file_text(output.path, output.name, value, _columns_of(output.type))
        return
    found = bare(value)
    items = found if isinstance(found, tuple) else (found,)
    digits = max(3, len(str(len(items))))
    for place, item in enumerate(items, 1):
        yield f"{output.path}{place:0{digits}}.md", _ended(as_text(item))


def _columns_of(kind: Type) -> tuple[str, ...]:
    """The columns that a CSV file has whatever the rows are: the fields of the record."""
    inner = types.bare(kind)
    item = types.bare(inner.item) if isinstance(inner, types.ListOf) else inner
    return tuple(one.name for one in item.fields) if isinstance(item, types.RecordType) else ()


def file_text(path: str, name: str, value: Value, columns: tuple[str, ...] = ()) -> str:
    """A value as the text of a file; the path's ending says in which form. `columns` come first in a `.csv`."""
    found = bare(value)
    match path.rpartition(".")[2].lower():
        case "json":
            return json_text(value, memory=True) + "\n"
        case "jsonl":
            items = found if isinstance(found, tuple) else (value,)
            return "".join(json_text(item, indent=None, memory=True) + "\n" for item in items)
        case "csv":
            return _csv(name, found if isinstance(found, tuple) else (found,), columns)
        case _:
            return _ended(as_text(value))


def _csv(name: str, items: tuple[Value, ...], first: tuple[str, ...]) -> str:
    """A row per item; its fields are the columns, or the output's name for plain values. Memory is not written."""
    records: list[Record] = []
    for item in map(bare, items):
        records.append(item if isinstance(item, Mapping) else {name: item})
    columns = list(dict.fromkeys((*first, *(column for record in records for column in record)))) or [name]
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_harmless(column) for column in columns])
    for record in records:
        writer.writerow([_cell(record.get(column, EMPTY)) for column in columns])
    return text.getvalue()


def _cell(value: Value) -> str:
    """A plain value as it looks in text; a list or record as JSON, so that nothing is lost."""
    found = bare(value)
    if isinstance(found, Mapping | tuple):
        return json_text(found, indent=None)
    return _harmless(found) if isinstance(found, str) else as_text(found)


def _harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula, also if it drops what nobody sees at the beginning."""
    if text[:1] in ("\t", "\r"):
        return "'" + text
    for sign in text:
        if unicodedata.category(sign) not in _UNSEEN:
            # Full-width and small forms of a sign are as good as the sign.
            return "'" + text if unicodedata.normalize("NFKC", sign).startswith(FORMULA_SIGNS) else text
    return text


_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")  # controls, marks without a shape, blanks


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


# ── Files ──


def write_below(folder: Path, path: str, text: str) -> None:
    """Writes a text to `path` below the folder, all of it or nothing. Raises FileMistake."""
    *folders, name = path.split("/")
    if any(not is_safe(part) for part in (*folders, name)):
        raise FileMistake(f"an output cannot be written to `{path}`", "its path must stay below the output folder")
    data = text.encode("utf-8", errors="replace")
    try:
        if BY_HANDLE:
            with _opened(folder, folders) as inside:
                _replace(inside, name, data)
        else:
            _replace_by_path(folder, folders, name, data)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            message = f"`{folder / path}` cannot be written: a folder on the way is a link"
            raise FileMistake(message, "choose another folder with --out", rule="not-allowed") from None
        reason = (problem.strerror or "unknown reason").lower()
        message = f"`{folder / path}` cannot be written: {reason}"
        raise FileMistake(message, "choose another folder with --out") from None


def is_safe(part: str) -> bool:
    """Whether a file or folder of this name may be written."""
    return bool(part) and not part.startswith((".", "~")) and not any(sign in part for sign in "\\:\0")


@contextmanager
def _opened(root: Path, folders: Sequence[str]) -> Iterator[int]:
    """The folder below `root`, created where it is missing."""
    inside = open_folder(root, folders, make=True)
    try:
        yield inside
    finally:
        os.close(inside)


def _replace(inside: int, name: str, data: bytes) -> None:
    """The file `name` with new content; one that is a link is replaced, never followed."""
    with suppress(FileNotFoundError):
        _refuse_device(os.stat(name, dir_fd=inside, follow_symlinks=False).st_mode)
    draft = f".{secrets.token_hex(8)}.part"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=inside)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=inside, dst_dir_fd=inside)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=inside)
        raise
    os.fsync(inside)


def _refuse_device(mode: int) -> None:
    """Raises OSError where something stands that is neither a file nor a link nor a folder."""
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "a device or a pipe stands there")


def _replace_by_path(root: Path, folders: Sequence[str], name: str, data: bytes) -> None:
    """The same where the system opens no file relative to a folder: the folder is looked at, then used."""
    folder = root.joinpath(*folders)
    if link_on(root, folders) is not None:
        raise OSError(errno.ELOOP, "a folder on the way is a link")
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        _refuse_device((folder / name).lstat().st_mode)
    draft = folder / f".{secrets.token_hex(8)}.part"
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / name)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
