"""What a flow does as far as its tests show it, and two such pictures held against each other.

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
from ..run.outcome import UNMET
from ..run.question import Asker
from ..run.recorder import GIVEN, MISSING
from ..run.trial import Tried
from ..run.unrecorded import OUTDATED
from ..store.past import name_of
from .comparing import Change, StepDiff
from .numbers import money
from .phrases import value_words, written
from .request import message_text, parameter_text

OUTCOMES = {"passed": "passed", "failed": "failed", "not-recorded": "not recorded"}


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


# ── Two of them ──


@record
class Reason:
    """What went wrong in a test, and the values that show it."""

    words: str
    values: tuple[str, ...] = ()


@record
class Flip:
    """A case of a test that comes out differently; an outcome is empty where there is no such test.

    `began` is what goes wrong only after, `ended` what went wrong only before.
    """

    case: CaseName
    before: str
    after: str
    began: tuple[Reason, ...]
    ended: tuple[Reason, ...] = ()


@record
class BehaviourDiff:
    """Two pictures of a flow, and what is different; None for one that is not there.

    `figures`: what each is as a whole, by name, before and after.
    """

    path: str
    before: Behaviour | None
    after: Behaviour | None
    inputs: Mapping[str, tuple[str | None, str | None]]
    steps: tuple[StepDiff, ...]
    only_before: tuple[str, ...]  # steps
    only_after: tuple[str, ...]
    flips: tuple[Flip, ...]
    figures: tuple[tuple[str, str, str], ...]
    costs_usd: tuple[Decimal | None, Decimal | None]  # of the tests' questions, asked once

    @property
    def is_complete(self) -> bool:
        """Whether both sides are there, and without mistakes."""
        return all(one is not None and not one.mistakes for one in (self.before, self.after))

    @property
    def is_same(self) -> bool:
        """Whether both do the same."""
        parted = any(one.changes or one.only_before or one.only_after for one in self.steps)
        told = self.inputs or parted or self.only_before or self.only_after or self.flips
        return self.is_complete and not told


def compare(path: str, before: Behaviour | None, after: Behaviour | None) -> BehaviourDiff:
    """What is different between two pictures of the flow at `path`."""
    one, other = before or Behaviour({}), after or Behaviour({})
    costs = _cost(one, other), _cost(other, one)
    figures = tuple(_figures(before, after, costs))
    if before is None or after is None or before.mistakes or after.mistakes:
        wrong = one.mistakes or other.mistakes
        return BehaviourDiff(path, before, after, {}, (), (), (), (), () if wrong else figures, costs)
    names = [name for name in one.steps if name in other.steps]
    # A judge of a test asks under the name of what it judges, which need not be a step.
    names += [name for name in dict.fromkeys(key.step for key in (*one.asked, *other.asked))]
    steps = tuple(_step_diff(name, one, other) for name in dict.fromkeys(names) if _is_in_both(name, one, other))
    return BehaviourDiff(
        path,
        before,
        after,
        _changed(one.inputs, other.inputs),
        tuple(step for step in steps if step.changes or step.only_before or step.only_after),
        tuple(name for name in one.steps if name not in other.steps),
        tuple(name for name in other.steps if name not in one.steps),
        tuple(_flips(one.tried, other.tried)),
        figures,
        costs,
    )


def _is_in_both(name: str, before: Behaviour, after: Behaviour) -> bool:
    return (name in before.steps) == (name in after.steps)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    names = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _step_diff(name: str, before: Behaviour, after: Behaviour) -> StepDiff:
    was, now = before.steps.get(name, {}), after.steps.get(name, {})
    static = [
        Change(what, "", old if old is not None else "not set", new if new is not None else "not set")
        for what, (old, new) in _changed(was, now).items()
    ]
    told = {(one.what, one.before, one.after) for one in static}
    first = {key: one for key, one in before.asked.items() if key.step == name}
    second = {key: one for key, one in after.asked.items() if key.step == name}
    changes: list[Change] = []
    same = 0
    for key, one in first.items():
        if key in second:
            found = list(_differences(one, second[key], key.where()))
            changes += [each for each in found if (each.what, each.before, each.after) not in told]
            same += not found and not one.is_given
    both = before.tried.keys() & after.tried.keys()
    # What a test answers itself is shown where it changed, and counts as no question.
    return StepDiff(
        name,
        (*static, *changes),
        tuple(key.where() for key, one in first.items() if key not in second and key.case in both and not one.is_given),
        tuple(key.where() for key, one in second.items() if key not in first and key.case in both and not one.is_given),
        sum(key in second and not one.is_given for key, one in first.items()),
        same,
    )


def _differences(before: Asked, after: Asked, where: str) -> Iterator[Change]:
    one, other = before.request, after.request
    if one.model != other.model:
        yield Change("model", where, one.model, other.model)
    for name in dict.fromkeys([*one.parameters, *other.parameters]):
        old, new = one.parameters.get(name), other.parameters.get(name)
        if old != new:
            yield Change(name, where, *("not set" if each is None else parameter_text(each) for each in (old, new)))
    if one.schema != other.schema and one.answer != other.answer:
        old_type, new_type = ("text" if each.answer is None else returned(each.answer) for each in (one, other))
        yield Change("returns", where, old_type, new_type)
    if (asked := before.prompt()) != (asks := after.prompt()):
        yield Change("prompt as sent", where, asked, asks)
    if before.answer() != after.answer():
        yield Change("answer", where, before.answer(), after.answer())


def _flips(before: Mapping[CaseName, Tried], after: Mapping[CaseName, Tried]) -> Iterator[Flip]:
    for case in dict.fromkeys([*before, *after]):
        one, other = before.get(case), after.get(case)
        was, now = (OUTCOMES[each.outcome] if each is not None else "" for each in (one, other))
        began, ended = _reasons(other, one), _reasons(one, other)
        if was != now or (one is not None and other is not None and _messages(one) != _messages(other)):
            is_known = other is not None and not other.misses and all(each.rule == UNMET for each in other.failures)
            yield Flip(case, was, now, began, ended if is_known else ())


def _reasons(tried: Tried | None, other: Tried | None) -> tuple[Reason, ...]:
    """What went wrong in one and not in the other."""
    told = {each.message for each in other.failures} if other is not None else set[str]()
    found = (each for each in (tried.failures if tried is not None else ()) if each.message not in told)
    # How to record an answer is no value.
    return tuple(Reason(each.message, each.hints if each.rule == UNMET else ()) for each in found)


def _messages(tried: Tried) -> list[str]:
    # Why an answer is not recorded is told beside its step.
    wrong = [one.message for one in tried.failures if one.rule not in (MISSING, OUTDATED)]
    return wrong if tried.outcome == "failed" else []


def _cost(own: Behaviour, other: Behaviour) -> Decimal | None:
    """What it would cost to ask all questions of the tests once; None where that is not known."""
    if own.prices is None:
        return None
    costs = [one.cost_usd(own.prices, other.asked.get(key)) for key, one in own.asked.items() if not one.is_given]
    known = [one for one in costs if one is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _figures(
    before: Behaviour | None, after: Behaviour | None, costs: tuple[Decimal | None, Decimal | None]
) -> Iterator[tuple[str, str, str]]:
    told = [_told(side, cost) for side, cost in zip((before, after), costs, strict=True)]
    for name in dict.fromkeys([*told[0], *told[1]]):
        yield name, told[0].get(name, "-"), told[1].get(name, "-")


def _told(side: Behaviour | None, cost: Decimal | None) -> dict[str, str]:
    if side is None:
        return {}
    return {
        "tests": _outcomes(side.tried),
        "calls of a run": "the data decide" if side.calls is None else f"{side.calls:,}",
        "calls of the tests": f"{side.calls_of_tests:,}",
        "their cost, about": "unknown" if cost is None else money(cost),
    }


def _outcomes(tried: Mapping[CaseName, Tried]) -> str:
    counts = Counter[str](one.outcome for one in tried.values())
    return ", ".join(f"{counts[outcome]:,} {words}" for outcome, words in OUTCOMES.items() if counts[outcome]) or "none"
