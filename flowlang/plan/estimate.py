"""What a run will probably need, and at most: calls, tokens and money, by what is known before anything is sent.

Texts are filled in with the inputs that are given. What an answer will say nobody knows: its size is guessed from its
type, and its largest size is what its model may say. Every answer is taken to fit at once, as in the plan.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from graphlib import TopologicalSorter

from ..language import ast, types
from ..language.checked import CheckedFlow, CheckedLet, CheckedStep
from ..language.checked_types import item_of, type_of
from ..language.types import Type, bare
from ..language.values import EMPTY, Value
from ..language.values import bare as bare_value
from ..models.chat import Usage
from ..models.cost import Prices, cost_usd, searches_of, tokens_of, worst_case_usd
from .alike import asked_once
from .graph import Ask, Plan, PlannedStep
from .known import Looks, Names, Unknown, holds, value_of
from .need import NOBODY_KNOWS, Need, many, scaled
from .sizes import (
    Size,
    fixed,
    likely,
    likely_answer,
    likely_items,
    most_of_type,
    size_of_schema,
    size_of_tools,
    tokens_of_value,
)

_TURNS = 2  # of a model that may call tools
_JUDGING = 80  # tokens around a rule
_MOST_ITEMS = 10_000  # of one loop: a run goes through no more
_DEEPEST = 32  # flows that run each other; of what is below nobody knows


@dataclass(frozen=True, slots=True)
class Estimate:
    """A plan with its numbers filled in, the need of each step, and of all together."""

    plan: Plan
    needs: Mapping[str, Need]
    total: Need


def estimate(
    plan: Plan,
    inputs: Mapping[str, Value],
    prices: Prices,
    items: Mapping[str, int] | None = None,
    *,
    keeps: bool = False,
) -> Estimate:
    """What a run of the plan needs with these inputs; those that are not given are not known.

    `items` says of steps how many items they go through, where that is known although the list is not. `keeps`: what is
    answered is kept, so that items that ask the same ask once.
    """
    needs = _Flow(plan, inputs, prices, Looks(keeps=keeps), items=items or {}).needs()
    nodes = {
        name: replace(node, calls=needs[name].calls, tokens_in=needs[name].tokens_in, cost_usd=needs[name].likely_usd)
        if node.kind in ("prompt", "run")
        else node
        for name, node in plan.nodes.items()
    }
    total = sum(needs.values(), Need())
    return Estimate(replace(plan, nodes=nodes, calls=total.calls, cost_usd=total.likely_usd), needs, total)


class _Flow:
    """One run of one flow, as far as it is known."""

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Value],
        prices: Prices,
        looks: Looks,
        depth: int = 0,
        items: Mapping[str, int] | None = None,
        handed: Mapping[str, Size] | None = None,
    ) -> None:
        self._counted = items or {}
        self._handed = handed or {}  # inputs that come of answers: how large they are
        self._plan = plan
        self._flow: CheckedFlow = plan.flow
        self._prices = prices
        self._names = Names(inputs)
        self._answers: dict[str, Size] = {}  # of prompt steps: one answer
        self._said: dict[str, Size] = {}  # of prompt steps: the conversation of one answer
        self._sources: dict[str, ast.Value] = {}  # of the names of loops: the list that they go through
        self._items: dict[str, int | None] = {}  # of steps that repeat: the most items
        self._depth = depth
        self._looks = looks

    def needs(self) -> dict[str, Need]:
        """What each step needs, lets included; they need nothing."""
        found: dict[str, Need] = {}
        nodes = self._plan.nodes
        for name in TopologicalSorter({name: node.waits_for for name, node in nodes.items()}).static_order():
            node = nodes[name]
            found[node.name] = Need()
            if isinstance(node.of, CheckedLet):
                value = value_of(node.of.value, self._names)
                if value is not None:
                    self._names[node.name] = value
            elif node.kind != "call":
                found[node.name] = self._need(node, node.of)
        return found

    # ── A step ──

    def _need(self, node: PlannedStep, step: CheckedStep) -> Need:
        turns = self._turns(step)
        if turns is not None and not turns:
            self._items[step.name] = 0
            self._note_answer(node, step, {}, {})
            return Need()
        kinds = self._kinds(step)
        if turns is None:
            if any(self._hangs_on_input(loop.items, self._names, kinds) for loop in step.loops):
                self._items[step.name] = None
                self._note_answer(node, step, {}, {})
                return Need(node.calls, None, None, None, None)
            most = self._counted.get(step.name, self._most_items(step))
            each = self._need_once(node, step, self._names, kinds)
            self._items[step.name] = most
            calls = node.calls
            if step.name in self._counted and each.calls is not None and most is not None:
                calls = most * each.calls
            return many(each, calls, self._usual_items(step, most), most)
        self._items[step.name] = len(turns)
        if self._looks.keeps and len(turns) > 1:
            turns = asked_once(node, step, turns)
        looked_at = turns[: self._looks.of_step(len(turns)) if step.loops else 1]
        total, is_sure = Need(), True
        for names in looked_at:
            is_sure = is_sure and (step.when is None or holds(step.when, names) is not None)
            total += self._need_once(node, step, names, kinds)
        if len(turns) > len(looked_at):
            total = scaled(total, len(turns), len(looked_at))
        return total if is_sure or not total.calls else replace(total, calls=None)

    def _turns(self, step: CheckedStep) -> list[Names] | None:
        """The names of each turn of a step that will or may be taken; None if it repeats over what nobody knows."""
        turns = [self._names]
        for loop in step.loops:
            longer: list[Names] = []
            for names in turns:
                items = value_of(loop.items, names)
                listed = None if items is None else bare_value(items)
                if listed is EMPTY:
                    continue
                if not isinstance(listed, tuple):
                    return None
                if len(longer) + len(listed) > _MOST_ITEMS:
                    return None
                longer += [Names({**names, loop.name: item}) for item in listed]
            turns = longer
        for place, names in enumerate(turns, 1) if step.loops else ():
            names["place"] = Decimal(place)
        if step.when is not None:
            turns = [names for names in turns if holds(step.when, names) is not False]
        return turns

    def _kinds(self, step: CheckedStep) -> dict[str, Type]:
        """The types of the loops' items."""
        kinds: dict[str, Type] = {}
        for loop in step.loops:
            kinds[loop.name] = item_of(type_of(loop.items, self._flow, kinds))
            self._sources[loop.name] = loop.items
        return kinds

    def _usual_items(self, step: CheckedStep, most: int | None) -> int:
        """How many turns a step probably takes, if nobody knows."""
        product, kinds = 1, dict[str, Type]()
        for loop in step.loops:
            of = bare(type_of(loop.items, self._flow, kinds))
            at_most = self._most_of(loop.items, kinds)
            product *= likely_items(of) if at_most is None else min(at_most, likely_items(of))
            kinds[loop.name] = item_of(of)
        return product if most is None else min(product, most)

    def _most_items(self, step: CheckedStep) -> int | None:
        """The most turns that a step can take."""
        product, kinds = 1, dict[str, Type]()
        for loop in step.loops:
            most = self._most_of(loop.items, kinds)
            if most is None:
                return None
            product *= most
            kinds[loop.name] = item_of(type_of(loop.items, self._flow, kinds))
        return product

    def _most_of(self, ref: ast.Ref, kinds: Mapping[str, Type]) -> int | None:
        items = value_of(ref, self._names)
        listed = None if items is None else bare_value(items)
        if isinstance(listed, tuple):
            return len(listed)
        name, depth = ref.parts[0].text, len(ref.parts)
        of = bare(type_of(ref, self._flow, kinds))
        if depth == 1 and (step := self._flow.steps.get(name)) is not None:
            if step.loops:
                return self._items.get(name)
            if isinstance(step.samples, int):
                return step.samples
        if depth == 1 and (let := self._flow.lets.get(name)) is not None and isinstance(let.value, ast.Piped):
            return self._most_of_piped(let.value, kinds)
        return of.high if isinstance(of, types.ListOf) else None

    def _most_of_piped(self, value: ast.Piped, kinds: Mapping[str, Type]) -> int | None:
        most = self._most_of(value.head, kinds) if isinstance(value.head, ast.Ref) else None
        for call in value.filters:
            match call.name, call.arguments:
                case ("where" | "sort by" | "take" | "unique" | "group by", _):
                    continue
                case ("first" | "last", (ast.Number(number),)):
                    most = int(number) if most is None else min(most, int(number))
                case _:
                    return None
        return most

    # ── One turn of a step ──

    def _need_once(
        self, node: PlannedStep, step: CheckedStep, names: Mapping[str, Value], kinds: Mapping[str, Type]
    ) -> Need:
        if node.sub is not None:
            return self._need_of_sub(node.sub, step, names, kinds)
        self._note_answer(node, step, names, kinds)
        samples = self._count(step.samples, names)
        if samples is None:
            return NOBODY_KNOWS
        ask, answer = node.asks[0], self._answers[step.name]
        try:
            said = self._conversation(step, names, kinds)
        except Unknown:
            calls = samples * (1 + sum(judge is not None for judge in node.judges))
            return Need(calls, calls, None, None, None)
        question = said + fixed(size_of_schema(step) + size_of_tools(step))
        need = self._asked(ask, question, answer)
        if step.tools:
            rounds = self._count(step.rounds, names)
            # Each turn sends all before it again.
            need = replace(scaled(need, _TURNS, 1), calls=1, most_calls=None if rounds is None else rounds + 1)
            need = replace(need, most_usd=None)
        for judge, ensured in zip(node.judges, step.ensures, strict=True):
            if judge is not None and isinstance(ensured.rule, ast.Text):
                rule = self._text(ensured.rule.parts, names, kinds) + fixed(_JUDGING)
                verdict = Size(30, self._most_answer(judge))
                need += self._asked(judge, said + answer + rule, verdict)
        self._said[step.name] = said + answer
        return scaled(need, samples, 1)

    def _asked(self, ask: Ask, question: Size, answer: Size) -> Need:
        """One call."""
        entry = self._prices.entry(ask.model)
        # No question is larger than the window, whatever the answers in it come to.
        sizes = [size for size in (question.most, entry.window) if size is not None]
        searches = searches_of({name: one.value for name, one in ask.parameters.items()})
        most = worst_case_usd(entry, min(sizes), answer.most, searches) if sizes and answer.most is not None else None
        likely = cost_usd(entry, Usage(question.likely, answer.likely, searches=searches))
        return Need(1, 1, question.likely, likely, most)

    def _need_of_sub(self, sub: Plan, step: CheckedStep, names: Mapping[str, Value], kinds: Mapping[str, Type]) -> Need:
        """What the flow needs that a step runs, with what the step hands to it."""
        given: dict[str, Value] = {}
        sizes: dict[str, Size] = {}
        for name, one in sub.flow.inputs.items():
            if one.default is not None and (value := value_of(one.default, Names())) is not None:
                given[name] = value
            elif one.optional:
                given[name] = EMPTY
        for name, handed in step.with_:
            given.pop(name, None)
            if (value := value_of(handed, names)) is not None:
                given[name] = value
            elif isinstance(bare(type_of(handed, self._flow, kinds)), types.TextType):
                with suppress(Unknown):
                    sizes[name] = self._slot(handed, names, kinds)
        if self._depth >= _DEEPEST:
            return NOBODY_KNOWS
        once = sum(_Flow(sub, given, self._prices, self._looks, self._depth + 1, handed=sizes).needs().values(), Need())
        if step.until is None or step.times == 1:
            return once
        most = scaled(once, step.times, 1)
        return replace(
            once, calls=None if once.calls else once.calls, most_calls=most.most_calls, most_usd=most.most_usd
        )

    def _count(self, written: "int | ast.Value | None", names: Mapping[str, Value]) -> int | None:
        """A count that may be given by name; 1 if it is not there."""
        if written is None or isinstance(written, int):
            return 1 if written is None else written
        found = value_of(written, names)
        return int(found) if isinstance(found, Decimal) else None

    def _note_answer(
        self, node: PlannedStep, step: CheckedStep, names: Mapping[str, Value], kinds: Mapping[str, Type]
    ) -> None:
        if node.kind == "prompt" and step.name not in self._answers:
            usual = likely_answer(step.answer)
            most = self._most_answer(node.asks[0])
            self._answers[step.name] = Size(usual if most is None else min(usual, most), most)

    def _most_answer(self, ask: Ask) -> int | None:
        written = ask.parameters.get("max_tokens")
        if written is not None and isinstance(written.value, Decimal):
            return int(written.value)
        return self._prices.entry(ask.model).max_output

    # ── Texts ──

    def _conversation(self, step: CheckedStep, names: Mapping[str, Value], kinds: Mapping[str, Type]) -> Size:
        """What one call of a step is asked. Raises Unknown where an input is missing."""
        size = fixed(3)
        if step.continues is not None:
            if step.continues not in self._said:
                raise Unknown
            size += self._said[step.continues]
        for message in step.messages:
            size += fixed(4) + self._text(message.text.parts, names, kinds)
        return size

    def _text(self, parts: Iterable[ast.Part], names: Mapping[str, Value], kinds: Mapping[str, Type]) -> Size:
        size = Size()
        for part in parts:
            match part:
                case str():
                    size += fixed(_tokens_of_part(part))
                case ast.Slot(value=value):
                    size += self._slot(value, names, kinds)
                case ast.For():
                    size += self._for(part, names, kinds)
                case ast.If(condition=condition, body=body, other=other):
                    held = holds(condition, names)
                    if held is not None:
                        size += self._text(body if held else other, names, kinds)
                    else:
                        one, two = self._text(body, names, kinds), self._text(other, names, kinds)
                        size += Size(max(one.likely, two.likely), _most(one.most, two.most))
                case _:
                    pass
        return size

    def _for(self, part: ast.For, names: Mapping[str, Value], kinds: Mapping[str, Type]) -> Size:
        items = value_of(part.items, names)
        listed = None if items is None else bare_value(items)
        if isinstance(listed, tuple):
            size = Size()
            looked_at = listed[: self._looks.of_text(len(listed))]
            for item in looked_at:
                size += self._text(part.body, Names({**names, part.name.text: item}), kinds)
            return size if len(looked_at) == len(listed) else Size(size.likely * len(listed) // len(looked_at), None)
        of = bare(type_of(part.items, self._flow, kinds))
        self._sources[part.name.text] = part.items
        body = self._text(part.body, names, {**kinds, part.name.text: item_of(of)})
        most = self._most_of(part.items, kinds) if isinstance(part.items, ast.Ref) else None
        return body.times(likely_items(of) if most is None else min(most, likely_items(of)), most)

    def _slot(self, value: ast.Value, names: Mapping[str, Value], kinds: Mapping[str, Type]) -> Size:
        found = value_of(value, names)
        if found is not None:
            return fixed(tokens_of_value(found))
        if isinstance(value, ast.Ref) and len(value.parts) == 1 and value.parts[0].text in self._handed:
            return self._handed[value.parts[0].text]
        if self._hangs_on_input(value, names, kinds):
            raise Unknown
        of = type_of(value, self._flow, kinds)
        most = most_of_type(of)
        return Size(likely(of), self._most_said(value) if most is None else most)

    def _hangs_on_input(self, value: ast.Value, names: Mapping[str, Value], kinds: Mapping[str, Type]) -> bool:
        """Whether a value is not known because it begins with an input that was not given."""
        head = value.head if isinstance(value, ast.Piped) else value
        if not isinstance(head, ast.Ref) or (name := head.parts[0].text) in names:
            return False
        if name in kinds:
            outer = {one: of for one, of in kinds.items() if one != name}
            return self._hangs_on_input(self._sources[name], names, outer)
        if (let := self._flow.lets.get(name)) is not None:
            return self._hangs_on_input(let.value, names, kinds)
        return name in self._flow.inputs and name not in self._handed

    def _most_said(self, value: ast.Value) -> int | None:
        """The most tokens of a value that comes of answers: an item is no longer than all of them."""
        head = value.head if isinstance(value, ast.Piped) else value
        if not isinstance(head, ast.Ref):
            return None
        name = head.parts[0].text
        if name in self._sources:
            return self._most_said(self._sources[name])
        if (let := self._flow.lets.get(name)) is not None:
            return self._most_said(let.value)
        step, answer = self._flow.steps.get(name), self._answers.get(name)
        if step is None or answer is None or answer.most is None:
            return None
        samples = step.samples if isinstance(step.samples, int) else 1 if step.samples is None else None
        items = self._items.get(name) if step.loops else 1
        return None if samples is None or items is None else answer.most * samples * items


@lru_cache(maxsize=8192)
def _short(text: str) -> int:
    return tokens_of(text)


def _tokens_of_part(text: str) -> int:
    """An estimate of the tokens of a prompt's own words: after an edit nearly all of them are what they were."""
    return _short(text) if len(text) < 1_000 else tokens_of(text)


def _most(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else max(one, two)
