"""A flow in which every name is resolved and every type is known: what planning and running read.

Texts are complete here: snippets are pasted in, `file "…"` is read, a bare choice has become a text.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from typing import NamedTuple

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..record import record
from . import ast
from .types import Type
from .values import Value


class Place(NamedTuple):
    """Where something stands; the span is absolute in `source`."""

    source: SourceFile
    span: Span


@record
class CheckedInput:
    name: str
    type: Type  # without `optional`
    optional: bool
    default: ast.Atom | None  # a choice has become a text, a file its text
    description: str
    place: Place

    @property
    def required(self) -> bool:
        return self.default is None and not self.optional


@record
class Parameter:
    """A setting's value. `value` is plain data, or a reference in braces that is filled in when the step runs."""

    value: "str | Decimal | bool | tuple[str | Decimal, ...] | ast.Value"
    place: Place


@record
class CheckedPreset:
    """`model` names a model, never a preset. Parameters are keyed by setting name."""

    name: str
    parameters: Mapping[str, Parameter]


@record
class Message:
    """One message of a prompt step, before it is filled in."""

    role: str  # "system", "user" or "assistant"
    text: ast.Text
    place: Place


@record
class Ensured:
    """A rule that the answer must keep: a condition, or a text that a model judges."""

    rule: ast.Condition | ast.Text
    judged: bool
    using: Mapping[str, Parameter]  # parameters of the judge's model; empty: the step's own
    words: str  # the rule as it stands in the flow
    place: Place


@record
class Loop:
    """One `X in LIST` of `repeat for each`."""

    name: str
    items: ast.Ref


@record
class CheckedTool:
    name: str
    about: ast.Text | None
    takes: tuple[tuple[str, Type, str], ...]  # name, type, description
    method: str  # "get", "post", "command", "python"
    target: ast.Text  # address or command, and the path of a Python file as it is written
    function: str  # python only
    headers: tuple[tuple[str, ast.Text], ...]
    body: ast.Text | None
    returns: Type | None
    place: Place
    target_place: Place
    file: str  # what its paths are relative to: the file that declares it, as the project names it
    secrets: tuple[str, ...] = ()  # the secret inputs that its headers name


@record
class CheckedStep:
    """A step. `reads`: the inputs, lets and steps it names, in order; `waits_for` adds `after:` and `continues:`."""

    name: str
    kind: str  # "prompt", "run", "call"
    place: Place  # of the name
    description: str
    messages: tuple[Message, ...]
    settings: Mapping[str, Place]  # where the values of its own settings stand
    answer: Type | None  # what one answer must be; None for text
    answer_place: Place  # of `returns:`, or of the name
    type: Type  # the type of the step's value
    parameters: Mapping[str, Parameter]  # of the step and its preset, merged
    fallback: tuple[Mapping[str, Parameter], ...]  # what to ask instead, in order; each holds `model` at least
    continues: str | None
    ensures: tuple[Ensured, ...]
    loops: tuple[Loop, ...]
    at_a_time: int | None
    until: ast.Condition | None
    until_place: Place | None
    times: int
    when: ast.Condition | None
    samples: "int | ast.Value | None"
    tools: tuple[CheckedTool, ...]
    rounds: "int | ast.Value"
    run: "CheckedFlow | None"
    call: CheckedTool | None
    with_: tuple[tuple[str, ast.Value], ...]
    failures: "int | None"  # how many items may fail; None: `skip`, any number
    reads: tuple[str, ...]
    waits_for: tuple[str, ...]


@record
class CheckedLet:
    name: str
    value: ast.Value
    type: Type
    reads: tuple[str, ...]
    place: Place


@record
class CheckedOutput:
    """`path` is a file's path below the output folder, or ends with `/`; empty: no file."""

    name: str
    value: ast.Value
    type: Type
    path: str
    reads: tuple[str, ...]
    place: Place


@record
class Expectation:
    """`expect CONDITION` of a test or of limits. `reads`: inputs, lets and steps; `outputs`: what are only outputs."""

    condition: ast.Condition
    words: str  # as it stands in the flow, in one line
    reads: tuple[str, ...]
    outputs: tuple[str, ...]
    place: Place


@record
class CheckedLimits:
    cost_usd: Decimal | None = None
    calls: int | None = None
    time_s: Decimal | None = None
    expects: tuple[Expectation, ...] = ()


@record
class GivenLine:
    """`with INPUT: value` of a test; a `file "…"` whose content is no plain text is still a path."""

    input: str
    value: ast.Value
    place: Place  # of the value


# The value that a text is as an answer of a type, and what is wrong with it: empty, if nothing is.
AnswerIn = Callable[[str, Type | None], tuple[Value, str]]


@record
class AnswerLine:
    """`answer STEP: value` of a test. `path` leads over the steps that run a flow to a step of that flow.

    A text is read as a model's answer would be, and must be of `type`; None takes any text as it stands.
    """

    path: tuple[str, ...]
    value: ast.Value
    type: Type | None
    place: Place  # of the value


@record
class JudgeLine:
    """`judge VALUE: "rule"` of a test; `using` as in Ensured."""

    value: ast.Value
    rule: ast.Text
    using: Mapping[str, Parameter]
    reads: tuple[str, ...]
    outputs: tuple[str, ...]
    place: Place


@record
class CaseRows:
    """`for each NAME in "cases.csv"`: the path as it is written."""

    name: str
    path: str
    place: Place  # of the path


@record
class CheckedTest:
    """A test of a flow. `passes` of `tries` tries of each case must pass."""

    name: str
    given: tuple[GivenLine, ...]
    answers: tuple[AnswerLine, ...]
    expects: tuple[Expectation, ...]
    judges: tuple[JudgeLine, ...]
    rows: CaseRows | None
    passes: int
    tries: int
    place: Place  # of its name


@record
class CheckedFlow:
    """One flow of a file; the main flow's name is empty. Steps and lets keep the order of the file.

    `files` are all that were read for a main flow, its own first; other flows have none.
    """

    name: str
    description: str
    inputs: Mapping[str, CheckedInput]
    steps: Mapping[str, CheckedStep]
    lets: Mapping[str, CheckedLet]
    outputs: tuple[CheckedOutput, ...]  # never empty: without any `output`, each step that nothing reads is one
    limits: CheckedLimits
    source: SourceFile
    tests: tuple[CheckedTest, ...] = field(default=(), repr=False)
    files: tuple[SourceFile, ...] = field(default=(), repr=False)

    def value_of_outputs(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)


@record
class CheckedFile:
    """`flow` is None when a mistake stands in the way of running; `diagnostics` of all files, in order."""

    flow: CheckedFlow | None
    flows: Mapping[str, CheckedFlow]  # the further flows of the file, by name
    diagnostics: tuple[Diagnostic, ...]
    sources: tuple[SourceFile, ...]  # every file that was read, the flow itself first
