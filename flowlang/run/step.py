"""One step of a run: whether it runs, over which items, and what its value is.

What a step says of itself is settled before anything is sent: its `when`, its items, its texts. A step or item that
reads something empty is left out. An item that fails costs the step as `failures:` says; what is under way then ends
as it would have, so that nothing that was paid for is thrown away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..language.checked import CheckedStep, Loop
from ..language.unsettled import Unsettled, Untold
from ..language.values import EMPTY, Remembered, Value, bare, kind_of
from ..plan.graph import PlannedStep
from .event import Noted, StepFailed, StepFinished, StepSkipped, StepStarted
from .ground import Ground, held, worked_out
from .outcome import FAILED_BEFORE, Done, Failed, Failure, LeftOut, LimitReached, Outcome, Skipped, StepFailure
from .question import Asker
from .work import Work

MOST_ITEMS = 10_000  # of one `repeat for each`
PLACES_TOLD = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One turn of `repeat for each`: what the loops' names stand for, and its number from 1."""

    place: int
    names: Mapping[str, Value]
    untold: Untold | None = None  # whether the step's `when` picks it hangs on what nobody knows yet


async def run_step(node: PlannedStep, ground: Ground) -> Outcome:
    """How the step comes out. Tells it all; raises nothing but what is our own mistake."""
    return await _StepRun(node, ground).run()


