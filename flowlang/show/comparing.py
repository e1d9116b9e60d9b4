"""What is different between two runs, found: inputs, the flow, and for each step what was asked and answered.

What one run asked is held against what the other asked for the same step, item, sample and row: the first question
of each, and the last answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..record import record
from ..store.history import History, PastRun
from ..store.past import Exchange, WholeRun, exchanges, name_of, whole
from .told import Teller

MOST_COMPARED = 2_000_000  # characters of two texts that are compared line by line
AROUND = 1  # lines that are shown around a difference


@record
class Change:
    """One thing that is different: `what` it is ("model", "prompt", "answer"), and where, as "item 2"."""

    what: str
    where: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StepDiff:
    """A step in both runs. `asked`: how many of its questions were compared, `same` how many were equal."""

    name: str
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]  # items that only the earlier run asked for
    only_after: tuple[str, ...]
    asked: int
    same: int


@dataclass(frozen=True, slots=True)
class RunsDiff:
    """Two runs side by side. `inputs` and `sources` hold the changed ones alone; None is what one run has not."""

    before: WholeRun
    after: WholeRun
    inputs: Mapping[str, tuple[str | None, str | None]]
    sources: Mapping[str, tuple[str | None, str | None]]
    steps: tuple[StepDiff, ...]
    only_before: tuple[str, ...]  # steps that only the earlier run has
    only_after: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether both were given, asked and answered the same."""
        parted = any(one.changes or one.only_before or one.only_after for one in self.steps)
        return not (self.inputs or self.sources or parted or self.only_before or self.only_after)


def compare(history: History, before: PastRun, after: PastRun, step: str = "") -> RunsDiff:
    """The differences of two runs; with `step`, of this step alone."""
    teller = Teller(history)
    one, other = whole(history, before), whole(history, after)
    first, second = _questions(history, before), _questions(history, after)
    names = dict.fromkeys([*(of.name for of in one.steps), *first, *(of.name for of in other.steps), *second])
    in_both: list[StepDiff] = []
    only_before: list[str] = []
    only_after: list[str] = []
    known = {of.name for of in one.steps} | first.keys(), {of.name for of in other.steps} | second.keys()
    for name in names:
        if step and name != step:
            continue
        if name not in known[1]:
            only_before.append(name)
        elif name not in known[0]:
            only_after.append(name)
        elif name in first or name in second:
            in_both.append(_step_diff(name, first.get(name, {}), second.get(name, {}), teller))
    return RunsDiff(
        one,
        other,
        {} if step else _changed(_inputs(before, teller), _inputs(after, teller)),
        {} if step else _changed(_sources(before, teller), _sources(after, teller)),
        tuple(in_both),
        tuple(only_before),
        tuple(only_after),
    )


def steps_of(diff: RunsDiff) -> tuple[str, ...]:
    """The names of all steps that were asked anything in one of the runs."""
    return (*(one.name for one in diff.steps), *diff.only_before, *diff.only_after)


# ── Questions ──


@dataclass(slots=True)
class _Question:
    """All that was asked and answered for one place of a step."""

    asked: Exchange
    answered: Exchange | None = None
    all: list[Exchange] = field(default_factory=list)


_Place = tuple[str, int | None, int, str]


def _questions(history: History, run: PastRun) -> dict[str, dict[_Place, _Question]]:
    by_row = run.body.get("each") is not None
    found: dict[str, dict[_Place, _Question]] = {}
    for one in exchanges(history, run):
        places = found.setdefault(name_of(one.path, one.step, by_row), {})
        question = places.setdefault((one.path, one.item, one.sample, one.role), _Question(one))
        question.all.append(one)
        if one.status == "ok" and one.answer is not None and not one.tool_calls:
            question.answered = one
    return found


