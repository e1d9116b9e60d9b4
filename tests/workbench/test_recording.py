"""`flowlang test --record` against the stand-in gateway, and the tests on what was recorded, with nobody to ask."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Answer, Call, Gateway
from tests.workbench.conftest import Type, Typed

ROOT = Path(__file__).resolve().parents[2]

FLOW = """\
input words: list of text = ["one", "two", "three"]
input key: secret text

preset m
  model: gpt-5-4

tool look
  about: "Looks a word up"
  takes word: text
  command: "cat -- {{ word }}.txt"

schema Note
  word: text
  fine: yes/no

step notes
  repeat for each item in words
  model: m
  returns: Note
  ensure: notes.word is not empty
  prompt: "Note {{ item }}."

step looked
  model: m
  uses: look
  prompt: "Look up one."

step called
  call: look
  with word: "two"

step votes
  model: m
  samples: 2
  returns: whole number
  prompt: "Vote."

step polished
  repeat until polished.good, at most 3 times
  run: polish
  with draft: looked

step sum
  model: m
  ensure: judge "Is short"
  prompt: "Sum up {{ notes | take word | join \\", \\" }} and {{ polished.draft }}."

output sum

test "all of it"
  with key: "canary-4711"
  expect (notes | where fine is yes | count) is 3
  expect looked contains "first"
  expect called contains "second"
  expect (votes | count) is 2
  expect sum contains "Sum"
  judge sum: "Is polite"

test "each try is another"
  with key: "canary-4711"
  expect votes is not empty
  passes: 2 of 3

flow polish
input draft: text
step better
  model: m
  prompt: "Polish {{ draft }}."
step good
  model: m
  returns: yes/no
  prompt: "Is this good? {{ better }}"
output draft: better
output good
"""


class Script:
    """Answers by what is asked; `said` goes over that, and `asked` has what came."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.said: dict[str, str] = {}
        self.calls = ""  # a tool that there is not, called beside the one that there is

    def __call__(self, request: dict[str, Any]) -> Answer | str:
        messages = request["messages"]
        asked = str(messages[-1]["content"])
        self.asked.append(asked)
        for start, answer in self.said.items():
            if asked.startswith(start):
                return answer
        if messages[-1]["role"] == "tool":
            return "It says: the first" if self.calls else f"It says: {asked}"
        if asked.startswith("Judge the answer"):
            return json.dumps({"holds": True, "reason": "It is."})
        if asked.startswith("Note "):
            return json.dumps({"word": asked[5:-1], "fine": True})
        if asked.startswith("Look up"):
            odd = (Call(self.calls, {"word": "one"}, id="odd"),) if self.calls else ()
            return Answer(tool_calls=(Call("look", {"word": "one"}, id=f"id-{len(self.asked):04}"), *odd))
        if asked.startswith("Vote"):
            return json.dumps({"answer": len(self.asked)})
        if asked.startswith("Is this good?"):
            return json.dumps({"answer": asked.count("Polished") > 1})
        return f"Polished: {asked}" if asked.startswith("Polish ") else f"Sum, said once: {asked}"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def project(folder: Path, script: Script) -> Iterator[Path]:
    """The current folder with the flow, what it reads, and a provider."""
    (folder / "triage.flow").unlink()
    (folder / "all.flow").write_text(FLOW, encoding="utf-8")
    (folder / "one.txt").write_text("the first\n", encoding="utf-8")
    (folder / "two.txt").write_text("the second\n", encoding="utf-8")
    with Gateway(script) as url:
        settings = f'[project]\nprovider = "p"\n[providers.p]\nbase_url = "{url}"\n[allow]\ncommands = ["cat"]\n'
        (folder / "flowlang.toml").write_text(settings, encoding="utf-8")
        yield folder


Record = Callable[..., Typed]


@pytest.fixture
def record(flowlang: Type) -> Record:
    return lambda *words: flowlang("test", "all.flow", "--record", "--trust", *words)


