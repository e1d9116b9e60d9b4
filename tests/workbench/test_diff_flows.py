"""`diff main..HEAD`: what a change in git does to flows, on a scripted history; and nothing that it brings is run."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flowlang.plan.request_parts import request_print, texts_print
from tests.workbench.test_commit import git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")

MAIL = '''\
# Sorts a mail.
import "shared/tone.flow" as tone
input mail: text

step topic
  model: gpt-5-4
  returns: one of billing, bug, other
  prompt: """
    {{ mail }}

    What is this mail about? {{ tone.short }}
  """

step reply
  when topic is bug
  model: gpt-5-4
  prompt: file "reply.md"

output topic
output reply: reply | default "Passed on."

test "a fault"
  with mail: "The page stays white."
  answer reply: "Which version?"
  expect topic is bug
  expect reply contains "version"
'''
TONE = 'snippet short: "Answer briefly."\n'
REPLY = "Answer this mail: {{ mail }}\n"


class History:
    """A repository, one commit after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "triage.flow").unlink()
        git(folder, "init", "-q", "-b", "main")
        self.write("flowlang.toml", '[models."gpt-5-4"]\nprice = { input = 1, output = 10 }\n')
        self.write("mail.flow", MAIL)
        self.write("shared/tone.flow", TONE)
        self.write("reply.md", REPLY)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, text
        self.write(name, text.replace(old, new))

    def commit(self, name: str) -> None:
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", name)
        git(self.folder, "tag", name)

    def record(self, flowlang, *answers: str) -> None:
        """Records these answers to what the test of the flow asks, in turn, as `test --record` would."""
        from flowlang.language.expression import Scope
        from flowlang.models.recording import Recorded, Which
        from flowlang.models.recording_text import write_recordings
        from flowlang.pipeline import compile_flow
        from flowlang.plan.build import build
        from flowlang.plan.graph import Defaults
        from flowlang.plan.requests import request_of

        flow = compile_flow(Path("mail.flow")).flow
        assert flow is not None
        node = build(flow, Defaults()).nodes["topic"]
        request = request_of(node.of, node.asks[0], Scope({"mail": "The page stays white."}))
        texts = texts_print([part for one in node.of.messages for part in (one.role, one.text)])
        found = [Recorded(Which("topic"), request_print(request, texts), one, tokens=(100, 10)) for one in answers]
        self.write("mail.answers", write_recordings(found, "mail.answers.d")[0])


@pytest.fixture
def history(folder: Path, flowlang) -> History:
    """A flow with its recording, as the commit `one`."""
    told = History(folder)
    told.record(flowlang, '{"answer": "bug"}')
    told.commit("one")
    assert flowlang("test").code == 0
    return told


def test_what_did_not_change_is_not_told(history: History, flowlang) -> None:
    history.write("notes.md", "Nothing of a flow.\n")
    history.commit("two")
    assert flowlang("diff", "one..two") == (0, "one and two: all 2 flow files are the same\n", "")
    assert flowlang("diff", "one..").out == "one and HEAD: all 2 flow files are the same\n"
    assert flowlang("diff", "--against", "HEAD").out == "HEAD and the working tree: all 2 flow files are the same\n"


def test_a_prompt_its_recorded_answer_and_a_test_that_flips(history: History, flowlang) -> None:
    history.change("mail.flow", "What is this mail about?", "Which of the three is it?")
    history.record(flowlang, '{"answer": "billing"}')
    history.commit("two")
    code, out, err = flowlang("diff", "one..two")
    assert (code, err) == (0, "")
    assert out.startswith(
        "one and two: 1 of 2 flow files changed\n\nmail.flow\n  tests               1 passed → 1 failed\n"
    )
    assert "\n  calls of the tests  1\n  their cost, about   $0.00020\n" in out
    assert "\nstep topic\n  prompt\n" in out
    assert "    -What is this mail about? Answer briefly.\n    +Which of the three is it? Answer briefly.\n" in out
    assert '\n  prompt as sent ("a fault")\n' in out
    assert '\n  answer ("a fault"): {"answer": "bug"} → {"answer": "billing"}\n' in out
    assert '\ntests that come out differently\n  "a fault": passed → failed\n    `topic is bug` does not hold\n' in out
    assert "step reply" not in out


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("shared/tone.flow", "briefly", "at length", "    +What is this mail about? Answer at length.\n"),
        ("reply.md", "Answer", "Reply to", "\nstep reply\n  prompt\n"),
        ("flowlang.toml", "input = 1", "input = 3", "  their cost, about   $0.00020 → $0.00040\n"),
    ],
)
def test_what_belongs_to_a_flow_changes_it(name, old, new, told, history: History, flowlang) -> None:
    history.change(name, old, new)
    out = flowlang("diff", "--against", "one").out
    assert told in out, out


