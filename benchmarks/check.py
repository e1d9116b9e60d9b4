"""What checking costs: multiples of `python -m json.tool` on as many bytes, and checking again after one edit."""

import itertools
import tempfile
from pathlib import Path

from generate import write_flow, write_json
from stopwatch import FLOWLANG, Times, race, tell, time_call, time_process

from flowlang.pipeline import Workspace

SIZES = (1_000, 10_000)


def measure(rounds: int) -> None:
    """Prints parse and check of generated flows, how it grows, and checking again after an edit."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        checks = [measure_process(home, steps, rounds) for steps in SIZES]
        growth = checks[1].over(checks[0])
        tell("10,000 steps over 1,000, ten times as long", growth, "1,000 steps", SIZES[1] / SIZES[0])
        for steps in SIZES:
            measure_again(home, steps, rounds)


def measure_process(home: Path, steps: int, rounds: int) -> Times:
    """Prints `flowlang check` of a flow against json.tool on a file of its size."""
    flow, data = home / f"{steps}.flow", home / f"{steps}.json"
    text = write_flow(steps)
    flow.write_text(text, encoding="utf-8")
    data.write_text(write_json(text), encoding="utf-8")
    times = race(
        {
            "json": lambda: time_process("-m", "json.tool", data, home / "again.json", cwd=home),
            "check": lambda: time_process(*FLOWLANG, "check", flow, cwd=home),
        },
        rounds,
    )
    tell(
        f"flowlang check, {steps:,} steps, {len(text) // 1024:,} kB",
        times["check"].over(times["json"]),
        "json.tool",
        15,
    )
    return times["check"]


def measure_again(home: Path, steps: int, rounds: int) -> None:
    """Prints the check after one edit, everything else remembered, against a check that remembers nothing."""
    flow = home / f"{steps}.flow"
    text = write_flow(steps)
    flow.write_text(text, encoding="utf-8")
    open_workspace = Workspace()
    open_workspace.check(flow)
    middle = steps // 5 // 2
    edits = itertools.count(1)

    def check_again() -> float:
        edited = text.replace(f"List what part {middle} says.", f"List what part {middle} says, edit {next(edits)}.")
        flow.write_text(edited, encoding="utf-8")
        return time_call(lambda: open_workspace.check(flow))

    times = race(
        {"again": check_again, "full": lambda: time_call(lambda: Workspace().check(flow))},
        rounds,
    )
    tell(f"check again after one edit, {steps:,} steps", times["again"].over(times["full"]), "the full check", 0.1)
