"""What a save means for calls under way and for those that wait for their turn: the gateway's log is the judge."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from flowlang.store.history import History
from tests.gateway import Answer, Gateway, Latency, numbered
from tests.workbench.saving import rename_over
from tests.workbench.watched import asked, asks, open_calls, project, watched


def hung_up(gateway: Gateway) -> bool:
    return any(one.hung_up for one in gateway.log)


def test_steps_that_swap_their_questions_keep_their_calls(tmp_path: Path) -> None:
    gateway = Gateway(latency=Latency(0.8))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one.", "Say two."))
        with watched(tmp_path) as watch:
            watch.until(lambda: open_calls(gateway, 2), "two open calls")
            rename_over(flow, asks("Say two.", "Say one."))
            watch.until_runs(1)
            watch.stop()
    assert sorted(asked(gateway)) == ["Say one.", "Say two."]
    assert not hung_up(gateway)


def test_an_item_in_front_of_the_others_cancels_none_of_their_calls(tmp_path: Path) -> None:
    text = (
        "input names: list of text\n"
        'step a\n  repeat for each name in names\n  model: stand-in/m1\n  prompt: "Greet {{ name }}."\noutput a\n'
    )
    gateway = Gateway(latency=Latency(0.8))
    with gateway as url:
        project(tmp_path, url, text)
        (values := tmp_path / "in.json").write_text(json.dumps({"names": ["x", "y"]}))
        with watched(tmp_path, "--inputs", "in.json") as watch:
            watch.until(lambda: open_calls(gateway, 2), "two open calls")
            rename_over(values, json.dumps({"names": ["new", "x", "y"]}))
            watch.until_runs(1)
            watch.stop()
    assert sorted(asked(gateway)) == ["Greet new.", "Greet x.", "Greet y."]
    assert not hung_up(gateway)


def test_what_waits_for_its_turn_is_not_asked_once_its_question_has_vanished(tmp_path: Path) -> None:
    gateway = Gateway(lambda request: "x", latency=Latency(0.5))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one.", "Say two.", "Say three."))
        with watched(tmp_path, "--at-once", "1") as watch:
            watch.until(lambda: open_calls(gateway, 1), "an open call")
            rename_over(flow, asks("Say one.", "Say two after {{ a }}.", "Say three after {{ b }}."))
            watch.until_runs(1)
            watch.stop()
    assert asked(gateway) == ["Say one.", "Say two after x.", "Say three after x."]


def test_what_calls_cost_that_a_save_overtook_is_in_every_sum(tmp_path: Path) -> None:
    words = Answer(pieces=("word ",) * 100)
    gateway = Gateway(lambda request: words, latency=Latency(0.1, 0.006))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one.", "Say two."))
        settings = (tmp_path / "flowlang.toml").read_text()
        price = '[models."stand-in/m1"]\nprice = { input = 1.00, output = 100.00 }\n'
        (tmp_path / "flowlang.toml").write_text(settings + price)
        with watched(tmp_path, "--auto") as watch:
            watch.until(lambda: len(watch.named("delta")) > 20, "two open calls")
            rename_over(flow, asks("Say one.", "Say 2."))
            watch.until_runs(1)
            assert watch.stop() == 130
    calls = watch.named("call_finished")
    assert sorted((one["step"], one["status"]) for one in calls) == [("a", "ok"), ("b", "cancelled"), ("b", "ok")]
    (left,) = (one for one in calls if one["status"] == "cancelled")
    assert left["cost_usd"] > 0
    cost = sum(one["cost_usd"] for one in calls)
    assert watch.done()[0]["cost_usd"] == pytest.approx(cost)
    assert f"a.flow: 2 runs, 3 calls and 0 from before, ${cost:.4f}"[:-2] in watch.said
    with closing(History(tmp_path / ".flowlang")) as history:
        kept = [float(run.body["cost_usd"]) for run in history.runs()]
    assert sum(kept) == pytest.approx(cost)


@pytest.mark.parametrize("fault", ["401", "402", "429-quota"])
def test_what_was_final_for_one_run_is_asked_again_by_the_next(fault: str, tmp_path: Path) -> None:
    gateway = Gateway(faults=numbered({1: fault}))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one."))
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            rename_over(flow, asks("Say two."))
            watch.until_runs(2)
            watch.stop()
    assert [one["outcome"] for one in watch.done()] == ["failed", "done"]
    assert asked(gateway) == ["Say one.", "Say two."]


@pytest.mark.parametrize("how", ["deleted", "another one"])
def test_a_store_that_somebody_deletes_is_made_anew(how: str, tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one."))
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            (store := tmp_path / ".flowlang").rename(tmp_path / "aside")
            if how == "another one":
                shutil.copytree(tmp_path / "aside", store)
            rename_over(flow, asks("Say two."))
            watch.until_runs(2)
            assert watch.stop() == 130
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            watch.stop()
    assert asked(gateway) == ["Say one.", "Say two."]  # the answer is in the store that is there
