"""The standard library: described, laid out, tested by its own tests, run with the built-in model, and used."""

import json
import re
import shlex
from pathlib import Path

import pytest

from flowlang.language.checked import CheckedFile
from flowlang.pipeline import compile_flow
from flowlang.run.exit import DIFFERENCES, FAILED
from flowlang.workbench.cli import main

ROOT = Path(__file__).resolve().parents[1]
STDLIB = ROOT / "stdlib"
FILES = sorted(path.name for path in STDLIB.glob("*.flow"))
OF_TEXTS_AND_TYPES = ("schemas.flow", "style.flow")  # nothing in them runs
RUNNING = [name for name in FILES if name not in OF_TEXTS_AND_TYPES]
README = (STDLIB / "README.md").read_text(encoding="utf-8")

LEASE = """# Lease

Ana Silva lets the flat to Tom Berg. The rent is 900 euros a month. The lease runs from 1 June 2026.

A deposit of 1,800 euros is due before the keys are handed over. Pets need the neighbours' consent.
"""
DIFF = """diff --git a/shop/tax.py b/shop/tax.py
--- a/shop/tax.py
+++ b/shop/tax.py
@@ -1,2 +1,2 @@
 def tax(net, rate):
-    return net * rate
+    return net / rate
"""
CRITERIA = "name,question,weight\nClear,Is it clear?,3\nComplete,Does it name the rent?,1\n"

# What each is given, and the fields of its result, or None where it is one text.
RUNS: dict[str, tuple[str, set[str] | None]] = {
    "answer.flow": ("--text @lease.md --question 'When is the deposit due?'", {"answer", "known", "places"}),
    "classify.flow": ("--text @lease.md --labels invoice --labels contract", {"label", "reason", "sure"}),
    "compare.flow": ("--first @lease.md --second @newer.md --about money", {"differences", "summary"}),
    "extract.flow": ("--text @lease.md --fields rent --fields deposit", {"found", "missing"}),
    "judge.flow": ("--text @lease.md --criteria @criteria.csv --task 'Let a flat'", {"total", "scores"}),
    "locate.flow": ("--text @lease.md --quote '900 euros'", None),
    "refine.flow": ("--task 'Say that the flat is let.' --good-enough 10", {"text", "score", "advice"}),
    "review.flow": ("--diff @change.diff --rules 'No new dependency'", {"findings", "blockers"}),
    "rewrite.flow": ("--text @lease.md --how 'Half as long' --voice friendly --words 30", None),
    "summarize.flow": ("--text @lease.md --words 30 --focus money", None),
    "translate.flow": ("--text @lease.md --language French --words-at-once 20", None),
    "vote.flow": ("--question 'What is 17 times 4?' --voters 3", {"answer", "agreement", "answers"}),
}

# A change to a file that its own tests must notice.
FAULTS = [
    ("answer.flow", "output known: reply.known", "output known: yes"),
    ("answer.flow", 'contain (it | words | join " ")', "contain it"),
    ("classify.flow", "| first choice.number | last", "| first"),
    ("classify.flow", "where fits is yes", "where fits is no"),
    ("compare.flow", "or plain_first contains", "or both contains"),
    ("compare.flow", "| sort by weight", ""),
    ("extract.flow", 'plain contains (reading.quote | words | join " ")', "plain contains reading.quote"),
    ("extract.flow", "where answered does not contain it", "where answered contains it"),
    ("judge.flow", "minus 1 | times 25", "times 20"),
    ("judge.flow", "| divided by weights", "| divided by 1"),
    ("locate.flow", '= quote | words | join " "', "= quote"),
    ("refine.flow", "{{ if review.score >= score }}{{ better }}", "{{ if review.score < score }}{{ better }}"),
    ("refine.flow", "when opening.score < good_enough", "when opening.score < 10"),
    ("review.flow", "where holds is yes", "where holds is no"),
    ("review.flow", "| sort by severity", ""),
    ("review.flow", "[heads, other_heads] | flatten", "heads"),
    ("review.flow", 'split " b/" | last', 'split " b/" | first'),
    ("rewrite.flow", "= keep | where text contains it", "= keep"),
    ("summarize.flow", "when parts <= 1", "when parts <= 2"),
    ("summarize.flow", "| times 1.1", "| times 1.5"),
    ("translate.flow", '| split "\\n\\n" | where it is not empty', '| split "\\n\\n"'),
    ("translate.flow", "when length <= words_at_once", "when length > 0"),
    ("vote.flow", "samples: {{ voters }}", "samples: 4"),
]

PROMPT = re.compile(r'^  prompt: """\n(.*?)^  """$', re.M | re.S)
LONG = re.compile(r"\{\{ (?:text|diff|first|piece|task) \}\}")
OPENING = re.compile(r" +<(\w+)>\n +\{\{ [^{}]+ \}\}\n +</\1>\n")

TOLD_BY_ENVIRONMENT = ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "OPENAI_API_KEY", "BYTESPIKE_API_KEY")


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: somebody's, with what the library is tried on."""
    for variable in TOLD_BY_ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    place = tmp_path / "desk"
    place.mkdir()
    files = {"lease.md": LEASE, "newer.md": LEASE.replace("900", "950"), "change.diff": DIFF, "criteria.csv": CRITERIA}
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(place)
    return place


def checked(name: str) -> CheckedFile:
    return compile_flow(STDLIB / name)


@pytest.mark.parametrize("name", FILES)
def test_it_has_no_mistake_and_no_warning(name: str) -> None:
    assert [one.message for one in checked(name).diagnostics] == []