def test_a_model_a_parameter_and_a_schema(history: History, flowlang) -> None:
    history.change(
        "mail.flow", "gpt-5-4\n  returns: one of billing", "gpt-5-5\n  temperature: 0\n  returns: one of money, billing"
    )
    told = json.loads(flowlang("diff", "--against", "one", "--json").out)
    (flow,) = told["flows"]
    assert (told["before"], told["after"], told["looked_at"]) == ("one", "the working tree", 2)
    (step,) = flow["steps"]
    changes = {one["what"]: (one["before"], one["after"]) for one in step["changes"]}
    assert changes["model"] == ("gpt-5-4", "gpt-5-5") and changes["temperature"] == ("not set", "0")
    assert changes["returns"] == ("one of billing, bug, other", "one of money, billing, bug, other")
    assert changes["answer"] == ('{"answer": "bug"}', "[not recorded]")
    assert flow["before"]["tests"] == {"passed": 1, "failed": 0, "not-recorded": 0}
    assert flow["after"]["tests"] == {"passed": 0, "failed": 0, "not-recorded": 1}
    (flip,) = flow["tests"]
    assert (flip["name"], flip["before"], flip["after"]) == ("a fault", "passed", "not recorded")
    assert "is outdated" in flip["why"][0]


def test_steps_inputs_and_tests_that_come_and_go(history: History, flowlang) -> None:
    history.change("mail.flow", "input mail: text\n", "input mail: text\ninput polite: yes/no = yes\n")
    history.change(
        "mail.flow", "step reply", 'step mood\n  model: gpt-5-4\n  prompt: "{{ polite }} {{ mail }}"\n\nstep reply'
    )
    history.change("mail.flow", "output topic", "output topic\noutput mood")
    history.change("mail.flow", 'test "a fault"', 'test "white"')
    out = flowlang("diff", "--against", "one").out
    assert "\ninput polite: only in the later one\n" in out
    assert "\nsteps only in the working tree: mood\n" in out
    assert '  "a fault": only in one, passed\n' in out and '  "white": only in the working tree, passed\n' in out


def test_a_flow_of_one_side_and_one_with_mistakes(history: History, flowlang) -> None:
    history.write("new.flow", 'step a\n  model: gpt-5-4\n  prompt: "Hello."\noutput a\n')
    history.change("mail.flow", "topic is bug\n  model", "topik is bug\n  model")
    history.commit("two")
    out = flowlang("diff", "one..two").out
    assert (
        "mail.flow\n  it has 1 mistake in two, so it can't be compared:\n    mail.flow:15:8: error[unknown-name]" in out
    )
    assert "new.flow\n  it is only in two, not in one\n" in out
    assert "new.flow\n  it is only in two, not in one\n" in flowlang("diff", "two..one").out
    assert flowlang("diff", "one..two", "--flow", "new.flow").out.startswith("one and two: 1 of 1 flow file changed\n")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mail.answers", "answers 1\n\nanswer topic\n  text: ", "mail.answers:4:"),
        ("mail.answers", "answers 99\n", "mail.answers:1:"),
        ("flowlang.toml", "[project]\nmodle = 1\n", "flowlang.toml:2:"),
        ("mail.flow", "\0", "mail.flow:1:1: error[bad-file]"),
    ],
)
def test_what_else_may_be_wrong_in_one_of_them(name, text, told, history: History, flowlang) -> None:
    history.write(name, text)
    history.commit("two")
    for words in (("one..two",), ("two..one",)):
        code, out, _ = flowlang("diff", *words, "--flow", "mail.flow")
        assert code == 0 and "in two, so it can't be compared:\n" in out and told in out, out
        page = flowlang("diff", *words, "--format", "markdown").out
        assert told in page
    assert json.loads(flowlang("diff", "one..two", "--json").out)["flows"][0]["after"]["mistakes"]


