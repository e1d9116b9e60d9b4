"""Checks what a step asks its model with: its own settings, its preset's, and those of its fallbacks."""

from decimal import Decimal

from . import ast
from .book import Here
from .check_settings import SettingReader
from .checked import Parameter
from .lookup import refs_of
from .neighbours import Around, Parameters
from .settings import SETTINGS
from .typed import Typer


def is_parameter(line: ast.Line) -> bool:
    """Whether a step's line says what its model is asked with."""
    if isinstance(line, ast.Setting):
        return SETTINGS[("step", line.key.text)].parameter
    return isinstance(line, ast.Extra)


class ParameterCheck:
    """The parameters of one step."""

    def __init__(self, flow: Around, here: Here, typer: Typer, reader: SettingReader) -> None:
        self._flow = flow
        self._here = here
        self._typer = typer
        self._reader = reader

    def check(self, lines: list[ast.Line]) -> tuple[Parameters, tuple[Parameters, ...]]:
        """What the step asks with, its preset's included; and what it asks with instead, in order.

        `lines` are those that say so.
        """
        merged: dict[str, Parameter] = {}
        own: dict[str, Parameter] = {}
        fallback: list[Parameters] = []
        for line in lines:
            if isinstance(line, ast.Extra):
                own[f"extra.{line.name.text}"] = self._extra(line)
            if not isinstance(line, ast.Setting):
                continue
            row = SETTINGS[("step", line.key.text)]
            if row.takes == "model":
                item = self._reader.only(line, row)
                merged.update((item and self.model(item, "model")) or {})
            elif row.takes == "models":
                fallback = [found for item in line.items if (found := self.model(item, "fallback"))]
            elif (parameter := self._reader.read(line, row)) is not None:
                own[line.key.text] = parameter
        asked = {**merged, **own}
        otherwise = tuple(fallback) or self._flow.fallback_of(merged)
        for parameters in (asked, *otherwise):
            self.read_slots(parameters)
        return asked, otherwise

    def read_slots(self, parameters: Parameters) -> None:
        """Notes what the parameters that are really sent fill in: a preset's may be overruled by the step's own."""
        for parameter in parameters.values():
            if isinstance(parameter.value, ast.Ref | ast.Piped):
                for ref in refs_of(parameter.value):
                    if self._flow.declared(ref.parts[0].text) is not None:
                        place = Here(parameter.place.source, 0), parameter.place.span
                        self._typer.look.reads.setdefault(ref.parts[0].text, place)

    def model(self, item: ast.Item, key: str) -> Parameters | None:
        """The parameters that a preset's name or a model id brings; None if it is neither, which is told."""
        if isinstance(item, ast.Word) and item.text:
            preset = self._flow.preset(item, self._here, self._typer)
            if preset is not None:
                return preset
        return self._reader.model(item, key)

    def _extra(self, line: ast.Extra) -> Parameter:
        values: list[str | Decimal] = []
        for item in line.items:
            match item:
                case ast.Word(text):
                    values.append(text)
                case ast.Number(number):
                    values.append(number)
                case ast.Text():
                    values.append("".join(part for part in item.parts if isinstance(part, str)))
                case ast.Slot(value):
                    resolved, _ = self._typer.value(value)
                    return Parameter(resolved, self._reader.place(item.span))
                case _:
                    message = f"`{line.name.text}` takes a word, a number or a text in quotes"
                    self._flow.reports.add(self._here, "wrong-value", message, item.span)
        only = values[0] if len(values) == 1 else tuple(values)
        if only in ("yes", "no") and isinstance(line.items[0], ast.Word):
            only = only == "yes"  # type: ignore[assignment]
        return Parameter(only, self._reader.place(line.span))
