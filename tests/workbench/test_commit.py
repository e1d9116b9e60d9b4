"""The commit of a run's flow: told right, and nothing that a repository brings is ever run for it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flowlang.pipeline import compile_flow
from flowlang.workbench.commit import ask_git

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
AS_SOMEBODY = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *AS_SOMEBODY, *words], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(folder: Path) -> Path:
    """The project as a repository with everything committed."""
    (folder / "flowlang.toml").write_text("", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def told(flow: str = "triage.flow", environment: dict[str, str] | None = None) -> dict | None:
    checked = compile_flow(Path(flow)).flow
    assert checked is not None
    asked = ask_git(checked, environment or ENVIRONMENT)
    return asked.told() if asked is not None else None


def test_a_flow_as_it_was_committed_is_clean(repository: Path):
    assert told() == {"id": git(repository, "rev-parse", "HEAD"), "changed": []}


@pytest.mark.parametrize("staged", [False, True])
def test_what_was_changed_since_is_named(staged: bool, repository: Path):
    (repository / "triage.flow").write_text("# New.\n" + (repository / "triage.flow").read_text(), encoding="utf-8")
    (repository / "flowlang.toml").write_text("# New.\n", encoding="utf-8")
    if staged:
        git(repository, "add", ".")
    found = told()
    assert found is not None and found["changed"] == ["flowlang.toml", "triage.flow"]


def test_files_that_are_imported_count_too_and_the_library_does_not(repository: Path):
    (repository / "shared.flow").write_text('snippet hello: "Hello."\n', encoding="utf-8")
    text = 'import "shared.flow" as shared\nimport "std/style.flow" as style\nstep a\n  model: m\n'
    text += '  prompt: "{{ shared.hello }} {{ style.plain_english }}"\n'
    (repository / "b.flow").write_text(text, encoding="utf-8")
    git(repository, "add", "b.flow")
    git(repository, "commit", "-q", "-m", "two")
    found = told("b.flow")
    assert found is not None and found["changed"] == ["shared.flow"]


def test_line_ends_that_git_changes_are_no_change(repository: Path):
    data = (repository / "triage.flow").read_bytes().replace(b"\n", b"\r\n")
    (repository / "triage.flow").write_bytes(data)
    found = told()
    assert found is not None and found["changed"] == []


def test_a_folder_below_and_a_worktree(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (repository / "deep").mkdir()
    shutil.copy(repository / "triage.flow", repository / "deep" / "triage.flow")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "two")
    found = told("deep/triage.flow")
    assert found is not None and found["changed"] == []
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    monkeypatch.chdir(tmp_path / "tree")
    assert told() == found


def test_without_a_repository_a_commit_or_git_there_is_none(folder: Path):
    assert told() is None
    (folder / ".git").mkdir()
    assert told() is None
    shutil.rmtree(folder / ".git")
    git(folder, "init", "-q")
    assert told() is None  # nothing was committed yet
    assert told(environment={"PATH": "/nowhere"}) is None


def test_nothing_that_the_repository_brings_is_run(repository: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    trap = repository / "trap"
    trap.write_text(f"#!/bin/sh\necho x >> {ran}\n", encoding="utf-8")
    trap.chmod(0o755)
    for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(trap, repository / ".git" / "hooks" / name)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.askPass", "core.pager", "core.editor"),
        *("filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.external", "credential.helper"),
        *("uploadpack.packObjectsHook", "gpg.program", "alias.cat-file"),
    ):
        git(repository, "config", key, f"!{trap}" if key.startswith(("alias", "credential")) else str(trap))
    (repository / ".gitattributes").write_text("* filter=x diff=x\n", encoding="utf-8")
    # An object that is not there would be fetched from whoever promised it.
    git(repository, "config", "core.repositoryformatversion", "1")
    git(repository, "config", "extensions.partialClone", "origin")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "remote.origin.url", f"ext::{trap}")
    git(repository, "config", "protocol.ext.allow", "always")
    git(repository, "config", "remote.origin.uploadpack", str(trap))
    tree = git(repository, "rev-parse", "HEAD:")
    (repository / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    found = told()
    assert not ran.exists()
    assert found is not None and found["changed"] == ["flowlang.toml", "triage.flow"]


@pytest.mark.parametrize("place", [".", "{repository}"])
def test_a_git_that_came_with_the_repository_is_not_run(place: str, repository: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    (repository / "git").write_text(f"#!/bin/sh\necho x >> {ran}\n", encoding="utf-8")
    (repository / "git").chmod(0o755)
    path = f"{place.format(repository=repository)}{os.pathsep}{ENVIRONMENT['PATH']}"
    assert told(environment={**ENVIRONMENT, "PATH": path}) == (told() if place == "." else None)
    assert not ran.exists()


def test_a_run_keeps_it_and_show_tells_it(repository: Path, flowlang):
    assert flowlang("run", "triage.flow", "--mail", "Hm", "--offline").code == 0
    commit = git(repository, "rev-parse", "HEAD")
    assert f"commit    {commit[:12]}, clean\n" in flowlang("show").out
    assert json.loads(flowlang("show", "--json").out)["commit"] == {"id": commit, "clean": True, "changed": []}
