"""The end of a run, told to a person: every failure at its line, what was written, and one last line."""

from collections.abc import Iterable, Sequence

from ..diagnostics.diagnostic import Diagnostic
from ..plan.graph import Plan
from ..record import record
from ..run.budget import MAX_COST
from ..run.event import StepFailed
from ..run.report import Report
from ..store.past import name_of
from .github import as_code, listed
from .numbers import count, duration, paid
from .snippet import tell
from .terminal import visible_line

MOST_OF_A_STEP = 3  # failures of one step that are told in full

THE_ANSWER = "the answer: "  # how a hint begins that has a part of one
_NO_USE = ("bad-answer", "cut-off", "wrong-value")  # what is wrong with an answer
_NO_ANSWER = ("bad-request", "content-refused", "refused", "tool-failed", "unreachable")

OUTCOMES = {"done": "done", "failed": "failed", "limit": "stopped by a limit", "interrupted": "interrupted"}


@record
class KeptRun:
    """The number under which a run was kept; `store` goes behind commands that look for it, mostly nothing.

    `allowed` goes behind the one that runs it again: what the user allowed this run alone.
    """

    number: int
    store: str = ""
    allowed: str = ""

    def commands(self, step: str = "", first: str = "") -> str:
        """What to do `first`, and what to type next: to see what was asked and answered, and to do what is missing."""
        show = f"flowlang show {self.number}{f' {step}' if step else ''}{self.store}"
        what = f"run {self.number}: {first}what it asked and was answered"
        return f"{what}: {show}     again: flowlang retry {self.number}{self.store}{self.allowed}"


def failures(report: Report, kept: KeptRun | None = None) -> list[Diagnostic]:
    """Each failure as a report at the line of the step that met it; of many alike, the first few.

    Of a run that was kept, an answer that did not fit can be seen whole, and it is said how.
    """
    told: list[Diagnostic] = []
    for one in (*report.failed, *report.lost):
        same = [other for other in (*report.failed, *report.lost) if (other.path, other.step) == (one.path, one.step)]
        if same.index(one) < MOST_OF_A_STEP:
            told.append(_diagnostic(one, kept))
        elif same.index(one) == MOST_OF_A_STEP:
            message = f"{count(len(same) - MOST_OF_A_STEP, 'more item')} of step `{one.step}` failed like this"
            told.append(Diagnostic(one.rule, message, one.place.source, one.place.span))
    return told


def tell_failures(report: Report, width: int, colour: bool, kept: KeptRun | None = None) -> str:
    """The failures, each with its line; empty if there is none."""
    return "".join(tell(one, width, colour) + "\n\n" for one in failures(report, kept))


def last_line(report: Report, exit_code: int, flow: str, offline: bool, plan: Plan, kept: KeptRun | None = None) -> str:
    """What ran, how much it asked, how long it took, how it came out, and what to type next.

    `flow` is its file as it was named.
    """
    how = OUTCOMES[report.outcome]
    if exit_code and report.outcome == "done":
        how = "done, but not all of it"
    parts = [f"{how}{f' (exit {exit_code})' if exit_code else ''}: {count(report.finished, 'step')}"]
    parts.append(count(report.calls, "call") + (f" and {report.cached} from before" if report.cached else ""))
    if report.tokens_in or report.tokens_out:
        saved = f", which saved {paid(report.saved_usd)}" if report.saved_usd else ""
        remembered = f" ({report.tokens_cached:,} of them remembered{saved})" if report.tokens_cached else ""
        parts.append(f"{report.tokens_in:,} tokens in{remembered}, {report.tokens_out:,} out")
    if report.cost_usd is not None:
        beside = f" and {count(report.unpriced, 'call')} of which nobody knows the price" if report.unpriced else ""
        parts.append(f"{paid(report.cost_usd)}{beside}")
    elif report.unpriced and not offline:
        parts.append("nobody knows the price")
    parts.append(duration(report.seconds))
    if skipped := _skipped(report):
        parts.append(f"{skipped} skipped")
    if failed := len(_steps((*report.failed, *report.consequences))):
        parts.append(f"{failed} failed")
    if unmet := sum(not one.step for one in report.failed):
        parts.append(f"{count(unmet, 'expectation')} not met")
    if report.lost:
        parts.append(f"{count(len(report.lost), 'item')} lost")
    if offline:
        parts.append("offline: no language model was asked")
    return ", ".join(parts) + _next(report, flow, plan, kept)


