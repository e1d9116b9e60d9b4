import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway import Gateway, numbered

START = [sys.executable, "-c", "import sys; from flowlang.workbench.cli import main; sys.exit(main())"]

FILES = '''\
input topics: list of text = ["one", "two"]
step line
  repeat for each topic in topics
  model: m
  prompt: "Say something about {{ topic }}"
step sum
  model: m
  prompt: """
    {{ for l in line }}
    {{ l }}
    {{ end }}
    Put this together.
  """
output sum to "sum.md"
output line to "lines.json"
'''

SLOW = "[offline]\nlatency = 30\n"


def test_one_text_is_printed_as_it_is(flowlang):
    code, out, err = flowlang("run", "triage.flow", "--offline", "--mail", "The export button does nothing.")
    assert code == 0
    assert out.endswith("\n") and not out.startswith(("{", '"'))
    assert "topic: done in" in err
    assert "skipped, its `when` did not hold" in err
    assert err.splitlines()[-1].startswith("done: ")
    assert "no language model" in err


def test_as_json_there_is_a_key_per_output(flowlang):
    out = flowlang("run", "triage.flow", "--offline", "--json", "--mail", "Help").out
    assert list(json.loads(out)) == ["reply"]


def test_equal_runs_give_equal_results(flowlang):
    words = ["run", "triage.flow", "--offline", "--mail", "Help", "--console", "none"]
    assert flowlang(*words).out == flowlang(*words).out
    assert flowlang(*words).err == ""


def test_a_flow_writes_its_files_below_the_output_folder(flowlang, folder: Path):
    (folder / "files.flow").write_text(FILES, encoding="utf-8")
    code, out, err = flowlang("run", "files.flow", "--offline", "--out", "results", "-o", "whole.json")
    assert (code, out) == (0, "")
    assert (folder / "results" / "sum.md").read_text(encoding="utf-8").endswith("\n")
    assert [one["topic"] for one in json.loads((folder / "results" / "lines.json").read_text("utf-8"))] == [
        "one",
        "two",
    ]
    assert list(json.loads((folder / "whole.json").read_text(encoding="utf-8"))) == ["sum", "line"]
    assert "wrote results/sum.md" in err and "wrote whole.json" in err


def test_one_step_and_what_it_needs(flowlang):
    code, out, err = flowlang("run", "triage.flow", "--offline", "--mail", "x", "--only", "topic")
    assert code == 0
    assert out.strip() in ("billing", "bug", "other")
    assert "reply" not in err


def test_events_are_lines_of_json(flowlang, folder: Path):
    assert flowlang("run", "triage.flow", "--offline", "--mail", "x", "--events", "events.jsonl").code == 0
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "run_started" and names[-1] == "run_finished"
    assert {"step_started", "call_started", "delta", "call_finished", "step_finished", "step_skipped"} <= set(names)
    assert events[-1]["outcome"] == "done"
    assert events[-1]["calls"] == 2
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_a_full_disk_under_the_events_loses_no_result(flowlang):
    code, out, err = flowlang("run", "triage.flow", "--offline", "--mail", "x", "--events", "/dev/full")
    assert code == 6
    assert out
    assert "the events could not be written: no space left on device" in err


