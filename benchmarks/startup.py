"""What a command costs before it does anything: multiples of a bare `python -c pass`."""

import tempfile
from pathlib import Path

from stopwatch import FLOWLANG, race, tell, time_process

ONE_STEP = """\
input name: text = "Ada"

step greeting
  model: gemini-3-flash
  prompt: "Greet {{ name }} in one sentence."

output greeting
"""


def measure(rounds: int) -> None:
    """Prints `--help`, `check` and an offline run of one step."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)

        def run_once() -> float:
            # A folder of its own, so that no run finds the answers of an earlier one.
            with tempfile.TemporaryDirectory(dir=home) as fresh:
                flow = Path(fresh, "one.flow")
                flow.write_text(ONE_STEP, encoding="utf-8")
                return time_process(*FLOWLANG, "run", flow, "--offline", cwd=Path(fresh))

        flow = home / "one.flow"
        flow.write_text(ONE_STEP, encoding="utf-8")
        times = race(
            {
                "bare": lambda: time_process("-c", "pass", cwd=home),
                "flowlang --help": lambda: time_process(*FLOWLANG, "--help", cwd=home),
                "flowlang check, one step": lambda: time_process(*FLOWLANG, "check", flow, cwd=home),
                "flowlang run --offline, one step": run_once,
            },
            rounds,
        )
    bare = times.pop("bare")
    for (what, taken), aim in zip(times.items(), (4, 8, 15), strict=True):
        tell(what, taken.over(bare), "python -c pass", aim)
