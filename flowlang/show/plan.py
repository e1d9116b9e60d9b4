"""A plan as people read it, and as programs do."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ..language import ast
from ..language.checked import CheckedLimits, CheckedStep
from ..language.expression import Scope
from ..language.template import render
from ..language.values import Value, ValueMistake
from ..plan.estimate import Estimate
from ..plan.graph import Plan, PlannedStep
from ..plan.need import Need
from ..plan.remaining import Saved
from ..run.budget import dollars, in_words
from .numbers import count, money
from .phrases import written
from .terminal import columns, visible, visible_line

_COMPUTED = "it is worked out without a model"


def plan_json(plan: Plan) -> str:
    """The plan in the shape that programs rely on."""
    whole = {
        "flow": plan.flow.source.path,
        "steps": [_step_json(node) for node in plan.nodes.values()],
        "calls": plan.calls,
        "cost_usd": None if plan.cost_usd is None else float(plan.cost_usd),
        "limits": _limits_json(plan.flow.limits),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def plan_table(estimate: Estimate, width: int, saved: Saved | None = None) -> str:
    """The steps in the order in which they can start, and what a run would cost.

    `saved` is what answers from before save, where the plan was looked up in the store.
    """
    plan = estimate.plan
    steps = plan.steps()
    lines = [f"{visible_line(plan.flow.source.path)}: {count(len(steps), 'step')}, {_calls(plan.calls)}", ""]
    rows = [("", "step", "status", "calls", "model", "tokens in", "cost", "reads")]
    level: int | None = None
    for node in sorted(plan.nodes.values(), key=lambda one: (one.level, one.place.span.start)):
        first = str(node.level + 1) if node.level != level else ""
        level = node.level
        need = estimate.needs[node.name]
        cells = (_calls_of(node), _model_of(node), _tokens_of(node), _cost_of(need, node))
        status = "-" if saved is None or node.kind == "let" else node.without_asking or node.status
        rows.append((first, visible_line(node.name), status, *cells, visible_line(_reads_of(node))))
    lines += _laid_out(_without_empty(rows), width)
    lines += ["", "What has the same number starts at the same time."] if len(rows) > 2 else []
    if saved is not None:
        lines += ["", *_reasons(steps)]
    is_done = saved is not None and saved.calls > 0 and all(step.status == "cached" for step in steps)
    lines += ["Nothing is left to ask."] if is_done else _cost_in_all(estimate.total)
    if limits := _limits(plan.flow.limits):
        lines.append(f"Limits: {', '.join(limits)}.")
    lines += _against_limits(estimate.total, plan.flow.limits)
    if without := [node.name for node in plan.without_model()]:
        lines.append(f"No model is named for {', '.join(f'`{visible_line(name)}`' for name in without)}.")
    if saved is not None:
        lines.append(_saved_in_all(saved, plan.calls, any(step.status == "unknown" for step in steps)))
    return "\n".join(lines) + "\n"


def plan_prompts(plan: Plan, names: Mapping[str, Value]) -> str:
    """The messages of every step that asks a model, filled in as far as `names` go; the rest keeps its braces."""
    told: list[str] = []
    flow = plan.flow
    for node in plan.nodes.values():
        if isinstance(node.of, CheckedStep) and node.of.messages:
            loops = {"place", *(loop.name for loop in node.of.loops)} if node.of.loops else set()
            unknown = {*flow.inputs, *flow.steps, *flow.lets, *loops} - names.keys()
            told.append(f"── {visible_line(node.name)} " + "─" * max(3, 60 - columns(node.name)))
            for message in node.of.messages:
                told.append(f"{message.role}:\n{visible(fill_known(message.text.parts, names, unknown))}\n")
    return "\n".join(told)


def fill_known(parts: Iterable[ast.Part], names: Mapping[str, Value], unknown: Container[str]) -> str:
    """A text with what is known filled in; what hangs on something unknown or empty stands as it is written."""
    filled: list[str] = []
    for part in parts:
        if isinstance(part, str):
            filled.append(part)
        elif any(name in unknown for name in free_names((part,))):
            filled.append(written(part))
        else:
            filled.append(_filled(part, names))
    return "".join(filled)


def _filled(part: ast.Part, names: Mapping[str, Value]) -> str:
    try:
        rendered = render((part,), Scope(names))
    except ValueMistake:
        return written(part)
    if rendered.empties:
        return written(part)
    return "".join(piece if isinstance(piece, str) else f"[{piece.kind}: {piece.name}]" for piece in rendered.pieces)


def free_names(parts: Iterable[ast.Part]) -> set[str]:
    """The names that a text reads, without those of its own loops; a word in a `where` may also be a field's."""
    found: set[str] = set()
    for part in parts:
        match part:
            case ast.Slot(value=value):
                found |= _names_in(value)
            case ast.For(name=name, items=items, body=body):
                found |= _names_in(items) | (free_names(body) - {name.text})
            case ast.If(condition=condition, body=body, other=other):
                found |= _names_in(condition) | free_names(body) | free_names(other)
            case _:
                pass
    return found


