"""Flow files that somebody has edited while they ran: the run goes on with what it has read, and says so."""

from pathlib import Path

from ..diagnostics.source import SourceFile
from ..plan.graph import Plan
from ..show.numbers import count
from ..show.terminal import visible_line

_SLACK_S = 2.0  # file systems don't tell times more exactly


def told_changes(plan: Plan, began_at: float) -> str:
    """Which of the flow's files are not any more what was read; empty if all are. `began_at` is Unix time."""
    sources = {one.path: one for below in plan.with_those_below() for one in _sources_of(below)}
    changed = [path for path, source in sources.items() if _has_changed(source, began_at)]
    if not changed:
        return ""
    named = ", ".join(map(visible_line, changed[:3])) + (", …" if len(changed) > 3 else "")
    return f"{count(len(changed), 'file')} changed since the start ({named}): this run used what was there before"


def _sources_of(plan: Plan) -> list[SourceFile]:
    return [plan.flow.source, *(node.place.source for node in plan.nodes.values())]


def _has_changed(source: SourceFile, began_at: float) -> bool:
    path = Path(source.path)
    try:
        if path.stat().st_mtime < began_at - _SLACK_S:
            return False
        data = path.read_bytes()
    except OSError:
        return not source.path.startswith("std/")  # it is gone
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return text != source.text