def answers(folder: Path) -> str:
    return (folder / "all.answers").read_text(encoding="utf-8")


def edit(folder: Path, old: str, new: str, name: str = "all.flow") -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_what_is_recorded_is_replayed_with_nobody_to_ask(
    project: Path, script: Script, record: Record, flowlang: Type
) -> None:
    recorded = record()
    assert recorded.code == 0, recorded.out + recorded.err
    asked = len(script.asked)
    (project / "one.txt").unlink()  # no tool runs
    replayed = flowlang("test", "all.flow", "--report", "markdown=page.md")
    assert replayed.code == 0, replayed.out + replayed.err
    saved = re.findall(r"\| \d+ \| (\$\d\.\d+) \| 0 \|", (project / "page.md").read_text(encoding="utf-8"))
    assert len(saved) == 2 and saved[0] > saved[1]
    assert len(script.asked) == asked
    assert "2 tests: 2 passed; " in replayed.out


def test_recorded_again_nothing_is_asked_and_the_file_is_the_same(
    project: Path, script: Script, record: Record
) -> None:
    record()
    before, asked = answers(project), len(script.asked)
    written = (project / "all.answers").stat().st_mtime_ns
    again = record()
    assert again.code == 0 and "wrote" not in again.err
    assert (answers(project), len(script.asked)) == (before, asked)
    assert (project / "all.answers").stat().st_mtime_ns == written


def test_a_comment_stays_while_nothing_changes(project: Path, record: Record) -> None:
    record()
    edit(project, "answer called", "# Why this is so.\nanswer called", "all.answers")
    before = answers(project)
    assert record().code == 0 and answers(project) == before


def test_recorded_from_nothing_twice_it_is_the_same_bytes_whatever_ids_the_provider_gives(
    project: Path, script: Script, record: Record
) -> None:
    script.said["Vote"] = "3"
    record("--no-store")
    first = answers(project)
    (project / "all.answers").unlink()
    record("--no-store")
    assert answers(project) == first
    assert "id-" not in first


def test_the_file_tells_places_samples_rounds_runs_tools_and_judges(project: Path, record: Record) -> None:
    record()
    text = answers(project)
    assert "answer better\n  flow: polished\n  round: 2\n" in text
    assert "answer looked\n  request: " in text and '    look {"word": "one"}\n' in text
    assert "answer looked\n  tool: look\n" in text and "answer called\n  tool: look\n" in text
    assert 'answer sum\n  judge: "Is short"\n' in text and 'answer sum\n  judge: "Is polite"\n' in text
    assert "answer votes\n  sample: 2\n  request: " in text and "answer votes\n  sample: 1\n  run: 3\n" in text
    # Also where a store could answer: each try of a case, and each sample, is a new one.
    votes = re.findall(r'^answer votes\n(?:  .*\n)*?    \{"answer": (\d+)\}', text, re.M)
    assert len(votes) == len(set(votes)) == 6
    headers = [line for line in text.split("\n") if line.startswith("answer ")]
    own = [line for line in headers if line not in ("answer better", "answer good")]
    assert own == sorted(own)


def test_no_secret_reaches_a_recording(project: Path, script: Script, record: Record, flowlang: Type) -> None:
    script.said["Sum up"] = "Sum: canary-4711, and c" + "anary-4711 again"
    assert record().code == 0
    assert "canary" not in answers(project) and "[secret key]" in answers(project)
    assert flowlang("test", "all.flow").code == 0


@pytest.mark.parametrize("name", ["canary-4711", "look up", "look\nanswer topic", '"""', "look {}", "\\{{ x }}"])
def test_whatever_a_model_calls_a_tool_is_recorded_without_secrets_and_read_back(
    name: str, project: Path, script: Script, record: Record, flowlang: Type
) -> None:
    script.calls = name
    assert record().code == 0
    assert "canary" not in answers(project)
    done = flowlang("test", "all.flow")
    assert done.code == 0, done.out + done.err


