"""The documentation is true: its flows check, its commands run, its links lead somewhere, and nothing is left out.

What a block is stands behind its fence:

    flow                  a whole flow that checks without errors; `flow wrong=RULE,RULE` raises exactly those rules
    flow a.flow, file b   the same as a file, and any other file: `console` blocks find them
    part a.flow           stands in that file as it is now; `instead a.flow` takes the place of the part before it
    add a.flow            goes to the end of that file
    console               what is typed behind `$` is run, and ends with 0 (`console exit=3`: with 3); what stands below
                          it comes out, where `…` stands for anything
    yaml                  settings of a CI system, which test_ci.py reads
    text                  anything else
"""

import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowlang.diagnostics.rules import RULES
from flowlang.language.filters import FILTERS
from flowlang.language.settings import CONTROL_WORDS, ROWS
from flowlang.pipeline import check_text
from flowlang.run import exit as codes
from flowlang.workbench.cli import main
from flowlang.workbench.declared import ALL
from flowlang.workbench.new import EXAMPLE

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (
        *(ROOT / "README.md", ROOT / "stdlib/README.md", ROOT / "flows/README.md"),
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
EVERYTHING = "\n".join(TEXTS.values())

# Opened and closed by the same fence, so that a flow may hold a shorter one.
BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S)
FLOW = re.compile(r"flow(?: wrong=(?P<rules>[a-z-]+(?:,[a-z-]+)*))?")
ON_DISK = re.compile(r"(?P<word>flow|file|part|instead|add) (?P<name>[\w./-]+)")
CONSOLE = re.compile(r"console(?: exit=(?P<code>\d+))?")
EXAMPLES = {name: list(BLOCK.finditer(text)) for name, text in TEXTS.items()}
# What a reader can copy: whole flows, and the parts of flows that name files of their own.
RIGHT = "\n".join(block["text"] for block in EXAMPLES["docs/language.md"] if block["kind"] in ("flow", "text"))
TOLD_BY_ENVIRONMENT = ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "OPENAI_API_KEY", "BYTESPIKE_API_KEY")


def place(block: re.Match[str]) -> int:
    """The line on which a block begins."""
    return block.string.count("\n", 0, block.start()) + 1


# ── Flows and commands ──


def flows() -> list[object]:
    """Each flow of the documentation with the rules that it must raise."""
    found: list[object] = []
    for name, blocks in EXAMPLES.items():
        for block in blocks:
            if kind := FLOW.fullmatch(block["kind"]):
                wanted = frozenset((kind["rules"] or "").split(",")) - {""}
                found.append(pytest.param(block["text"], wanted, id=f"{name}:{place(block)}"))
            elif name == "stdlib/README.md" and re.search(r"^step ", block["text"], re.M):
                found.append(pytest.param(block["text"], frozenset(), id=f"{name}:{place(block)}"))
    return found


