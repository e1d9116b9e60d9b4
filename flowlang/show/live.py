"""A run on a terminal: a line per running step, redrawn a few times a second; what has ended scrolls away above."""

from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..run.event import CallStarted, Event, StepStarted
from .numbers import duration, paid
from .progress import Progress, Running
from .rows import RowsProgress
from .terminal import visible_line

REDRAWS_PER_SECOND = 4


@dataclass(slots=True)
class LiveView:
    """Redrawn by `tick` alone: however fast tokens come, the terminal stays calm."""

    console: RichConsole
    progress: Progress | RowsProgress
    every_s: float = 1 / REDRAWS_PER_SECOND
    live: Live = field(init=False)

    def __post_init__(self) -> None:
        self.live = Live(
            Text(""),
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self.live.start()

    def emit(self, event: Event) -> None:
        """Takes an event in; a change of state becomes a line that stays."""
        line = self.progress.take(event)
        if line is not None and not isinstance(event, StepStarted | CallStarted):
            self.console.print(Text(line, style=_style(line), overflow="fold"), highlight=False)

    def tick(self) -> None:
        """To be called a few times a second: redraws what is running."""
        self.live.update(self._drawn(), refresh=True)

    def close(self) -> None:
        """Takes the running lines off the screen and gives the cursor back."""
        self.live.stop()

    def _drawn(self) -> Group:
        width, height = self.console.size
        room = max(1, height - 3)
        running = list(self.progress.running.values())
        lines = [self._line(one, width) for one in running[:room]]
        if len(running) > room:
            lines.append(Text(f"… and {len(running) - room} more", style="dim", no_wrap=True, overflow="crop"))
        return Group(*lines)

    def _line(self, one: Running, width: int) -> Text:
        """What matters most comes first, and what does not fit is left out whole."""
        room = width - 1
        # A name gives way to time and progress: half of a narrow line is enough to tell steps apart.
        most = max(6, width // 2 - 1)
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(one.name if len(one.name) <= most else one.name[: most - 1] + "…", style="bold")
        seconds = self.progress.clock() - one.since
        tokens = one.tokens()
        parts = [
            (f"{seconds:.1f}s" if seconds < 10 else duration(seconds), "cyan"),
            (one.progress(), ""),
            (f"{tokens:,} tokens" if tokens else "", "dim"),
            (paid(one.cost_usd) if one.cost_usd else "", "dim"),
            (one.because, "dim"),
        ]
        for text, style in parts:
            if text and line.cell_len + 1 + len(text) <= room:
                line.append(f" {text}", style=style)
        left = room - line.cell_len - 2
        if left >= 10 and one.tail:
            tail = Text(visible_line(" ".join(one.tail.split()))[-left:], style="dim italic")
            tail.truncate(left)
            line.append("  ").append_text(tail)
        line.truncate(room, overflow="ellipsis")
        return line


def start_live(stream: TextIO, progress: Progress | RowsProgress, colour: bool) -> LiveView:
    """A live view on a terminal."""
    console = RichConsole(
        file=stream,
        force_terminal=True,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        soft_wrap=False,
    )
    return LiveView(console, progress)


def _style(line: str) -> str:
    state = line.partition(": ")[2]
    if state.startswith("failed") or (state.startswith("item ") and " failed" in state):
        return "red"
    return "yellow" if state.startswith("skipped") else ""
