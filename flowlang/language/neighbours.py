"""What the parts of the check ask of each other: a step of its flow, a flow of its file."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from ..diagnostics.source import Span
from . import ast
from .book import Declared, FileBook, FlowBook, Here, Reports
from .checked import CheckedTool, Parameter
from .loader import LoadedFile
from .lookup import Names
from .type_names import TypeNames
from .typed import Typer
from .types import Type

Reads = dict[str, tuple[Here, Span]]  # names that are read, with the first place of each
Parameters = Mapping[str, Parameter]


class File(Protocol):
    """One file: what serves every flow of it."""

    @property
    def loaded(self) -> LoadedFile: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def book(self) -> FileBook: ...
    @property
    def types(self) -> TypeNames: ...
    @property
    def flows(self) -> "Mapping[str, Flow]": ...
    @property
    def imports(self) -> "Mapping[str, File]": ...

    def find_flow(self, word: ast.Word, here: Here) -> "Flow | None":
        """The flow that `run:` names; what is not there is told."""

    def find_tool(self, word: ast.Word, here: Here) -> CheckedTool | None:
        """The tool that a word names; what is not there is told."""


class Around(Names, Protocol):
    """The flow around a step, as that asks it: its names, and what it takes."""

    @property
    def file(self) -> File: ...

    def find_step(self, name: ast.Name, here: Here) -> "Step | None":
        """The step of that name; what is none is told."""

    def preset(self, word: ast.Word, here: Here, typer: Typer) -> Parameters | None:
        """The parameters of the preset that a word names; None if it names a model."""

    def fallback_of(self, parameters: Parameters) -> tuple[Parameters, ...]:
        """The fallback of the preset whose parameters these are."""

    def wait(self, step: str, target: str, here: Here, span: Span) -> None:
        """Notes that a step waits for another without reading it."""

    def wanted_inputs(self) -> dict[str, tuple[Type, bool]]:
        """The inputs: type, and whether they can be left out."""


class Flow(Around, Protocol):
    """One flow: its names, and what it takes and gives."""

    @property
    def book(self) -> FlowBook: ...

    @property
    def outputs_type(self) -> Type:
        """The type of a step that runs this flow."""

    def outputs(self) -> Iterator[tuple[str, ast.Value, Type, Reads]]:
        """Each output's name, value, type and what it reads."""

    def check_nothing_below(self, declared: Declared) -> None:
        """Tells of lines below what is one line."""


class Step(Protocol):
    """One step, as others see it."""

    @property
    def name(self) -> ast.Name: ...
    @property
    def kind(self) -> str: ...
    @property
    def answer_type(self) -> Type: ...
    @property
    def repeats(self) -> bool: ...
    @property
    def target(self) -> "Flow | None": ...

    def setting(self, key: str) -> ast.Setting | None:
        """The setting of that name."""
