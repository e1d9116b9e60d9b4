"""Runs the benchmarks: `python benchmarks/run.py [startup] [check] [each] [wire] [real] [kept] [watch] [--rounds N]`.

`S1` to `S10` is one scenario of `real`.
"""

import argparse
from functools import partial

import check
import each
import kept
import real
import startup
import watch
import wire

SCENARIOS = {
    "startup": startup.measure,
    "check": check.measure,
    "each": each.measure,
    "wire": wire.measure,
    "real": real.measure,
    "watch": watch.measure,
    "kept": kept.measure,
}
ONE_BY_ONE = {name: partial(real.measure_one, name) for name in real.SCENARIOS}


def main() -> None:
    """Measures what is asked for, or everything."""
    parser = argparse.ArgumentParser(description="How fast flowlang is, as multiples of a yardstick in the same run.")
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join((*SCENARIOS, *ONE_BY_ONE))}; everything without it")
    parser.add_argument("--rounds", type=int, default=11, help="how often each contestant runs (11)")
    wanted = parser.parse_args()
    known = {**SCENARIOS, **ONE_BY_ONE}
    if unknown := set(wanted.scenario) - known.keys():
        parser.error(f"there is no scenario called {', '.join(sorted(unknown))}")
    if wanted.rounds < 1:
        parser.error("at least one round is needed")
    for name in wanted.scenario or SCENARIOS:
        known[name](wanted.rounds)


if __name__ == "__main__":
    main()
