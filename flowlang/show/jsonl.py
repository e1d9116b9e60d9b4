"""A run's events as JSON Lines, for programs. The shapes are stable: see the manual."""

import json
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from ..language.checked import Place
from ..run import event as events
from ..run.event import Emit, Event
from .progress import Clock

_NAMES: dict[type[Any], str] = {
    events.RunStarted: "run_started",
    events.StepStarted: "step_started",
    events.CallStarted: "call_started",
    events.Delta: "delta",
    events.Dropped: "dropped",
    events.CallFinished: "call_finished",
    events.ToolCalled: "tool_called",
    events.StepFinished: "step_finished",
    events.StepSkipped: "step_skipped",
    events.StepFailed: "step_failed",
    events.Noted: "noted",
    events.RowFinished: "row_finished",
    events.RunFinished: "run_finished",
}


def json_lines(write: Callable[[str], object], clock: Clock) -> Emit:
    """Writes a line for every event, with its time since now."""
    start = clock()

    def emit(event: Event) -> None:
        write(event_line(event, clock() - start))

    return emit


def event_line(event: Event, at: float) -> str:
    """One event as one line; `at` in seconds."""
    told: dict[str, Any] = {"event": _NAMES[type(event)], "at": round(at, 3)}
    # The classes' own fields, in their order, are the shape; there is no second list to keep in step.
    for one in fields(event):
        told[one.name] = _plain(getattr(event, one.name))
    return json.dumps(told, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case float():
            return round(value, 3)
        case Place(source=source, span=span):
            line, column = source.position(span.start)
            return {"path": source.path, "line": line, "column": column}
        case tuple():
            return list(value)
        case _:
            return value
