"""No key and no secret input stands anywhere that a command shows or writes."""

import base64
import json
import random
import string
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

CANARY = "s3cret/of+the=project-42"  # a header holds no quotes and no blanks


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
    return "\n".join(
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*")) if path.is_file()
    )


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
    ("value", "told"), [("abc", "has fewer than 4 characters"), ("x" * 10_001, "has more than 10,000 characters")]
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


ECHO = """\
input key: secret text

tool echo
  about: "Says what it was sent"
  header Authorization: "Bearer {{ key }}"
  get: "http://127.0.0.1:PORT/echo"

tool broken
  about: "Fails, and says what it was sent"
  header Authorization: "Bearer {{ key }}"
  get: "http://127.0.0.1:PORT/broken"

step called
  call: echo

step again
  uses: echo, broken
  prompt: "Repeat this: {{ called }}"

step failing
  call: broken

output called to "called.md"
output again
output failing
"""


class _Echo(BaseHTTPRequestHandler):
    """Sends back what it was sent, in every spelling."""

    def do_GET(self) -> None:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        said = " ".join(spelled(token)).encode()
        self.send_response(200 if self.path == "/echo" else 500)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


def test_what_a_tool_sends_back_is_seen_by_nobody(flow: Path, flowlang: Type) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        port = server.server_address[1]
        (flow / "flowlang.toml").write_text(f'[allow]\nhosts = ["127.0.0.1:{port}"]\n', encoding="utf-8")
        (flow / "echo.flow").write_text(ECHO.replace("PORT", str(port)), encoding="utf-8")
        given = ("--key", CANARY, "--offline", "--trust", "--events", "events.jsonl")
        typed = flowlang("run", "echo.flow", *given)
    finally:
        server.shutdown()
        server.server_close()
    assert typed.code == 1
    assert "[secret key]" in json.loads(typed.out)["called"]
    for sink in (typed.out, typed.err, shown_below(flow)):
        assert not [spelling for spelling in spelled(CANARY) if spelling in sink]
        assert CANARY[:12] not in sink
