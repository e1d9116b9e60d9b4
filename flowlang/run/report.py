"""A run in one value, made from its events alone."""

from collections.abc import Iterable
from decimal import Decimal

from ..record import record
from .event import CallFinished, Event, Noted, RunFinished, StepFailed, StepFinished, StepSkipped
from .exit import DONE, FAILED, INTERRUPTED, LIMIT, NOT_ALLOWED, OF_RULE, PROVIDER, STORE
from .outcome import FAILED_BEFORE


@record
class Report:
    """How a run came out.

    `failed` are the failures to tell, each of its own making; `consequences` those that only followed from them.
    `lost` are failed items that their step went on without. `finished` counts the flow's own steps, each once.
    """

    outcome: str  # "done", "failed", "limit", "interrupted"
    exit_code: int
    failed: tuple[StepFailed, ...]
    consequences: tuple[StepFailed, ...]
    lost: tuple[StepFailed, ...]
    skipped: tuple[StepSkipped, ...]
    noted: tuple[Noted, ...]
    finished: int
    calls: int
    cached: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int  # the part of `tokens_in` that providers remembered
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    unpriced: int  # calls that cost something that nobody knows
    seconds: float


def fold(events: Iterable[Event]) -> Report:
    """The report of a run, ended or not; one without its last event was interrupted."""
    failures: list[StepFailed] = []
    went_on: set[tuple[str, str]] = set()  # repeated steps that finished without some of their items
    skipped: list[StepSkipped] = []
    noted: list[Noted] = []
    finished = tokens_in = tokens_out = tokens_cached = calls = unpriced = 0
    end: RunFinished | None = None
    for event in events:
        match event:
            case StepFailed():
                failures.append(event)
            case StepFinished():
                finished += not event.path
                if event.failed_items:
                    went_on.add((event.path, event.step))
            case StepSkipped():
                skipped.append(event)
            case Noted():
                noted.append(event)
            case CallFinished():
                unpriced += bool(event.tokens_in or event.tokens_out) and event.cost_usd is None
                if not event.cached:  # what came from before was paid for then
                    calls += 1
                    tokens_in += event.tokens_in
                    tokens_out += event.tokens_out
                    tokens_cached += event.tokens_cached
            case RunFinished():
                end = event
    lost = [one for one in failures if _is_lost(one, went_on)]
    kept = [one for one in failures if not _is_lost(one, went_on)]
    outcome = end.outcome if end is not None else "interrupted"
    return Report(
        outcome=outcome,
        exit_code=_exit_code(outcome, kept, bool(lost)),
        failed=tuple(sorted((one for one in kept if one.rule != FAILED_BEFORE), key=_order)),
        consequences=tuple(one for one in kept if one.rule == FAILED_BEFORE),
        lost=tuple(sorted(lost, key=_order)),
        skipped=tuple(skipped),
        noted=tuple(noted),
        finished=finished,
        calls=end.calls if end is not None else calls,
        cached=end.cached if end is not None else 0,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_cached=tokens_cached,
        cost_usd=end.cost_usd if end is not None else None,
        unpriced=unpriced,
        saved_usd=end.saved_usd if end is not None else None,
        seconds=end.seconds if end is not None else 0.0,
    )


def _is_lost(failed: StepFailed, went_on: set[tuple[str, str]]) -> bool:
    """Whether the failure cost an item only: its own, or one that ran the flow in which it happened."""
    if failed.item is not None and (failed.path, failed.step) in went_on:
        return True
    path = failed.path
    while path:
        path, _, last = path.rpartition("/")
        if (path, last.partition("[")[0]) in went_on:
            return True
    return False


def _order(failed: StepFailed) -> tuple[int, str, int]:
    return failed.place.span.start, failed.path, failed.item or 0


def _exit_code(outcome: str, failed: list[StepFailed], lost: bool) -> int:
    """The one code of the run: what stops everything goes before what stops a step."""
    if outcome == "interrupted":
        return INTERRUPTED
    codes = {OF_RULE.get(one.rule, FAILED) for one in failed if one.rule != FAILED_BEFORE}
    for code in (NOT_ALLOWED, STORE, LIMIT, PROVIDER):
        if code in codes:
            return code
    return FAILED if failed or lost or outcome == "failed" else LIMIT if outcome == "limit" else DONE
