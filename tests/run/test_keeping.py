"""What is found in the store, and what is asked for: ages, `cache: no`, `--fresh`, limits, failures of the disk."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flowlang.models.chat import ChatRequest, Reply, Usage
from flowlang.models.errors import Refused, Unreachable
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import CallFinished, Event
from flowlang.run.executor import execute
from flowlang.run.exit import LIMIT, STORE
from flowlang.run.inputs import defaults_of
from flowlang.run.keeping import Keeping, Reuse, StoreFailed
from flowlang.run.means import Means
from flowlang.run.outcome import LimitReached, Result
from flowlang.run.report import Report, fold
from flowlang.store.place import open_folder
from flowlang.store.problems import StoreUnusable
from flowlang.store.rows import Kept
from flowlang.store.store import Busy, Store, open_store
from tests.run.scripted import Model, Said, Script, echo, flow_of

DAY_S = 86_400.0
ONE = 'step a\n  prompt: "Say it."\noutput a\n'


class Kitchen:
    """A folder with a store, and runs in it; `wall` is the clock on the wall."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall = 1_000_000.0
        self.report: Report
        self.store: Store

    def run(
        self,
        text: str,
        model: Model = echo,
        before: Callable[[Store], None] = lambda store: None,
        means: Mapping[str, Any] | None = None,
        **keeps: Any,
    ) -> list[ChatRequest]:
        """Runs a flow; what it asked of the model."""
        flow, script, events = flow_of(text, self.folder), Script(model), list[Event]()

        async def whole() -> Result:
            self.store = open_store(open_folder(self.folder / "s"), str, lambda told: None, lambda: self.wall)
            self.store.begin_run("test.flow", {})
            before(self.store)
            keeping = Keeping(self.store, lambda name: "o", wall=lambda: self.wall, **keeps)
            try:
                plan = build(flow, Defaults(model="default-model"))
                return await execute(
                    plan, defaults_of(flow), Means(script, keeping=keeping, **(means or {})), events.append
                )
            finally:
                await self.store.close()

        asyncio.run(whole())
        self.report = fold(events)
        self.events = events
        return script.requests


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    """A folder without a store."""
    return Kitchen(tmp_path)


@pytest.mark.parametrize(
    "trouble", [Unreachable("nobody answers"), Unreachable("wait", wait_s=3_600.0), Refused("not this model")]
)
def test_what_was_answered_is_not_asked_again_because_nobody_answers_what_follows(
    trouble: Exception, kitchen: Kitchen
) -> None:
    """An answer that does not fit is paid for, and the question that follows it goes on from there."""
    text, is_there = 'step a\n  tries: 2\n  returns: number\n  prompt: "How many?"\noutput a\n', [False]

    def model(request: ChatRequest) -> Said:
        if len(request.messages) == 1:
            return "many"
        return '{"answer": 7}' if is_there[0] else trouble

    assert [len(one.messages) for one in kitchen.run(text, model)] == [1, 3]
    assert [len(one.messages) for one in kitchen.run(text, model)] == [3]
    is_there[0] = True
    assert [len(one.messages) for one in kitchen.run(text, model)] == [3]
    assert kitchen.run(text, model) == []


def test_a_question_is_asked_once(kitchen: Kitchen) -> None:
    assert len(kitchen.run(ONE)) == 1
    assert kitchen.run(ONE) == []
    assert (kitchen.report.calls, kitchen.report.cached) == (0, 1)


def test_tokens_of_an_answer_from_before_are_not_counted_again(kitchen: Kitchen) -> None:
    model: Model = lambda request: Reply("yes", usage=Usage(100, 20, 40))  # noqa: E731
    kitchen.run(ONE, model)
    assert (kitchen.report.tokens_in, kitchen.report.tokens_out, kitchen.report.tokens_cached) == (100, 20, 40)
    kitchen.run(ONE, model)
    assert (kitchen.report.tokens_in, kitchen.report.tokens_out, kitchen.report.tokens_cached) == (0, 0, 0)
    (finished,) = [event for event in kitchen.events if isinstance(event, CallFinished)]
    assert finished.cached and finished.tokens_in == 100


