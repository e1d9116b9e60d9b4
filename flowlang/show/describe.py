"""A flow read back in plain sentences; no model is asked."""

from collections.abc import Sequence

from ..language import ast
from ..language.checked import CheckedFlow, CheckedInput, CheckedLet, CheckedOutput, CheckedStep
from ..language.types import ChoiceType, Type, YesNoType, bare, spelled, spelled_choice
from .phrases import condition_words, text_words, value_words
from .terminal import visible


def describe(flow: CheckedFlow, name: str) -> str:
    """The flow in paragraphs: what it is for, what it takes, what each step does, what comes out."""
    paragraphs = [f"# {name}"]
    if flow.description:
        paragraphs.append(flow.description)
    if flow.inputs:
        paragraphs.append(_section("It takes", [_input(one) for one in flow.inputs.values()]))
    work = _in_order(flow)
    paragraphs.append(_section("What it does", [_work(one) for one in work], numbered=True))
    paragraphs.append(_section("What comes out", [_output(one) for one in flow.outputs]))
    if limits := _limits(flow):
        paragraphs.append(_section("Where it stops", limits))
    for step in flow.steps.values():
        if step.run is not None and step.run.name:
            paragraphs.append(_subflow(step.run))
    return visible("\n\n".join(dict.fromkeys(paragraphs))) + "\n"


def _subflow(flow: CheckedFlow) -> str:
    work = _in_order(flow)
    title = f"The flow `{flow.name}`" + (f": {_sentence(flow.description)}" if flow.description else "")
    takes = f"It takes {_names(list(flow.inputs))}." if flow.inputs else "It takes nothing."
    return "\n".join([title, f"  {takes}", *(f"  {place}. {_work(one)}" for place, one in enumerate(work, 1))])


def _in_order(flow: CheckedFlow) -> list[CheckedStep | CheckedLet]:
    everything: list[CheckedStep | CheckedLet] = [*flow.steps.values(), *flow.lets.values()]
    return sorted(everything, key=lambda one: one.place.span.start)


def _input(one: CheckedInput) -> str:
    if one.optional:
        how = "which may be left out"
    elif one.default is None:
        how = "which must be given"
    else:
        how = f"{_default(one.default, one.type)} unless something else is given"
    about = f" {_sentence(one.description)}" if one.description else ""
    return f"`{one.name}`, {_a(spelled(one.type))}, {how}.{about}"


def _default(value: ast.Atom, of: Type) -> str:
    if isinstance(of, ChoiceType) and isinstance(value, ast.Text) and len(value.parts) == 1:
        return spelled_choice(str(value.parts[0]))
    return value_words(value)


def _work(one: CheckedStep | CheckedLet) -> str:
    if isinstance(one, CheckedLet):
        if isinstance(one.value, ast.Text) and one.reads:
            return f"`{one.name}` is a text put together from {_names(list(one.reads))}, without a model."
        return f"`{one.name}` is worked out without a model: {value_words(one.value)}."
    about = f" {_sentence(one.description)}" if one.description else ""
    return f"`{one.name}` {_deed(one)}.{about}{_conditions(one)}"


def _deed(step: CheckedStep) -> str:
    match step.kind:
        case "run":
            flow = f"runs the flow `{step.run.name}`" if step.run is not None and step.run.name else "runs another flow"
            given = [f"{name} = {value_words(value)}" for name, value in step.with_]
            deed = flow + (f" with {_names(given, quoted=False)}" if given else "")
        case "call":
            deed = f"calls the tool `{step.call.name if step.call else ''}`"
        case _:
            who = f"{model}" if (model := _model(step)) else "the model"
            deed = f"asks {who} for {_a(spelled(step.answer)) if step.answer is not None else 'a text'}"
            if step.reads:
                deed += f", giving it {_names(step.reads)}"
            if step.continues:
                deed += f", going on with the conversation of `{step.continues}`"
            if step.tools:
                deed += f"; it may use {_names([tool.name for tool in step.tools])}"
    if step.loops:
        each = " and ".join(f"each `{loop.name}` in `{loop.items}`" for loop in step.loops)
        at_once = f", {step.at_a_time} at a time" if step.at_a_time else ""
        deed += f", once for {each}{at_once}"
    if step.until is not None:
        deed += f", again and again until {condition_words(step.until)}, at most {step.times} times"
    if step.samples is not None:
        times = step.samples if isinstance(step.samples, int) else value_words(step.samples)
        deed += f", {times} times with the same question"
    return deed


def _conditions(step: CheckedStep) -> str:
    told = ""
    if step.when is not None:
        told += f" It does so only when {condition_words(step.when)}."
    for ensured in step.ensures:
        if not ensured.judged:
            told += f" The answer must keep the rule {ensured.words}; otherwise the model is asked again."
        elif isinstance(ensured.rule, ast.Text):
            told += f" A model judges whether the answer keeps the rule “{text_words(ensured.rule)}”."
    if step.loops and step.failures != 0:
        most = "Items" if step.failures is None else f"Up to {step.failures} items"
        told += f" {most} may fail without stopping the rest."
    for name in step.waits_for:
        if name not in step.reads and name != step.continues:
            told += f" It waits for `{name}` first."
    return told


def _model(step: CheckedStep) -> str:
    parameter = step.parameters.get("model")
    if parameter is None:
        return ""
    return parameter.value if isinstance(parameter.value, str) else ""


def _output(one: CheckedOutput) -> str:
    simple = isinstance(one.value, ast.Ref) and str(one.value) == one.name
    what = "" if simple else f": {value_words(one.value)}"
    to = f", written to {one.path}" if one.path else ""
    kind = "yes or no" if isinstance(bare(one.type), YesNoType) else spelled(one.type)
    return f"`{one.name}` ({kind}){what}{to}."


def _limits(flow: CheckedFlow) -> list[str]:
    limits = flow.limits
    lines: list[str] = []
    if limits.cost_usd is not None:
        lines.append(f"It never spends more than ${limits.cost_usd:f}.")
    if limits.calls is not None:
        lines.append(f"It never asks more than {limits.calls} times.")
    if limits.time_s is not None:
        lines.append(f"It never takes longer than {_span_of_time(float(limits.time_s))}.")
    lines += [f"It is a failure unless {one.words}." for one in limits.expects]
    return lines


def _span_of_time(seconds: float) -> str:
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = round(seconds / size)
            return f"{number} {word}" + ("" if number == 1 else "s")
    return f"{seconds:g} seconds"


def _section(title: str, lines: Sequence[str], numbered: bool = False) -> str:
    marked = [f"  {place}. {line}" if numbered else f"  - {line}" for place, line in enumerate(lines, 1)]
    return "\n".join([f"{title}:", *marked])


def _names(names: Sequence[str], quoted: bool = True) -> str:
    shown = [f"`{name}`" if quoted else name for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _a(kind: str) -> str:
    """The type with its article: `a text`, `an image`, `one of a, b`."""
    if kind.startswith(("one of", "json", "yes/no")):
        return kind
    return ("an " if kind[0] in "aeio" else "a ") + kind


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":")) else ".")
