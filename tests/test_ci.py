"""What others put into their CI: the steps of the action run as a script, the hooks run, the YAML is what it says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowlang.workbench.declared import ALL
from tests.test_docs import BLOCK, TEXTS
from tests.workbench.test_commit import git

ROOT = Path(__file__).resolve().parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
GITLAB = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]

FLOW = """\
# Sorts a mail.
input mail: text

step topic
  model: gemini-3-flash
  returns: one of billing, bug, other
  prompt: "What is this mail about? {{ mail }}"

output topic

test "a fault"
  with mail: "The page stays white."
  answer topic: bug
  expect topic is bug
"""

# What a value from a pull request would do to a script that it is pasted into.
HOSTILE = ("a.flow\n$(touch pwned)", "`touch pwned`", "; touch pwned", '"; touch pwned; "', "-h\n--help", "${{ x }}")


class Job:
    """A job on a machine that has flowlang, and a `python` that only notes what it was asked for."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.summary = place.parent / "summary.md"
        self.tools = place.parent / "tools"
        self.tools.mkdir()
        self._tool("python", f'printf "%s\\n" "$@" >{shlex.quote(str(place.parent / "installed"))}\n')
        start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
        self._tool("flowlang", f'exec {shlex.quote(sys.executable)} -c "{start}" "$@"\n')

    def _tool(self, name: str, script: str) -> None:
        (self.tools / name).write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        (self.tools / name).chmod(0o755)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.place.parent / "home"),
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "CI": "true",
        }

    def run(self, **given: str) -> dict[str, subprocess.CompletedProcess[str]]:
        """Runs the action's steps as its runner would; those that it passes over are not in the result."""
        inputs = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | given
        done: dict[str, subprocess.CompletedProcess[str]] = {}
        for step in STEPS:
            if "run" not in step or not wanted(step, inputs):
                continue
            own = {name: filled(value, inputs) for name, value in step.get("env", {}).items()}
            done[step["name"]] = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.place / filled(step.get("working-directory", "."), inputs),
                env={**self.environment(), **own},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        return done


def filled(text: str, inputs: Mapping[str, str]) -> str:
    """A value of the action with what stands in `${{ }}` put in."""
    known = {**{f"inputs.{name}": value for name, value in inputs.items()}, "github.action_path": str(ROOT)}
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], text)


