"""Checks an `output`: where its value is written, whether that file can hold it, and whether it may be skipped."""

from . import ast, types
from .book import Declared, Reports
from .matching import in_words, plain_text
from .neighbours import Flow
from .types import Type, Unknown, bare


def check_path(declared: Declared, kind: Type, taken: dict[str, Declared], reports: Reports) -> str:
    """The path that an output is written to; empty if there is none. `taken` are those of other outputs."""
    header = declared.section.header
    assert isinstance(header, ast.Output)
    if header.path is None:
        return ""
    path, span, here = plain_text(header.path), header.path.span, declared.here
    if (why := _path_mistake(path)) is not None:
        rule, message = why
        reports.add(here, rule, message, span, 'write a plain path like `to "brief.md"`')
        return ""
    if (other := taken.setdefault(path.casefold(), declared)) is not declared:
        message = f"another output is written to `{path}` already"
        reports.add(here, "duplicate-name", message, span, f"it stands on line {other.line()}")
        return ""
    if (problem := _form_mistake(kind, path)) is not None:
        message, hint = problem
        reports.add(here, "wrong-type", message, span, hint)
        return ""
    return path


def warn_if_skipped(flow: Flow, declared: Declared, value: ast.Value, reports: Reports) -> None:
    """Warns of an output of a step with a `when`: it is `null` where that does not hold."""
    header = declared.section.header
    if not isinstance(value, ast.Ref) or not isinstance(header, ast.Output):
        return
    name = value.parts[0].text
    step = flow.book.names.get(name)
    if step is None or not isinstance(step.section.header, ast.Step):
        return
    lines = step.section.lines
    kinds = {type(line) for line in lines}
    if ast.When in kinds and ast.RepeatEach not in kinds:
        span = header.value.span if header.value is not None else header.name.span
        message = f"`{name}` runs only when its condition holds, so this output may be empty"
        hint = f'say what stands in for it: `output {header.name.text}: {name} | default "…"`'
        reports.add(declared.here, "may-be-skipped", message, span, hint, severity="warning")


def _path_mistake(path: str) -> tuple[str, str] | None:
    """Rule and message for a path that can't be; None if it can."""
    shown = f"`{path}`"
    if not path.strip():
        return "wrong-value", "an output's file needs a name"
    if path.startswith(("/", "\\", "~")) or path[1:2] == ":":
        return "not-allowed", f"{shown} is no path below the output folder"
    if "{{" in path:
        return "wrong-value", f"{shown} would be the file's name as it stands: nothing is filled in here"
    if "\\" in path or any(ord(c) < 32 or ord(c) == 127 for c in path):
        return "wrong-value", f"{shown} has a character that no file's name should have"
    parts = path.removesuffix("/").split("/")
    if ".." in parts:
        return "not-allowed", f"{shown} leads out of the output folder"
    if parts[0] == ".":
        return "wrong-value", "an output's file is named by its path below the output folder, without `./`"
    if any(part.startswith(".") for part in parts):
        return "not-allowed", f"{shown} is a hidden file or folder"
    if any(not part.strip() for part in parts):
        return "wrong-value", f"{shown} has an empty part"
    if any(len(part.encode()) > 255 for part in parts):
        return "wrong-value", "this file's name is too long"
    return None


def _form_mistake(kind: Type, path: str) -> tuple[str, str] | None:
    """Message and hint for a value that can't be written as its path asks; None if it can."""
    inner = bare(kind)
    if isinstance(inner, types.JsonType | Unknown):
        return None
    if path.endswith("/"):
        if isinstance(inner, types.ListOf):
            return None
        message = f"`{path}` gets a file for each item, and this is {in_words(kind)}"
        return message, f'write it to one file: `to "{path.removesuffix("/")}.md"`'
    if path.endswith(".csv") and not _makes_csv(inner):
        return f"`{path}` holds plain fields, and this is {in_words(kind)}", "write it to a `.json` file"
    return None


def _makes_csv(kind: Type) -> bool:
    """Whether this is a record, or a list of plain values or of records, with plain fields."""
    item = bare(kind.item) if isinstance(kind, types.ListOf) else kind
    if isinstance(item, types.RecordType):
        return not any(isinstance(bare(one.type), types.ListOf | types.RecordType) for one in item.fields)
    return isinstance(kind, types.ListOf) and not isinstance(item, types.ListOf | types.MediaType)
