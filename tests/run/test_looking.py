"""What a plan says of the store is what a run then does: the calls that are sent are the judge."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang.language.checked import CheckedTool
from flowlang.language.values import Secret, Value
from flowlang.models.chat import ChatRequest, ToolCall
from flowlang.models.errors import CutOff
from flowlang.plan.graph import Plan
from flowlang.plan.remaining import status_of
from flowlang.plan.seen import Looked
from tests.run.scripted import Said
from tests.run.stored import Project, StoredRun, asked_of, reply

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # every answer is flushed to the disk else


def words(request: ChatRequest) -> str:
    """What a request says, in one."""
    return "\n".join(message.text for message in request.messages)


def steady(request: ChatRequest) -> Said:
    """A model whose answer hangs on the question alone, and often is the same for another one."""
    said = hashlib.sha256(f"{words(request)} {request.sample}".encode()).digest()[0]
    if request.schema is None:
        return reply(f"answer {said % 3}")
    fields = request.schema["properties"]
    assert isinstance(fields, Mapping)
    if "holds" in fields:
        return reply(json.dumps({"holds": said % 7 != 0, "reason": "so it is"}))
    if "supported" in fields:
        return reply(json.dumps({"supported": said % 2 == 0, "reason": f"reason {said % 3}"}))
    return reply(json.dumps({name: f"{name} {said % 2}" for name in fields}))


@dataclass(frozen=True)
class Edition:
    """One state of a flow and its inputs, as an author may leave it."""

    claims: tuple[str, ...] = ("a", "b", "c")
    reader: str = "investor"
    temperature: str = "0.2"
    model: str = "gemini-3-1-pro"
    names: Mapping[str, str] = field(default_factory=lambda: {"verdict": "verdict", "brief": "brief"})
    lines: Mapping[str, str] = field(default_factory=dict)
    samples: int = 2
    comment: str = ""
    backwards: bool = False
    judged: bool = False

    def line(self, step: str) -> str:
        return self.lines.get(step, "Please")

    def text(self) -> str:
        verdict, brief = self.names["verdict"], self.names["brief"]
        sections = [
            "input claims: list of text",
            'input reader: text = "investor"',
            f"preset careful\n  model: {self.model}\n  temperature: {self.temperature}",
            "schema Verdict\n  supported: yes/no\n  reason: text",
            f'snippet tone: "{self.line("tone")} write plainly."',
            f"step {verdict}\n  repeat for each claim in claims\n  returns: Verdict\n"
            + ('  ensure: judge "it is polite"\n' if self.judged else "")
            + f'  prompt: "{self.line("verdict")} judge {{{{ claim }}}}"',
            f"step longer\n  repeat for each v in {verdict}\n  when v.supported\n"
            f'  prompt: "{self.line("longer")} more on {{{{ v.claim }}}}: {{{{ v.reason }}}}"',
            f"let doubtful = {verdict} | where supported is no",
            f'step {brief}\n  model: careful\n  system: "{{{{ tone }}}}"\n'
            f'  prompt: "{self.line("brief")} for {{{{ reader }}}}: {{{{ doubtful | count }}}}"',
            f'step title\n  samples: {self.samples}\n  prompt: "{self.line("title")} a title for {{{{ {brief} }}}}"',
            f'step more\n  continues: {brief}\n  prompt: "{self.line("more")} go on"',
            f"step polished\n  run: polish\n  with draft: {brief}\n"
            '  repeat until polished is "answer 1", at most 3 times',
            f'step last\n  when {verdict} is not empty\n  prompt: "{self.line("last")} {{{{ polished }}}}"',
            "output last",
        ]
        if self.backwards:
            sections.reverse()
        inner = (
            "flow polish\ninput draft: text\n"
            f'step inner\n  prompt: "{self.line("inner")} better: {{{{ draft }}}}"\n'
            'step fixed\n  prompt: "Say what never changes."\noutput draft = inner\n'
        ).replace("output draft = inner", "output draft: inner")
        return f"flowlang 1\n# {self.comment}\n" + "\n\n".join(sections) + "\n\n" + inner

    def inputs(self) -> dict[str, Value]:
        return {"claims": self.claims, "reader": self.reader}


def edited(draw: st.DrawFn, now: Edition) -> Edition:
    """The next edition, by one edit."""
    texts = ("verdict", "longer", "brief", "title", "more", "inner", "last", "tone")
    match draw(st.sampled_from(range(12))):
        case 0:
            return replace(now, comment=draw(st.sampled_from(["x", "y"])))
        case 1:
            return replace(now, backwards=not now.backwards)
        case 2:
            step = draw(st.sampled_from(["verdict", "brief"]))
            return replace(now, names={**now.names, step: draw(st.sampled_from([step, f"{step}_two"]))})
        case 3 | 4 | 5:
            text, line = draw(st.sampled_from(texts)), draw(st.sampled_from(["Please", "Now", "Do"]))
            return replace(now, lines={**now.lines, text: line})
        case 6:
            return replace(now, reader=draw(st.sampled_from(["investor", "lawyer"])))
        case 7:
            claims = draw(st.lists(st.sampled_from("abcde"), max_size=4))
            return replace(now, claims=tuple(claims))
        case 8:
            return replace(now, temperature=draw(st.sampled_from(["0.2", "0.3"])))
        case 9:
            return replace(now, model=draw(st.sampled_from(["gemini-3-1-pro", "gpt-5-4"])))
        case 10:
            return replace(now, samples=draw(st.sampled_from([1, 2, 3])))
        case _:
            return replace(now, judged=not now.judged)


def agrees(plan: Plan, looked: Looked, ran: StoredRun) -> None:
    """What was said of each step is what the run did."""
    for node in plan.steps():
        status, seen = status_of(node, looked), looked.of(node.name)
        sent = sorted((item for step, item in ran.sent if step == node.name), key=lambda item: item or 0)
        if status == "cached":
            assert not sent, node.name
        elif status == "new" and node.kind == "prompt":
            assert set(asked_of(seen)) <= set(sent), node.name
            if not seen.open and not any(node.judges):
                assert asked_of(seen) == sent, node.name
        elif status == "new":
            assert len(sent) >= len(asked_of(seen)), node.name


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_plan_and_the_run_after_it_agree_after_any_edits(data: st.DataObject) -> None:
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        project, edition = Project(Path(folder), steady), Edition()
        for _ in range(data.draw(st.integers(2, 5))):
            plan, looked = project.look(edition.text(), edition.inputs())
            ran = project.run(edition.text(), edition.inputs())
            agrees(plan, looked, ran)
            again, after = project.look(edition.text(), edition.inputs())
            failed = {node.name for node in again.steps() if after.of(node.name).failed}
            if not failed:
                assert all(status_of(node, after) == "cached" for node in again.steps()), edition
                assert project.run(edition.text(), edition.inputs()).sent == []
            edition = data.draw(st.composite(edited)(edition))


def project(folder: Path, model: object = steady) -> Project:
    return Project(folder, model)  # type: ignore[arg-type]


ONE = 'step a\n  prompt: "Say a."\nstep b\n  prompt: "Now b after {{ a }}"\nstep c\n  prompt: "Say c."\n'
EACH = """
input words: list of text
step each_one
  repeat for each w in words
  prompt: "On {{ w }}"