@pytest.mark.parametrize(("flow", "wanted"), flows())
def test_a_flow_checks_as_the_page_says(flow: str, wanted: frozenset[str]) -> None:
    reports = check_text(flow)
    told = "\n".join(f"{one.source.position(one.span.start)} {one.rule}: {one.message}" for one in reports)
    if wanted:
        assert {one.rule for one in reports} == wanted, told
    else:
        assert not [one for one in reports if one.severity == "error"], told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of somebody who never ran anything; it is the current one."""
    for variable in TOLD_BY_ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")  # pages of help are as wide as the window
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    return tmp_path / "first"


def scenes() -> list[object]:
    """What is tried out in one folder: a page from its beginning to its end, or a recipe."""
    whole = [pytest.param(EXAMPLES[f"docs/{name}.md"], id=name) for name in ("first_flow", "testing")]
    recipes: dict[str, list[re.Match[str]]] = {}
    for block in EXAMPLES["docs/cookbook.md"]:
        recipes.setdefault(_heading(block), []).append(block)
    return [*whole, *(pytest.param(blocks, id=title) for title, blocks in recipes.items())]


def _heading(block: re.Match[str]) -> str:
    return str(re.findall(r"^## (.+)$", block.string[: block.start()], re.M)[-1])


@pytest.mark.parametrize("blocks", scenes())
def test_what_is_typed_does_what_the_page_says(
    blocks: list[re.Match[str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ""
    for block in blocks:
        kind, text = block["kind"], block["text"]
        if (console := CONSOLE.fullmatch(kind)) is not None:
            for typed, expected in _typed(text):
                code, said = run(monkeypatch, *typed)
                assert code == int(console["code"] or 0), f"line {place(block)}: {typed}\n{said}"
                assert not expected or comes_out(expected, said), f"line {place(block)}: {typed}\n{said}"
        elif (on_disk := ON_DISK.fullmatch(kind)) is not None:
            path = folder / on_disk["name"]
            match on_disk["word"]:
                case "flow" | "file":
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                case "part":
                    assert path.read_text(encoding="utf-8").count(text) == 1, f"line {place(block)}"
                    shown = text
                case "instead":
                    before = path.read_text(encoding="utf-8")
                    assert before.count(shown) == 1
                    path.write_text(before.replace(shown, text), encoding="utf-8")
                    shown = text
                case "add":
                    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    code, said = run(monkeypatch, "check", "--output-format", "concise")
    assert code == 0 and re.fullmatch(r"no mistakes in \d files?\n", said), said


def _typed(text: str) -> Iterator[tuple[list[str], str]]:
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, expected = part.partition("\n")
        program, *words = shlex.split(command)
        assert program == "flowlang", command
        yield words, expected


def run(monkeypatch: pytest.MonkeyPatch, *words: str, piped: str = os.devnull) -> tuple[int, str]:
    """What a command ends with, and what somebody at a terminal reads: both streams in one."""
    with monkeypatch.context() as patch, Path(piped).open(encoding="utf-8") as stdin:
        taken = io.BytesIO()
        both = io.TextIOWrapper(taken, encoding="utf-8", write_through=True)
        patch.setattr(sys, "stdout", both)
        patch.setattr(sys, "stderr", both)
        patch.setattr(sys, "stdin", stdin)
        code = main(list(words))
        return code, taken.getvalue().decode()


def comes_out(expected: str, said: str) -> bool:
    """Whether what is said is what is expected, where `…` stands for anything."""
    pieces = [re.escape(piece.strip()) for piece in expected.split("…")]
    return re.fullmatch(r"\s*" + r"[\s\S]*".join(pieces) + r"\s*", said) is not None


def test_what_must_come_out_is_compared() -> None:
    assert comes_out("a\n…\nc\n", "a\nb\nc\n")
    assert not comes_out("a\n…\nd\n", "a\nb\nc\n")
    assert not comes_out("b\n", "a\nb\nc\n")


def test_the_first_flow_is_the_one_that_new_writes() -> None:
    parts = [block["text"] for block in EXAMPLES["docs/first_flow.md"] if block["kind"] == "part hello.flow"]
    assert len(parts) > 8
    places = [EXAMPLE.find(part) for part in parts[:7]]
    assert -1 not in places and places == sorted(places)


COMMANDS = [
    line
    for name in ("docs/commands.md", "flows/README.md")
    for block in EXAMPLES[name]
    if block["kind"] == "text"
    for line in block["text"].splitlines()
    if line.startswith("flowlang ") and "flows" in line
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_works_in_a_copy_of_the_repository(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("flows", "stdlib"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("out", "__pycache__"))
    (folder / "mails.csv").write_text("mail\nI was charged twice.\nThe page stays white.\n", encoding="utf-8")
    command, _, piped = line.partition(" < ")
    code, said = run(monkeypatch, *shlex.split(command)[1:], piped=piped or os.devnull)
    assert code == 0, said


def test_every_block_says_what_it_is() -> None:
    kinds = {(name, block["kind"]) for name, blocks in EXAMPLES.items() for block in blocks}
    plain = {("README.md", "sh"), ("docs/ci.md", "yaml"), *((name, "text") for name in TEXTS)}
    played = ("docs/first_flow.md", "docs/cookbook.md", "docs/testing.md")
    strange = {
        (name, kind)
        for name, kind in kinds - plain
        if FLOW.fullmatch(kind) is None
        and not (name in played and (ON_DISK.fullmatch(kind) or CONSOLE.fullmatch(kind)))
    }
    assert not strange


def test_every_page_has_flows_or_commands() -> None:
    assert {"README.md", "docs/language.md", "docs/commands.md", "docs/first_flow.md", "docs/cookbook.md"} <= set(TEXTS)
    assert len(flows()) > 40
    assert len(COMMANDS) > 15


def test_every_recipe_is_in_the_list_and_is_tried_out() -> None:
    text = TEXTS["docs/cookbook.md"]
    titles = re.findall(r"^## (.+)$", BLOCK.sub("", text), re.M)
    listed = re.findall(r"\]\(#([\w-]+)\)", text.partition("\n## ")[0])
    assert sorted(listed) == sorted(_anchor(title) for title in titles)
    assert len(titles) >= 15
    tried = {_heading(block) for block in EXAMPLES["docs/cookbook.md"] if block["kind"] == "console"}
    assert tried == set(titles)


# ── Nothing is left out ──


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


# ── Links ──


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", TEXTS[name]):
        path, _, anchor = target.partition("#")
        page = PAGES[name] if not path else PAGES[name].parent / path
        assert page.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.M)
            assert anchor in {_anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_file_of_a_command_is_there(name: str) -> None:
    for path in re.findall(r"\b(?<![\w./])flows/[\w./-]+", TEXTS[name]):
        assert (ROOT / path).exists(), path