def outdated(done: Typed) -> set[str]:
    assert done.code == 8, done.out
    lines = [line for line in done.out.split("\n") if line.startswith("error[outdated-recording]")]
    return {line.partition("step `")[2].partition("`")[0] for line in lines}


def test_a_changed_prompt_makes_exactly_its_steps_answers_outdated(
    project: Path, script: Script, record: Record, flowlang: Type
) -> None:
    record()
    before = answers(project)
    edit(project, '"Note {{ item }}."', '"Note {{ item }}!"')
    done = flowlang("test", "all.flow")
    assert outdated(done) == {"notes"}
    assert "recorded answers of step `notes` are outdated for items 1, 2, 3: its prompt has changed" in done.out
    assert (
        '  prompt: "Note {{ item }}!"\n' in done.out
        and "= to record it again: flowlang test all.flow --record" in done.out
    )
    asked = len(script.asked)
    assert record().code == 0
    # The new answers are the old ones, so that what reads them is as right as it was.
    assert [one for one in script.asked[asked:] if not one.startswith("Note ")] == []
    now = answers(project)
    changed = [a for a, b in zip(before.split("\n"), now.split("\n"), strict=True) if a != b]
    assert len(changed) == 3 and all(line.startswith("  request: ") for line in changed)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  model: gpt-5-4", "  model: gpt-5-5", "it asks `gpt-5-5` now, another model"),
        ("  model: gpt-5-4", "  model: gpt-5-4\n  max_tokens: 900", "a parameter has changed"),
        ("  fine: yes/no", '  fine: yes/no "Whether it is fine"', "what it must answer"),
        ('["one", "two", "three"]', '["four", "two", "three"]', "what its prompt is filled with has changed: `words`"),
    ],
)
def test_what_changed_is_told(old: str, new: str, told: str, project: Path, record: Record, flowlang: Type) -> None:
    record()
    edit(project, old, new)
    done = flowlang("test", "all.flow", "-k", "all of it")
    assert "notes" in outdated(done) and told in done.out


def test_a_test_that_fails_tells_also_what_is_outdated_and_calls_it_no_leftover(
    project: Path, record: Record, flowlang: Type
) -> None:
    record()
    edit(project, '{"word": "two", "fine": true}', '{"word": "two", "fine": false}', "all.answers")
    edit(project, 'prompt: "Vote."', 'prompt: "Vote now."')
    done = flowlang("test", "all.flow", "--json")
    first, _ = json.loads(done.out)
    assert (done.code, first["outcome"]) == (1, "failed") and "unused-recording" not in done.err
    assert [(one["rule"], one["changed"]) for one in first["failures"]] == [
        ("unmet-expectation", []),
        ("outdated-recording", ["prompt"]),
    ]


@pytest.mark.parametrize(("old", "new"), [("Is polite", "Is kind"), ("Is short", "Is brief")])
def test_a_rule_that_changed_is_told_at_its_own_line(
    old: str, new: str, project: Path, record: Record, flowlang: Type
) -> None:
    record()
    edit(project, f'"{old}"', f'"{new}"')
    out = flowlang("test", "all.flow").out
    assert "the recorded judgement of step `sum` is outdated: the rule has changed" in out
    number = (project / "all.flow").read_text(encoding="utf-8").split(new)[0].count("\n") + 1
    assert f"  --> all.flow:{number}:" in out


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("  model: gpt-5-4", "  model: gpt-5-5", ["model"]),
        ("  model: gpt-5-4", "  model: gpt-5-4\n  max_tokens: 900", ["parameters"]),
        ("  fine: yes/no", '  fine: yes/no "Whether it is fine"', ["schema"]),
        ('["one", "two", "three"]', '["one", "two", "four"]', ["messages"]),
        ('"Note {{ item }}."', '"Note {{ item }}!"', ["prompt"]),
        ('command: "cat --', 'command: "cat -n --', ["tool"]),
        ('with word: "two"', 'with word: "one"', ["values"]),
    ],
)
def test_programs_are_told_what_changed(
    old: str, new: str, changed: list[str], project: Path, record: Record, flowlang: Type
) -> None:
    record()
    edit(project, old, new)
    first, *_ = json.loads(flowlang("test", "all.flow", "-k", "all of it", "--json").out)
    assert changed in [one["changed"] for one in first["failures"] if one["rule"] == "outdated-recording"]


