"""`retry`: what failed is done again with the same inputs, and nothing that was answered or done is done twice."""

import json
import shlex
from pathlib import Path

import pytest

from tests.gateway import Gateway, numbered
from tests.workbench.kept import CLAIMS, project, says

TOOLS = """\
from pathlib import Path

def note(text):
    with Path("noted.txt").open("a") as file:
        file.write(text + "\\n")
    return "noted " + text
"""
WITH_TOOL = """\
input mail: text

tool note
  about: "Notes a text"
  takes text: text
  python: "tools.py" note

step noted
  call: note
  with text: mail

step answer
  model: gpt-5-4
  tries: 1
  prompt: "Answer: {{ noted }}"

output answer
"""


def asked(gateway: Gateway) -> int:
    return sum(seen.answered for seen in gateway.log)


def test_only_what_failed_is_asked_again(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "mail.txt").write_text("The mail.", encoding="utf-8")
    gateway = Gateway(says, faults=numbered({3: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch)
        failed = flowlang("run", "claims.flow", "--mail", "@mail.txt", "--trust")
        assert failed.code == 1
        assert failed.err.splitlines()[-1].startswith("run 1: what it asked and was answered: flowlang show 1 verdict")
        assert failed.err.splitlines()[-1].endswith("again: flowlang retry 1 --trust")
        (folder / "mail.txt").unlink()  # the inputs come out of the store
        before = len(gateway.log)
        again = flowlang("retry", "--trust")
        assert (again.code, again.out) == (0, "All is well.\n")
        assert len(gateway.log) - before == 2
        # What was repeated with success is settled.
        code, _, err = flowlang("retry", "--trust")
        assert code == 0 and "every run here ended well, or was repeated since" in err
    assert "again: run 1 of claims.flow" in again.err
    assert "2 calls and 2 from before" in again.err
    told = json.loads(flowlang("runs", "--json").out)
    assert [(one["run"], one["outcome"], one["repeats"]) for one in told] == [(2, "done", [1]), (1, "failed", [])]


def test_the_command_that_goes_on_works_as_it_stands(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "tools.py").write_text(TOOLS, encoding="utf-8")
    gateway = Gateway(lambda request: "Good.", faults=numbered({1: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch, WITH_TOOL)
        failed = flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--allow", "python=tools.py")
        command = failed.err.splitlines()[-1].partition("again: flowlang ")[2]
        assert (failed.code, command) == (1, "retry 1 --allow python=tools.py --trust")
        untrusted = flowlang("retry", "1", "--allow", "python=tools.py")
        assert untrusted.code == 7 and "for one run: the same command, with --trust behind it" in untrusted.err
        assert flowlang(*shlex.split(command)).out == "Good.\n"


def test_what_the_same_command_has_done_since_is_not_repeated(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    gateway = Gateway(says, faults=numbered({1: "400-parameter", 3: "400-parameter", 4: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch)
        command = ("run", "claims.flow", "--trust", "--at-once", "1")
        assert flowlang(*command, "--mail", "One").code == 1
        assert flowlang(*command, "--mail", "Two", "--only", "claims").code == 0
        assert flowlang(*command, "--mail", "Two").code == 1  # another command: it needs more
        assert flowlang(*command, "--mail", "Two").code == 1
        assert flowlang(*command, "--mail", "Two").code == 0
        assert "again: run 1 of " in flowlang("retry", "--trust").err


def test_a_run_that_ended_well_is_not_repeated(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says) as url:
        project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 0
        code, out, err = flowlang("retry", "1")
        assert (code, out) == (0, "") and "run 1 ended well" in err
        code, _, err = flowlang("retry")
        assert code == 0 and "nothing to retry" in err


def test_a_chain_of_retries_uses_all_that_came(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    flow = CLAIMS.replace("  tries: 1\n", "  tries: 1\n  cache: no\n")
    gateway = Gateway(says, faults=numbered({3: "400-parameter", 4: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch, flow)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--at-once", "1").code == 1
        assert flowlang("retry", "--trust").code == 1
        assert flowlang("retry", "--trust").out == "All is well.\n"
        assert asked(gateway) == 4  # claims, two verdicts, the summary: once each, though `cache: no`
    assert json.loads(flowlang("show", "last", "--json").out)["repeats"] == [2, 1]


def test_a_fresh_run_stays_fresh(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    gateway = Gateway(says, faults=numbered({6: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--at-once", "1").code == 0
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--fresh", "--at-once", "1").code == 1
        before = asked(gateway)
        assert flowlang("retry", "--trust").code == 0
        # The answers of the first run are not what was wanted; the one fresh answer is.
        assert asked(gateway) - before == 3


def test_what_a_tool_has_done_is_not_done_twice(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "tools.py").write_text(TOOLS, encoding="utf-8")
    gateway = Gateway(lambda request: "Good.", faults=numbered({1: "400-parameter", 2: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch, WITH_TOOL, '[allow]\npython = ["tools.py"]')
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        assert flowlang("retry", "--trust").code == 1
        assert flowlang("retry", "--trust").out == "Good.\n"
        assert (folder / "noted.txt").read_text(encoding="utf-8") == "Hm\n"
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 0
    # A run that is none again does what the flow says.
    assert (folder / "noted.txt").read_text(encoding="utf-8") == "Hm\nHm\n"


def test_a_secret_is_given_again(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    flow = CLAIMS.replace("input mail: text\n", "input mail: text\ninput token: secret text\n").replace(
        "step claims",
        'tool look\n  about: "Looks"\n  takes word: text\n  get: "http://127.0.0.1:9/{{ word }}"\n'
        '  header Authorization: "{{ token }}"\n\nstep claims\n  uses: look',
    )
    gateway = Gateway(says, faults=numbered({3: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch, flow, '[allow]\nhosts = ["127.0.0.1:9"]')
        first = flowlang("run", "claims.flow", "--mail", "Hm", "--token", "abcd-1234-efgh", "--trust")
        assert first.code == 1
        code, _, err = flowlang("retry", "--trust")
        assert code == 2 and "`token` is a secret, and secrets are not kept" in err
        assert "give it again: flowlang retry 1 --token" in err
        assert flowlang("retry", "--trust", "--token", "abcd-1234-efgh", "1").code == 0
    assert b"abcd-1234-efgh" not in b"".join(p.read_bytes() for p in (folder / ".flowlang").rglob("*") if p.is_file())


def test_only_a_step_is_repeated_as_only_that_step(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    gateway = Gateway(says, faults=numbered({2: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--only", "verdict").code == 1
        assert list(json.loads(flowlang("retry", "--trust").out)) == ["verdict"]
        assert asked(gateway) == 3


def test_the_flow_is_taken_as_it_is_now(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    gateway = Gateway(says, faults=numbered({4: "400-parameter"}))
    with gateway as url:
        flow = project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        flow.write_text(CLAIMS.replace("Sum up:", "Sum it up:"), encoding="utf-8")
        code, _, err = flowlang("retry", "--trust")
        assert code == 0 and "the flow has changed since run 1" in err
        assert "Sum it up" in flowlang("show", "2", "summary").out


def test_a_new_input_asks_for_a_run_of_its_own(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says, faults=numbered({4: "400-parameter"})) as url:
        flow = project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        flow.write_text(
            CLAIMS.replace("input mail: text\n", "input mail: text\ninput day: date\n").replace(
                "Sum up:", "{{ day }} Sum up:"
            ),
            encoding="utf-8",
        )
        code, _, err = flowlang("retry", "--trust")
    assert code == 2 and "the flow has a new input since run 1: `day`" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("99",), "there is no run `99`"),
        (("claims.flow",), "`claims.flow` is no run"),
        (("1", "--mail", "x"), "`--mail` is not an input or an option of `flowlang retry`"),
    ],
)
def test_what_cannot_be_repeated_is_said(words, message: str, flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says, faults=numbered({1: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        code, _, err = flowlang("retry", *words)
    assert code == 2 and message in err


def test_without_a_store_there_is_nothing_to_repeat(flowlang, folder: Path):
    code, _, err = flowlang("retry")
    assert code == 2 and "there is no run yet" in err


def test_the_flow_that_is_gone_is_named(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says, faults=numbered({1: "400-parameter"})) as url:
        flow = project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "Hm", "--trust").code == 1
        flow.unlink()
        code, _, err = flowlang("retry")
    assert code == 2 and "`claims.flow` is gone" in err


def test_an_offline_run_is_repeated_offline(flowlang, folder: Path):
    (folder / "flowlang.toml").write_text("[offline]\nfailure_rate = 1.0\n", encoding="utf-8")
    assert flowlang("run", "triage.flow", "--mail", "Hm", "--offline").code == 4
    (folder / "flowlang.toml").write_text("", encoding="utf-8")
    code, _, err = flowlang("retry")
    assert code == 0 and "it was offline, and so is this" in err


def test_rows_are_run_again_if_they_are_what_they_were(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "mails.csv").write_text("mail\nOne\nTwo\n", encoding="utf-8")
    gateway = Gateway(says, faults=numbered({2: "400-parameter"}))
    with gateway as url:
        project(folder, url, monkeypatch)
        first = flowlang("run", "claims.flow", "--each", "mails.csv", "--polite=no", "--trust", "--at-once", "1")
        assert first.code == 1 and "again: flowlang retry 1" in first.err
        before = asked(gateway)
        (folder / "mails.csv").write_text("mail\nOne\nThree\n", encoding="utf-8")
        code, _, err = flowlang("retry", "--trust")
        assert code == 2 and "`mails.csv` is not what it was in run 1" in err
        (folder / "mails.csv").write_text("mail\nOne\nTwo\n", encoding="utf-8")
        code, out, _ = flowlang("retry", "--trust")
        assert code == 0 and [json.loads(line) for line in out.splitlines()] == [{"summary": "All is well."}] * 2
        assert asked(gateway) - before <= 3
        told = json.loads(flowlang("show", "2", "--json").out)
        assert told["each"] == "mails.csv" and told["inputs"] == {"polite": False}
        (folder / "mails.csv").unlink()
        code, _, err = flowlang("retry", "1", "--trust")
        assert code == 2 and "the rows of run 1 are gone" in err
