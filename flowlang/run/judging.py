"""`judge VALUE: "rule"` of a test: a model says whether the rule holds. It is asked as the judge of a step is."""

from collections.abc import Callable, Iterable, Mapping

from ..language.checked import CheckedLet, CheckedLimits, CheckedStep, JudgeLine
from ..language.expression import Scope, evaluate
from ..language.lookup import refs_of
from ..language.values import EMPTY, Value, ValueMistake, bare
from ..language.writing import as_text
from ..models.answer import JUDGEMENT
from ..models.chat import ChatMessage
from ..plan.graph import Ask, Defaults, Plan, PlannedStep
from ..plan.requests import asks_of, judge_messages
from .answering import Answering
from .budget import Budget, max_cost_budget
from .event import Event
from .executor import together
from .means import Means
from .outcome import UNMET, Failure, LimitReached, StepFailure
from .question import Asker
from .tool_use import ToolUse
from .unmet import Known, shown


async def judged(
    judge: JudgeLine,
    known: Known,
    plan: Plan,
    defaults: Defaults,
    means: Means,
    clock: Callable[[], float],
    above: Budget | None,
    hear: Callable[[Event], None],
) -> list[Failure]:
    """What is wrong with a value by the word of a judge; nothing if its rule holds. Needs a model's answer for that."""
    try:
        value = evaluate(judge.value, Scope(known.values))
    except ValueMistake as mistake:
        return [Failure("wrong-value", mistake.message, judge.place)]
    if bare(value) is EMPTY:
        return [Failure(UNMET, "there is nothing to judge: the value is empty", judge.place)]
    name = _name_of(judge)
    ask = _ask_of(judge, name, plan, defaults)
    if ask is None or not ask.model:
        hints = ("name one behind the rule: `using PRESET`", "or add [project] model to flowlang.toml")
        return [Failure("missing-setting", "no model is named that could judge this", judge.place, hints)]
    rule = "".join(part for part in judge.rule.parts if isinstance(part, str))
    asker, gate, step = Asker("", name, None), means.gate(hear, clock), _step(name, judge)
    answering = Answering(
        node=_planned(name, ask, judge),
        step=step,
        asker=asker,
        gate=gate,
        budget=Budget(CheckedLimits(), clock, above or max_cost_budget(means.max_cost_usd, clock)),
        emit=hear,
        using=ToolUse(means.perform_tool, {}, asker, hear, gate, together, step.place),
        waiting=means.waiting,
    )
    try:
        answered = await answering.answer(_messages(value, rule), Scope({}), 1, 1)
    except StepFailure as failed:
        return [failed.failure]
    except LimitReached as limit:
        return [Failure("limit-reached", f"this was not judged: {limit.message}", judge.place)]
    verdict = answered.value
    assert isinstance(verdict, Mapping)
    if verdict["holds"] is True:
        return []
    hints = (f"the judge says: {verdict['reason']}", f"it judged {shown(value)}")
    return [Failure(UNMET, f'the judge says that "{rule}" does not hold', judge.place, hints)]


def _messages(value: Value, rule: str) -> tuple[ChatMessage, ...]:
    return judge_messages((), as_text(value), rule)


def _name_of(judge: JudgeLine) -> str:
    """What is judged, by its name in the flow."""
    refs = list(refs_of(judge.value))
    return refs[0].parts[0].text if refs else "text"


def _ask_of(judge: JudgeLine, name: str, plan: Plan, defaults: Defaults) -> Ask | None:
    """The judge's model: as the line says, else that of the step whose answer is judged, else the project's."""
    if judge.using:
        return asks_of(judge.using, (), defaults)[0]
    for one in _asking(plan, [name, *judge.reads, *_read_by_outputs(plan, judge.outputs)]):
        return one
    return Ask(defaults.model, defaults.parameters) if defaults.model else None


def _read_by_outputs(plan: Plan, names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [read for output in plan.outputs if output.name in wanted for read in output.reads]


def _asking(plan: Plan, names: Iterable[str]) -> Iterable[Ask]:
    """How the steps ask that these names come from, the nearest first."""
    left, seen = list(names), set[str]()
    while left:
        name = left.pop(0)
        node = plan.nodes.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.asks and node.asks[0].model:
            yield node.asks[0]
        left += node.reads if isinstance(node.of, CheckedLet) else node.needs


def _step(name: str, judge: JudgeLine) -> CheckedStep:
    return CheckedStep(
        name=name,
        kind="prompt",
        place=judge.place,
        description="",
        messages=(),
        settings={},
        answer=JUDGEMENT,
        answer_place=judge.place,
        type=JUDGEMENT,
        parameters={},
        fallback=(),
        continues=None,
        ensures=(),
        loops=(),
        at_a_time=None,
        until=None,
        until_place=None,
        times=0,
        when=None,
        samples=None,
        tools=(),
        rounds=1,
        run=None,
        call=None,
        with_=(),
        failures=0,
        reads=(),
        waits_for=(),
    )


def _planned(name: str, ask: Ask, judge: JudgeLine) -> PlannedStep:
    return PlannedStep(
        name=name,
        kind="prompt",
        of=_step(name, judge),
        reads=(),
        needs=(),
        waits_for=(),
        level=1,
        asks=(ask,),
        judges=(),
        calls=1,
        sub=None,
        continued_by_loop=None,
        is_continued=False,
    )
