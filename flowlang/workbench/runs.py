"""`flowlang runs`: the earlier runs of the project, newest first."""

from pathlib import Path

from ..project import find_root
from ..run.exit import DONE
from ..show.past import runs_table
from ..show.past_json import runs_json
from ..store.history import History, PastRun
from ..store.past import outcome_of
from .given import Given
from .past import no_runs, opened
from .screen import Screen

MOST = 20


def perform(given: Given, screen: Screen) -> int:
    """Prints a line for each run."""
    most, flow = given.number("limit", 1) or MOST, given.flag("flow")
    with opened(given, screen) as history:
        if history is None:
            screen.err(no_runs(given, screen).message)
            screen.out("[]\n" if given.has("json") else "")
            return DONE
        found: list[tuple[PastRun, str]] = []
        more = False
        for run in history.runs():
            if flow is not None and not _is_of(run, flow):
                continue
            if len(found) == most:
                more = True
                break
            found.append((run, outcome_of(history, run)))
        if given.has("json"):
            screen.out(runs_json(found))
            return DONE
        if not found:
            screen.err(f"there is no run of `{flow}`{_others(history)}" if flow else "there is no run yet")
            return DONE
        screen.out(runs_table(found))
        if more:
            screen.err(f"and older ones; to see more: --limit {most * 5}")
    return DONE


def _is_of(run: PastRun, flow: str) -> bool:
    """Whether a run is of the flow that is named: by its path from here, in its project, or by its last part."""
    path = Path(flow)
    root = find_root(path).resolve()
    full = path.resolve()
    inside = full.relative_to(root).as_posix() if full.is_relative_to(root) else ""
    return run.flow in (flow, f"{flow}.flow", inside, f"{inside}.flow")


def _others(history: History) -> str:
    flows = list(dict.fromkeys(run.flow for run in history.runs()))
    return f"; there are some of {', '.join(f'`{one}`' for one in flows[:5])}" if flows else ""
