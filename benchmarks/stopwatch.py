"""CPU time of processes and of functions, measured in turn."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Times:
    """What one contestant took, in seconds of CPU, a number per round."""

    seconds: tuple[float, ...]

    def over(self, other: "Times") -> tuple[float, float]:
        """This as a multiple of the other: the best rounds, and the middle ones."""
        return min(self.seconds) / min(other.seconds), median(self.seconds) / median(other.seconds)


def race(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Times]:
    """Runs each contestant once per round, in turn, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return {name: Times(tuple(taken)) for name, taken in seconds.items()}


def time_process(*arguments: str | Path, cwd: Path) -> float:
    """CPU seconds of this Python with these arguments, everything it starts included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=_as_installed(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process took from its start to its end, and the most memory that it held."""

    wall_s: float
    cpu_s: float
    memory_mb: float


def spend_process(*arguments: str | Path, cwd: Path, environment: Mapping[str, str]) -> Spent:
    """What this Python took with these arguments. Ends the program if it fails."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env={**_as_installed(), **environment, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - start
        if process.returncode != 0:
            told.seek(0)
            sys.exit(
                f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n{told.read().decode()[-2000:]}"
            )
    unit = 1_048_576 if sys.platform == "darwin" else 1_024  # of what the system counts memory in
    return Spent(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def time_call(call: Callable[[], object]) -> float:
    """CPU seconds of one call in this process."""
    start = time.process_time()
    call()
    return time.process_time() - start


FLOWLANG = ("-c", "import sys; from flowlang.workbench.cli import main; sys.exit(main())")


def tell(what: str, ratios: tuple[float, float], yardstick: str, aim: float) -> None:
    """Prints one line of results."""
    least, middle = ratios
    verdict = "within the aim" if least <= aim else "over the aim"
    print(f"{what:<44} {least:6.2f} min {middle:6.2f} median  x {yardstick:<18} aim {aim:g}: {verdict}", flush=True)


def tell_aim(what: str, ratio: float, yardstick: str, aim: float) -> None:
    """Prints one line of results that has a single figure."""
    verdict = "within the aim" if ratio <= aim else "over the aim"
    print(f"{what:<44} {ratio:6.2f} x {yardstick:<24} aim {aim:.4g}: {verdict}", flush=True)


def _as_installed() -> dict[str, str]:
    """The environment, in which Python may keep what it compiled: installed packages are compiled once, too."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
