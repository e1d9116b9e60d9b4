"""Tools, carried out for real: programs, Python functions, addresses of this computer."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.values import EMPTY, Secret, Value
from flowlang.models.chat import ChatRequest, ToolCall
from flowlang.project import read_below
from flowlang.run import tools
from flowlang.run.event import StepFailed, ToolCalled
from flowlang.run.permits import Allow
from flowlang.run.tools import Toolbox, ToolFailed
from tests.run.scripted import flow_of
from tests.run.scripted import run as run_flow

ALL = Allow(("127.0.0.1", "localhost", "weather.example"), ("printf", "cat", "sh", "sleep", "yes", "go.sh"), ("t.py",))
PYTHON = """
import dataclasses, datetime, decimal

@dataclasses.dataclass
class Row:
    name: str

def kinds(**given):
    print("this is for the error stream")
    return {name: type(value).__name__ for name, value in sorted(given.items())}

def text(): return "plain"
def exact(): return {"n": decimal.Decimal("2.50"), "d": datetime.date(2026, 3, 11), "many": {3, 1}}
async def waits(): return [1, 2]
def nothing(): return None
def wrong(): raise KeyError("no such city")
def row(): return Row("x")
def ends():
    import os
    os._exit(7)
def imports():
    import beside
    return "imported"
"""


def box(folder: Path, allow: Allow = ALL, **options: Any) -> Toolbox:
    return Toolbox(folder, folder, allow, lambda name: read_below(folder, name, 100_000), os.environ, **options)


def called(folder: Path, lines: str, takes: Mapping[str, Value] | None = None, secret: str = "", **options: Any) -> str:
    """What the tool `t` of these lines gives back."""
    first = "input key: secret text\n" if secret else ""
    text = f'{first}tool t\n{lines}\nstep s\n  uses: t\n  prompt: "x"\n'
    tool = flow_of(text, folder).steps["s"].tools[0]
    secrets = {"key": Secret(secret)} if secret else {}
    return asyncio.run(box(folder, **options).perform(tool, takes or {}, secrets))


def refused(folder: Path, lines: str, takes: Mapping[str, Value] | None = None, **options: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as failed:
        called(folder, lines, takes, **options)
    return failed.value


# ── Commands ──


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=40))
def test_a_value_is_one_word_of_a_command_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, said: str
) -> None:
    folder = tmp_path_factory.mktemp("t")
    lines = "  takes what: text\n  command: \"printf '<%s>' a'b c'{{ what }} -- {{ what }}\""
    words = tools.filled_words(
        flow_of(f'tool t\n{lines}\nstep s\n  uses: t\n  prompt: "x"\n', folder).steps["s"].tools[0],
        tools.Scope({"what": said}),
    )
    assert words == ["printf", "<%s>", f"ab c{said}", "--", said]


def test_a_command_runs_in_the_folder_of_the_flow(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("from the folder\n")
    assert called(tmp_path, '  command: "cat notes.txt"') == "from the folder"


def test_a_value_is_no_option(tmp_path: Path) -> None:
    lines = '  takes what: text\n  takes n: number\n  command: "printf %s{{ n }} '
    for said in ("-v", "--version", "-"):
        failed = refused(tmp_path, lines + '{{ what }}"', {"what": said, "n": tools.Decimal(1)})
        assert "would take it for an option" in failed.message and failed.told
    assert called(tmp_path, '  takes what: text\n  command: "printf -- {{ what }}"', {"what": "-v"}) == "-v"
    assert called(tmp_path, '  takes what: text\n  command: "printf %s --x={{ what }}"', {"what": "-v"}) == "--x=-v"


def test_a_word_for_nothing_is_left_out(tmp_path: Path) -> None:
    lines = '  takes what: optional text\n  command: "printf <%s> {{ what }} end x{{ what }}"'
    assert called(tmp_path, lines, {"what": EMPTY}) == "<end><x>"
    assert called(tmp_path, lines, {"what": ""}) == "<><end><x>"


def test_what_goes_wrong_with_a_command_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path, """  command: "sh -c 'echo no luck >&2; exit 3'" """).message == (
        "tool `t` failed: it ended with status 3, and said: no luck"
    )
    assert "more than 1 MB" in refused(tmp_path, '  command: "yes"').message
    assert "no UTF-8" in refused(tmp_path, """  command: "printf '\\\\377'" """).message


def test_a_program_of_the_project_stands_below_its_folder_and_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "go.sh").write_text("#!/bin/sh\necho went $1\n")
    (tmp_path / "go.sh").chmod(0o755)
    lines = '  takes what: text\n  command: "./go.sh {{ what }}"'
    assert called(tmp_path, lines, {"what": "far"}) == "went far"
    (tmp_path / "go.sh").rename(tmp_path / "gone.sh")
    (tmp_path / "go.sh").symlink_to("/bin/sh")
    failed = refused(tmp_path, lines, {"what": "far"})
    assert failed.rule == "not-allowed" and not failed.told


def test_nothing_runs_that_is_not_on_the_list(tmp_path: Path) -> None:
    for lines, hint in (
        ('  command: "touch pwned"', 'commands = ["printf", "cat", "sh", "sleep", "yes", "go.sh", "touch"]'),
        ('  python: "other.py" f', 'python = ["t.py", "other.py"]'),
        ('  get: "https://b.example/"', '"weather.example", "b.example"]'),
        ('  post: "https://b.example:8443/"', '"b.example:8443"]'),
    ):
        failed = refused(tmp_path, lines)
        assert failed.rule == "not-allowed" and hint in failed.hints[0] and not failed.told
    assert not (tmp_path / "pwned").exists()


# ── Python ──


def python(folder: Path, function: str, takes: str = "", given: Mapping[str, Value] | None = None) -> str:
    (folder / "t.py").write_text(PYTHON)
    return called(folder, f'{takes}  python: "t.py" {function}', given)


def test_a_function_gets_what_the_tool_takes_as_data_of_python(tmp_path: Path) -> None:
    takes = "".join(
        f"  takes {name}: {of}\n"
        for name, of in (
            ("a", "text"),
            ("b", "whole number"),
            ("c", "number"),
            ("d", "yes/no"),
            ("e", "list of text"),
            ("f", "optional text"),
            ("g", "date"),
        )
    )
    values = {"a": "x", "b": tools.Decimal(3), "c": tools.Decimal("2.5"), "d": True, "e": ("x",), "f": EMPTY}
    from datetime import date

    told = json.loads(python(tmp_path, "kinds", takes, {**values, "g": date(2026, 3, 11)}))
    assert told == {"a": "str", "b": "int", "c": "float", "d": "bool", "e": "list", "f": "NoneType", "g": "str"}


def test_what_a_function_may_give_back(tmp_path: Path) -> None:
    assert python(tmp_path, "text") == "plain"
    assert json.loads(python(tmp_path, "exact")) == {"n": 2.5, "d": "2026-03-11", "many": [1, 3]}
    assert json.loads(python(tmp_path, "waits")) == [1, 2]


def test_a_function_that_gives_back_nothing_leaves_its_step_empty(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text(PYTHON)
    flow = """