def test_inputs_from_a_file_and_from_standard_input(folder: Path):
    (folder / "values.json").write_text('{"mail": "From a file", "polite": false}', encoding="utf-8")
    (folder / "echo.flow").write_text("input mail: text\nlet echo = mail | upper\noutput echo\n", encoding="utf-8")
    for words, stdin in (
        (["--mail", "@mail.txt"], b""),
        (["--mail", "-"], b"Pipe\n"),
        ([], b"Pipe\n"),
        (["--inputs", "values.json"], b""),
    ):
        (folder / "mail.txt").write_text("Pipe\n", encoding="utf-8")
        (folder / "values.json").write_text('{"mail": "pipe"}', encoding="utf-8")
        done = subprocess.run([*START, "run", "echo.flow", *words], input=stdin, capture_output=True, check=True)
        assert done.stdout == b"PIPE\n"


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        ([], ["`mail` is missing", "--mail", "triage.flow:4:7"]),
        (["--mial", "x"], ["`--mial`", "did you mean `--mail`?"]),
        (["--mail", "@nothing.txt"], ["there is no file `nothing.txt`"]),
        (["--mail", "@triage.flw"], ["did you mean `triage.flow`?"]),
        (["--mail", "@."], ["is a folder"]),
        (["--mail", ""], ["`--mail`", "is empty"]),
        (["--mail", "a\udcffb"], ["`--mail`", "no UTF-8 text"]),
        (["--mail", "x", "--polite=maybe"], ["`--polite`"]),
        (["--mail", "x", "--mail", "y"], ["given 2 times"]),
        (["--mail", "x", "--inputs", "no.json"], ["there is no file `no.json`"]),
        (["--mail", "x", "--only", "topc"], ["did you mean `topic`?"]),
        (["--mail", "x", "-o", "no/such/file"], ["there is no folder `no/such`"]),
        (["--mail", "x", "-o", "."], ["is a folder"]),
        (["--mail", "x", "--events", "."], ["is a folder"]),
        (["--mail", "x", "--at-once", "0"], ["at least 1"]),
        (["--mail", "x", "--at-once", "-3"], ["at least 1"]),
        (["--mail", "x", "--frsh"], ["`--frsh` is not an input or an option", "did you mean `--fresh`?"]),
    ],
)
def test_wrong_input_is_told_before_anything_runs(flowlang, words: list[str], sentences: list[str]):
    code, out, err = flowlang("run", "triage.flow", "--offline", *words)
    assert (code, out) == (2, "")
    assert all(sentence in err for sentence in sentences), err
    assert "started" not in err


@pytest.mark.parametrize("out", ["taken", "taken/below", "a\0b"])
def test_an_output_folder_that_cannot_be_is_told_before_anything_runs(flowlang, folder: Path, out: str):
    (folder / "files.flow").write_text(FILES, encoding="utf-8")
    (folder / "taken").write_text("", encoding="utf-8")
    code, told, err = flowlang("run", "files.flow", "--offline", "--out", out)
    assert (code, told) == (2, "")
    assert "--out" in err
    assert "started" not in err


def test_without_a_key_the_variable_is_named(flowlang):
    code, out, err = flowlang("run", "triage.flow", "--mail", "x")
    assert (code, out) == (4, "")
    assert "error[missing-key]" in err and "BYTESPIKE_API_KEY" in err and "--offline" in err
    assert "--> triage.flow:7:6" in err


def test_with_a_key_its_value_is_never_told(flowlang, monkeypatch: pytest.MonkeyPatch):
    gateway = Gateway(key="sk-another", faults=numbered({2: "echo-key"}))
    with gateway as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")
        for _ in range(2):
            code, out, err = flowlang("run", "triage.flow", "--mail", "x")
            assert code == 4 and "error[refused]" in err
            assert "canary" not in out + err
    assert len(gateway.log) == 2


def test_the_project_names_the_provider_and_its_key(flowlang, folder: Path):
    text = '[project]\nprovider = "own"\n[providers.own]\nbase_url = "https://x.example/v1"\nkey_env = "OWN_KEY"\n'
    (folder / "flowlang.toml").write_text(text, encoding="utf-8")
    code, _, err = flowlang("run", "triage.flow", "--mail", "x", "--trust")
    assert code == 4
    assert "OWN_KEY" in err and "OPENAI" not in err


def test_a_flow_without_a_model_needs_one_but_not_offline(flowlang, folder: Path):
    (folder / "bare.flow").write_text('step a\n  prompt: "Hello"\n', encoding="utf-8")
    code, _, err = flowlang("run", "bare.flow")
    assert code == 3
    assert "error[missing-setting]" in err
    assert flowlang("run", "bare.flow", "--offline").code == 0


def test_a_flow_that_asks_nobody_needs_neither_key_nor_model(flowlang, folder: Path):
    (folder / "sum.flow").write_text("input n: number\nlet twice = n | times 2\noutput twice\n", encoding="utf-8")
    assert flowlang("run", "sum.flow", "--n", "21").out == '{\n  "twice": 42\n}\n'


def test_mistakes_in_the_settings_are_told_at_their_line(flowlang, folder: Path):
    (folder / "flowlang.toml").write_text("[offline]\nlatncy = 1\n", encoding="utf-8")
    code, out, err = flowlang("run", "triage.flow", "--offline", "--mail", "x")
    assert (code, out) == (2, "")
    assert "--> flowlang.toml:2:1" in err and "did you mean `latency`?" in err