def test_two_steps_that_ask_the_same_at_once_ask_once(kitchen: Kitchen) -> None:
    assert (
        len(
            kitchen.run(ONE.replace("output a\n", "") + ONE.replace("step a", "step b").replace("output a", "output b"))
        )
        == 1
    )


def test_samples_are_questions_of_their_own(kitchen: Kitchen) -> None:
    text = 'step a\n  samples: 3\n  prompt: "Say it."\noutput a\n'
    assert len(kitchen.run(text)) == 3
    assert kitchen.run(text) == []


@pytest.mark.parametrize("finish", ["length", "content_filter", "refusal"])
def test_what_is_no_whole_answer_is_never_used_again(finish: str, kitchen: Kitchen) -> None:
    for _ in range(2):
        assert len(kitchen.run(ONE, lambda request: Reply("half", finish=finish))) >= 1


def test_an_answer_that_does_not_fit_leads_on_to_the_one_that_did(kitchen: Kitchen) -> None:
    text = 'step a\n  returns: list of number\n  prompt: "List."\noutput a\n'
    model: Model = lambda request: "[1]" if len(request.messages) > 1 else "none"  # noqa: E731
    assert len(kitchen.run(text, model)) == 2
    assert kitchen.run(text, model) == []


@pytest.mark.parametrize(
    ("later_s", "asks"),
    [(0, 0), (6.9 * DAY_S, 0), (7.1 * DAY_S, 1), (-6.9 * DAY_S, 0), (-7.1 * DAY_S, 1), (9e9, 1), (-9e9, 1)],
)
def test_an_answer_serves_as_long_as_the_step_says_whatever_the_clock_does(
    later_s: float, asks: int, kitchen: Kitchen
) -> None:
    aged = ONE.replace("step a\n", "step a\n  cache: 7d\n")
    kitchen.run(aged)
    kitchen.wall += later_s
    assert len(kitchen.run(aged)) == asks


@pytest.mark.parametrize("later_s", [9e9, -9e9])
def test_without_an_age_it_serves_for_ever(later_s: float, kitchen: Kitchen) -> None:
    kitchen.run(ONE)
    kitchen.wall += later_s
    assert kitchen.run(ONE) == []


def test_cache_no_asks_each_time_but_not_where_a_run_is_repeated(kitchen: Kitchen) -> None:
    never = ONE.replace("step a\n", "step a\n  cache: no\n")
    assert len(kitchen.run(never)) == 1
    assert len(kitchen.run(never)) == 1
    assert kitchen.run(never, repeated=frozenset((2,))) == []


def test_fresh_asks_again_all_or_one_step_and_keeps_the_new_answer(kitchen: Kitchen) -> None:
    two = ONE + 'step b\n  prompt: "Say more."\noutput b\n'
    kitchen.run(two)
    assert len(kitchen.run(two, lambda request: "new", fresh=None)) == 2
    assert len(kitchen.run(two, fresh=frozenset(("b",)))) == 1
    assert kitchen.run(two) == []


def test_offline_answers_are_noted_and_never_used(kitchen: Kitchen) -> None:
    for _ in range(2):
        assert len(kitchen.run(ONE, finds=False)) == 1
    assert len(kitchen.run(ONE)) == 1


def test_where_answers_from_before_lead_nowhere_they_are_asked_for_again(kitchen: Kitchen) -> None:
    text = 'step a\n  tries: 2\n  returns: number\n  prompt: "A number."\noutput a\n'
    assert len(kitchen.run(text, lambda request: "none")) == 2
    assert len(kitchen.run(text, lambda request: "7")) == 1
    assert kitchen.run(text, lambda request: "8") == []


