"""Steps: when they run, over what, and what their value is."""

from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.values import EMPTY
from flowlang.models.chat import ChatRequest
from flowlang.models.errors import Refused
from flowlang.run.event import Noted, StepFailed, StepFinished, StepSkipped, StepStarted
from flowlang.run.outcome import FAILED_BEFORE, Done, Failed, Skipped
from tests.run.scripted import Ran, Said, echo, flow_of, run

NUMBERS = 'let numbers = ["1", "2", "3", "4", "5", "6"]\n'


def ran(text: str, tmp_path: Path, model: object = echo, **inputs: object) -> Ran:
    return run(flow_of(text, tmp_path), model, inputs)  # type: ignore[arg-type]


def refusing(*prompts: str) -> object:
    """Says its prompt again, but refuses some."""

    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        return Refused("the model said no") if text in prompts else text

    return model


# ── Steps depend on what they mention ──


def test_a_step_reads_what_it_mentions(tmp_path: Path) -> None:
    found = ran(
        """
        step b
          prompt: "b of {{ a }}"
        input x: text
        step a
          system: "Be brief."
          prompt: "a of {{ x }}"
        output b
        """,
        tmp_path,
        x="x",
    )
    assert found.value("b") == "b of a of x"
    assert [[message.role for message in request.messages] for request in found.requests] == [
        ["system", "user"],
        ["user"],
    ]
    assert [event.step for event in found.of(StepStarted)] == ["a", "b"]


def test_every_step_that_can_start_starts(tmp_path: Path) -> None:
    steps = "\n".join(f'step s{n}\n  prompt: "{n}"' for n in range(10))
    assert ran(steps, tmp_path).most_open == 10


def test_at_once_holds_for_everything(tmp_path: Path) -> None:
    text = NUMBERS + 'step a\n  repeat for each n in numbers\n  prompt: "{{ n }}"\nstep b\n  prompt: "x"\n'
    assert run(flow_of(text, tmp_path), echo, at_once=3).most_open == 3


def test_after_waits_without_reading(tmp_path: Path) -> None:
    found = ran(
        """
        step a
          prompt: "no"
        step b
          after: a
          prompt: "b"
        """,
        tmp_path,
        refusing("no"),
    )
    assert found.prompts() == ["no", "b"]
    assert found.value("b") == "b"


# ── Empty and skipped ──


def test_a_step_whose_when_does_not_hold_is_empty_and_skips_what_reads_it(tmp_path: Path) -> None:
    found = ran(
        """
        input topic: one of a, b = a
        step first
          when topic is b
          prompt: "first"
        step second
          prompt: "{{ first }}"
        let other = first | default "instead"
        output other
        output second
        """,
        tmp_path,
    )
    assert found.requests == []
    assert found.of(StepSkipped) == [
        StepSkipped("", "first", "its `when` did not hold"),
        StepSkipped("", "second", "`first` is empty"),
    ]
    assert found.value("other") == "instead"
    assert found.result.outputs["second"] == Skipped("`second` is empty")
    assert found.report.exit_code == 0


def test_only_what_is_really_filled_in_can_skip_a_step(tmp_path: Path) -> None:
    found = ran(
        """
        input note: optional text
        input long: yes/no = no
        step a
          when long
          prompt: "a"
        step b
          prompt: "b{{ if long }} {{ a }}{{ end }}{{ if note is not empty }} {{ note }}{{ end }}"
        """,
        tmp_path,
        note=EMPTY,
    )
    assert found.prompts() == ["b"]


def test_an_empty_list_makes_no_call(tmp_path: Path) -> None:
    found = ran(
        """
        input rows: list of text
        step a
          repeat for each row in rows
          prompt: "{{ row }}"
        step b
          prompt: "b: {{ a | count }}"
        """,
        tmp_path,
        rows=(),
    )
    assert found.value("a") == []
    assert found.prompts() == ["b: 0"]
    assert [(event.items, event.failed_items) for event in found.of(StepFinished)] == [(0, 0), (None, 0)]


def test_a_list_that_is_empty_skips_the_step(tmp_path: Path) -> None:
    found = ran(
        """
        input rows: optional list of text
        step a
          when rows is not empty
          repeat for each row in rows
          prompt: "{{ row }}"
        """,
        tmp_path,
        rows=EMPTY,
    )
    assert found.of(StepSkipped) == [StepSkipped("", "a", "`rows` is empty")]


# ── repeat for each ──


