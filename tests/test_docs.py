"""The documentation is true: its flows check as it says, its links lead somewhere, and nothing is left out.

A block ```flow is a whole flow file that checks without errors; ```flow wrong=RULE,RULE raises exactly those rules.
"""

import re
from pathlib import Path

import pytest

from flowlang.diagnostics.rules import RULES
from flowlang.language.filters import FILTERS
from flowlang.language.settings import CONTROL_WORDS, ROWS
from flowlang.pipeline import check_text
from flowlang.run import exit as codes
from flowlang.workbench.declared import ALL

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
EVERYTHING = "\n".join(TEXTS.values())

# Opened and closed by the same fence, so that a flow may hold a shorter one.
BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S)
FLOW = re.compile(r"flow(?: wrong=(?P<rules>[a-z-]+(?:,[a-z-]+)*))?")
EXAMPLES = {name: list(BLOCK.finditer(text)) for name, text in TEXTS.items()}
# What a reader can copy: whole flows, and the parts of flows that name files of their own.
RIGHT = "\n".join(block["text"] for block in EXAMPLES["docs/language.md"] if block["kind"] in ("flow", "text"))


def flows() -> list[object]:
    """Each flow of the documentation with the rules that it must raise."""
    found: list[object] = []
    for name, blocks in EXAMPLES.items():
        for block in blocks:
            if kind := FLOW.fullmatch(block["kind"]):
                wanted = frozenset((kind["rules"] or "").split(",")) - {""}
                line = block.string.count("\n", 0, block.start()) + 1
                found.append(pytest.param(block["text"], wanted, id=f"{name}:{line}"))
    return found


@pytest.mark.parametrize(("flow", "wanted"), flows())
def test_a_flow_checks_as_the_page_says(flow: str, wanted: frozenset[str]) -> None:
    reports = check_text(flow)
    told = "\n".join(f"{one.source.position(one.span.start)} {one.rule}: {one.message}" for one in reports)
    if wanted:
        assert {one.rule for one in reports} == wanted, told
    else:
        assert not [one for one in reports if one.severity == "error"], told


def test_every_block_says_what_it_is() -> None:
    kinds = {(name, block["kind"]) for name, blocks in EXAMPLES.items() for block in blocks}
    plain = {("README.md", "sh"), *((name, "text") for name in TEXTS)}
    assert all(FLOW.fullmatch(kind) for _, kind in kinds - plain), kinds - plain


def test_every_page_has_flows_or_commands() -> None:
    assert {"README.md", "docs/language.md", "docs/commands.md"} <= TEXTS.keys()
    assert len(flows()) > 40


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS}))
def test_a_setting_is_documented(name: str) -> None:
    assert re.search(rf"`{name}\b[^`]*`", TEXTS["docs/language.md"])


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS}))
def test_a_setting_stands_in_an_example(name: str) -> None:
    assert re.search(rf"^ *{name}: ", RIGHT, re.M)


@pytest.mark.parametrize("word", CONTROL_WORDS)
def test_a_control_line_stands_in_an_example(word: str) -> None:
    assert re.search(rf"^ *{word} ", RIGHT, re.M)


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_filter_is_in_the_table(name: str) -> None:
    rows = [line for line in TEXTS["docs/language.md"].splitlines() if line.startswith("| `")]
    assert any(re.search(rf"`{name}\b", line.split(" | ")[0]) for line in rows)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_command_has_its_part_with_its_options_and_words(name: str) -> None:
    part = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", TEXTS["docs/commands.md"], re.M | re.S)
    assert part is not None
    command = ALL[name]
    assert f"flowlang {name}" in part[1]
    assert not [flag.name for flag in command.flags if f"--{flag.name}" not in part[1]]
    assert not [word.name for word in command.words if word.name not in part[1]]
    assert {flag for flag in re.findall(r"^- (?:`-\w FILE`, )?`--([a-z-]+)", part[1], re.M)} <= {
        flag.name for flag in command.flags
    }


def test_every_exit_code_is_documented() -> None:
    known = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    part = TEXTS["docs/commands.md"].partition("## Exit codes")[2].partition("\n## ")[0]
    written = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", part, re.M) for code in row.split(", ")}
    assert written == known


def test_every_rule_can_be_looked_up() -> None:
    assert "`flowlang explain`" in TEXTS["docs/language.md"]
    assert "flowlang explain [RULE]" in TEXTS["docs/commands.md"]
    named = set(re.findall(r"wrong=([a-z,-]+)", EVERYTHING))
    named |= set(re.findall(r"(?:error|warning)\[([a-z-]+)\]", EVERYTHING))
    assert {rule for rules in named for rule in rules.split(",")} <= RULES.keys()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", TEXTS[name]):
        path, _, anchor = target.partition("#")
        page = PAGES[name] if not path else PAGES[name].parent / path
        assert page.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_file_of_a_command_is_there(name: str) -> None:
    for path in re.findall(r"\bflows/[\w./-]+", TEXTS[name]):
        assert (ROOT / path).exists(), path
