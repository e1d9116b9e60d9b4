"""The pace of calls to one provider, in virtual time."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang.models.errors import ModelError, NoRoom, Refused, Unreachable
from flowlang.models.pace import FAILURES_IN_A_ROW, LONGEST_WAIT_S, PROBES, Pace, TooLong, delay_s
from tests.models.virtual import run_virtually, virtual_now

NOON = time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))


def limited(wait_s: float | None = None) -> ModelError:
    return Unreachable("too many requests", wait_s=wait_s, status=429)


def paced(at_once: int, most: int = 64) -> Pace:
    return Pace(at_once, virtual_now, asyncio.sleep, random.Random(1).random, now=lambda: NOON, most=most)


@dataclass
class Provider:
    """Answers calls as `says` has it: a time, and an error or None; notes when each began and how many were open."""

    pace: Pace
    says: Callable[[int], tuple[float, ModelError | None]]
    began: list[float] = field(default_factory=list)
    failed: list[tuple[float, ModelError]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def call(self, model: str = "") -> None:
        async with self.pace.place(model):
            self.began.append(virtual_now())
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            try:
                assert self.open <= self.pace.room
                seconds, error = self.says(len(self.began))
                await asyncio.sleep(seconds)
                if error is not None:
                    self.failed.append((virtual_now(), error))
                    raise error
            finally:
                self.open -= 1

    async def calls(self, count: int) -> list[BaseException | None]:
        """So many calls side by side, and what became of each."""
        return await asyncio.gather(*(self.call() for _ in range(count)), return_exceptions=True)


def after(seconds: float, error: ModelError | None = None) -> Callable[[int], tuple[float, ModelError | None]]:
    return lambda _: (seconds, error)


# ── Room ──

ENDINGS = st.sampled_from([None, None, Unreachable("busy"), limited(), limited(2.5), limited(0.2), Refused("no")])
SCHEDULES = st.lists(st.tuples(st.floats(0, 3), ENDINGS), min_size=1, max_size=60)


@given(SCHEDULES, st.integers(1, 12), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_no_schedule_ever_exceeds_the_room_nor_gets_stuck(
    schedule: list[tuple[float, ModelError | None]], at_once: int, most: int
) -> None:
    async def work() -> tuple[Provider, list[BaseException | None]]:
        provider = Provider(paced(at_once, most), lambda number: schedule[number - 1])
        return provider, await provider.calls(len(schedule))

    provider, outcomes = run_virtually(work())
    assert provider.most_open <= max(at_once, most)
    assert all(outcome is None or isinstance(outcome, ModelError) for outcome in outcomes)
    assert len(outcomes) == len(schedule)


@given(SCHEDULES, st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_nobody_starts_before_a_pause_is_over(schedule: list[tuple[float, ModelError | None]], at_once: int) -> None:
    async def work() -> Provider:
        provider = Provider(paced(at_once), lambda number: schedule[number - 1])
        await provider.calls(len(schedule))
        return provider

    provider = run_virtually(work())
    for at, error in provider.failed:
        if error.wait_s is not None:
            assert not [began for began in provider.began if at < began < at + error.wait_s]


def test_a_rate_limit_halves_the_room_once_for_all_calls_under_way() -> None:
    async def work() -> None:
        provider = Provider(paced(8), after(1, limited(5)))
        await provider.calls(8)
        assert provider.pace.room == 4
        await asyncio.sleep(60)
        await provider.calls(4)
        assert provider.pace.room == 2

    run_virtually(work())


def test_the_room_never_falls_below_one_call() -> None:
    async def work() -> None:
        provider = Provider(paced(1), after(1, limited(5)))
        for _ in range(5):
            await provider.calls(1)
        assert provider.pace.room == 1

    run_virtually(work())


def test_other_failures_take_no_room() -> None:
    async def work() -> None:
        provider = Provider(paced(8), after(1, Unreachable("busy", status=500)))
        await provider.calls(8)
        assert provider.pace.room == 8

    run_virtually(work())


def test_the_room_recovers_and_grows_up_to_its_cap() -> None:
    async def work() -> None:
        provider = Provider(paced(16, most=24), lambda number: (1, limited(1) if number <= 16 else None))
        await provider.calls(16)
        assert provider.pace.room == 8
        await provider.calls(1500)
        assert provider.most_open == provider.pace.room == 24

    run_virtually(work())


def test_room_that_nobody_needs_does_not_grow() -> None:
    async def work() -> None:
        provider = Provider(paced(8), after(1))
        for _ in range(50):
            await provider.calls(3)
        assert provider.pace.room == 8

    run_virtually(work())


def test_whoever_came_first_starts_first() -> None:
    async def work() -> None:
        pace, order = paced(1), list[int]()

        async def call(number: int) -> None:
            async with pace.place():
                order.append(number)
                await asyncio.sleep(1)

        await asyncio.gather(*map(call, range(20)))
        assert order == list(range(20))

    run_virtually(work())


@given(st.sets(st.integers(0, 29), min_size=1, max_size=29), st.floats(0, 12))
@settings(max_examples=50, deadline=None)
def test_calls_that_are_stopped_give_their_places_back(stopped: set[int], at: float) -> None:
    async def work() -> None:
        provider = Provider(paced(3, most=3), after(1))
        tasks = [asyncio.create_task(provider.call()) for _ in range(30)]
        await asyncio.sleep(at)
        for number in stopped:
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert provider.open == 0
        assert await provider.calls(3) == [None] * 3
        assert len(set(provider.began[-3:])) == 1  # all three at once

    run_virtually(work())


# ── Connections of this computer ──


def test_where_this_computer_has_room_for_few_calls_only_so_many_are_open_and_none_is_lost() -> None:
    async def work() -> tuple[int, int, int]:
        pace, open_now, most_open, refused = paced(200, 200), 0, 0, 0

        async def call() -> None:
            nonlocal open_now, most_open, refused
            while True:
                try:
                    async with pace.place():
                        if open_now == 20:
                            raise NoRoom
                        open_now += 1
                        most_open = max(most_open, open_now)
                        await asyncio.sleep(1)
                        open_now -= 1
                        return
                except NoRoom:
                    refused += 1

        await asyncio.gather(*(call() for _ in range(200)))
        return most_open, refused, pace.room

    assert run_virtually(work()) == (20, 1, 15)


def test_where_others_have_all_connections_it_is_tried_again_only_now_and_then() -> None:
    async def work() -> tuple[int, float]:
        pace, tries = paced(8), 0
        while virtual_now() < 10:
            tries += 1
            with contextlib.suppress(NoRoom):
                async with pace.place():
                    raise NoRoom
        return tries, pace.room

    tries, room = run_virtually(work())
    assert 10 <= tries <= 25 and room == 1


# ── Pause and rate ──


def test_all_are_paused_by_what_one_was_told() -> None:
    async def work() -> None:
        pace = paced(4)
        pace.saw(Unreachable("overloaded", wait_s=8, status=503))
        provider = Provider(pace, after(1))
        await provider.calls(4)
        assert provider.began == [pytest.approx(8)] * 4
        assert pace.room == 4

    run_virtually(work())


@pytest.mark.parametrize("wait_s", [0.0, -3.0, float("nan"), None])
def test_a_wait_that_is_none_pauses_nobody(wait_s: float | None) -> None:
    async def work() -> None:
        pace = paced(1)
        pace.saw(Unreachable("overloaded", wait_s=wait_s, status=503))
        await Provider(pace, after(1)).call()
        assert virtual_now() == 1

    run_virtually(work())


def test_after_a_rate_limit_calls_start_as_fast_as_they_were_let_through() -> None:
    async def work() -> None:
        provider = Provider(paced(10), lambda number: (0.01, limited(1) if 5 < number <= 10 else None))
        await provider.calls(10)
        await provider.calls(20)
        later = provider.began[10:]
        assert later[0] == pytest.approx(1, abs=0.02)
        gaps = [after - before for before, after in pairwise(later)]
        assert gaps[0] == pytest.approx(1 / 5, rel=0.05)  # five were let through in the second of the pause
        assert all(after <= before + 1e-9 for before, after in pairwise(gaps))

    run_virtually(work())


def test_a_rate_limit_long_ago_holds_nobody_back() -> None:
    async def work() -> None:
        provider = Provider(paced(10), lambda number: (0.01, limited(1) if number == 1 else None))
        await provider.calls(2)
        await asyncio.sleep(60)
        await provider.calls(5)
        assert len(set(provider.began[-5:])) == 1

    run_virtually(work())


# ── Too long ──


def test_a_wait_that_is_too_long_is_told_with_its_end() -> None:
    with pytest.raises(TooLong) as told:
        delay_s(1, limited(LONGEST_WAIT_S + 1), now=lambda: NOON)
    assert told.value.message == "the provider asks to wait until 12:03"
    assert (told.value.rule, told.value.retryable, told.value.until) == ("unreachable", False, NOON + 121)
    with pytest.raises(TooLong, match="until 13:00 on 2026-11-24"):
        delay_s(1, limited(25 * 3600), now=lambda: NOON)


def test_nobody_asks_a_model_that_is_to_be_left_alone_for_long() -> None:
    async def work() -> None:
        provider = Provider(paced(1), lambda number: (1, limited(3600) if number == 1 else None))
        with pytest.raises(ModelError, match="too many requests"):
            await provider.call("gpt")
        with pytest.raises(TooLong, match="until 13:00"):
            await provider.call("gpt")
        await provider.call("gemini")
        assert len(provider.began) == 2
        assert virtual_now() < 5
        await asyncio.sleep(3500)
        both = asyncio.gather(provider.call("gpt"), provider.call("gemini"))  # soon enough to wait for
        await both
        assert provider.began[2] < 3510
        assert 3600 < provider.began[3] < 3602

    run_virtually(work())


def test_nobody_waits_for_a_provider_that_has_refused_for_good() -> None:
    async def work() -> None:
        spent = Refused("the account is spent", final=True)
        provider = Provider(paced(2), after(1, spent))
        assert await provider.calls(50) == [spent] * 50
        assert len(provider.began) == 2

    run_virtually(work())


# ── Circuit ──


def test_after_failures_in_a_row_one_call_at_a_time_tries_and_at_last_nobody() -> None:
    async def work() -> None:
        provider = Provider(paced(4), after(0.1, Unreachable("nobody there")))
        outcomes = await provider.calls(100)
        probes = provider.began[-PROBES:]
        assert len(provider.began) <= FAILURES_IN_A_ROW + 3 + PROBES  # three were under way
        assert all(after - before > 0.5 for before, after in pairwise(probes))
        last = outcomes[-1]
        assert isinstance(last, ModelError)
        assert (last.rule, last.retryable) == ("unreachable", False)
        assert last.message.endswith("calls in a row: nobody there")
        assert virtual_now() < 60

    run_virtually(work())


@pytest.mark.parametrize("error", [Unreachable("nobody there"), limited(), limited(1)])
def test_one_answer_closes_the_circuit_again(error: ModelError) -> None:
    async def work() -> None:
        provider = Provider(paced(10), lambda number: (0.1, error if number <= 12 else None))
        outcomes = await provider.calls(60)
        assert outcomes.count(None) == 48
        assert provider.most_open == 10

    run_virtually(work())


def test_a_provider_that_was_given_up_is_tried_again_later() -> None:
    async def work() -> None:
        provider = Provider(paced(4), lambda number: (0.1, Unreachable("nobody there") if virtual_now() < 60 else None))
        await provider.calls(100)
        tried = len(provider.began)
        await asyncio.sleep(60)
        assert await provider.calls(5) == [None] * 5
        assert len(provider.began) == tried + 5

    run_virtually(work())


def test_nobody_is_given_up_while_a_call_may_still_be_answered() -> None:
    async def work() -> None:
        provider = Provider(paced(12), lambda number: (200, None) if number == 1 else (0.1, lost()))

        def lost() -> ModelError | None:
            return Unreachable("nobody there") if virtual_now() < 100 else None

        outcomes = await provider.calls(60)
        assert 12 + PROBES < 60 - outcomes.count(None) < 40  # fewer and fewer tried, and then the others were answered

    run_virtually(work())


def test_a_rate_limit_breaks_no_circuit_while_calls_are_being_answered() -> None:
    async def work() -> None:
        turned_away = (0.01, limited(1))
        provider = Provider(paced(30), lambda number: (99, None) if number <= 10 else turned_away)
        first = asyncio.create_task(provider.calls(30))
        await asyncio.sleep(0.5)
        provider.says = after(30)
        assert await provider.calls(3) == [None] * 3
        assert provider.began[-1] < 2  # nobody waited for an answer
        await first

    run_virtually(work())


# ── Delays ──


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_any_time_up_to_a_bound_that_doubles(attempt: int, drawn: float) -> None:
    bound = min(0.5 * 2 ** min(attempt - 1, 20), 8)
    assert delay_s(attempt, Unreachable("busy"), lambda: drawn) == drawn * bound


@given(st.floats(0, LONGEST_WAIT_S, exclude_min=True), st.integers(1, 5))
def test_a_wait_that_the_provider_asks_for_is_kept(wait_s: float, attempt: int) -> None:
    assert delay_s(attempt, limited(wait_s), lambda: 0.5) == wait_s


@pytest.mark.parametrize("wait_s", [0.0, -1.0, float("nan")])
def test_a_wait_that_is_none_is_no_wait(wait_s: float) -> None:
    assert delay_s(2, limited(wait_s), lambda: 0.5) == 0.5


# ── All together: scenario S7 of the benchmarks ──

Limiter = Callable[[float], float | None]  # at a time: None, or the seconds until a call is let through


def bucket(rate: float, most: float) -> Limiter:
    left, since = most, 0.0

    def take(now: float) -> float | None:
        nonlocal left, since
        left, since = min(most, left + (now - since) * rate), now
        if left < 1:
            return (1 - left) / rate
        left -= 1
        return None

    return take


def window(rate: int) -> Limiter:
    used: dict[int, int] = {}

    def take(now: float) -> float | None:
        second = int(now)
        if used.get(second, 0) >= rate:
            return second + 1 - now
        used[second] = used.get(second, 0) + 1
        return None

    return take


@dataclass
class Tally:
    done: int = 0
    sent: int = 0
    faults: int = 0
    turned_away: int = 0
    seconds: float = 0.0


def played(limiter: Limiter, at_once: int, latency: float, told: bool, seed: int) -> Tally:
    """300 calls, 13 % of which fail for no reason of ours, past a limiter of ten a second."""
    drawn, tally = random.Random(seed), Tally()

    async def work() -> None:
        pace = Pace(at_once, virtual_now, asyncio.sleep, drawn.random)

        async def sent() -> None:
            async with pace.place():
                tally.sent += 1
                wait_s = limiter(virtual_now())
                if wait_s is not None:
                    tally.turned_away += 1
                    await asyncio.sleep(0.005)
                    raise limited(max(wait_s, 1) if told else None)
                await asyncio.sleep(latency * (0.5 + drawn.random()))
                if drawn.random() < 0.13:
                    tally.faults += 1
                    raise Unreachable("it failed", status=500)

        async def step() -> None:
            for attempt in range(1, 9):
                try:
                    await sent()
                except ModelError as error:
                    await asyncio.sleep(pace.delay_s(attempt, error))
                else:
                    tally.done += 1
                    return

        await asyncio.gather(*(step() for _ in range(300)))
        tally.seconds = virtual_now()

    run_virtually(work())
    return tally


LIMITERS: Iterable[tuple[str, Callable[[], Limiter]]] = (
    ("bucket", lambda: bucket(10, 10)),
    ("window", lambda: window(10)),
)


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("latency", [0.05, 0.3])
@pytest.mark.parametrize("at_once", [5, 16])
@pytest.mark.parametrize("limiter", [make for _, make in LIMITERS], ids=[name for name, _ in LIMITERS])
def test_a_limiter_is_kept_to_with_few_calls_turned_away(
    limiter: Callable[[], Limiter], at_once: int, latency: float, told: bool
) -> None:
    for seed in range(3):
        tally = played(limiter(), at_once, latency, told, seed)
        assert tally.done == 300
        assert tally.sent <= 1.1 * (300 + tally.faults)
        assert tally.sent - tally.turned_away >= 6 * tally.seconds
