"""Requests as they are sent: a step's messages filled in, its parameters settled, the exact ChatRequest."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from ..language import ast
from ..language.checked import CheckedStep, CheckedTool, Ensured, Message, Parameter
from ..language.expression import Scope, evaluate
from ..language.settings import SETTINGS
from ..language.template import Rendered, render
from ..language.types import FieldType, RecordType, Type
from ..language.values import EMPTY, ValueMistake, bare, kind_of
from ..language.writing import number_text
from ..models.answer import schema_of
from ..models.chat import ChatMessage, ChatRequest, ToolSpec
from .graph import ANY_MODEL, Ask, Defaults

Plain = str | Decimal | bool | tuple[str, ...]

# Settings that decide how a model is asked, and are no part of what it is asked.
OF_THE_RUN = frozenset(("model", "tries", "timeout", "fallback", "cache"))
TRIES = 4
TIMEOUT_S = 120.0
_JUDGE = "Judge the answer above, and nothing else. Does it keep this rule?\n\n"
_REASON = "\n\nSay whether the rule holds, and give the reason in one sentence."


def asks_of(
    own: Mapping[str, Parameter], fallback: Iterable[Mapping[str, Parameter]], defaults: Defaults
) -> tuple[Ask, ...]:
    """The models to ask, in order. Flags go over the step's and its preset's lines, these over the project's.

    A fallback changes what it names; where it is silent, the step's own lines hold.
    """
    asks = []
    for lines in (own, *({**own, **one} for one in fallback)):
        parameters = {**defaults.parameters, **lines, **defaults.flags}
        named = parameters.get("model")
        model = named.value if named is not None and isinstance(named.value, str) else defaults.model
        asks.append(Ask(model, parameters))
    return tuple(asks)


def swapped(asks: tuple[Ask, ...], swaps: Mapping[str, str]) -> tuple[Ask, ...]:
    """The models to ask with others in their places; one that takes the place of all has nobody to fall back upon."""
    if asks and ANY_MODEL in swaps:
        return (replace(asks[0], model=swaps[ANY_MODEL]),)
    return tuple(replace(ask, model=swaps.get(ask.model, ask.model)) for ask in asks)


class EmptyParameter(Exception):
    """A parameter refers to something that is empty."""

    def __init__(self, value: ast.Value) -> None:
        super().__init__()
        self.value = value


def settled(ask: Ask, scope: Scope) -> dict[str, Plain]:
    """All parameters of an ask as plain data, `tries` and `timeout` included.

    Raises EmptyParameter, and ValueMistake for a value that no parameter can have.
    """
    plain: dict[str, Plain] = {}
    for name, parameter in ask.parameters.items():
        if name not in ("model", "fallback"):
            plain[name] = settled_one(name, parameter.value, scope)
    return plain


def settled_one(name: str, value: str | Decimal | bool | tuple[str | Decimal, ...] | ast.Value, scope: Scope) -> Plain:
    """One parameter as plain data. Raises what settled() does."""
    match value:
        case str() | Decimal() | bool():
            return value
        case tuple():
            return tuple(item if isinstance(item, str) else f"{item:f}" for item in value)
    found = bare(evaluate(value, scope))
    if found is EMPTY:
        raise EmptyParameter(value)
    if not isinstance(found, str | Decimal | bool):
        raise ValueMistake(f"`{name}` cannot be {kind_of(found)}")
    _check_range(name, found)
    return found


def _check_range(name: str, found: str | Decimal | bool) -> None:
    """A value that came by name is held to its setting's row only now."""
    row = SETTINGS.get(("step", name))
    if row is None:
        return
    if isinstance(found, Decimal):
        off = (row.low is not None and found < row.low) or (row.high is not None and found > row.high)
        if off or (row.takes == "whole" and found != found.to_integral_value()):
            kind = "a whole number" if row.takes == "whole" else "a number"
            span = f"from {row.low:f} to {row.high:f}" if row.high is not None else f"of at least {row.low:f}"
            raise ValueMistake(f"`{name}` must be {kind} {span}, not {number_text(found)}")
    elif isinstance(found, str) and row.choices and found not in row.choices:
        raise ValueMistake(f"`{name}` must be one of {', '.join(row.choices)}")


def tries_of(parameters: Mapping[str, Plain]) -> int:
    """The most calls that one answer may cost."""
    tries = parameters.get("tries", Decimal(TRIES))
    return max(1, int(tries)) if isinstance(tries, Decimal) else TRIES


def timeout_s_of(parameters: Mapping[str, Plain]) -> float:
    """The most seconds that one call may take."""
    timeout = parameters.get("timeout")
    return float(timeout) if isinstance(timeout, Decimal) else TIMEOUT_S


def rendered_messages(messages: tuple[Message, ...], scope: Scope) -> tuple[tuple[ChatMessage, ...], Rendered | None]:
    """The messages, filled in; and the first text that could not be, because something in it was empty.

    Raises ValueMistake.
    """
    filled = []
    for message in messages:
        rendered = render(message.text.parts, scope)
        if rendered.empties:
            return (), rendered
        filled.append(ChatMessage(message.role, rendered.pieces))
    return tuple(filled), None


def build_request(
    name: str,
    ask: Ask,
    parameters: Mapping[str, Plain],
    messages: tuple[ChatMessage, ...],
    answer: Type | None,
    tools: tuple[CheckedTool, ...] = (),
    sample: int = 1,
) -> ChatRequest:
    """The request of the step called `name`; `parameters` as settled() gives them."""
    schema = None if answer is None else schema_of(answer, name)
    return ChatRequest(
        model=ask.model,
        messages=messages,
        parameters={name: value for name, value in parameters.items() if name not in OF_THE_RUN},
        answer=answer,
        schema=None if schema is None else schema.schema,
        schema_name="" if schema is None else schema.name,
        strict=schema is not None and schema.strict,
        tools=tuple(map(spec_of, tools)),
        sample=sample,
    )


def request_of(step: CheckedStep, ask: Ask, scope: Scope, before: tuple[ChatMessage, ...] = ()) -> ChatRequest | None:
    """The first request of a step, as `preview` shows it; None if something in it is empty. Raises ValueMistake."""
    messages, gap = rendered_messages(step.messages, scope)
    if gap is not None:
        return None
    return build_request(step.name, ask, settled(ask, scope), before + messages, step.answer, step.tools)


def judge_messages(messages: tuple[ChatMessage, ...], answer: str, rule: str) -> tuple[ChatMessage, ...]:
    """What a judge sees: the messages, the answer and the rule."""
    return (*messages, ChatMessage("assistant", (answer,)), ChatMessage("user", (f"{_JUDGE}{rule}{_REASON}",)))


def judged_rule(messages: tuple[ChatMessage, ...]) -> str:
    """The rule of which a judge is asked; empty if it is no judge's question."""
    for message in reversed(messages):
        if message.role == "user" and message.text.startswith(_JUDGE):
            return message.text.removeprefix(_JUDGE).removesuffix(_REASON)
    return ""


def rule_text(ensured: Ensured, scope: Scope) -> Rendered:
    """A judged rule, filled in."""
    assert isinstance(ensured.rule, ast.Text)
    return render(ensured.rule.parts, scope)


def spec_of(tool: CheckedTool) -> ToolSpec:
    """A tool as a model is told of it."""
    about = "".join(part for part in tool.about.parts if isinstance(part, str)) if tool.about is not None else ""
    takes = RecordType(tool.name, tuple(FieldType(name, of, meaning) for name, of, meaning in tool.takes))
    return ToolSpec(tool.name, about, schema_of(takes, tool.name).schema)
