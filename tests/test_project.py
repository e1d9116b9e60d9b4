"""Files of a project: every way out of it is refused, by the right name, also while somebody swaps links."""

import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from flowlang.language.loader import Denied
from flowlang.pipeline import compile_flow
from flowlang.project import read_below

OUTSIDE = "what no flow may read"

NOT_ALLOWED = (
    *("/etc/passwd", "//etc/passwd", "///etc/passwd", "/", "/./etc/passwd", "/dev/stdin", "/dev/fd/0", "/dev/zero"),
    *("/proc/self/environ", "//host/share/x", "//?/C:/x", "..", "../", "../out.md", "../../out.md", "./../out.md"),
    *("folder/../../out.md", "folder/./../.././out.md", "../repo/folder/in.md", "~", "~/x", "~root/x", "C:/x", "c:x"),
    *(r"C:\\x", r"\\\\host\\share", r"\\x", r"..\\out.md", r"folder\\..\\..\\out.md", r"folder/in.md\\x00"),
    *("std/../out.md", "std/../../etc/passwd", "link.md", "linked/out.md", "linked", "passwd.md", "zero.md"),
    *("..∕out.md", ".env", ".git/config", "folder/.hidden/x.md", "..;/out.md"),
    *("inner.md", "dangling.md", "loop.md", "pipe.md", "linked/repo/folder/in.md", "socket.md"),
)
NOT_FOUND = (
    *("no.md", " ", "...", "....//out.md", "%2e%2e/out.md", "․․/out.md", "．．/out.md"),
    *("file:///etc/passwd", "https://evil.example/x", "$HOME/x", "`id`", "|id", "-rf", "{{ x }}", "in‮dm.txt"),
    *("folder/in.md/x", "x/" * 600 + "x", "std//etc/passwd", "con"),
)
BAD_FILE = ("folder", "folder/", "folder/..", ".", "./", "a" * 300, "locked.bin")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A project with links out of it, a pipe, a device, a socket, a folder."""
    place = tmp_path / "repo"
    (place / "folder").mkdir(parents=True)
    (place / "flowlang.toml").touch()
    (place / "folder" / "in.md").write_text("inside", encoding="utf-8")
    (place / "locked.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "out.md").write_text(OUTSIDE, encoding="utf-8")
    links = {"link.md": "../out.md", "linked": "..", "passwd.md": "/etc/passwd", "zero.md": "/dev/zero"}
    links |= {"inner.md": "folder/in.md", "dangling.md": "nowhere", "loop.md": "loop.md"}
    for name, target in links.items():
        (place / name).symlink_to(target)
    os.mkfifo(place / "pipe.md")
    os.mknod(place / "socket.md", 0o600 | 0o140000)
    return place


def open_files() -> int:
    """How many files this process has open; 0 where the system does not tell."""
    handles = Path("/proc/self/fd")
    return len(list(handles.iterdir())) if handles.is_dir() else 0


def test_there_are_sixty_paths() -> None:
    assert len({*NOT_ALLOWED, *NOT_FOUND, *BAD_FILE}) >= 60


@pytest.mark.parametrize("form", ['step s\n  prompt: file "{}"\n', 'import "{}" as a\nstep s\n  prompt: "x"\n'])
@pytest.mark.parametrize(
    ("rule", "paths"), [("not-allowed", NOT_ALLOWED), ("not-found", NOT_FOUND), ("bad-file", BAD_FILE)]
)
def test_every_way_out_is_refused(rule: str, paths: tuple[str, ...], form: str, repo: Path) -> None:
    open_before = open_files()
    for path in paths:
        (repo / "test.flow").write_text(form.replace("{}", path), encoding="utf-8")
        checked = compile_flow(repo / "test.flow")
        found = [one.rule for one in checked.diagnostics if one.severity == "error"]
        expected = "bad-file" if path == "socket.md" else rule  # the system itself refuses to open a socket
        assert found == [expected], path
        assert OUTSIDE not in str([one.message for one in checked.diagnostics])
    assert open_files() == open_before


OUTPUTS = (
    *("/etc/passwd", "../x.md", "../../x.md", "./../x.md", "folder/../../x.md", "~", "~/x.md", "C:/x", "..", "../"),
    *(".env", ".git/config", "a/.hidden/x.md", "std/../x.md", "...", "//host/x", "/dev/stdout", r"\\x.md", r"C:\\x"),
)


@pytest.mark.parametrize("path", OUTPUTS)
def test_no_output_leaves_its_folder(path: str, repo: Path) -> None:
    (repo / "test.flow").write_text(f'step s\n  prompt: "x"\noutput s to "{path}"\n', encoding="utf-8")
    found = [one.rule for one in compile_flow(repo / "test.flow").diagnostics]
    assert found == ["not-allowed"]


def test_a_link_swapped_in_leads_nowhere(repo: Path) -> None:
    # A folder and a file on the way are exchanged for links, again and again, while they are opened.
    place = repo / "race"
    (place / "real").mkdir(parents=True)
    (place / "real" / "out.md").write_text("inside", encoding="utf-8")
    (place / "away").symlink_to("../..")
    (place / "plain.md").write_text("inside", encoding="utf-8")
    (place / "plain.link").symlink_to("../../out.md")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for new, name in (("away", "way"), ("real", "way"), ("plain.link", "it.md"), ("plain.md", "it.md")):
                fresh = place / f"{name}.new"
                if new in ("real", "away"):
                    (place / "way").rename(place / "old") if (place / "way").exists() else None
                    (place / new).rename(place / "way")
                    (place / "way").rename(place / new)
                else:
                    os.link(place / new, fresh, follow_symlinks=False)
                    fresh.replace(place / name)

    thread = threading.Thread(target=swap)
    thread.start()
    found: Counter[str] = Counter()
    try:
        for number in range(10_000):
            name = ("race/it.md", "race/way/out.md")[number % 2]
            got = read_below(repo, name, 1000)
            found[got.rule if isinstance(got, Denied) else got.decode()] += 1
    finally:
        over.set()
        thread.join()
    assert OUTSIDE not in found
    assert found["inside"] and found["not-allowed"]


def test_modules_that_stand_in_the_current_folder_are_not_loaded(tmp_path: Path) -> None:
    for name in ("platformdirs", "pathlib", "lark", "json", "enum", "tomllib", "flowlang_planted", "click", "rich"):
        (tmp_path / f"{name}.py").write_text("open('pwned', 'w').close()\n", encoding="utf-8")
    (tmp_path / "a.flow").write_text('step a\n  prompt: "Hello"\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    for words in (["check"], ["run", "a.flow", "--offline"], ["plan", "a.flow"], ["--help"]):
        command = [sys.executable, "-m", "flowlang", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
    assert not (tmp_path / "pwned").exists()