def _step_diff(
    name: str, before: Mapping[_Place, _Question], after: Mapping[_Place, _Question], teller: Teller
) -> StepDiff:
    changes: list[Change] = []
    same = 0
    both = [place for place in before if place in after]
    for place in both:
        found = list(_differences(before[place], after[place], _where(place), teller))
        changes += found
        same += not found
    gone = tuple(_where(place) or "its question" for place in before if place not in after)
    new = tuple(_where(place) or "its question" for place in after if place not in before)
    return StepDiff(name, tuple(changes), gone, new, len(both), same)


def _differences(before: _Question, after: _Question, where: str, teller: Teller) -> Iterator[Change]:
    one, other = before.asked, after.asked
    if one.key != other.key:
        if one.model != other.model:
            yield Change("model", where, one.model, other.model)
        was, now = teller.parameters(one), teller.parameters(other)
        for name in dict.fromkeys([*was, *now]):
            if was.get(name) != now.get(name):
                yield Change(name, where, _shown(was.get(name)), _shown(now.get(name)))
        for what, old, new in (
            ("schema", teller.schema(one), teller.schema(other)),
            ("tools", "\n".join(teller.tools(one)), "\n".join(teller.tools(other))),
            ("provider", _origin(one), _origin(other)),
            ("prompt", _prompt(one, teller), _prompt(other, teller)),
        ):
            if old != new:
                yield Change(what, where, old, new)
    was_said, now_said = _answer(before), _answer(after)
    if was_said != now_said:
        yield Change("answer", where, was_said, now_said)


def _prompt(one: Exchange, teller: Teller) -> str:
    return "\n".join(f"── {message.role} ──\n{message.text}" for message in teller.messages(one))


def _answer(question: _Question) -> str:
    answered = question.answered
    if answered is not None:
        return answered.answer or ""
    last = question.all[-1]
    return f"[no answer: {last.error or last.status}]"


def _origin(one: Exchange) -> str:
    return str(one.request.get("origin", "")) if one.request is not None else ""


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _where(place: _Place) -> str:
    path, item, sample, role = place
    words = [f"item {item}"] if item is not None else []
    words += [f"sample {sample}"] if sample > 1 else []
    words += [f"in {path.replace('/', '.')}"] if path else []
    words += [f"its {role}"] if role else []
    return ", ".join(words)


# ── Inputs and files ──


def _inputs(run: PastRun, teller: Teller) -> dict[str, str]:
    found = run.body.get("inputs")
    return {name: teller.value(told) for name, told in found.items()} if isinstance(found, dict) else {}


def _sources(run: PastRun, teller: Teller) -> dict[str, str]:
    """The flow's files by their paths from the flow's own on, wherever the command was typed."""
    found = run.body.get("sources")
    if not isinstance(found, dict) or not found:
        return {}
    main = next(iter(found))
    typed, inside = main.rpartition("/")[0], run.flow.rpartition("/")[0]
    return {_moved(path, typed, inside): teller.text(told) for path, told in found.items()}


def _moved(path: str, typed: str, inside: str) -> str:
    if typed and path.startswith(f"{typed}/"):
        path = path.removeprefix(f"{typed}/")
        return f"{inside}/{path}" if inside else path
    return f"{inside}/{path}" if inside and not typed and not path.startswith(("/", "std/", "..")) else path


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    names = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def line_diff(before: str, after: str) -> Sequence[str]:
    """The lines that differ, as `diff -u` writes them, without its head; of very long texts the first that differ."""
    import difflib  # only who compares pays for it

    if len(before) + len(after) > MOST_COMPARED:
        return _first_difference(before.splitlines(), after.splitlines())
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=AROUND))[2:]
    return lines or ["(only line ends differ)"]


def _first_difference(before: Sequence[str], after: Sequence[str]) -> Sequence[str]:
    place = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    if place is None:
        place = min(len(before), len(after))
    lines = [f"@@ the texts are too long to compare; they differ from line {place + 1} on @@"]
    lines += [f"-{line}" for line in before[place : place + 1]]
    return [*lines, *(f"+{line}" for line in after[place : place + 1])]
