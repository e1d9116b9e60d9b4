"""Every row of the reference's tables, and of the tables behind them, has a case that runs, or that is found wrong.

A row counts as covered if a flow has it that other tests run: below golden/run, flows or stdlib. What no flow can hold
(the command line, files, rules of a run) has its case here, or in the file that is named.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from flowlang.diagnostics.rules import RULES
from flowlang.language import arithmetic, check_step, filters, loader, reading, template
from flowlang.language.filters import FILTERS
from flowlang.language.settings import CONTROL_WORDS, CONTROLS, SETTINGS
from flowlang.run import documents, given, media, step, tables, tools
from flowlang.run.permits import LISTS
from flowlang.workbench.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/language.md").read_text(encoding="utf-8")
RUN = [
    *sorted((ROOT / "tests/golden/run").glob("*.flow")),
    *sorted((ROOT / "flows").glob("*/*.flow")),
    *sorted((ROOT / "stdlib").glob("*.flow")),
]

# ── What the flows that run are made of ──

_FENCE = re.compile(r'("{3,})(?: verbatim)?(?:\s+#.*)?$')
_TAG = re.compile(r"\{\{.*?\}\}")
_SECTION = re.compile(r"(import|flow|input|preset|schema|snippet|tool|let|step|output|limits|test)\b(?!:)")


@cache
def code() -> tuple[tuple[str, str], ...]:
    """Each line of the flows that run, with the section that it stands in; of a text block only its `{{ }}`."""
    return tuple(line for path in RUN for line in _lines(path.read_text(encoding="utf-8-sig")))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    section, fence = "", ""
    for line in map(str.strip, text.splitlines()):
        if fence:
            fence = "" if line.partition("#")[0].strip() == fence else fence
            yield from ((section, tag) for tag in _TAG.findall(line))
            continue
        if line.startswith("#"):
            continue
        if (opened := _SECTION.match(line)) is not None:
            section = opened[1]
        if (begun := _FENCE.search(line)) is not None:
            fence = begun[1]
        yield section, line


@cache
def joined() -> str:
    return "\n".join(line for _, line in code())


@cache
def whole() -> str:
    return "\n".join(path.read_text(encoding="utf-8-sig") for path in RUN)


@pytest.mark.parametrize(("section", "name"), sorted(SETTINGS))
def test_a_setting_has_a_flow_that_runs_with_it(section: str, name: str) -> None:
    assert any(where == section and re.match(rf"{name}\s*:", line) for where, line in code())


WRITTEN = {
    "RepeatEach": r"repeat for each \w+ in ",
    "RepeatUntil": r"repeat until .+, at most \d+ times",
    "When": r"when ",
    "With": r"with \w+:",
    "Takes": r"takes \w+:",
    "HeaderLine": r"header [\w-]+:",
    "Extra": r"extra \w+:",
    "Expect": r"expect ",
    "JudgeLine": r"judge .+:",
    "Answer": r"answer [\w.]+:",
    "ForEachRow": r'for each \w+ in "',
}


def test_every_control_line_is_known_here() -> None:
    assert WRITTEN.keys() == CONTROLS.keys()
    assert {re.match(r"\w+", line)[0] for line in WRITTEN.values()} == set(CONTROL_WORDS)  # type: ignore[index]


@pytest.mark.parametrize(("name", "section"), [(name, one) for name, all_of in CONTROLS.items() for one in all_of])
def test_a_control_line_has_a_flow_that_runs_with_it(name: str, section: str) -> None:
    assert any(where == section and re.match(WRITTEN[name], line) for where, line in code())


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_filter_has_a_flow_that_runs_with_it(name: str) -> None:
    assert re.search(rf"\|\s*{name}\b", joined())


# ── The tables of the reference ──


def rows() -> Iterator[tuple[str, str]]:
    """The first cell of each row of each table, with the heading of the table's column."""
    heading = ""
    lines = re.sub(r"^(`{3,}).*?^\1$", "", PAGE, flags=re.M | re.S).splitlines()
    for before, line in pairwise(lines):
        if line.startswith("|--"):
            heading = _cells(before)[0]
        elif line.startswith("| ") and not before.startswith("|"):
            continue  # the heading itself
        elif line.startswith("| "):
            yield heading, _cells(line)[0]


