"""`watch` on a terminal: a real process on a pseudo-terminal, and the screen that a person would see."""

import signal
import time
from pathlib import Path

import pytest

from tests.gateway import Answer, Gateway, Latency
from tests.workbench.on_a_terminal import OnATerminal
from tests.workbench.saving import rename_over
from tests.workbench.watched import asked, project

FLOW = """\
step one
  model: stand-in/m1
  prompt: "Say one."
step two
  model: stand-in/m1
  prompt: "Say two."
output two
"""
WATCH = ["watch", "a.flow", "--trust"]


def answer(request: dict[str, object]) -> str:
    messages = request["messages"]
    assert isinstance(messages, list)
    return f"You said: {messages[-1]['content']}"


def test_a_session_from_the_first_run_to_the_end(tmp_path: Path) -> None:
    with Gateway(answer) as url:
        flow = project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            text = terminal.until_shown("watches", "✓ one", "✓ two", "You said: Say one.")
            assert text.split("\n")[0].startswith("a.flow  watches  run 1, ")
            assert text.split("\n")[-1].startswith("x end  r run  s this step")

            rename_over(flow, FLOW.replace("Say two.", "Say two again."))
            terminal.until_shown("= one", "✓ two", "run 2", "1 asked, 1 from before", "its prompt has changed")
            terminal.press("\x1b[B")
            terminal.until_shown("two: answer", "You said: Say two again.")
            terminal.press("d")
            terminal.until_shown("two: what changed")
            terminal.press("q")
            terminal.until_shown("two: request", "── user ──", "Say two again.")

            rename_over(flow, FLOW.replace("{", "{{").replace("output two", "output tow"))
            text = terminal.until_shown("cannot run", "before these mistakes:", "= one")
            assert "error[unknown-name]" in text.split("\n")[1]
            terminal.press("a")
            terminal.until_shown("You said: Say two again.")

            rename_over(flow, FLOW)
            terminal.until_shown("watches", "= two")
            terminal.press("x")
            assert terminal.ended() == 0
            assert terminal.is_as_before()
            assert "a.flow: 3 runs, 3 calls and 3 from before" in terminal.text.replace("\n", " ")


def test_a_pinned_answer_stays_whatever_the_prompt_becomes(tmp_path: Path) -> None:
    gateway = Gateway(answer)
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ one", "✓ two", "watches")
            terminal.press("p")
            terminal.until_shown("the answer of one stays", "* one")
            rename_over(flow, FLOW.replace("Say one.", "Say something else."))
            terminal.until_shown("run 2", "* one", "You said: Say one.", "watches")
            assert len(gateway.log) == 2
            terminal.press("w")
            terminal.until_shown("wrote 1 answer of one to a.answers")
            terminal.press("p")
            terminal.until_shown("You said: Say something else.", "✓ one")
            terminal.press("x")
            assert terminal.ended() == 0
    assert sorted(asked(gateway)) == ["Say one.", "Say something else.", "Say two."]
    assert "You said: Say one." in (tmp_path / "a.answers").read_text()


def test_each_sample_is_recorded_as_its_own(tmp_path: Path) -> None:
    samples = 'step one\n  model: stand-in/m1\n  samples: 2\n  ensure: judge "It is short"\n  prompt: "Say one."\n'
    with Gateway(lambda request: '{"holds": true, "reason": "It is."}') as url:
        project(tmp_path, url, samples)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ one", "watches")
            terminal.press("q")
            terminal.until_shown("one, sample 1: request 1 of 3")
            terminal.press("\x1b[C\x1b[C")
            terminal.until_shown("3 of 3")
            terminal.press("w")
            terminal.until_shown("wrote 2 answers of one")
            terminal.press("x")
            assert terminal.ended() == 0
    assert [line for line in (tmp_path / "a.answers").read_text().split("\n") if "sample:" in line] == [
        "  sample: 1",
        "  sample: 2",
    ]


