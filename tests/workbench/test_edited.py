"""Which steps an edit has touched, and what they need."""

from pathlib import Path

from flowlang.pipeline import compile_flow
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults, Plan
from flowlang.workbench.edited import touched_first


def plan_of(folder: Path, text: str) -> Plan:
    (folder / "a.flow").write_text(text)
    checked = compile_flow(folder / "a.flow")
    assert checked.flow is not None, checked.diagnostics
    return build(checked.flow, Defaults())


def flow(changed: int = -1, head: str = "", needs: int = 3) -> str:
    steps = []
    for number in range(100):
        read = f"{{{{ s{number - 1} }}}} " if number and number <= needs else ""
        steps.append(f'step s{number}\n  prompt: "{read}Say {number}{"!" if number == changed else ""}."\n')
    return head + "\n".join(steps)


def test_an_edited_step_comes_first_with_all_that_it_needs(tmp_path: Path) -> None:
    before = plan_of(tmp_path, flow())
    assert touched_first(before, plan_of(tmp_path, flow(60))) == {"s60"}
    assert touched_first(before, plan_of(tmp_path, flow(2))) == {"s0", "s1", "s2"}


def test_without_an_edit_of_a_step_nothing_comes_first(tmp_path: Path) -> None:
    before = plan_of(tmp_path, flow())
    assert touched_first(None, before) == frozenset()
    assert touched_first(before, plan_of(tmp_path, flow(head="# a comment\n"))) <= {"s0"}


def test_where_everything_is_needed_nothing_comes_first(tmp_path: Path) -> None:
    before = plan_of(tmp_path, flow(needs=99))
    assert touched_first(before, plan_of(tmp_path, flow(98, needs=99))) == frozenset()
