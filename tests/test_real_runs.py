"""Whole runs over HTTP against the stand-in gateway: each fault is survived or told, and its log is the judge."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowlang.language.checked import CheckedTool
from flowlang.language.values import Secret, Value
from flowlang.models.catalog import catalogue_of
from flowlang.models.cost import Prices
from flowlang.models.providers import Provider, providers_of
from flowlang.models.transport import Transport
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import CallFinished, Event, StepFailed
from flowlang.run.executor import execute
from flowlang.run.inputs import defaults_of
from flowlang.run.means import Means
from flowlang.run.outcome import Done, Result
from flowlang.run.report import Report, fold
from flowlang.run.waiting import Waiting
from flowlang.run.warming import Warming
from tests.gateway import Answer, Call, Gateway, Latency, Limits, first, mixed
from tests.run.scripted import flow_of

ROOT = Path(__file__).resolve().parent.parent
ONE = 'step a\n  model: gpt-5-4\n  tries: 3\n  prompt: "Say hello."\n'
MANY = """
input words: list of text
step answers
  repeat for each w in words
  model: gpt-5-4
  tries: 12
  prompt: "Say {{ w }}."
"""


async def found(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    """Carries any tool out."""
    return "found"


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    result: Result
    report: Report
    events: list[Event]

    def failed(self) -> StepFailed:
        return next(event for event in self.events if isinstance(event, StepFailed))


def run(
    text: str,
    url: str,
    folder: Path,
    inputs: Mapping[str, Value] | None = None,
    at_once: int = 16,
    warming: Warming | None = None,
    prices: Prices | None = None,
) -> Ran:
    """Runs a flow over HTTP. Nothing waits longer than it must: the waits themselves have tests of their own."""
    flow = flow_of(text, folder)
    providers = providers_of({"stand-in": Provider(url, "KEY", at_once)}, "stand-in", {})
    environment = {"KEY": "sk-canary-123456"}
    events: list[Event] = []

    async def whole() -> Result:
        transport = Transport(
            {"stand-in": providers.endpoint("stand-in", environment)}, providers.of, at_once, environment
        )
        try:
            return await execute(
                build(flow, Defaults()),
                {**defaults_of(flow), **(inputs or {})},
                Means(
                    transport.complete,
                    perform_tool=found,
                    prices=prices,
                    at_once=at_once,
                    place=transport.place,
                    warming=warming or Warming(),
                    waiting=Waiting(lambda attempt, error: min(transport.delay_s(attempt, error), 0.05)),
                ),
                events.append,
            )
        finally:
            await transport.close()

    result = asyncio.run(whole())
    return Ran(result, fold(events), events)


@pytest.mark.parametrize(
    "fault",
    [
        *("500", "502", "503", "504", "529", "429-concurrency", "429-tokens", "500-empty"),
        *("reset-before-headers", "close-before-headers", "reset-in-headers", "reset-after-headers", "reset-in-body"),
        *("cut-after-event", "cut-at-byte", "short-body", "broken-chunks", "bad-chunks", "no-http"),
    ],
)
def test_what_passes_is_asked_again_and_billed_once(fault: str, tmp_path: Path) -> None:
    gateway = Gateway(faults=first(1, fault))
    with gateway as url:
        ran = run(ONE, url, tmp_path)
        billed = [seen for seen in gateway.log if seen.answered]
        assert isinstance(ran.result.outcomes["a"], Done), ran.failed().message
        assert (len(gateway.log), len(billed)) == (2, 1)


@pytest.mark.parametrize("fault", ["cut-after-event", "cut-at-byte", "reset-in-body", "short-body", "broken-chunks"])
def test_a_connection_that_ends_before_the_answer_is_the_providers_trouble(fault: str, tmp_path: Path) -> None:
    with Gateway(faults=first(99, fault)) as url:
        ran = run(ONE, url, tmp_path)
        assert (ran.failed().rule, ran.report.exit_code) == ("unreachable", 4), ran.failed()
        assert {event.status for event in ran.events if isinstance(event, CallFinished)} == {"failed"}


@pytest.mark.parametrize(
    ("answer", "rule", "status"),
    [
        (Answer("", reasoning="Let me see.", finish="length"), "cut-off", "failed"),
        (Answer(""), "bad-answer", "failed"),
        (Answer("Half", finish="insufficient_system_resource"), "cut-off", "cut-off"),
        (Answer("Half of", finish="length"), "cut-off", "cut-off"),
    ],
)
def test_an_answer_that_is_of_no_use_is_billed_all_the_same(
    answer: Answer, rule: str, status: str, tmp_path: Path
) -> None:
    with Gateway(lambda request: answer) as url:
        prices = Prices(catalogue_of({}), lambda model: False)
        ran = run(ONE, url, tmp_path, prices=prices)
    ended = [event for event in ran.events if isinstance(event, CallFinished)]
    assert (ran.failed().rule, {event.status for event in ended}) == (rule, {status})
    assert all(event.tokens_in and event.cost_usd for event in ended)
    assert ran.report.cost_usd == sum(event.cost_usd or 0 for event in ended)


@pytest.mark.parametrize(
    ("fault", "exit_code"),
    [
        *(("401", 4), ("403-address", 4), ("402-quota", 4), ("429-quota", 4), ("429-credit", 4), ("429-monthly", 4)),
        *(("400-parameter", 1), ("400-overflow", 1), ("400-model", 1), ("404-model", 1), ("413", 1), ("422-detail", 1)),
    ],
)
def test_what_would_be_refused_again_is_asked_once(fault: str, exit_code: int, tmp_path: Path) -> None:
    gateway = Gateway(faults=first(99, fault))
    with gateway as url:
        ran = run(ONE, url, tmp_path)
        assert ran.report.exit_code == exit_code, ran.failed()
        assert len(gateway.log) == 1
        assert "canary" not in repr(ran.events)


def test_spent_money_stops_every_call(tmp_path: Path) -> None:
    gateway = Gateway(faults=first(99, "402-quota"))
    with gateway as url:
        ran = run(MANY, url, tmp_path, {"words": tuple(f"w{n}" for n in range(200))}, at_once=4)
        assert ran.report.exit_code == 4
        assert len(gateway.log) <= 4


@pytest.mark.parametrize("quirk", range(1, 28))
def test_every_quirk_is_understood(quirk: int, tmp_path: Path) -> None:
    flow = """
