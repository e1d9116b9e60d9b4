"""Runs flows against a model that is a plain function."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowlang.language.checked import CheckedFlow
from flowlang.language.values import Value
from flowlang.language.writing import as_json
from flowlang.models.chat import ChatRequest, Chunk, EmitChunk, Reply, ToolCall
from flowlang.pipeline import compile_flow
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.event import Event
from flowlang.run.executor import execute
from flowlang.run.inputs import defaults_of
from flowlang.run.means import Means
from flowlang.run.outcome import Done, Result
from flowlang.run.report import Report, fold

# What a model says to a request: a text, tool calls, a whole reply, or an error that it raises.
Said = str | tuple[ToolCall, ...] | Reply | Exception
Model = Callable[[ChatRequest], Said]


@dataclass
class Script:
    """A model that says what a function says; with `shuffled`, its answers end in any order."""

    model: Model
    shuffled: random.Random | None = None
    requests: list[ChatRequest] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def __call__(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        self.requests.append(request)
        said = self.model(request)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for _ in range(self.shuffled.randrange(20) if self.shuffled else 1):
                await asyncio.sleep(0)
        finally:
            self.open -= 1
        match said:
            case str():
                emit(Chunk(said))
                return Reply(said)
            case tuple():
                return Reply("", said, "tool_calls")
            case Reply():
                return said
            case Exception():
                raise said


@dataclass(frozen=True)
class Ran:
    """A run that has ended, with all that was seen of it."""

    result: Result
    events: list[Event]
    requests: list[ChatRequest]
    most_open: int
    report: Report

    def value(self, name: str) -> Any:
        """A step's, let's or output's value as JSON data, memory included; the outcome itself if it has none."""
        outcome = self.result.outcomes.get(name) or self.result.outputs[name]
        return as_json(outcome.value, memory=True) if isinstance(outcome, Done) else outcome

    def prompts(self) -> list[str]:
        """The last message of each request."""
        return [request.messages[-1].text for request in self.requests]

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def flow_of(text: str, folder: Path) -> CheckedFlow:
    """The checked main flow of a text; it must have no mistake. Warnings do no harm."""
    path = folder / "test.flow"
    path.write_text(text, encoding="utf-8")
    checked = compile_flow(path)
    assert checked.flow is not None, [one.message for one in checked.diagnostics]
    return checked.flow


def run(
    flow: CheckedFlow,
    model: Model,
    inputs: Mapping[str, Value] | None = None,
    shuffled: random.Random | None = None,
    only: str | None = None,
    **options: Any,
) -> Ran:
    """Runs a flow to its end."""
    script, events = Script(model, shuffled), list[Event]()
    plan = build(flow, Defaults(model="default-model"), only)
    given = {**defaults_of(flow), **(inputs or {})}
    of_run = {name: options.pop(name) for name in ("stand_in", "clock") if name in options}
    result = asyncio.run(execute(plan, given, Means(script, **options), events.append, **of_run))
    return Ran(result, events, script.requests, script.most_open, fold(events))


def echo(request: ChatRequest) -> str:
    """A model that says its prompt again."""
    return request.messages[-1].text
