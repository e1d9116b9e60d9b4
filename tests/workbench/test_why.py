"""`plan` and `run` say what is answered already and why the rest is not; `why` says it of one step in full."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Gateway

Say = Callable[..., tuple[int, str, str]]

FLOW = '''\
flowlang 1
input filing: text
input reader: one of investor, lawyer = investor
input claims: list of text

preset careful
  model: gemini-3-1-pro
  temperature: 0.2
  max_tokens: 500

step verdict
  repeat for each claim in claims
  model: gemini-3-flash
  prompt: """
    {{ filing }}

    Is it so? {{ claim }}
  """

step brief
  model: careful
  prompt: """
    Write for a {{ reader }}.
    {{ for v in verdict }}
    - {{ v.claim }}: {{ v }}
    {{ end }}
  """

step title
  model: careful
  prompt: "A title for {{ brief }}"

output brief
output title
'''
INPUTS = ("--filing", "All went well.", "--claims", "one", "--claims", "two", "--claims", "three")


@pytest.fixture
def gateway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The provider of a project with a flow called brief.flow."""
    made = Gateway(faults=lambda seen: "413" if "no such thing" in str(seen.request) else None)
    monkeypatch.setenv("STAND_IN_KEY", "sk-canary-123456")
    with made as url:
        toml = (
            f'[project]\nprovider = "stand-in"\n\n[providers.stand-in]\nbase_url = "{url}"\nkey_env = "STAND_IN_KEY"\n'
        )
        (folder / "flowlang.toml").write_text(toml, encoding="utf-8")
        (folder / "brief.flow").write_text(FLOW, encoding="utf-8")
        yield made


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "brief.flow"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(flowlang: Say, *words: str) -> str:
    """What a run says of its progress."""
    code, _, err = flowlang("run", "brief.flow", *INPUTS, "--trust", "--console", "plain", *words)
    assert code == 0, err
    return err


def steps(flowlang: Say, *words: str) -> dict[str, Any]:
    code, out, err = flowlang("plan", "brief.flow", "--json", *words)
    assert code == 0, err
    return {step["name"]: step for step in json.loads(out)["steps"]}


