"""Killed at a write, or at any moment: nothing that was done is asked again, and no output is half written."""

import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from .project import Figures, Project, gateway, kill, stopped_and_repeated
from .strace import injecting, needs_strace

# The calls that change a disk or ask somebody. Each thread counts each of them for itself.
WRITES = ("pwrite64", "write", "fdatasync", "fsync", "rename", "renameat", "unlink", "sendto")
MOST = 400
_SAMPLED = {"rename": (1, 1), "renameat": (1, 1), "write": (1, 2), "pwrite64": (1, 80), "fsync": (1, 4)}
SEED = 2026


def reference(home: Path, url: str) -> str:
    """The report that comes out if nothing happens."""
    project = Project.new(home, url)
    ended = project.run()
    assert ended.code == 0, ended.err
    return project.report()


def killed_at_writes(home: Path, calls: str, places: Iterable[int]) -> Figures:
    """Kills a run at its N-th call of a kind, for each N; ends where a run has no N-th."""
    figures = Figures()
    with (gate := gateway()) as url:
        report = reference(home / "reference", url)
        for place in places:
            ended = 0

            def stop(project: Project, place: int = place) -> bool:
                nonlocal ended
                ended = project.run(before=injecting(calls, f"signal=KILL:when={place}")).code
                return ended != 0

            stopped_and_repeated(home / f"at{place}", gate, url, report, stop, figures)
            if ended == 0:
                break
    return figures


def killed_at_moments(home: Path, count: int, seed: int = SEED) -> Figures:
    """Kills a run at random moments: a few while it starts, most of them from its first call on."""
    figures, draw = Figures(), random.Random(seed)
    with (gate := gateway(0.02)) as url:
        report = reference(home / "reference", url)
        for number in range(count):
            moment_s, is_early = draw.uniform(0.0, 0.4), draw.random() < 0.2

            def stop(project: Project, moment_s: float = moment_s, is_early: bool = is_early) -> bool:
                process = project.start()
                while not is_early and not gate.log and process.poll() is None:
                    time.sleep(0.002)
                return kill(process, moment_s)

            stopped_and_repeated(home / f"moment{number}", gate, url, report, stop, figures)
    return figures


@needs_strace
@pytest.mark.parametrize("calls", WRITES)
def test_a_run_killed_at_a_write_goes_on_where_it_was(calls: str, tmp_path: Path, complete: bool) -> None:
    draw = random.Random(f"{SEED} {calls}")
    places = range(1, MOST) if complete else [draw.randint(*_SAMPLED.get(calls, (1, 12)))]
    figures = killed_at_writes(tmp_path, calls, places)
    assert not figures.wrong and figures.lost == 0, figures
    assert figures.hit


def test_a_run_killed_at_any_moment_goes_on_where_it_was(tmp_path: Path, complete: bool) -> None:
    figures = killed_at_moments(tmp_path, 200 if complete else 3)
    assert not figures.wrong and figures.lost == 0, figures
    assert figures.hit
