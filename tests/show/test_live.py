"""The live view, driven through a pseudo-terminal and read back from a small screen of our own."""

import os
import pty
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import pytest

# A run of two steps whose model sends what would take a terminal over, faster than anyone could read it.
DRIVER = r"""
import sys
from flowlang.run.event import *
from flowlang.show.live import start_live
from flowlang.show.progress import Progress

now = 0.0
progress = Progress(lambda: now)
view = start_live(sys.stderr, progress, True)
view.emit(RunStarted("brief.flow", ("claims", "verdict"), True))
view.emit(StepStarted("", "claims", "prompt", None))
view.emit(CallStarted("", "claims", None, "m"))
for number in range(10_000):
    view.emit(Delta("", "claims", None, "\x1b[2J\x1b]0;title\x07 word\u202e "))
now = 1.5
view.tick()
view.emit(CallFinished("", "claims", None, "m", "ok", 1, False, 10, 5, 0, None, 1.5))
view.emit(StepFinished("", "claims", None, 0, 1.5))
view.emit(StepStarted("", "verdict_of_each_claim", "prompt", 8))
for item in range(1, 6):
    view.emit(CallStarted("", "verdict_of_each_claim", item, "m"))
    view.emit(CallFinished("", "verdict_of_each_claim", item, "m", "ok", 1, False, 10, 5, 0, None, 0.1))
now = 2.0
view.tick()
view.emit(StepFinished("", "verdict_of_each_claim", 8, 0, 0.5))
view.close()
print("END", file=sys.stderr, flush=True)
"""


@dataclass
class Screen:
    """As much of a terminal as the view uses: text, line breaks, cursor up, erase line."""

    columns: int
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    seen: set[str] = field(default_factory=set)

    def feed(self, text: str) -> None:
        for piece in re.findall(r"\x1b\[\??[0-9;]*[A-Za-z]|\x1b.|[\r\n]|[^\x1b\r\n]+", text):
            if piece == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif piece == "\r":
                continue
            elif found := re.fullmatch(r"\x1b\[(\d*)A", piece):
                self.row = max(0, self.row - int(found[1] or 1))
            elif piece == "\x1b[2K":
                self.lines[self.row] = ""
            elif not piece.startswith("\x1b"):
                self.lines[self.row] += piece
                self.seen.add(self.lines[self.row])


def run_on_terminal(columns: int) -> str:
    """All that the driver writes to a terminal of that width."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "20", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([sys.executable, "-c", DRIVER], stderr=inner, env=environment, stdin=subprocess.DEVNULL)
    os.close(inner)
    received: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(outer, 65536):
                received.append(data)
        except OSError:  # the other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(timeout=60) == 0
    reader.join(timeout=60)
    os.close(outer)
    return b"".join(received).decode()


@pytest.mark.parametrize("columns", [20, 80])
def test_a_run_on_a_terminal(columns: int):
    screen = Screen(columns)
    screen.feed(run_on_terminal(columns))
    assert any("5/8" in line for line in screen.seen)
    assert max(map(len, screen.seen)) <= columns

    left = [line for line in screen.lines if line]
    assert left[-1] == "END"
    assert any(line.startswith("claims: done in") for line in left)
    assert not any("5/8" in line for line in left)  # what was running is gone


def test_ten_thousand_words_cost_few_redraws_and_steer_nothing():
    text = run_on_terminal(80)
    assert len(text) < 10_000
    assert "\x1b[2J" not in text
    assert "\x1b]0;" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J" in text


def test_the_cursor_comes_back():
    text = run_on_terminal(80)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