def test_one_step_is_asked_again_by_a_key(tmp_path: Path) -> None:
    gateway = Gateway(answer)
    with gateway as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ one", "✓ two", "watches")
            terminal.press("js")
            terminal.until_shown("run 2", "= one", "✓ two", "watches")
            terminal.press("x")
            terminal.ended()
    assert sorted(asked(gateway)) == ["Say one.", "Say two.", "Say two."]


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143), ("\x03", 130), ("x", 0)]
)
def test_the_terminal_is_as_before_however_it_ends(how: "signal.Signals | str", code: int, tmp_path: Path) -> None:
    with Gateway(answer, latency=Latency(5.0)) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("● one")
            if isinstance(how, str):
                terminal.press(how)
            else:
                terminal.process.send_signal(how)
            assert terminal.ended() == code
            assert terminal.is_as_before()


def test_the_terminal_is_as_before_after_a_bug_of_ours(tmp_path: Path) -> None:
    with Gateway(answer) as url:
        project(tmp_path, url, FLOW)
        (tmp_path / "sitecustomize.py").write_text(
            "import flowlang.workbench.session as s\n"
            "async def broken(self, name): raise RuntimeError('ours')\n"
            "s.Session.run_step = broken\n"
        )
        with OnATerminal(WATCH, tmp_path, environment={"PYTHONPATH": str(tmp_path)}) as terminal:
            terminal.until_shown("watches")
            terminal.press("s")
            assert terminal.ended() == 70
            assert terminal.is_as_before()
            assert b"this is a bug in flowlang" in terminal.raw


def test_any_size_and_any_speed_stay_calm(tmp_path: Path) -> None:
    words = Answer(pieces=("word ",) * 20_000)
    steps = "".join(f'step s{n}\n  model: stand-in/m1\n  prompt: "Say {n}."\n' for n in range(200))
    with Gateway(lambda request: words, latency=Latency(0.0, 0.0001)) as url:
        project(tmp_path, url, steps)
        with OnATerminal([*WATCH, "--at-once", "4"], tmp_path) as terminal:
            terminal.until_shown("● s0", "tokens")
            start, before = time.monotonic(), len(terminal.raw)
            terminal.resize(20, 10)
            while time.monotonic() < start + 2.0:
                terminal.read(0.1)
            text, redraws = terminal.text, terminal.raw[before:].count(b"\x1b[1;1H")
            written = len(terminal.raw) - before
            assert redraws <= 2 * 2 + 3  # the first line, once a size, and then where its numbers change
            assert written < 2 * 6 * 20 * 10 * 4
            assert all(len(line) <= 20 for line in text.split("\n"))
            terminal.press("x")
            assert terminal.ended() == 0


def test_no_answer_steers_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]52;c;aGk=\x07 \x1b[2J \x9b2J \x1b]0;title\x07 \u202e \x1b[?1049l end"
    with Gateway(lambda request: evil) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("\\x1b]52;c;aGk=\\x07", "\\x1b[2J", "\\u202e", "end")
            assert b"\x1b]" not in terminal.raw and b"\x07" not in terminal.raw
            assert terminal.raw.count(b"\x1b[?1049l") == 0
            terminal.press("x")
            terminal.ended()


def test_an_editor_gets_the_terminal_and_gives_it_back(tmp_path: Path) -> None:
    (editor := tmp_path / "vim").write_text('#!/bin/sh\nstty -a | head -n 1; echo "edits $1 $2"; read line; exit 0\n')
    editor.chmod(0o755)
    with Gateway(answer) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path, environment={"EDITOR": f"{editor}"}) as terminal:
            terminal.until_shown("✓ two", "watches")
            terminal.press("je")
            terminal.until_shown("edits +4", "a.flow")
            terminal.press("done\n")
            terminal.until(lambda _: terminal.raw.count(b"\x1b[?1049h") == 2, "the screen again")
            terminal.until_shown("✓ two", "x end")
            terminal.press("x")
            assert terminal.ended() == 0
            assert terminal.is_as_before()


def test_where_a_save_waits_for_a_key_one_step_is_run_with_nothing_beside_it(tmp_path: Path) -> None:
    gateway = Gateway(answer)
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with OnATerminal([*WATCH, "--ask"], tmp_path) as terminal:
            terminal.until_shown("this save would make 2 calls")
            terminal.press("s")
            terminal.until_shown("✓ one", "~ two", "watches")
            assert asked(gateway) == ["Say one."]
            rename_over(flow, FLOW.replace("Say one.", "Say 1.").replace("Say two.", "Say 2."))
            terminal.until_shown("this save would make 2 calls", "~ one")
            terminal.press("js")
            terminal.until_shown("✓ two", "~ one", "watches")
            assert asked(gateway) == ["Say one.", "Say 2."]
            terminal.press("r")
            terminal.until_shown("✓ one", "= two", "watches")
            terminal.press("x")
            assert terminal.ended() == 0
    assert asked(gateway) == ["Say one.", "Say 2.", "Say 1."]


