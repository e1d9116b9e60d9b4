"""Checks a flow again: a step or let whose section is the same, and that would hear the same answers, is as it was.

What the lines of a step mean hangs on the lines themselves and on what the flow around says of the names in them: what
an input, let or step gives, what a snippet or a file says, whether a name is anything at all. A step has no other way
to learn of these than the few questions of `Around`. So a `Watched` stands between a step and its flow, hands each
question on, and writes it down. The next time, the questions are asked first (`_Answers`, each once per flow). If the
section is the same object (read.py: a section that only moved is) and every answer is the same, then looking through
the lines would ask the same first question, hear the same, ask the same second one, and so on to the same end. That
end is taken from the last time, and moved to where the section now stands (`StepCheck.check_again`).

Why nothing else can slip in:

- What a step tells is never taken from the last time: one that has told anything, or asked for a hint, is not kept.
  So all reports are made anew, in the order of a check that remembers nothing.
- What a step has of others beyond names (its preset's parameters, its tools, what a flow or tool that it runs takes
  and gives, its own type) is worked out anew each time, and what its lines mean is kept only for the same `given`.
  A preset that reads a name of its own accord makes the step read in another order, so such a step is not kept.
- A name is used, or waited for, because a check of it says so: what is kept says it, too.
- Answers hold no places, for these change with every line above. Where a name was read inside a pasted text is kept as
  the question whose answer was that text, and looked up again.
- A question that can't be asked like this (of a text pasted from another file, of a name whose type is still being
  worked out) makes a step doubtful, and it is not kept.

Whatever is not kept is checked again, which costs time and nothing else. What is remembered is what the last check has
used: as much as one flow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal
from functools import cached_property

from ..diagnostics.source import Span
from ..record import record
from . import ast
from .book import Declared, Here
from .check_step import Given, StepCheck
from .checked import CheckedStep
from .lookup import Facts, Snippet
from .neighbours import Reads
from .step_lines import Frame
from .typed import Typer
from .types import RecordType, Type
from .watched import Asked, KeptReads, Question, Watched

Let = tuple[ast.Value, Type, Reads]


@record
class _KeptStep:
    checked: CheckedStep
    start: int  # where it stood
    frame: Frame
    given: Given
    facts: Facts
    asked: tuple[Question, ...]
    uses: tuple[str, ...]
    reads: KeptReads


@record
class _KeptLet:
    value: ast.Value
    type: Type
    asked: tuple[Question, ...]
    uses: tuple[str, ...]
    reads: KeptReads


@record
class FlowMemory:
    """What the last check of one flow came to, by section, and the answers that it hung on."""

    answers: Mapping[Question, object] = field(default_factory=dict)
    steps: Mapping[ast.Section, _KeptStep] = field(default_factory=dict)
    lets: Mapping[ast.Section, _KeptLet] = field(default_factory=dict)


class Memory:
    """What the last check of a file and its imports came to, by path and flow."""

    def __init__(self) -> None:
        self.flows: dict[tuple[str, str], FlowMemory] = {}

    def of(self, path: str, flow: str) -> FlowMemory:
        """What is remembered of one flow. It is given away: a check that breaks off leaves nothing half done."""
        return self.flows.pop((path, flow), None) or FlowMemory()


class Again:
    """One flow that is checked again."""

    def __init__(self, flow: Asked, before: FlowMemory) -> None:
        self._flow = flow
        self._before = before
        self._answers = _Answers(flow, before.answers)
        self._steps: dict[ast.Section, _KeptStep] = {}
        self._lets: dict[ast.Section, _KeptLet] = {}

    def watched(self) -> "Watched":
        """What a step or let may ask instead of the flow, so that its questions are known."""
        return Watched(self._flow)

    def frame(self, section: ast.Section) -> Frame | None:
        """The lines of a step that was looked at before, put in order."""
        kept = self._before.steps.get(section)
        return None if kept is None else kept.frame

    def step(self, step: StepCheck) -> CheckedStep | None:
        """The step, checked."""
        section, start = step.section, step.here.start
        kept = self._before.steps.get(section) if self._is_alone(step.declared) else None
        if (
            kept is not None
            and self._answers.is_same(kept.given, step.given)
            and self._answers.changed.isdisjoint(kept.asked)
        ):
            reads = self._placed(kept.reads, step.here)
            found = step.check_again(kept.checked, start - kept.start, kept.facts, reads)
            if found is not None:
                self._flow.use(kept.uses)
                self._steps[section] = _KeptStep(
                    found, start, kept.frame, step.given, kept.facts, kept.asked, kept.uses, kept.reads
                )
                return found
        checked = step.check()
        watched = step.flow
        if checked is not None and isinstance(watched, Watched) and self._can_keep(watched, step.declared):
            reads_kept = watched.without_places(step.look.reads, step.here)
            if reads_kept is not None:
                uses = self._noted(watched)
                self._steps[section] = _KeptStep(
                    checked, start, step.frame, step.given, step.look.facts, tuple(watched.asked), uses, reads_kept
                )
        return checked

    def let(self, declared: Declared, value: ast.Value) -> Let:
        """The value of a let, complete, with its type and what it reads."""
        section, here = declared.section, declared.here
        kept = self._before.lets.get(section) if self._is_alone(declared) else None
        if kept is not None and self._answers.are_as_before(kept.asked):
            self._flow.use(kept.uses)
            self._lets[section] = kept
            return kept.value, kept.type, self._placed(kept.reads, here)
        watched = self.watched()
        typer = Typer.at(watched, here)
        resolved, kind = typer.value(value)
        if self._can_keep(watched, declared):
            reads = watched.without_places(typer.look.reads, here)
            if reads is not None:
                uses = self._noted(watched)
                self._lets[section] = _KeptLet(resolved, kind, tuple(watched.asked), uses, reads)
        return resolved, kind, typer.look.reads

    def after(self) -> FlowMemory:
        """What to remember of this check."""
        asked: set[Question] = set()
        asked.update(*[one.asked for one in self._steps.values()], *[one.asked for one in self._lets.values()])
        answers = {question: self._answers.ask(question) for question in asked}
        return FlowMemory(answers, self._steps, self._lets)

    def _is_alone(self, declared: Declared) -> bool:
        """Whether a section is the only one of its name; the start of a file is no place that can be told from it."""
        return declared.here.start > 0 and self._flow.declared(declared.name.text) is declared

    def _can_keep(self, watched: "Watched", declared: Declared) -> bool:
        open_ones = any(kind == "find" and self._flow.is_open(rest[0]) for kind, *rest in watched.asked)
        is_whole = not declared.section.broken and not declared.section.unclosed
        return is_whole and not watched.is_doubtful and not open_ones and self._is_alone(declared)

    def _noted(self, watched: "Watched") -> tuple[str, ...]:
        """Notes the answers to all that was asked; which names they make used."""
        for question in watched.asked:
            self._answers.ask(question)
        return tuple(watched.used)

    def _placed(self, kept: KeptReads, here: Here) -> Reads:
        texts = self._answers.texts
        return {name: (here if text is None else texts[text], span) for name, text, span in kept}


class _Answers:
    """What a flow says now, each question asked once."""

    def __init__(self, flow: Asked, before: Mapping[Question, object]) -> None:
        self._flow = flow
        self._before = before
        self._same: dict[Question, bool] = {}
        self.now: dict[Question, object] = {}
        self.texts: dict[Question, Here] = {}  # where the texts that are answers stand
        self._records: dict[tuple[int, int], bool] = {}  # schemas' types stand in many others: which are the same

    @cached_property
    def changed(self) -> frozenset[Question]:
        """Of all that was asked in the last check, what is answered in another way. Asked when all types are known."""
        return frozenset(question for question in self._before if not self.are_as_before((question,)))

    def are_as_before(self, questions: Iterable[Question]) -> bool:
        """Whether the last check heard the same."""
        same = self._same
        for question in questions:
            found = same.get(question)
            if found is None:
                if question[0] == "find" and self._flow.is_open(question[1]):
                    return False
                found = same[question] = self.is_same(self.ask(question), self._before[question])
            if not found:
                return False
        return True

    def is_same(self, one: object, other: object) -> bool:
        """Whether two answers are the same to the letter: unlike `==`, it tells 1.0 from 1, which is told and sent."""
        if one is other:
            return True
        if type(one) is not type(other):
            return False
        match one:
            case tuple():
                assert isinstance(other, tuple)
                return self._are_same(one, other)
            case dict():
                assert isinstance(other, dict)
                return self._are_same(tuple(one.items()), tuple(other.items()))
            case Decimal():
                return str(one) == str(other)
            case RecordType():
                key = id(one), id(other)
                if key not in self._records:
                    self._records[key] = self._are_same(*map(_values, (one, other)))
                return self._records[key]
            case ast.Section() | str() | int() | None:
                return one == other
            case _:
                return self._are_same(*map(_values, (one, other)))

    def _are_same(self, one: tuple[object, ...], other: tuple[object, ...]) -> bool:
        if len(one) != len(other):
            return False
        for mine, yours in zip(one, other, strict=True):
            if mine is not yours and not self.is_same(mine, yours):
                return False
        return True

    def ask(self, question: Question) -> object:
        """The answer, without places."""
        if question not in self.now:
            answer, here = self._answer(question)
            if here is not None:
                self.texts[question] = here
            self.now[question] = answer
        return self.now[question]

    def _answer(self, question: Question) -> tuple[object, Here | None]:
        found: object
        match question:
            case ("declared", name):
                declared = self._flow.declared(name)
                return (None if declared is None else declared.section), None
            case ("text", path):
                loaded = self._flow.text_of(ast.FileText(path, Span(0, 0)), self._flow.here)
                if loaded is None:
                    return None, None
                return (loaded.words, loaded.parts is None, loaded.source.path), Here(loaded.source, 0)
            case ("member", alias, name):
                found = self._flow.member(alias, name)
            case (_, name):
                found = self._flow.look_up(name)
        is_import = question[0] == "find" and self._flow.member(question[1], "") is not False
        if isinstance(found, Snippet):
            return (found.parts, found.here.source.path, is_import), found.here
        return (found, is_import), None


def _values(record: object) -> tuple[object, ...]:
    return tuple([getattr(record, name) for name in type(record).__match_args__])  # type: ignore[attr-defined]