def test_answers_are_a_list_in_the_lists_order_and_remember_their_items(tmp_path: Path) -> None:
    found = ran(
        NUMBERS
        + """
        step double
          repeat for each n in numbers, 2 at a time
          prompt: "{{ place }}: {{ n }}{{ n }}"
        step all
          prompt: \"\"\"
            {{ for d in double }}
            {{ d.place }}/{{ d.n }}/{{ d }}
            {{ end }}
          \"\"\"
        """,
        tmp_path,
    )
    assert found.value("double")[1] == {"n": "2", "place": 2, "answer": "2: 22"}
    assert found.prompts()[-1].split("\n") == [f"{n}/{n}/{n}: {n}{n}" for n in range(1, 7)]
    assert found.most_open == 2


def test_pairs_take_the_last_list_fastest_and_a_list_may_hang_on_an_earlier_name(tmp_path: Path) -> None:
    found = ran(
        """
        schema Topic
          name: text
          tips: list of text
        input topics: list of Topic
        step a
          repeat for each topic in topics and each tip in topic.tips
          prompt: "{{ place }} {{ topic.name }} {{ tip }}"
        """,
        tmp_path,
        topics=({"name": "x", "tips": ("1", "2")}, {"name": "y", "tips": ()}, {"name": "z", "tips": ("3",)}),
    )
    assert [one["answer"] for one in found.value("a")] == ["1 x 1", "2 x 2", "3 z 3"]


def test_when_picks_items_and_leaves_gaps_in_the_places(tmp_path: Path) -> None:
    text = NUMBERS + 'step a\n  repeat for each n in numbers\n  when n is one of "2", "5"\n  prompt: "{{ n }}"\n'
    assert [one["place"] for one in ran(text, tmp_path).value("a")] == [2, 5]


def test_an_item_that_reads_something_empty_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    found = ran(
        """
        input rows: table
        step a
          repeat for each row in rows
          prompt: "{{ row.note }}"
        """,
        tmp_path,
        rows=({"note": "x"}, {"other": "y"}, {"note": "z"}),
    )
    assert [one["place"] for one in found.value("a")] == [1, 3]
    assert found.of(Noted) == [Noted("", "a", "1 of 3 items were left out, `row.note` is empty: 2")]


def test_a_step_whose_every_item_reads_what_is_empty_is_skipped_itself(tmp_path: Path) -> None:
    found = ran(
        NUMBERS
        + """
        input go: yes/no = no
        step first
          when go
          prompt: "first"
        step a
          repeat for each n in numbers
          prompt: "{{ n }} {{ first }}"
        """,
        tmp_path,
    )
    assert found.result.outcomes["a"] == Skipped("`first` is empty")
    assert found.of(StepStarted) == []


def test_samples_are_a_list_and_under_repeat_a_list_for_each_item(tmp_path: Path) -> None:
    found = ran(
        """
        input n: whole number = 2
        let words = ["x", "y"]
        step a
          samples: {{ n }}
          prompt: "a"
        step b
          repeat for each w in words
          samples: 3
          prompt: "{{ w }}"
        """,
        tmp_path,
        lambda request: f"{request.messages[-1].text}{request.sample}",
    )
    assert found.value("a") == ["a1", "a2"]
    assert [one["answer"] for one in found.value("b")] == [["x1", "x2", "x3"], ["y1", "y2", "y3"]]


def test_samples_by_name_are_held_to_their_range(tmp_path: Path) -> None:
    found = ran('input n: whole number\nstep a\n  samples: {{ n }}\n  prompt: "a"\n', tmp_path, n=Decimal(0))
    (failed,) = found.of(StepFailed)
    assert (failed.rule, failed.message) == ("out-of-range", "`samples` must be a whole number from 1 to 1,000, not 0")
    assert failed.place.source.position(failed.place.span.start)[0] == 3


# ── Failures ──


@pytest.mark.parametrize(
    ("failures", "kept", "code"),
    [
        ("stop", None, 4),
        ("skip", ["1", "3", "4", "6"], 1),
        ("at most 2", ["1", "3", "4", "6"], 1),
        ("at most 1", None, 4),
    ],
)
def test_items_may_fail_as_the_step_says(failures: str, kept: list[str] | None, code: int, tmp_path: Path) -> None:
    found = ran(
        NUMBERS
        + f"""
        step a
          repeat for each n in numbers
          failures: {failures}
          prompt: "{{{{ n }}}}"
        step b
          prompt: \"\"\"
            b {{{{ a | join ", " }}}}
          \"\"\"
        """,
        tmp_path,
        refusing("2", "5"),
    )
    assert found.report.exit_code == code
    if kept is None:
        assert found.result.outcomes["a"] == Failed("a")
        assert found.result.outcomes["b"] == Failed("a")
    else:
        assert [one["answer"] for one in found.value("a")] == kept
        assert found.prompts()[-1] == "b 1, 3, 4, 6"
        assert Noted("", "a", "2 of 6 items were lost: 2, 5") in found.events
        assert [event.item for event in found.report.lost] == [2, 5]