tool look
  about: "Looks a word up"
  takes word: text
  command: "printf found"
step a
  model: gemini-3-1-pro
  uses: look
  tries: 3
  returns: list of at least 1 text
  prompt: "List three words."
"""
    gateway = Gateway(quirks=(quirk,))
    with gateway as url:
        ran = run(flow, url, tmp_path)
        bad = [event for event in ran.events if isinstance(event, StepFailed)]
        assert isinstance(ran.result.outcomes["a"], Done) or quirk in TOLD, bad
        assert all(event.rule in ("unreachable", "bad-answer", "cut-off", "empty-answer") for event in bad), bad


# Quirks after which there is no answer: a stream that is cut each time, reasoning without an answer, an error inside.
TOLD = (18, 19, 20, 23, 24)


THINKS = """
tool look
  about: "Looks a word up"
  takes word: text
  command: "printf found"
step a
  model: gemini-3-1-pro
  uses: look
  prompt: "What is it?"
  {more}
step b
  model: {next}
  continues: a
  prompt: "And then?"
"""
THOUGHT = {"reasoning_content": "Let me see.", "extra_content": {"google": {"thought_signature": "s"}}}


def calls_once(request: dict[str, Any]) -> Answer | str:
    """A tool call with what else the model thought, then an answer."""
    asked = any(message.get("tool_calls") for message in request["messages"])
    return "It is." if asked else Answer(tool_calls=(Call("look", {"word": "x"}),), extra=THOUGHT)


def kept_thoughts(gateway: Gateway) -> list[tuple[str, list[str]]]:
    """For each request, who was asked, and what its messages held beside the contract."""
    bodies = [json.loads(seen.body) for seen in gateway.log]
    return [(body["model"], [key for one in body["messages"] for key in one if key in THOUGHT]) for body in bodies]


def test_what_came_with_tool_calls_goes_back_to_the_same_model_and_to_no_other(tmp_path: Path) -> None:
    for following, sees in (("gemini-3-1-pro", [*THOUGHT]), ("gpt-5-4", [])):
        gateway = Gateway(calls_once)
        with gateway as url:
            ran = run(THINKS.format(more="", next=following), url, tmp_path)
            assert isinstance(ran.result.outcomes["b"], Done), ran.failed()
            seen = [("gemini-3-1-pro", []), ("gemini-3-1-pro", [*THOUGHT]), (following, sees)]
            assert kept_thoughts(gateway) == seen
            back = json.loads(gateway.log[1].body)["messages"][1]
            assert {key: back[key] for key in THOUGHT} == THOUGHT


def test_a_fallback_gets_nothing_of_what_the_first_model_thought(tmp_path: Path) -> None:
    def script(request: dict[str, Any]) -> Answer | str:
        return "" if request["model"] == "gemini-3-1-pro" and len(request["messages"]) > 1 else calls_once(request)

    gateway = Gateway(script)
    with gateway as url:
        ran = run(THINKS.format(more="fallback: gpt-5-4\n  tries: 3", next="gpt-5-4"), url, tmp_path)
        assert isinstance(ran.result.outcomes["b"], Done), ran.failed()
        told = kept_thoughts(gateway)
    assert [sees for model, sees in told if model == "gemini-3-1-pro"] == [[], [*THOUGHT], [*THOUGHT]]
    assert [sees for model, sees in told if model == "gpt-5-4"] == [[], [*THOUGHT], [*THOUGHT]]


def test_an_endpoint_that_refuses_what_it_sent_is_asked_without_it(tmp_path: Path) -> None:
    gateway = Gateway(calls_once, refuses={"messages.reasoning_content": "400"})
    with gateway as url:
        ran = run(THINKS.format(more="", next="gemini-3-1-pro"), url, tmp_path)
        assert isinstance(ran.result.outcomes["b"], Done), ran.failed()
        assert [bool(sees) for _, sees in kept_thoughts(gateway)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("stream_options", "422-forbidden"),
        ("response_format.json_schema", "400"),
        ("response_format.json_schema", "500"),
        ("response_format", "400"),
    ],
)
def test_an_endpoint_that_refuses_a_field_is_asked_without_it_and_that_is_remembered(
    field: str, how: str, tmp_path: Path
) -> None:
    text = MANY.replace("  prompt", "  returns: one of red, blue\n  prompt")
    gateway = Gateway(refuses={field: how})
    with gateway as url:
        ran = run(text, url, tmp_path, {"words": tuple(f"w{n}" for n in range(30))}, at_once=2)
        assert isinstance(ran.result.outcomes["answers"], Done), ran.failed()
        assert len(gateway.log) <= 30 + 6


def test_three_hundred_calls_with_mixed_faults_are_all_done_and_each_billed_once(tmp_path: Path) -> None:
    rates: dict[Any, float] = {
        **{"500": 0.04, "503": 0.03, "429-concurrency": 0.04, "reset-in-body": 0.03, "cut-after-event": 0.03},
        **{"reset-before-headers": 0.03},
    }
    gateway = Gateway(faults=mixed(rates, seed=7))
    with gateway as url:
        ran = run(MANY, url, tmp_path, {"words": tuple(f"w{n}" for n in range(300))})
        assert isinstance(ran.result.outcomes["answers"], Done), ran.failed()
        billed = Counter(seen.digest for seen in gateway.log if seen.answered)
        assert len(billed) == 300 and set(billed.values()) == {1}


FEW_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
from flowlang.workbench.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_where_few_files_can_be_open_fewer_calls_are_made_and_that_is_told_once(host: str, tmp_path: Path) -> None:
    (tmp_path / "a.flow").write_text(MANY.replace("tries: 12", "tries: 1"), encoding="utf-8")
    (tmp_path / "in.json").write_text(json.dumps({"words": [f"w{n}" for n in range(200)]}), encoding="utf-8")
    gateway = Gateway(latency=Latency(first_token_s=0.02))
    with gateway as url:
        settings = f"""
[project]
provider = "stand-in"
[providers.stand-in]
base_url = "{url.replace("127.0.0.1", host)}"
at_once = 200
"""
        (tmp_path / "flowlang.toml").write_text(settings, encoding="utf-8")
        words = ("run", "a.flow", "--inputs", "in.json", "--trust", "--at-once", "200")
        ran = subprocess.run(
            [sys.executable, "-c", FEW_FILES, *words],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        assert "200 items, 200 calls" in ran.stderr
        assert ran.stderr.count("allows no more open connections") == 1
        assert len(gateway.log) == sum(seen.answered for seen in gateway.log) == 200
        assert gateway.connections < 40


def test_a_rate_limit_is_kept_to(tmp_path: Path) -> None:
    gateway = Gateway(limits=Limits(at_once=3))
    with gateway as url:
        ran = run(MANY, url, tmp_path, {"words": tuple(f"w{n}" for n in range(60))})
        assert isinstance(ran.result.outcomes["answers"], Done), ran.failed()
        assert len(gateway.log) <= 60 * 1.5
