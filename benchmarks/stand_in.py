"""The stand-in gateway as a process of its own, and what it saw."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class StandIn:
    """Where the stand-in is reached: `url` ends with `/v1`."""

    url: str

    def forget(self) -> None:
        """Forgets what was seen, billed and cached."""
        self._asked("/-/forget", "POST")

    def log(self) -> list[dict[str, Any]]:
        """What was seen since then, a record for each request."""
        rows: list[dict[str, Any]] = self._asked("/-/log", "GET")
        return rows

    def began_s(self) -> float:
        """When it began, by the clock that all processes share; the log's times count from then."""
        began_s: float = self._asked("/-/sum", "GET")["began_s"]
        return began_s

    def _asked(self, path: str, method: str) -> Any:
        with urlopen(Request(self.url.removesuffix("/v1") + path, method=method)) as answer:
            return json.load(answer)


@contextmanager
def stand_in(*options: str) -> Iterator[StandIn]:
    """A stand-in with these options; it ends with the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield StandIn(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait()


def makespan_s(log: list[dict[str, Any]]) -> float:
    """From the moment the first question arrived to the end of the last answer."""
    ended: float = max(row["ended_s"] for row in log)
    arrived: float = min(row["arrived_s"] for row in log)
    return ended - arrived
