"""Earlier runs as people read them: the list, one run, and what a step asked and was answered."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..store.history import PastRun, PastStep
from ..store.past import UNDER_WAY, Exchange, StepOfRun, WholeRun, commit_of, money_of, repeats_of
from .ending import OUTCOMES
from .numbers import count, duration, money
from .snippet import tell
from .table import aligned
from .terminal import visible_line
from .told import Teller, ToldMessage, shared

MOST_FAILURES = 20  # of one run that are told in full
OFFLINE = "offline: no language model was asked"
_HEADS = ("run", "began", "flow", "outcome", "calls", "from before", "cost", "time")
_STEP_HEADS = ("step", "outcome", "calls", "from before", "tokens in", "out", "cost", "time")


def moment(unix_s: float, zone: tzinfo | None = None) -> str:
    """A time as `2026-11-29 17:02:11`, in the given zone or the computer's own."""
    try:
        return datetime.fromtimestamp(unix_s, zone).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "unknown"


def outcome_words(outcome: str) -> str:
    """How a run came out, in words."""
    return OUTCOMES.get(outcome, outcome)


# ── The list ──


def runs_table(runs: Sequence[tuple[PastRun, str]]) -> str:
    """A line for each run with its outcome."""
    rows = [
        (
            str(run.number),
            moment(run.started_at),
            visible_line(run.flow),
            outcome_words(outcome) + _kind_of(run),
            _number(run.body.get("calls")),
            _number(run.body.get("cached")),
            _cost(money_of(run.body.get("cost_usd"))),
            _seconds(run.body.get("seconds")),
        )
        for run, outcome in runs
    ]
    return aligned([_HEADS, *rows], numbers=(0, 4, 5, 6, 7))


def _kind_of(run: PastRun) -> str:
    kinds = [f"again {repeats[0]}"] if (repeats := repeats_of(run)) else []
    kinds += ["offline"] if run.body.get("offline") else []
    kinds += ["each row"] if run.body.get("each") else []
    return f" ({', '.join(kinds)})" if kinds else ""


# ── One run ──


def run_page(whole: WholeRun, teller: Teller, width: int, colour: bool, store: str = "") -> str:
    """What a run began with, its steps, what went wrong, and what to type next. `store` goes behind commands."""
    run = whole.run
    parts = [_head(whole, teller), step_table(whole.steps)]
    found = [*(one for step in whole.steps for one in step.failures), *whole.unmet]
    told = [tell(diagnostic_of(one, run, teller), width, colour) + "\n" for one in found[:MOST_FAILURES]]
    if len(found) > MOST_FAILURES:
        told.append(f"and {count(len(found) - MOST_FAILURES, 'more failure')}: flowlang show {run.number} --json\n")
    parts += told
    notes = [f"{visible_line(step.name)}: {visible_line(note)}\n" for step in whole.steps for note in step.notes]
    parts += ["".join(notes)] if notes else []
    parts.append(_next(whole, store))
    return "\n".join(parts)


def _head(whole: WholeRun, teller: Teller) -> str:
    run = whole.run
    again = f", again after run {repeats[0]}" if (repeats := repeats_of(run)) else ""
    lines = [f"run {run.number} of {visible_line(run.flow)}, {moment(run.started_at)}{again}: "]
    lines[0] += outcome_words(whole.outcome)
    lines += [f"  {name:<10}{text}" for name, text in facts_of(whole)]
    inputs = run.body.get("inputs")
    if isinstance(inputs, dict) and inputs:
        wide = max(map(len, inputs))
        lines.append("  inputs")
        lines += [f"    {visible_line(name):<{wide}}  {teller.line(told)}" for name, told in inputs.items()]
    return "\n".join(lines) + "\n"