@pytest.mark.parametrize("editor", ["stty raw -echo", "sleep 30"])
def test_no_editor_leaves_the_terminal_spoilt_and_keys_behind_its_own_are_for_it(editor: str, tmp_path: Path) -> None:
    (script := tmp_path / "ed").write_text(f"#!/bin/sh\necho edits >> log\n{editor}\n")
    script.chmod(0o755)
    with Gateway(answer) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path, environment={"EDITOR": str(script)}) as terminal:
            terminal.until_shown("✓ two", "watches")
            terminal.press("eeex")
            terminal.until(lambda _: (tmp_path / "log").exists(), "an editor")
            if editor == "sleep 30":
                terminal.process.send_signal(signal.SIGTERM)
            else:
                terminal.until(lambda _: terminal.raw.count(b"\x1b[?1049h") == 2, "the screen again")
                terminal.press("\x03")  # a signal again, and no key
            assert terminal.ended() == (143 if editor == "sleep 30" else 130)
            assert terminal.is_as_before()
    assert (tmp_path / "log").read_text() == "edits\n"


def test_a_process_that_was_only_continued_gives_the_terminal_back(tmp_path: Path) -> None:
    with Gateway(answer) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ two", "watches")
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until(lambda _: terminal.raw.count(b"\x1b[?1049h") == 2, "the screen again")
            terminal.press("x")
            assert terminal.ended() == 0
            assert terminal.is_as_before()


def test_what_is_pasted_presses_no_key(tmp_path: Path) -> None:
    with (gateway := Gateway(answer)) as url:
        project(tmp_path, url, FLOW)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ two", "watches")
            before = len(gateway.log)
            terminal.press("\x1b[200~s\x1b[201~\x1b]11;s\x1b\\q")
            terminal.until_shown("one: request")
            assert b"\x1b[?2004h" in terminal.raw and len(gateway.log) == before
            terminal.press("x")
            assert terminal.ended() == 0
            assert b"a.flow: 1 run, 2 calls" in terminal.raw  # no `s` of the paste has begun another
            assert terminal.is_as_before()


def test_lazily_a_save_marks_what_is_stale_and_a_key_runs_one_step(tmp_path: Path) -> None:
    gateway = Gateway(answer)
    three = FLOW.replace("output two", 'step three\n  model: stand-in/m1\n  prompt: "After {{ one }}."\noutput two')
    with gateway as url:
        flow = project(tmp_path, url, three)
        with OnATerminal([*WATCH, "--lazy"], tmp_path) as terminal:
            terminal.until_shown("~ one", "~ two", "~ three", "waits for you", "3 calls, for nothing: r runs it")
            assert not gateway.log
            terminal.press("r")
            terminal.until_shown("✓ one", "✓ two", "✓ three", "watches")
            rename_over(flow, three.replace("Say one.", "Say 1.").replace("Say two.", "Say 2."))
            terminal.until_shown("~ one", "~ two", "~ three", "waits for you")
            assert len(gateway.log) == 3
            terminal.press("js")
            terminal.until_shown("~ one", "✓ two", "~ three")
            assert asked(gateway)[3:] == ["Say 2."]
            rename_over(flow, "# a comment\n" + flow.read_text())
            terminal.until_shown("~ one", "= two", "~ three")
            terminal.press("x")
            assert terminal.ended() == 0
    assert len(gateway.log) == 4


