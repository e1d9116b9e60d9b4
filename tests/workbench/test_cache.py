"""`flowlang cache`, and what `run` says of its store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowlang.workbench.cli import main

from .conftest import Type


def run_offline(flowlang: Type, *flags: str) -> None:
    assert flowlang("run", "triage.flow", "--mail", "It broke.", "--offline", *flags).code == 0


def test_nothing_is_kept_at_first(flowlang: Type, folder: Path) -> None:
    told = flowlang("cache", "size")
    assert told.code == 0 and "nothing is kept" in told.out and not (folder / ".flowlang").exists()
    assert flowlang("cache", "clear").code == 0


def test_size_prune_and_clear(flowlang: Type, folder: Path) -> None:
    run_offline(flowlang)
    told = flowlang("cache", "size")
    assert told.code == 0 and "0 answers, 1 run, 2 calls" in told.out
    pruned = flowlang("cache", "prune")
    assert "removed 0 answers, 0 runs" in pruned.out and "empty" not in pruned.out
    assert "removed 0 answers, 1 run" in flowlang("cache", "prune", "--older", "0s").out
    run_offline(flowlang)
    cleared = flowlang("cache", "clear", "--yes")
    assert cleared.code == 0 and "1 run" in cleared.out
    # A small store is hardly smaller then, and that is no failure.
    assert "an empty store takes no less: 262 kB kept free for a full disk, and an empty file" in cleared.out
    assert "0 answers, 0 runs, 0 calls" in flowlang("cache", "size").out


def test_clear_asks_and_without_a_terminal_needs_a_yes(flowlang: Type, folder: Path) -> None:
    run_offline(flowlang)
    told = flowlang("cache", "clear")
    assert told.code == 2 and "--yes" in told.err
    assert "1 run" in flowlang("cache", "size").out


def test_clear_takes_no_for_an_answer(flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_offline(flowlang)
    monkeypatch.setattr("flowlang.workbench.cache.asks_a_person", lambda screen: True)
    monkeypatch.setattr("flowlang.workbench.cache.says_yes", lambda question, screen: False)
    assert "nothing was removed" in flowlang("cache", "clear").err
    assert "1 run" in flowlang("cache", "size").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sise",), "did you mean `flowlang cache size`"),
        (("prune", "--older", "soon"), "12h or 30d"),
        (("size", "--yes"), "belongs to `flowlang cache clear`"),
        (("clear", "--older", "3d"), "belongs to `flowlang cache prune`"),
        ((), "WHAT is missing"),
    ],
)
def test_slips_are_told(words: tuple[str, ...], told: str, flowlang: Type) -> None:
    ended = flowlang("cache", *words)
    assert ended.code == 2 and told in ended.err


def test_the_store_is_where_it_is_said_to_be(flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_offline(flowlang, "--store", "elsewhere")
    assert not (folder / ".flowlang").exists()
    assert "1 run" in flowlang("cache", "size", "--store", "elsewhere").out
    monkeypatch.setenv("FLOWLANG_STORE", "third")
    run_offline(flowlang)
    assert "1 run" in flowlang("cache", "size").out and (folder / "third/store.sqlite").exists()
    run_offline(flowlang, "--no-store")
    assert "1 run" in flowlang("cache", "size").out


def plant(folder: Path, what: str) -> None:
    store = folder / ".flowlang"
    match what:
        case "a link":
            (folder / "elsewhere").mkdir()
            store.symlink_to(folder / "elsewhere")
        case "a file":
            store.write_text("")
        case "open to others":
            store.mkdir()
            store.chmod(0o777)
        case "a folder in its place":
            (store / "store.sqlite").mkdir(parents=True)
            store.chmod(0o700)
        case "a newer one":
            store.mkdir(mode=0o700)
            header = b"SQLite format 3\0" + bytes(44) + (99).to_bytes(4, "big") + bytes(4)
            (store / "store.sqlite").write_bytes(header + 0x666C6F77.to_bytes(4, "big") + bytes(5_000))


PLANTED = ("a link", "a file", "open to others", "a folder in its place", "a newer one")


@pytest.mark.parametrize("what", PLANTED)
def test_a_store_that_cannot_be_used_is_told_before_any_call_and_offline_runs_work(
    what: str, flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(folder, what)
    monkeypatch.setenv("BYTESPIKE_API_KEY", "sk-canary-112233")
    (folder / "flowlang.toml").write_text(
        '[project]\nprovider = "here"\n[providers.here]\n'
        'base_url = "http://127.0.0.1:9/v1"\nkey_env = "BYTESPIKE_API_KEY"\n'
    )
    ended = flowlang("run", "triage.flow", "--mail", "x", "--trust")
    assert ended.code == 6 and "error[store-failed]" in ended.err and "--store DIR" in ended.err
    run_offline(flowlang)
    assert flowlang("check").code == 0
    if what != "open to others":
        assert flowlang("cache", "size").code == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_in_a_folder_that_cannot_be_written_offline_runs_work(tmp_path: Path, folder: Path) -> None:
    """As another user, since nothing keeps root from writing."""
    code = "import os, sys; os.setuid(65534); from flowlang.workbench.cli import main; sys.exit(main())"
    (folder / ".flowlang").mkdir(mode=0o755)
    for place in (tmp_path, folder):
        place.chmod(0o755)
    words = ("run", "triage.flow", "--mail", "x", "--offline", "--console", "none")
    reachable = all(parent.stat().st_mode & 0o005 == 0o005 for parent in (*tmp_path.parents, *Path(sys.prefix).parents))
    if not reachable:
        pytest.skip("another user cannot get here")
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=folder)
    assert ended.returncode == 0, ended.stderr


def test_a_store_on_another_machine_is_kept_here_and_that_is_said(
    flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("flowlang.store.place.file_system_of.__code__", (lambda folder: "nfs4").__code__)
    ended = flowlang("run", "triage.flow", "--mail", "x", "--offline")
    assert ended.code == 0 and "another machine" in ended.err
    assert not (folder / ".flowlang").exists() and list((tmp_path / "cache").rglob("store.sqlite"))
    assert "another machine" not in flowlang("run", "triage.flow", "--mail", "x", "--offline").err


def test_the_front_page_is_all_that_help_needs() -> None:
    assert main(["cache", "--help"]) == 0
