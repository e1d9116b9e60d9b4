"""Memory stays flat however many calls a run makes, over real HTTP, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from tests.gateway import Answer, Gateway

FLOW = """\
input counts: list of number
step answers
  repeat for each n in counts
  model: gpt-5-4
  prompt: "Say {{ n }}."
output total: answers | count
"""

# Runs one flow, and says after how many answers it was how large.
MEASURED = """
import asyncio, json, os, sys
from decimal import Decimal
from pathlib import Path
from flowlang.models.providers import Provider, providers_of
from flowlang.models.transport import Transport
from flowlang.pipeline import compile_flow
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import CallFinished
from flowlang.run.executor import execute
from flowlang.run.means import Means
from flowlang.run.outcome import Done

url, path, calls = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
page = os.sysconf("SC_PAGE_SIZE")
ended, sizes = 0, {}

def emit(event):
    global ended
    if isinstance(event, CallFinished):
        ended += 1
        if ended % 1000 == 0:
            sizes[ended] = int(Path("/proc/self/statm").read_text().split()[1]) * page

async def whole():
    providers = providers_of({"stand-in": Provider(url, "", 32)}, "stand-in", {})
    transport = Transport({"stand-in": providers.endpoint("stand-in", {})}, providers.of, 32, {})
    numbers = tuple(Decimal(n) for n in range(calls))
    plan = build(compile_flow(path).flow, Defaults())
    try:
        means = Means(transport.complete, at_once=32, place=transport.place)
        return await execute(plan, {"counts": numbers}, means, emit)
    finally:
        await transport.close()

result = asyncio.run(whole())
done = isinstance(result.outcomes["answers"], Done)
print(json.dumps({"done": done, "sizes": sizes}))
"""

CALLS = 10_000


def test_ten_thousand_calls_need_no_more_memory_than_two_thousand(tmp_path: Path) -> None:
    flow = tmp_path / "many.flow"
    flow.write_text(FLOW, encoding="utf-8")
    gateway = Gateway(lambda request: Answer("Yes."), accounting=False, keep_bodies=False)
    with gateway as url:
        words = [sys.executable, "-c", MEASURED, url, str(flow), str(CALLS)]
        ran = subprocess.run(words, capture_output=True, check=True, cwd=Path(__file__).parents[1])
        assert len(gateway.log) == CALLS
    told = json.loads(ran.stdout)
    assert told["done"]
    grown = told["sizes"][str(CALLS)] - told["sizes"]["2000"]
    assert grown < 15 * 1024 * 1024, {at: size // 1024 for at, size in told["sizes"].items()}
