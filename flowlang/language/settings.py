"""The settings: one row each, with the sections that they belong to and what they take."""

from collections.abc import Mapping
from decimal import Decimal

from ..record import record

CONTROL_WORDS = ("repeat", "when", "with", "takes", "header", "extra", "expect", "judge", "answer", "for")


@record
class Row:
    """A setting. `takes` names the kind of value; `low` and `high` are included bounds of a number.

    Kinds: text, texts, number, whole, duration, age, yes/no, choice, model, models, step, steps, tools, tool, flow,
    failures, money, passes, function; `type` and `rule` are read by the grammar itself.
    """

    name: str
    sections: tuple[str, ...]
    takes: str
    meaning: str
    low: Decimal | None = None
    high: Decimal | None = None
    choices: tuple[str, ...] = ()
    many: bool = False  # may stand several times
    parameter: bool = False  # is sent to the model, or decides how it is asked


def _number(name: str, low: str, high: str | None, meaning: str, takes: str = "number") -> Row:
    top = None if high is None else Decimal(high)
    return Row(name, ("step", "preset"), takes, meaning, Decimal(low), top, parameter=True)


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

ROWS: tuple[Row, ...] = (
    Row("prompt", ("step",), "text", "the last user message"),
    Row("system", ("step",), "text", "a message that sets the scene", many=True),
    Row("user", ("step",), "text", "an earlier message of the user", many=True),
    Row("assistant", ("step",), "text", "an earlier answer, as an example", many=True),
    Row("continues", ("step",), "step", "the step whose whole conversation comes first"),
    Row("returns", ("step", "tool"), "type", "the answer's type"),
    Row("ensure", ("step",), "rule", "a rule that the answer must keep", many=True),
    Row("samples", ("step",), "whole", "the same question so many times", Decimal(1), Decimal(1000)),
    Row("uses", ("step",), "tools", "the tools that the model may call"),
    Row("rounds", ("step",), "whole", "how many turns of calling tools", Decimal(1), Decimal(100)),
    Row("run", ("step",), "flow", "the flow to run in place of a model call"),
    Row("call", ("step",), "tool", "the tool to call in place of a model"),
    Row("after", ("step",), "steps", "steps to wait for"),
    Row("failures", ("step",), "failures", "whether items may fail"),
    Row("model", ("step", "preset"), "model", "a preset or a model id", parameter=True),
    _number("temperature", "0", "2", "how freely the model picks its words"),
    _number("top_p", "0", "1", "the part of the likeliest words that is considered"),
    _number("max_tokens", "1", None, "the most tokens that an answer may have", "whole"),
    Row("stop", ("step", "preset"), "texts", "texts at which the answer ends, at most four", parameter=True),
    _number("seed", "-9223372036854775808", "9223372036854775807", "a number that makes answers repeatable", "whole"),
    _number("presence_penalty", "-2", "2", "how much to avoid what was mentioned"),
    _number("frequency_penalty", "-2", "2", "how much to avoid repetition"),
    Row(
        "reasoning_effort",
        ("step", "preset"),
        "choice",
        "how much the model thinks before it answers",
        choices=_EFFORTS,
        parameter=True,
    ),
    Row("grounding", ("step", "preset"), "yes/no", "the provider's own web search", parameter=True),
    _number("tries", "1", "100", "the most calls that one answer may cost", "whole"),
    Row("timeout", ("step", "preset"), "duration", "the most time that one call may take", parameter=True),
    Row("fallback", ("step", "preset"), "models", "models to ask when this one fails for good", parameter=True),
    Row("cache", ("step", "preset"), "age", "`no`, or how long an answer may be used again", parameter=True),
    Row("about", ("tool",), "text", "what the tool does, for the model"),
    Row("get", ("tool",), "text", "the address to read"),
    Row("post", ("tool",), "text", "the address to send to"),
    Row("body", ("tool",), "text", "what is sent"),
    Row("command", ("tool",), "text", "the command to run"),
    Row("python", ("tool",), "function", "the Python file and function to call"),
    Row("cost", ("limits",), "money", "the most that a run may cost, in US dollars", Decimal(0), None),
    Row("calls", ("limits",), "whole", "the most calls that a run may make", Decimal(0), None),
    Row("time", ("limits",), "duration", "the most time that a run may take"),
    Row("passes", ("test",), "passes", "how many of how many tries must pass"),
)

SETTINGS: Mapping[tuple[str, str], Row] = {(section, row.name): row for row in ROWS for section in row.sections}

# Which control lines belong where, by the name of their class in ast.py.
CONTROLS: Mapping[str, tuple[str, ...]] = {
    "RepeatEach": ("step",),
    "RepeatUntil": ("step",),
    "When": ("step",),
    "With": ("step", "test"),
    "Takes": ("tool",),
    "HeaderLine": ("tool",),
    "Extra": ("step", "preset"),
    "Expect": ("limits", "test"),
    "JudgeLine": ("test",),
    "Answer": ("test",),
    "ForEachRow": ("test",),
}


def keys_of(section: str) -> tuple[str, ...]:
    """The settings that may stand in a section."""
    return tuple(row.name for row in ROWS if section in row.sections)


def homes_of(key: str) -> tuple[str, ...]:
    """The sections in which a setting may stand."""
    return tuple(dict.fromkeys(section for row in ROWS if row.name == key for section in row.sections))
