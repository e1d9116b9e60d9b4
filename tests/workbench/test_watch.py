"""`watch`: with real files, real ways of saving, real HTTP. The gateway's log says what was asked."""

import os
import random
import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from flowlang.store.history import History
from tests.gateway import Gateway, Latency
from tests.workbench.saving import QUIET, WAYS, rename_over
from tests.workbench.watched import Watched, asked, asks, open_calls, project, watched

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
            assert len(asked(gateway)) == 3
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


# ── Calls under way ──


@pytest.mark.parametrize("save", ["# a comment\n{}", "{}\n\n", "renamed"])
def test_what_changes_no_question_lets_calls_under_way_go_on(save: str, tmp_path: Path) -> None:
    gateway, text = Gateway(latency=Latency(0.6)), asks("Say one.", "Say two.")
    with gateway as url:
        flow = project(tmp_path, url, text)
        with watched(tmp_path) as watch:
            watch.until(lambda: open_calls(gateway, 2), "two open calls")
            other = text.replace("step a", "step other") if save == "renamed" else save.format(text)
            rename_over(flow, other)
            watch.until_runs(1)
            assert len(watch.named("run_started")) == 2
            watch.stop()
    assert sorted(asked(gateway)) == ["Say one.", "Say two."]
    assert not any(one.hung_up for one in gateway.log)
    last = [one for one in watch.named("call_finished") if one["status"] == "ok"]
    assert {one["step"] for one in last} == ({"other", "b"} if save == "renamed" else {"a", "b"})


def test_only_the_call_whose_question_vanished_is_cancelled(tmp_path: Path) -> None:
    gateway = Gateway(latency=Latency(0.6))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one.", "Say two.", "Say three."))
        with watched(tmp_path) as watch:
            watch.until(lambda: open_calls(gateway, 3), "three open calls")
            rename_over(flow, asks("Say one.", "Say 2.", "Say three."))
            watch.until_runs(1)
            watch.stop()
    assert sorted(asked(gateway)) == ["Say 2.", "Say one.", "Say three.", "Say two."]
    assert [one.request["messages"][-1]["content"] for one in gateway.log if one.hung_up] == ["Say two."]


def test_a_step_that_is_gone_takes_its_call_along(tmp_path: Path) -> None:
    gateway = Gateway(lambda request: "x", latency=Latency(0.5, 0.0))
    with gateway as url:
        flow = project(tmp_path, url, asks("Say one.", "Say two."))
        with watched(tmp_path) as watch:
            watch.until(lambda: open_calls(gateway, 2), "two open calls")
            rename_over(flow, asks("Say 1 instead."))
            watch.until_runs(1)
            watch.stop()
    assert len(gateway.log) == 3


def test_with_mistakes_running_calls_finish_and_nothing_starts(tmp_path: Path) -> None:
    gateway = Gateway(latency=Latency(0.6))
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with watched(tmp_path) as watch:
            watch.until(lambda: open_calls(gateway, 2), "two open calls")
            rename_over(flow, FLOW.replace("{{ two }}", "{{ tow }}"))
            watch.until(lambda: watch.named("not_ready"), "the mistake")
            watch.until(lambda: len([one for one in watch.named("step_finished")]) == 2, "two answers")
            time.sleep(0.2)
            assert len(gateway.log) == 2  # `three` reads what has come, and is not asked
            rename_over(flow, FLOW)
            watch.until_runs(1)
            watch.stop()
    assert len(gateway.log) == 3
    assert not any(one.hung_up for one in gateway.log)
    assert "there is no input, step, let or snippet called `tow`" in watch.said


