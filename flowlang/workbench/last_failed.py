"""Which tests failed last time: remembered in the project's `.flowlang`, where there is such a folder."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..project import find_root, read_below
from ..run.files import FileMistake
from ..run.outputs import write_below
from ..store.place import FOLDER
from .testing import FlowFile

_NAME = "failed-tests.json"
_MOST_BYTES = 4_000_000
_MOST_NAMES = 20_000


def failed_last_time(path: str) -> set[tuple[str, str]]:
    """The tests of a flow file that failed or were not recorded: the flow's name, and the test's."""
    return {(flow, test) for flow, test in _read(find_root(Path(path))).get(_key(path), [])}


def remember_failed(files: Sequence[FlowFile]) -> None:
    """Keeps which tests of these files failed; of tests that were not tried it keeps what was known."""
    by_root: dict[Path, list[FlowFile]] = {}
    for file in files:
        by_root.setdefault(find_root(Path(file.path)), []).append(file)
    for root, own in by_root.items():
        folder = root / FOLDER
        if folder.is_symlink() or not folder.is_dir():
            continue
        known = _read(root)
        for file in own:
            tried = {(file.tests[number][0].name, file.tests[number][1].name) for number in file.picked}
            bad = [one for number in file.picked for one in file.tried[number] if one.outcome != "passed"]
            failed = [[one.flow.name, one.test.name] for one in bad]
            failed += [one for one in known.get(_key(file.path), []) if tuple(one) not in tried]
            known[_key(file.path)] = list(map(list, dict.fromkeys(map(tuple, failed))))
        text = json.dumps({path: one for path, one in sorted(known.items()) if one}, indent=1)
        with suppress(FileMistake):  # it is only for convenience
            write_below(folder, _NAME, text + "\n")


def _key(path: str) -> str:
    return os.path.relpath(path, find_root(Path(path))).replace(os.sep, "/")


def _read(root: Path) -> dict[str, list[list[str]]]:
    data = read_below(root, f"{FOLDER}/{_NAME}", _MOST_BYTES)
    try:
        found = json.loads(data) if isinstance(data, bytes) else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        path: [one for one in names[:_MOST_NAMES] if _is_name(one)]
        for path, names in found.items()
        if isinstance(names, list)
    }


def _is_name(found: object) -> bool:
    """Whether it is the name of a flow and that of a test; the file may have come with the project."""
    return isinstance(found, list) and len(found) == 2 and all(isinstance(one, str) for one in found)