def test_a_failure_says_where_the_answer_is_recorded(project: Path, record: Record, flowlang: Type) -> None:
    """Of several samples none is the one that led to a value."""
    record()
    lines = answers(project).split("\n")
    edit(project, 'looked contains "first"', 'looked contains "last"')
    edit(project, "expect called", "expect (notes | first) is (notes | last)\n  expect called")
    edit(project, "(votes | count) is 2", "(votes | first) is 0")
    edit(project, 'sum contains "Sum"', "sum is empty")
    out = flowlang("test", "all.flow").out
    found = {name: int(line) for name, line in re.findall(r"(`\w+`|item \d), recorded at all\.answers:(\d+)\)", out)}
    assert set(found) == {"`looked`", "item 1", "item 3", "`sum`"}
    assert lines[found["`looked`"] - 1].startswith('  text: "It says: ')
    near = "\n".join(lines[found["item 3"] - 1 : found["item 3"] + 6])
    assert near.startswith("answer notes\n") and '{"word": "three", "fine": true}' in near


def test_what_changes_no_request_makes_nothing_outdated(project: Path, record: Record, flowlang: Type) -> None:
    record()
    edit(project, "step notes\n", "# A comment.\nstep notes\n")
    edit(project, 'prompt: "Vote."', 'prompt: """\n    Vote.\n  """')
    edit(project, "base_url", "at_once = 3\nbase_url", "flowlang.toml")
    assert flowlang("test", "all.flow").code == 0


def test_an_edited_answer_counts_and_tells_what_reads_it(project: Path, record: Record, flowlang: Type) -> None:
    record()
    edit(project, '{"word": "two", "fine": true}', '{"word": "two", "fine": false}', "all.answers")
    done = flowlang("test", "all.flow")
    assert done.code == 1 and "`(notes | where fine is yes | count) is 3` does not hold" in done.out
    edit(project, '{"word": "two", "fine": false}', '{"word": "zwei", "fine": true}', "all.answers")
    done = flowlang("test", "all.flow")
    assert outdated(done) == {"sum"} and "filled with has changed: `notes`, `polished`" in done.out


def test_an_edited_answer_that_does_not_fit_is_told_at_its_line(project: Path, record: Record, flowlang: Type) -> None:
    record()
    edit(project, '{"word": "two", "fine": true}', '{"word": "two", "fine": "perhaps"}', "all.answers")
    done = flowlang("test", "all.flow")
    assert done.code == 1 and "error[bad-answer]: the recorded answer of step `notes` can't be used" in done.out
    line = answers(project).split("\n").index("answer notes\n  place: 2".split("\n")[0])
    assert line > 0 and "--> all.answers:" in done.out


def test_a_broken_recording_is_told_and_nothing_is_tested(project: Path, record: Record, flowlang: Type) -> None:
    record()
    edit(project, "  request: ", "  reqest: ", "all.answers")
    before = answers(project)
    for words in ((), ("--record", "--trust")):
        done = flowlang("test", "all.flow", *words)
        assert done.code == 3 and "did you mean `request`?" in done.out and "--> all.answers:" in done.out
    assert answers(project) == before


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"answers 1\n\xff", "is not UTF-8"), (b"answers 7\n", "is of version 7"), (b"#" * 17_000_000, "too large")],
)
def test_a_file_that_holds_no_recordings_is_refused(data: bytes, told: str, project: Path, flowlang: Type) -> None:
    (project / "all.answers").write_bytes(data)
    done = flowlang("test", "all.flow", "--record", "--trust")
    assert done.code == 3 and told in done.out and (project / "all.answers").read_bytes() == data