def wanted(step: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """What the step's condition says of the inputs, in a job in which nothing went wrong."""
    if "if" not in step:
        return True
    words = re.fullmatch(
        r"\$\{\{ !cancelled\(\) && steps\.install\.outcome == 'success' && inputs\.([\w-]+) (==|!=) '(\w*)' \}\}",
        step["if"],
    )
    assert words is not None, step["if"]
    return (inputs[words[1]] == words[3]) is (words[2] == "==")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    place = tmp_path / "project"
    place.mkdir()
    (place / "mail.flow").write_text(FLOW, encoding="utf-8")
    return Job(place)


# ── The action ──


def test_the_action_is_one_that_github_takes() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert set(ACTION) == {"name", "description", "branding", "inputs", "runs"}
    for step in STEPS:
        assert "uses" in step or step["shell"] == "bash"
    for name, one in ACTION["inputs"].items():
        assert one["description"] and isinstance(one["default"], str), name
        assert f"`{name}`" in TEXTS["docs/ci.md"], name


def test_nothing_is_pasted_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_the_steps_of_the_action_pass_for_a_project_that_is_in_order(job: Job) -> None:
    done = job.run()
    assert {name: one.returncode for name, one in done.items()} == {
        "Install flowlang": 0,
        "flowlang check": 0,
        "flowlang fmt": 0,
        "flowlang test": 0,
    }, {name: one.stderr for name, one in done.items()}
    installed = (job.place.parent / "installed").read_text(encoding="utf-8").split()
    assert installed[:4] == ["-I", "-m", "pip", "install"] and installed[-1] == str(ROOT)
    assert "<testsuite" in (job.place / "flowlang-tests.xml").read_text(encoding="utf-8")
    summary = job.summary.read_text(encoding="utf-8")
    assert "### flowlang check" in summary and "| passed | `mail.flow` | `a fault` |" in summary


def test_each_step_tells_what_it_finds(job: Job) -> None:
    (job.place / "mail.flow").write_text(FLOW.replace("answer topic: bug", "answer  topic: other"), encoding="utf-8")
    (job.place / "b.flow").write_text(FLOW.replace("gemini-3-flash", "gemini-3-flash\n  heat: 1"), encoding="utf-8")
    done = job.run()
    codes = {name: one.returncode for name, one in done.items()}
    assert codes == {"Install flowlang": 0, "flowlang check": 3, "flowlang fmt": 8, "flowlang test": 3}
    assert "::error file=b.flow,line=6" in done["flowlang check"].stderr
    assert "::error file=mail.flow,line=14" in done["flowlang test"].stderr


def test_what_is_installed_and_looked_at_can_be_chosen(job: Job) -> None:
    (job.place / "deep").mkdir()
    shutil.move(job.place / "mail.flow", job.place / "deep" / "my mail.flow")
    words = {"version": "0.1.0", "fmt": "false", "junit": "", "working-directory": "deep", "paths": "my mail.flow\n"}
    done = job.run(**words)
    assert {name: one.returncode for name, one in done.items()} == {
        "Install flowlang": 0,
        "flowlang check": 0,
        "flowlang test": 0,
    }
    assert (job.place.parent / "installed").read_text(encoding="utf-8").split()[-1] == "flowlang-dsl==0.1.0"
    assert not list(job.place.rglob("*.xml"))


def test_what_a_pull_request_changes_goes_to_the_summary(job: Job) -> None:
    git(job.place, "init", "-q")
    git(job.place, "add", ".")
    git(job.place, "commit", "-q", "-m", "one")
    (job.place / "mail.flow").write_text(FLOW.replace("What is", "Tell what is"), encoding="utf-8")
    assert job.run(against="HEAD")["flowlang diff"].returncode == 0
    page = job.summary.read_text(encoding="utf-8")
    assert "### flowlang diff" in page and "+What is" not in page and "Tell what is this mail about?" in page


@pytest.mark.parametrize("name", ["paths", "version", "junit", "against"])
def test_no_input_is_run(name: str, job: Job) -> None:
    for value in ("\n".join(HOSTILE), *HOSTILE[1:4]):
        job.run(**{name: value, "fmt": "false"})
    assert not list(job.place.parent.rglob("pwned"))


# ── Hooks and templates ──


def test_the_hooks_run_on_a_repository(job: Job) -> None:
    assert set(HOOKS) == {"flowlang-check", "flowlang-fmt"}
    odd = ["mail.flow", "-x.flow", "--check.flow", "a b.flow"]
    for file in odd:
        (job.place / file).write_text(FLOW.replace("  with", "    with"), encoding="utf-8")
    for name, one in HOOKS.items():
        assert one["language"] == "python" and one["description"], name
        assert one.get("always_run") or re.search(one["files"], "deep/mail.flow"), name
        files = [] if one.get("pass_filenames") is False else odd
        words = [*shlex.split(one["entry"]), *one.get("args", ()), *files]
        done = subprocess.run(words, cwd=job.place, env=job.environment())
        assert done.returncode == 0, name
    assert HOOKS["flowlang-check"]["always_run"]  # a prompt may stand in a file of any name
    # What `fmt` has changed is what stops the commit.
    assert all((job.place / file).read_text(encoding="utf-8") == FLOW for file in odd)
    assert not re.search(HOOKS["flowlang-fmt"]["files"], "mail.flow.md")


def test_the_job_for_gitlab_runs(job: Job) -> None:
    (one,) = GITLAB.values()
    lines = [*one["before_script"], *one["script"]]
    environment = {**job.environment(), **one["variables"]}

    def run() -> int:
        return subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=job.place, env=environment).returncode

    report = job.place / one["artifacts"]["reports"]["junit"]
    assert run() == 0 and report.exists() and one["artifacts"]["when"] == "always"
    # What one line finds keeps none of the others from its work, and is not forgotten.
    report.unlink()
    (job.place / "b.flow").write_text('step a\n  prompt:  "x"\n', encoding="utf-8")
    assert run() == 8 and "failures" in report.read_text(encoding="utf-8")
    (job.place / "c.flow").write_text('step a\n  promt: "x"\n', encoding="utf-8")
    report.unlink()
    assert run() == 3 and "c.flow" in report.read_text(encoding="utf-8")


def test_the_page_shows_yaml_that_can_be_read_and_the_inputs_that_there_are() -> None:
    blocks = [block["text"] for block in BLOCK.finditer(TEXTS["docs/ci.md"]) if block["kind"] == "yaml"]
    assert len(blocks) >= 4
    for text in blocks:
        assert yaml.safe_load(text), text
        for step in steps_of(yaml.safe_load(text)):
            if "flowlang@" in str(step.get("uses", "")):
                assert set(step.get("with", {})) <= set(ACTION["inputs"])
    assert {hook for text in blocks for hook in re.findall(r"id: (\S+)", text)} == set(HOOKS)


def steps_of(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    jobs = workflow.get("jobs", {}) if isinstance(workflow, dict) else {}
    return [step for one in jobs.values() for step in one["steps"]]


def test_every_command_on_the_page_is_one() -> None:
    for words in re.findall(r"\bflowlang ((?:check|fmt|test|diff)\b[^`\n|&]*)", TEXTS["docs/ci.md"]):
        name, *rest = words.split()
        flags = {f"--{flag.name}" for flag in ALL[name].flags} | {flag.short for flag in ALL[name].flags}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= flags, words