class _StepRun:
    """One step under way."""

    def __init__(self, node: PlannedStep, ground: Ground) -> None:
        assert isinstance(node.of, CheckedStep)
        self.node = node
        self.step = node.of
        self.ground = ground
        self.started_at = ground.gate.clock()
        self.has_begun = False
        self.count: int | None = None  # of items, where the step repeats
        self.failed: dict[int, Failure] = {}
        self.work = Work(node, node.of, ground, self._begin)

    async def run(self) -> Outcome:
        step, ground = self.step, self.ground
        try:
            value = await (self._each() if step.loops else self._once())
        except Untold as untold:
            value = self._left_open(untold, None)
        except LeftOut as left:
            ground.emit(StepSkipped(ground.path, step.name, left.because))
            return Skipped(left.because)
        except LimitReached as limit:
            self._fail(Failure("limit-reached", f"step `{step.name}` was not finished: {limit.message}", step.place))
            return Failed(step.name)
        except StepFailure as failed:
            self._fail(failed.failure)
            return Failed(step.name)
        self._begin()
        seconds = ground.gate.clock() - self.started_at
        because = ground.gate.words.of(ground.path, step.name)
        ground.emit(StepFinished(ground.path, step.name, self.count, len(self.failed), seconds, because))
        return Done(value)

    def _begin(self) -> None:
        """Tells, once, that the step has started: when it is sure that it will not be left out."""
        if not self.has_begun:
            self.has_begun = True
            self.ground.emit(StepStarted(self.ground.path, self.step.name, self.step.kind, self.count))

    def _left_open(self, untold: Untold, item: int | None) -> Value:
        return self.ground.gate.leave_open(Asker(self.ground.path, self.step.name, item), untold)

    def _fail(self, failure: Failure, item: int | None = None) -> None:
        self._begin()
        rule, message = failure.rule, failure.message
        place, hints = failure.place, failure.hints
        self.ground.emit(StepFailed(self.ground.path, self.step.name, item, rule, message, place, hints))

    # ── Once, or for each item ──

    async def _once(self) -> Value:
        names = self.ground.names
        if self.step.when is not None and not held(self.step.when, names, self.step.place):
            raise LeftOut("its `when` did not hold")
        return await self.work.value(names, None)

    async def _each(self) -> Value:
        step, ground = self.step, self.ground
        items = self._items()
        self.count = len(items)
        values: dict[int, Value] = {}
        left: dict[int, LeftOut] = {}
        limits: list[LimitReached] = []

        async def work(item: Item) -> bool:
            try:
                if item.untold is not None:
                    raise item.untold
                values[item.place] = await self.work.value(self._names_of(item), item.place)
            except Untold as one:
                values[item.place] = self._left_open(one, item.place)
            except LeftOut as one:
                left[item.place] = one
            except LimitReached as one:
                limits.append(one)
            except StepFailure as one:
                self.failed[item.place] = one.failure
                self._fail(one.failure, item.place)
            return not limits and not self._too_many_failed()

        width = min(step.at_a_time or ground.gate.at_once, ground.gate.at_once)
        await ground.together(items, min(width, len(items)), work)
        if self._too_many_failed():
            raise StepFailure(self._summary())
        if limits:
            raise LimitReached(f"{limits[0].message}, after {len(values)} of {len(items)} items")
        if left and not values and not self.failed:
            self._skip_if_nothing_depends_on_items(left)
        self._note_gaps(left)
        by_place = {item.place: item.names for item in items}
        answers = tuple(
            Remembered(values[place], {**by_place[place], "place": Decimal(place)}) for place in sorted(values)
        )
        if any(type(value) is Unsettled for value in values.values()):
            return Unsettled(step.name, answers)
        return answers

    def _too_many_failed(self) -> bool:
        return self.step.failures is not None and len(self.failed) > self.step.failures

    def _summary(self) -> Failure:
        first = self.failed[min(self.failed)]
        items = "item" if len(self.failed) == 1 else "items"
        message = f"step `{self.step.name}` failed: {len(self.failed)} of {self.count} items did ({items} "
        message += _listed(self.failed) + ")"
        if self.step.failures:
            message += f", and `failures: at most {self.step.failures}` allows no more"
        return Failure(FAILED_BEFORE, message, self.step.place, (f"the first one: {first.message}",))

    def _skip_if_nothing_depends_on_items(self, left: Mapping[int, LeftOut]) -> None:
        """If every item was left out for what is no item's own, it is the step that is skipped."""
        own = {loop.name for loop in self.step.loops}
        first = left[min(left)]
        if all(one.names and not own.intersection(one.names) for one in left.values()):
            raise first

    def _note_gaps(self, left: Mapping[int, LeftOut]) -> None:
        tell = self.ground.emit
        path, name = self.ground.path, self.step.name
        if self.failed:
            tell(Noted(path, name, f"{len(self.failed)} of {self.count} items were lost: {_listed(self.failed)}"))
        for because in dict.fromkeys(one.because for one in left.values()):
            places = [place for place, one in left.items() if one.because == because]
            tell(Noted(path, name, f"{len(places)} of {self.count} items were left out, {because}: {_listed(places)}"))

    def _names_of(self, item: Item) -> Mapping[str, Value]:
        return {**self.ground.names, **item.names, "place": Decimal(item.place)}

    def _items(self) -> list[Item]:
        """The items that the step's `when` picks. Raises LeftOut if there is no list at all."""
        items: list[Item] = []
        for place, names in enumerate(self._turns(self.step.loops, {}), 1):
            if place > MOST_ITEMS:
                raise StepFailure(
                    Failure(
                        "limit-reached",
                        f"step `{self.step.name}` would repeat more than {MOST_ITEMS:,} times",
                        self.step.place,
                        (f"`| first {MOST_ITEMS}` makes a list shorter",),
                    )
                )
            item = Item(place, names)
            try:
                if self.step.when is None or held(self.step.when, self._names_of(item), self.step.place):
                    items.append(item)
            except Untold as untold:
                items.append(Item(place, names, untold))
        return items

    def _turns(self, loops: tuple[Loop, ...], before: Mapping[str, Value]) -> Iterable[Mapping[str, Value]]:
        """Every combination of the loops' items, the last list fastest; a list may hang on an earlier name."""
        if not loops:
            yield before
            return
        loop = loops[0]
        try:
            found = bare(worked_out(loop.items, {**self.ground.names, **before}, self.step.place))
        except Untold as untold:
            if not isinstance(untold.what.known, tuple):
                raise
            found = untold.what.known  # each item for itself
        if found is EMPTY:
            if not before:
                raise LeftOut(f"`{loop.items}` is empty", (loop.items.parts[0].text,))
            return
        if not isinstance(found, tuple):
            message = f"`repeat for each {loop.name}` needs a list, and `{loop.items}` is {kind_of(found)}"
            raise StepFailure(Failure("wrong-type", message, self.step.place))
        for item in found:
            yield from self._turns(loops[1:], {**before, loop.name: item})


def _listed(places: Iterable[int]) -> str:
    """Places in their order, the first few of them."""
    ordered = sorted(places)
    shown = ", ".join(map(str, ordered[:PLACES_TOLD]))
    return f"{shown} and {len(ordered) - PLACES_TOLD} more" if len(ordered) > PLACES_TOLD else shown
