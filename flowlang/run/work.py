"""The work of a step, for one item or the step itself: asking a model, running a flow, calling a tool."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import assert_never

from ..language import ast
from ..language.checked import CheckedStep
from ..language.expression import Scope, evaluate
from ..language.unsettled import Unsettled, Untold
from ..language.values import EMPTY, Remembered, Value, ValueMistake, bare
from ..models.answer import read_answer
from ..models.errors import BadAnswer
from ..plan.graph import Ask, Plan, PlannedStep
from ..plan.requests import EmptyParameter, rendered_messages, settled, timeout_s_of, tries_of
from .ahead import wrong_count
from .answering import Answering
from .event import Noted
from .files import without_last_break
from .fitting import Misfit, fitted
from .ground import Conversation, Ground, held, left_out, worked_out
from .inputs import defaults_of
from .outcome import FAILED_BEFORE, Done, Failed, Failure, LeftOut, LimitReached, Skipped, StepFailure
from .question import Asker
from .tool_use import ToolUse
from .tools import ToolFailed, shortened

MOST_SHOWN = 120  # characters of what a tool gave back, where it does not fit


class Work:
    """What a step does. `begin` is called right before anything is sent: from then on it is not left out any more."""

    def __init__(self, node: PlannedStep, step: CheckedStep, ground: Ground, begin: Callable[[], None]) -> None:
        self.node = node
        self.step = step
        self.ground = ground
        self._begin = begin

    async def value(self, names: Mapping[str, Value], place: int | None) -> Value:
        """The value of the item at `place`, or of a step that does not repeat. Raises what outcome.py has."""
        try:
            match self.step.kind:
                case "prompt":
                    return await self._asked(names, place)
                case "run":
                    return await (self._until(names) if self.step.until is not None else self._ran(names, place))
                case _:
                    return await self._called(names, place)
        except ValueMistake as mistake:
            raise StepFailure(Failure("wrong-value", mistake.message, self.step.place)) from None
        except EmptyParameter as empty:
            raise left_out((empty.value,)) from None

    async def _asked(self, names: Mapping[str, Value], place: int | None) -> Value:
        """The model's answer, or the list of its samples."""
        step, ground, scope = self.step, self.ground, Scope(names)
        before = self._continued(names)
        messages, gap = rendered_messages(step.messages, scope)
        if gap is not None:
            raise left_out(gap.empties)
        settled(self.node.asks[0], scope)  # a parameter that is empty must be found before anything is sent
        answering = Answering(
            node=self.node,
            step=step,
            asker=Asker(ground.path, step.name, place),
            gate=ground.gate,
            budget=ground.budget,
            emit=ground.emit,
            using=self._using(Asker(ground.path, step.name, place)),
            waiting=ground.waiting,
            stood_in=ground.stand_in(ground.path, step.name),
        )
        rounds = self._number(step.rounds, "rounds", names)
        said = before + messages
        if step.samples is None:
            self._begin()
            answered = await answering.answer(said, scope, rounds, 1)
            if self.node.is_continued:
                ground.conversations.setdefault(step.name, {})[place] = answered.conversation
            return answered.value
        samples = self._number(step.samples, "samples", names)
        self._begin()
        values: dict[int, Value] = {}
        wrong: dict[int, StepFailure | LimitReached | Untold] = {}

        async def work(sample: int) -> bool:
            try:
                values[sample] = (await answering.answer(said, scope, rounds, sample)).value
            except (StepFailure, LimitReached, Untold) as one:
                wrong[sample] = one
            return all(isinstance(one, Untold) for one in wrong.values())

        await ground.together(range(1, samples + 1), min(samples, ground.gate.at_once), work)
        if wrong:
            raise wrong[min(wrong)]
        return tuple(values[sample] for sample in sorted(values))

    def _continued(self, names: Mapping[str, Value]) -> Conversation:
        """The conversation that comes first: of the step that is continued, or of the item's own answer."""
        name = self.step.continues
        if name is None:
            return ()
        if self.ground.names.get(name, EMPTY) is EMPTY:
            raise LeftOut(f"`{name}` is empty", (name,))
        place: int | None = None
        if self.node.continued_by_loop is None:
            _refuse_untold(self.ground.names[name])
        else:
            item = names[self.node.continued_by_loop]
            _refuse_untold(item)
            number = item.memory.get("place") if isinstance(item, Remembered) else None
            place = int(number) if isinstance(number, Decimal) else None
        found = self.ground.conversations.get(name, {}).get(place)
        if found is None:
            message = f"step `{self.step.name}` has no conversation of `{name}` to go on with"
            raise StepFailure(Failure("wrong-value", message, self.step.place))
        return found

    async def _ran(self, names: Mapping[str, Value], place: int | None) -> Value:
        """The outputs of the flow that the step runs."""
        given = self._given(names)
        self._begin()
        return await self._result(given, self.step.name if place is None else f"{self.step.name}[{place}]")

    async def _until(self, names: Mapping[str, Value]) -> Value:
        """The outputs of the last round; what a round puts out feeds the next one's inputs of the same name."""
        step, plan = self.step, self._plan()
        assert step.until is not None
        value: Value = EMPTY
        fed: dict[str, Value] = {}
        for number in range(1, step.times + 1):
            given = {**self._given({**names, step.name: value}), **fed}
            self._begin()
            value = await self._result(given, f"{step.name}[{number}]")
            if held(step.until, {**names, step.name: value}, step.place):
                return value
            outputs = [output.name for output in plan.outputs]
            told = value.known if isinstance(value, Unsettled) and value.known is not None else value
            record = {outputs[0]: value} if len(outputs) == 1 else told
            assert isinstance(record, Mapping)
            for name, fresh in record.items():
                if name in plan.flow.inputs and bare(fresh) is not EMPTY:
                    fed[name] = self._fit(fresh, name)
        rounds = "one round" if step.times == 1 else f"{step.times} rounds"
        message = f"{self._until_words()} was not reached in {rounds}: the last one stands"
        self.ground.emit(Noted(self.ground.path, step.name, message))
        return value

    def _until_words(self) -> str:
        """The condition as the flow has it."""
        place = self.step.until_place
        line = " ".join(place.source.text[slice(*place.span)].split()) if place is not None else ""
        words = line.removeprefix("repeat until ").rpartition(", at most")[0]
        return f"`{words}`" if words else "the condition"

    async def _result(self, given: Mapping[str, Value], path: str) -> Value:
        """One run of the step's flow: a record of its outputs, or the single one's value."""
        plan, ground = self._plan(), self.ground
        stood_in = ground.stand_in(ground.path, self.step.name)
        if stood_in is not None:
            return stood_in.value
        values = {**defaults_of(plan.flow), **given}
        full = f"{ground.path}/{path}" if ground.path else path
        outcomes = await ground.run_flow(plan, values, full, ground.budget)
        record: dict[str, Value] = {}
        for name, outcome in outcomes.items():
            match outcome:
                case Done():
                    record[name] = outcome.value
                case Skipped():
                    record[name] = EMPTY
                case Failed():
                    ground.budget.check_all()
                    flow = f"flow `{plan.flow.name}`" if plan.flow.name else "the flow that it runs"
                    message = f"step `{self.step.name}` failed, because `{outcome.root}` in {flow} did"
                    raise StepFailure(Failure(FAILED_BEFORE, message, self.step.place))
                case _:
                    assert_never(outcome)
        value = next(iter(record.values())) if len(record) == 1 else record
        if isinstance(value, Unsettled):
            return Unsettled(self.step.name, value.known)
        if len(record) > 1 and any(type(one) is Unsettled for one in record.values()):
            return Unsettled(self.step.name, record)
        return value

    def _plan(self) -> Plan:
        assert self.node.sub is not None
        return self.node.sub

    def _given(self, names: Mapping[str, Value]) -> dict[str, Value]:
        """What the step's `with` lines hand to its flow. Raises LeftOut for what is empty and needed."""
        scope, inputs = Scope(names), self._plan().flow.inputs
        given: dict[str, Value] = {}
        for name, value in self.step.with_:
            try:
                found = evaluate(value, scope)
            except Untold as untold:
                given[name] = Unsettled(untold.what.by, is_input=untold.what.is_input)
                continue
            if bare(found) is not EMPTY:
                given[name] = self._fit(found, name)
            elif not inputs[name].optional:
                raise left_out(scope.blame(value))
            else:
                given[name] = EMPTY
        return given

    def _fit(self, value: Value, name: str) -> Value:
        if isinstance(value, Unsettled):
            return value
        try:
            return fitted(value, self._plan().flow.inputs[name].type)
        except Misfit as misfit:
            message = f"step `{self.step.name}` hands on what does not fit: {misfit.sentence(name)}"
            raise StepFailure(Failure("wrong-value", message, self.step.place)) from None

    async def _called(self, names: Mapping[str, Value], place: int | None) -> Value:
        """The result of the tool that the step calls."""
        step, ground, tool = self.step, self.ground, self.step.call
        assert tool is not None
        scope = Scope(names)
        types = {name: of for name, of, _ in tool.takes}
        takes: dict[str, Value] = dict.fromkeys(types, EMPTY)
        for name, value in step.with_:
            found = evaluate(value, scope)
            try:
                takes[name] = fitted(found, types[name])
            except Misfit as misfit:
                if bare(found) is EMPTY:
                    raise left_out(scope.blame(value)) from None
                message = f"tool `{tool.name}` cannot take this: {misfit.sentence(name)}"
                raise StepFailure(Failure("wrong-value", message, step.place)) from None
        parameters = settled(Ask("", step.parameters), scope)
        self._begin()
        stood_in = ground.stand_in(ground.path, step.name)
        if stood_in is not None:
            return stood_in.value
        using = self._using(Asker(ground.path, step.name, place))
        # A call may have done its work and failed all the same: it is made again only where the step says so.
        tries = tries_of(parameters) if "tries" in parameters else 1
        timeout_s = timeout_s_of(parameters)
        while True:
            ground.budget.check_time()
            try:
                text = await using.perform(tool, takes, timeout_s)
                break
            except ToolFailed as failed:
                tries -= 1
                if tries and failed.told:
                    continue
                raise StepFailure(Failure(failed.rule, failed.message, step.settings["call"], failed.hints)) from None
        if text is None and tool.returns is None:
            return EMPTY
        try:
            return read_answer("null" if text is None else without_last_break(text), tool.returns)
        except BadAnswer as mistake:
            message = f"tool `{tool.name}` gave back what does not fit its `returns:`"
            why = mistake.message.replace("the answer", "it", 1) if text else "it gave back nothing"
            hints = (why, f"it gave back: {shortened(text, MOST_SHOWN)}") if text else (why,)
            raise StepFailure(Failure("tool-failed", message, step.settings["call"], hints)) from None

    def _using(self, asker: Asker) -> ToolUse:
        """The tools in the hands of the step."""
        ground = self.ground
        return ToolUse(
            ground.perform_tool, ground.secrets, asker, ground.emit, ground.gate, ground.together, self.step.place
        )

    def _number(self, written: int | ast.Value, setting: str, names: Mapping[str, Value]) -> int:
        """A count that may be given by name."""
        if isinstance(written, int):
            return written
        place = self.step.settings[setting]
        found = bare(worked_out(written, names, place))
        if found is EMPTY:
            raise left_out(Scope(names).blame(written))
        if (failure := wrong_count(setting, found, place)) is not None:
            raise StepFailure(failure)
        assert isinstance(found, Decimal)
        return int(found)


def _refuse_untold(value: Value) -> None:
    """Raises Untold for an answer that nobody knows yet: its conversation isn't there either."""
    if isinstance(found := bare(value), Unsettled):
        raise Untold(found)