def test_edits_at_random_moments_of_a_run_end_with_the_last_content(tmp_path: Path) -> None:
    draw, gateway = random.Random(5), Gateway(latency=Latency(0.03, 0.005))
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            for number in range(1, 5 * SAVES + 1):
                draw.choice(list(WAYS.values())[:4])(flow, edited(number))
                time.sleep(draw.random() * 0.2)
            last = f"Say two, number {number}."
            watch.until(lambda: last in asked(gateway), "the last question")
            watch.until(lambda: watch.events[-2]["event"] == "run_finished", "the end")
            watch.stop()
        runs = len(watch.named("run_started"))
    questions = asked(gateway)
    assert runs <= number + 1
    assert len(questions) == len(set(questions))  # nothing was ever asked twice
    assert [one for one in questions if one.startswith("After")][-1].endswith("say three.")


def test_a_step_that_keeps_nothing_is_not_asked_again_by_a_save_either(tmp_path: Path) -> None:
    gateway = Gateway()
    text = 'step one\n  model: stand-in/m1\n  cache: no\n  prompt: "Say one."\n'
    with gateway as url:
        flow = project(tmp_path, url, text)
        for runs in (1, 2):
            with watched(tmp_path) as watch:
                watch.until_runs(1)
                rename_over(flow, f"# comment {runs}\n{text}")
                watch.until_runs(2)
                watch.stop()
    assert asked(gateway) == ["Say one."] * 2  # once for each session


# ── The world around it ──