def _cells(row: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


FORMS = [
    (heading, form)
    for heading, cell in rows()
    if heading in ("you write", "type", "setting", "line", "filter", "condition")
    for form in re.findall(r"`([^`]+)`", cell)
]

# What is written in another way than its row in the table shows.
ALSO: Mapping[str, str] = {
    "\\{{": r"\\\{\{",
    "a schema's name": r"returns: [A-Z]\w+",
    "( )": r"(?:when|where|if|ensure|expect|and|or|not)[^\n]* \([^\n]+\)",
    "sort by FIELD, largest first": r"sort by [\w.]+, largest first",
    "first": r"\| first(?: *\||\n| *\}\})",
    "last": r"\| last(?: *\||\n| *\}\})",
    "flow NAME": r"\nflow \w+\n",
    "a is b": r" is (?!not |one of |empty)",
    "and": r" and ",
    "or": r" or ",
    "not": r"(?:when|where|ensure:|expect|if|and|or|\(|share) ?not ",
    "{{ step.field }}": r"\{\{ \w+\.\w+ \}\}",
    "{{ value | filter }}": r"\{\{ [\w.]+ \| [^\n]+? \}\}",
}


def pattern_of(form: str) -> str:
    """What a form of the table looks like in a flow: words as they stand, capitals and examples as anything."""
    if form in ALSO:
        return ALSO[form]
    found = []
    for piece in re.findall(r'"[^"]*"|…|[A-Z]{1,}[A-Z.]*\b|\d[\w.]*|[\w/]+| +|.', form):
        if piece.startswith('"'):
            found.append(r'(?:file )?"+[^\n]*')
        elif piece == "…":
            found.append(r"[\s\S]{1,200}?")
        elif piece[0].isdigit():
            found.append(r"[\w.{}-][\w.{} -]*?")
        elif piece.isupper() or piece in ("a", "b", "c", "x", "name", "value", "step.field", "condition", "list"):
            found.append(r"[^\n]+?")
        elif piece.isspace():
            found.append(r"\s+")
        else:
            found.append(rf"\b{piece}\b" if piece[0].isalpha() else re.escape(piece))
    return "".join(found)


def test_the_tables_are_read() -> None:
    headings = {heading for heading, _ in rows()}
    assert len(FORMS) > 100
    assert headings == {
        *("you write", "type", "setting", "line", "filter", "condition"),
        *("value", "on the command line", "list", "path", "of"),
    }


@pytest.mark.parametrize(("heading", "form"), FORMS)
def test_a_row_of_the_reference_has_a_flow_that_runs_with_it(heading: str, form: str) -> None:
    assert is_written(heading, form, where_written(heading)), pattern_of(form)


def where_written(heading: str) -> str:
    """The parts of the flows in which something of a table can stand."""
    match heading:
        case "you write":
            return whole()
        case "type":
            typed = ("input ", "takes ", "returns:")
            return "\n".join(line for section, line in code() if section == "schema" or line.startswith(typed))
        case "condition":
            begin = r"when |ensure:|expect |repeat until |.*(?:\bwhere|\bshare|\{\{ if) "
            return "\n".join(re.sub(r'"[^"]*"', '""', line) for _, line in code() if re.match(begin, line))
        case _:
            return joined()


def is_written(heading: str, form: str, text: str) -> bool:
    before = {"filter": r"\|\s*", "setting": "^", "line": "^"}.get(heading, "") if form not in ALSO else ""
    return re.search(before + pattern_of(form), text, re.M) is not None


@pytest.mark.parametrize(
    ("heading", "form", "case"),
    [
        ("filter", "percent", r"\| *percent"),
        ("condition", "a is b", r" is (?!not |one of |empty)"),
        ("condition", "a starts with b", " starts with "),
        ("type", "yes/no", "yes/no"),
        ("line", "rounds: N", "rounds:"),
        ("setting", "seed", "seed:"),
        ("you write", "\\{{", r"\\\{\{"),
    ],
)
def test_a_case_that_is_taken_away_is_missed(heading: str, form: str, case: str) -> None:
    assert (heading, form) in FORMS
    assert not is_written(heading, form, re.sub(case, " ", where_written(heading)))


def test_the_lines_of_a_test_are_carried_out(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code = main(["test", str(ROOT / "tests/golden/run/judged.flow"), "--json"])
    assert code == 8
    passed, open_one = json.loads(capsys.readouterr().out)
    assert (passed["outcome"], passed["passed"], passed["tries"]) == ("passed", 5, 5)
    assert [failure["rule"] for failure in open_one["failures"]] == ["missing-recording"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of somebody who never ran anything; it is the current one."""
    for variable in ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "OPENAI_API_KEY", "BYTESPIKE_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


# ── How a value looks, what an output writes, what the command line takes ──

LOOKS = {
    "text": ('"as it is"', "as it is"),
    "number": ('"{{ whole }} {{ half }}"', "12 12.5"),
    "yes/no": ('"{{ sure }}"', "yes"),
    "date": ('"{{ day }}"', "2026-03-11"),
    "list of plain values": ('"{{ words }}"', "- a\n- b"),
    "record, list of records, list of lists": ('"{{ pairs }}"', '[\n  {\n    "a": 1\n  }\n]'),
}
OF_VALUES = """
schema Pair
  a: number
input whole: number = 12.0
input half: number = 12.50
input sure: yes/no = yes
input day: date = "2026-03-11"
input words: list of text = ["a", "b"]
input pairs: list of Pair
"""


def test_every_look_of_a_value_is_known_here() -> None:
    in_messages = {"image, audio"}  # golden/run/files.flow
    assert {cell for heading, cell in rows() if heading == "value"} == LOOKS.keys() | in_messages
    assert "image_url" in (ROOT / "tests/golden/run/files.messages").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", LOOKS)
def test_a_value_looks_as_the_table_says(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, looks = LOOKS[kind]
    (folder / "a.flow").write_text(f"{OF_VALUES}let shown = {text}\noutput shown\n", encoding="utf-8")
    assert main(["run", "a.flow", "--offline", "--pairs", '{"a": 1}']) == 0
    assert capsys.readouterr().out == looks + "\n"


PATHS = {
    "`.json`": r'to "[^"]+\.json"',
    "`.jsonl`": r'to "[^"]+\.jsonl"',
    "`.csv`": r'to "[^"]+\.csv"',
    "ends in `/`": r'to "[^"]+/"',
    "anything else": r'to "[^"]+\.(?:md|txt)"',
}


def test_every_kind_of_file_has_a_flow_that_writes_it() -> None:
    assert [cell for heading, cell in rows() if heading == "path"] == list(PATHS)
    assert not [kind for kind, pattern in PATHS.items() if not re.search(pattern, joined())]


OF_INPUTS = """
input reader: one of investor, lawyer, home = investor
input filing: document
input max_claims: whole number = 1
input strict: yes/no = no
input topics: list of text = []
input word: text = "none"

output seen: [reader, filing, word]
output max_claims
output strict
output topics
"""
OF_FILES = {
    "report.md": "The report.\n",
    "topics.json": '["tax", "law"]',
    "a.txt": "one\n",
    "values.json": '{"reader": "lawyer", "filing": "Words."}',
}
FILING = ["--filing", "words"]
# The words, what is piped in, and what comes of it.
TYPED: Mapping[str, tuple[list[str], str, Mapping[str, object]]] = {
    "`--reader lawyer`, `--reader=lawyer`": (
        [*FILING, "--reader=lawyer"],
        "",
        {"seen": ["lawyer", "words", "none"]},
    ),
    "`--filing @report.pdf`": (["--filing", "@report.md"], "", {"seen": ["investor", "The report.", "none"]}),
    "`--filing -`": (["--filing", "-"], "piped", {"seen": ["investor", "piped", "none"]}),
    "`--reader @@home`": ([*FILING, "--word", "@@home"], "", {"seen": ["investor", "words", "@home"]}),
    "`--max_claims 5`, `--max-claims 5`": ([*FILING, "--max-claims", "5"], "", {"max_claims": 5}),
    "`--strict`": ([*FILING, "--strict"], "", {"strict": True}),
    "`--topics tax --topics law`": (
        [*FILING, "--topics", "tax", "--topics", "law"],
        "",
        {"topics": ["tax", "law"]},
    ),
    "`--topics @topics.json`": ([*FILING, "--topics", "@topics.json"], "", {"topics": ["tax", "law"]}),
    "`--topics @a.txt`": ([*FILING, "--topics", "@a.txt"], "", {"topics": ["one"]}),
    "`--inputs values.json`": (["--inputs", "values.json"], "", {"seen": ["lawyer", "Words.", "none"]}),
}


def test_every_way_to_give_an_input_is_known_here() -> None:
    at_addresses = {"`--page @https://news.example/today`"}  # tests/workbench/test_addresses.py
    assert {cell for heading, cell in rows() if heading == "on the command line"} == TYPED.keys() | at_addresses
    assert '"@http' in (ROOT / "tests/workbench/test_addresses.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", TYPED)
def test_an_input_is_given_as_the_table_says(
    row: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, piped, wanted = TYPED[row]
    for name, text in {"a.flow": OF_INPUTS, "piped": piped, **OF_FILES}.items():
        (folder / name).write_text(text, encoding="utf-8")
    with Path("piped").open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        code = main(["run", "a.flow", "--offline", "--json", *words])
    told = capsys.readouterr()
    assert code == 0, told.err
    found = json.loads(told.out)
    assert {name: found[name] for name in wanted} == wanted


# ── How much there may be, and what a project may allow ──

MOST: Mapping[str, Sequence[int]] = {
    "digits of a number": [arithmetic.MAX_DIGITS],
    "one text that is filled in": [template.MAX_RENDERED],
    "items of a list after `flatten`": [filters.MAX_ITEMS],
    "levels of nesting in a value": [reading.MAX_JSON_DEPTH],
    "items of one `repeat for each`": [step.MOST_ITEMS],
    "rounds of one `repeat until`": [check_step._MOST_ROUNDS],
    "imported files": [loader.MAX_FILES, loader.MAX_DEPTH],
    "what a tool gives back": [tools.MOST_OUTPUT],
    "tools at work at the same time": [tools.MOST_AT_ONCE],
    "a text, table or document that is an input": [given.MOST_TEXT_BYTES],
    "an image or audio": [media.MOST_MEDIA_BYTES],
    "rows of a table": [tables.MOST_ROWS],
    "files of one list input": [given.MOST_ITEMS],
    "a flow file": [loader.MAX_SOURCE],
}
UNITS = {"": 1, "MB": 1_000_000, "MiB": 1024 * 1024}


def test_the_limits_of_the_table_are_those_of_the_program() -> None:
    written = {
        cells[0]: [int(number.replace(",", "")) * UNITS[unit or ""] for number, unit in found]
        for line in PAGE.partition("How much there may be of something:")[2].partition("\n\n`")[0].splitlines()
        if line.startswith("| ") and (cells := _cells(line))[0] != "of"
        if (found := re.findall(r"\b(\d[\d,]*)(?: (MB|MiB))?\b", cells[1].partition(";")[0]))
    }
    assert written == MOST
    assert given.MOST_TEXT_BYTES == tables.MOST_TABLE_BYTES == documents.MOST_DOCUMENT_BYTES


ASKING = {
    "host": 'tool t\n  get: "http://localhost:9/x"\n\nstep a\n  call: t\n',
    "command": 'tool t\n  command: "git --version"\n\nstep a\n  call: t\n',
    "python": 'tool t\n  python: "tools.py" work\n\nstep a\n  call: t\n',
    "read": 'step a\n  model: x\n  prompt: file "../shared/a.md"\n',
}
LISTED = {"host": "localhost:9", "command": "git", "python": "tools.py", "read": "../shared"}


def test_every_list_of_a_project_is_in_the_table() -> None:
    assert {cell for heading, cell in rows() if heading == "list"} == {f"`{name}`" for name in LISTS.values()}
    assert ASKING.keys() == LISTED.keys() == LISTS.keys()


@pytest.mark.parametrize("kind", ASKING)
def test_what_a_project_does_not_list_is_not_allowed(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tools.py").write_text("def work():\n    return 1\n", encoding="utf-8")
    (folder.parent / "shared").mkdir()
    (folder.parent / "shared/a.md").write_text("Hello.\n", encoding="utf-8")
    (folder / "a.flow").write_text(ASKING[kind], encoding="utf-8")
    assert main(["check"]) == 3
    assert "not-allowed" in capsys.readouterr().out
    (folder / "flowlang.toml").write_text(f'[allow]\n{LISTS[kind]} = ["{LISTED[kind]}"]\n', encoding="utf-8")
    assert main(["trust"]) == 0
    assert main(["check"]) == 0


# ── Rules ──

# What `check` finds and no file of the repository should hold: a character that nobody sees.
HELD_HERE = {"hidden-characters": 'step a\n  prompt: "pass\u202eword"\n'}


def _found_wrong() -> set[str]:
    """The rules that a golden case or an example of the reference is wrong by."""
    golden = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/golden/check").glob("*.flow"))
    found = set(re.findall(r"^\s*#\s*(?:\^|@\d+(?::\d+| \".+?\")) ([a-z]+(?:-[a-z]+)*)", golden, re.M))
    for named in re.findall(r"^```flow wrong=([a-z,-]+)$", PAGE, re.M):
        found |= set(named.split(","))
    return found


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.when == "check"])
def test_a_rule_of_check_has_a_case(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name not in HELD_HERE:
        assert name in _found_wrong()
        return
    (folder / "a.flow").write_text(HELD_HERE[name], encoding="utf-8")
    main(["check", "--output-format", "json"])
    assert {one["rule"] for one in json.loads(capsys.readouterr().out)} == {name}


@dataclass(frozen=True)
class Met:
    """A flow that meets a rule when it is run, and the exit code."""

    flow: str
    code: int
    words: Sequence[str] = ()
    project: str = ""
    command: str = "run"
    files: Mapping[str, str] = field(default_factory=dict)


ONE_STEP = 'step a\n  model: x\n  prompt: "Hello."\noutput a\n'
A_TOOL = 'tool t\n  command: "git no-such-thing"\n\nstep a\n  call: t\n'
READER = 'step b\n  model: x\n  prompt: "{{ a }}"\noutput b\n'
MET = {
    "missing-input": Met("input x: text\noutput y: x | upper\n", 2),
    "missing-key": Met(ONE_STEP, 4, command="run online"),
    "bad-file": Met("input rows: table\noutput rows\n", 2, ["--rows", "@rows.json"], files={"rows.json": "{"}),
    "bad-answer": Met(f"{ONE_STEP}".replace("  prompt", '  ensure: a is "x"\n  tries: 2\n  prompt'), 1),
    "cut-off": Met(ONE_STEP, 1, project="[offline]\ncut_off_rate = 1\n"),
    "unreachable": Met(ONE_STEP, 4, project="[offline]\nfailure_rate = 1\n"),
    "tool-failed": Met(A_TOOL, 1, ["--allow", "command=git"]),
    "failed-before": Met(A_TOOL + READER, 1, ["--allow", "command=git"]),
    "unmet-expectation": Met(ONE_STEP + "limits\n  expect a is empty\n", 1),
    "missing-recording": Met(ONE_STEP + 'test "t"\n  expect a is not empty\n', 8, command="test"),
    "limit-reached": Met(ONE_STEP + "limits\n  calls: 0\n", 5),
}
# Only a provider says no, and only a disk is full.
MET_ELSEWHERE = {
    "store-failed": "tests/run/test_keeping.py",
    "refused": "tests/models/test_refusals.py",
    "bad-request": "tests/models/test_refusals.py",
    "content-refused": "tests/models/test_refusals.py",
}


def test_every_rule_of_a_run_is_known_here() -> None:
    assert MET.keys() | MET_ELSEWHERE.keys() == {name for name, rule in RULES.items() if rule.when != "check"}
    for name, path in MET_ELSEWHERE.items():
        assert name.title().replace("-", "") in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MET)
def test_a_rule_of_a_run_has_a_case(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    met = MET[name]
    for path, text in {"a.flow": met.flow, "flowlang.toml": met.project, **met.files}.items():
        (folder / path).write_text(text, encoding="utf-8")
    match met.command:
        case "test":
            words = ["test", "a.flow"]
        case "run online":
            words = ["run", "a.flow"]
        case _:
            words = ["run", "a.flow", "--offline", "--events", "events.jsonl", *met.words]
    code = main(words)
    told = capsys.readouterr()
    events = (folder / "events.jsonl").read_text(encoding="utf-8") if (folder / "events.jsonl").exists() else ""
    assert code == met.code, told.err
    assert f"[{name}]" in told.err + told.out or f'"rule": "{name}"' in events
