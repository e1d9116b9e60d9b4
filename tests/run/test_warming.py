"""Of calls that begin with the same long text one goes ahead, until its first word."""

import asyncio
from pathlib import Path

import pytest

from flowlang.models.chat import ChatMessage, ChatRequest, Reply, ToolCall
from flowlang.run.warming import LONGEST_WAIT_S, STAYS_WARM_S, Warming
from tests.gateway import Gateway, Latency
from tests.run.scripted import flow_of
from tests.run.scripted import run as scripted_run
from tests.test_real_runs import run

LONG = "All work and no play makes a dull day. " * 500  # about 5,000 tokens


def asking(question: str, text: str = LONG, model: str = "m") -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", (text + question,)),))


def minimum(model: str) -> int | None:
    return 1_000 if model == "m" else None


async def turns(warming: Warming, requests: list[ChatRequest], fails: tuple[int, ...] = ()) -> list[str]:
    """What happens, in order: which call starts, which begins to be answered."""
    told: list[str] = []

    async def call(number: int, request: ChatRequest) -> None:
        try:
            async with warming.turn(request) as begun:
                told.append(f"starts {number}")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                if number in fails:
                    raise ValueError
                told.append(f"begins {number}")
                begun()
                await asyncio.sleep(0)
        except ValueError:
            told.append(f"fails {number}")

    await asyncio.gather(*(call(number, request) for number, request in enumerate(requests, 1)))
    return told


def test_the_others_wait_for_the_first_word_of_one() -> None:
    told = asyncio.run(turns(Warming(minimum), [asking("a"), asking("b"), asking("c")]))
    assert told[:2] == ["starts 1", "begins 1"]
    assert sorted(told[2:4]) == ["starts 2", "starts 3"]


def test_a_beginning_is_the_same_however_it_is_cut() -> None:
    cut = ChatRequest("m", (ChatMessage("user", (LONG[:7], LONG[7:], "c")),))
    told = asyncio.run(turns(Warming(minimum), [asking("a"), cut]))
    assert told == ["starts 1", "begins 1", "starts 2", "begins 2"]


def test_if_it_fails_another_one_goes_ahead() -> None:
    told = asyncio.run(turns(Warming(minimum), [asking("a"), asking("b"), asking("c")], fails=(1,)))
    assert told[:4] == ["starts 1", "fails 1", "starts 2", "begins 2"]


@pytest.mark.parametrize(
    "requests",
    [
        [asking("a", "short "), asking("b", "short ")],
        [asking("a", model="free"), asking("b", model="free")],
        [asking("a", "x" + LONG), asking("b", "y" + LONG)],
    ],
)
def test_nobody_waits_where_nothing_is_saved(requests: list[ChatRequest]) -> None:
    assert asyncio.run(turns(Warming(minimum), requests))[:2] == ["starts 1", "starts 2"]


def test_what_is_warm_stays_so_for_a_while() -> None:
    now = 0.0
    warming = Warming(minimum, lambda: now)
    asyncio.run(turns(warming, [asking("a")]))
    now = STAYS_WARM_S - 1
    assert asyncio.run(turns(warming, [asking("b"), asking("c")]))[:2] == ["starts 1", "starts 2"]
    now += STAYS_WARM_S + 1
    assert asyncio.run(turns(warming, [asking("d"), asking("e")]))[:2] == ["starts 1", "begins 1"]


def test_nobody_waits_longer_than_the_longest_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowlang.run.warming.LONGEST_WAIT_S", 0.01)
    assert LONGEST_WAIT_S > 1

    async def stalled() -> None:
        warming, done = Warming(minimum), asyncio.Event()

        async def first() -> None:
            async with warming.turn(asking("a")):
                await done.wait()

        task = asyncio.ensure_future(first())
        await asyncio.sleep(0)
        async with warming.turn(asking("b")):
            done.set()
        await task

    asyncio.run(stalled())


def test_the_bill_of_a_fan_out_over_one_document(tmp_path: Path) -> None:
    flow = (
        "input doc: text\ninput words: list of text\nstep answers\n  repeat for each w in words\n"
        '  model: gemini-3-1-pro\n  prompt: """\n    {{ doc }}\n\n    What of {{ w }}?\n  """\n'
    )
    bills = []
    for warming in (None, Warming(lambda model: 4_096)):
        gateway = Gateway(latency=Latency(first_token_s=0.05))
        with gateway as url:
            run(flow, url, tmp_path, {"doc": LONG * 5, "words": tuple("abcdefghijkl")}, at_once=12, warming=warming)
            bills.append(gateway.billed_usd)
    assert bills[1] < bills[0] / 3


def test_an_answer_without_a_first_word_warms_as_well(tmp_path: Path) -> None:
    """A call of tools streams no word; the others must not go ahead one after the other because of it."""
    flow = flow_of(
        'tool t\n  command: "printf x"\ninput doc: text\ninput words: list of text\n'
        "step answers\n  repeat for each w in words\n  uses: t\n  model: m\n"
        '  prompt: """\n    {{ doc }}\n\n    What of {{ w }}?\n  """\n',
        tmp_path,
    )

    def model(request: ChatRequest) -> Reply | str:
        if request.messages[-1].role == "tool":
            return "done"
        return Reply("", (ToolCall("1", "t", "{}"),), "tool_calls")

    async def tool(*_: object) -> str:
        return "x"

    inputs = {"doc": LONG, "words": tuple("abcdefgh")}
    found = scripted_run(flow, model, inputs, perform_tool=tool, warming=Warming(minimum))
    assert found.value("answers")[0]["answer"] == "done"
    assert found.most_open > 4
