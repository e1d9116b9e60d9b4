"""What a settled save starts: a run, a question, or a mark. Pure: what happened and when is handed in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from ..record import record
from ..show.numbers import count, money

Mode = Literal["auto", "ask", "lazy", ""]  # empty: nobody has said
Step = Literal["run", "ask", "mark"]

MOST_WITHOUT_PEOPLE = 3  # runs in a row that no human change has led to
SOON_S = 2.0  # a change so soon after our own run ended may be an answer to it


@record
class Need:
    """What a save would need: `calls` to models, and what they probably cost (None: nobody knows).

    `known_usd`: what those cost of which it is known.
    """

    calls: int | None
    cost_usd: Decimal | None
    is_free: bool  # every model that may be asked costs nothing
    known_usd: Decimal = Decimal(0)


def step_for(mode: Mode, need: Need, max_cost_usd: Decimal | None) -> Step:
    """What to do about a save."""
    if need.calls == 0:
        return "run"  # nothing is asked: what there is repaints
    match mode:
        case "ask":
            return "ask"
        case "lazy":
            return "mark"
        case "auto" if max_cost_usd is None:
            return "run"
        case _:
            if need.is_free:
                return "run"
            return "run" if max_cost_usd is not None and _within(need, max_cost_usd) else "ask"


def told_need(need: Need) -> str:
    """What a save would need, as the question that it is."""
    calls = "some calls" if need.calls is None else count(need.calls, "call")
    if need.is_free:
        cost = "for nothing"
    elif need.cost_usd is not None:
        cost = f"about {money(need.cost_usd)}"
    elif need.known_usd:
        cost = f"about {money(need.known_usd)}, and what hangs on their answers"
    else:
        cost = "nobody knows what they cost"
    return f"this save would make {calls}, {cost}"


def _within(need: Need, most_usd: Decimal) -> bool:
    # What nobody can price goes on too: a run with a limit sends nothing that could pass it.
    return (need.known_usd if need.cost_usd is None else need.cost_usd) <= most_usd


@dataclass(slots=True)
class Loops:
    """Notices when runs lead to runs, without anybody having changed anything.

    A change is taken for one of our own making, or of a program that answers us, if it came while a tool of the run
    was at work, or if it is in no source of the flow and came soon after our run had written or called something.
    """

    tools_at_work: int = 0
    in_a_row: int = 0
    _tool_ended_at: float | None = None
    _ran_for_s: float = 0.0
    _ended_at: float | None = None
    _began_at: float | None = None
    _has_reached_out: bool = False
    last_files: tuple[str, ...] = field(default_factory=tuple)

    def began(self, now: float) -> None:
        """A run has begun."""
        self._began_at, self._has_reached_out = now, False

    def tool_began(self) -> None:
        """A tool is at work: a program, a Python function, an address."""
        self.tools_at_work += 1
        self._has_reached_out = True

    def tool_ended(self, now: float) -> None:
        """It is done."""
        self.tools_at_work -= 1
        self._tool_ended_at = now

    def wrote(self) -> None:
        """The run has written a file of its own."""
        self._has_reached_out = True

    def ended(self, now: float) -> None:
        """A run has ended."""
        if self._began_at is not None:
            self._ran_for_s = now - self._began_at
        self._ended_at = now

    def changed(self, sources: bool, files: Iterable[str], now: float) -> bool:
        """Some files have changed and want a run; whether it may start. `sources`: one of them is a flow's source."""
        if self._is_echo(sources, now):
            self.in_a_row += 1
            self.last_files = tuple(files)
        else:
            self.in_a_row = 0
        return self.in_a_row <= MOST_WITHOUT_PEOPLE

    def key(self) -> None:
        """Somebody is there."""
        self.in_a_row = 0

    def _is_echo(self, sources: bool, now: float) -> bool:
        if self.tools_at_work or (self._tool_ended_at is not None and now - self._tool_ended_at < SOON_S / 2):
            return True
        if sources or not self._has_reached_out or self._ended_at is None:
            return False
        return now - self._ended_at < max(SOON_S, 3 * self._ran_for_s)
