"""Prints the figures of all trials, or of those that are named: `python -m tests.durability [NAME …] [--count N]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import test_damage, test_disk, test_kills, test_many, test_power
from .project import Figures

Trial = Callable[[Path, int | None], Figures]


def _at(calls: str) -> Trial:
    return lambda home, count: test_kills.killed_at_writes(home, calls, range(1, (count or test_kills.MOST) + 1))


TRIALS: dict[str, Trial] = {
    **{f"kill-{calls}": _at(calls) for calls in test_kills.WRITES},
    "kill-moments": lambda home, count: test_kills.killed_at_moments(home, count or 200),
    "power": lambda home, count: test_power.after_power_cuts(home, count or 2_000),
    "full": lambda home, count: test_disk.failing(home, "ENOSPC", range(1, (count or test_disk.MOST) + 1)),
    "broken": lambda home, count: test_disk.failing(home, "EIO", range(1, (count or test_disk.MOST) + 1)),
    "many-cold": lambda home, count: test_many.asking_the_same(home, count or 20, is_warm=False),
    "many-warm": lambda home, count: test_many.asking_the_same(home, count or 20, is_warm=True),
    "damage": lambda home, count: test_damage.damaged(home, count or 1_000),
}


def main() -> int:
    """Prints a line for each; 1 if a call that was done was billed again, or a trial went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one or more of {', '.join(TRIALS)}; all of them without it")
    parser.add_argument("--count", type=int, help="how many of each")
    given = parser.parse_args()
    if unknown := set(given.name) - TRIALS.keys():
        parser.error(f"there is nothing called {', '.join(sorted(unknown))}")
    total = Figures()
    for name in given.name or TRIALS:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as home:
            figures = TRIALS[name](Path(home), given.count)
        print(f"{name:<16} {figures.told()}, {time.monotonic() - started:.0f} s", flush=True)
        for wrong in figures.wrong[:5]:
            print(f"    {wrong}", flush=True)
        total.add(figures)
    print(f"{'all':<16} {total.told()}", flush=True)
    return 1 if total.lost or total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