def _names_in(node: ast.Condition) -> set[str]:
    match node:
        case ast.Ref(parts=parts):
            return {parts[0].text}
        case ast.Piped(head=head, filters=filters):
            inside: list[ast.Condition] = [argument for call in filters for argument in call.arguments]
            inside += [call.condition for call in filters if call.condition is not None]
            return _names_in(head).union(*map(_names_in, inside))
        case ast.ListValue(items=items):
            return set().union(*map(_names_in, items))
        case ast.Text(parts=text_parts):
            return free_names(text_parts)
        case ast.AnyOf(parts=conditions) | ast.AllOf(parts=conditions):
            return set().union(*map(_names_in, conditions))
        case ast.Not(inner=inner):
            return _names_in(inner)
        case ast.Compare(left=left, right=right):
            return _names_in(left) | _names_in(right)
        case ast.IsOneOf(left=left, options=options):
            return _names_in(left).union(*map(_names_in, options))
        case ast.IsEmpty(value=value):
            return _names_in(value)
        case _:
            return set()


def _step_json(node: PlannedStep) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": node.kind,
        "reads": list(node.reads),
        "level": node.level,
        "model": node.model or None,
        "status": node.status,
        "calls": node.calls,
        "tokens_in": node.tokens_in,
        "cost_usd": None if node.cost_usd is None else float(node.cost_usd),
        "because": _COMPUTED if node.kind == "let" else node.because,
    }


def _limits_json(limits: CheckedLimits) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if limits.cost_usd is not None:
        told["cost_usd"] = float(limits.cost_usd)
    if limits.calls is not None:
        told["calls"] = limits.calls
    if limits.time_s is not None:
        told["time_s"] = float(limits.time_s)
    return told


def _limits(limits: CheckedLimits) -> list[str]:
    told = []
    if limits.cost_usd is not None:
        told.append(dollars(limits.cost_usd))
    if limits.calls is not None:
        told.append(count(limits.calls, "call"))
    if limits.time_s is not None:
        told.append(in_words(float(limits.time_s)))
    return told


def _calls(calls: int | None) -> str:
    return (
        "as many calls as the data needs" if calls is None else f"{count(calls, 'call')} if every answer fits at once"
    )


def _calls_of(node: PlannedStep) -> str:
    if node.kind == "let":
        return "-"
    return "?" if node.calls is None else f"{node.calls:,}"


def _model_of(node: PlannedStep) -> str:
    if node.kind == "prompt":
        return visible_line(node.model or "none yet")
    return {"let": "(let)", "run": "(a flow)", "call": "(a tool)"}.get(node.kind, "")


def _tokens_of(node: PlannedStep) -> str:
    return "-" if node.tokens_in is None or node.kind in ("let", "call") else f"{node.tokens_in:,}"


