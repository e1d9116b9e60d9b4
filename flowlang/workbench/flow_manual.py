"""The page behind `flowlang run FLOW --help`, made from the flow."""

from ..language import ast
from ..language.checked import CheckedFlow, CheckedInput, CheckedOutput
from ..language.types import (
    ChoiceType,
    DocumentType,
    ListOf,
    MediaType,
    RecordType,
    SecretType,
    Type,
    YesNoType,
    spelled,
)
from ..show.terminal import visible_line
from .command import Command
from .manual import flag_row, paragraph, sentence, table


def flow_manual(command: Command, flow: CheckedFlow, width: int) -> str:
    """What a flow takes and gives, and how the command is told."""
    path = visible_line(flow.source.path)
    lines = [f"Usage: flowlang {command.name} {path} {_call(flow)}".rstrip()]
    if flow.description:
        lines += ["", *paragraph(visible_line(sentence(flow.description)), width)]
    if flow.inputs:
        lines += ["", "Inputs", *table([_input_row(one) for one in flow.inputs.values()], width)]
    lines += ["", "Outputs", *table([_output_row(one) for one in flow.outputs], width)]
    taken = {name.replace("_", "-") for name in flow.inputs}
    flags = [flag_row(flag, taken) for flag in command.flags]
    lines += ["", "Options", *table([*flags, ("--help", "this page")], width)]
    lines += ["", *paragraph("A value @report.pdf is read from that file, a value - from standard input.", width)]
    return "\n".join(lines) + "\n"


def _call(flow: CheckedFlow) -> str:
    """The flags that a run cannot do without."""
    return " ".join(f"--{one.name} {_placeholder(one.type)}" for one in flow.inputs.values() if one.required)


def _placeholder(of: Type) -> str:
    match of:
        case DocumentType() | MediaType():
            return "@FILE"
        case ListOf(item=DocumentType() | MediaType()):
            return "@FOLDER"
        case ListOf(item=RecordType()):
            return "@FILE.csv"
        case ListOf():
            return "VALUE"
        case ChoiceType():
            return of.choices[0] if " " not in of.choices[0] else f'"{of.choices[0]}"'
        case YesNoType():
            return "yes"
        case _:
            return "VALUE"


def _input_row(one: CheckedInput) -> tuple[str, str]:
    parts = [spelled(one.type)]
    if isinstance(one.type, SecretType):
        parts.append("never shown or stored")
    if one.optional:
        parts.append("may be left out")
    elif one.default is None:
        parts.append("needed")
    else:
        parts.append(f"default: {_shown(one.default)}")
    columns = _columns(one.type)
    if columns:
        parts.append(f"@FILE.csv with the columns {columns}")
    elif isinstance(one.type, ListOf) and spelled(one.type) != "table":
        parts.append("may come several times")
    about = "; ".join(parts)
    return f"--{visible_line(one.name)}", f"{visible_line(sentence(one.description))} ({about})".lstrip()


def _columns(of: Type) -> str:
    """The columns of a file of records; empty for what is none."""
    record = of.item if isinstance(of, ListOf) else of
    if not isinstance(of, ListOf) or not isinstance(record, RecordType):
        return ""
    return ", ".join(visible_line(field.name) for field in record.fields)


def _output_row(one: CheckedOutput) -> tuple[str, str]:
    return visible_line(one.name), spelled(one.type) + (f", to {visible_line(one.path)}" if one.path else "")


def _shown(default: ast.Atom) -> str:
    match default:
        case ast.Number(value=value):
            return f"{value:f}"
        case ast.YesNo(value=value):
            return "yes" if value else "no"
        case ast.Text(parts=parts):
            text = " ".join("".join(part for part in parts if isinstance(part, str)).split())
            return visible_line(text if len(text) <= 60 else text[:59] + "…") or "an empty text"
        case ast.ListValue(items=items):
            return ", ".join(_shown(item) for item in items) or "an empty list"
        case ast.FileText(path=path):
            return f"the text of {visible_line(path)}"
        case ast.Ref():
            return visible_line(str(default))