def test_no_link_is_followed(project: Path, record: Record, flowlang: Type, tmp_path: Path) -> None:
    record()
    elsewhere = tmp_path / "elsewhere.answers"
    (project / "all.answers").rename(elsewhere)
    before = elsewhere.read_bytes()
    (project / "all.answers").symlink_to(elsewhere)
    for words in ((), ("--record", "--trust")):
        done = flowlang("test", "all.flow", *words)
        assert done.code == 3 and "goes over a link" in done.out
    assert elsewhere.read_bytes() == before
    (project / "all.answers").unlink()
    (project / "all.answers").write_text('answers 1\nanswer sum\n  request: x\n  text: file "../elsewhere.answers"\n')
    done = flowlang("test", "all.flow")
    assert done.code == 3 and "leads out of the project" in done.out


def test_what_nothing_asks_for_is_a_warning_and_goes_when_it_is_recorded_again(
    project: Path, record: Record, flowlang: Type
) -> None:
    record()
    edit(project, "  judge sum", "  # judge sum")
    done = flowlang("test", "all.flow")
    assert done.code == 0 and "warning[unused-recording]: no test asks for a recorded answer of `sum`" in done.err
    assert "unused" not in flowlang("test", "all.flow", "-k", "each try").err
    edit(project, "answer called", "answer gone", "all.answers")
    assert "there is no step `gone` any more" not in flowlang("test", "all.flow").err  # first comes what is missing
    assert record().code == 0
    assert "polite" not in answers(project) and "answer gone" not in answers(project)


def test_only_a_part_recorded_leaves_the_rest_as_it_is(project: Path, script: Script, record: Record) -> None:
    record()
    before = answers(project)
    edit(project, '"Note {{ item }}."', '"Note {{ item }}!"')
    asked = len(script.asked)
    assert record("-k", "each try").code == 0
    assert (answers(project), len(script.asked)) == (before, asked)


def test_live_asks_for_all_and_writes_nothing(project: Path, script: Script, record: Record, flowlang: Type) -> None:
    record()
    before, asked = answers(project), len(script.asked)
    done = flowlang("test", "all.flow", "--live", "--trust")
    assert done.code == 0, done.out + done.err
    assert answers(project) == before and len(script.asked) - asked == asked


def test_a_limit_of_cost_is_heeded_and_what_came_is_kept(project: Path, script: Script, record: Record) -> None:
    done = record("--max-cost", "0.0001")
    assert done.code == 5 and "limit-reached" in done.out
    asked = len(script.asked)
    assert record().code == 0
    assert not set(script.asked[:asked]) & {one for one in script.asked[asked:] if one.startswith("Note")}


def test_a_limit_of_cost_holds_for_all_tests_of_a_file_together(project: Path, script: Script, record: Record) -> None:
    script.said["Say it"] = "word " * 90
    tests = "".join(f'test "{n}"\n  with n: {n}\n  expect a is not empty\n' for n in range(1, 7))
    flow = f'input n: whole number\nstep a\n  model: m\n  max_tokens: 100\n  prompt: "Say it {{{{ n }}}}."\n{tests}'
    (project / "all.flow").write_text(flow, encoding="utf-8")
    price = "[models.m]\nprice = { input = 0, output = 10 }\n"  # a call costs $0.001 at most
    (project / "flowlang.toml").write_text((project / "flowlang.toml").read_text("utf-8") + price, encoding="utf-8")
    done = record("--max-cost", "0.0031")
    assert done.code == 5 and "limit-reached" in done.out
    assert len(script.asked) == 3


