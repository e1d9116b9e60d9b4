"""Stores to try things on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from flowlang.models.chat import Reply
from flowlang.store.place import open_folder
from flowlang.store.rows import Attempt, Ending, Kept
from flowlang.store.store import Store, open_store

T = TypeVar("T")


def key(number: int) -> bytes:
    """A fingerprint."""
    return number.to_bytes(32, "big")


def opened(
    folder: Path, told: list[str] | None = None, wall: float = 1_000.0, redact: Callable[[str], str] = str
) -> Store:
    """A store with a run that is under way."""
    said = [] if told is None else told
    store = open_store(open_folder(folder), redact, said.append, lambda: wall)
    store.begin_run("a.flow", {})
    return store


def attempt(number: int, item: int | None = None) -> Attempt:
    """A call as it is about to be sent."""
    return Attempt("", "step", item, key(number), "model", {"messages": []}, "0.25")


async def asked(store: Store, number: int, text: str = "yes") -> None:
    """Has a question asked and answered."""
    call = await store.claim(attempt(number), lambda kept: True, True)
    assert isinstance(call, int), call
    await store.end_call(call, attempt(number), Ending("ok", 0.1, reply=Reply(text)), True)


def using(folder: Path, work: Callable[[Store], Awaitable[T]], told: list[str] | None = None) -> T:
    """Opens a store, does something with it, and closes it."""

    async def whole() -> T:
        store = opened(folder, told)
        try:
            return await work(store)
        finally:
            store.end_run("done", {})
            await store.close()

    return asyncio.run(whole())


def filled(folder: Path, count: int) -> None:
    """A store with so many answers."""

    async def fill(store: Store) -> None:
        for number in range(count):
            await asked(store, number, f"answer {number}")

    using(folder, fill)


def found(folder: Path, count: int, told: list[str] | None = None) -> list[str | None]:
    """The answers that it has now."""

    async def look(store: Store) -> list[str | None]:
        return [await _served(store, number) for number in range(count)]

    return using(folder, look, told)


async def _served(store: Store, number: int) -> str | None:
    """The answer as a run gets it: found, or found by the writer when it is about to be asked for."""
    kept = store.find(key(number)) or await store.claim(attempt(number), lambda one: True, True)
    if isinstance(kept, int):
        await store.end_call(kept, attempt(number), Ending("failed", 0.1), False)
    return kept.reply.text if isinstance(kept, Kept) else None
