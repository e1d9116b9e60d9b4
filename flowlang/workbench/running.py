"""A plan under way in this process: listeners, signals, the clock that the views go by."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TextIO, TypeVar

from ..language.values import Value
from ..plan.graph import Plan
from ..run.event import CallFinished, CallStarted, Delta, Dropped, Emit, Event
from ..run.executor import execute
from ..run.exit import INTERRUPTED
from ..run.keeping import Keeping
from ..run.means import Means
from ..run.outcome import Result
from ..run.secrets import NONE, Secrets
from ..show.jsonl import json_lines
from ..show.redaction import redacted_events
from .signals import ending_signals
from .viewing import View

T = TypeVar("T")


@dataclass(slots=True)
class Ran(Generic[T]):
    """A run that is over.

    `events` without the many that only stream; `stopped_by` is the exit code of a signal, or 0, and `left` are the
    calls that were open when it came; `unwritten` says why the file of events ends too early, or is empty.
    """

    result: T | None = None
    events: list[Event] = field(default_factory=list)
    stopped_by: int = 0
    left: list[CallFinished] = field(default_factory=list)
    unwritten: str = ""


def run_plan(
    plan: Plan,
    inputs: Mapping[str, Value],
    means: Means,
    *,
    view: View | None = None,
    events: TextIO | None = None,
    secrets: Secrets = NONE,
) -> Ran[Result]:
    """Runs the plan to its end, or until a signal stops it; a second signal ends the process at once."""

    async def start(emit: Emit) -> Result:
        try:
            return await execute(plan, inputs, means, emit)
        finally:
            await means.close()

    return carry_out(start, view, events, secrets, keeping=means.keeping)


def carry_out(
    start: Callable[[Emit], Coroutine[Any, Any, T]],
    view: View | None,
    events: TextIO | None,
    secrets: Secrets,
    *,
    keeps_events: bool = True,
    keeping: Keeping | None = None,
) -> Ran[T]:
    """Carries a run out that is handed its listener, until it ends or a signal stops it."""
    ran = Ran[T]()
    emit = redacted_events(_to_all(ran, view, events, keeps_events, keeping), secrets)
    try:
        asyncio.run(_run(start(emit), view, ran))
    except (asyncio.CancelledError, KeyboardInterrupt):
        ran.stopped_by = ran.stopped_by or INTERRUPTED
    finally:
        if view is not None:
            view.close()
    return ran


async def _run(running: Coroutine[Any, Any, T], view: View | None, ran: Ran[T]) -> None:
    run = asyncio.ensure_future(running)
    ticking = asyncio.ensure_future(_tick(view)) if view is not None else None
    _stop_at_signals(run, view, ran)
    try:
        ran.result = await run
    finally:
        if ticking is not None:
            ticking.cancel()


async def _tick(view: View) -> None:
    while True:
        await asyncio.sleep(view.every_s)
        view.tick()


def _to_all(ran: Ran[T], view: View | None, events: TextIO | None, keeps_events: bool, keeping: Keeping | None) -> Emit:
    """One listener that hands every event to all."""
    listeners: list[Emit] = []
    if events is not None:
        listeners.append(json_lines(_writer(ran, events), time.monotonic))
    if view is not None:
        listeners.append(view.emit)
    if keeping is not None:
        listeners.append(keeping.hear)

    def emit(event: Event) -> None:
        if keeps_events and not isinstance(event, Delta | CallStarted | Dropped):
            ran.events.append(event)
        if ran.stopped_by and isinstance(event, CallFinished) and event.status == "cancelled":
            ran.left.append(event)
        for listen in listeners:
            listen(event)

    return emit


def _writer(ran: Ran[T], file: TextIO) -> Callable[[str], None]:
    """Writes lines to a file until that fails: a full disk is no reason to lose the run."""

    def write(line: str) -> None:
        if ran.unwritten:
            return
        try:
            file.write(line)
        except OSError as error:
            ran.unwritten = (error.strerror or "unknown reason").lower()

    return write


def _stop_at_signals(run: "asyncio.Future[T]", view: View | None, ran: Ran[T]) -> None:
    loop = asyncio.get_running_loop()

    def stop(code: int) -> None:
        if ran.stopped_by:
            if view is not None:
                view.close()
            os._exit(code)
        ran.stopped_by = code
        run.cancel()

    for number, code in ending_signals().items():
        try:
            loop.add_signal_handler(number, stop, code)
        except (NotImplementedError, RuntimeError, ValueError):
            return  # not in this system or thread: then the signal raises KeyboardInterrupt