def test_an_answer_from_before_costs_none_of_the_calls_that_a_run_may_make(kitchen: Kitchen) -> None:
    kitchen.run(ONE)
    limited = ONE + 'step b\n  prompt: "Say more."\noutput b\nlimits\n  calls: 1\n'
    assert len(kitchen.run(limited)) == 1
    assert kitchen.report.exit_code == 0
    assert len(kitchen.run(limited.replace("calls: 1", "calls: 1\n").replace("more", "even more"))) == 1


def test_a_store_that_fails_starts_no_call_and_ends_with_its_own_code(kitchen: Kitchen) -> None:
    def fail(store: Store) -> None:
        def broken(work: object) -> object:
            raise StoreUnusable("the store cannot be used: the disk is full", is_full=True)

        store._file._transaction = broken  # type: ignore[method-assign, assignment]

    assert kitchen.run(ONE, before=fail) == []
    assert kitchen.report.exit_code == STORE
    assert [one.rule for one in kitchen.report.failed] == ["store-failed"]


def test_an_answer_that_cannot_be_kept_is_used_and_nothing_more_is_asked(kitchen: Kitchen) -> None:
    two = ONE + 'step b\n  prompt: "{{ a }} more"\noutput b\n'
    failing: list[Store] = []

    def model(request: ChatRequest) -> str:
        def broken(work: object) -> object:
            raise StoreUnusable("the disk is full", is_full=True)

        failing[0]._file._transaction = broken  # type: ignore[method-assign, assignment]
        return "yes"

    assert len(kitchen.run(two, model, before=failing.append)) == 1
    assert (kitchen.store.saved, kitchen.store.unsaved) == (0, 1)
    assert kitchen.report.exit_code == STORE and kitchen.report.finished == 1


def test_who_waits_for_another_process_looks_again_until_there_is_no_time_left() -> None:
    looks: list[float] = []

    class Asked:
        run = 1

        def is_over(self, call: int) -> bool:
            return len(looks) == 3

    async def sleep(seconds: float) -> None:
        looks.append(seconds)

    keeping = Keeping(Asked(), lambda name: "o", sleep=sleep)  # type: ignore[arg-type]
    asyncio.run(keeping.until_over(Busy(1), lambda: None))
    assert looks == [0.2] * 3

    def too_late() -> None:
        raise LimitReached("the limit of 1 second is reached")

    looks.clear()
    with pytest.raises(LimitReached):
        asyncio.run(keeping.until_over(Busy(1), too_late))
    assert LIMIT == 5 and looks == []


def test_who_waits_for_another_process_says_so_once(kitchen: Kitchen) -> None:
    def before(store: Store) -> None:
        claim, asked = store.claim, list[int]()

        async def busy_at_first(*given: Any, **named: Any) -> Any:
            asked.append(1)
            return Busy(99) if len(asked) <= 2 else await claim(*given, **named)

        store.claim = busy_at_first  # type: ignore[method-assign]

    assert len(kitchen.run(ONE, before=before)) == 1
    (told,) = kitchen.report.noted
    assert (told.step, told.message) == ("a", "another run asks the same right now: its answer is waited for")


def test_the_answers_of_a_run_that_is_repeated_serve_whatever_is_fresh() -> None:
    keeping = Keeping(_Run(7), lambda name: "o", frozenset((3,)))  # type: ignore[arg-type]
    of = {run: Kept(Reply("yes"), 0.0, run) for run in (3, 5, 7)}
    told = {
        since: [run for run in of if keeping.serves(of[run], Reuse(None, since))]
        for since in ("ever", "this run", "never")
    }  # type: ignore[arg-type]
    assert told == {"ever": [3, 5, 7], "this run": [3, 7], "never": [3]}


class _Run:
    def __init__(self, run: int) -> None:
        self.run = run


def test_the_failure_of_a_store_is_final() -> None:
    failed = StoreFailed(StoreUnusable("the disk is full"))
    assert failed.final and not failed.retryable and failed.rule == "store-failed"
