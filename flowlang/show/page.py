"""The report of a run as one page of HTML: made to be looked at, whole in itself, and unable to do anything.

It names no resource and holds no script, and says so to the browser in its policy. Whatever came from a model, a file
or a flow is escaped text.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..store.history import History, PastRun, PastStep
from ..store.past import Exchange, StepOfRun, WholeRun, exchanges, graph_of, name_of, repeats_of, whole
from .graph import Node
from .markup import fitted_line, safe, safe_line
from .numbers import count, money
from .page_calls import LONG, CallsOfStep, LongText
from .page_graph import Look, graph_svg
from .page_style import STYLE
from .page_time import time_chart
from .past import OFFLINE, diagnostic_of, facts_of, misfits_in, moment, outcome_words, step_outcome
from .told import Teller

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_GOOD = {"done": "good", "under way": "mute", "interrupted": "warn", "limit": "warn", "cut off": "warn"}
_STATES = {"done": "done", "failed": "failed", "done without some": "partly", "not finished": "partly"}
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_MOST_OF_A_PICTURE = 2_000_000  # bytes
_SHORT = 160  # characters of an input that needs no folding


def page_of(history: History, run: PastRun) -> Iterator[str]:
    """The page, in pieces."""
    told, teller = whole(history, run), Teller(history)
    by_row = run.body.get("each") is not None
    found: dict[str, list[Exchange]] = {step.name: [] for step in told.steps}
    for one in exchanges(history, run):
        found.setdefault(name_of(one.path, one.step, by_row), []).append(one)
    found = {name: calls for name, calls in found.items() if calls}
    links = {name: f"s{place}" for place, name in enumerate(found, 1)}
    yield _beginning(told)
    yield f"<header>{_header(told)}</header><main>"
    yield from _failures(told, teller)
    yield _graph(told, links)
    seconds = run.body.get("seconds")
    if chart := time_chart(found, seconds if isinstance(seconds, int | float) else 0.0, links):
        yield f'<section><h2>Time</h2><div class="sheet">{chart}</div></section>'
    yield _steps(told, links)
    inputs, known = _inputs(run, teller)
    yield inputs
    if found:
        yield "<section><h2>Requests and answers</h2>"
        failures = {step.name: step.failures for step in told.steps}
        for name, calls in found.items():
            yield f'<h3 id="{links[name]}">{safe_line(name)} <small>{_counted(calls)}</small></h3>'
            yield from CallsOfStep(teller, known, misfits_in(calls, failures[name], teller)).told(calls)
        yield "</section>"
    yield from _sources(run, teller)
    version = safe_line(str(run.body.get("version", "")))
    yield f"</main><footer>Run {run.number}, made with flowlang {version}.</footer></body></html>\n"


def _beginning(told: WholeRun) -> str:
    title = f"{safe_line(told.run.flow)}, run {told.run.number}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
    )


def _header(told: WholeRun) -> str:
    run = told.run
    kind = _GOOD.get(told.outcome, "bad")
    pill = f'<span class="pill {kind}">{safe_line(outcome_words(told.outcome))}</span>'
    again = f", again after run {repeats[0]}" if (repeats := repeats_of(run)) else ""
    facts = dict(facts_of(told))
    meta = [f"Run {run.number}{again}", moment(run.started_at)]
    meta += [f"{name} <b>{safe_line(facts[name])}</b>" for name in ("commit", "only", "rows") if name in facts]
    if run.body.get("offline"):
        meta.append(safe_line(OFFLINE))
    asked = sum(one.calls for one in told.steps)
    cached = sum(one.cached for one in told.steps)
    done = sum(one.outcome == "done" for one in told.steps)
    tiles = [(f"{done} of {len(told.steps)}", "steps done"), (f"{asked:,}", "calls")]
    tiles += [(f"{cached:,}", "from before")] if cached else []
    tiles += [(facts["cost"], "cost")] if "cost" in facts else []
    tokens_in, tokens_out = sum(one.tokens_in for one in told.steps), sum(one.tokens_out for one in told.steps)
    tiles += [(_short(tokens_in), "tokens in"), (_short(tokens_out), "tokens out")] if tokens_in or tokens_out else []
    tiles += [(facts["time"], "time")] if "time" in facts else []
    shown = "".join(f"<div><b>{safe_line(number)}</b><span>{name}</span></div>" for number, name in tiles)
    return f'<h1>{safe_line(run.flow)}{pill}</h1><p class="meta">{" · ".join(meta)}</p><div class="facts">{shown}</div>'


def _failures(told: WholeRun, teller: Teller) -> Iterator[str]:
    found = [*((step.name, one) for step in told.steps for one in step.failures), *(("", one) for one in told.unmet)]
    if not found:
        return
    alike: dict[tuple[str, str], list[tuple[str, PastStep]]] = {}
    for step, one in found:
        alike.setdefault((str(one.body.get("rule")), str(one.body.get("message"))), []).append((step, one))
    yield "<section><h2>What went wrong</h2>"
    for (step, first), *others in alike.values():
        yield _failure(step, first, [_where(name, one) for name, one in others], told.run, teller)
    yield "</section>"


def _where(step: str, failed: PastStep) -> str:
    """Where the same thing went wrong once more."""
    item, path = failed.body.get("item"), failed.path.replace("/", ".")
    words = [step or path] + ([f"item {item}"] if item is not None else [])
    return " ".join([*words, *([f"in {path}"] if path and step else [])])


def _failure(step: str, failed: PastStep, others: Sequence[str], run: PastRun, teller: Teller) -> str:
    found = diagnostic_of(failed, run, teller)
    more = f'<p class="soft">the same in: {safe_line(", ".join(others))}</p>' if others else ""
    hints = "".join(f'<p class="soft">{safe_line(hint)}</p>' for hint in found.hints)
    line, where = "", ""
    if found.source.text:
        number, column = found.source.position(min(found.span.start, len(found.source.text)))
        where = f"<code>{safe_line(found.source.path)}:{number}:{column}</code> "
        line = f"<pre>{safe(found.source.line(number).strip())}</pre>"
    name = f"<b>{safe_line(step)}</b>: " if step else ""
    rule = f'<span class="rule">{safe_line(found.rule)}</span>'
    return f'<div class="failure"><p>{name}{safe_line(found.message)}</p><p>{where}{rule}</p>{line}{hints}{more}</div>'


def _graph(told: WholeRun, links: Mapping[str, str]) -> str:
    nodes = [
        Node(name, kind, level, tuple(notes), tuple(reads), tuple(waits))
        for name, kind, level, notes, reads, waits in graph_of(told.run)
    ]
    below: dict[str, list[StepOfRun]] = {}
    for step in told.steps:
        below.setdefault(step.name.partition(".")[0], []).append(step)
    looks = {step.name: _look(step, below[step.name], links) for step in told.steps if "." not in step.name}
    picture = graph_svg(nodes, looks)
    return f'<section><h2>Steps</h2><div class="sheet scroll graph">{picture}</div></section>' if picture else ""


def _look(step: StepOfRun, parts: Sequence[StepOfRun], links: Mapping[str, str]) -> Look:
    state = _STATES.get(step.outcome, "idle")
    calls, cached = sum(one.calls for one in parts), sum(one.cached for one in parts)
    costs = [one.cost_usd for one in parts if one.cost_usd]
    words = [count(calls, "call")] if calls else [f"{cached:,} from before"] if cached else []
    words += [money(sum(costs, Decimal(0)))] if costs else []
    if state == "idle" or not words:
        words = ["not run" if step.consequences else step.outcome]
    elif step.outcome != "done":
        words = ["failed" if step.outcome == "failed" else step.outcome, *words]
    return Look(state, " · ".join(words), next((links[one.name] for one in parts if one.name in links), ""))


def _steps(told: WholeRun, links: Mapping[str, str]) -> str:
    dearest = max((one.cost_usd or Decimal(0) for one in told.steps), default=Decimal(0))
    longest = max((one.tokens_in + one.tokens_out for one in told.steps), default=0)
    rows = []
    for one in told.steps:
        name = safe_line(one.name)
        name = f'<a href="#{links[one.name]}">{name}</a>' if one.name in links else name
        state = {"done": "good", "failed": "bad", "done without some": "warn"}.get(one.outcome, "mute")
        tokens = one.tokens_in + one.tokens_out
        cost = "–" if one.cost_usd is None else money(one.cost_usd)
        cells = [
            f'<td>{name}</td><td class="{state}">{safe_line(step_outcome(one))}</td><td class="n">{one.calls:,}</td>',
            f'<td class="n wide">{one.cached:,}</td><td class="n wide">{one.tokens_in:,}</td>',
            f'<td class="n wide">{one.tokens_out:,}{_share(tokens, longest)}</td>',
            f'<td class="n">{cost}{_share(one.cost_usd or 0, dearest)}</td>',
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = (
        '<tr><th>step</th><th>outcome</th><th class="n">calls</th><th class="n wide">from before</th>'
        '<th class="n wide">tokens in</th><th class="n wide">out</th><th class="n">cost</th></tr>'
    )
    notes = [f"<li>{safe_line(step.name)}: {safe_line(note)}</li>" for step in told.steps for note in step.notes]
    listed = f'<ul class="plain soft">{"".join(notes)}</ul>' if notes else ""
    table = f'<div class="sheet scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    return f"<section><h2>Cost and tokens</h2>{table}{listed}</section>"


def _share(part: Decimal | int, whole_of: Decimal | int) -> str:
    return f'<i class="share" style="width:{float(part) / float(whole_of):.0%}"></i>' if part and whole_of else ""


def _inputs(run: PastRun, teller: Teller) -> tuple[str, list[LongText]]:
    """The inputs, and the long texts among them, to which requests link."""
    inputs, known = run.body.get("inputs"), list[LongText]()
    if not isinstance(inputs, dict) or not inputs:
        return "", known
    rows = []
    for name, told in inputs.items():
        rows.append(f"<dt>{safe_line(name)}</dt><dd>{_value(told, name, teller, known)}</dd>")
    known.sort(key=lambda one: -len(one.text))
    return f'<section><h2>Inputs</h2><div class="sheet"><dl>{"".join(rows)}</dl></div></section>', known


def _value(told: Any, label: str, teller: Teller, known: list[LongText]) -> str:
    if isinstance(told, dict) and "media" in told:
        return f"{safe_line(teller.value(told))}{_picture(told, teller)}"
    if isinstance(told, list) and any(_is_large(one, teller) for one in told):
        items = [
            f"<li>{_value(one, f'{label}, item {place}', teller, known)}</li>" for place, one in enumerate(told, 1)
        ]
        return f'<ol class="plain">{"".join(items)}</ol>'
    text = teller.value(told)
    if len(text) <= _SHORT and "\n" not in text:
        return safe_line(text)
    title = teller.line(told)
    anchor = ""
    if len(text) >= LONG:
        known.append(LongText(f"i{len(known) + 1}", label, text.strip()))  # a message may begin or end with it
        anchor = f' id="{known[-1].anchor}"'
    return (
        f"<details{anchor}><summary><span>{fitted_line(title, _SHORT)}</span></summary>"
        f'<div class="inside"><pre>{safe(text)}</pre></div></details>'
    )


def _picture(told: Mapping[str, Any], teller: Teller) -> str:
    """An image of an input, inside the page; nothing for what browsers do not show as it is, or is too large."""
    data = teller.media(told) if told.get("type") in _PICTURES else None
    if not data or len(data) > _MOST_OF_A_PICTURE:
        return ""
    return f'<img alt="{safe_line(teller.value(told))}" src="data:{told["type"]};base64,{b64encode(data).decode()}">'


def _is_large(told: Any, teller: Teller) -> bool:
    if isinstance(told, dict) and "media" in told:
        return True
    return len(teller.value(told)) > _SHORT


def _sources(run: PastRun, teller: Teller) -> Iterator[str]:
    sources = run.body.get("sources")
    if not isinstance(sources, dict) or not sources:
        return
    yield "<section><h2>The flow</h2>"
    for path, told in sources.items():
        text = teller.text(told)
        size = count(text.count("\n") + (not text.endswith("\n")), "line")
        head = f'<summary><span>{safe_line(path)}</span><span class="took">{size}</span></summary>'
        yield f'<details>{head}<div class="inside"><pre>{safe(text)}</pre></div></details>'
    yield "</section>"


def _counted(calls: Sequence[Exchange]) -> str:
    asked = sum(not one.cached for one in calls)
    cached = len(calls) - asked
    parts = [count(asked, "call")] if asked else []
    return ", ".join([*parts, *([f"{cached:,} from before"] if cached else [])])


def _short(number: int) -> str:
    """A number of tokens for a tile: `12,345`, `1.2 M`."""
    return f"{number:,}" if number < 1_000_000 else f"{number / 1_000_000:.1f} M"
