"""What the store costs, and what it saves: runs that are answered from before, starts, and the start after a crash.

Runs go through the command line, with the stand-in gateway where something is asked; all of them are whole processes.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from real import MODEL, ROW_FLOW, ROWS, Place, Run
from stand_in import ROOT, stand_in
from stopwatch import Spent, tell_aim

ANSWERS = 100_000
ONE_STEP = f'step a\n  model: {MODEL}\n  prompt: "Say hello."\n'

# Answers as runs leave them, in a store whose process dies before it has taken its log in.
FILL = """
import asyncio, os, sys
from pathlib import Path
from flowlang.models.chat import Reply
from flowlang.store.place import open_folder
from flowlang.store.rows import Attempt, Ending
from flowlang.store.store import open_store

async def fill(store, count):
    for start in range(0, count, 1_000):
        asked = {"messages": ["a question " * 20]}
        numbers = range(start, min(start + 1_000, count))
        attempts = [Attempt("", "step", n, os.urandom(32), "model", asked) for n in numbers]
        calls = await asyncio.gather(*[store.claim(one, bool, True) for one in attempts])
        ends = [Ending("ok", 0.1, 10, 10, reply=Reply("some words of an answer " * 10)) for _ in attempts]
        await asyncio.gather(*[store.end_call(c, a, e, True) for c, a, e in zip(calls, attempts, ends)])

store = open_store(open_folder(Path(sys.argv[1])), str, print)
store.begin_run("fill.flow", {})
asyncio.run(fill(store, int(sys.argv[2])))
os._exit(0)
"""


def measure(rounds: int) -> None:
    """Prints every scenario."""
    for scenario in (all_cached, one_step, after_a_crash):
        with tempfile.TemporaryDirectory() as folder:
            scenario(Path(folder), rounds)


def all_cached(home: Path, rounds: int) -> None:
    """S4 again: every answer is there."""
    for count in (1, ROWS):
        mails = "".join(f"Mail number {number} about a bill.\n" for number in range(count))
        (home / f"mails{count}.csv").write_text("mail\n" + mails, encoding="utf-8")
    with stand_in() as gateway:
        place = Place(home, gateway, 256)
        first = place.flow(ROW_FLOW, "--each", f"mails{ROWS}.csv")()
        one, all_of_them = (place.flow(ROW_FLOW, "--each", f"mails{n}.csv", keeps=True) for n in (1, ROWS))
        runs = _in_turn({"one": one, "all": all_of_them}, min(rounds, 5))
    assert all(not run.log for many in runs.values() for run in many), "something was asked again"
    cpu = {name: _middle(many, lambda spent: spent.cpu_s) for name, many in runs.items()}
    calls = 3 * (ROWS - 1)
    tell_aim("S5 all from before: cpu a call", (cpu["all"] - cpu["one"]) / calls * 1_000, "1 ms of cpu", 0.25)
    tell_aim("S5 the same: cpu of the whole", cpu["all"] / first.spent.cpu_s, "the run that asked", 0.5)


def one_step(home: Path, rounds: int) -> None:
    """One step: what the store adds where it must be made, and what it saves where the answer is there."""
    with stand_in() as gateway:
        place = Place(home, gateway, 5)
        store = ("--store", "made")
        runs = _in_turn(
            {
                "without": place.flow(ONE_STEP, "--no-store"),
                "made": _after(lambda: _remove(home / "made"), place.flow(ONE_STEP, *store)),
                "kept": place.flow(ONE_STEP, "--store", "kept"),
                "bare": place.bare([("Say hello.", [])]),
            },
            min(rounds, 9),
        )
    wall = {name: _middle(many, lambda spent: spent.wall_s) for name, many in runs.items()}
    tell_aim("one step, a store made for it: wall", wall["made"] / wall["without"], "--no-store", 1.15)
    tell_aim("S1 one step from before: wall", wall["kept"] / wall["bare"], "bare client", 1.2)


def after_a_crash(home: Path, rounds: int) -> None:
    """The start on a store with many answers whose process was killed."""
    with stand_in() as gateway:
        place = Place(home, gateway, 5)
        runs = _in_turn(
            {
                "small": _after(lambda: _filled(home / "small", 10), place.flow(ONE_STEP, "--store", "small")),
                "large": _after(lambda: _filled(home / "large", ANSWERS), place.flow(ONE_STEP, "--store", "large")),
            },
            min(rounds, 3),
        )
    added_s = _middle(runs["large"], lambda spent: spent.wall_s) - _middle(runs["small"], lambda spent: spent.wall_s)
    tell_aim(f"start after a crash, {ANSWERS:,} answers", added_s, "1 s more than with ten", 0.3)


def _in_turn(contestants: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Runs each once per round, after one round that does not count."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            done = run()
            if turn:
                runs[name].append(done)
    return runs


def _middle(runs: list[Run], figure: Callable[[Spent], float]) -> float:
    return median(figure(run.spent) for run in runs)


def _after(prepare: Callable[[], None], run: Callable[[], Run]) -> Callable[[], Run]:
    def both() -> Run:
        prepare()
        return run()

    return both


def _filled(folder: Path, count: int) -> None:
    _remove(folder)
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(folder), str(count)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