def test_a_key_that_came_into_a_prompt_is_not_shown(history: History, flowlang, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    history.change("reply.md", "Answer", "sk-canary-0123456789 Answer")
    for form in ((), ("--json",), ("--format", "markdown")):
        out = flowlang("diff", "--against", "one", *form).out
        assert "step" in out and "canary" not in out


def test_the_comment_for_a_pull_request_holds_whatever_a_flow_says(history: History, flowlang) -> None:
    evil = "``````\n    # Merged! @everyone <img src=x> [x](http://evil.example)\n    ~~~"
    history.change("mail.flow", "What is this mail about?", f"{evil}\n    What | is it?")
    history.change("mail.flow", 'test "a fault"', 'test "a `|` fault <b>"')
    code, page, _ = flowlang("diff", "--against", "one", "--format", "markdown")
    assert code == 0 and page.startswith(
        "### flowlang diff\n\n`one` → `the working tree`: 1 of 2 flow files changed.\n"
    )
    fences = re.findall(r"^(`{3,})diff\n(.*?)^\1$", page, re.M | re.S)
    assert fences and all(len(fence) > 6 for fence, text in fences if "``````" in text)
    outside = re.sub(r"^(`{3,})diff\n.*?^\1$", "", page, flags=re.M | re.S)
    outside = re.sub(r"(`+) ?.*?[^`]\1(?!`)", "", outside)
    assert not re.search(r"<|@|evil|!\[|\]\(", outside), outside


def test_a_page_that_is_too_long_for_a_comment_is_cut(history: History, flowlang) -> None:
    for number in range(90):
        lines = "\n".join(f"    {number} {line} {'word ' * 20}" for line in range(8))
        history.write(f"many/f{number}.flow", f'step a\n  model: gpt-5-4\n  prompt: """\n{lines}\n  """\noutput a\n')
    history.commit("two")
    for one in (history.folder / "many").iterdir():
        one.write_text(one.read_text(encoding="utf-8").replace("word", "term"), encoding="utf-8")
    page = flowlang("diff", "--against", "two", "--format", "markdown").out
    assert len(page) < 65_536 and "More was left out" in page


def test_one_step_in_full(history: History, flowlang) -> None:
    history.change("reply.md", "Answer", "Reply to")
    history.change("mail.flow", "What is this", "What is that")
    out = flowlang("diff", "--against", "one", "--step", "reply").out
    assert "step reply" in out and "step topic" not in out
    wrong = flowlang("diff", "--against", "one", "--step", "replay")
    assert wrong.code == 2 and "did you mean `reply`?" in wrong.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("main..nowhere",), "git knows no revision `nowhere`"),
        (("main...nowhere",), "git knows no revision `nowhere`"),
        (("other...main",), "`other` and `main` have no commit in common here"),
        (("--against", "--upload-pack=x"), "needs a value"),
        (("--against=--upload-pack=x",), "git knows no revision `--upload-pack=x`"),
        (("--against", "one\nHEAD"), "git knows no revision"),
        (("main",), "flowlang diff --against main"),
        (("main..HEAD", "mail.flow"), "--flow mail.flow"),
        (("main", "--against", "one"), "one word too many beside `--against`"),
        (("main..HEAD", "--flow", "male.flow"), "did you mean `mail.flow`?"),
        (("main..HEAD", "--flow", "../x.flow"), "is not in this repository"),
        (("main..HEAD", "--json", "--format", "text"), "exclude each other"),
        (("1", "2", "--format", "markdown"), "has no meaning for runs"),
    ],
)
def test_what_cannot_be_compared_is_said(words, message: str, history: History, flowlang) -> None:
    git(history.folder, "checkout", "-q", "--orphan", "other")
    git(history.folder, "commit", "-q", "-m", "nothing in common")
    git(history.folder, "checkout", "-q", "main")
    code, out, err = flowlang("diff", *words)
    assert (code, out) == (2, "") and message in err, err


