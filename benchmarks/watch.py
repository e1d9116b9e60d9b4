"""From the end of a save to the first byte of the new question at the gateway, and how many questions are sent again.

A process watches a flow; this one saves it in the ways of editors, one prompt edited each time, and the stand-in
gateway, which answers at once, says when the new question arrived. All three are on this computer and go by its one
clock. What is told is what comes on top of the quiet that a save has to keep: 50 ms.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from stand_in import ROOT, StandIn, stand_in
from stopwatch import FLOWLANG, tell_aim

from tests.workbench.saving import QUIET, WAYS, rename_over

QUIET_S = 0.05
SETTINGS = '[project]\nprovider = "stand-in"\n[providers.stand-in]\nbase_url = "{url}"\nat_once = 64\n'
LONGEST_S = 60.0
LEFT_ALONE_S = 1.0


@dataclass(slots=True)
class Session:
    """A process that watches. `asked` counts the questions that the gateway has seen."""

    flow: Path
    gateway: StandIn
    process: "subprocess.Popen[bytes]"
    asked: int = 0
    taken_s: list[float] = field(default_factory=list)
    again: list[int] = field(default_factory=list)

    def save(self, way: Callable[[Path, str], None], text: str, questions: int) -> None:
        """Saves, waits for so many questions, and notes when the first arrived and how many came."""
        way(self.flow, text)
        saved_s = time.monotonic()
        end = saved_s + LONGEST_S
        time.sleep(LEFT_ALONE_S)  # to ask for a long log takes the time that is measured
        while len(self.gateway.log()) < self.asked + questions:
            if time.monotonic() > end or self.process.poll() is not None:
                sys.exit("the session asked nothing, or has ended")
            time.sleep(0.2)
        log = self.gateway.log()
        if questions:
            self.taken_s.append(self.gateway.began_s() + log[self.asked]["arrived_s"] - saved_s)
        self.again.append(len(log) - self.asked)
        self.asked = len(log)


def measure(rounds: int) -> None:
    """Prints what each way of saving takes with 50 steps, and one with 1,000."""
    for name, way in WAYS.items():
        quiet = name in QUIET
        taken_s, again = saves(50, way, 4 * rounds, 0 if quiet else 1)
        if quiet:
            tell_aim(f"watch, 50 steps, {name}: questions", max(again), "1 question", 0)
        else:
            told(f"watch, 50 steps, {name}", taken_s, again, 50)
    taken_s, again = saves(1_000, rename_over, rounds, 1)
    told("watch, 1,000 steps, rename over", taken_s, again, 150)


def told(what: str, taken_s: list[float], again: list[int], aim_ms: float) -> None:
    """Prints the middle and the worst, and whether only what changed was asked."""
    beyond = sorted(1_000 * (one - QUIET_S) for one in taken_s)
    tell_aim(f"{what}: beyond the quiet", median(beyond), "1 ms", aim_ms)
    print(f"    worst {beyond[-1]:.0f} ms   questions for each save: {min(again)} to {max(again)}, needed: 1")


def saves(steps: int, way: Callable[[Path, str], None], count: int, questions: int) -> tuple[list[float], list[int]]:
    """What so many saves took, and how many questions each led to."""
    with tempfile.TemporaryDirectory() as folder, stand_in() as gateway:
        home = Path(folder)
        (home / "flowlang.toml").write_text(SETTINGS.format(url=gateway.url), encoding="utf-8")
        (flow := home / "a.flow").write_text(flow_of(steps, 0), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, *FLOWLANG, "watch", "a.flow", "--trust"],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            session = Session(flow, gateway, process)
            session.save(lambda path, text: None, "", steps)
            session.taken_s.clear()
            session.again.clear()
            for number in range(1, count + 1):
                session.save(way, flow_of(steps, number), questions)
                time.sleep(0.3)
        finally:
            process.terminate()
            process.wait()
    return session.taken_s, session.again


def flow_of(steps: int, number: int) -> str:
    """Steps that need nothing of each other, with one prompt in the middle that is another for each number."""
    return "".join(
        f'step s{n}\n  model: stand-in/m1\n  prompt: "Say {n}{f", again {number}" if n == steps // 2 else ""}."\n\n'
        for n in range(steps)
    )