def test_a_failed_step_is_told_at_its_line(flowlang, folder: Path):
    (folder / "flowlang.toml").write_text("[offline]\nfailure_rate = 1\n", encoding="utf-8")
    code, out, err = flowlang("run", "triage.flow", "--offline", "--mail", "x")
    assert (code, out) == (4, "")
    assert err.count("error[unreachable]") == 1
    assert "--> triage.flow:7:6" in err
    assert "failed (exit 4)" in err


def test_a_log_of_github_gets_annotations_and_a_summary(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "flowlang.toml").write_text("[offline]\nfailure_rate = 1\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    code, _, err = flowlang("run", "triage.flow", "--offline", "--mail", "::set-env name=X::y\n::error::x")
    assert code == 4
    commands = [line for line in err.splitlines() if line.startswith("::")]
    assert len(commands) == 1 and commands[0].startswith("::error file=triage.flow,line=7")
    assert "exit code 4" in (folder / "summary.md").read_text(encoding="utf-8")


def test_exit_codes_do_not_hang_on_where_it_runs(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR"):
        monkeypatch.setenv(name, "true")
    assert flowlang("run", "triage.flow", "--offline", "--mail", "x").code == 0
    assert flowlang("run", "triage.flow", "--offline").code == 2
    assert flowlang("run", "triage.flow", "--mail", "x").code == 4


def test_a_reader_who_hangs_up_is_no_error(folder: Path):
    words = ["run", "triage.flow", "--offline", "--mail", "x", "--json"]
    with subprocess.Popen([*START, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"done: " in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_at_once_and_says_so(folder: Path, number: int, code: int):
    (folder / "flowlang.toml").write_text(SLOW, encoding="utf-8")
    words = ["run", "triage.flow", "--offline", "--mail", "x", "--events", "events.jsonl"]
    with subprocess.Popen([*START, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        while "topic: started" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.stdout.read() == ""
    assert process.returncode == code
    assert f"interrupted (exit {code})" in rest
    last = json.loads((folder / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["event"], last["outcome"]) == ("run_finished", "interrupted")


def test_a_run_that_was_started_to_ignore_a_hangup_goes_on(folder: Path):
    (folder / "flowlang.toml").write_text(SLOW, encoding="utf-8")
    words = ["nohup", *START, "run", "triage.flow", "--offline", "--mail", "x"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        while "topic: started" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        assert "done: " in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize("columns", ["20", "80"])
def test_on_a_terminal_nothing_steers_it(folder: Path, columns: str):
    outer, inner = pty.openpty()
    environment = {**os.environ, "COLUMNS": columns, "LINES": "24", "TERM": "xterm-256color"}
    mail = "It broke.\x1b]0;title\x07 \x1b[2J The \u202e button does nothing."
    words = ["run", "triage.flow", "--offline", "--mail", mail]
    process = subprocess.Popen([*START, *words], stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    received = b""
    try:
        while data := os.read(outer, 65536):
            received += data
    except OSError:  # the other end is closed
        os.close(outer)
    assert process.wait() == 0
    text = received.decode()
    assert "topic: done in" in " ".join(text.split())
    assert not any(steering in text for steering in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e"))


def test_a_result_that_is_too_large_is_told(folder, flowlang):
    doubled = "".join(f"let d{n} = [d{n - 1}, d{n - 1}]\n" for n in range(1, 31))
    flow = f'let d0 = ["x", "y"]\n{doubled}output all: d30 to "all.json"\n'
    (folder / "bomb.flow").write_text(flow, encoding="utf-8")
    typed = flowlang("run", "bomb.flow", "--offline")
    assert typed.code == 5
    assert "the result is too large to be written" in typed.err
    flow = flow.replace(' to "all.json"', "")
    (folder / "bomb.flow").write_text(flow, encoding="utf-8")
    assert flowlang("run", "bomb.flow", "--offline").code == 5


def test_a_vendors_field_that_may_not_be_sent_is_told_before_anything_is(flowlang, folder: Path, monkeypatch):
    with Gateway() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")
        text = 'step a\n  model: gpt-5-4\n  extra safety: "off"\n  prompt: "Hello"\n'
        (folder / "extra.flow").write_text(text, encoding="utf-8")
        code, _, err = flowlang("run", "extra.flow")
        assert code == 3 and "extra.flow:3" in err and 'extras = ["safety"]' in err
        (folder / "flowlang.toml").write_text('[providers.openai]\nextras = ["safety"]\n', encoding="utf-8")
        assert flowlang("run", "extra.flow").code == 0