def _cost_of(need: Need, node: PlannedStep) -> str:
    if node.kind in ("let", "call") or need.likely_usd is None:
        return "-"
    most = "" if need.most_usd in (None, need.likely_usd) else f", at most {money(need.most_usd)}"
    return f"{money(need.likely_usd)}{most}"


def _cost_in_all(total: Need) -> list[str]:
    """What all steps together need; nothing where that is not known."""
    if total.tokens_in is None:
        return []
    told = f"About {total.tokens_in:,} tokens in"
    if total.likely_usd is not None:
        told += f", about {money(total.likely_usd)}"
    if total.most_usd is not None:
        told += f"; at most {money(total.most_usd)}, if every answer is as long as it may be"
    return [f"{told}."]


def _reasons(steps: Iterable[PlannedStep]) -> list[str]:
    """Why each step that is not answered from before is not, a line for each."""
    told = []
    for step in steps:
        if step.without_asking:
            told.append(f"`{visible_line(step.name)}`: {visible_line(step.because)}")
        elif step.status != "cached":
            told.append(f"`{visible_line(step.name)}` is {step.status}: {visible_line(step.because)}")
    return told


def _saved_in_all(saved: Saved, calls: int | None, has_unknown: bool) -> str:
    """What the answers from before save."""
    if not saved.calls:
        return "No call is answered already."
    of = f" of {saved.calls + calls:,}" if calls is not None else ""
    up_to = " at most" if of and has_unknown else ""
    known = f", about {money(saved.cost_usd)} saved" if saved.cost_usd else ""
    noun = "call" if saved.calls + (calls or 0) == 1 else "calls"
    return f"{saved.calls:,}{of} {noun}{up_to} {'is' if saved.calls == 1 else 'are'} answered already{known}."


def _against_limits(total: Need, limits: CheckedLimits) -> list[str]:
    """What the estimate says of the limits, where it says something."""
    told = []
    if limits.calls is not None and total.calls is not None and total.calls > limits.calls:
        told.append(
            f"warning: {count(total.calls, 'call')} are more than the limit allows: the run would stop on the way."
        )
    cost = limits.cost_usd
    if cost is not None and total.likely_usd is not None and total.likely_usd > cost:
        told.append(f"warning: that is more than the limit of {dollars(cost)}: the run would stop on the way.")
    elif cost is not None and total.most_usd is not None and total.most_usd > cost:
        told.append(f"It may come to the limit of {dollars(cost)}, and would then stop on the way.")
    return told


def _reads_of(node: PlannedStep) -> str:
    after = [name for name in node.waits_for if name not in node.reads]
    return ", ".join(node.reads) + (f" (after {', '.join(after)})" if after else "")


def _without_empty(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The rows without the columns of status, tokens and cost, where nothing is known of them."""
    kept = [
        place
        for place, head in enumerate(rows[0])
        if head not in ("status", "tokens in", "cost") or any(row[place] != "-" for row in rows[1:])
    ]
    return [tuple(row[place] for place in kept) for row in rows]


def _laid_out(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The rows as a table; on a screen too narrow for it, a few lines for each."""
    last = len(rows[0]) - 1
    widths = [max(columns(row[place]) for row in rows) for place in range(last)]
    left = width - sum(widths) - 2 * last
    if left >= 12:
        lines: list[str] = []
        for row in rows:
            cells = [cell + " " * (wide - columns(cell)) for cell, wide in zip(row[:last], widths, strict=True)]
            lines.append("  ".join([*cells, row[last]]).rstrip())
        return lines
    heads = rows[0]
    told: list[str] = []
    for row in rows[1:]:
        told.append(f"{row[0]:>2} {row[1]}")
        told += [f"   {head}: {cell}" for head, cell in zip(heads[2:], row[2:], strict=True) if cell and cell != "-"]
    return told
