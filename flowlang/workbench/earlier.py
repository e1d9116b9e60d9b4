"""A flow as it was when an earlier run began, out of the files that the store keeps of it."""

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path

from ..language.checked import CheckedFlow
from ..pipeline import compile_texts
from ..project import find_root
from ..store.history import History, PastRun


def flow_then(now: CheckedFlow, run: PastRun, history: History) -> CheckedFlow | None:
    """A main flow as it was when a run began; None if it was as it is now, or cannot be had any more."""
    kept = run.body.get("sources")
    if not isinstance(kept, Mapping):
        return None
    then = {path: str(history.told(part)) for path, part in kept.items()}
    main = next(iter(then), "")
    by_key = {_key_in_project(path, main, run.flow): text for path, text in then.items()}
    flow = Path(now.source.path)
    root = find_root(flow)
    shown = {key: os.path.relpath(root / key) for key in by_key if not key.startswith("std/")}
    if {shown.get(key, key): text for key, text in by_key.items()} == {one.path: one.text for one in now.files}:
        return None
    return compile_texts(flow, by_key, shown).flow


def _key_in_project(shown: str, main: str, flow: str) -> str:
    """The path in its project of a file, by the paths of it and of the main flow as they were shown then."""
    if shown.startswith("std/"):
        return shown
    beside = posixpath.relpath(shown, posixpath.dirname(main) or ".")
    return posixpath.normpath(posixpath.join(posixpath.dirname(flow), beside))
