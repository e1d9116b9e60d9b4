"""Calls that outlive their run: taken over, or cancelled when it is sure that nobody wants them. Nobody sleeps."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from flowlang.run.flight import InFlight, Seat

A, B = Seat("", "a", None), Seat("", "b", None)


class Calls:
    """Calls that end when they are told to. `cancelled` are those that were."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def send(self, name: str) -> Callable[[], Awaitable[str]]:
        async def sending() -> str:
            self.sent.append(name)
            end = self._ends.setdefault(name, asyncio.Event())
            try:
                await end.wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
            return name.upper()

        return sending

    def end(self, name: str) -> None:
        self._ends[name].set()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def asked(flight: InFlight, calls: Calls, name: str, seat: Seat) -> "asyncio.Task[str]":
    task = asyncio.ensure_future(flight.ask(name.encode(), seat, calls.send(name)))  # type: ignore[arg-type]
    await settle()
    return task


async def left(task: "asyncio.Task[str]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_the_next_run_takes_a_call_over_that_asks_what_it_asks() -> None:
    async def play() -> None:
        heard: list[tuple[int, Seat, Seat]] = []
        flight, calls = InFlight(lambda *one: heard.append(one)), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        flight.next_run()
        second = await asked(flight, calls, "x", B)  # its step has another name now
        flight.step_over("", "b")
        flight.run_over()
        calls.end("x")
        assert await second == "X"
        assert (calls.sent, calls.cancelled, len(flight)) == (["x"], [], 0)
        assert heard == [(1, A, B)]

    asyncio.run(play())


def test_a_call_that_looks_for_a_seat_is_not_ended_with_a_step_that_never_asked_it() -> None:
    async def play() -> None:
        flight, calls = InFlight(patience_s=60.0), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        flight.next_run()
        other = await asked(flight, calls, "y", A)  # the question of `a` has moved on
        flight.step_over("", "c")  # a step that was cached
        found = await asked(flight, calls, "x", B)
        calls.end("x")
        calls.end("y")
        assert (await found, await other) == ("X", "Y")
        assert (calls.sent, calls.cancelled) == (["x", "y"], [])

    asyncio.run(play())


def test_another_question_at_the_same_seat_cancels_the_one_before() -> None:
    async def play() -> None:
        flight, calls = InFlight(patience_s=0.0), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        await left(await asked(flight, calls, "other", B))
        flight.next_run()
        second = await asked(flight, calls, "y", A)
        assert calls.cancelled == ["x"]
        calls.end("y")
        assert await second == "Y"
        flight.run_over()
        await settle()
        assert calls.cancelled == ["x", "other"]  # nobody has asked for it by the end of the run

    asyncio.run(play())


def test_a_step_that_is_over_wants_no_call_of_its_own_from_before() -> None:
    async def play() -> None:
        flight, calls = InFlight(), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        flight.next_run()
        assert flight.oldest() == 1
        flight.step_over("", "b")
        await settle()
        assert calls.cancelled == []
        flight.step_over("", "a")
        await settle()
        assert calls.cancelled == ["x"]
        assert flight.oldest() == 2

    asyncio.run(play())


def test_the_end_of_a_session_cancels_all() -> None:
    async def play() -> None:
        flight, calls = InFlight(), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        await flight.close()
        assert (calls.cancelled, len(flight)) == (["x"], 0)

    asyncio.run(play())


def test_a_question_that_moves_to_another_seat_keeps_its_call() -> None:
    async def play() -> None:
        flight, calls = InFlight(), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        await left(await asked(flight, calls, "y", B))
        flight.next_run()
        there = [await asked(flight, calls, "y", A), await asked(flight, calls, "x", B)]
        await asyncio.sleep(0.05)
        calls.end("x")
        calls.end("y")
        assert [await one for one in there] == ["Y", "X"]
        assert (calls.sent, calls.cancelled) == (["x", "y"], [])

    asyncio.run(play())


def test_a_question_whose_call_is_being_cancelled_is_sent_anew() -> None:
    async def play() -> None:
        flight, calls = InFlight(), Calls()
        flight.next_run()
        await left(await asked(flight, calls, "x", A))
        flight.next_run()
        flight.step_over("", "a")  # and in the same moment:
        again = asyncio.ensure_future(flight.ask(b"x", B, calls.send("x")))  # type: ignore[arg-type]
        await settle()
        calls.end("x")
        assert await again == "X"
        assert (calls.sent, calls.cancelled, len(flight)) == (["x", "x"], ["x"], 0)

    asyncio.run(play())


def test_what_only_waits_for_its_turn_ends_with_its_run() -> None:
    async def play() -> None:
        flight, calls = InFlight(), Calls()
        flight.next_run()
        sent, waiting = await asked(flight, calls, "x", A), await asked(flight, calls, "y", B)
        flight.sent(b"x")
        flight.drop_waiting()
        await settle()
        assert calls.cancelled == ["y"]
        await left(sent)
        await left(waiting)
        await flight.close()

    asyncio.run(play())
