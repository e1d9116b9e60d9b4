"""The flows of the language reference, run over HTTP against the stand-in gateway: its log is the judge."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowlang.workbench.cli import main
from tests.gateway import Answer, Gateway, Latency
from tests.gateway.log import Seen, most_open

ROOT = Path(__file__).resolve().parents[1]
FILING = ROOT / "flows/filing_brief/filing.md"
KEY = "sk-canary-1234567890"
WAV = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\4\0\0\0\0\0\0\0"


@dataclass(frozen=True)
class Typed:
    """What a command did, and what it wrote to its file of events."""

    code: int
    out: str
    err: str
    events: list[dict[str, Any]]

    def ended(self, event: str) -> set[str]:
        return {one["step"] for one in self.events if one["event"] == event}


Type = Callable[..., Typed]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Type]:
    """Types `flowlang COMMAND NAME …` in a folder that holds copies of all these flows."""
    for name in ("BYTESPIKE_API_KEY", "CI", "FORCE_COLOR", "GITHUB_ACTIONS", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    place = tmp_path / "project"
    place.mkdir()
    shutil.copy(ROOT / "tests/golden/acceptance/hard_text.flow", place)
    for name in ("filing_brief", "triage", "polish", "vote", "translate", "receipts"):
        for file in (ROOT / "flows" / name).iterdir():
            shutil.copy(file, place)
    monkeypatch.chdir(place)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def type_in(command: str, name: str, *words: str | os.PathLike[str]) -> Typed:
        capfd.readouterr()
        told = ("--events", "events.jsonl") if command == "run" else ()
        code = main([command, f"{name}.flow", *(os.fspath(word) for word in words), *told])
        out, err = capfd.readouterr()
        assert KEY not in out + err
        lines = Path("events.jsonl").read_text(encoding="utf-8").splitlines() if told else ()
        return Typed(code, out, err, [json.loads(line) for line in lines])

    yield type_in
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def ask(typed: Type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Typed, list[Seen]]]:
    """Runs a flow by a gateway that answers by a script; gives what was typed back, and the gateway's log."""

    def run(script: Callable[[dict[str, Any]], Answer | str], *words: Any, **gateway: Any) -> tuple[Typed, list[Seen]]:
        standing = Gateway(script, key=KEY, **gateway)
        with standing as url:
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            told = typed("run", *words)
        return told, standing.log

    return run


Ask = Callable[..., tuple[Typed, list[Seen]]]


