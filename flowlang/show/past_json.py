"""Earlier runs as programs read them. The shapes are stable: see the manual. Money is US dollars, times are seconds."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ..store.history import PastRun, PastStep
from ..store.past import Exchange, StepOfRun, WholeRun, commit_of, money_of, name_of, repeats_of, row_of
from .past import diagnostic_of
from .told import Teller, ToldMessage


def runs_json(runs: Sequence[tuple[PastRun, str]]) -> str:
    """A JSON list, an object for each run."""
    return _text([_head(run, outcome) for run, outcome in runs])


def run_json(whole: WholeRun, teller: Teller) -> str:
    """A run with its inputs and steps, as a JSON object."""
    run, steps = whole.run, whole.steps
    commit, inputs = commit_of(run), run.body.get("inputs")
    return _text(
        {
            **_head(run, whole.outcome),
            "commit": None if commit is None else {"id": commit[0], "clean": not commit[1], "changed": list(commit[1])},
            "only": run.body.get("only"),
            "inputs": {name: teller.plain(one) for name, one in inputs.items()} if isinstance(inputs, dict) else {},
            "steps": [_step(one, run, teller) for one in steps],
            "failures": [_failure(one, run, teller) for one in whole.unmet],
        }
    )


def step_json(run: PastRun, step: str, found: Iterable[Exchange], teller: Teller) -> str:
    """What a step was asked and answered, as a JSON object."""
    by_row = run.body.get("each") is not None
    return _text({"run": run.number, "step": step, "calls": [_exchange(one, by_row, teller) for one in found]})


def _head(run: PastRun, outcome: str) -> dict[str, Any]:
    body, each = run.body, run.body.get("each")
    return {
        "run": run.number,
        "flow": run.flow,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "outcome": outcome,
        "offline": bool(body.get("offline")),
        "each": each.get("path") if isinstance(each, dict) else None,
        "repeats": list(repeats_of(run)),
        "calls": body.get("calls"),
        "cached": body.get("cached"),
        "cost_usd": _money(money_of(body.get("cost_usd"))),
        "seconds": body.get("seconds"),
    }


def _step(one: StepOfRun, run: PastRun, teller: Teller) -> dict[str, Any]:
    return {
        "step": one.name,
        "kind": one.kind or None,
        "outcome": one.outcome,
        "because": one.because or None,
        "calls": one.calls,
        "cached": one.cached,
        "failed_calls": one.failed_calls,
        "lost_items": one.lost,
        "tokens_in": one.tokens_in,
        "tokens_out": one.tokens_out,
        "tokens_cached": one.tokens_cached,
        "cost_usd": _money(one.cost_usd),
        "seconds": one.seconds,
        "failures": [_failure(failed, run, teller) for failed in one.failures],
        "notes": one.notes,
    }


def _failure(failed: PastStep, run: PastRun, teller: Teller) -> dict[str, Any]:
    diagnostic, place = diagnostic_of(failed, run, teller), failed.body.get("place")
    line, column = diagnostic.source.position(diagnostic.span.start) if place else (None, None)
    return {
        "path": failed.path,
        "item": failed.body.get("item"),
        "rule": diagnostic.rule,
        "message": str(failed.body.get("message", "")),
        "hints": list(diagnostic.hints),
        "file": diagnostic.source.path if place else None,
        "line": line,
        "column": column,
    }


def _exchange(one: Exchange, by_row: bool, teller: Teller) -> dict[str, Any]:
    return {
        "step": name_of(one.path, one.step, by_row),
        "path": one.path,
        "row": row_of(one.path) if by_row else None,
        "item": one.item,
        "sample": one.sample,
        "role": one.role or None,
        "status": one.status,
        "cached": one.cached,
        "of_run": one.of_run,
        "model": one.model,
        "parameters": teller.parameters(one),
        "schema": _parsed(teller.schema(one)),
        "tools": [_parsed(tool) for tool in teller.tools(one)],
        "messages": [_message(message) for message in teller.messages(one)],
        "turns": [_message(teller.message(turn)) for turn in one.turns],
        "answer": one.answer,
        "tool_calls": [{"name": call.get("name"), "arguments": call.get("arguments")} for call in one.tool_calls],
        "error": one.error or None,
        "began_s": one.began_s,
        "seconds": one.seconds,
        "tokens_in": one.tokens_in,
        "tokens_out": one.tokens_out,
        "tokens_cached": one.tokens_cached,
        "cost_usd": _money(one.cost_usd),
    }


def _message(message: ToldMessage) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "text": "".join(message.parts)}
    if message.calls:
        told["tool_calls"] = [{"name": name, "arguments": arguments} for name, arguments in message.calls]
    return told


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _money(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _text(told: Any) -> str:
    return json.dumps(told, indent=2, ensure_ascii=True) + "\n"
