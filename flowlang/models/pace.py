"""How fast a provider is asked: as fast as it allows, and all calls together.

Four things keep a call waiting for its place, each shared by all calls to one provider:

- **room**: how many calls may be open. A rate limit halves it, once for all calls that were under way when it struck;
  answers let it grow again, by one for every round of them, up to `most`. Where this computer has no connection left
  for a call, `most` is what it had some for.
- **pause**: a provider that asks to wait is left alone by everybody until the time is over.
- **rate**: after a rate limit, calls start as fast as they were let through before it, then slowly faster, then much
  faster, until nothing holds them back (the curve of CUBIC, RFC 9438).
- **circuit**: after FAILURES_IN_A_ROW without an answer, one call at a time tries whether the provider is back, with
  growing gaps. After PROBES of them, those who wait are told that nobody answers.

Nothing is sent again here; `delay_s` only says how long whoever sends again has to wait.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType

from .errors import ModelError, NoRoom

LONGEST_WAIT_S = 120.0  # a longer one is told, not slept through
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0
FAILURES_IN_A_ROW = 10
PROBES = 6  # about twenty seconds of trying
MOST_AT_ONCE = 256

KNOWN_ROOM = 0.75  # of the room in which a rate limit struck: so much of it comes back quickly
SPARED = 0.75  # of the calls that this computer has connections for: files and tools need some of what they use
SLOWED = 0.8  # at most so much slower than before does one rate limit make the calls
WINDOW_S = 10.0  # so far back counts what the provider let through
DOUBLED_S = 12.0  # so long after a rate limit, calls start twice as fast as they were let through
FREE_S = 30.0  # and so long after it, nothing holds them back
SHORTEST_NAP_S = 0.001  # clocks and sleeps are not exact: rather a little late than a little early

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class TooLong(ModelError):
    """The provider asks for a wait that nobody should sleep through. `until` is its end in Unix time."""

    def __init__(self, until: float, now: float) -> None:
        super().__init__(f"the provider asks to wait until {_told_time(until, now)}", "unreachable", retryable=False)
        self.until = until


class Pace:
    """The pace of all calls to one provider.

    `clock` is monotonic, `now` the time of day, both in seconds; `draw` gives a number from 0 up to 1. The room begins
    with `at_once`.
    """

    def __init__(
        self,
        at_once: int,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        draw: Callable[[], float] = random.random,
        *,
        now: Clock = time.time,
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._now = now
        self._most = max(at_once, most)
        self._room = float(max(at_once, 1))
        self._known_room = 0.0  # up to here the room is made good quickly
        self._open = 0
        self._started = 0  # calls so far
        self._door = asyncio.Lock()  # held by the one call that is next
        self._changed = asyncio.Event()
        self._paused_until = clock()
        self._held_until: dict[str, float] = {}  # by model: a limit may be one model's own
        self._struck_after = 0  # calls that had started when a rate limit last struck
        self._strikes = 0  # rate limits in a row
        self._rate = _Rate()
        self._failures = 0  # calls in a row without an answer
        self._is_broken = False
        self._probe: Place | None = None
        self._probes = 0  # in vain, in a row
        self._probe_at = 0.0
        self._last_told = ""
        self._final: ModelError | None = None

    @property
    def room(self) -> int:
        """How many calls may be open now."""
        return int(self._room)

    def place(self, model: str = "") -> "Place":
        """A context for one call: it begins when the call may start, and learns from how the call ends.

        Beginning raises TooLong, or another ModelError when the provider has stopped answering. A ModelError that
        passes through needs no `saw`. Waiting for it is no part of the call: time limits of calls start inside.
        """
        return Place(self, model)

    def saw(self, error: ModelError, model: str = "") -> None:
        """Pauses everybody if the error asks for it; a wait that is too long concerns its model only.

        After a `final` error no call gets a place any more.
        """
        if error.final:
            self._final = error
            self._changed.set()
        if not error.retryable or error.wait_s is None or not error.wait_s > 0:
            return
        until = self._clock() + error.wait_s
        if error.wait_s > LONGEST_WAIT_S:
            self._held_until[model] = max(until, self._held_until.get(model, until))
        else:
            self._paused_until = max(until, self._paused_until)
        self._changed.set()

    def forgive(self) -> None:
        """A new run begins: what was final for the one before, such as an account without money, may be mended."""
        self._final = None

    def delay_s(self, attempt: int, error: ModelError) -> float:
        """How long to wait before a call is sent again that has failed `attempt` times. Raises TooLong."""
        return delay_s(attempt, error, self._draw, self._now)

    # ── For places ──

    async def begin(self, place: "Place") -> None:
        """Waits until the call may start, and starts it; whoever came first goes first."""
        held_s = self._held_until.get(place.model, 0.0) - self._clock()
        if 0 < held_s <= LONGEST_WAIT_S:
            await self._sleep(held_s + SHORTEST_NAP_S)  # not at the door, where calls to other models wait
        async with self._door:
            while True:
                self._changed.clear()
                wait_s = self._wait_s(place.model, self._clock())
                if wait_s is not None and wait_s <= 0:
                    break
                await self._nap(wait_s)
            now = self._clock()
            self._open += 1
            self._started += 1
            place.number = self._started
            if self._is_broken:
                self._probe = place
            self._rate.start(place, now)

    def end(self, place: "Place", error: BaseException | None) -> None:
        """Gives the place back, and learns from how the call ended; of a call that was stopped there is nothing."""
        used = self._open >= self.room
        self._open -= 1
        is_probe = self._probe is place
        if is_probe:
            self._probe = None
        if error is None:
            self._heal()
            self._strikes = 0
            if used:
                step = 1.0 if self._room < self._known_room else 1 / self._room
                self._room = min(self._room + step, float(self._most))
        elif isinstance(error, NoRoom):
            self._shrink()
        elif isinstance(error, ModelError):
            self.saw(error, place.model)
            if not error.retryable:
                self._heal()  # it said no, so it is there
            else:
                self._fail(error, is_probe)
                if _is_rate_limit(error):
                    self._strike(place, error)
        self._changed.set()

    def _shrink(self) -> None:
        self._most = max(1, int(SPARED * self._open))
        self._room = min(self._room, float(self._most))
        if not self._open:  # then the connections are others' and nothing here will tell when one is free
            self._paused_until = max(self._paused_until, self._clock() + FIRST_DELAY_S)

    def _heal(self) -> None:
        self._failures = self._probes = 0
        self._is_broken = False

    def _fail(self, error: ModelError, is_probe: bool) -> None:
        self._failures += 1
        self._last_told = error.message
        # A burst of calls may run into a rate limit while those that came first are being answered.
        if self._failures >= FAILURES_IN_A_ROW and not (self._open and _is_rate_limit(error)):
            if not self._is_broken:
                self._is_broken = True
                self._probe_at = self._clock() + FIRST_DELAY_S
            elif is_probe:
                self._probes += 1
                self._probe_at = self._clock() + _doubled(self._probes)

    def _strike(self, place: "Place", error: ModelError) -> None:
        """A rate limit: of all calls that were under way by then, the first one counts."""
        place.was_let_through = False
        if place.number <= self._struck_after:
            return
        now = self._clock()
        self._struck_after = self._started
        if self._open + 1 >= self.room or not self._rate.is_known(now):
            self._known_room = KNOWN_ROOM * self._room
            self._room = max(1.0, self._room // 2)
        if error.wait_s is None or not error.wait_s > 0:
            self._paused_until = max(self._paused_until, now + _doubled(self._strikes))
        self._strikes += 1
        self._rate.strike(now)

    def _wait_s(self, model: str, now: float) -> float | None:
        """Seconds until it is worth looking again, 0 for a call that may start; None: until something changes."""
        if self._final is not None:
            raise self._final.with_traceback(None)
        held_s = self._held_until.get(model, now) - now
        if held_s > 0:
            raise TooLong(self._now() + held_s, self._now())
        pause_s = self._paused_until - now
        if self._is_broken:
            if self._probe is not None:
                return None
            pause_s = max(pause_s, self._probe_at - now)
            if pause_s > 0 and self._probes >= PROBES and not self._open:
                message = f"the provider did not answer {self._failures} calls in a row: {self._last_told}"
                raise ModelError(message, "unreachable", retryable=False)
        if pause_s > 0:
            return pause_s
        if self._open >= self.room:
            return None
        return self._rate.wait_s(now, self._paused_until)

    async def _nap(self, seconds: float | None) -> None:
        """Sleeps, but no longer than until something changes."""
        if seconds is None:
            await self._changed.wait()
            return
        changed = asyncio.ensure_future(self._changed.wait())
        sleeping = asyncio.ensure_future(self._sleep(max(seconds, SHORTEST_NAP_S)))
        try:
            await asyncio.wait((changed, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            sleeping.cancel()


class Place:
    """One call's place. `number` counts the calls from 1; `was_let_through` is what no rate limit turned away."""

    __slots__ = ("_pace", "model", "number", "started", "was_let_through")

    def __init__(self, pace: Pace, model: str) -> None:
        self._pace = pace
        self.model = model
        self.number = 0
        self.started = 0.0
        self.was_let_through = True

    async def __aenter__(self) -> None:
        await self._pace.begin(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pace.end(self, error)


class _Rate:
    """How fast calls may start after a rate limit; before the first one, as fast as they like.

    What the provider lets through is counted from the end of one pause to the end of the next: a window of its own
    that is used up early, and a bucket that fills up during the pause, both come out right.
    """

    def __init__(self) -> None:
        self._recent: deque[Place] = deque()
        self._counted_from: float | None = None
        self._struck: float | None = None  # the rate limit after which nothing has started yet
        self._allowed: float | None = None  # calls a second that were let through
        self._resumed = 0.0
        self._next = 0.0

    def is_known(self, now: float) -> bool:
        """Whether calls are slowed down, so that a rate limit is one of the rate rather than of the open calls."""
        return self._now_allowed(now) is not None

    def strike(self, now: float) -> None:
        """A rate limit."""
        self._struck = now

    def start(self, place: Place, now: float) -> None:
        """A call starts."""
        if self._counted_from is None:
            self._counted_from = now
        place.started = now
        self._recent.append(place)
        while self._recent[0].started < now - WINDOW_S:
            self._recent.popleft()
        rate = self._now_allowed(now)
        if rate is not None:
            self._next = max(self._next, now - 1 / rate) + 1 / rate

    def wait_s(self, now: float, resumed: float) -> float:
        """Seconds until the next call may start, now that the pause, which ended at `resumed`, is over."""
        if self._struck is not None:
            self._measure(self._struck, max(self._struck, resumed))
        return 0.0 if self._now_allowed(now) is None else max(self._next - now, 0.0)

    def _measure(self, struck: float, resumed: float) -> None:
        assert self._counted_from is not None
        first = max(self._counted_from, struck - WINDOW_S)
        count = sum(place.started >= first and place.was_let_through for place in self._recent)
        before = self._now_allowed(struck)
        self._allowed = max(count, 1) / max(resumed - first, SHORTEST_NAP_S)
        if before is not None:
            self._allowed = max(self._allowed, SLOWED * before)
        self._struck = None
        self._counted_from = self._resumed = self._next = resumed

    def _now_allowed(self, now: float) -> float | None:
        """Calls a second, None for any number."""
        since = now - self._resumed
        if self._allowed is None or since >= FREE_S:
            return None
        return self._allowed * (1 + (since / DOUBLED_S) ** 3)


def delay_s(
    attempt: int, error: ModelError, draw: Callable[[], float] = random.random, now: Clock = time.time
) -> float:
    """How long to wait before a call is sent again that has failed `attempt` times. Raises TooLong.

    The wait that the provider asks for, or any time up to a bound that doubles ("full jitter").
    """
    if error.wait_s is not None and error.wait_s > 0:
        if error.wait_s > LONGEST_WAIT_S:
            raise TooLong(now() + error.wait_s, now())
        return error.wait_s
    return draw() * _doubled(attempt - 1)


def _doubled(times: int) -> float:
    return float(min(FIRST_DELAY_S * 2.0 ** min(max(times, 0), 10), LONGEST_DELAY_S))


def _is_rate_limit(error: ModelError) -> bool:
    return error.status == 429 or "rate_limit" in error.code or "concurrency" in error.code


def _told_time(until: float, now: float) -> str:
    """A time of day, with its date if that is another day's; a minute that has begun is told as over."""
    end = time.localtime(until + 59.999)
    told = time.strftime("%H:%M", end)
    return told if time.localtime(now)[:3] == end[:3] else f"{told} on {time.strftime('%Y-%m-%d', end)}"