def test_without_git_or_a_repository(
    history: History, flowlang, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git is not installed" in flowlang("diff", "one..HEAD").err
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    done = flowlang("diff", "one..HEAD")
    assert done.code == 2 and "this folder is in no repository" in done.err


def test_three_dots_begin_where_the_branch_began(history: History, flowlang) -> None:
    git(history.folder, "checkout", "-q", "-b", "branch")
    history.change("reply.md", "Answer", "Reply to")
    history.commit("two")
    git(history.folder, "checkout", "-q", "main")
    history.change("mail.flow", "What is this", "What is that")
    history.commit("three")
    git(history.folder, "checkout", "-q", "branch")
    assert "step topic" in flowlang("diff", "main..branch").out
    out = flowlang("diff", "main...branch").out
    assert "step reply" in out and "step topic" not in out
    assert out.startswith(git(history.folder, "rev-parse", "one")[:16])
    # A merge moves the place where they have parted.
    git(history.folder, "merge", "-q", "-m", "merge", "main")
    history.change("mail.flow", "What is that", "What may that be")
    history.commit("four")
    out = flowlang("diff", "main...").out
    assert out.startswith(git(history.folder, "rev-parse", "three")[:16])
    assert "-What is that" in out and "step reply" in out


def test_what_git_has_lost_is_not_called_gone(history: History, flowlang) -> None:
    history.change("mail.flow", "What is this", "What is that")
    history.commit("two")
    lost = git(history.folder, "rev-parse", "one:mail.flow").strip()
    (history.folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    done = flowlang("diff", "one..two")
    assert "only in two" not in done.out
    assert "git does not have the content of `mail.flow` in one" in done.out
    lost = git(history.folder, "rev-parse", "one:shared").strip()
    (history.folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    done = flowlang("diff", "one..two")
    assert done.code == 2 and "it does not have the folder" in done.err


def test_a_copy_without_all_files_says_so(history: History, flowlang, monkeypatch, tmp_path: Path) -> None:
    git(history.folder, "config", "uploadpack.allowFilter", "true")
    history.change("mail.flow", "What is this", "What is that")
    history.commit("two")
    git(tmp_path, "clone", "-q", "--filter=blob:none", history.folder.as_uri(), "copy")
    monkeypatch.chdir(tmp_path / "copy")
    done = flowlang("diff", "one..two")
    assert done.code == 2 and "clone it without --filter" in done.err, done.err


def test_the_top_of_the_repository_may_be_named(history: History, flowlang) -> None:
    assert flowlang("diff", "--against", "one", "--flow", ".") == flowlang("diff", "--against", "one")


def test_names_that_git_would_not_make_lead_nowhere(history: History, flowlang, tmp_path: Path) -> None:
    secret = "secret of another folder"
    (tmp_path / "x.flow").write_text(f"# {secret}\n", encoding="utf-8")
    blob = git(history.folder, "hash-object", "-w", "mail.flow")
    data = b"".join(
        b"100644 %b\0%b" % (name, bytes.fromhex(blob)) for name in (b"a/../../x.flow", b"../x.flow", b"a.flow")
    )
    tree = subprocess.run(
        ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
        cwd=history.folder,
        input=data,
        capture_output=True,
        check=True,
    )
    commit = git(history.folder, "commit-tree", "-m", "x", tree.stdout.decode().strip())
    for words in ((f"{commit}..main",), ("--against", commit)):
        done = flowlang("diff", *words)
        assert done.code == 0 and "x.flow" not in done.out and secret not in done.out
        assert "a.flow\n" in done.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_repository_of_somebody_else_is_not_read(history: History, flowlang) -> None:
    for path in (history.folder, history.folder / ".git"):
        os.chown(path, 12_345, 12_345)
    done = flowlang("diff", "one..HEAD")
    assert done.code == 7 and "dubious ownership" in done.err


def test_a_folder_below_looks_at_its_own_flows(history: History, flowlang, monkeypatch: pytest.MonkeyPatch) -> None:
    history.write("deep/b.flow", 'step a\n  model: gpt-5-4\n  prompt: "Hello."\noutput a\n')
    history.commit("two")
    history.change("deep/b.flow", "Hello", "Good day")
    history.change("reply.md", "Answer", "Reply to")
    monkeypatch.chdir(history.folder / "deep")
    out = flowlang("diff", "--against", "two").out
    assert "\nb.flow\n" in out and "mail.flow" not in out
    assert "\n../mail.flow\n" in flowlang("diff", "--against", "two", "--flow", "../mail.flow").out


def test_nothing_is_run_checked_out_or_written(history: History, flowlang, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    trap = history.folder / "trap"
    trap.write_text(f"#!/bin/sh\necho x >> {ran}\n", encoding="utf-8")
    trap.chmod(0o755)
    (history.folder / "link.flow").symlink_to("/etc/passwd")
    history.write(".gitattributes", "* filter=x diff=x\n")
    history.commit("two")
    for key in (
        *(
            "core.fsmonitor",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "diff.external",
            "uploadpack.packObjectsHook",
        ),
        *(
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "diff.x.command",
            "diff.x.textconv",
            "core.hooksPath",
        ),
    ):
        git(history.folder, "config", key, str(trap))
    before = {path: path.lstat().st_mtime_ns for path in history.folder.rglob("*")}
    code, out, _ = flowlang("diff", "one..two")
    assert code == 0 and "root:" not in out
    assert flowlang("diff", "--against", "one").code == 0
    assert {path: path.lstat().st_mtime_ns for path in history.folder.rglob("*")} == before
    assert not ran.exists()


def test_a_link_in_a_revision_leads_nowhere(history: History, flowlang) -> None:
    (history.folder / "reply.md").unlink()
    (history.folder / "reply.md").symlink_to("/etc/passwd")
    history.commit("two")
    out = flowlang("diff", "one..two").out
    assert "it has 1 mistake in two" in out and "is a link in two" in out and "root:" not in out


def test_a_schema_that_changed_is_told_by_its_lines_once(history: History, flowlang) -> None:
    """Also of a schema in a schema, and of a tool: the names alone would say `Ticket` before and after."""
    schemas = "schema Ticket\n  kind: one of billing, bug\n  who: Who\nschema Who\n  name: text\n"
    tool = 'tool look\n  about: "Looks it up"\n  takes word: text\n  command: "cat {{ word }}"\n'
    step = 'step ticket\n  uses: look\n  returns: list of Ticket\n  prompt: "Tickets? {{ mail }}"\n'
    test = 'test "t"\n  with mail: "Twice!"\n  expect ticket is empty\n'
    history.write("ticket.flow", f"input mail: text\n{schemas}{tool}{step}{test}")
    history.commit("two")
    history.change("ticket.flow", "  name: text\n", '  name: text "In full"\n')
    history.change("ticket.flow", '"Looks it up"', '"Looks a word up"')
    history.commit("three")
    out = flowlang("diff", "two..three").out
    assert out.count("\n  returns\n") == 1 and "returns (" not in out
    assert '    -  name: text\n    +  name: text "In full"\n' in out
    assert "    -  Looks it up\n    +  Looks a word up\n" in out
    page = flowlang("diff", "two..three", "--format", "markdown").out
    assert "`returns`:\n\n```diff\n" in page and '\n+  name: text "In full"\n' in page


def test_what_a_shallow_copy_lacks_is_told_as_that(
    history: History, flowlang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write("notes.md", "x")
    history.commit("two")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{history.folder}", "short")
    monkeypatch.chdir(tmp_path / "short")
    for words in ("origin/other..HEAD", "--against origin/other"):
        code, _, err = flowlang("diff", *words.split())
        assert code == 2 and "no revision `origin/other`\n   = this copy has the newest commits alone: git fetch" in err
    monkeypatch.chdir(history.folder)
    assert "fetch-depth" not in flowlang("diff", "origin/other..HEAD").err


def test_a_test_that_fails_as_before_is_no_other_failure_because_an_answer_is_outdated(
    history: History, flowlang
) -> None:
    history.change("mail.flow", "expect topic is bug", "expect topic is bug\n  expect mail is empty")
    history.commit("two")
    history.change("shared/tone.flow", "briefly", "at length")
    history.commit("three")
    out = flowlang("diff", "two..three").out
    assert "[not recorded]" in out and "tests that come out differently" not in out


def test_a_test_that_fails_on_both_sides_tells_which_expectations_do_so_no_more(history: History, flowlang) -> None:
    history.change("mail.flow", "expect topic is bug", "expect topic is billing\n  expect reply is not empty")
    history.commit("two")
    history.record(flowlang, '{"answer": "billing"}')
    history.commit("three")
    out = flowlang("diff", "two..three").out
    told = out.partition("tests that come out differently\n")[2]
    assert '  "a fault": failed, for another reason\n' in told
    assert "    `reply is not empty` does not hold\n      `reply` is empty: its `when` did not hold\n" in told
    value = '`topic` is "bug" (step `topic`, recorded at mail.answers:3)'
    assert f"    not any more: `topic is billing` does not hold\n      {value}\n" in told
    page = flowlang("diff", "two..three", "--format", "markdown").out
    assert f"  - `` not any more: `topic is billing` does not hold ``: `` {value} ``\n" in page
    (flip,) = json.loads(flowlang("diff", "two..three", "--json").out)["flows"][0]["tests"]
    assert flip["ended"] == [{"message": "`topic is billing` does not hold", "values": [value]}]
    assert [one["message"] for one in flip["began"]] == flip["why"]


def test_the_prompt_of_a_step_that_the_test_answers_is_shown_as_it_would_be_sent(history: History, flowlang) -> None:
    """It is no call, costs nothing, and counts as no question."""
    history.write("reply.md", "Answer this mail kindly: {{ mail }}\n")
    history.change("mail.flow", '"Which version?"', '"Which version is it?"')
    history.commit("two")
    out = flowlang("diff", "one..two").out
    assert "\nstep reply\n  prompt\n" in out
    assert '  prompt as sent ("a fault")\n' in out and "    +Answer this mail kindly: The page stays white.\n" in out
    assert '  answer ("a fault"): Which version? → Which version is it?\n' in out
    assert "  calls of the tests  1\n" in out
    (flow,) = json.loads(flowlang("diff", "one..two", "--json").out)["flows"]
    assert flow["after"]["calls_of_the_tests"] == 1
    assert [(one["asked"], one["same"], one["only_before"]) for one in flow["steps"]] == [(0, 0, [])]
