"""The stand-in gateway as a process of its own: prints its address, then answers until its input ends."""

import argparse
import asyncio
import sys
from argparse import ArgumentTypeError
from difflib import get_close_matches
from typing import Any

from .answers import Answer, fitting_answer
from .faults import FAULTS, Fault, is_fault, mixed
from .model import Latency, Limits
from .refusals import REFUSALS
from .server import Gateway


def main() -> None:
    """Reads the options and runs; whoever started it ends it by closing its input."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="", help="the key that every request must bring")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="to the first token")
    parser.add_argument("--per-token", type=float, default=0.0, metavar="SECONDS", help="for each further token")
    parser.add_argument("--per-input-token", type=float, default=0.0, metavar="SECONDS", help="that no cache held")
    parser.add_argument("--tokens", type=int, metavar="N", help="answer this many words instead of what fits")
    faults: dict[str, Any] = {"type": _rate, "action": "append", "default": [], "metavar": "NAME[:VALUE]=RATE"}
    parser.add_argument("--fault", **faults, help="may be repeated; the names stand in faults.py and refusals.py")
    parser.add_argument("--seed", type=int, default=0, help="which requests meet the faults")
    parser.add_argument("--quirk", type=int, action="append", default=[], metavar="NUMBER", help="may be repeated")
    parser.add_argument("--requests-per-second", type=float)
    parser.add_argument("--burst", type=int, default=1)
    parser.add_argument("--tokens-per-minute", type=int)
    parser.add_argument("--at-once", type=int)
    given = parser.parse_args()
    words = None if given.tokens is None else Answer(pieces=("word ",) * given.tokens)
    gateway = Gateway(
        (lambda request: words) if words is not None else fitting_answer,
        faults=mixed(dict(given.fault), given.seed) if given.fault else None,
        quirks=tuple(given.quirk),
        key=given.key,
        latency=Latency(given.latency, given.per_token, given.per_input_token),
        limits=Limits(given.requests_per_second, given.burst, given.tokens_per_minute, given.at_once),
        keep_bodies=False,
        port=given.port,
    )
    asyncio.run(_live(gateway))


async def _live(gateway: Gateway) -> None:
    async with gateway:
        print(gateway.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _rate(text: str) -> tuple[Fault, float]:
    """A fault and its rate, as they are typed; argparse tells what is wrong with them."""
    fault, _, rate = text.partition("=")
    name, _, value = fault.partition(":")
    if not is_fault(name):
        known = (*FAULTS, *REFUSALS)
        near = [one for one in known if name and one.startswith(name)] or get_close_matches(name, known)
        raise ArgumentTypeError(f"no fault is called {name}" + (f"; there is {', '.join(near)}" if near else ""))
    share = _number(rate)
    if isinstance(share, str) or not 0 <= share <= 1:
        raise ArgumentTypeError(f"its rate is a number from 0 to 1, as in {fault}=0.1")
    return Fault(name, _number(value) if value else None), float(share)


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


if __name__ == "__main__":
    main()
