"""A `watch` under way, driven by saves, and judged by the gateway's log: what it asked, and when."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.gateway import Gateway

LONGEST_S = 20.0
# Sessions share the grammar that is made ready: to make it takes a second.
CACHE = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))


def project(folder: Path, url: str, flow: str) -> Path:
    """A folder with a flow whose models the gateway answers, for nothing; the flow's file."""
    settings = f'[project]\nprovider = "stand-in"\n[providers.stand-in]\nbase_url = "{url}"\nat_once = 64\n'
    (folder / "flowlang.toml").write_text(settings, encoding="utf-8")
    (path := folder / "a.flow").write_text(flow, encoding="utf-8")
    return path


class Watched:
    """One process that watches, and what its file of events says."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self._events = folder / "events.jsonl"
        self._events.unlink(missing_ok=True)
        self._files = [(folder / name).open("wb") for name in ("out.txt", "said.txt")]
        start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, "watch", "a.flow", "--trust", "--events", "events.jsonl", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
            env={"HOME": str(folder), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": CACHE},
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """What has been told so far."""
        if not self._events.exists():
            return []
        lines = self._events.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def named(self, *names: str) -> list[dict[str, Any]]:
        """The events with one of these names."""
        return [one for one in self.events if one["event"] in names]

    @property
    def said(self) -> str:
        """All lines so far."""
        return (self.folder / "said.txt").read_text(encoding="utf-8")

    def until(self, holds: Callable[[], Any], what: str = "something") -> Any:
        """What something is, once it is anything."""
        end = time.monotonic() + LONGEST_S
        while not (found := holds()):
            assert self.process.poll() is None, f"it has ended\n{self.said}"
            assert time.monotonic() < end, f"{what} never came to be\n{self.said[-3000:]}"
            time.sleep(0.005)
        return found

    def until_runs(self, number: int) -> None:
        """Waits until so many runs have come to their end."""
        self.until(lambda: len(self.done()) >= number, f"run {number}")

    def done(self) -> list[dict[str, Any]]:
        """The runs that came to their end."""
        return [one for one in self.named("run_finished") if one["outcome"] != "interrupted"]

    def stop(self, number: int = 2) -> int:
        """Ends it with a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(LONGEST_S)


@contextmanager
def watched(folder: Path, *words: str) -> Iterator[Watched]:
    """A process that watches, ended with the context."""
    running = Watched(folder, *words)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        for file in running._files:
            file.close()


def asked(gateway: Gateway) -> list[str]:
    """The last message of each question that the gateway was asked, in order."""
    return [one.request["messages"][-1]["content"] for one in tuple(gateway.log)]


def asks(*prompts: str, names: str = "abc") -> str:
    """A flow of steps that need nothing of each other."""
    return "".join(
        f'step {name}\n  model: stand-in/m1\n  prompt: "{prompt}"\n'
        for name, prompt in zip(names, prompts, strict=False)
    )


def open_calls(gateway: Gateway, number: int) -> bool:
    """Whether so many calls are under way."""
    return len([one for one in tuple(gateway.log) if one.ended_s is None]) == number
