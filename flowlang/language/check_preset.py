"""Checks presets, and finds the parameters that a preset's name or a model id brings."""

from decimal import Decimal

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast
from .book import Declared, Here
from .check_settings import SettingReader, check_lines
from .checked import Parameter
from .matching import plain_text
from .neighbours import File, Parameters
from .settings import SETTINGS
from .typed import Typer


class Presets:
    """The presets of a file, as one flow reads them: what stands in braces is looked up in that flow."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._found: dict[tuple[str, int], tuple[dict[str, Parameter], tuple[Parameters, ...]]] = {}

    def find(self, word: ast.Word, typer: Typer, within: File | None = None) -> Parameters | None:
        """The parameters of the preset that a word names, `within` a file; None if it names a model."""
        file = within or self._file
        alias, dot, name = word.text.partition(".")
        declared = file.book.presets.get(word.text)
        if declared is None and dot and alias in file.book.imports:
            if alias not in file.imports:
                return {}  # the file could not be read, which was told
            file = file.imports[alias]
            theirs = file.book.presets
            declared = theirs.get(name)
            if declared is None:
                near = nearest(name, list(theirs))
                hints = (f"did you mean `{alias}.{near}`?",) if near else ()
                span = Span(word.span.start + len(alias) + 1, word.span.end)
                typer.tell("unknown-name", f"`{alias}` has no preset called `{name}`", span, *hints)
                return {}
        if declared is None:
            self._warn_of_model(word, file, typer.look.here)
            return None
        return self._read(declared, file, typer)[0]

    def fallback_of(self, parameters: Parameters) -> tuple[Parameters, ...]:
        """The fallback of the preset whose parameters these are."""
        for own, fallback in self._found.values():
            if fallback and own and own.items() <= parameters.items():
                return fallback
        return ()

    def check(self, typer: Typer) -> None:
        """Looks at every preset of the file, also at those that no step uses."""
        for declared in self._file.book.all_presets:
            if not declared.section.unclosed:
                self._read(declared, self._file, typer)

    def _read(
        self, declared: Declared, file: File, asking: Typer
    ) -> tuple[dict[str, Parameter], tuple[Parameters, ...]]:
        key = file.loaded.path, declared.here.start
        if key not in self._found:
            typer = Typer.at(asking.look.names, declared.here)
            parameters: dict[str, Parameter] = {}
            fallback: list[Parameters] = []
            self._found[key] = parameters, ()  # one that falls back to itself brings nothing
            reports, section = asking.look.names.reports, declared.section
            if not section.lines and not section.broken:
                message = f"the preset `{declared.name.text}` is empty"
                hint = "for example `model: gemini-3-flash`, `temperature: 0.2`"
                reports.add(declared.here, "missing-setting", message, declared.name.span, hint)
            for line in check_lines(section, "preset", declared.here, reports):
                if isinstance(line, ast.Extra):
                    values = tuple(_plain(item) for item in line.items)
                    value = values[0] if len(values) == 1 else values
                    parameters[f"extra.{line.name.text}"] = Parameter(value, SettingReader(typer).place(line.span))
                elif isinstance(line, ast.Setting):
                    parameters.update(self._setting(line, file, typer, fallback))
            self._found[key] = parameters, tuple(fallback)
        return self._found[key]

    def _setting(self, line: ast.Setting, file: File, typer: Typer, fallback: list[Parameters]) -> Parameters:
        row, reader = SETTINGS[("preset", line.key.text)], SettingReader(typer)
        if row.takes == "model":
            item = reader.only(line, row)
            if isinstance(item, ast.Word) and item.text in file.book.presets:
                message = "a preset's `model:` is a model id, not another preset"
                typer.tell("wrong-value", message, item.span, "write the model that it names")
                return {}
            return {} if item is None else reader.model(item, "model") or {}
        if row.takes == "models":
            for item in line.items:
                found = self.find(item, typer, file) if isinstance(item, ast.Word) and item.text else None
                found = reader.model(item, "fallback") if found is None else found
                if found:
                    fallback.append(found)
            return {}
        parameter = reader.read(line, row)
        return {} if parameter is None else {line.key.text: parameter}

    def _warn_of_model(self, word: ast.Word, file: File, here: Here) -> None:
        near = nearest(word.text, list(file.book.presets))
        if near is not None and "/" not in word.text:
            told = file.book.presets[near]
            message = f"`{word.text}` is no preset of this file, so it is taken for a model"
            hint = f"did you mean `{near}`? {told.told()}"
            file.reports.add(here, "unknown-model", message, word.span, hint, severity="warning")


def _plain(item: ast.Item) -> str | Decimal:
    match item:
        case ast.Word(text):
            return text
        case ast.Number(number):
            return str(number)
        case ast.Text():
            return plain_text(item)
    return ""
