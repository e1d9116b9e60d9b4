"""No key and no secret input stands anywhere that a command shows or writes."""

import base64
import json
import random
import string
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowlang.workbench import run
from flowlang.workbench.cli import main
from tests.workbench.conftest import Type

FLOW = """\
input key: secret text
input mail: text
input again: text = "none"

let copies = [mail, mail]

step reply
  prompt: "{{ mail }}"

step all
  repeat for each copy in copies
  failures: skip
  prompt: "{{ copy }}"

step broken
  model: nobody
  returns: list of whole number
  ensure: mail is empty
  prompt: "{{ mail }}"

output reply to "reply.md"
output mail to "mail.json"
output again to "again.txt"
output copies to "copies/"
output table: copies to "copies.csv"
output all
output broken
"""

_DRAW = random.Random(7)
CANARIES = ["".join(_DRAW.choices(string.ascii_letters + string.digits + "/+%\"'\\&<>", k=24)) for _ in range(50)]


def spelled(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield from (secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe=""), data.hex(), data.hex().upper())
    yield from (base64.b64encode(b"x" * before + data).decode() for before in range(3))


@pytest.fixture
def flow(folder: Path) -> Path:
    (folder / "leak.flow").write_text(FLOW, encoding="utf-8")
    return folder


def shown_below(folder: Path) -> str:
    """All that any file below a folder holds."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("number", range(0, 50, 5))
def test_a_run_shows_and_writes_no_secret(
    number: int, flow: Path, flowlang: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    key, provider, *others = CANARIES[number : number + 5]
    monkeypatch.setenv("OPENAI_API_KEY", provider)
    monkeypatch.setenv("TEAM_KEY", others[0])
    settings = '[providers.team]\nbase_url = "https://llm.example/v1"\nkey_env = "TEAM_KEY"\n'
    (flow / "flowlang.toml").write_text(settings, encoding="utf-8")
    mail = " and ".join(spelling for one in (key, provider, others[0]) for spelling in spelled(one))
    given = ("--key", key, "--mail", mail, "--again", mail)
    ran = flowlang("run", "leak.flow", "--offline", *given, "--events", "events.jsonl", "--out", "out")
    flowlang("run", "leak.flow", "--offline", *given, "--json", "-o", "result.json")
    plan = flowlang("plan", "leak.flow", "--full", *given)
    preview = flowlang("preview", "leak.flow", "reply", *given)
    body = flowlang("preview", "leak.flow", "reply", "--json", *given)
    assert "[secret key]" in preview.out and "[secret TEAM_KEY]" in body.out and "[secret OPENAI_API_KEY]" in plan.out
    (flow / "leak.flow").unlink()
    sinks = [one for typed in (ran, plan, preview, body) for one in (typed.out, typed.err)]
    sinks += [shown_below(flow), (tmp_path / "summary.md").read_text(encoding="utf-8")]
    for sink in sinks:
        for secret in (key, provider, others[0]):
            assert not [spelling for spelling in spelled(secret) if spelling in sink]
    assert json.loads((flow / "result.json").read_text(encoding="utf-8"))["mail"].startswith("[secret key]")
    lines = (flow / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert {"delta", "step_failed", "run_finished"} <= {json.loads(line)["event"] for line in lines}


@pytest.mark.parametrize(
    ("value", "told"), [("short", "has fewer than 8 characters"), ("x" * 10_001, "has more than 10,000 characters")]
)
@pytest.mark.parametrize("command", [["run", "--offline"], ["preview", "reply"], ["plan", "--full"]], ids=" ".join)
def test_a_secret_that_cannot_be_hidden_is_refused(
    value: str, told: str, command: list[str], flow: Path, flowlang: Type
) -> None:
    typed = flowlang(command[0], "leak.flow", *command[1:], "--mail", "a mail", "--key", value)
    assert typed.code == 2
    assert told in typed.err and "`text`" in typed.err
    assert value not in typed.out + typed.err


def test_a_crash_file_has_no_secret(
    flow: Path, flowlang: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("it was " + " ".join(spelled(CANARIES[0])))

    monkeypatch.setattr(run, "run_plan", fail)
    (flow / "key.txt").write_text(CANARIES[0], encoding="utf-8")
    assert main(["run", "leak.flow", "--offline", "--mail", "a mail", "--key", "@key.txt"]) == 70
    report = shown_below(tmp_path / "home")
    assert "[secret key]" in report
    assert not [spelling for spelling in spelled(CANARIES[0]) if spelling in report]
