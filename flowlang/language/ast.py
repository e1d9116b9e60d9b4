"""What a flow file says, section by section. Nothing is resolved yet: a name is only a name.

Every span is relative to the start of its section, so that a section that only moved is still the same
value; `PlacedSection.start` says where it stands. Spans in a text read by `file "…"` are relative to that file.
"""

from dataclasses import dataclass
from decimal import Decimal

from ..diagnostics.source import Span
from ..record import record


@record
class Name:
    """A name as it is compared: in NFC."""

    text: str
    span: Span


# ── Texts ──


@record
class Text:
    """A text with what is to be filled in; a text without `{{ }}` has one `str` part, or none if it is empty."""

    parts: "tuple[Part, ...]"
    span: Span
    verbatim: bool = False


@record
class FileText:
    """`file "prompts/judge.md"`: `path` as written; the loader reads it."""

    path: str
    span: Span  # of the quoted path


@record
class Slot:
    """`{{ value }}`."""

    value: "Value"
    span: Span


@record
class For:
    """`{{ for name in items }} body {{ end }}`."""

    name: Name
    items: "Value"
    body: "tuple[Part, ...]"
    span: Span  # of the opening tag


@record
class If:
    """`{{ if condition }} body {{ else }} other {{ end }}`."""

    condition: "Condition"
    body: "tuple[Part, ...]"
    other: "tuple[Part, ...]"
    span: Span  # of the opening tag


@record
class NoBreak:
    """Takes back the line break that was written last: the text's last line held nothing but tags."""


Part = str | Slot | For | If | NoBreak


# ── Values ──


@record
class Ref:
    """`name` or `name.field.field`."""

    parts: tuple[Name, ...]
    span: Span

    def __str__(self) -> str:
        return ".".join(part.text for part in self.parts)


@record
class Number:
    value: Decimal
    span: Span


@record
class YesNo:
    value: bool
    span: Span


@record
class ListValue:
    """`[a, b]`."""

    items: "tuple[Atom, ...]"
    span: Span


Atom = Ref | Number | YesNo | ListValue | Text | FileText


@record
class FilterCall:
    """One `| name …`. Which of the fields are filled depends on the filter; see filters.FILTERS."""

    name: str  # "first", "sort by", "chunks of", or a word that is no filter
    name_span: Span
    span: Span
    arguments: tuple[Atom, ...] = ()
    condition: "Condition | None" = None  # where, share
    path: Ref | None = None  # sort by, group by, take
    largest_first: bool = False
    choices: tuple[str, ...] = ()  # sort by a `one of`: its choices in declared order, filled in by the checker
    by_size: bool = False  # sort by what may be a table's cell: a text may spell a number, filled in as well


@record
class Piped:
    """`head | filter | filter`."""

    head: Atom
    filters: tuple[FilterCall, ...]
    span: Span


Value = Atom | Piped


# ── Conditions ──


@record
class AnyOf:
    """`a or b`."""

    parts: "tuple[Condition, ...]"
    span: Span


@record
class AllOf:
    """`a and b`."""

    parts: "tuple[Condition, ...]"
    span: Span


@record
class Not:
    inner: "Condition"
    span: Span


@record
class Compare:
    """`left operator right`; the operator is one of types.OPERATORS, in its plain spelling."""

    left: Value
    operator: str  # "is", "is not", "<", "<=", ">", ">=", "contains", "does not contain", "starts with", "ends with"
    operator_span: Span
    right: Value
    span: Span


@record
class IsOneOf:
    """`left is one of a, b` or `left is not one of a, b`."""

    left: Value
    options: tuple[Atom, ...]
    negated: bool
    span: Span


@record
class IsEmpty:
    """`value is empty` or `value is not empty`."""

    value: Value
    negated: bool
    span: Span


Condition = AnyOf | AllOf | Not | Compare | IsOneOf | IsEmpty | Value  # a value alone must be yes/no


# ── Types ──


@record
class NamedType:
    """`text`, `whole number`, `Claim`, `house.Claim`, with `from 0 to 1`, `at least 1`, `at most 10`."""

    name: Name
    span: Span
    low: Number | None = None
    high: Number | None = None


@record
class Choice:
    text: str
    span: Span


@record
class OneOfType:
    choices: tuple[Choice, ...]
    span: Span


@record
class ListType:
    """`list of T`, `list of 3 T`, `list of 3 to 10 T`, `list of at least 1 T`."""

    item: "TypeExpr"
    span: Span
    low: Number | None = None
    high: Number | None = None