def facts_of(whole: WholeRun) -> list[tuple[str, str]]:
    """What holds for a run as a whole, by name: calls, cost, time, commit, how it was run."""
    run, steps = whole.run, whole.steps
    calls = sum(one.calls for one in steps)
    cached = sum(one.cached for one in steps)
    facts = [("calls", count(calls, "call") + (f", and {cached:,} from before" if cached else ""))]
    tokens_in, tokens_out = sum(one.tokens_in for one in steps), sum(one.tokens_out for one in steps)
    if tokens_in or tokens_out:
        remembered = sum(one.tokens_cached for one in steps)
        more = f" ({remembered:,} of them remembered)" if remembered else ""
        facts.append(("tokens", f"{tokens_in:,} in{more}, {tokens_out:,} out"))
    costs = [one.cost_usd for one in steps if one.cost_usd is not None]
    if costs:
        facts.append(("cost", money(sum(costs, Decimal(0)))))
    if isinstance(run.body.get("seconds"), int | float):
        facts.append(("time", duration(run.body["seconds"])))
    if (commit := commit_of(run)) is not None:
        changed = ", ".join(visible_line(one) for one in commit[1])
        facts.append(("commit", f"{commit[0][:12]}, " + (f"but {changed} changed since" if changed else "clean")))
    if run.body.get("only"):
        facts.append(("only", visible_line(str(run.body["only"]))))
    each = run.body.get("each")
    if isinstance(each, dict):
        facts.append(("rows", visible_line(str(each.get("path", "")))))
    if run.body.get("offline"):
        facts.append(("answers", OFFLINE))
    return facts


def step_table(steps: Sequence[StepOfRun]) -> str:
    """A line for each step."""
    rows = [
        (
            visible_line(one.name),
            step_outcome(one),
            f"{one.calls:,}",
            f"{one.cached:,}",
            f"{one.tokens_in:,}",
            f"{one.tokens_out:,}",
            _cost(one.cost_usd),
            _seconds(one.seconds) if one.seconds else "-",
        )
        for one in steps
    ]
    return aligned([_STEP_HEADS, *rows], numbers=(2, 3, 4, 5, 6, 7))


def step_outcome(step: StepOfRun) -> str:
    """How a step came out, with the few words that explain it."""
    if step.outcome == "skipped" and step.because:
        return f"skipped, {visible_line(step.because)}"
    if step.outcome == "failed" and step.consequences and not step.failures:
        return "not run, since another failed"
    if step.outcome == "done without some":
        return f"done, {count(step.lost, 'item')} lost"
    return step.outcome


def diagnostic_of(failed: PastStep, run: PastRun, teller: Teller) -> Diagnostic:
    """A failure at the line of the flow as it was then; without a file where no line of it met the failure."""
    body = failed.body
    place = body.get("place")
    place = place if isinstance(place, dict) else {}
    path = str(place.get("file") or run.flow)
    sources = run.body.get("sources")
    text = teller.text(sources.get(path)) if isinstance(sources, dict) else ""
    start, end = place.get("start"), place.get("end")
    start = start if isinstance(start, int) else 0
    end = end if isinstance(end, int) else start + 1
    where = [f"item {body['item']}"] if isinstance(body.get("item"), int) else []
    where += [f"in {failed.path.replace('/', '.')}"] if failed.path and body.get("outcome") != "row failed" else []
    message = str(body.get("message", "")) + (f" ({', '.join(where)})" if where else "")
    hints = body.get("hints")
    told = tuple(str(one) for one in hints) if isinstance(hints, list) else ()
    source = SourceFile(path, text) if place else SourceFile("", "")
    return Diagnostic(str(body.get("rule", "failed")), message, source, Span(start, max(start, end)), told)


def _next(whole: WholeRun, store: str) -> str:
    run = whole.run
    asked = next((one.name for one in whole.steps if one.failures and one.calls), "")
    asked = asked or next((one.name for one in whole.steps if one.calls or one.cached), "")
    show = f"flowlang show {run.number} {visible_line(asked)}{store}"
    lines = [f"what a step was asked and answered: {show}"] if asked else []
    if whole.outcome == UNDER_WAY:
        lines.append("it is still under way")
    elif not whole.ended_well:
        lines.append(f"again, only what is missing: flowlang retry {run.number}{store}")
    return "".join(f"{line}\n" for line in lines)


# ── A step ──


