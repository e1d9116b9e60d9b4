"""What a flow does as far as its tests show it.

One picture is of a revision, or of a model: the steps as the flow sets them, each question that the tests ask, what is
answered to it, and how the tests come out.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal

from ..diagnostics.diagnostic import Diagnostic
from ..language import ast
from ..language.checked import CheckedFlow, CheckedStep, CheckedTool
from ..language.types import ListOf, Optional, RecordType, Remembering, Type, spelled
from ..language.writing import as_text
from ..models.chat import ChatRequest, Reply, Usage
from ..models.cost import Prices, tokens_of, tokens_of_request
from ..plan.graph import Plan, PlannedStep
from ..record import record
from ..run.question import Asker
from ..run.recorder import GIVEN
from ..run.trial import Tried
from ..store.past import name_of
from .phrases import value_words, written
from .request import message_text


@record
class CaseName:
    """A case of a test: the flow of the file that the test is of, the test, which row."""

    flow: str
    test: str
    row: str

    def words(self) -> str:
        """As it is told."""
        flow = f" of flow {self.flow}" if self.flow else ""
        return f'"{self.test}"{flow}' + (f", {self.row}" if self.row else "")


@record
class Question:
    """Which question of a case it is: in which try, who asks for which item, and the how manieth of these it is."""

    case: CaseName
    run: int
    asker: Asker
    sample: int
    nth: int

    @property
    def step(self) -> str:
        """The step that asks, as a person names it."""
        return ".".join(filter(None, (self.case.flow, name_of(self.asker.path, self.asker.step, False))))

    def where(self) -> str:
        """Where in the tests it is asked."""
        asker = self.asker
        words = [self.case.words()]
        words += [f"try {self.run + 1}"] if self.run else []
        words += [f"in {asker.path.replace('/', '.')}"] if "[" in asker.path else []
        words += [f"item {asker.item}"] if asker.item is not None else []
        words += [f"sample {self.sample}"] if self.sample > 1 else []
        words += [f"its {asker.role}"] if asker.role else []
        words += [f"question {self.nth}"] if self.nth > 1 else []
        return " ".join(words)


@record
class Asked:
    """A question, and the answer to it; None where none came."""

    request: ChatRequest
    reply: Reply | None

    @property
    def is_given(self) -> bool:
        """Whether the test answers it itself, so that nobody is asked."""
        return self.reply is not None and self.reply.finish == GIVEN

    def answer(self) -> str:
        """What was answered, as it is told."""
        if self.reply is None:
            return "[not recorded]"
        calls = [f"[calls {one.name}: {one.arguments}]" for one in self.reply.tool_calls]
        return "\n".join([*([self.reply.text] if self.reply.text or not calls else []), *calls])

    def prompt(self) -> str:
        """What was asked."""
        return "\n".join(map(message_text, self.request.messages))

    def cost_usd(self, prices: Prices, likely: "Asked | None" = None) -> Decimal | None:
        """What it costs to ask this once; where no answer is there, as if it were as long as that of `likely`."""
        usage = self.reply.usage if self.reply is not None else Usage()
        if not (usage.tokens_in or usage.tokens_out):
            said = self.reply or (likely.reply if likely is not None else None)
            usage = Usage(tokens_of_request(self.request), tokens_of(said.text) if said is not None else 0)
        return prices.cost_usd(self.request.model, usage)


@record
class Behaviour:
    """What a flow file does. `sources` are the texts that it is made of, by their paths; `mistakes`: it is not run."""

    sources: Mapping[str, str]
    mistakes: tuple[Diagnostic, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    calls: int | None = 0  # of a run of the main flow
    asked: Mapping[Question, Asked] = field(default_factory=dict)
    tried: Mapping[CaseName, Tried] = field(default_factory=dict)
    prices: Prices | None = None

    @property
    def calls_of_tests(self) -> int:
        """How many calls the tests spare by being recorded."""
        return sum(not one.is_given for one in self.asked.values())


def settings_of(plans: Sequence[Plan]) -> dict[str, dict[str, str]]:
    """What each step of these flows is set to, by the settings' names."""
    found: dict[str, dict[str, str]] = {}
    for plan in plans:
        _add_steps(plan, plan.flow.name, found, ())
    return found


def _add_steps(plan: Plan, prefix: str, found: dict[str, dict[str, str]], above: tuple[int, ...]) -> None:
    for node in plan.nodes.values():
        name = ".".join(filter(None, (prefix, node.name)))
        if isinstance(node.of, CheckedStep):
            found[name] = dict(_settings(node, node.of))
        if node.sub is not None and id(node.sub) not in above:
            _add_steps(node.sub, name, found, (*above, id(node.sub)))


def _settings(node: PlannedStep, step: CheckedStep) -> Iterator[tuple[str, str]]:
    for number, ask in enumerate(node.asks):
        behind = f" of fallback {number}" if number else ""
        yield f"model{behind}", ask.model or "none"
        for name, parameter in ask.parameters.items():
            if name not in ("model", "fallback"):
                yield f"{name}{behind}", _parameter(parameter.value)
    if step.answer is not None:
        yield "returns", returned(step.answer)
    if step.tools:
        yield "tools", "\n".join(map(_tool, step.tools))
    if step.ensures:
        yield "ensure", "\n".join(one.words for one in step.ensures)
    if step.messages:
        yield "prompt", "\n".join(f"── {one.role} ──\n{''.join(map(written, one.text.parts))}" for one in step.messages)


def _tool(tool: CheckedTool) -> str:
    """A tool as a model is told of it."""
    about = [f"  {''.join(map(written, tool.about.parts))}"] if tool.about is not None else []
    takes = [f"  takes {name}: {spelled(of)}" + (f' "{told}"' if told else "") for name, of, told in tool.takes]
    return "\n".join([tool.name, *about, *takes])


def returned(answer: Type) -> str:
    """An answer's type as the language writes it, with the schemas that it names below."""
    schemas: dict[str, RecordType] = {}
    _add_schemas(answer, schemas)
    lines = [spelled(answer)]
    for schema in schemas.values():
        lines.append(f"schema {schema.name}")
        for one in schema.fields:
            lines.append(f"  {one.name}: {spelled(one.type)}" + (f' "{one.description}"' if one.description else ""))
    return "\n".join(lines)


def _add_schemas(of: Type, found: dict[str, RecordType]) -> None:
    while isinstance(of, ListOf | Optional | Remembering):
        of = of.item
    if isinstance(of, RecordType) and of.name not in found:
        found[of.name] = of
        for one in of.fields:
            _add_schemas(one.type, found)


def _parameter(value: str | Decimal | bool | tuple[str | Decimal, ...] | ast.Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(one if isinstance(one, str) else f"{one:f}" for one in value)
    return as_text(value) if isinstance(value, str | Decimal | bool) else value_words(value)


def inputs_of(flow: CheckedFlow) -> dict[str, str]:
    """The inputs of a flow as they are declared, by their names."""
    return {
        one.name: ("optional " if one.optional else "")
        + spelled(one.type)
        + ("" if one.required else ", may be left out")
        for one in flow.inputs.values()
    }


class Hearing:
    """Takes down what tests ask and are answered."""

    def __init__(self) -> None:
        self.asked: dict[Question, Asked] = {}
        self._counts: Counter[Question] = Counter()

    def hear(self, case: CaseName, run: int, asker: Asker, request: ChatRequest, reply: Reply | None) -> None:
        """One question and its answer."""
        key = Question(case, run, asker, request.sample, 0)
        self._counts[key] += 1
        self.asked[replace(key, nth=self._counts[key])] = Asked(request, reply)
