"""`flowlang preview FLOW STEP`: the exact messages of one step.

The step is carried out by the very code that runs it, up to the moment at which its request would be sent. What it
needs of other steps is answered by the built-in offline model, so nothing ever leaves this machine.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow, CheckedStep
from ..language.values import Value
from ..models.chat import ChatRequest, EmitChunk, Reply
from ..models.offline import OfflineSettings, offline_model
from ..models.wire import Dialect, Texts, body_of
from ..plan.build import build
from ..plan.graph import Plan
from ..run.event import CallStarted, Event, StepFailed, StepSkipped, StepStarted
from ..run.executor import execute
from ..run.exit import DONE, WRONG_INPUT
from ..run.means import Means
from ..run.tools import make_up
from ..settings import Settings
from ..show.request import request_text
from ..show.terminal import visible
from .asking import hide_keys, providers_for
from .given import Given
from .opening import defaults_of, open_inputs, open_settings, read_no_address
from .refusal import Refusal
from .screen import Screen


@dataclass(slots=True)
class _Sought:
    """The call to catch: of a step, and of one of its items, None for the first; and what to say if it never comes."""

    path: str  # the step that runs a flow, for a step inside that flow
    step: str
    item: int | None
    calls_now: CallStarted | None = None
    request: "asyncio.Future[ChatRequest]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    items: int | None = None
    why_not: str = ""

    def fits(self, path: str, step: str, item: int | None) -> bool:
        return path.partition("[")[0] == self.path and step == self.step and (item is None or self.item in (None, item))


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the messages, or with `--json` the request's body."""
    path, name = _pick(flow, given.word("STEP"))
    item = given.number("item", 1)
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    plan = _without_condition(build(flow, defaults_of(settings), path or name), path or name)
    inputs = open_inputs(flow, given, screen, fetch=read_no_address)
    sought = asyncio.run(_caught(plan, inputs, path, name, item))
    if not sought.request.done():
        raise Refusal(WRONG_INPUT, f"step `{name}` would send nothing: {sought.why_not or _no_item(sought)}")
    request = sought.request.result()
    for line in _remarks(plan, sought, path or name):
        screen.err(line)
    text = _body(request, settings, screen) if given.has("json") else request_text(request)
    screen.out(visible(text) if screen.reads_out else text)
    return DONE


def _body(request: ChatRequest, settings: Settings, screen: Screen) -> str:
    """The body of the request, as its provider is sent it."""
    providers = providers_for(settings, screen)
    name, model = providers.of(request.model)
    dialect = Dialect(extras=frozenset(providers.known[name].extras))
    body = body_of(replace(request, model=model), dialect)
    return json.dumps(body, indent=2, ensure_ascii=False, default=Texts.joined) + "\n"


def _pick(flow: CheckedFlow, word: str) -> tuple[str, str]:
    """The step that is meant: its own name, or `outer.inner` for a step of the flow that `outer` runs."""
    outer, dot, inner = word.partition(".")
    step = flow.steps.get(outer)
    known = [one.name for one in flow.steps.values() if one.kind == "prompt"]
    for one in flow.steps.values():
        if one.run is not None:
            known += [f"{one.name}.{name}" for name, sub in one.run.steps.items() if sub.kind == "prompt"]
    if word in known:
        return (outer, inner) if dot else ("", word)
    if step is not None and not dot:
        what = "runs another flow" if step.kind == "run" else "calls a tool"
        hint = ", ".join(one for one in known if one.startswith(f"{outer}."))
        hints = (f"its own steps: {hint}",) if hint else ()
        raise Refusal(WRONG_INPUT, f"step `{outer}` {what}, and sends no messages itself", hints, "wrong-value")
    near = nearest(word, known)
    hint = f"did you mean `{near}`?" if near else "the steps with messages: " + ", ".join(f"`{one}`" for one in known)
    raise Refusal(WRONG_INPUT, f"there is no step `{word}` in `{flow.source.path}`", (hint,), "unknown-name")


def _without_condition(plan: Plan, name: str) -> Plan:
    """The plan with the step's `when` taken off, which hangs on answers that nobody has; one that picks items stays."""
    node = plan.nodes[name]
    if not isinstance(node.of, CheckedStep) or node.of.loops or node.of.when is None:
        return plan
    return replace(plan, nodes={**plan.nodes, name: replace(node, of=replace(node.of, when=None))})


async def _caught(plan: Plan, inputs: Mapping[str, Value], path: str, name: str, item: int | None) -> _Sought:
    """Runs the plan until the sought call begins, or there is nothing left to run."""
    sought = _Sought(path, name, item)
    answer = offline_model(OfflineSettings())

    def emit(event: Event) -> None:
        match event:
            case CallStarted():
                sought.calls_now = event
            case StepStarted(path=where, step=step, items=items) if sought.fits(where, step, None):
                sought.items = items
            case StepSkipped(because=because) if event.step in (path, name):
                sought.why_not = because
            case StepFailed(message=message):
                sought.why_not = sought.why_not or message
            case _:
                pass

    async def complete(request: ChatRequest, stream: EmitChunk) -> Reply:
        # Nothing can come between the event that tells of a call and the call: both are in one task, without a wait.
        call = sought.calls_now
        if call is not None and sought.fits(call.path, call.step, call.item) and not sought.request.done():
            sought.item = call.item
            sought.request.set_result(request)
        return await answer(request, stream)

    run = asyncio.ensure_future(execute(plan, inputs, Means(complete, perform_tool=make_up, offline=True), emit))
    sought.request.add_done_callback(lambda _: run.cancel())
    with suppress(asyncio.CancelledError):
        await run
    return sought


def _no_item(sought: _Sought) -> str:
    if sought.items is not None and sought.item is not None:
        if sought.item <= sought.items:
            return f"the step's `when` does not pick item {sought.item}"
        return f"there is no item {sought.item}, only {sought.items}"
    return "its turn never came"


def _remarks(plan: Plan, sought: _Sought, name: str) -> list[str]:
    """What a reader must know to take the messages for what they are."""
    remarks = []
    others = [f"`{node.name}`" for node in plan.steps() if node.name != name]
    if others:
        remarks.append(f"the answers of {', '.join(others)} are made up here, by the built-in offline model")
    if sought.items is not None:
        remarks.append(f"item {sought.item}, of {sought.items} in all; another one: --item N")
    return remarks
