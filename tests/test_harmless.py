"""Looking at a flow executes nothing: told by the interpreter itself, through an audit hook."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Runs one command line under a hook that notes whatever could do harm, and prints what it noted.
WATCHED = """
import json, os, sys
noted = []
allowed = [os.path.realpath(p) for p in json.loads(sys.argv[1])]
harmful = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pickle.", "ctypes.")
harmful += ("os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.kill", "sqlite3.", "urllib.")
def hook(event, args):
    if event.startswith(harmful):
        noted.append([event, repr(args)[:200]])
    elif event == "open" and isinstance(args[0], (str, bytes)):
        path, mode, flags = os.fsdecode(args[0]), args[1] or "", args[2] or 0
        if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            noted.append(["write", path])
        elif not any(os.path.realpath(path).startswith(p) for p in allowed) and "/" in path:
            noted.append(["read", path])
from flowlang.language.parser import the_parser
the_parser()
import flowlang.workbench.cli as cli
sys.addaudithook(hook)
code = cli.main(sys.argv[2:])
sys.stdout.flush()
print("\\n@@" + json.dumps({"code": code, "noted": noted}))
"""

HOSTILE = {
    "command": 'tool t\n  about: "x"\n  command: "touch pwned"\n\nstep s\n  call: t\n',
    "python": 'tool t\n  about: "x"\n  python: "evil.py" run\n\nstep s\n  call: t\n',
    "address": 'tool t\n  about: "x"\n  get: "https://evil.example/?q=1"\n\nstep s\n  call: t\n',
    "templates": 'input x: text\n\nstep s\n  prompt: "{{ x.__class__ }} {{ x | eval }} ${IFS} {% import os %}"\n',
    "outside": 'import "../../../../etc/passwd" as a\n\nstep s\n  prompt: file "/etc/passwd"\n',
    "link": 'step s\n  prompt: file "link.md"\n',
    "pipe": 'step s\n  prompt: file "pipe.md"\n',
    "output": 'step s\n  prompt: "x"\n\noutput s to "../pwned.md"\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cloned repository that nobody trusts: files that Python or a shell might pick up, links and pipes."""
    place = tmp_path / "repo"
    place.mkdir()
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'pwned')!r}).touch()\n"
    for name in ("evil.py", "sitecustomize.py", "usercustomize.py", "click.py", "lark.py", "conftest.py", "json.py"):
        (place / name).write_text(trap, encoding="utf-8")
    (place / ".env").write_text("BYTESPIKE_API_KEY=stolen\n", encoding="utf-8")
    secret = tmp_path / "secret.md"
    secret.write_text("a secret that no flow may read", encoding="utf-8")
    (place / "link.md").symlink_to(secret)
    os.mkfifo(place / "pipe.md")
    return place


def look(folder: Path, *words: str) -> dict[str, object]:
    allowed = [str(ROOT), sys.prefix, sys.base_prefix, str(folder), "/dev", "/proc/self", "/usr/lib", "/usr/share"]
    allowed.append(str(folder.parent / "home" / ".config"))  # what the user trusts
    told = subprocess.run(
        [sys.executable, "-P", "-c", WATCHED, json.dumps(allowed), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder.parent / "home"),
        },
        check=False,
    )
    assert "@@" in told.stdout, told.stderr
    found: dict[str, object] = json.loads(told.stdout.rpartition("@@")[2])
    return found | {"text": told.stdout + told.stderr}


@pytest.mark.parametrize("command", ["check", "plan", "graph", "describe", "preview", "fmt"])
@pytest.mark.parametrize("name", HOSTILE)
def test_looking_at_a_hostile_flow_does_nothing(name: str, command: str, folder: Path) -> None:
    flow = folder / f"{name}.flow"
    flow.write_text(HOSTILE[name], encoding="utf-8")
    words = [command, flow.name, *(["s"] if command == "preview" else []), *(["--check"] if command == "fmt" else [])]
    found = look(folder, *words)
    assert found["noted"] == []
    assert "a secret that no flow may read" not in str(found["text"])
    assert "root:" not in str(found["text"])
    assert not (folder.parent / "pwned").exists() and not (folder / "pwned").exists()