def test_how_many_items_failed_is_told_with_their_places(tmp_path: Path) -> None:
    text = (
        NUMBERS
        + 'step a\n  repeat for each n in numbers, 1 at a time\n  {}when n is not "1"\n  prompt: "{{{{ n }}}}"\n'
    )
    for line, told in (
        ("", "step `a` failed: 1 of 5 items did (item 2)"),
        ("failures: at most 1\n  ", "2 of 5 items did (items 2, 4), and `failures: at most 1` allows no more"),
    ):
        found = ran(text.format(line), tmp_path, refusing("2", "4"))
        assert found.of(StepFailed)[-1].message.endswith(told)


def test_cells_are_compared_by_size_also_with_what_stands_in_quotes(tmp_path: Path) -> None:
    text = """
        input t: table
        let late = t | where due < "2026-03-11" and n < 10 | take n
        let ratio = 5 | divided by n_zero
        input n_zero: number
        output late: "{{ late | join \\"+\\" }} of {{ t | count }}"
        output ratio
    """
    rows = ({"due": "2026-03-10", "n": "9"}, {"due": "", "n": "8"}, {"due": "2026-02-01", "n": ""})
    found = ran(text, tmp_path, t=rows, n_zero=Decimal(0))
    assert found.result.outputs["late"] == Done("9 of 3")
    assert found.result.outcomes["ratio"] == Skipped("it would be a division by zero")
    wrong = ran(text, tmp_path, t=({"due": "2026-01-01", "n": "1"}, {"due": "soon", "n": "1"}), n_zero=Decimal(1))
    assert wrong.of(StepFailed)[0].message == (
        'the text "soon" is no date, so it cannot be compared by size with 2026-03-11 (item 2 of the list)'
    )


def test_stop_starts_no_further_items(tmp_path: Path) -> None:
    text = NUMBERS + 'step a\n  repeat for each n in numbers, 1 at a time\n  prompt: "{{ n }}"\n'
    assert ran(text, tmp_path, refusing("2")).prompts() == ["1", "2"]


def test_a_failed_step_fails_what_reads_it_and_nothing_else(tmp_path: Path) -> None:
    found = ran(
        """
        step a
          prompt: "a"
        let b = a | default "x"
        step c
          prompt: "{{ b }}"
        step d
          prompt: "d"
        output c
        output d
        """,
        tmp_path,
        refusing("a"),
    )
    assert [(event.step, event.rule) for event in found.of(StepFailed)] == [("a", "refused"), ("c", FAILED_BEFORE)]
    assert found.result.outputs["c"] == Failed("a")
    assert found.value("d") == "d"


def test_a_value_that_does_not_fit_fails_its_step_at_its_place(tmp_path: Path) -> None:
    found = ran(
        """
        input data: json
        step a
          repeat for each x in data
          prompt: "{{ x }}"
        let b = data | parse json
        output b
        """,
        tmp_path,
        data="text",
    )
    assert {(event.step, event.rule) for event in found.of(StepFailed)} == {("a", "wrong-type"), ("b", "wrong-value")}
    place = next(event.place for event in found.of(StepFailed) if event.step == "a")
    assert place.source.text[slice(*place.span)] == "a"


def test_parameters_may_be_named_and_are_held_to_their_range(tmp_path: Path) -> None:
    text = 'input heat: number\nstep a\n  model: m\n  temperature: {{ heat }}\n  tries: 2\n  prompt: "a"\n'
    request = ran(text, tmp_path, heat=Decimal("0.5")).requests[0]
    assert (request.model, request.parameters) == ("m", {"temperature": Decimal("0.5")})
    wrong = ran('step b\n  prompt: "b"\n' + text, tmp_path, heat=Decimal(3))
    (failed,) = wrong.of(StepFailed)
    assert (failed.rule, failed.message) == ("wrong-value", "`temperature` must be a number from 0 to 2, not 3")
    assert failed.place.source.line(failed.place.source.position(failed.place.span.start)[0]).strip().startswith("temp")
    assert wrong.requests == [], "nothing is asked where an input can be no setting"