def step_page(
    found: Iterable[Exchange], failures: Sequence[str], teller: Teller, misfits: Container[int] = ()
) -> Iterator[str]:
    """What a step was asked and answered, a part for each call. `failures` are told at the end.

    `misfits` are the numbers of the answers that were no use.
    """
    before: dict[tuple[str, int | None, int, str], tuple[ToldMessage, ...]] = {}
    for number, one in enumerate(found):
        who = (one.path, one.item, one.sample, one.role)
        messages = teller.messages(one)
        same = shared(before.get(who, ()), messages)
        yield ("\n" if number else "") + _exchange_text(one, messages, same, teller, one.number not in misfits)
        before[who] = messages
    if failures:
        yield "\n" + "\n".join(failures)


def misfits_in(found: Iterable[Exchange], failed: Iterable[PastStep], teller: Teller) -> set[int]:
    """The numbers of the answers that did not fit: of each the model was told so, or the item `failed` by it."""
    last: dict[tuple[str, int | None, int], Exchange] = {}
    numbers: set[int] = set()
    for one in found:
        who = (one.path, one.item, one.sample)
        before = last.get(who)
        if one.role:
            continue
        if before is not None and before.answer is not None:
            *_, said, told = (ToldMessage("", ()), ToldMessage("", ()), *teller.messages(one))
            if (said.role, said.text, told.role) == ("assistant", before.answer, "user"):
                numbers.add(before.number)
        last[who] = one
    samples = Counter((path, item) for path, item, _ in last)
    items = {
        (one.path, one.body.get("item"))
        for one in failed
        if one.body.get("rule") == "bad-answer" and not str(one.body.get("message")).startswith("the judge of ")
    }
    for (path, item, _), one in last.items():
        if one.status == "ok" and (path, item) in items and samples[path, item] == 1:
            numbers.add(one.number)
    return numbers


def place_words(one: Exchange) -> str:
    """Where in a run something was asked: `claims, item 2, sample 3, in polished[2], of its judge`."""
    words = [visible_line(one.step)]
    words += [f"item {one.item}"] if one.item is not None else []
    words += [f"sample {one.sample}"] if one.sample > 1 else []
    words += [f"in {visible_line(one.path.replace('/', '.'))}"] if one.path else []
    words += [f"its {one.role}"] if one.role else []
    return ", ".join(words)


def figures(one: Exchange, fits: bool = True) -> str:
    """How a call came out, and what it took."""
    misfit = "did not fit"
    if one.cached:
        return f"from before, of run {one.of_run}{'' if fits else f', {misfit}'}"
    status = {"unknown": "nobody knows what became of it", "ok": "ok" if fits else misfit}.get(one.status, one.status)
    parts = [status]
    if one.seconds:
        parts.append(duration(one.seconds))
    if one.tokens_in or one.tokens_out:
        parts.append(f"{one.tokens_in:,} tokens in, {one.tokens_out:,} out")
    if one.cost_usd is not None:
        parts.append(money(one.cost_usd))
    return ", ".join(parts)


def _exchange_text(one: Exchange, messages: Sequence[ToldMessage], same: int, teller: Teller, fits: bool) -> str:
    head = [f"━━ {place_words(one)}: {figures(one, fits)} ━━"]
    if one.model:
        head.append(f"model: {one.model}")
    head += [f"{name}: {_plain(value)}" for name, value in teller.parameters(one).items()]
    if one.request is None:
        head.append("what was asked is not kept any more")
    blocks = ["\n".join(head)]
    if 0 < same < len(messages):
        blocks.append(f"── {count(same, 'message')} as before, then ──")
        messages = messages[same:]
    blocks += [f"── {message.role} ──\n{message.text}" for message in messages]
    for turn in one.turns:
        blocks.append(f"── {teller.message(turn).role} ──\n{teller.message(turn).text}")
    if one.answer is not None or one.tool_calls:
        calls = "".join(f"[calls {call.get('name')}: {call.get('arguments')}]" for call in one.tool_calls)
        blocks.append(f"── answer ──\n{one.answer or ''}{calls}")
    if one.error:
        blocks.append(f"── error ──\n{one.error}")
    return "\n\n".join(blocks) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _number(told: object) -> str:
    return f"{told:,}" if isinstance(told, int) else "-"


def _cost(amount: Decimal | None) -> str:
    return "-" if amount is None else money(amount)


def _seconds(told: object) -> str:
    return duration(told) if isinstance(told, int | float) else "-"
