"""Bits, pages, ends of the store's files: a wrong answer is never served, a good one seldom lost."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from flowlang.models.chat import Reply
from flowlang.store.problems import StoreUnusable
from flowlang.store.rows import Attempt, Ending
from flowlang.store.store import Store, open_store

from .project import Figures

ANSWERS = 120
PAGE = 4096
Damage = Callable[[bytearray, random.Random], None]


def key(number: int) -> bytes:
    """A fingerprint."""
    return random.Random(number).randbytes(32)


def text(number: int) -> str:
    """The answer to it; a few are longer than a page."""
    return f"answer {number} " * (3 if number % 10 else 700)


async def filled(folder: Path, ends: bool) -> None:
    """A store with answers; some are in its log only unless the run `ends`."""
    folder.mkdir(mode=0o700)
    store = open_store(folder, str, lambda told: None, lambda: 1_000.5)
    store.begin_run("a.flow", {})
    for number in range(ANSWERS):
        attempt = Attempt("", "step", number, key(number), "model", {"messages": [], "n": number})
        call = await store.claim(attempt, lambda kept: True, True)
        assert isinstance(call, int)
        await store.end_call(call, attempt, Ending("ok", 0.1, reply=Reply(text(number))), True)
        if number == ANSWERS // 2 and not ends:
            # As after a checkpoint in the middle of a long run.
            store._file.connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    if ends:
        store.end_run("done", {})
        await store.close()
    else:
        shutil.copytree(folder, folder.with_name(f"{folder.name}-open"))
        await store.close()


def flip(data: bytearray, draw: random.Random) -> None:
    """One to three bits."""
    for _ in range(draw.randint(1, 3)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def zero(data: bytearray, draw: random.Random) -> None:
    """A page of zeros."""
    at = draw.randrange(max(1, len(data) // PAGE)) * PAGE
    data[at : at + PAGE] = bytes(len(data[at : at + PAGE]))


def noise(data: bytearray, draw: random.Random) -> None:
    """A page of noise."""
    at = draw.randrange(max(1, len(data) // PAGE)) * PAGE
    data[at : at + PAGE] = draw.randbytes(len(data[at : at + PAGE]))


def cut(data: bytearray, draw: random.Random) -> None:
    """The end is missing."""
    del data[draw.randrange(len(data)) :]


def garbage(data: bytearray, draw: random.Random) -> None:
    """It is something else."""
    data[:] = draw.randbytes(draw.randint(0, 2 * PAGE))


# How, and of a hundred answers how many may be lost by it; all that follows of a file may be.
DAMAGE: tuple[tuple[Damage, int], ...] = ((flip, 25), (zero, 25), (noise, 25), (cut, 100), (garbage, 100))


def damaged(home: Path, count: int, seed: int = 2026) -> Figures:
    """Damages stores, opens them, and asks for every answer; then a new one is put in and found."""
    import asyncio

    figures, draw = Figures(), random.Random(seed)
    asyncio.run(filled(home / "closed", ends=True))
    asyncio.run(filled(home / "other", ends=False))
    for number in range(count):
        damage, most = DAMAGE[number % len(DAMAGE)]
        source = home / draw.choice(("closed", "other-open"))
        place = home / f"store{number}"
        shutil.copytree(source, place)
        files = [path for path in place.glob("store.sqlite*") if path.suffix != ".sqlite-shm" and path.stat().st_size]
        path = draw.choice([one for one in files if not one.name.endswith("-shm")])
        data = bytearray(path.read_bytes())
        damage(data, draw)
        path.write_bytes(data)
        figures.trials += 1
        told: list[str] = []
        try:
            served, good = asyncio.run(asked(place, told))
        except StoreUnusable as problem:
            if "newer flowlang" not in problem.message:  # a bit of the version itself, which nobody can tell
                figures.wrong.append(f"{number} {damage.__name__} {path.name}: {problem.message}")
            continue
        figures.hit += bool(told)
        figures.done += good
        figures.lost += served - good
        in_log = path.name.endswith("-wal")
        if ANSWERS - good > ANSWERS * (100 if in_log else most) // 100:
            figures.wrong.append(f"{number} {damage.__name__} {path.name}: only {good} answers are left")
        if len(told) > 2:
            figures.wrong.append(f"{number}: it says too much: {told}")
        shutil.rmtree(place)
    return figures


async def asked(folder: Path, told: list[str]) -> tuple[int, int]:
    """How many answers a store serves, and how many of them are right."""
    store = open_store(folder, str, told.append, time.time)
    store.begin_run("b.flow", {})
    served = good = 0
    for number in range(ANSWERS):
        kept = await _asked_again(store, number)
        served += kept is not None
        good += kept == text(number)
    store.end_run("done", {})
    await store.close()
    return served, good


async def _asked_again(store: Store, number: int) -> str | None:
    """The answer from before; if there is none, it is put in anew, and must be found then."""
    if (kept := store.find(key(number))) is not None:
        return kept.reply.text
    attempt = Attempt("", "step", number, key(number), "model", {})
    call = await store.claim(attempt, lambda one: True, True)
    if not isinstance(call, int):
        assert not hasattr(call, "call")
        return call.reply.text
    await store.end_call(call, attempt, Ending("ok", 0.1, reply=Reply("new")), True)
    kept = store.find(key(number))
    assert kept is not None and kept.reply.text == "new"
    return None


def test_a_damaged_store_never_serves_a_wrong_answer_and_saves_the_good_ones(tmp_path: Path, complete: bool) -> None:
    figures = damaged(tmp_path, 1_000 if complete else 40)
    assert not figures.wrong and figures.lost == 0, figures
    assert figures.hit and figures.done