step next
  repeat for each one in each_one
  prompt: "After {{ one.w }}: {{ one }}"
step whole
  prompt: "All {{ each_one }}"
"""


def test_where_nothing_was_asked_everything_that_can_be_told_is_new(tmp_path: Path) -> None:
    assert project(tmp_path).statuses(ONE) == {"a": "new", "b": "unknown", "c": "new"}


def test_what_was_asked_is_cached_and_a_changed_step_alone_is_new(tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run(ONE)
    assert here.statuses(ONE) == {"a": "cached", "b": "cached", "c": "cached"}
    assert here.statuses(ONE.replace("Say a.", "Say it.")) == {"a": "new", "b": "unknown", "c": "cached"}
    assert here.statuses(ONE.replace("Now b", "Then b")) == {"a": "cached", "b": "new", "c": "cached"}


def test_a_step_whose_request_does_not_hang_on_the_new_answer_is_told(tmp_path: Path) -> None:
    flow = 'input long: yes/no\nstep a\n  prompt: "Say a."\nstep b\n  prompt: "b{{ if long }} after {{ a }}{{ end }}"\n'
    here = project(tmp_path)
    here.run(flow, {"long": False})
    edited = flow.replace("Say a.", "Say it.")
    assert here.statuses(edited, {"long": False}) == {"a": "new", "b": "cached"}
    assert here.statuses(edited, {"long": True}) == {"a": "new", "b": "unknown"}


def test_one_new_item_is_one_new_call_and_what_reads_the_others_stays(tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run(EACH, {"words": ("x", "y", "z")})
    inputs: dict[str, Value] = {"words": ("x", "y", "new", "z")}
    _, looked = here.look(EACH, inputs)
    assert asked_of(looked.of("each_one")) == [3]
    assert [one.item for one in looked.of("next").open] == [3]
    assert len(looked.of("next").from_before) == 3
    assert here.statuses(EACH, inputs)["whole"] == "unknown"
    assert here.run(EACH, inputs).sent.count(("each_one", 3)) == 1


def test_what_two_ask_alike_is_asked_once(tmp_path: Path) -> None:
    here = project(tmp_path)
    inputs: dict[str, Value] = {"words": ("x", "x", "y")}
    _, looked = here.look(EACH, inputs)
    assert asked_of(looked.of("each_one")) == [1, 3]
    assert len([one for one in here.run(EACH, inputs).sent if one[0] == "each_one"]) == 2
    no_cache = EACH.replace('  prompt: "On', '  cache: no\n  prompt: "On')
    _, looked = here.look(no_cache, inputs)
    assert asked_of(looked.of("each_one")) == [1, 2, 3]
    assert len([one for one in here.run(no_cache, inputs).sent if one[0] == "each_one"]) == 3


def test_samples_are_told_one_by_one(tmp_path: Path) -> None:
    flow = 'step a\n  samples: 2\n  prompt: "Say a."\nstep b\n  prompt: "b {{ a }}"\n'
    here = project(tmp_path)
    here.run(flow)
    _, looked = here.look(flow.replace("samples: 2", "samples: 4"))
    assert [one.request.sample for one in looked.of("a").asked] == [3, 4]
    assert here.statuses(flow.replace("samples: 2", "samples: 4")) == {"a": "new", "b": "unknown"}
    assert here.run(flow.replace("samples: 2", "samples: 4")).sent.count(("a", None)) == 2


def test_a_changed_judge_is_asked_of_the_answer_from_before(tmp_path: Path) -> None:
    flow = 'step a\n  ensure: judge "polite"\n  prompt: "Say a."\nstep b\n  prompt: "b {{ a }}"\n'

    def model(request: ChatRequest) -> Said:
        return reply("fine") if request.schema is None else reply('{"holds": true, "reason": "it is"}')

    here = project(tmp_path, model)
    here.run(flow)
    assert set(here.statuses(flow).values()) == {"cached"}
    edited = flow.replace('"polite"', '"kind"')
    _, looked = here.look(edited)
    assert [one.role for one in looked.of("a").asked] == ["judge"]
    assert here.run(edited).sent == [("a", None)]


def test_an_answer_that_does_not_keep_a_new_rule_is_asked_for_again(tmp_path: Path) -> None:
    flow = 'step a\n  prompt: "Say a."\n'
    edited = flow + '  ensure: a is "good"\n'

    def model(request: ChatRequest) -> Said:
        return reply("good" if len(request.messages) > 1 else "bad")

    here = project(tmp_path, model)
    here.run(flow)
    _, looked = here.look(edited)
    assert [(one.why, len(one.request.messages)) for one in looked.of("a").asked] == [("does not fit", 3)]
    assert len(here.run(edited).sent) == 1
    assert here.statuses(edited) == {"a": "cached"}


def test_the_fallback_that_answered_comes_first(tmp_path: Path) -> None:
    flow = 'step a\n  model: gemini-3-1-pro\n  fallback: gpt-5-4\n  prompt: "Say a."\nstep b\n  prompt: "b {{ a }}"\n'

    def model(request: ChatRequest) -> Said:
        return CutOff("cut off") if request.model == "gemini-3-1-pro" else reply("fine")

    here = project(tmp_path, model)
    ran = here.run(flow.replace("step a\n", "step a\n  tries: 2\n"))
    assert ran.events
    assert here.statuses(flow) == {"a": "cached", "b": "cached"}
    assert here.run(flow).sent == []


def test_a_conversation_with_tools_is_kept_whole_and_no_tool_runs(tmp_path: Path) -> None:
    flow = """