def test_a_judge_that_says_no_fails_the_test(project: Path, script: Script, record: Record, flowlang: Type) -> None:
    script.said["Judge the answer above, and nothing else. Does it keep this rule?\n\nIs polite"] = (
        '{"holds": false, "reason": "It is curt."}'
    )
    assert record().code == 1
    done = flowlang("test", "all.flow")
    assert done.code == 1 and 'the judge says that "Is polite" does not hold' in done.out
    assert "= the judge says: It is curt." in done.out


def test_an_offline_run_uses_the_recordings(project: Path, record: Record, flowlang: Type) -> None:
    record()
    done = flowlang("run", "all.flow", "--offline", "--trust", "--only", "notes", "--json", "--key", "canary-4711")
    assert [note["word"] for note in json.loads(done.out)["notes"]] == ["one", "two", "three"]
    assert "3 answers came from the recordings in all.answers" in done.err


def test_without_a_key_nothing_is_recorded(folder: Path, flowlang: Type) -> None:
    path = folder / "triage.flow"
    path.write_text(path.read_text() + '\ntest "t"\n  with mail: "x"\n  expect topic is bug\n', encoding="utf-8")
    done = flowlang("test", "--record")
    assert done.code == 4 and "missing-key" in done.err and not (folder / "triage.answers").exists()


def test_flags_that_mean_nothing_are_refused(flowlang: Type) -> None:
    assert flowlang("test", "--record", "--live").code == 2
    assert "`--max-cost` has no meaning here" in flowlang("test", "--max-cost", "1").err
    assert "did you mean `--report junit=a.xml`?" in flowlang("test", "--report", "juint=a.xml").err


# Runs one command line under a hook that notes whatever could reach somebody.
WATCHED = """
import sys
noted = []
def hook(event, args):
    if event.startswith(("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "urllib.")):
        noted.append(event)
    # The event loop wakes itself through a pair of sockets that leads nowhere.
    elif event.startswith("socket.") and event != "socket.__new__":
        noted.append(event)
sys.addaudithook(hook)
from flowlang.workbench.cli import main
code = main(sys.argv[1:])
modules = [name for name in sys.modules if name.split(".")[0] in ("httpx", "httpx2")]
print("@@", code, noted, modules)
"""


def test_tests_on_recordings_reach_nobody(project: Path, record: Record) -> None:
    record()
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(project), "PATH": "/usr/bin:/bin"}
    words = [sys.executable, "-c", WATCHED, "test", "all.flow", "--report", "junit=j.xml"]
    done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, check=False)
    code, _, rest = done.stdout.rpartition("@@ ")[2].partition(" ")
    assert (code, rest.strip()) == ("0", "[] []"), done.stdout + done.stderr


def test_what_failed_last_time_is_tried_alone(project: Path, record: Record, flowlang: Type) -> None:
    record()
    (project / ".flowlang").mkdir(exist_ok=True)
    edit(project, "expect (votes | count) is 2", "expect (votes | count) is 3")
    assert flowlang("test").code == 1
    assert "\n1 test: 1 failed; " in flowlang("test", "--failed").out
    edit(project, "expect (votes | count) is 3", "expect (votes | count) is 2")
    assert "1 test: 1 passed" in flowlang("test", "--failed").out
    nothing = flowlang("test", "--failed")
    assert nothing.code == 2 and "no test is known to have failed" in nothing.err
    assert (project / ".flowlang/failed-tests.json").exists()


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        '{"all.flow": 3}',
        '{"all.flow": [1, null, [null, null]]}',
        '{"all.flow": [[["x"], {}], ["", "x", "y"]]}',
    ],
)
def test_a_damaged_memory_of_what_failed_harms_nothing(
    kept: str, project: Path, record: Record, flowlang: Type
) -> None:
    record()
    memory = project / ".flowlang" / "failed-tests.json"
    memory.write_text(kept)
    assert flowlang("test", "--failed").code == 2
    assert flowlang("test", "all.flow").code == 0