def test_all_stand_in_the_canonical_layout(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["fmt", "--check", str(STDLIB)])
    assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_every_flow_and_input_is_described(name: str) -> None:
    file = checked(name)
    assert file.flow is not None
    for flow in (file.flow, *file.flows.values()):
        assert flow.description.endswith("."), flow.name
        assert [name for name, one in flow.inputs.items() if not one.description.endswith(".")] == []


@pytest.mark.parametrize("name", FILES)
def test_it_names_no_model(name: str) -> None:
    assert not re.search(r"^ *model:", (STDLIB / name).read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("name", FILES)
def test_its_row_tells_what_it_takes_and_gives(name: str) -> None:
    file, rows = checked(name), [line for line in README.splitlines() if line.startswith("|")]
    assert file.flow is not None
    (row,) = [row for row in rows if row.startswith(f"| `{name}` |")]
    _, _, _, takes, gives, _ = row.split("|")
    assert [one for one in file.flow.inputs if f"`{one}`" not in takes] == []
    if len(file.flow.outputs) > 1:
        assert [one.name for one in file.flow.outputs if f"`{one.name}`" not in gives] == []


def test_every_row_is_a_file() -> None:
    assert sorted(re.findall(r"^\| `([a-z]+\.flow)` \|", README, re.M)) == FILES


@pytest.mark.parametrize("name", RUNNING)
def test_its_own_tests_pass(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["test", str(STDLIB / name), "--json"])
    told = capsys.readouterr()
    outcomes = [result["outcome"] for result in json.loads(told.out)]
    assert (code, set(outcomes)) == (0, {"passed"}), told.out
    assert len(outcomes) >= 2


@pytest.mark.parametrize(("name", "old", "new"), FAULTS)
def test_its_own_tests_notice_a_fault(name: str, old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (STDLIB / name).read_text(encoding="utf-8")
    assert old in text
    Path(name).write_text(text.replace(old, new), encoding="utf-8")
    code = main(["test", name, "--json"])
    assert code in (FAILED, DIFFERENCES), capsys.readouterr().out


def test_every_file_is_noticed_to_be_faulty() -> None:
    assert sorted({name for name, _, _ in FAULTS}) == RUNNING


@pytest.mark.parametrize("name", RUNNING)
def test_it_runs_by_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, fields = RUNS[name]
    outputs = ran(capsys, str(STDLIB / name), *shlex.split(words))
    if fields is None:
        (result,) = outputs.values()
        assert result
    else:
        assert outputs.keys() == fields
        assert None not in outputs.values()


@pytest.mark.parametrize("name", RUNNING)
def test_the_long_text_opens_every_prompt_that_has_it(name: str) -> None:
    """A provider keeps what requests begin with, if it is the same to the byte. Tags say where the text ends."""
    for prompt in PROMPT.findall((STDLIB / name).read_text(encoding="utf-8")):
        if LONG.search(prompt):
            assert OPENING.match(prompt), prompt


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """The outputs of a run with the built-in model."""
    capsys.readouterr()
    code = main(["run", *words, "--offline", "--json", "--console", "none"])
    told = capsys.readouterr()
    assert code == 0, told.err
    outputs = json.loads(told.out)
    assert isinstance(outputs, dict)
    return outputs


DESCRIBED = """
import "std/classify.flow" as classify
import "std/extract.flow" as extract

input text: document
input fields: list of extract.Field
input labels: list of classify.Label

step looked
  run: extract.described
  with text: text
  with fields: fields

step kind
  run: classify.described
  with text: text
  with labels: labels

step topics
  run: classify.many
  with text: text
  with labels: ["rent", "pets"]

output names: [looked.missing, fitting] | flatten
output label: kind.label
output topics

let fitting = looked.found | take field
"""


def test_fields_and_labels_may_be_described(capsys: pytest.CaptureFixture[str]) -> None:
    Path("use.flow").write_text(DESCRIBED, encoding="utf-8")
    fields = "name,about,kind,needed\nrent,Each month,number,\ndeposit,,,yes\n"
    Path("fields.csv").write_text(fields, encoding="utf-8")
    Path("labels.csv").write_text("name,about\nbill,Asks for money\ncontract,Binds two sides\n", encoding="utf-8")
    found = ran(capsys, "use.flow", "--text", "@lease.md", "--fields", "@fields.csv", "--labels", "@labels.csv")
    assert isinstance(found["names"], list) and isinstance(found["topics"], list)
    assert sorted(found["names"]) == ["deposit", "rent"]  # each is found or missing
    assert found["label"] in ("bill", "contract")
    assert set(found["topics"]) <= {"rent", "pets"}


def test_what_is_not_needed_is_never_missing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("use.flow").write_text(DESCRIBED, encoding="utf-8")
    Path("fields.csv").write_text("name,about,kind,needed\nship,,,no\nrent,,,no\n", encoding="utf-8")
    Path("labels.csv").write_text("name,about\nbill,Asks for money\ncontract,Binds two sides\n", encoding="utf-8")
    text = "Only one short line."
    found = ran(
        capsys, "use.flow", "--text", text, "--fields", "@fields.csv", "--labels", "@labels.csv", "--only", "looked"
    )
    (looked,) = found.values()
    assert isinstance(looked, dict)
    assert looked["missing"] == []


@pytest.mark.parametrize("name", FILES)
def test_an_example_or_another_file_uses_it(name: str) -> None:
    using = [*(ROOT / "flows").rglob("*.flow"), *STDLIB.glob("*.flow")]
    assert [path.name for path in using if f'import "std/{name}"' in path.read_text(encoding="utf-8")] != []