tool look
  about: "Looks a word up"
  takes word: text
  command: "printf found"
step a
  uses: look
  prompt: "Say a."
step b
  prompt: "b {{ a }}"
step c
  call: look
  with word: "x"
step d
  prompt: "d {{ c }}"
"""
    called: list[str] = []

    async def perform(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
        called.append(tool.name)
        return "found"

    def model(request: ChatRequest) -> Said:
        if request.tools and not any(message.role == "tool" for message in request.messages):
            return reply("", ToolCall("1", "look", '{"word": "x"}'))
        return reply("fine")

    here = project(tmp_path, model)
    here.run(flow, perform_tool=perform)
    called.clear()
    assert here.statuses(flow) == {"a": "cached", "b": "cached", "c": "new", "d": "unknown"}
    assert called == []
    assert here.run(flow, perform_tool=perform).sent == []
    assert called == ["look"]


def test_rounds_of_a_subflow_are_told_as_far_as_they_go(tmp_path: Path) -> None:
    flow = """
step a
  prompt: "Say a."
step better
  run: improve
  with draft: a
  repeat until better contains "done", at most 3 times
step b
  prompt: "b {{ better }}"
flow improve
input draft: text
step one
  prompt: "Improve {{ draft }}"
step other
  prompt: "Say what never changes."