def run_summary(report: Report, flow: str, exit_code: int) -> str:
    """How a run came out."""
    rows = [
        ("outcome", f"{OUTCOMES[report.outcome]}, exit code {exit_code}"),
        ("steps", f"{report.finished} done, {_skipped(report)} skipped"),
        ("calls", f"{report.calls:,}"),
        ("time", duration(report.seconds)),
    ]
    return summary_page(flow, rows, failures(report))


def summary_page(flow: str, rows: Sequence[tuple[str, str]], found: Sequence[Diagnostic]) -> str:
    """A table on a run as a whole, and what went wrong, as Markdown."""
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join([f"### flowlang run {as_code(flow)}", "", *table, "", *listed(found)]) + "\n"


def _diagnostic(failed: StepFailed, kept: KeptRun | None) -> Diagnostic:
    where = []
    if failed.item is not None:
        where.append(f"item {failed.item}")
    if failed.path:
        where.append(f"in {failed.path.replace('/', '.')}")
    message = failed.message + (f" ({', '.join(where)})" if where else "")
    hints = failed.hints
    if kept is not None and hints and hints[-1].startswith(THE_ANSWER):
        item = f" --item {failed.item}" if failed.item is not None else ""
        name = name_of(failed.path, failed.step, by_row=False)
        hints = (*hints[:-1], f"{hints[-1]}     all of it: flowlang show {kept.number} {name}{item}{kept.store}")
    return Diagnostic(failed.rule, message, failed.place.source, failed.place.span, hints)


def _next(report: Report, flow: str, plan: Plan, kept: KeptRun | None) -> str:
    if kept is not None and report.outcome != "done":
        limit = _limit_to_raise(report, flow, plan)
        limits = f"to go further, raise {limit}; " if limit else ""
        step = visible_line(_asked_for_nothing(report, plan, (*_NO_USE, *_NO_ANSWER)))
        return f"\n{kept.commands(step, limits)}"
    match report.outcome:
        case "limit" if limit := _limit_to_raise(report, flow, plan):
            return f"\nto go further, raise {limit} and run it again"
        case "failed" if first := _asked_for_nothing(report, plan):
            return f"\nwhat it was asked: flowlang preview {flow} {visible_line(first)} …"
        case _:
            return ""


def _limit_to_raise(report: Report, flow: str, plan: Plan) -> str:
    """What sets the limit that stopped the run: an option or the flow; nothing if neither does."""
    if report.outcome != "limit":
        return ""
    if any(one.rule == "limit-reached" and MAX_COST in one.message for one in report.failed):
        return MAX_COST
    return f"`limits` in {flow}" if any(_has_limits(below) for below in plan.with_those_below()) else ""


def _has_limits(plan: Plan) -> bool:
    limits = plan.flow.limits
    return limits.cost_usd is not None or limits.calls is not None or limits.time_s is not None


def _asked_for_nothing(report: Report, plan: Plan, rules: Sequence[str] = _NO_USE) -> str:
    """The first step that failed by one of these rules, as `preview` names it; what asks no model is none."""
    for one in (*report.failed, *report.lost):
        if one.rule in rules:
            outer = one.path.partition("[")[0]  # in the flow that this step runs, for an item or round of its own
            node = plan.nodes.get(outer)
            inside = node.sub if outer and node is not None else plan
            asked = inside.nodes.get(one.step) if inside is not None else None
            if asked is not None and asked.kind == "prompt" and "/" not in one.path:
                return f"{outer}.{one.step}" if outer else one.step
    return ""


def _steps(failed: Iterable[StepFailed]) -> set[str]:
    """The flow's own steps that failed, also for what failed in a flow that they run."""
    return {one.path.partition("/")[0].partition("[")[0] or one.step for one in failed if one.path or one.step}


def _skipped(report: Report) -> int:
    return sum(not one.path for one in report.skipped)


def told_files(paths: Sequence[str]) -> str:
    """Which files were written: their names, or of many the first and how many."""
    if len(paths) <= 5:
        return "\n".join(f"wrote {path}" for path in paths)
    return f"wrote {paths[0]} and {len(paths) - 1} more files"
