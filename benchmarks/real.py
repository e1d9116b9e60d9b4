"""Whole runs against the stand-in gateway: multiples of what its latency allows, and of a bare client's calls.

The gateway, the run and the bare client are processes of their own. Makespans are what the gateway saw: from the first
question to the end of the last answer; wall, cpu and memory are those of the whole process, its start included.
"""

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stand_in import ROOT, StandIn, makespan_s, stand_in
from stopwatch import FLOWLANG, Spent, spend_process, tell_aim

MODEL = "gpt-5-4"
KEY = "sk-stand-in-0123456789"  # of nothing
Calls = list[tuple[str, list[int]]]  # each call's prompt, and the calls whose answers it needs


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, and what the gateway saw of it."""

    spent: Spent
    log: list[dict[str, Any]]

    @property
    def makespan_s(self) -> float:
        """Seconds from the first question to the end of the last answer."""
        return makespan_s(self.log)

    @property
    def answered(self) -> int:
        """How many questions were answered whole."""
        return sum(row["answered"] for row in self.log)


@dataclass(frozen=True, slots=True)
class Place:
    """A project's folder with the flow, and the gateway that answers it."""

    home: Path
    gateway: StandIn
    at_once: int

    def flow(self, text: str, *flags: str, keeps: bool = False) -> Callable[[], Run]:
        """A run of the flow through the command line, with an empty store unless it `keeps` that of the run before."""
        (self.home / "real.flow").write_text(text, encoding="utf-8")
        settings = f"""\
[project]
provider = "stand-in"
[providers.stand-in]
base_url = "{self.gateway.url}"
key_env = "STAND_IN_KEY"
at_once = {self.at_once}
"""
        (self.home / "flowlang.toml").write_text(settings, encoding="utf-8")
        command = (
            *FLOWLANG,
            "run",
            "real.flow",
            *flags,
            "--trust",
            "--at-once",
            str(self.at_once),
            "-o",
            "result.json",
        )

        def run() -> Run:
            if not keeps:
                shutil.rmtree(self.home / ".flowlang", ignore_errors=True)
            return self._run(command)

        return run

    def bare(self, calls: Calls, model: str = MODEL, shared: str = "", tries: int = 1) -> Callable[[], Run]:
        """The same calls by the bare client; `shared` names a file whose text begins every prompt."""
        jobs = {
            "url": self.gateway.url,
            "model": model,
            "at_once": self.at_once,
            "shared": shared,
            "tries": tries,
            "calls": calls,
        }
        (self.home / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        return lambda: self._run((str(ROOT / "benchmarks/bare_client.py"), "jobs.json"))

    def _run(self, command: tuple[str, ...]) -> Run:
        self.gateway.forget()
        return Run(
            spend_process(*command, cwd=self.home, environment={"STAND_IN_KEY": KEY}),
            self.gateway.log(),
        )


def measure(rounds: int) -> None:
    """Prints every scenario."""
    for name in SCENARIOS:
        measure_one(name, rounds)


def measure_one(name: str, rounds: int) -> None:
    """Prints one scenario; it is run at most three times, because most of the time is the gateway's latency."""
    with tempfile.TemporaryDirectory() as folder:
        SCENARIOS[name](Path(folder), min(rounds, 3))


def race_runs(contestants: Mapping[str, Callable[[], Run]], rounds: int, count: int) -> dict[str, list[Run]]:
    """Runs each contestant once per round, in turn. Ends the program if one does not get `count` answers."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            done = run()
            if done.answered != count:
                sys.exit(f"{name} was answered {done.answered} questions, not {count}")
            runs[name].append(done)
    return runs


def middle(runs: list[Run], figure: Callable[[Run], float]) -> float:
    """The median of a figure."""
    return median(map(figure, runs))


def told(runs: Mapping[str, list[Run]]) -> None:
    """Prints what the figures are made from: ratios hold elsewhere, these don't."""
    for name, of in runs.items():
        print(
            f"    {name:<9} wall {middle(of, lambda one: one.spent.wall_s):6.2f} s"
            f"   makespan {middle(of, lambda one: one.makespan_s):6.2f} s"
            f"   cpu {middle(of, lambda one: one.spent.cpu_s):5.2f} s"
            f"   memory {middle(of, lambda one: one.spent.memory_mb):4.0f} MB"
            f"   requests {middle(of, lambda one: len(one.log)):.0f}",
            flush=True,
        )


def over_ideal(what: str, runs: Mapping[str, list[Run]], ideal_s: float, aim: float) -> None:
    """Prints the makespan as a multiple of the ideal one."""
    own, bare = (middle(runs[name], lambda one: one.makespan_s) / ideal_s for name in ("flowlang", "bare"))
    tell_aim(what, own, f"ideal (bare: {bare:.2f})", aim)
    told(runs)


def cpu_over_bare(what: str, runs: Mapping[str, list[Run]], aim: float) -> None:
    """Prints the cpu as a multiple of the bare client's."""
    own, bare = (middle(runs[name], lambda one: one.spent.cpu_s) for name in ("flowlang", "bare"))
    tell_aim(what, own / bare, "bare client", aim)


def one_call(home: Path, rounds: int) -> None:
    """One call, the whole process."""
    flow = f'step a\n  model: {MODEL}\n  prompt: "Say hello."\n'
    with stand_in() as gateway:
        place = Place(home, gateway, 5)
        runs = race_runs({"flowlang": place.flow(flow), "bare": place.bare([("Say hello.", [])])}, 3 * rounds, 1)
    own, bare = (middle(runs[name], lambda one: one.spent.wall_s) for name in ("flowlang", "bare"))
    tell_aim("S1 one call, whole process: wall", own / bare, "bare client", 1.6)
    told(runs)


FAN_OUT = """\
input ways: list of text
step first
  model: gpt-5-4
  prompt: "Begin."
step many
  repeat for each way in ways
  model: gpt-5-4
  prompt: "{{ first }} Go this way: {{ way }}"
step last
  model: gpt-5-4
  prompt: "Sum up: {{ many }}"
output last
"""


def fan_out(home: Path, rounds: int) -> None:
    """One call, 200 that need it, and one that needs them all."""
    (home / "ways.json").write_text(json.dumps({"ways": [f"way {n}" for n in range(200)]}), encoding="utf-8")
    calls: Calls = [("Begin.", []), *((f"Go this way: way {n}", [0]) for n in range(200))]
    calls.append(("Sum up:", list(range(1, 201))))
    with stand_in("--latency", "0.3") as gateway:
        place = Place(home, gateway, 256)
        own = place.flow(FAN_OUT, "--inputs", "ways.json")
        runs = race_runs({"flowlang": own, "bare": place.bare(calls)}, rounds, 202)
    over_ideal("S2 1, 200, 1 calls of 0.3 s: makespan", runs, 0.9, 1.15)


FIRST_TOKEN_S, TOKEN_S = 0.1, 0.02
WORDS_BEFORE = 3  # of an answer, before those of the prompt: "Answer 123 to:"


def graph(home: Path, rounds: int) -> None:
    """Sixty steps; each needs one to three of those before it, and takes as long as its answer is."""
    draw = random.Random(7)
    calls: Calls = []
    ends: list[float] = []
    text: list[str] = []
    for n in range(60):
        after = sorted(draw.sample(range(max(0, n - 12), n), min(n, draw.randint(1, 3)))) if n > 3 else []
        words = draw.randint(1, 28)
        prompt = ("w " * (words - 1)).ljust(60, "w")  # the gateway's answer repeats its words: a token each
        calls.append((prompt, after))
        took_s = FIRST_TOKEN_S + TOKEN_S * (WORDS_BEFORE + words)
        ends.append(max((ends[one] for one in after), default=0.0) + took_s)
        needs = "".join(f" {{{{ s{one} }}}}" for one in after)
        text.append(f'step s{n}\n  model: {MODEL}\n  prompt: "{prompt}.{needs}"\n')
    with stand_in("--latency", str(FIRST_TOKEN_S), "--per-token", str(TOKEN_S)) as gateway:
        place = Place(home, gateway, 64)
        runs = race_runs({"flowlang": place.flow("".join(text)), "bare": place.bare(calls)}, rounds, 60)
    over_ideal("S3 graph of 60 steps: makespan", runs, max(ends), 1.03)


ROWS = 1_000
OPEN = 256
ROW_FLOW = """\
input mail: text
step topic
  model: gpt-5-4
  prompt: "What is this about? {{ mail }}"
step reply
  model: gpt-5-4
  prompt: "Answer this mail about {{ topic }}: {{ mail }}"
step short
  model: gpt-5-4
  prompt: "Make this shorter: {{ reply }}"
output short
"""


def rows(home: Path, rounds: int) -> None:
    """A thousand rows of three steps, 256 calls open."""
    mails = "".join(f"Mail number {number} about a bill.\n" for number in range(ROWS))
    (home / "mails.csv").write_text("mail\n" + mails, encoding="utf-8")
    calls: Calls = []
    for n in range(ROWS):
        mail = f"Mail number {n} about a bill."
        calls.append((f"What is this about? {mail}", []))
        calls.append((f"Answer this mail about: {mail}", [3 * n]))
        calls.append(("Make this shorter:", [3 * n + 1]))
    with stand_in("--latency", "0.1") as gateway:
        place = Place(home, gateway, OPEN)
        own = place.flow(ROW_FLOW, "--each", "mails.csv")
        runs = race_runs({"flowlang": own, "bare": place.bare(calls)}, rounds, 3 * ROWS)
    over_ideal("S4 1,000 rows of 3 steps: makespan", runs, 3 * ROWS * 0.1 / OPEN, 1.5)
    own_cpu, bare_cpu = (middle(runs[name], lambda one: one.spent.cpu_s) for name in ("flowlang", "bare"))
    tell_aim("S4 cpu a call beyond the bare client's", (own_cpu - bare_cpu) / (3 * ROWS) * 1_000, "1 ms of cpu", 0.3)
    tell_aim("S4 memory", middle(runs["flowlang"], lambda one: one.spent.memory_mb), "1 MB", 120)


SHARED = 4_000_000  # bytes that all questions begin with
QUESTIONS = 20
PRO = "gemini-3-1-pro"
PRO_USD = {"in": 2.00, "cached": 0.20, "out": 12.00}  # for a million tokens
SHARED_FLOW = f"""\
input book: text
input questions: list of text
step answers
  repeat for each q in questions
  model: {PRO}
  prompt: "{{{{ book }}}} {{{{ q }}}}"
"""


def shared_text(home: Path, rounds: int) -> None:
    """Twenty questions that begin with the same 4 MB: what a provider's cache could save, and what it did."""
    line = "It was a dark and stormy night, and nobody was abroad.\n"
    (home / "book.txt").write_text((line * (SHARED // len(line) + 1))[:SHARED], encoding="utf-8")
    questions = [f"Question number {n}?" for n in range(QUESTIONS)]
    (home / "questions.json").write_text(json.dumps({"questions": questions}), encoding="utf-8")
    calls: Calls = [(question, []) for question in questions]
    with stand_in("--latency", "0.2") as gateway:
        place = Place(home, gateway, 64)
        own = place.flow(SHARED_FLOW, "--book", "@book.txt", "--inputs", "questions.json")
        bare = place.bare(calls, PRO, "book.txt")
        runs = race_runs({"flowlang": own, "bare": bare}, rounds, QUESTIONS)
    paid = middle(runs["flowlang"], lambda one: sum(float(row["billed_usd"]) for row in one.log))
    tell_aim(
        f"S6 {QUESTIONS} calls sharing 4 MB: billed, ${paid:.2f}", paid / best_usd(runs["flowlang"][0]), "best", 1.05
    )
    told(runs)
    cpu_over_bare("S6 cpu", runs, 2)
    tell_aim("S6 memory", middle(runs["flowlang"], lambda one: one.spent.memory_mb), "1 MB", 110)


def best_usd(run: Run) -> float:
    """What the calls would cost if the first paid for the shared text, and the others for reading it from the cache."""
    usage = [row["usage"] for row in run.log]
    fresh = sum(one["prompt_tokens"] for one in usage)
    cached = (QUESTIONS - 1) * (SHARED // 4)
    out = sum(one["completion_tokens"] for one in usage)
    total: float = ((fresh - cached) * PRO_USD["in"] + cached * PRO_USD["cached"] + out * PRO_USD["out"]) / 1e6
    return total


FAULTS = ("500=0.03", "503=0.02", "529=0.02", "reset-before-headers=0.02", "reset-in-body=0.02", "cut-after-event=0.02")
LIMIT = 10  # requests a second
HOSTILE_FLOW = f"""\
input words: list of text
step answers
  repeat for each w in words
  model: {MODEL}
  tries: 20
  prompt: "Say {{{{ w }}}}."
"""


def hostile(home: Path, rounds: int) -> None:
    """300 calls, 13 % of them meet a fault, ten a second are let through; once only, it takes over half a minute."""
    words = [f"word{n}" for n in range(300)]
    (home / "words.json").write_text(json.dumps({"words": words}), encoding="utf-8")
    options = [part for fault in FAULTS for part in ("--fault", fault)]
    with stand_in("--latency", "0.1", "--requests-per-second", str(LIMIT), "--burst", str(LIMIT), *options) as gateway:
        place = Place(home, gateway, 16)
        own = place.flow(HOSTILE_FLOW, "--inputs", "words.json")
        bare = place.bare([(f"Say {word}.", []) for word in words], tries=60)
        runs = race_runs({"flowlang": own, "bare": bare}, 1, 300)
    (run,) = runs["flowlang"]
    needed = 300 + sum(bool(row["fault"]) for row in run.log)
    tell_aim("S7 300 calls, faults, a limit: requests", len(run.log) / needed, f"needed ({needed})", 1.1)
    told(runs)
    tell_aim("S7 time", run.makespan_s / ((needed - LIMIT) / LIMIT), "what the limit allows", 1 / 0.9)


STREAM_FLOW = f"""\
input words: list of text
step answers
  repeat for each w in words
  model: {MODEL}
  prompt: "Say {{{{ w }}}}."
"""


def streams(home: Path, rounds: int) -> None:
    """Fifty streams of 2,000 tokens."""
    words = [f"word{n}" for n in range(50)]
    (home / "words.json").write_text(json.dumps({"words": words}), encoding="utf-8")
    with stand_in("--tokens", "2000", "--per-token", "0.002") as gateway:
        place = Place(home, gateway, 64)
        own = place.flow(STREAM_FLOW, "--inputs", "words.json")
        runs = race_runs({"flowlang": own, "bare": place.bare([(f"Say {w}.", []) for w in words])}, rounds, 50)
    cpu_over_bare("S10 50 streams of 2,000 tokens: cpu", runs, 1.5)
    told(runs)


SCENARIOS = {
    "S1": one_call,
    "S2": fan_out,
    "S3": graph,
    "S4": rows,
    "S6": shared_text,
    "S7": hostile,
    "S10": streams,
}