def last(request: dict[str, Any]) -> str:
    """The text of a request's last message."""
    content = request["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def answer(value: Any) -> str:
    return json.dumps({"answer": value})


# filing_brief


def brief_script(claims: int) -> Callable[[dict[str, Any]], str]:
    def script(request: dict[str, Any]) -> str:
        asked = last(request)
        if "most important claims" in asked:
            return answer([{"statement": f"Claim {n}.", "page": n, "kind": "figure"} for n in range(claims)])
        if "support this claim?" in asked:
            number = int(re.findall(r"Claim (\d+)\.", asked)[-1])
            return json.dumps({"supported": number % 2 == 0, "reason": f"Reason {number}."})
        return "The brief."

    return script


def test_a_filing_is_read_once_and_each_claim_is_judged_once(ask: Ask) -> None:
    latency = Latency(0.15)
    told, log = ask(brief_script(12), "filing_brief", "--filing", f"@{FILING}", "--json", latency=latency)
    assert told.code == 0, told.err
    first, verdicts, brief = log[0], log[1:-1], log[-1]
    assert (len(log), len(verdicts)) == (14, 12)
    judged = sorted(int(re.findall(r"Claim (\d+)\.", last(seen.request))[-1]) for seen in verdicts)
    assert judged == list(range(12))
    assert most_open(verdicts) == 8
    assert Path("out/brief.md").read_text(encoding="utf-8") == "The brief.\n"
    text = FILING.read_text(encoding="utf-8").rstrip("\n")
    beginning = json.dumps(text, ensure_ascii=False)[:-1].encode()
    starts = {seen.body.index(beginning) - seen.body.index(b'"messages"') for seen in (first, *verdicts)}
    assert starts == {len(b'"messages":[{"role":"user","content":')}
    lines = [f"- Claim {n}. (figure): {f'in doubt, Reason {n}.' if n % 2 else 'holds'}" for n in range(12)]
    assert "\n".join(lines) in last(brief.request)
    assert [one["reason"] for one in json.loads(told.out)["doubtful"]] == [f"Reason {n}." for n in range(1, 12, 2)]


# triage


@pytest.mark.parametrize("topic", ["billing", "bug", "other"])
def test_exactly_one_branch_runs_behind_the_worked_examples(topic: str, ask: Ask) -> None:
    def script(request: dict[str, Any]) -> str:
        return answer(topic) if "response_format" in request else "A reply."

    told, log = ask(script, "triage", "--mail", "Hello.", "--json")
    assert told.code == 0, told.err
    assert len(log) == 2
    roles = [message["role"] for message in log[0].request["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    assert last(log[0].request) == "Hello."
    replies = {"billing_reply", "bug_reply", "other_reply"}
    assert told.ended("step_finished") == {"topic", f"{topic}_reply"}
    assert told.ended("step_skipped") == replies - {f"{topic}_reply"}
    assert json.loads(told.out) == {"topic": topic, "reply": "A reply."}


# polish


@pytest.mark.parametrize(("scores", "rounds"), [((9,), 1), ((5, 8), 2), ((2, 3, 4), 3)])
def test_a_notice_is_improved_until_it_is_good_but_three_times_at_most(
    scores: tuple[int, ...], rounds: int, ask: Ask
) -> None:
    reviewed: list[str] = []

    def script(request: dict[str, Any]) -> str:
        asked = last(request)
        if "Score this notice" in asked:
            reviewed.append(asked.rpartition("\n\n")[2])
            return json.dumps({"score": scores[len(reviewed) - 1], "fix": f"Fix {len(reviewed)}."})
        return f"Draft {len(reviewed)}."

    told, log = ask(script, "polish", "--facts", "Water is off.", "--json")
    assert told.code == 0, told.err
    assert len(log) == 1 + 2 * rounds
    assert reviewed == [f"Draft {n}." for n in range(rounds)]
    for review, better in zip(log[1::2], log[2::2], strict=True):
        before, (said, asked) = better.request["messages"][:-2], better.request["messages"][-2:]
        assert before == review.request["messages"]
        assert said["role"] == "assistant" and json.loads(said["content"])["fix"] in asked["content"]
    assert json.loads(told.out) == {"notice": f"Draft {rounds}.", "score": scores[rounds - 1]}


# vote


def test_five_samples_are_five_calls_of_the_same_request(ask: Ask) -> None:
    results = iter((54, 54.0, 55, 54, 56))
    told, log = ask(
        lambda request: json.dumps({"working": "…", "result": next(results)}), "vote", "--question", "?", "--json"
    )
    assert told.code == 0, told.err
    assert (len(log), len({seen.body for seen in log})) == (5, 1)
    assert json.loads(told.out) == {"answer": 54, "agreement": 3}


# translate


def translated(request: dict[str, Any]) -> str:
    asked = last(request)
    found = re.match(r"Translate into (\w+)", asked)
    return f"{found[1]}: {asked.rpartition(chr(10))[2][:5]}" if found else "The first."


PAIRS = [(n, language) for n in "12" for language in ("French", "German", "Japanese")]


def test_each_slogan_is_translated_into_each_language_in_order(ask: Ask) -> None:
    told, log = ask(translated, "translate", "--slogans", "@slogans.csv", "--json")
    assert told.code == 0, told.err
    assert len(log) == 7
    rows = json.loads(Path("out/translations.json").read_text(encoding="utf-8"))
    assert [(row["row"]["id"], row["language"]) for row in rows] == PAIRS
    starts = {"1": "Taste", "2": "Sleep"}
    lines = [f"{language} | {n} | {language}: {starts[n]}" for n, language in PAIRS]
    assert "\n".join(lines) in last(log[-1].request)


def test_one_translation_that_fails_costs_one_row(ask: Ask) -> None:
    def fails(seen: Seen) -> str | None:
        return "400" if b"into German" in seen.body and b"Sleep" in seen.body else None

    told, log = ask(translated, "translate", "--slogans", "@slogans.csv", "--json", faults=fails)
    assert told.code == 1
    assert len(log) == 7
    rows = json.loads(Path("out/translations.json").read_text(encoding="utf-8"))
    assert [(row["row"]["id"], row["language"]) for row in rows] == [one for one in PAIRS if one != ("2", "German")]
    assert "2 | German" not in last(log[-1].request)
    assert "translate.flow:" in told.err and "must be at most 2" in told.err


# receipts


def receipt(total: float) -> Callable[[dict[str, Any]], str]:
    lines = [{"what": "roll", "amount": 0.1}, {"what": "bun", "amount": 0.2}]
    read = {"shop": "Baker", "paid_on": "2026-03-01", "lines": lines, "total": total}
    return lambda request: json.dumps(read) if "Which line is wrong?" not in last(request) else "The first."


def test_a_receipt_is_shown_at_its_place_and_adds_up_exactly(ask: Ask) -> None:
    told, log = ask(receipt(0.3), "receipts", "--receipt", "@receipt.png", "--json")
    assert told.code == 0, told.err
    assert len(log) == 1
    before, shown, behind = log[0].request["messages"][0]["content"]
    assert before == {"type": "text", "text": "Read this receipt.\n"}
    assert shown["type"] == "image_url" and shown["image_url"]["url"].startswith("data:image/png;base64,")
    assert behind["text"] == "\nAmounts are in EUR. If you can't read a line, leave it out."
    found = json.loads(told.out)
    assert (found["added"], found["question"]) == (0.3, "The lines and the total agree.")


def test_a_receipt_that_does_not_add_up_is_asked_about_in_the_same_conversation(ask: Ask) -> None:
    Path("note.wav").write_bytes(WAV)
    told, log = ask(receipt(0.4), "receipts", "--receipt", "@receipt.png", "--note", "@note.wav", "--json")
    assert told.code == 0, told.err
    reading, check = (seen.request["messages"] for seen in log)
    assert [part["type"] for part in reading[0]["content"]] == ["text", "image_url", "text", "input_audio", "text"]
    assert reading[0]["content"][2]["text"] == "\nThe buyer said this about it: "
    assert check[:1] == reading and [one["role"] for one in check] == ["user", "assistant", "user"]
    assert "add up to 0.3, the receipt says 0.4." in check[2]["content"]
    assert json.loads(told.out)["question"] == "The first."


# hard_text


def test_a_text_that_looks_like_everything_arrives_byte_for_byte(ask: Ask) -> None:
    told, log = ask(lambda request: "Yes.", "hard_text", "--name", "Ada")
    assert told.code == 0, told.err
    flow = Path("hard_text.flow").read_bytes()
    block = flow.partition(b'prompt: """"\n')[2].partition(b'\n  """"\n')[0]
    wanted = b"\n".join(line.removeprefix(b"    ") for line in block.split(b"\n"))
    wanted = wanted.replace(b"{{ name }} is filled", b"Ada is filled").replace(
        rb"\{{ name }} stays", b"{{ name }} stays"
    )
    bodies = {len(seen.request["messages"]): seen for seen in log}
    system, asked = bodies[2].request["messages"]
    assert system["content"] == 'One line with "quotes", a tab\t, and {{ braces }}.'
    assert asked["content"].encode() == wanted
    assert json.dumps(wanted.decode(), ensure_ascii=False).encode() in bodies[2].body
    plain = "GitHub says ${{ secrets.TOKEN }} and {{ for }} and {{ nobody }}."
    assert last(bodies[1].request) == plain


# What is shown before is what is sent


FIRST_STEPS = [
    ("filing_brief", "claims", ("--filing", f"@{FILING}"), brief_script(1)),
    ("triage", "topic", ("--mail", "Hello, 漢字."), lambda request: answer("bug")),
    ("polish", "draft", ("--facts", "Water is off."), lambda request: '{"score": 9, "fix": "x"}'),
    ("vote", "solution", ("--question", "How many?"), lambda request: '{"working": "x", "result": 1}'),
    ("translate", "translation", ("--slogans", "@slogans.csv"), translated),
    ("receipts", "reading", ("--receipt", "@receipt.png"), receipt(0.3)),
    ("hard_text", "echo", ("--name", "Ada"), lambda request: "Yes."),
    ("hard_text", "plain", ("--name", "Ada"), lambda request: "Yes."),
]


@pytest.mark.parametrize(
    ("flow", "step", "inputs", "script"), FIRST_STEPS, ids=lambda one: one if type(one) is str else ""
)
def test_preview_shows_the_very_body_that_is_sent(
    flow: str, step: str, inputs: tuple[str, ...], script: Callable[[dict[str, Any]], str], typed: Type, ask: Ask
) -> None:
    shown = typed("preview", flow, step, *inputs, "--json")
    assert shown.code == 0, shown.err
    told, log = ask(script, flow, *inputs)
    assert told.code == 0, told.err
    exactly = json.dumps(json.loads(shown.out), ensure_ascii=False, separators=(",", ":")).encode()
    assert exactly in [seen.body for seen in log]
