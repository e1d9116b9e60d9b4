"""`run --each` as a person types it: what stands on the two streams, in files, and as exit code."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

START = [sys.executable, "-c", "import sys; from flowlang.workbench.cli import main; sys.exit(main())"]

MAILS = "id,mail,polite\n1,Help,yes\n2,The button does nothing,\n3,,no\n4,Refund?,no\n"


@pytest.fixture
def mails(folder: Path) -> Path:
    (folder / "mails.csv").write_text(MAILS, encoding="utf-8")
    return folder


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_for_each_row_and_the_rows_counted(flowlang, mails: Path):
    code, out, err = flowlang("run", "triage.flow", "--each", "mails.csv", "--offline")
    assert code == 1
    found = lines(out)
    assert [list(one) for one in found] == [["reply"], ["reply"], ["reply", "error"], ["reply"]]
    assert found[2]["error"]["message"] == "row 3 (line 4) of `mails.csv`: `mail` is empty, and the flow needs a text"
    assert "note: `id` of mails.csv is no input, and not used" in err
    *_, last, commands = err.splitlines()
    assert last.startswith("failed (exit 1): 3 rows done, 1 failed, 6 calls")
    assert commands == "run 1: what it asked and was answered: flowlang show 1     again: flowlang retry 1"
    assert " --> triage.flow:4:7" in err
    assert "topic" not in err


def test_a_good_line_is_the_object_of_a_single_run(flowlang, mails: Path):
    single = flowlang("run", "triage.flow", "--offline", "--json", "--mail", "Refund?", "--polite=no").out
    assert lines(flowlang("run", "triage.flow", "--each", "mails.csv", "--offline").out)[3] == json.loads(single)


def test_a_thousand_rows_are_not_told_one_by_one(flowlang, folder: Path):
    (folder / "many.csv").write_text("mail,polite\n" + "Help,yes\nHelp,maybe\n" * 500, encoding="utf-8")
    code, _, err = flowlang("run", "triage.flow", "--each", "many.csv", "--offline", "-o", "out.jsonl")
    assert code == 1
    assert len(lines((folder / "out.jsonl").read_text(encoding="utf-8"))) == 1000
    assert len(err.splitlines()) < 50
    assert "497 more rows failed" in err


def test_good_rows_exit_with_0_and_can_be_silent(flowlang, folder: Path):
    (folder / "good.jsonl").write_text('{"mail": "a"}\n{"mail": "b", "polite": false}\n', encoding="utf-8")
    code, out, err = flowlang("run", "triage.flow", "--each", "good.jsonl", "--offline", "--console", "none")
    assert (code, len(lines(out)), err) == (0, 2, "")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--each", "mails.csv", "--mail", "x"], "has a column `mail` for it"),
        (["--each", "nails.csv"], "did you mean `mails.csv`?"),
        (["--each", "mails.csv", "-o", "none/out.jsonl"], "there is no folder `none`"),
        (["--each", "mails.csv", "-o", "./mails.csv"], "holds the rows, and would be lost"),
        (["--each", "mails.csv", "--at-once", "0"], "at least 1"),
    ],
)
def test_what_is_wrong_with_the_whole_exits_with_2_and_writes_nothing(flowlang, mails: Path, flags, words):
    code, out, err = flowlang("run", "triage.flow", "--offline", *flags)
    assert (code, out) == (2, "")
    assert words in err
    assert (mails / "mails.csv").read_text(encoding="utf-8") == MAILS


def test_a_column_that_is_missing_is_told_at_the_input(flowlang, folder: Path):
    (folder / "rows.csv").write_text("mial\nx\n", encoding="utf-8")
    code, _, err = flowlang("run", "triage.flow", "--offline", "--each", "rows.csv")
    assert code == 2
    assert "input `mail` is missing: `rows.csv` has no column for it" in err
    assert "`rows.csv` has `mial`: rename that column" in err
    assert " --> triage.flow:4:7" in err


def test_rows_come_from_standard_input(folder: Path):
    done = subprocess.run(
        [*START, "run", "triage.flow", "--each", "-", "--offline"], input="mail\na\nb\n", capture_output=True, text=True
    )
    assert done.returncode == 0
    assert len(lines(done.stdout)) == 2


def test_events_of_all_rows_are_one_run(flowlang, mails: Path):
    flowlang("run", "triage.flow", "--each", "mails.csv", "--offline", "--events", "events.jsonl")
    events = lines((mails / "events.jsonl").read_text(encoding="utf-8"))
    names = [event["event"] for event in events]
    assert names[0] == "run_started" and events[0]["rows"] == 4
    assert names[-1] == "run_finished" and events[-1]["outcome"] == "failed"
    assert names.count("run_started") == names.count("run_finished") == 1
    assert names.count("row_finished") == 4
    assert {event["path"] for event in events[1:-1]} == {"row[1]", "row[2]", "row[3]", "row[4]"}


def test_files_of_each_row_have_a_folder(flowlang, mails: Path):
    text = (mails / "triage.flow").read_text(encoding="utf-8").replace("output reply", 'output reply to "reply.md"')
    (mails / "files.flow").write_text(text, encoding="utf-8")
    _, _, err = flowlang("run", "files.flow", "--each", "mails.csv", "--offline", "--out", "answers")
    assert sorted(path.parent.name for path in (mails / "answers").rglob("reply.md")) == ["0001", "0002", "0004"]
    assert "wrote 3 files below answers" in err


def test_a_secret_is_hidden_in_every_row(flowlang, folder: Path):
    (folder / "key.flow").write_text(
        "input mail: text\ninput key: secret text\n"
        'tool ask\n  about: "Asks"\n  takes q: text\n  header Authorization: "Bearer {{ key }}"\n'
        '  get: "https://ask.example/?q={{ q }}"\n'
        'step a\n  model: m\n  prompt: "{{ mail }}"\nstep b\n  model: m\n  uses: ask\n  prompt: "{{ a }}"\noutput a\n'
        'output b to "b.md"\n',
        encoding="utf-8",
    )
    (folder / "flowlang.toml").write_text('[allow]\nhosts = ["ask.example"]\n', encoding="utf-8")
    (folder / "rows.csv").write_text("mail\nmy key is hunter2-hunter2\n", encoding="utf-8")
    words = ["--key", "hunter2-hunter2", "--offline", "--trust"]
    code, out, err = flowlang("run", "key.flow", "--each", "rows.csv", "--events", "e.jsonl", *words)
    assert code == 0, err
    files = "".join(path.read_text(encoding="utf-8") for path in (*folder.rglob("b.md"), folder / "e.jsonl"))
    assert "hunter2" not in out + err + files


def test_ctrl_c_keeps_what_is_done(folder: Path):
    (folder / "flowlang.toml").write_text("[offline]\nlatency = 30\n", encoding="utf-8")
    (folder / "rows.csv").write_text("mail,polite\na,perhaps\nb,yes\n", encoding="utf-8")
    running = subprocess.Popen(
        [*START, "run", "triage.flow", "--each", "rows.csv", "--offline"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    first = running.stdout.readline()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert json.loads(first)["error"]["row"] == 1 and out == ""
    assert "interrupted (exit 130): 0 rows done, 1 failed, 1 not finished" in err