def test_a_save_that_is_put_back_goes_on_and_a_mistake_takes_its_question_away(tmp_path: Path) -> None:
    gateway = Gateway(answer, latency=Latency(1.5))
    with gateway as url:
        flow = project(tmp_path, url, FLOW)
        with OnATerminal([*WATCH, "--ask"], tmp_path) as terminal:
            terminal.until_shown("this save would make 2 calls")
            rename_over(flow, FLOW.replace("output two", "output tow"))
            assert terminal.until_shown("cannot run").startswith("a.flow  cannot run")
            assert "this save would make" not in terminal.text
            rename_over(flow, FLOW)
            terminal.until_shown("this save would make 2 calls")
            terminal.press("r")
            terminal.until_shown("● one", "● two")
            rename_over(flow, FLOW.replace("Say two.", "Say 2."))
            terminal.until_shown("this save would make 2 calls", "~ two")
            rename_over(flow, FLOW)
            text = terminal.until_shown("● one", "● two", "runs")
            assert "this save would make" not in text
            terminal.until_shown("✓ one", "✓ two", "watches")
            terminal.press("x")
            assert terminal.ended() == 0
    assert sorted(asked(gateway)) == ["Say one.", "Say two."]


@pytest.mark.parametrize(("most", "waits"), [("1", False), ("0.000001", True)])
def test_a_save_that_may_cost_too_much_waits_for_a_key(most: str, waits: bool, tmp_path: Path) -> None:
    gateway = Gateway(answer)
    paid = FLOW.replace("stand-in/m1", "gpt-5-4")
    with gateway as url:
        project(tmp_path, url, paid)
        with OnATerminal([*WATCH, "--max-cost", most], tmp_path) as terminal:
            if waits:
                terminal.until_shown(
                    "waits for you", "this save would make 2 calls, about $0.0", "r runs it, up to $0.0"
                )
                assert not gateway.log
            else:
                terminal.until_shown("✓ one", "✓ two", "watches", "$0.")
                assert len(gateway.log) == 2
            terminal.press("x")
            assert terminal.ended() == 0


def test_every_question_of_a_step_can_be_seen_and_a_request_is_of_now(tmp_path: Path) -> None:
    inner = """\
flowlang 1
input draft: text
step critique
  model: stand-in/m1
  prompt: "Weigh {{ draft }}"
step better
  model: stand-in/m1
  prompt: "Mend {{ draft }}"
output better
"""
    outer = """\
import "inner.flow" as inner
input colours: list of text = ["red", "blue"]
step each_one
  repeat for each colour in colours
  model: stand-in/m1
  prompt: "Paint it {{ colour }}."
step polished
  run: inner
  with draft: "grey"
output polished
"""
    with Gateway(answer) as url:
        flow = project(tmp_path, url, outer)
        (tmp_path / "inner.flow").write_text(inner)
        with OnATerminal(WATCH, tmp_path) as terminal:
            terminal.until_shown("✓ each_one", "✓ polished", "watches")
            terminal.press("q")
            terminal.until_shown("each_one[1]: request 1 of 2", "── answer ──", "You said: Paint it red.")
            terminal.press("\x1b[C")
            terminal.until_shown("each_one[2]: request 2 of 2", "You said: Paint it blue.")
            rename_over(flow, outer.replace("Paint", "Colour"))
            terminal.until_shown("run 2", "each_one[2]: request 2 of 2", "You said: Colour it blue.")
            rename_over(flow, outer.replace("Paint", "Colour").replace(', "blue"', ""))
            terminal.until_shown("run 3", "each_one[1]: request ──", "You said: Colour it red.")
            terminal.press("j")
            terminal.until_shown("polished.critique: request 1 of 2", "You said: Weigh grey")
            terminal.press("\x1b[C")
            terminal.until_shown("polished.better: request 2 of 2", "You said: Mend grey")
            terminal.press("x")
            assert terminal.ended() == 0


def test_before_it_is_paid_for_a_save_says_what_it_would_ask_and_why_and_letting_go_pays_nothing(
    tmp_path: Path,
) -> None:
    gateway = Gateway(answer)
    paid = FLOW.replace("stand-in/m1", "gpt-5-4").replace("Say two.", "Say {{ one }}")
    with gateway as url:
        flow = project(tmp_path, url, paid)
        with OnATerminal([*WATCH, "--ask"], tmp_path, columns=100) as terminal:
            terminal.until_shown("~ one   about $0.0", ": not asked before in this session", "2 calls, about $0.0")
            terminal.until_shown("~ two   about $0.0", ": it hangs on `one`, whose answer")
            terminal.press("r")
            terminal.until_shown("✓ one", "✓ two", "watches")
            terminal.press("p")
            terminal.until_shown("* one")
            rename_over(flow, paid.replace("Say one.", "Say more."))
            terminal.until_shown("run 2", "* one", "= two")
            terminal.press("p")
            terminal.until_shown(
                "~ one   about $0.0", ": its prompt has changed", "~ two", "waits for you", "r runs it"
            )
            assert len(gateway.log) == 2
            terminal.press("p")
            terminal.until_shown("* one", "= two", "watches")
            assert len(gateway.log) == 2
            terminal.press("x")
            assert terminal.ended() == 0


