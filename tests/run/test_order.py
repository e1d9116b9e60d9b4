"""The order in which answers come means nothing; and many items cost little."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang.language.checked import CheckedFlow
from flowlang.models.chat import ChatRequest
from flowlang.models.errors import Refused
from tests.run.scripted import Ran, Said, flow_of, run

FLOW = """
let words = ["a", "b", "c", "d", "e"]

step first
  repeat for each w in words
  failures: skip
  prompt: "first {{ w }}"

step second
  repeat for each f in first and each w in words, 3 at a time
  samples: 2
  when w is not "c"
  failures: at most 20
  prompt: "second {{ f.w }} {{ w }} {{ f }}"

let count_of = second | count

step improved
  repeat for each f in first
  failures: skip
  run: improve
  with text: f

step branch
  when count_of > 20
  prompt: "branch {{ count_of }}"

step other
  when count_of <= 20
  prompt: "other {{ count_of }}"

let either = branch | default other

step last_one
  prompt: "{{ either }} {{ improved | count }}"

flow improve
input text: text
step better
  prompt: "better {{ text }}"
step best
  continues: better
  prompt: "best {{ better }}"
output text: best
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> CheckedFlow:
    return flow_of(FLOW, tmp_path_factory.mktemp("flow"))


def ran(flow: CheckedFlow, refused: frozenset[int], shuffled: random.Random | None) -> Ran:
    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        return Refused("no") if sum(text.encode()) % 23 in refused else f"<{text} {request.sample}>"

    return run(flow, model, shuffled=shuffled)


@given(st.frozensets(st.integers(0, 22), max_size=3), st.integers(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_any_order_of_completion_gives_the_same_result(
    flow: CheckedFlow, refused: frozenset[int], seed: int, at_once: int
) -> None:
    straight = ran(flow, refused, None)
    mixed = ran(flow, refused, random.Random(seed))
    assert mixed.result == straight.result
    assert mixed.report.exit_code == straight.report.exit_code
    assert mixed.report.lost == straight.report.lost


def test_a_thousand_rows_are_not_a_thousand_tasks(tmp_path: Path) -> None:
    text = (
        "input rows: table\n"
        'step a\n  repeat for each row in rows\n  prompt: "{{ row.n }}"\n'
        'step b\n  repeat for each x in a\n  prompt: "{{ x.row.n }}"\n'
        'step c\n  repeat for each y in b, 7 at a time\n  prompt: "{{ y.x.row.n }}"\n'
    )
    rows = tuple({"n": str(n)} for n in range(1000))
    found = run(flow_of(text, tmp_path), lambda request: request.messages[-1].text, {"rows": rows}, at_once=16)
    assert found.most_open == 16
    assert [one["answer"] for one in found.value("c")] == [str(n) for n in range(1000)]
