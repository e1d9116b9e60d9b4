"""What a run needs, as far as it can be known before it runs."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.values import Media, Value
from flowlang.models.catalog import Model, Price, catalogue_of
from flowlang.models.cost import Prices
from flowlang.plan.build import build
from flowlang.plan.estimate import Estimate, estimate
from flowlang.plan.graph import Defaults
from flowlang.run.inputs import defaults_of
from tests.run.scripted import flow_of
from tests.run.stored import Project

# A dollar for a thousand tokens in, ten for a thousand tokens out; an answer has a hundred at most.
PRICE = Price(Decimal(1000), Decimal(10_000))
PRICES = Prices(catalogue_of({"m": Model(window=5000, max_output=100, price=PRICE)}), lambda model: False)


def needs(text: str, folder: Path, **inputs: Value) -> Estimate:
    flow = flow_of(text, folder)
    return estimate(build(flow, Defaults("m")), {**defaults_of(flow), **inputs}, PRICES)


def test_a_text_that_is_known_is_counted_and_priced(tmp_path: Path) -> None:
    found = needs('input name: text\nstep a\n  prompt: "Hello {{ name }}"\n', tmp_path, name="you " * 1000)
    need = found.needs["a"]
    assert need.calls == 1
    assert need.tokens_in is not None and 1000 <= need.tokens_in <= 1100
    assert need.most_usd == Decimal(need.tokens_in) / 1000 + 1
    assert need.likely_usd is not None and need.likely_usd <= need.most_usd
    assert (found.plan.cost_usd, found.plan.nodes["a"].tokens_in) == (need.likely_usd, need.tokens_in)


def test_without_an_input_nothing_is_said_of_what_reads_it(tmp_path: Path) -> None:
    found = needs('input name: text\nstep a\n  prompt: "{{ name }}"\nstep b\n  prompt: "b {{ a }}"\n', tmp_path)
    assert (found.needs["a"].calls, found.needs["a"].tokens_in, found.needs["a"].likely_usd) == (1, None, None)
    assert found.needs["b"].tokens_in is not None
    assert found.total.likely_usd is None


EACH = 'input words: list of text\nstep a\n  repeat for each w in words\n  prompt: "{{ w }}"\n'


SAMPLED = "schema W\n  a: text\n  n: whole number\n" + EACH.replace("list of text", "list of W").replace(
    '"{{ w }}"', '"{{ w.a }}"\n  samples: {{ w.n }}'
)
RECORDS = EACH.replace("list of text", "table").replace("{{ w }}", "{{ w.a }}")


@pytest.mark.parametrize(
    ("flow", "words", "calls"),
    [
        (EACH, ("x", "y", "x"), 2),
        (EACH.replace('"{{ w }}"', '"{{ w }} {{ place }}"'), ("x", "y", "x"), 3),
        (EACH.replace('"{{ w }}"', '"{{ for v in words }}{{ v }}{{ end }}"'), ("x", "y", "x"), 1),
        (EACH + "  cache: no\n", ("x", "y", "x"), 3),
        (EACH + "  samples: 2\n", ("x", "y", "x"), 4),
        (EACH + '  ensure: judge "polite of {{ w }}"\n', ("x", "y", "x"), 4),
        (RECORDS, ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}), 1),
        (SAMPLED, ({"a": "x", "n": Decimal(1)}, {"a": "x", "n": Decimal(3)}, {"a": "x", "n": Decimal(2)}), 3),
    ],
)
def test_equal_items_are_asked_once_where_answers_are_kept(flow: str, words: Value, calls: int, tmp_path: Path) -> None:
    checked = flow_of(flow, tmp_path)
    plan, inputs = build(checked, Defaults("m")), {**defaults_of(checked), "words": words}
    assert estimate(plan, inputs, PRICES, keeps=True).total.calls == calls
    asked = Project(tmp_path, lambda request: '{"holds": true, "reason": "x"}').run(flow, inputs)
    assert len(asked.script.requests) == calls  # as the run does


@pytest.mark.parametrize(
    ("flow", "given", "calls"),
    [
        (EACH, {"words": ("x", "y", "z")}, 3),
        (EACH, {"words": ()}, 0),
        (EACH.replace("in words", "in words and each v in words"), {"words": ("x", "y", "z")}, 9),
        (EACH.replace("in words", 'in some') + 'let some = words | where it is not "x"\n', {"words": ("x", "y")}, 1),
        (EACH + "  when w is not \"x\"\n", {"words": ("x", "y", "z")}, 2),
        (EACH + "  samples: 2\n", {"words": ("x", "y")}, 4),
        (EACH + '  ensure: judge "polite"\n', {"words": ("x", "y")}, 4),
        ('input n: whole number\nstep a\n  samples: {{ n }}\n  prompt: "x"\n', {"n": Decimal(4)}, 4),
        ('input b: yes/no\nstep a\n  when b\n  prompt: "x"\n', {"b": True}, 1),
        ('input b: yes/no\nstep a\n  when b\n  prompt: "x"\n', {"b": False}, 0),
        (
            "input words: list of text\nstep a\n  repeat for each w in words\n  run: sub\n  with list: words\n"
            'flow sub\ninput list: list of text\nstep s\n  repeat for each x in list\n  prompt: "{{ x }}"\n',
            {"words": ("x", "y", "z")},
            9,
        ),
    ],
)  # fmt: skip
def test_calls_are_counted_by_the_inputs(flow: str, given: Mapping[str, Value], calls: int, tmp_path: Path) -> None:
    assert needs(flow, tmp_path, **given).plan.calls == calls


def test_a_flow_that_is_handed_an_answer_is_priced_by_the_size_of_that(tmp_path: Path) -> None:
    outer = 'step a\n  prompt: "write"\nstep b\n  run: sub\n  with draft: a\n'
    inner = 'flow sub\ninput draft: text\nstep c\n  prompt: "better {{ draft }}"\n'
    plain = needs('step a\n  prompt: "write"\nstep c\n  prompt: "better {{ a }}"\n', tmp_path).needs["c"]
    assert needs(outer + inner, tmp_path).needs["b"] == plain
    assert plain.likely_usd is not None
    assert needs("input x: text\n" + outer.replace(": a", ": x") + inner, tmp_path).needs["b"].likely_usd is None
    trimmed = needs(outer + inner.replace("draft }}", "draft | trim }}"), tmp_path).needs["b"]
    assert trimmed.likely_usd is not None


def test_what_hangs_on_an_answer_has_an_end_where_the_type_has_one(tmp_path: Path) -> None:
    text = (
        "step a\n  returns: list of at most 7 text\n  prompt: \"a\"\n"
        'step b\n  repeat for each x in a\n  prompt: "{{ x }}"\n'
        'step c\n  when a is not empty\n  prompt: "c"\n'
    )  # fmt: skip
    found = needs(text, tmp_path)
    assert [found.needs[name].calls for name in "abc"] == [1, None, None]
    assert [found.needs[name].most_calls for name in "abc"] == [1, 7, 1]
    assert found.total.calls is None
    assert found.total.likely_usd is not None and found.total.most_usd is not None
    assert found.total.likely_usd <= found.total.most_usd
    endless = needs(text.replace("at most 7 ", ""), tmp_path)
    assert endless.needs["b"].most_usd is None and endless.needs["b"].likely_usd is not None


def test_no_question_is_larger_than_the_window(tmp_path: Path) -> None:
    text = 'step a\n  returns: list of text\n  prompt: "a"\nstep b\n  prompt: "{{ for x in a }}{{ x }}{{ end }}"\n'
    assert needs(text, tmp_path).needs["b"].most_usd == 5 + 1


def test_max_tokens_bounds_the_answer(tmp_path: Path) -> None:
    whole = needs('step a\n  prompt: "a"\n', tmp_path).needs["a"]
    short = needs('step a\n  max_tokens: 10\n  prompt: "a"\n', tmp_path).needs["a"]
    assert whole.most_usd is not None and short.most_usd is not None
    assert whole.most_usd - short.most_usd == Decimal("0.9")


def test_a_conversation_that_goes_on_is_sent_again(tmp_path: Path) -> None:
    text = 'step a\n  prompt: "{0}"\nstep b\n  continues: a\n  prompt: "b"\n'.replace("{0}", "word " * 500)
    found = needs(text, tmp_path)
    first, second = found.needs["a"].tokens_in, found.needs["b"].tokens_in
    assert first is not None and second is not None and second > first > 500


def test_an_image_is_part_of_the_question(tmp_path: Path) -> None:
    photo = Media("image", "image/png", "a.png", "digest", b"\x89PNG")
    found = needs('input photo: image\nstep a\n  prompt: "{{ photo }}"\n', tmp_path, photo=photo)
    assert found.needs["a"].tokens_in is not None and found.needs["a"].tokens_in > 1000


def test_a_step_that_calls_tools_has_no_largest_cost(tmp_path: Path) -> None:
    text = 'tool t\n  about: "t"\n  get: "https://t.example/"\nstep a\n  uses: t\n  prompt: "a"\n'
    need = needs(text, tmp_path).needs["a"]
    assert (need.calls, need.most_calls, need.most_usd) == (1, 9, None)
    assert need.likely_usd is not None


def test_a_model_without_a_price_leaves_the_whole_without_one(tmp_path: Path) -> None:
    found = needs('step a\n  model: nobody\n  prompt: "a"\nstep b\n  prompt: "b"\noutput a\noutput b\n', tmp_path)
    assert found.needs["a"].tokens_in is not None and found.needs["a"].likely_usd is None
    assert found.total.likely_usd is None and found.total.tokens_in is not None


def test_lets_in_any_order_are_worked_out(tmp_path: Path) -> None:
    text = (
        'step a\n  repeat for each x in last_one\n  prompt: "{{ x }}"\n'
        'let last_one = first_one | first 2\nlet first_one = ["a", "b", "c"] | sort by it\n'
    )
    assert needs(text.replace(" | sort by it", ""), tmp_path).plan.calls == 2
