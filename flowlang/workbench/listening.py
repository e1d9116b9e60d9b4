"""Who hears of a session: the view or the lines, the file of events; and how each run ended."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from ..run.event import CallStarted, Delta, Dropped, Event, RunStarted
from ..run.report import fold
from ..show.board import Board
from ..show.board_lines import BoardLines
from ..show.ending import last_line, tell_failures
from ..show.jsonl import json_lines
from ..show.reports import reported
from ..show.terminal import visible_line
from .ready import NotReady, Ready
from .screen import Screen


class Shown(Protocol):
    """A view that has the screen to itself."""

    every_s: float

    def tick(self) -> None:
        """Draws what has changed."""
        ...

    def close(self) -> None:
        """Leaves the screen as it was."""
        ...


@dataclass(slots=True)
class Listening:
    """`view` has the screen, if there is one; else `lines` are told."""

    board: Board
    lines: BoardLines
    events: TextIO | None
    screen: Screen
    view: Shown | None = None
    unwritten: str = ""
    _of_run: list[Event] = field(default_factory=list)
    _write_event: Callable[[Event], None] | None = None
    _started_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.events is not None:
            self._write_event = json_lines(self._write, time.monotonic)

    @property
    def has_screen(self) -> bool:
        """Whether a view has the screen, so that nothing else may be written there."""
        return self.view is not None

    @property
    def every_s(self) -> float:
        """Seconds between two ticks."""
        return self.view.every_s if self.view is not None else 1.0

    def emit(self, event: Event) -> None:
        """Something has happened in the present run."""
        if isinstance(event, RunStarted):
            self._of_run.clear()
        if not isinstance(event, Delta | CallStarted | Dropped):
            self._of_run.append(event)
        if self._write_event is not None:
            self._write_event(event)
        if self.view is None:
            self.lines.emit(event)

    def left(self, event: Event) -> None:
        """A call of an earlier run has ended that nobody wants any more: it may have cost something."""
        self._of_run.append(event)
        if self._write_event is not None:
            self._write_event(event)

    def say(self, text: str) -> None:
        """Something has happened in the session."""
        self.tell("said", text=text)
        if self.view is None and text:
            first, *rest = text.split("\n")
            self.lines.say(first)
            if rest:
                self.screen.err("\n".join(rest))

    def trouble(self, found: NotReady) -> None:
        """The flow cannot run as it stands."""
        self.tell("not_ready", text=found.told, mistakes=[reported(one) for one in found.mistakes])
        if self.view is None:
            good = f"; the answers of {self.board.good_at} stand" if self.board.good_at else ""
            self.lines.say(f"waiting: {visible_line(self.board.flow)} cannot run as it stands{good}")
            self.screen.err(found.told)

    def changed(self) -> None:
        """It can run again."""
        self.tell("ready")
        if self.view is None:
            self.lines.say("it can run again")

    def tick(self) -> None:
        """Time has passed."""
        if self.view is None:
            self.lines.tick()
            return
        if self.screen.told:
            self.board.says = " ".join("".join(self.screen.told).split())
            self.screen.told.clear()
        self.view.tick()

    def close(self) -> None:
        """Leaves the screen as it was, and tells what the session came to."""
        if self.view is None:
            if self.board.run:
                self.lines.say(self.board.summary())
            return
        self.view.close()
        self.view = None
        left, self.screen.told = self.screen.told or [], None
        self.screen.err("".join(left))
        self.screen.err(self.board.summary())

    def ending(self, ready: Ready) -> list[str]:
        """How the run came out: its failures, each at its line, and the last line."""
        report = fold(self._of_run)
        failures = tell_failures(report, self.screen.width, self.screen.colour_err).rstrip("\n")
        offline = ready.given.has("offline")
        line = last_line(report, report.exit_code, visible_line(ready.flow.source.path), offline, ready.plan)
        return [*([failures] if failures else []), line]

    def tell(self, event: str, **fields: Any) -> None:
        """Writes what is no event of a run to the file of events."""
        if self.events is not None:
            told = {"event": event, "at": round(time.monotonic() - self._started_at, 3), **fields}
            self._write(json.dumps(told, ensure_ascii=False) + "\n")

    def _write(self, line: str) -> None:
        if self.events is None or self.unwritten:
            return
        try:
            self.events.write(line)
        except OSError as error:
            self.unwritten = (error.strerror or "unknown reason").lower()
