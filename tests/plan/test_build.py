"""Plans: the graph of a flow, its levels, and how many calls a run needs."""

from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Parameter, Place
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults, Plan
from tests.run.scripted import flow_of

DEFAULTS = Defaults(model="default-model")
THREE = 'let three = ["a", "b", "c"]\n'


def plan(text: str, tmp_path: Path, only: str | None = None, defaults: Defaults = DEFAULTS) -> Plan:
    return build(flow_of(text, tmp_path), defaults, only)


def calls(text: str, tmp_path: Path) -> int | None:
    """The calls of the step called `s`."""
    return plan(text, tmp_path).nodes["s"].calls


GRAPH = """
step a
  prompt: "a"
let b = a
step c
  prompt: "c {{ b }}"
step d
  after: c
  prompt: "d"
step e
  continues: d
  prompt: "e {{ a }}"
output e
"""


def test_levels_count_the_steps_of_the_longest_chain(tmp_path: Path) -> None:
    nodes = plan(GRAPH, tmp_path).nodes
    assert {name: node.level for name, node in nodes.items()} == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 3}


def test_reads_leave_out_what_is_only_waited_for(tmp_path: Path) -> None:
    nodes = plan(GRAPH, tmp_path).nodes
    assert (nodes["d"].reads, nodes["d"].needs, nodes["d"].waits_for) == ((), (), ("c",))
    assert set(nodes["e"].needs) == {"a", "d"}
    assert [name for name, node in nodes.items() if node.is_continued] == ["d"]


def test_nodes_keep_the_order_of_the_file(tmp_path: Path) -> None:
    assert list(plan(GRAPH, tmp_path).nodes) == ["a", "b", "c", "d", "e"]


def test_only_keeps_a_step_and_what_it_needs(tmp_path: Path) -> None:
    kept = plan(GRAPH, tmp_path, only="d")
    assert list(kept.nodes) == ["a", "b", "c", "d"]
    assert [output.name for output in kept.outputs] == ["d"]
    assert kept.expects == ()


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ('step s\n  prompt: "a"\n', 1),
        ('step s\n  samples: 5\n  prompt: "a"\n', 5),
        ('input n: whole number\nstep s\n  samples: {{ n }}\n  prompt: "a"\n', None),
        ('input x: text\nstep s\n  when x is "a"\n  prompt: "a"\n', None),
        ('step s\n  ensure: judge "kind"\n  ensure: s is not empty\n  prompt: "a"\n', 2),
        (THREE + 'step s\n  repeat for each t in three\n  prompt: "{{ t }}"\n', 3),
        (THREE + 'step s\n  repeat for each t in three and each u in three\n  samples: 2\n  prompt: "{{ t }}"\n', 18),
        (THREE + 'step r\n  repeat for each t in three\n  prompt: "{{ t }}"\n'
         'step s\n  repeat for each x in r\n  prompt: "{{ x }}"\n', 3),
        (THREE + 'step r\n  repeat for each t in three\n  failures: skip\n  prompt: "{{ t }}"\n'
         'step s\n  repeat for each x in r\n  prompt: "{{ x }}"\n', None),
        ('input rows: table\nstep s\n  repeat for each r in rows\n  prompt: "{{ r.a }}"\n', None),
        ('step r\n  returns: list of 4 text\n  prompt: "r"\n'
         'step s\n  repeat for each x in r\n  prompt: "{{ x }}"\n', 4),
        ('step r\n  samples: 4\n  prompt: "r"\nstep s\n  repeat for each x in r\n  prompt: "{{ x }}"\n', 4),
        ('schema T\n  tips: list of 2 text\nstep r\n  returns: T\n  prompt: "r"\n'
         'step s\n  repeat for each x in r.tips\n  prompt: "{{ x }}"\n', 2),
        ('schema T\n  tips: list of 2 text\nstep r\n  returns: list of 3 T\n  prompt: "r"\n'
         'step s\n  repeat for each t in r and each x in t.tips\n  prompt: "{{ x }}"\n', 6),
        ('step s\n  run: f\nflow f\nstep a\n  prompt: "a"\nstep b\n  prompt: "b {{ a }}"\n', 2),
        (THREE + 'step s\n  repeat for each t in three\n  run: f\n  with x: t\n'
         'flow f\ninput x: text\nstep a\n  prompt: "{{ x }}"\n', 3),
        ('step s\n  run: f\n  repeat until s is "x", at most 3 times\nflow f\nstep a\n  prompt: "a"\n', None),
        ('step s\n  run: f\n  repeat until s is "x", at most 1 times\nflow f\nstep a\n  prompt: "a"\n', 1),
    ],
)  # fmt: skip
def test_calls_are_told_where_the_flow_alone_decides(text: str, needed: int | None, tmp_path: Path) -> None:
    assert calls(text, tmp_path) == needed