def test_before_the_first_run_everything_is_new(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    found = steps(flowlang, *INPUTS)
    assert {name: (step["status"], step["because"]) for name, step in found.items()} == {
        name: ("new", "it was never asked") for name in ("verdict", "brief", "title")
    }
    assert not (folder / ".flowlang").exists()


def test_a_single_call_is_told_as_one(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    (folder / "one.flow").write_text('step a\n  model: gpt-5-4\n  prompt: "A"\noutput a\n', encoding="utf-8")
    assert flowlang("run", "one.flow", "--trust")[0] == 0
    assert "1 of 1 call is answered already" in flowlang("plan", "one.flow")[1]


def test_a_step_that_is_skipped_is_not_told_as_answered(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "step title\n", 'step title\n  when reader is "lawyer"\n')
    run(flowlang)
    assert steps(flowlang, *INPUTS)["title"]["status"] == "cached"  # programs know three words
    _, out, _ = flowlang("plan", "brief.flow", *INPUTS)
    assert "title    skipped  0 " in out
    assert "\n\n`title`: it is skipped: its `when` did not hold\nNothing is left to ask.\n" in out


def test_after_a_run_nothing_is_left_and_the_next_run_sends_nothing(flowlang: Say, gateway: Gateway) -> None:
    run(flowlang)
    found = steps(flowlang, *INPUTS)
    assert {(step["status"], step["calls"], step["tokens_in"], step["cost_usd"]) for step in found.values()} == {
        ("cached", 0, 0, 0.0)
    }
    assert found["verdict"]["because"] == "all 3 items were answered in run 1"
    _, out, _ = flowlang("plan", "brief.flow", *INPUTS)
    assert "Nothing is left to ask.\n5 of 5 calls are answered already, about $" in out
    sent = len(gateway.log)
    err = run(flowlang)
    assert [line.partition("  ")[2] for line in err.splitlines() if ": from before" in line] == [
        "verdict: from before, 3 items",
        "brief: from before",
        "title: from before",
    ]
    assert "done: 3 steps, 0 calls and 5 from before, " in err and "tokens" not in err.splitlines()[-1]
    assert len(gateway.log) == sent


def test_one_new_item_is_one_new_call(flowlang: Say, gateway: Gateway) -> None:
    run(flowlang)
    words = (*INPUTS, "--claims", "four")
    found = steps(flowlang, *words)
    assert {name: (step["status"], step["calls"]) for name, step in found.items()} == {
        "verdict": ("new", 1),
        "brief": ("unknown", 1),
        "title": ("unknown", 1),
    }
    assert found["verdict"]["because"] == "1 of 4 items is new: `claims` is another list"
    assert found["brief"]["because"] == "it hangs on `verdict`, whose answer is not known yet"
    err = run(flowlang, "--claims", "four")
    assert "verdict: started, 4 items, `claims` is another list" in err
    assert ", 4 items, 1 call, 3 from before, " in err
    assert "brief: started, `verdict` gave another answer" in err


@pytest.mark.parametrize(
    ("old", "new", "step", "words"),
    [
        ("Write for", "Please write for", "brief", "its prompt changed (line 23)"),
        ("temperature: 0.2", "temperature: 0.3", "brief", "temperature 0.2 → 0.3 (line 8)"),
        ("  temperature: 0.2\n", "", "brief", "temperature 0.2 was taken away"),
        ("max_tokens: 500", "max_tokens: 500\n  seed: 4", "brief", "seed 4 is new (line 10)"),
        ("model: gemini-3-1-pro", "model: gpt-5-4", "brief", "its model changed: gemini-3-1-pro → gpt-5-4 (line 7)"),
        (
            "model: gemini-3-flash",
            "model: gemini-3-flash\n  returns: yes/no",
            "verdict",
            "its `returns` is new (line 14)",
        ),
        ("= investor", "= lawyer", "brief", "`reader` changed: investor → lawyer"),
    ],
)
def test_what_changed_is_named_before_and_in_the_run(
    flowlang: Say, gateway: Gateway, folder: Path, old: str, new: str, step: str, words: str
) -> None:
    run(flowlang)
    edit(folder, old, new)
    found = steps(flowlang, *INPUTS)[step]
    assert (found["status"], found["because"]) == ("new", words)
    assert any(line.endswith(f"{step}: started, {words}") or words in line for line in run(flowlang).splitlines())


def test_each_field_of_a_type_is_named(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "step verdict", "schema Verdict\n  holds: yes/no\n  reason: text\n\nstep verdict")
    edit(folder, "model: gemini-3-flash", "model: gemini-3-flash\n  returns: Verdict")
    run(flowlang)
    edit(folder, "  reason: text\n", '  reason: text "One sentence"\n  page: optional whole number\n')
    because = steps(flowlang, *INPUTS)["verdict"]["because"]
    assert because.startswith("field `reason` of its `returns` changed (line ")
    assert "field `page` of its `returns` is new" in because


def test_fresh_and_cache_are_named(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    assert steps(flowlang, *INPUTS, "--fresh", "title")["title"]["because"] == "asked with --fresh"
    assert "title: started, asked with --fresh" in run(flowlang, "--fresh", "title")
    edit(folder, "step title\n", "step title\n  cache: no\n")
    assert steps(flowlang, *INPUTS)["title"]["because"] == "`cache: no` (line 30)"
    told = why(flowlang, "title")
    assert "It would be asked: `cache: no` (line 30).\n\nIn run 2" in told
    assert {step["status"] for step in steps(flowlang, *INPUTS, "--no-store").values()} == {"new"}


def test_a_store_that_cannot_be_used_makes_everything_new(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    (folder / ".flowlang" / "store.sqlite").write_bytes(b"no store" * 100)
    assert {step["status"] for step in steps(flowlang, *INPUTS).values()} == {"new"}


def test_events_carry_the_word(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    edit(folder, "A title", "The title")
    run(flowlang, "--events", "events.jsonl")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    started = {event["step"]: event["because"] for event in events if event["event"] == "call_started"}
    finished = {event["step"]: event["because"] for event in events if event["event"] == "step_finished"}
    expected = {"verdict": "from before", "brief": "from before", "title": "its prompt changed (line 31)"}
    assert started == finished == expected


# ── why ──


def why(flowlang: Say, *words: str) -> str:
    code, out, err = flowlang("why", *words)
    assert code == 0, err
    return out


def test_nothing_changed(flowlang: Say, gateway: Gateway) -> None:
    run(flowlang)
    told = why(flowlang, "brief")
    assert told.startswith("brief (brief.flow:20)\n\nIt would not be asked again: answered in run 1, on 20")
    assert "In run 1, on 20" in told and "it was asked.\n  never asked before" in told


def test_a_changed_line_is_shown_as_it_was_and_is(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    edit(folder, "Is it so?", "Is it really so?")
    told = why(flowlang, "verdict")
    assert "It would be asked (3 calls): its prompt changed (line 17)." in told
    assert "  items 1, 2, 3: its prompt changed (brief.flow:17)\n" in told
    assert "    - Is it so? {{ claim }}\n    + Is it really so? {{ claim }}\n" in told


def test_the_chain_goes_up_to_what_was_changed(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    edit(folder, "Is it so?", "Is it really so?")
    assert "  └ brief: it is not known yet\n    └ verdict: its prompt changed (brief.flow:17)\n" in why(
        flowlang, "title"
    )
    sent = len(gateway.log)
    run(flowlang)
    assert len(gateway.log) > sent
    told = why(flowlang, "title")
    assert "It would not be asked again: answered in run 2" in told
    assert "In run 2, on" in told
    assert "  └ brief: `verdict` gave another answer\n    └ verdict: its prompt changed (brief.flow:17)\n" in told


def test_what_a_run_found_and_asked_is_told_of_any_run(flowlang: Say, gateway: Gateway) -> None:
    run(flowlang)
    run(flowlang, "--claims", "four")
    run(flowlang, "--claims", "four")
    assert "it was not asked: 4 questions had an answer from run 1, 2." in why(flowlang, "verdict")
    told = why(flowlang, "verdict", "--run", "2")
    assert "it was asked; 3 questions had an answer from run 1.\n  item 4: `claims` is another list\n" in told
    assert "    + Is it so? four\n" in told
    as_json = json.loads(why(flowlang, "brief.flow", "verdict", "--item", "4", "--run", "2", "--json"))
    assert (as_json["step"], as_json["now"]["status"], as_json["run"]["asked"]) == ("verdict", "cached", 1)
    assert as_json["run"]["items"][0]["reasons"][0]["kind"] == "input"
    told = json.loads(why(flowlang, "verdict", "--run", "2", "--item", "1", "--json"))
    assert (told["run"]["asked"], told["run"]["cached"], told["run"]["of_runs"]) == (0, 1, [1])


def test_other_inputs_may_be_asked_about(flowlang: Say, gateway: Gateway) -> None:
    run(flowlang)
    told = why(flowlang, "brief", "--reader", "lawyer")
    assert "It would be asked: `reader` changed: investor → lawyer." in told
    assert "    - Write for a investor.\n    + Write for a lawyer.\n" in told


def test_steps_of_a_subflow_are_named_with_a_dot(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    flow = (
        FLOW + "\nstep better\n  run: improve\n  with draft: brief\noutput better\n\nflow improve\ninput draft: text\n"
    )
    flow += 'step inner\n  model: gemini-3-flash\n  prompt: "Improve {{ draft }}"\n'
    (folder / "brief.flow").write_text(flow, encoding="utf-8")
    run(flowlang)
    edit(folder, "Improve {{", "Do improve {{")
    found = steps(flowlang, *INPUTS)["better"]
    assert (found["status"], found["calls"], found["because"]) == ("new", 1, "its prompt changed (line 45)")
    assert '- prompt: "Improve {{ draft }}"' in why(flowlang, "better.inner")
    assert "better: started, its prompt changed (line 45)" in run(flowlang)


def test_a_call_that_failed_is_named(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "step title\n", "step title\n  tries: 1\n")
    edit(folder, "A title for", "no such thing: a title for")
    assert flowlang("run", "brief.flow", *INPUTS, "--trust")[0] == 1
    assert steps(flowlang, *INPUTS)["title"]["because"] == "its last call failed"
    assert "title: started, its last call failed" in flowlang("run", "brief.flow", *INPUTS, "--trust")[2]


@pytest.mark.parametrize(
    ("words", "code", "sentences"),
    [
        (["verdit"], 2, ["there is no step `verdit`", "did you mean `verdict`?"]),
        (["brief.flow", "titel"], 2, ["did you mean `title`?"]),
        (["brief.flow"], 2, ["STEP is missing"]),
        (["brief", "--run", "9"], 2, ["there is no run 9"]),
        (["brief", "--fresh", "titel"], 2, ["there is no step `titel`", "did you mean `title`?"]),
        (["verdict", "--item", "4"], 2, ["`verdict` has no item 4, only 3"]),
        (["brief", "--item", "1"], 2, ["`brief` does not repeat: it has no items"]),
        (["brief", "--nothing", "x"], 2, ["`--nothing` is not an input or an option"]),
    ],
)
def test_slips_are_told(flowlang: Say, gateway: Gateway, words: list[str], code: int, sentences: list[str]) -> None:
    run(flowlang)
    found, out, err = flowlang("why", *words)
    assert (found, out) == (code, "")
    assert all(sentence in err for sentence in sentences), err


def test_without_a_run_there_is_nothing_to_tell(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    code, _, err = flowlang("why", "brief")
    assert (code, "nothing was run here yet" in err) == (2, True)
    assert "It would be asked: it was never asked." in why(flowlang, "brief.flow", "brief")
    assert not (folder / ".flowlang").exists()


def test_a_run_from_another_folder_is_compared_all_the_same(
    flowlang: Say, gateway: Gateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = folder / "inner"
    inner.mkdir()
    run(flowlang)
    edit(folder, "Write for", "Please write for")
    monkeypatch.chdir(inner)
    code, out, err = flowlang("plan", "../brief.flow", "--json", *INPUTS)
    assert code == 0, err
    assert json.loads(out)["steps"][1]["because"] == "its prompt changed (line 23)"
    assert "It would be asked: its prompt changed (line 23)" in why(flowlang, "brief")


def test_a_judge_is_compared_with_the_judge(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "step title\n", 'step title\n  ensure: judge "It is polite." using gemini-3-flash\n')
    flowlang("run", "brief.flow", *INPUTS, "--trust")
    flowlang("run", "brief.flow", *INPUTS, "--trust")
    edit(folder, '"It is polite."', '"It is kind."')
    assert steps(flowlang, *INPUTS)["title"]["because"] == "1 of 2 questions is new: its rule changed (line 30)"
    edit(folder, '"It is kind."', '"It is polite."')
    edit(folder, "A title for", "Another title for")
    assert steps(flowlang, *INPUTS)["title"]["because"] == "its prompt changed (line 32)"


def test_a_default_is_the_flows_and_not_the_runs(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    run(flowlang)
    edit(folder, "= investor", "= lawyer")
    assert "It would be asked: `reader` changed: investor → lawyer." in why(flowlang, "brief")
    run(flowlang, "--reader", "investor")
    assert "It would not be asked again: answered in run 1" in why(flowlang, "brief")


def test_every_call_of_a_run_counts_once(flowlang: Say, gateway: Gateway) -> None:
    before = len(gateway.log)
    run(flowlang)
    first = len(gateway.log) - before
    words = (*INPUTS, "--claims", "four")
    planned = sum(step["calls"] for step in steps(flowlang, *words).values())
    run(flowlang, "--claims", "four")
    assert (first, len(gateway.log) - before - first) == (5, planned)


def test_each_sample_is_compared_with_itself(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "step title\n", "step title\n  samples: 3\n")
    run(flowlang)
    edit(folder, "A title for", "The title for")
    assert steps(flowlang, *INPUTS)["title"]["because"] == "its prompt changed (line 32)"
    assert "sample" not in why(flowlang, "title")
    assert "title: started, its prompt changed (line 32)" in run(flowlang)
    edit(folder, "samples: 3", "samples: 4")
    assert steps(flowlang, *INPUTS)["title"]["because"] == "1 of 4 questions is new: sample 4 is new"


def test_an_item_that_a_run_never_came_to_is_not_called_changed(flowlang: Say, gateway: Gateway, folder: Path) -> None:
    edit(folder, "output brief", "limits\n  calls: 2\n\noutput brief")
    assert flowlang("run", "brief.flow", *INPUTS, "--trust")[0] == 5
    assert steps(flowlang, *INPUTS)["verdict"]["because"] == "1 of 3 items is new: never asked before"
    told = why(flowlang, "verdict")
    assert "  item 3: never asked before\n" in told and "messages" not in told
