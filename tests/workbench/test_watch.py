"""`watch`: with real files, real ways of saving, real HTTP. The gateway's log says what was asked."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.gateway import Answer, Call, Gateway, Latency
from tests.workbench.watched import QUIET, WAYS, asked, project, rename_over, watched

SAVES = int(os.environ.get("FLOWLANG_SAVES", "4"))  # of each way; 200 for the whole of it

FLOW = """\
step one
  model: stand-in/m1
  prompt: "Say one."
step two
  model: stand-in/m1
  prompt: "Say two, number 0."
step three
  model: stand-in/m1
  prompt: "After {{ two }}: say three."
output three
"""


def edited(number: int) -> str:
    """The flow with another prompt of `two`."""
    return FLOW.replace("number 0", f"number {number}")


@pytest.mark.parametrize("way", WAYS)
def test_each_save_asks_exactly_what_changed_whatever_way_it_is_made(way: str, tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            assert sorted(map(len, asked(gateway))) and len(asked(gateway)) == 3
            for number in range(1, SAVES + 1):
                WAYS[way](flow, edited(number))
                if way in QUIET:
                    time.sleep(0.15)
                    rename_over(flow, edited(number))
                watch.until_runs(number + 1)
            assert watch.stop() == 130
        runs = watch.named("run_started")
    questions = [one for one in asked(gateway) if one.startswith("Say two")]
    assert questions == [f"Say two, number {number}." for number in range(SAVES + 1)]
    assert asked(gateway).count("Say one.") == 1
    assert len(runs) == SAVES + 1
