"""The catalogue is complete, and its examples are true."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowlang.diagnostics.pages import load_pages
from flowlang.diagnostics.rules import RULES
from flowlang.pipeline import check_text

PACKAGE = Path(__file__).resolve().parents[2] / "flowlang"
CHECKED = [name for name, rule in RULES.items() if rule.when == "check"]
MET_IN_RUNS = [name for name, rule in RULES.items() if rule.when == "run"]

# The names that programs may rely on.
PROMISED = (
    "unknown-name",
    "unknown-field",
    "unknown-setting",
    "unknown-type",
    "unknown-section",
    "unknown-filter",
    "unknown-model",
    "missing-input",
    "missing-setting",
    "missing-key",
    "cycle",
    "duplicate-name",
    "duplicate-setting",
    "out-of-range",
    "wrong-type",
    "wrong-value",
    "unclosed-text",
    "unclosed-tag",
    "bad-reference",
    "bad-name",
    "stray-text",
    "syntax",
    "unused-input",
    "unused-step",
    "maybe-empty",
    "unsupported-setting",
    "not-allowed",
    "not-found",
    "bad-answer",
    "bad-file",
)


def rules_found(flow: str) -> set[str]:
    return {diagnostic.rule for diagnostic in check_text(flow)}


def test_every_promised_rule_is_there() -> None:
    assert set(PROMISED) <= RULES.keys()


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert list(load_pages()) == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_and_its_page_are_written_alike(name: str) -> None:
    rule, page = RULES[name], load_pages()[name]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and rule.name == name
    assert not rule.title.endswith(".") and (rule.title[0].islower() or not rule.title[0].isalpha())
    assert page.why.endswith(".") and page.fix.endswith(".")
    assert not re.search(r"\b(token|identifier|EOF|pars(e|er|ing))\b", f"{rule.title} {page}")


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_example_raises_its_rule_and_nothing_else(name: str) -> None:
    assert rules_found(load_pages()[name].wrong) == {name}


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_example_is_an_error_or_a_warning_as_the_catalogue_has_it(name: str) -> None:
    found = {diagnostic.severity for diagnostic in check_text(load_pages()[name].wrong)}
    assert found == {RULES[name].severity}


@pytest.mark.parametrize("name", CHECKED)
def test_a_right_example_is_clean(name: str) -> None:
    page = load_pages()[name]
    assert page.right and rules_found(page.right) == set()


@pytest.mark.parametrize("name", MET_IN_RUNS)
def test_what_only_a_run_meets_is_told_with_its_commands(name: str) -> None:
    page = load_pages()[name]
    commands = ("flowlang run ", "flowlang test ")
    assert page.raised and page.wrong_run.startswith(commands) and page.right_run.startswith(commands)
    # A tool has to be allowed by the project, and the example has none around it.
    for flow in filter(None, (page.wrong, page.right)):
        assert rules_found(flow) <= ({"not-allowed"} if name == "tool-failed" else set())


def rules_named(tree: ast.AST) -> Iterator[str]:
    """The rules that a module gives to what it reports, where they are written as plain text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        given = [keyword.value for keyword in node.keywords if keyword.arg == "rule"]
        if name in ("Diagnostic", "Mistake") and node.args:
            given.append(node.args[0])
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield value.value


def test_every_rule_that_is_reported_is_in_the_catalogue() -> None:
    named = {
        (path.relative_to(PACKAGE).as_posix(), rule)
        for path in PACKAGE.rglob("*.py")
        for rule in rules_named(ast.parse(path.read_bytes()))
    }
    assert named and {(path, rule) for path, rule in named if rule not in RULES} == set()


def test_the_names_are_cheap_to_have() -> None:
    show = "import sys, flowlang.diagnostics.rules; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert "flowlang.diagnostics.rules" in done.stdout.split()
    assert {"tomllib", "flowlang.diagnostics.pages"}.isdisjoint(done.stdout.split())
