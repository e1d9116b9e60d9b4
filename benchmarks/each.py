"""What a run per row costs beyond its calls: `--each` against bare asyncio with the same calls of the same model."""

import asyncio
import tempfile
from pathlib import Path

from stopwatch import Times, race, tell, time_call

from flowlang.models.chat import ChatMessage, ChatRequest, Chunk, Reply
from flowlang.models.offline import OfflineSettings, offline_model
from flowlang.pipeline import compile_flow
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.calling import AT_ONCE
from flowlang.run.each import Tally, execute_each
from flowlang.run.event import Event
from flowlang.run.means import Means
from flowlang.run.row_inputs import read_row_inputs

ROWS = 1_000
STEPS = 3
AIM_MS = 0.3  # of cpu a call

FLOW = """\
input mail: text
step topic
  prompt: "What is this about? {{ mail }}"
step reply
  prompt: "Answer this mail about {{ topic }}: {{ mail }}"
step short
  prompt: "Make this shorter: {{ reply }}"
output short
"""


def measure(rounds: int) -> None:
    """Prints the cpu of 1,000 rows of 3 steps as a multiple of bare asyncio, and what lies between them per call."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "rows.flow").write_text(FLOW, encoding="utf-8")
        rows = "mail\n" + "".join(f"Mail number {number} about a bill.\n" for number in range(ROWS))
        (home / "rows.csv").write_text(rows, encoding="utf-8")
        times = race(
            {"bare": lambda: time_call(run_bare), "each": lambda: time_call(lambda: run_each(home))},
            rounds,
        )
    what = f"run --each, {ROWS:,} rows of {STEPS} steps, offline"
    tell(what, times["each"].over(times["bare"]), "bare asyncio", 2.5)
    beyond = Times(tuple(e - b for e, b in zip(times["each"].seconds, times["bare"].seconds, strict=True)))
    tell("the same, beyond bare asyncio, per call", beyond.over(per_call_ms()), "1 ms of cpu", AIM_MS)


def per_call_ms() -> Times:
    """A millisecond for each call, as a yardstick."""
    return Times((ROWS * STEPS / 1_000,))


def run_each(home: Path) -> None:
    """Reads the rows and runs the flow for each of them; nothing is shown or written."""
    flow = compile_flow(home / "rows.flow").flow
    assert flow is not None
    plan = build(flow, Defaults(model="m"), None)
    rows = read_row_inputs(flow, {}, None, "rows.csv", base=home)
    lines, tally = list[str](), Tally()
    asyncio.run(execute_each(plan, rows, Means(offline_model(OfflineSettings())), _ignore, lines.append, tally))
    assert tally.good == len(lines) == ROWS


def run_bare() -> None:
    """The same calls, three after each other for every row, as many open at the same time."""
    model = offline_model(OfflineSettings())

    async def ask(text: str, gate: asyncio.Semaphore) -> str:
        async with gate:
            reply: Reply = await model(ChatRequest("m", (ChatMessage("user", (text,)),)), _drop)
        return reply.text

    async def row(mail: str, gate: asyncio.Semaphore) -> str:
        topic = await ask(f"What is this about? {mail}", gate)
        reply = await ask(f"Answer this mail about {topic}: {mail}", gate)
        return await ask(f"Make this shorter: {reply}", gate)

    async def all_rows() -> list[str]:
        gate = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(row(f"Mail number {number} about a bill.", gate) for number in range(ROWS)))

    assert len(asyncio.run(all_rows())) == ROWS


def _ignore(event: Event) -> None:
    """Listens to nothing."""


def _drop(chunk: Chunk) -> None:
    """Shows nothing."""
