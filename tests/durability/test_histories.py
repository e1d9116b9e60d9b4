"""Edits, kills and full disks in any order: what comes out is what a fresh run gives, and nothing is asked twice."""

import asyncio
import hashlib
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlang.language.checked import CheckedTool
from flowlang.language.writing import as_json
from flowlang.models.chat import ChatRequest, EmitChunk, Reply, ToolCall, Usage
from flowlang.models.errors import ContentRefused
from flowlang.plan.build import build
from flowlang.plan.fingerprint import key_of
from flowlang.plan.graph import Defaults
from flowlang.run.event import Event
from flowlang.run.executor import execute
from flowlang.run.inputs import defaults_of
from flowlang.run.keeping import Keeping
from flowlang.run.means import Means
from flowlang.run.outcome import Done
from flowlang.run.waiting import Waiting
from flowlang.store.place import open_folder
from flowlang.store.store import open_store
from tests.run.scripted import flow_of

# Each piece stands for what a run may have to do to get one answer; `{n}` is what an edit changes.
PIECES = {
    "text": """
step text
  prompt: "Say {n}."
""",
    "typed": """
step typed
  returns: list of text
  prompt: "List {n}."
""",
    "ensured": """
step ensured
  ensure: ensured contains "!"
  prompt: "Shout {n}."
""",
    "judged": """
step judged
  ensure: judge "It is kind."
  prompt: "Greet {n}."
""",
    "fallback": """
step fallback
  tries: 2
  fallback: second-model
  prompt: "Refuse {n}."
""",
    "items": """
let many = ["a", "b", "c"]
step items
  repeat for each one in many
  prompt: "Item {{{{ one }}}} {n}."
""",
    "sampled": """
let three = ["same", "same", "same"]
step sampled
  repeat for each one in three
  prompt: "Draw {{{{ one }}}} {n}."
""",
    "tools": """
tool look
  about: "Looks it up"
  takes what: text
  command: "look {{{{ what }}}}"
step tools
  uses: look
  prompt: "Find {n}."
""",
    "uncached": """
step uncached
  cache: no
  prompt: "Now {n}."
""",
}


def flow_text(pieces: dict[str, int]) -> str:
    """A flow of these pieces, each in a version of its own; the last step reads all of them."""
    texts = [PIECES[name].format(n=number) for name, number in pieces.items()]
    reads = " ".join(f"{{{{ {name} }}}}" for name in pieces)
    return "".join(texts) + f'step last\n  prompt: "Sum up: {reads}"\noutput last\n'


def digits(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:6]


def said(request: ChatRequest) -> Reply:
    """What the model says to a question; the question alone decides, also whether it is any good."""
    texts = [message.text for message in request.messages]
    asked, seen = texts[0], digits(request.model, texts)
    is_again = sum(message.role == "assistant" for message in request.messages) > 0
    usage = Usage(10, 5)
    if request.schema is not None and "holds" in str(request.schema):
        holds = "true" if "kind" in texts[1] or int(seen, 16) % 2 else "false"
        return Reply(f'{{"holds": {holds}, "reason": "as {seen}"}}', usage=usage)
    if request.tools and request.messages[-1].role != "tool":
        return Reply("", (ToolCall(f"c{seen}", "look", f'{{"what": "{seen}"}}'),), "tool_calls", usage)
    if asked.startswith("List"):
        good = is_again or int(seen, 16) % 2
        return Reply(f'["{seen}", "x"]' if good else "no list at all", usage=usage)
    if asked.startswith("Refuse") and request.model == "default-model" and int(seen, 16) % 2:
        raise ContentRefused(f"no {seen}")
    if asked.startswith("Shout"):
        return Reply(f"{seen}{'!' if is_again or int(seen, 16) % 2 else ''}", usage=usage)
    return Reply(f"kind {seen}", usage=usage)


@dataclass
class World:
    """Who answers and carries tools out, what was asked of them, and after how many calls everything stops."""

    asked: list[bytes] = field(default_factory=list)
    dies_after: int | None = None
    died: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        self.asked.append(key_of(request, "o"))
        if self.dies_after is not None and len(self.asked) > self.dies_after:
            self.died.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return said(request)

    async def tool(self, tool: CheckedTool, takes: Any, own: Any) -> str:
        await asyncio.sleep(0)
        return f"found {digits(takes)}"