# ── continues ──


def test_the_whole_conversation_comes_first(tmp_path: Path) -> None:
    found = ran(
        """
        step a
          system: "s"
          prompt: "a"
        step b
          continues: a
          prompt: "b"
        step c
          continues: b
          prompt: "c"
        """,
        tmp_path,
        lambda request: request.messages[-1].text.upper(),
    )
    assert [(message.role, message.text) for message in found.requests[-1].messages] == [
        ("system", "s"),
        ("user", "a"),
        ("assistant", "A"),
        ("user", "b"),
        ("assistant", "B"),
        ("user", "c"),
    ]


def test_each_answer_of_a_repeated_step_goes_on_with_its_own(tmp_path: Path) -> None:
    found = ran(
        NUMBERS
        + """
        step a
          repeat for each n in numbers
          prompt: "{{ n }}"
        let picked = a | where n is one of "2", "4" | sort by n, largest first
        step b
          repeat for each answer in picked
          continues: a
          prompt: "again"
        """,
        tmp_path,
    )
    assert [[m.text for m in request.messages] for request in found.requests[6:]] == [
        ["4", "4", "again"],
        ["2", "2", "again"],
    ]


# ── run ──

IMPROVE = """
flow improve
input draft: text
input tone: optional text
let way = tone | default "-"
step better
  prompt: "{{ draft }}+{{ way }}"
output draft: better
output size: better | words | count
"""


def test_a_sub_flows_outputs_are_the_steps_fields(tmp_path: Path) -> None:
    found = ran(
        """
        step polished
          run: improve
          with draft: "x"
        output a: polished.draft
        output n: polished.size
        """
        + IMPROVE,
        tmp_path,
    )
    assert (found.value("a"), found.value("n")) == ("x+-", 1)
    assert [(event.path, event.step) for event in found.of(StepStarted)] == [("", "polished"), ("polished", "better")]


def test_repeat_until_feeds_outputs_to_inputs_of_the_same_name(tmp_path: Path) -> None:
    found = ran(
        """
        step polished
          run: improve
          with draft: "x"
          with tone: "t"
          repeat until polished.draft ends with "+t+t", at most 5 times
        output a: polished.draft
        """
        + IMPROVE,
        tmp_path,
    )
    assert found.prompts() == ["x+t", "x+t+t"]
    assert [event.path for event in found.of(StepStarted)] == ["", "polished[1]", "polished[2]"]
    assert found.of(Noted) == []


def test_a_condition_that_is_not_reached_is_said_and_the_last_round_stands(tmp_path: Path) -> None:
    found = ran(
        """
        step polished
          run: improve
          with draft: "x"
          repeat until polished.size > 5, at most 2 times
        output a: polished.draft
        """
        + IMPROVE,
        tmp_path,
    )
    assert found.value("a") == "x+-+-"
    (noted,) = found.of(Noted)
    assert "was not reached in 2 rounds" in noted.message
    assert "polished.size > 5" in noted.message
    assert found.report.exit_code == 0


def test_a_repeated_run_remembers_its_items(tmp_path: Path) -> None:
    found = ran(
        NUMBERS
        + """
        step polished
          repeat for each n in numbers, 2 at a time
          run: improve
          with draft: n
        output polished
        """
        + IMPROVE,
        tmp_path,
    )
    assert found.value("polished")[2] == {"n": "3", "place": 3, "draft": "3+-", "size": 1}
    assert {event.path for event in found.of(StepStarted)} == {"", *(f"polished[{n}]" for n in range(1, 7))}


def test_what_fails_in_a_sub_flow_fails_its_step(tmp_path: Path) -> None:
    found = ran(
        """
        step polished
          run: improve
          with draft: "x"
          repeat until polished.size > 5, at most 3 times
        output a: polished.draft
        """
        + IMPROVE,
        tmp_path,
        refusing("x+-+-"),
    )
    assert [(event.path, event.step, event.rule) for event in found.of(StepFailed)] == [
        ("polished[2]", "better", "refused"),
        ("", "polished", FAILED_BEFORE),
    ]
    assert found.report.exit_code == 4


def test_only_runs_a_step_and_what_it_needs(tmp_path: Path) -> None:
    text = """
    step a
      prompt: "a"
    step b
      prompt: "b {{ a }}"
    step c
      prompt: "c {{ b }}"
    output c
    """
    found = run(flow_of(text, tmp_path), echo, only="b")
    assert found.prompts() == ["a", "b a"]
    assert list(found.result.outputs) == ["b"]