tool t
  about: "Gives back nothing"
  python: "t.py" nothing
step one
  call: t
step two
  uses: t
  prompt: "x"
output first: one | default "none"
output two
"""
    found = run_flow(flow_of(flow, tmp_path), asking("{}"), perform_tool=box(tmp_path).perform)
    assert found.value("first") == "none"
    assert found.value("two") == "nothing"


def test_what_goes_wrong_with_a_function_is_told(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("open('pwned', 'w')")
    for function, told in (
        ("wrong", "KeyError: 'no such city' (line"),
        ("row", "it gave back a `Row`"),
        ("ends", "it ended with status 7"),
        ("imports", "No module named 'beside'"),
    ):
        with pytest.raises(ToolFailed) as failed:
            python(tmp_path, function)
        assert told in failed.value.message
        assert ("only installed packages" in str(failed.value.hints)) is (function == "imports")
    assert not (tmp_path / "pwned").exists()


def test_a_file_that_cannot_be_loaded_is_nothing_a_model_could_mend(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("import no_such_module\ndef f(): pass\n")
    failed = refused(tmp_path, '  python: "t.py" f')
    assert "no_such_module" in failed.message and not failed.told


# ── Addresses ──


class _Server(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status = 500 if "broken" in self.path else 200
        self.send_response(status)
        said = b"it broke" if status == 500 else '{"city": "Köln"}'.encode()
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Server.seen.clear()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_value_in_an_address_is_percent_encoded(tmp_path: Path, server: str) -> None:
    lines = f'  takes city: text\n  get: "{server}/v1/{{{{ city }}}}/now?q={{{{ city }}}}"'
    said = "a/b?c=d&e#f @x\nKöln%2e.."
    assert called(tmp_path, lines, {"city": said}) == '{"city": "Köln"}'
    quoted = "a%2Fb%3Fc%3Dd%26e%23f%20%40x%0AK%C3%B6ln%252e.."
    assert _Server.seen[0][1] == f"/v1/{quoted}/now?q={quoted}"


def test_a_value_leads_to_no_other_path(tmp_path: Path, server: str) -> None:
    lines = f'  takes city: text\n  get: "{server}/v1/{{{{ city }}}}/now"'
    for said in (".", "..", ""):
        assert "another path" in refused(tmp_path, lines, {"city": said}).message
    assert _Server.seen == []


def test_a_value_in_a_body_is_json(tmp_path: Path, server: str) -> None:
    body = '"{\\"city\\": {{ city }}, \\"n\\": {{ n }}, \\"gap\\": {{ gap }}}"'
    lines = f'  takes city: text\n  takes n: number\n  takes gap: optional text\n  post: "{server}/"\n  body: {body}'
    called(tmp_path, lines, {"city": 'x", "admin": "yes', "n": tools.Decimal("1.50"), "gap": EMPTY})
    method, _, headers, sent = _Server.seen[0]
    assert json.loads(sent) == {"city": 'x", "admin": "yes', "n": 1.5, "gap": None}
    assert (method, headers["content-type"]) == ("POST", "application/json")


def test_a_secret_stands_in_a_header(tmp_path: Path, server: str) -> None:
    lines = f'  header X-Key: "Bearer {{{{ key }}}}"\n  get: "{server}/"'
    called(tmp_path, lines, secret="canary-123456")
    assert _Server.seen[0][2]["x-key"] == "Bearer canary-123456"
    assert "line" in refused(tmp_path, lines, secret="a\r\nX-Evil: yes").message.lower()
    assert len(_Server.seen) == 1


def test_an_answer_that_says_no_is_told_to_the_model(tmp_path: Path, server: str) -> None:
    failed = refused(tmp_path, f'  get: "{server}/broken"')
    assert failed.told and "500" in failed.message and "it broke" in failed.message


def test_offline_only_this_computer_is_asked_and_the_rest_is_made_up(tmp_path: Path, server: str) -> None:
    lines = '  about: "The weather"\n  takes city: text\n  get: "https://weather.example/"\n  returns: list of 2 text'
    assert len(json.loads(called(tmp_path, lines, {"city": "Oslo"}, offline=True))["answer"]) == 2
    assert called(tmp_path, f'  get: "{server}/"', offline=True) == '{"city": "Köln"}'


# ── In a run ──

FLOW = """
tool t
  takes word: text
  command: "sh -c 'echo found $1' -- {{ word }}"
  returns: text

