"""Eight processes ask the same, and some are killed: each question is billed once, or once more for each that died."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from .project import Figures, Project, gateway, kill

PROCESSES = 8
QUESTIONS = 200
FLOW = f"""\
let places = [{", ".join(f'"{n}"' for n in range(QUESTIONS))}]
step answers
  repeat for each p in places
  model: gpt-5-4
  prompt: "Layer 1, place {{{{ p }}}}. Begin."
let report = answers | join "; "
output report to "report.md"
"""
SLOW = 'step one\n  model: gpt-5-4\n  prompt: "Layer 1, place x. Begin."\noutput one to "report.md"\n'


def asking_the_same(home: Path, rounds: int, is_warm: bool, kills: int = 2, seed: int = 2026) -> Figures:
    """Lets eight processes run one flow at the same time, and kills some of them in the middle."""
    figures, draw = Figures(), random.Random(seed)
    with (gate := gateway(0.02)) as url:
        for number in range(rounds):
            project = Project.new(home / f"round{number}", url, FLOW)
            if is_warm:
                kill(project.start(), draw.uniform(0.4, 0.8))
            gate.forget()
            figures.trials += 1
            running = [project.start("--at-once", "16") for _ in range(PROCESSES)]
            died = 0
            _wait_until(lambda: len(gate.log) > draw.randint(0, 60), 5)
            for process in running[:kills]:
                time.sleep(draw.uniform(0.0, 0.2))
                if process.poll() is None:
                    process.kill()
                    died += 1
            ended = [(process.communicate(timeout=120), process.returncode) for process in running]
            figures.hit += died
            figures.wrong += [f"{number}: {code}: {err[-300:]}" for (_, err), code in ended if code not in (0, -9)]
            answered = Counter(seen.digest for seen in gate.log if seen.answered)
            figures.done += len(answered)
            again = sum(answered.values()) - len(answered)
            # What a process had open when it was killed may be asked once more; nothing else.
            figures.open_again += again
            figures.lost += max(0, again - 16 * died)
            if project.report().count(";") != QUESTIONS - 1:
                figures.wrong.append(f"{number}: the report is not whole")
    return figures


def _wait_until(holds: Callable[[], bool], most_s: float) -> None:
    until = time.monotonic() + most_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)


def took_over_after_s(home: Path) -> float:
    """How long after the death of the one who asks the one who waits for it asks itself, in seconds."""
    with (gate := gateway(3.0)) as url:
        project = Project.new(home / "slow", url, SLOW)
        first = project.start()
        while not gate.log:
            time.sleep(0.01)
        second = project.start()
        while second.poll() is None and len(list((project.store / "running").iterdir())) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        assert len(gate.log) == 1, "it did not wait"
        first.kill()
        died = time.monotonic()
        while len(gate.log) < 2 and time.monotonic() < died + 30:
            time.sleep(0.005)
        took = time.monotonic() - died
        first.communicate()
        second.communicate()
        assert second.returncode == 0
        return took


def test_what_eight_processes_ask_at_once_is_billed_once(tmp_path: Path, complete: bool) -> None:
    for is_warm in (False, True) if complete else (False,):
        figures = asking_the_same(tmp_path / str(is_warm), 20 if complete else 1, is_warm)
        assert not figures.wrong and figures.lost == 0, figures


def test_who_waits_for_a_call_takes_over_when_its_process_dies(tmp_path: Path) -> None:
    assert took_over_after_s(tmp_path) < 20, "what waits looks every 0.2 s; a busy machine may take longer"