def outputs_of(
    folder: Path, text: str, world: World, store: Path, full_after: int | None = None
) -> dict[str, Any] | None:
    """What a flow gives, with a store; None if it was stopped."""
    flow = flow_of(text, folder)
    events: list[Event] = []

    async def whole() -> dict[str, Any] | None:
        kept = open_store(open_folder(store), str, lambda told: None)
        kept.begin_run("test.flow", {})
        if full_after is not None:
            _fill_up(kept, full_after)
        keeping = Keeping(kept, lambda model: "o")
        means = Means(
            world.complete, perform_tool=world.tool, waiting=Waiting(lambda attempt, error: 0.0), keeping=keeping
        )
        run = asyncio.ensure_future(
            execute(build(flow, Defaults(model="default-model")), defaults_of(flow), means, events.append)
        )
        dying = asyncio.ensure_future(world.died.wait())
        try:
            await asyncio.wait((run, dying), return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
                return None
            return {
                name: as_json(one.value, memory=True) if isinstance(one, Done) else str(one)
                for name, one in (await run).outcomes.items()
            }
        finally:
            dying.cancel()
            await kept.close()

    return asyncio.run(whole())


def _fill_up(store: Any, after: int) -> None:
    """Lets the disk be full after so many commits."""
    transaction, left = store._file._transaction, [after]

    def full(work: Callable[[sqlite3.Connection], Any]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return transaction(work)

    store._file._transaction = full


PIECE_SETS = st.dictionaries(st.sampled_from(sorted(PIECES)), st.integers(0, 2), min_size=1, max_size=5)
STEPS = st.lists(
    st.tuples(PIECE_SETS, st.one_of(st.none(), st.integers(0, 12)), st.one_of(st.none(), st.integers(0, 12))),
    max_size=4,
)


def check_history(steps: list[tuple[dict[str, int], int | None, int | None]], last: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for pieces, dies_after, full_after in steps:
            outputs_of(folder, flow_text(pieces), World(dies_after=dies_after), folder / "store", full_after)
        cached, fresh = World(), World()
        with_store = outputs_of(folder, flow_text(last), cached, folder / "store")
        without = outputs_of(folder, flow_text(last), fresh, folder / "another")
        assert with_store == without and without is not None
        # Nothing is asked that a fresh run would not ask, and a second time nothing but what must always be.
        assert set(cached.asked) <= set(fresh.asked)
        again = World()
        assert outputs_of(folder, flow_text(last), again, folder / "store") == without
        assert len(again.asked) == ("uncached" in last)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, PIECE_SETS)
def test_a_cached_run_gives_what_a_fresh_one_gives(
    steps: list[tuple[dict[str, int], int | None, int | None]], last: dict[str, int]
) -> None:
    check_history(steps, last)


def test_so_it_is_for_many_histories(complete: bool) -> None:
    if not complete:
        pytest.skip("with --complete")
    settings(max_examples=1_000, suppress_health_check=list(HealthCheck))(
        given(STEPS, PIECE_SETS)(lambda steps, last: check_history(steps, last))
    )()


def test_one_new_item_is_one_new_call(tmp_path: Path) -> None:
    text = 'let many = [{}]\nstep items\n  repeat for each one in many\n  prompt: "Item {{{{ one }}}}."\noutput items\n'
    first, second = World(), World()
    outputs_of(tmp_path, text.format('"a", "b"'), first, tmp_path / "store")
    outputs_of(tmp_path, text.format('"a", "new", "b"'), second, tmp_path / "store")
    assert (len(first.asked), len(second.asked)) == (2, 1)


def test_where_a_changed_step_answers_the_same_nothing_behind_it_runs(tmp_path: Path) -> None:
    text = (
        'step a\n  prompt: "{}"\nlet size = a | words | count\nstep b\n  prompt: "It has {{{{ size }}}}."\noutput b\n'
    )
    first, second = World(), World()
    outputs_of(tmp_path, text.format("Say it."), first, tmp_path / "store")
    outputs_of(tmp_path, text.format("Say it again."), second, tmp_path / "store")
    assert (len(first.asked), len(second.asked)) == (2, 1)