step one
  call: t
  with word: "gold"

step two
  uses: t
  timeout: 1s
  prompt: "Look for {{ one }}."
"""


def asking(*arguments: str) -> Any:
    """A model that calls the tool with each of these, all at once, and then says what it was told."""

    def model(request: ChatRequest) -> str | tuple[ToolCall, ...]:
        if request.messages[-1].role != "tool":
            return tuple(ToolCall(str(place), "t", one) for place, one in enumerate(arguments))
        return " | ".join(message.text for message in request.messages if message.role == "tool")

    return model


def test_a_run_calls_tools_and_tells_of_it(tmp_path: Path) -> None:
    model = asking('{"word": "a"}', '{"word": "b"}', '{"word": 5}', "{}")
    found = run_flow(flow_of(FLOW, tmp_path), model, perform_tool=box(tmp_path).perform)
    assert found.value("one") == "found gold"
    assert found.value("two").split(" | ")[:2] == ["found a", "found b"]
    assert [(one.step, one.tool, one.status) for one in found.of(ToolCalled)][:3] == [
        ("one", "t", "ok"),
        ("two", "t", "ok"),
        ("two", "t", "ok"),
    ]


def test_a_tool_that_hangs_is_stopped_and_the_model_is_told(tmp_path: Path) -> None:
    flow = flow_of(
        FLOW.replace("echo found $1", "sleep 600")
        .replace("1s", "0.2s")
        .replace('call: t\n  with word: "gold"', 'prompt: "x"'),
        tmp_path,
    )
    found = run_flow(flow, asking('{"word": "a"}'), perform_tool=box(tmp_path).perform)
    assert found.value("two") == "tool `t` failed: it was not done after 0.2 seconds"


def test_a_step_that_calls_a_tool_tries_again_only_if_it_says_so(tmp_path: Path) -> None:
    flow = """
tool t
  command: "sh -c 'echo x >> count; test $(wc -l < count) -ge 3'"
step one
  call: t
"""
    found = run_flow(flow_of(flow, tmp_path), asking(), perform_tool=box(tmp_path).perform)
    assert found.of(StepFailed)[0].rule == "tool-failed"
    assert (tmp_path / "count").read_text() == "x\n"
    found = run_flow(flow_of(flow + "  tries: 3\n", tmp_path), asking(), perform_tool=box(tmp_path).perform)
    assert found.of(StepFailed) == [] and (tmp_path / "count").read_text() == "x\n" * 3


def test_a_result_that_does_not_fit_says_so_at_the_tool_that_gave_it(tmp_path: Path) -> None:
    flow = 'tool t\n  command: "printf nonsense"\n  returns: whole number\nstep one\n  call: t\n'
    found = run_flow(flow_of(flow, tmp_path), asking(), perform_tool=box(tmp_path).perform)
    failed = found.of(StepFailed)[0]
    assert "does not fit its `returns:`" in failed.message
    assert failed.hints == ("it must be a whole number", "it gave back: nonsense")
    assert failed.place.source.position(failed.place.span.start) == (5, 9)


def test_a_step_whose_tool_hangs_says_what_sets_the_time(tmp_path: Path) -> None:
    flow = flow_of('tool t\n  command: "sleep 600"\nstep one\n  call: t\n  timeout: 0.2s\n', tmp_path)
    failed = run_flow(flow, asking(), perform_tool=box(tmp_path).perform).of(StepFailed)[0]
    assert failed.hints == ("`timeout:` of the step sets how long it may take",)


def test_a_complaint_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    failed = refused(tmp_path, "  command: \"sh -c 'head -c 200 /dev/zero >&2; exit 3'\"")
    assert failed.message == "tool `t` failed: it ended with status 3, and said: something that is no text"