def test_lets_cost_nothing_and_the_whole_is_the_sum(tmp_path: Path) -> None:
    found = plan(GRAPH, tmp_path)
    assert (found.nodes["b"].calls, found.calls) == (0, 4)
    assert plan(GRAPH + 'step s\n  when e is "x"\n  prompt: "s"\n', tmp_path).calls is None


def test_a_flag_goes_over_the_step_over_its_preset_over_the_project(tmp_path: Path) -> None:
    text = (
        "preset p\n  model: of-preset\n  temperature: 0.2\n  top_p: 0.5\n"
        'step a\n  model: p\n  top_p: 0.9\n  fallback: second\n  prompt: "a"\nstep b\n  prompt: "b"\n'
    )
    place = Place(SourceFile("flowlang.toml", ""), Span(0, 0))
    project = {"temperature": Parameter(Decimal(1), place), "seed": Parameter(Decimal(7), place)}
    flags = {"seed": Parameter(Decimal(8), place)}
    nodes = plan(text, tmp_path, defaults=Defaults("of-project", parameters=project, flags=flags)).nodes
    (first, second), (alone,) = nodes["a"].asks, nodes["b"].asks
    values = {name: parameter.value for name, parameter in first.parameters.items()}
    assert values | {"model": ""} == {
        "model": "",
        "temperature": Decimal("0.2"),
        "top_p": Decimal("0.9"),
        "seed": Decimal(8),
    }
    assert [first.model, second.model, alone.model] == ["of-preset", "second", "of-project"]
    assert second.parameters["top_p"].value == Decimal("0.9")


def test_steps_without_a_model_are_told_also_those_of_flows_that_run(tmp_path: Path) -> None:
    text = 'step a\n  model: m\n  prompt: "a"\nstep s\n  run: f\nflow f\nstep b\n  prompt: "b"\n'
    assert [node.name for node in plan(text, tmp_path, defaults=Defaults()).without_model()] == ["b"]
    assert plan(text, tmp_path).without_model() == ()


def test_a_long_chain_is_no_trouble(tmp_path: Path) -> None:
    steps = "".join(f'step s{n}\n  prompt: "{{{{ s{n - 1} }}}}"\n' for n in range(1, 2000))
    nodes = plan(f'step s0\n  prompt: "x"\n{steps}', tmp_path).nodes
    assert nodes["s1999"].level == 1999


def test_steps_that_run_the_same_flow_share_its_plan(tmp_path: Path) -> None:
    deep = 15
    text = "step s\n  run: f0\n"
    text += "".join(f"flow f{n}\nstep a\n  run: f{n + 1}\nstep b\n  run: f{n + 1}\n" for n in range(deep))
    whole = plan(text + f'flow f{deep}\nstep last\n  prompt: "x"\n', tmp_path)
    first = whole.nodes["s"].sub
    assert first is not None and first.nodes["a"].sub is first.nodes["b"].sub
    assert whole.calls == 2**deep
    assert [one.flow.name for one in whole.with_those_below()] == ["", *(f"f{n}" for n in range(deep + 1))]


def test_flows_that_run_each_other_in_a_long_chain_are_no_trouble(tmp_path: Path) -> None:
    text = "step s\n  run: f0\n" + "".join(f"flow f{n}\nstep a\n  run: f{n + 1}\n" for n in range(1500))
    whole = plan(text + 'flow f1500\nstep last\n  prompt: "x"\n', tmp_path, defaults=Defaults())
    assert whole.calls == 1
    assert [node.name for node in whole.without_model()] == ["last"]


def test_more_calls_than_can_be_told_are_as_many_as_the_data_needs(tmp_path: Path) -> None:
    thousand = "let l = [" + ", ".join(["yes"] * 1000) + "]\n"
    each = "".join(f"flow f{n}\n{thousand}step a\n  repeat for each x in l\n  run: f{n + 1}\n" for n in range(6))
    text = "step s\n  run: f0\n" + each + 'flow f6\nstep last\n  prompt: "x"\n'
    assert plan(text, tmp_path).calls is None