output draft: one
"""

    def model(request: ChatRequest) -> Said:
        said = words(request)
        return reply("done" if "second" in said else "second" if "first" in said else "first")

    here = project(tmp_path, model)
    here.run(flow)
    assert set(here.statuses(flow).values()) == {"cached"}
    changed = flow.replace("Say a.", "Say first.")
    _, looked = here.look(changed)
    assert here.statuses(changed) == {"a": "new", "better": "unknown", "b": "unknown"}
    assert [one.by for one in looked.steps["better[1]", "one"].open] == ["a"]
    assert len(looked.steps["better[1]", "other"].from_before) == 1
    assert here.statuses(flow.replace("never changes", "changes")) == {"a": "cached", "better": "new", "b": "cached"}


def test_what_continues_a_step_hangs_on_its_conversation(tmp_path: Path) -> None:
    flow = 'step a\n  prompt: "Say a."\nstep b\n  continues: a\n  prompt: "Go on."\n'
    here = project(tmp_path)
    here.run(flow)
    assert here.statuses(flow) == {"a": "cached", "b": "cached"}
    assert here.statuses(flow.replace("Say a.", "Say it.")) == {"a": "new", "b": "unknown"}
    assert here.statuses(flow.replace("Go on.", "Go.")) == {"a": "cached", "b": "new"}


def test_a_step_whose_condition_does_not_hold_asks_nothing(tmp_path: Path) -> None:
    flow = 'step a\n  prompt: "Say a."\nstep b\n  when a is "no such"\n  prompt: "b"\n'
    flow += 'step c\n  prompt: "c{{ b | default a }}"\n'
    here = project(tmp_path)
    here.run(flow)
    assert here.statuses(flow) == {"a": "cached", "b": "cached", "c": "cached"}
    assert here.statuses(flow.replace("Say a.", "Say it.")) == {"a": "new", "b": "unknown", "c": "unknown"}


def test_an_input_that_is_not_given_leaves_open_what_reads_it(tmp_path: Path) -> None:
    flow = 'input x: text\nstep a\n  prompt: "a {{ x }}"\nstep b\n  prompt: "b"\n'
    flow += 'let y = x | upper\nstep c\n  prompt: "{{ y }}"\n'
    here = project(tmp_path)
    here.run(flow, {"x": "one"})
    _, looked = here.look(flow, {})
    assert here.statuses(flow, {}) == {"a": "unknown", "b": "cached", "y": "unknown", "c": "unknown"}
    assert [(one.by, one.is_input) for one in looked.of("c").open] == [("x", True)]


def test_fresh_asks_again_everything_or_one_step(tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run(ONE)
    assert here.statuses(ONE, fresh=["a"]) == {"a": "new", "b": "unknown", "c": "cached"}
    assert here.statuses(ONE, fresh=None) == {"a": "new", "b": "unknown", "c": "new"}
    assert {one.why for one in here.look(ONE, fresh=None)[1].of("a").asked} == {"fresh"}


def test_an_answer_is_as_old_as_cache_allows(tmp_path: Path) -> None:
    flow = 'step a\n  cache: 1d\n  prompt: "Say a."\nstep b\n  cache: no\n  prompt: "b"\n'
    here = project(tmp_path)
    here.run(flow)
    here.now += 23 * 3600
    assert here.statuses(flow) == {"a": "cached", "b": "new"}
    here.now += 2 * 3600
    _, looked = here.look(flow)
    assert [looked.of(name).asked[0].why for name in ("a", "b")] == ["too old", "no cache"]
    assert here.run(flow).steps == {"a", "b"}


def test_a_thousand_items_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    here = project(tmp_path)
    inputs: dict[str, Value] = {"words": tuple(f"w{number}" for number in range(1000))}
    here.run(EACH, inputs)
    store = tmp_path / ".flowlang" / "store.sqlite"
    before = store.read_bytes()
    _, looked = here.look(EACH, {"words": (*inputs["words"], "one more")})  # type: ignore[misc]
    assert asked_of(looked.of("each_one")) == [1001]
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("edit", "calls"),
    [("", 0), ("Say a.", 2), ("Now b", 1), ("Say c.", 1)],
)
def test_what_is_left_is_counted_and_what_is_saved_as_well(edit: str, calls: int, tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run(ONE)
    flow = ONE.replace(edit, edit + " Please.") if edit else ONE
    found, saved = here.estimate(flow)
    assert (found.plan.calls, saved.calls) == (calls, 3 - calls)
    assert (found.total.likely_usd == 0) is (calls == 0)
    assert saved.cost_usd is not None and (saved.cost_usd > 0) is (calls < 3)


def test_a_new_answer_needs_its_judges_as_well(tmp_path: Path) -> None:
    flow = "input words: list of text\nstep a\n  repeat for each w in words\n"
    flow += '  ensure: judge "polite"\n  prompt: "{{ w }}"\n'

    def model(request: ChatRequest) -> Said:
        return reply("fine") if request.schema is None else reply('{"holds": true, "reason": "it is"}')

    here = project(tmp_path, model)
    here.run(flow, {"words": ("x", "y")})
    found, _ = here.estimate(flow, {"words": ("x", "y", "z")})
    assert found.plan.calls == 2
    assert len(here.run(flow, {"words": ("x", "y", "z")}).sent) == 2


def test_what_changes_no_request_makes_nothing_new(tmp_path: Path) -> None:
    here, edition = project(tmp_path), Edition(judged=True)
    here.run(edition.text(), edition.inputs())
    for other in (
        replace(edition, comment="another comment"),
        replace(edition, backwards=True),
        replace(edition, names={"verdict": "judgement", "brief": "page"}),
    ):
        assert set(here.statuses(other.text(), other.inputs()).values()) == {"cached"}
        assert here.run(other.text(), other.inputs()).sent == []


def test_what_a_round_feeds_on_may_be_unknown_while_its_end_is_known(tmp_path: Path) -> None:
    flow = """
step better
  run: improve
  with draft: "first"
  repeat until better.grade is "high", at most 2 times
output better
flow improve
input draft: text
step one
  prompt: "Improve {{ draft }}"
step grade_it
  prompt: "Grade it."
output draft: one
output grade: grade_it
"""
    here = project(tmp_path, lambda request: reply("low" if "Grade" in words(request) else "better"))
    here.run(flow)
    assert here.statuses(flow) == {"better": "cached"}
    edited = flow.replace("Improve", "Do improve")
    _, looked = here.look(edited)
    assert looked.of("better").failed == ""
    assert here.statuses(edited) == {"better": "new"}
    assert [one.by for one in looked.steps["better[2]", "one"].open] == ["one"]
    assert len(here.run(edited).sent) == 2
