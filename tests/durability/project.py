"""A flow of twenty calls in a folder of its own, the gateway that answers it, and what it must not lose."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gateway import Gateway, Latency
from tests.gateway.log import Seen

ROOT = Path(__file__).resolve().parents[2]
LAYERS, WIDTH = 4, 5
CALLS = LAYERS * WIDTH
_PLACE = re.compile(r"^Layer (\d+), place (\w+)\.")

# Each layer reads the answers of the whole layer before: a question of one proves that the other was done.
FLOW = (
    'let places = ["a", "b", "c", "d", "e"]\n'
    + "".join(
        f"""\
step layer{layer}
  repeat for each p in places
  model: gpt-5-4
  prompt: "Layer {layer}, place {{{{ p }}}}. {f"{{{{ layer{layer - 1} }}}}" if layer > 1 else "Begin."}"
"""
        for layer in range(1, LAYERS + 1)
    )
    + f'let report = layer{LAYERS} | join "; "\noutput report to "report.md"\n'
)

SETTINGS = """\
[project]
provider = "stand-in"
[providers.stand-in]
base_url = "{url}"
key_env = "STAND_IN_KEY"
at_once = 64
"""
KEY = "sk-canary-0123456789abcdef"


def answer(request: dict[str, Any]) -> str:
    """An answer that the question decides."""
    asked = request["messages"][-1]["content"]
    text = asked if isinstance(asked, str) else "".join(part.get("text", "") for part in asked)
    place = _PLACE.match(text)
    name = f"{place[1]}{place[2]}" if place else "x"
    return f"{name}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def gateway(latency_s: float = 0.0) -> Gateway:
    """The gateway that answers."""
    return Gateway(answer, latency=Latency(latency_s))


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Figures:
    """What a series of trials has shown; `lost` and `billed_again` must be nothing."""

    trials: int = 0
    hit: int = 0  # trials in which what was to happen did happen
    done: int = 0  # calls that were done when it happened
    lost: int = 0  # of those, calls that were asked again
    open_again: int = 0  # calls that were open when it happened, and asked again
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        """Adds those of another series."""
        self.trials += other.trials
        self.hit += other.hit
        self.done += other.done
        self.lost += other.lost
        self.open_again += other.open_again
        self.wrong += other.wrong

    def told(self) -> str:
        """The figures in one line."""
        return (
            f"{self.trials} trials, {self.hit} hit, {self.done} calls were done, {self.lost} of them billed again, "
            f"{self.open_again} open ones asked again, {len(self.wrong)} trials wrong"
        )


@dataclass(slots=True)
class Project:
    """The folder of a project."""

    home: Path

    @classmethod
    def new(cls, home: Path, url: str, flow: str = FLOW) -> "Project":
        home.mkdir(parents=True)
        (home / "twenty.flow").write_text(flow, encoding="utf-8")
        (home / "flowlang.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
        (home / "out").mkdir()
        (home / "out/report.md").write_text("the old report\n", encoding="utf-8")
        return cls(home)

    def command(self, *flags: str) -> tuple[str, ...]:
        """The command that runs the flow."""
        return (sys.executable, "-m", "flowlang", "run", "twenty.flow", "--trust", "--console", "none", *flags)

    def start(self, *flags: str, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Starts the flow, below another command if one is given."""
        return subprocess.Popen(
            [*before, *self.command(*flags)],
            cwd=self.home,
            env=_environment(self.home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *flags: str, before: Sequence[str] = (), most_s: float = 120) -> Ended:
        """Runs the flow to its end. Raises TimeoutExpired where it hangs."""
        process = self.start(*flags, before=before)
        try:
            out, err = process.communicate(timeout=most_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ended(process.returncode, out, err)

    @property
    def store(self) -> Path:
        """The folder of its store."""
        return self.home / ".flowlang"

    def report(self) -> str:
        """The file that the flow writes."""
        return (self.home / "out/report.md").read_text(encoding="utf-8")


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    cache = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
    places = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CACHE_HOME": cache}
    return {**kept, **places, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "STAND_IN_KEY": KEY}


def layer_of(seen: Seen) -> int:
    """The layer that a request belongs to."""
    content = seen.request["messages"][-1]["content"]
    found = _PLACE.match(content if isinstance(content, str) else content[0]["text"])
    assert found is not None
    return int(found[1])


def judged(before: Iterable[Seen], after: Iterable[Seen]) -> tuple[int, int, int]:
    """Of the requests before a run was stopped: how many were done, and of those asked after it, done and open ones."""
    before, after = list(before), list(after)
    last = max(map(layer_of, before), default=0)
    done = {seen.digest for seen in before if layer_of(seen) < last}
    again = Counter(seen.digest for seen in after)
    lost = sum(count for digest, count in again.items() if digest in done)
    left_open = {seen.digest for seen in before} - done
    return len(done), lost, sum(count for digest, count in again.items() if digest in left_open)


def stopped_and_repeated(
    home: Path, gate: Gateway, url: str, reference: str, stop: Callable[[Project], bool], figures: Figures
) -> Project:
    """Runs the flow until `stop` has stopped it, then again to its end, and notes what that cost.

    `stop` carries the first run out, and says whether it was stopped.
    """
    project = Project.new(home, url)
    gate.forget()
    figures.trials += 1
    figures.hit += stop(project)
    before = list(gate.log)
    if (report := project.report()) not in ("the old report\n", reference):
        figures.wrong.append(f"{home.name}: half a report: {report[:80]!r}")
    gate.forget()
    again = project.run()
    if again.code != 0 or project.report() != reference:
        figures.wrong.append(f"{home.name}: run again, it ended with {again.code}: {again.err[-400:]}")
    if "Traceback" in again.err:
        figures.wrong.append(f"{home.name}: {again.err[-400:]}")
    done, lost, left_open = judged(before, gate.log)
    figures.done += done
    figures.lost += lost
    figures.open_again += left_open
    if left_open > WIDTH:
        figures.wrong.append(f"{home.name}: {left_open} open calls were asked again")
    return project


def kill(process: "subprocess.Popen[str]", after_s: float, number: int = signal.SIGKILL) -> bool:
    """Sends a signal after some time; whether the process was still there."""
    until = time.monotonic() + after_s
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    is_alive = process.poll() is None
    if is_alive:
        process.send_signal(number)
    process.communicate()
    return is_alive