def test_a_file_that_vanishes_or_is_no_text_is_waited_for(tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        (home := tmp_path / "project").mkdir()
        flow = project(home, url, FLOW)
        with watched(home) as watch:
            watch.until_runs(1)

            def waits(number: int) -> None:
                watch.until(lambda: len(watch.named("not_ready")) == number, f"trouble {number}")

            flow.unlink()
            waits(1)
            flow.write_text(edited(1))
            watch.until_runs(2)
            flow.write_bytes(b'step a\n  prompt: "\xff\xfe"\n')
            waits(2)
            flow.write_text(edited(2))
            watch.until_runs(3)
            flow.write_bytes(b"")
            waits(3)
            flow.unlink()
            flow.mkdir()
            waits(4)
            flow.rmdir()
            flow.write_text(edited(3))
            watch.until_runs(4)
            assert watch.stop(15) == 143
    assert len(asked(gateway)) == 3 + 2 * 3
    assert "Traceback" not in watch.said


def test_a_folder_that_is_moved_away_and_comes_back_is_waited_for(tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        texts = tmp_path / "texts"
        texts.mkdir()
        (texts / "two.md").write_text("Say two, number 0.")
        flow_text = FLOW.replace('prompt: "Say two, number 0."', 'prompt: file "texts/two.md"')
        project(tmp_path, url, flow_text)
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            texts.rename(tmp_path / "away")
            watch.until(lambda: watch.named("not_ready"), "trouble")
            (tmp_path / "away").rename(texts)
            watch.until(lambda: watch.named("ready"), "its return")
            (texts / "two.md").write_text("Say two, number 1.")
            watch.until(lambda: "Say two, number 1." in asked(gateway), "the new question")
            shutil.rmtree(texts)
            texts.mkdir()
            (texts / "two.md").write_text("Say two, number 2.")
            watch.until(lambda: "Say two, number 2." in asked(gateway), "the newest question")
            watch.stop()


def test_a_folder_that_is_deleted_under_it_and_made_again_is_waited_for(tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        (folder := tmp_path / "in").mkdir()
        project(folder, url, FLOW)
        with watched(folder) as watch:
            watch.until_runs(1)
            said, settings = folder / "said.txt", (folder / "flowlang.toml").read_text()
            os.link(said, tmp_path / "said.txt")
            while folder.exists():  # the store may be written at the same time
                shutil.rmtree(folder, ignore_errors=True)
            watch.until(lambda: "is gone" in (tmp_path / "said.txt").read_text(), "that the folder is gone")
            folder.mkdir(exist_ok=True)
            (folder / "flowlang.toml").write_text(settings)
            (folder / "a.flow").write_text(edited(1))
            watch.until(lambda: "Say two, number 1." in asked(gateway), "a new question")
            assert watch.stop() == 130


def test_inputs_imports_and_settings_count_like_the_flow(tmp_path: Path) -> None:
    gateway = Gateway()
    text = 'import "more.flow" as more\n\ninput notes: text\nstep one\n  prompt: "{{ more.tone }} Read {{ notes }}."\n'
    with gateway as url:
        (tmp_path / "notes.txt").write_text("this")
        (tmp_path / "more.flow").write_text('snippet tone: "Kindly."\n')
        project(tmp_path, url, text)
        settings = tmp_path / "flowlang.toml"
        told = settings.read_text().replace("[project]\n", '[project]\nmodel = "stand-in/m1"\n')
        settings.write_text(told)
        with watched(tmp_path, "--notes", "@notes.txt") as watch:
            watch.until_runs(1)
            (tmp_path / "notes.txt").write_text("that")
            watch.until_runs(2)
            (tmp_path / "more.flow").write_text('snippet tone: "Briefly."\n')
            watch.until_runs(3)
            settings.write_text(told.replace("m1", "m2"))
            watch.until_runs(4)
            settings.write_text("[project\n")
            watch.until(lambda: watch.named("not_ready"), "trouble")
            watch.stop()
    assert asked(gateway) == ["Kindly. Read this.", "Kindly. Read that.", "Briefly. Read that.", "Briefly. Read that."]
    assert [one.request["model"] for one in gateway.log] == ["m1", "m1", "m1", "m2"]


def test_a_flow_that_writes_what_it_reads_starts_nothing_by_itself(tmp_path: Path) -> None:
    gateway = Gateway()
    text = (
        'input notes: text\nstep one\n  model: stand-in/m1\n  prompt: "Go on: {{ notes }}"\noutput one to "notes.txt"\n'
    )
    with gateway as url:
        (tmp_path / "notes.txt").write_text("Once upon a time")
        flow = project(tmp_path, url, text)
        with watched(tmp_path, "--notes", "@notes.txt", "--out", ".") as watch:
            watch.until_runs(1)
            watch.until(lambda: "wrote" in watch.said, "the file")
            time.sleep(1.2)
            assert len(watch.named("run_started")) == 1
            rename_over(flow, "# again\n" + text)
            watch.until_runs(2)
            watch.stop()
    assert len(asked(gateway)) == 2  # the flow was saved, and its input is another one by now


def test_a_tool_that_changes_an_input_is_stopped_after_three_runs(tmp_path: Path) -> None:
    text = """input notes: text
tool grow
  about: "Writes on."
  takes word: text
  command: "sh grow.sh {{ word }}"
step one
  call: grow
  with word: notes
"""
    (tmp_path / "grow.sh").write_text('echo "$1" > /dev/null; printf x >> notes.txt; sleep 0.1\n')
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "flowlang.toml").write_text('[allow]\ncommands = ["sh"]\n')
    (tmp_path / "a.flow").write_text(text)
    with watched(tmp_path, "--notes", "@notes.txt", "--offline") as watch:
        watch.until(lambda: "paused" in watch.said, "the pause")
        time.sleep(0.5)
        watch.stop()
    assert "notes.txt changed three times without you" in watch.said
    assert "a save of the flow goes on" in watch.said
    assert len(watch.named("run_started")) == 4


# ── The command line ──


def ended(watch: Watched) -> int:
    return watch.process.wait(20)


def test_what_no_save_can_mend_ends_it_as_it_ends_a_run(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9/v1", FLOW)
    for words, code, said in (
        (("--nonsense",), 2, "`--nonsense` is not an input or an option"),
        (("--lazy",), 2, "waits for keys"),
        (("--auto", "--ask"), 2, "exclude each other"),
    ):
        with watched(tmp_path, *words) as watch:
            assert ended(watch) == code
            assert said in watch.said
    (tmp_path / "a.flow").unlink()
    (tmp_path / "a.flow").mkdir()
    with watched(tmp_path) as watch:
        assert ended(watch) == 2
        assert "is a folder, a flow file is needed" in watch.said


@pytest.mark.parametrize("read", ["@docs", "@docs/*.jsonl"])
def test_events_are_not_written_where_an_input_is_read_from(read: str, tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9/v1", "input docs: list of document\n" + FLOW)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.jsonl").write_text("{}")
    with watched(tmp_path, "--docs", read, "--run-events", "docs/all.jsonl") as watch:
        assert ended(watch) == 2
        assert f"`docs/all.jsonl` would be read as a part of `{read}`" in watch.said


def test_a_store_that_is_a_part_of_the_repository_answers_no_save(tmp_path: Path) -> None:
    gateway = Gateway()
    with gateway as url:
        project(tmp_path, url, FLOW)
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            watch.stop()
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example")
        for words in (("init", "-q"), ("add", "-f", "a.flow", ".flowlang/store.sqlite"), ("commit", "-qm", "Poison")):
            subprocess.run([*git, *words], cwd=tmp_path, check=True, capture_output=True)
        before = len(gateway.log)
        with watched(tmp_path) as watch:
            watch.until(lambda: "is a part of the repository" in watch.said, "the refusal")
            watch.stop()
        assert (len(gateway.log), watch.done()) == (before, [])


def test_the_run_of_a_save_is_kept_with_its_commit(tmp_path: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example")
    with Gateway(lambda request: "yes") as url:
        flow = project(tmp_path, url, asks("One."))
        for words in (("init", "-q"), ("add", "a.flow", "flowlang.toml"), ("commit", "-qm", "all")):
            subprocess.run([*git, *words], cwd=tmp_path, check=True, capture_output=True)
        id = subprocess.run([*git, "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True).stdout.decode()
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            rename_over(flow, asks("Two."))
            watch.until_runs(2)
            watch.stop()
    with closing(History(tmp_path / ".flowlang")) as history:
        commits = [run.body["commit"] for run in history.runs()]
    assert commits == [{"id": id.strip(), "changed": ["a.flow"]}, {"id": id.strip(), "changed": []}]


def test_where_a_save_costs_money_and_nobody_can_be_asked_it_waits_and_says_so(tmp_path: Path) -> None:
    with Gateway() as url:
        project(tmp_path, url, FLOW.replace("stand-in/m1", "gpt-5-4"))
        with watched(tmp_path) as watch:
            watch.until(lambda: "this save would make" in watch.said, "the question")
            watch.stop()
        with watched(tmp_path, "--auto") as watch:
            watch.until_runs(1)
            watch.stop()


def test_what_is_piped_in_stands_for_every_run_and_results_go_to_standard_output(tmp_path: Path) -> None:
    gateway = Gateway(lambda request: request["messages"][-1]["content"].upper())
    with gateway as url:
        flow = project(
            tmp_path, url, 'input a: text\nstep one\n  model: stand-in/m1\n  prompt: "Read {{ a }}"\noutput one\n'
        )
        with watched(tmp_path, "--a", "this") as watch:
            watch.until_runs(1)
            rename_over(flow, flow.read_text().replace("Read", "Take"))
            watch.until_runs(2)
            watch.until(lambda: (tmp_path / "out.txt").read_text() == "READ THIS\nTAKE THIS\n", "both results")
            watch.stop()


@pytest.mark.skipif("FLOWLANG_SAVES" not in os.environ, reason="takes minutes: FLOWLANG_SAVES=200 runs it")
def test_memory_stays_flat_over_many_saves(tmp_path: Path) -> None:
    def kilobytes(watch: Watched) -> int:
        status = Path(f"/proc/{watch.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    with Gateway() as url:
        flow = project(tmp_path, url, FLOW)
        with watched(tmp_path) as watch:
            watch.until_runs(1)
            sizes = []
            for number in range(1, 501):
                rename_over(flow, edited(number))
                watch.until_runs(number + 1)
                if number % 100 == 0:
                    sizes.append(kilobytes(watch))
            watch.stop()
    print(sizes)
    assert sizes[-1] < 1.1 * sizes[0]
