"""The disk as it is after a power cut: what was not synced may be there or not, whole or in part.

A run's writes and syncs are recorded in their order. For a cut at any place of it, an image of the store's folder is
made: what was synced is there; of everything after that, any part. Whatever a step has read by then must be found.
"""

import random
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowlang.store.problems import StoreUnusable
from flowlang.store.rows import Kept
from flowlang.store.store import open_store

from .project import CALLS, Figures, Project, gateway
from .strace import Op, needs_strace, ops_of, recording

SECTOR = 512
_ASKED = re.compile(rb"Layer (\d+), place")
RESUMED = 50  # of so many images one is also run to its end


@dataclass(slots=True)
class _File:
    """One file: what is on the disk for sure, and what was written since its last sync."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[Op] = field(default_factory=list)

    def now(self, draw: random.Random | None = None) -> bytes:
        """Its bytes; with a draw, as a power cut may leave them: each sector that was written has made it, or not."""
        data = bytearray(self.synced)
        for op in self.since:
            if op.name == "truncate":
                if draw is None or draw.random() < 0.5:
                    del data[op.size :]
                    data.extend(bytes(max(0, op.size - len(data))))
                continue
            for start in range(0, len(op.data), SECTOR):
                part = op.data[start : start + SECTOR]
                if draw is None or draw.random() < 0.5:
                    at = op.at + start
                    data.extend(bytes(max(0, at - len(data))))
                    data[at : at + len(part)] = part
        return bytes(data)

    def sync(self) -> None:
        self.synced, self.since = bytearray(self.now()), []


def image(ops: Sequence[Op], store: Path, draw: random.Random) -> tuple[dict[str, bytes], int]:
    """The files of the store after a cut behind these, and the last layer that had been asked.

    Names are written in their order, as journals of file systems do it; those since the last sync of their folder may
    be lost from any of them on.
    """
    names: dict[str, _File] = {}
    certain: dict[str, _File] = {}
    pending: list[dict[str, _File]] = []
    layer = 0
    for op in ops:
        if op.name == "send":
            layer = max([layer, *map(int, _ASKED.findall(op.data))])
            continue
        if not op.path.startswith(str(store)):
            continue
        match op.name:
            case "create" if op.path not in names:
                names[op.path] = _File()
                pending.append(dict(names))
            case "rename" if op.path in names:
                names[op.other] = names.pop(op.path)
                pending.append(dict(names))
            case "unlink" if op.path in names:
                del names[op.path]
                pending.append(dict(names))
            case "write" | "append" | "truncate" if op.path in names:
                file = names[op.path]
                at = len(file.now()) if op.name == "append" else op.at
                file.since.append(Op(op.name, op.path, data=op.data, at=at, size=op.size))
            case "sync" if op.path in names:
                names[op.path].sync()
            case "sync" if Path(op.path).is_dir() or op.path == str(store):
                certain, pending = dict(names), []
    left = draw.choice([certain, *pending])
    return {path: file.now(draw) for path, file in left.items()}, layer


def after_power_cuts(home: Path, count: int, seed: int = 2026) -> Figures:
    """Cuts the power at random places of a recorded run, and looks what is left."""
    figures, draw = Figures(), random.Random(seed)
    with (gate := gateway()) as url:
        project = Project.new(home / "recorded", url)
        ended = project.run(before=recording(home / "log"))
        assert ended.code == 0, ended.err
        reference = project.report()
        layers = _answers_by_layer(project.store)
        ops = list(ops_of(home / "log"))
        first = next(place for place, op in enumerate(ops) if op.path.startswith(str(project.store)))
        for number in range(count):
            files, layer = image(ops[: draw.randint(first, len(ops))], project.store, draw)
            figures.trials += 1
            figures.hit += 1
            done = [key for below, keys in layers.items() if below < layer for key in keys]
            figures.done += len(done)
            place = home / f"image{number}"
            _written(files, project.store, place)
            figures.lost += _lost(place, done, figures)
            if number % RESUMED == 0:
                shutil.rmtree(project.store)
                _written(files, project.store, project.store)
                gate.forget()
                again = project.run()
                figures.lost += max(0, len(gate.log) - (CALLS - len(done)))
                if again.code != 0 or project.report() != reference:
                    figures.wrong.append(f"{number}: run again, it ended with {again.code}: {again.err[-300:]}")
            shutil.rmtree(place, ignore_errors=True)
    return figures


def _answers_by_layer(folder: Path) -> dict[int, list[bytes]]:
    import sqlite3

    with sqlite3.connect(folder / "store.sqlite") as reader:
        rows = reader.execute("select step, key from calls where status = 'ok'").fetchall()
    found: dict[int, list[bytes]] = {}
    for step, key in rows:
        found.setdefault(int(step.removeprefix("layer")), []).append(key)
    assert sum(map(len, found.values())) == CALLS
    return found


def _written(files: dict[str, bytes], store: Path, place: Path) -> None:
    place.mkdir(mode=0o700)
    for path, data in files.items():
        name = place / Path(path).relative_to(store)
        name.parent.mkdir(mode=0o700, exist_ok=True)
        name.write_bytes(data)


def _lost(folder: Path, done: Sequence[bytes], figures: Figures) -> int:
    """How many of the answers are not found in the image."""
    try:
        store = open_store(folder, str, lambda told: None, time.time)
        store.begin_run("again.flow", {})
    except StoreUnusable as problem:
        figures.wrong.append(f"{folder.name}: {problem.message}")
        return 0
    lost = sum(not isinstance(store.find(key), Kept) for key in done)
    store.close_now()
    return lost


@needs_strace
def test_no_power_cut_loses_an_answer_that_was_read(tmp_path: Path, complete: bool) -> None:
    figures = after_power_cuts(tmp_path, 2_000 if complete else 60)
    assert not figures.wrong and figures.lost == 0, figures
    assert figures.done