@record
class OptionalType:
    item: "TypeExpr"
    span: Span


TypeExpr = NamedType | OneOfType | ListType | OptionalType


# ── Lines below a header ──


@record
class Word:
    """A bare word in a setting: a model id, a preset's, step's or tool's name, `30s`, `skip`, `no`."""

    text: str
    span: Span


@record
class AtMost:
    """`at most 3`."""

    number: Number
    span: Span


@record
class OutOf:
    """`4 of 5`."""

    number: Number
    of: Number
    span: Span


@record
class Function:
    """`"tools.py" lookup`."""

    path: Text
    name: Word
    span: Span


Item = Word | Number | Slot | Text | FileText | AtMost | OutOf | Function


@record
class Setting:
    """`key: item, item`."""

    key: Name
    items: tuple[Item, ...]
    span: Span


@record
class Returns:
    type: TypeExpr
    key: Name
    span: Span


@record
class Ensure:
    """`ensure: condition`, or `ensure: judge "rule" using preset`."""

    rule: "Condition | Judgement"
    key: Name
    span: Span


@record
class Judgement:
    """A rule that a model decides."""

    rule: Text
    using: Word | None
    span: Span


@record
class Each:
    """`claim in claims`: `items` is a name or `name.field`."""

    name: Name
    items: Ref


@record
class RepeatEach:
    """`repeat for each X in A and each Y in B, N at a time`."""

    each: tuple[Each, ...]
    at_a_time: Number | None
    span: Span


@record
class RepeatUntil:
    """`repeat until CONDITION, at most N times`."""

    condition: Condition
    times: Number
    span: Span


@record
class When:
    condition: Condition
    span: Span


@record
class With:
    name: Name
    value: Value
    span: Span


@record
class Takes:
    """`takes NAME: TYPE "what it means"`."""

    name: Name
    type: TypeExpr
    description: str
    span: Span


@record
class HeaderLine:
    """`header NAME: "…"`."""

    name: Name
    text: Text | FileText
    span: Span


@record
class Extra:
    """`extra NAME: value`."""

    name: Name
    items: tuple[Item, ...]
    span: Span


@record
class Expect:
    condition: Condition
    span: Span


@record
class JudgeLine:
    """`judge VALUE: "rule"`."""

    value: Value
    judgement: Judgement
    span: Span


@record
class Answer:
    """`answer STEP: value`."""

    step: Ref
    value: Value
    span: Span


@record
class ForEachRow:
    """`for each row in "cases.csv"`."""

    name: Name
    path: FileText
    span: Span


@record
class Field:
    """A schema's field. `type` is None where the line could not be read: then it has any type."""

    name: Name
    type: TypeExpr | None
    description: str
    span: Span


Line = (
    Setting
    | Returns
    | Ensure
    | RepeatEach
    | RepeatUntil
    | When
    | With
    | Takes
    | HeaderLine
    | Extra
    | Expect
    | JudgeLine
    | Answer
    | ForEachRow
    | Field
)


# ── Headers ──


@record
class Edition:
    number: Number


@record
class Import:
    path: FileText
    name: Name


@record
class Flow:
    name: Name


@record
class Input:
    name: Name
    type: TypeExpr | None
    default: Atom | None


@record
class Preset:
    name: Name


@record
class Schema:
    """`schema NAME` with fields below it, or `schema NAME: type`."""

    name: Name
    type: TypeExpr | None
    description: str


@record
class Snippet:
    name: Name
    text: Text | FileText | None


@record
class Tool:
    name: Name


@record
class Let:
    name: Name
    value: Value | None


@record
class Step:
    name: Name


@record
class Output:
    name: Name
    value: Value | None  # without one, the value of its own name
    path: Text | None


@record
class Limits:
    pass


@record
class Test:
    title: str
    title_span: Span


Header = Edition | Import | Flow | Input | Preset | Schema | Snippet | Tool | Let | Step | Output | Limits | Test


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A header and the lines below it.

    `broken`: a line of it could not be read (and was reported), so what is missing may have stood there.
    `unclosed`: a text block of it never ends; it takes part in no further check.
    """

    header: Header
    header_span: Span
    lines: tuple[Line, ...]
    description: str  # the comment right above it
    broken: bool = False
    unclosed: bool = False


@record
class PlacedSection:
    section: Section
    start: int  # offset of the section's header in the file


@record
class FlowFile:
    """A file, read. `description` is the file's first comment."""

    sections: tuple[PlacedSection, ...]
    description: str
