"""No space left, and errors, from the N-th write: what is saved is told, and that is true."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from .project import CALLS, Figures, Project, gateway
from .strace import injecting, needs_strace

MOST = 250
# What fails, and how: a full disk stays full, an error of the disk comes once, and must not be tried again.
FAULTS = {
    "ENOSPC": ("pwrite64,fallocate,ftruncate", "error=ENOSPC:when={}+"),
    "EIO": ("fsync,fdatasync", "error=EIO:when={}"),
}
_SAVED = re.compile(r"([\d,]+) answers? saved, (\d+) received but not saved")


def failing(home: Path, error: str, places: Iterable[int]) -> Figures:
    """Lets a run's writes fail from the N-th on, for each N; then runs it again on a disk that works."""
    figures = Figures()
    calls, what = FAULTS[error]
    with (gate := gateway()) as url:
        reference = Project.new(home / "reference", url)
        assert reference.run().code == 0
        for place in places:
            project = Project.new(home / f"at{place}", url)
            gate.forget()
            figures.trials += 1
            ended = project.run(before=injecting(calls, what.format(place)))
            asked = len(gate.log)
            figures.hit += ended.code != 0
            figures.wrong += [f"{home.name} {place}: {one}" for one in _wrong_with(ended.code, ended.err, asked)]
            told = _SAVED.search(ended.err)
            saved = int(told[1].replace(",", "")) if told is not None else CALLS if ended.code == 0 else 0
            figures.done += saved
            gate.forget()
            again = project.run()
            if again.code != 0 or project.report() != reference.report():
                figures.wrong.append(f"{place}: run again, it ended with {again.code}: {again.err[-400:]}")
            figures.lost += max(0, len(gate.log) - (CALLS - saved))
            figures.open_again += max(0, asked - saved)
            if ended.code == 0:
                break
    return figures


def _wrong_with(code: int, err: str, asked: int) -> list[str]:
    wrong = []
    if code not in (0, 6) or "Traceback" in err:
        wrong.append(f"it ended with {code}: {err[-400:]}")
    if code == 6 and asked and _SAVED.search(err) is None:
        wrong.append(f"it does not say what was saved: {err[-400:]}")
    return wrong


@needs_strace
@pytest.mark.parametrize("error", FAULTS)
def test_a_disk_that_fails_costs_nothing_that_was_saved(error: str, tmp_path: Path, complete: bool) -> None:
    draw = random.Random(error)
    places = range(1, MOST) if complete else [draw.randint(5, 20), 60 if error == "ENOSPC" else 25]
    figures = failing(tmp_path, error, places)
    assert not figures.wrong and figures.lost == 0, figures
    assert figures.hit