CALLS = """tool say
  about: "Says a word."
  takes word: text
  command: "echo {{ word }}"
step one
  call: say
  with word: "hello"
step two
  model: gemini-3-flash
  prompt: "Say it."
"""


def test_a_save_that_asks_for_another_power_than_was_trusted_waits_for_a_word(tmp_path: Path) -> None:
    (tmp_path / "flowlang.toml").write_text('[allow]\ncommands = ["echo", "expr"]\n')
    (flow := tmp_path / "a.flow").write_text(CALLS)
    other = CALLS.replace("echo {{ word }}", "expr 21 + 21")
    with OnATerminal([*WATCH, "--offline"], tmp_path, lines=40) as terminal:
        terminal.until_shown("watches", "✓ one", "hello")
        rename_over(flow, CALLS.replace("Say it.", "Say it again.").replace("gemini-3-flash", "gemini-3-1-pro"))
        terminal.until_shown("watches", "run 2", "✓ two")  # no power is in that
        rename_over(flow, other)
        text = terminal.until_shown("cannot run", "has changed since you trusted it", "for this session: press t")
        assert "+ command  expr" in text and "run 2" in text
        rename_over(flow, CALLS)
        terminal.until_shown("watches", "run 3")
        terminal.press("t")  # nothing is asked now
        rename_over(flow, other)
        terminal.until_shown("cannot run", "has changed since you trusted it")
        terminal.press("t")
        terminal.until_shown("watches", "run 4", "42")
        terminal.press("x")
        assert terminal.ended() == 0


@pytest.mark.parametrize("trusted", [False, True])
def test_what_a_session_begins_with_is_all_that_it_trusts(trusted: bool, tmp_path: Path) -> None:
    """Also where that is nothing, and where it was trusted for good."""
    (tmp_path / "flowlang.toml").write_text('[allow]\ncommands = ["echo", "expr"]\n')
    (flow := tmp_path / "a.flow").write_text(CALLS if trusted else CALLS[CALLS.index("step two") :])
    if trusted:
        with OnATerminal(["trust", "a.flow"], tmp_path, lines=40) as terminal:
            terminal.until_shown("[y/N]")
            terminal.press("y\r")
            assert terminal.ended() == 0
    with OnATerminal([*WATCH, "--offline"], tmp_path, lines=40) as terminal:
        terminal.until_shown("watches", "✓ two")
        rename_over(flow, CALLS.replace("echo {{ word }}", "expr 21 + 21"))
        terminal.until_shown("cannot run", "+ command  expr")
        terminal.press("x")
        terminal.ended()


def test_a_tool_of_a_stale_session_works_again_by_a_key_and_a_kept_answer_is_let_go_of(tmp_path: Path) -> None:
    text = CALLS.replace("echo {{ word }}", "sh tool.sh {{ word }}")
    (tmp_path / "tool.sh").write_text("echo x >> runs; wc -l < runs\n")
    (tmp_path / "flowlang.toml").write_text('[allow]\ncommands = ["sh"]\n')
    (tmp_path / "a.flow").write_text(text)
    with OnATerminal([*WATCH, "--offline", "--lazy"], tmp_path, lines=40) as terminal:
        terminal.until_shown("waits for you")
        for number in ("1", "2", "3"):
            terminal.press("s")
            terminal.until_shown("watches", "✓ one", f"{number}\n")
            if number == "2":
                terminal.press("p")
                terminal.until_shown("* one", "the answer of one stays")
        terminal.press("x")
        assert terminal.ended() == 0
    assert (tmp_path / "runs").read_text() == "x\n" * 3
