import shutil
from pathlib import Path

import pytest

from flowlang.store.file import NAME
from flowlang.store.problems import StoreUnusable
from flowlang.store.rows import Attempt, Ending
from flowlang.store.store import Store
from flowlang.store.tidying import size_of, tidy

from .stores import asked, found, key, opened, using

LARGE = "a large text " * 10_000


def filled_at(folder: Path, wall: float, numbers: range, text: str = "") -> None:
    """Answers of a run at some time, each with the text in its request."""
    import asyncio

    store = opened(folder, wall=wall)

    async def fill() -> None:
        for number in numbers:
            request = {"messages": [store.texts.text(f"{text}{number} " + "x" * 2_000), store.texts.text(text)]}
            one = Attempt("", "step", None, key(number), "model", request)
            call = await store.claim(one, lambda kept: True, True)
            assert isinstance(call, int)
            from flowlang.models.chat import Reply

            await store.end_call(call, one, Ending("ok", 0.1, reply=Reply(f"answer {number}")), True)
        store.end_run("done", {})
        await store.close()

    asyncio.run(fill())


def blobs(folder: Path) -> int:
    return sum(1 for path in (folder / "blobs").rglob("*") if path.is_file())


def test_where_nothing_is_kept_nothing_is_made(tmp_path: Path) -> None:
    assert size_of(tmp_path / "s").disk_bytes == 0
    assert not (tmp_path / "s").exists()


def test_the_size_counts_what_is_there(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 5_000.0, range(3), LARGE)
    size = size_of(tmp_path / "s")
    assert (size.answers, size.runs, size.calls, size.oldest_at) == (3, 1, 3, 5_000.0)
    assert size.disk_bytes == sum(path.stat().st_size for path in (tmp_path / "s").rglob("*[!m]") if path.is_file())


def test_prune_takes_what_is_old_and_what_only_that_referred_to(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(200), LARGE)
    filled_at(tmp_path / "s", 9_000.0, range(200, 203), LARGE.upper())
    assert blobs(tmp_path / "s") > 200
    before = size_of(tmp_path / "s")
    tidied = tidy(tmp_path / "s", 5_000.0, lambda told: None)
    after = size_of(tmp_path / "s")
    assert (tidied.answers, tidied.runs) == (200, 1) and tidied.texts > 0
    assert (after.answers, after.runs, after.calls) == (3, 1, 3)
    assert after.disk_bytes == tidied.after_bytes < before.disk_bytes == tidied.before_bytes
    assert found(tmp_path / "s", 203)[199:] == [None, "answer 200", "answer 201", "answer 202"]
    # What is left is still whole.
    assert tidy(tmp_path / "s", 5_000.0, lambda told: None).texts == 0


def test_clear_takes_everything_but_what_is_under_way(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(5), LARGE)

    async def whole(store: Store) -> None:
        await asked(store, 50, "under way")
        tidied = tidy(tmp_path / "s", None, lambda told: None)
        assert (tidied.answers, tidied.runs, tidied.under_way) == (5, 1, 1)
        await asked(store, 51, "goes on")

    using(tmp_path / "s", whole)
    assert found(tmp_path / "s", 5) == [None] * 5
    assert found(tmp_path / "s", 52)[50:] == ["under way", "goes on"]
    assert blobs(tmp_path / "s") == 0


def test_nothing_of_what_was_cleared_is_left_in_any_file(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(40), "precious ")
    (tmp_path / "s" / f"{NAME}.broken-1").write_bytes(b"precious")
    (tmp_path / "s" / f"{NAME}.broken-1-wal").write_bytes(b"precious")
    tidy(tmp_path / "s", None, lambda told: None)
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert [path.name for path in files if b"precious" in path.read_bytes() or b"answer 7" in path.read_bytes()] == []


def test_no_link_is_followed_and_nothing_else_is_touched(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(2), LARGE)
    outside = tmp_path / "outside"
    (outside / "ab").mkdir(parents=True)
    (outside / "ab/precious").write_text("precious")
    (tmp_path / "s/blobs/ab").symlink_to(outside / "ab") if not (tmp_path / "s/blobs/ab").exists() else None
    (tmp_path / "s/my notes.txt").write_text("precious")
    (tmp_path / "s" / f"{NAME}.broken-1").symlink_to(outside / "ab/precious")
    tidy(tmp_path / "s", None, lambda told: None)
    assert (outside / "ab/precious").read_text() == "precious"
    assert (tmp_path / "s/my notes.txt").read_text() == "precious"
    shutil.rmtree(tmp_path / "s/blobs")
    (tmp_path / "s/blobs").symlink_to(outside)
    tidy(tmp_path / "s", None, lambda told: None)
    assert (outside / "ab/precious").read_text() == "precious"


def test_a_folder_that_is_a_link_is_not_looked_into(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(2))
    (tmp_path / "link").symlink_to(tmp_path / "s")
    for look in (lambda: size_of(tmp_path / "link"), lambda: tidy(tmp_path / "link", None, print)):
        with pytest.raises(StoreUnusable):
            look()
    assert found(tmp_path / "s", 2) == ["answer 0", "answer 1"]
    assert (tmp_path / "link").is_symlink()


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    filled_at(tmp_path / "s", 1_000.0, range(2), LARGE)
    (folder,) = list((tmp_path / "s/blobs").iterdir())[:1]
    (folder / ".0123").write_bytes(b"half")
    tidy(tmp_path / "s", 0.0, lambda told: None)
    assert not (folder / ".0123").exists() and blobs(tmp_path / "s") > 0
