"""What tools gave back in a run that is repeated: for the same tool, step, item and values, and for nothing else."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowlang.language.checked import CheckedTool
from flowlang.language.values import Media, Secret, Value
from flowlang.run.tool_results import ToolResults
from flowlang.store.history import PastStep
from flowlang.store.requests import Texts
from tests.run.scripted import flow_of

FLOW = """
input mail: text
tool note
  about: "Notes"
  takes text: text
  get: "http://127.0.0.1:1/{{ text }}"
step a
  call: note
  with text: mail
"""


class Rows:
    """A store that only remembers what it is told."""

    def __init__(self) -> None:
        self.texts = Texts(str)
        self.rows: list[PastStep] = []

    def step_ended(self, path: str, step: str, body: Mapping[str, Any]) -> None:
        self.rows.append(PastStep(1, path, step, json.loads(json.dumps(body))))


def tool(folder: Path, text: str = FLOW) -> CheckedTool:
    found = flow_of(text, folder).steps["a"].call
    assert found is not None
    return found


def kept(rows: Rows) -> ToolResults:
    return ToolResults(rows)  # type: ignore[arg-type]


def repeated(*runs: Rows) -> tuple[ToolResults, Rows]:
    new = Rows()
    results = kept(new)
    for rows in runs:
        results.remember(rows.rows)
    return results, new


def test_a_result_serves_once_and_is_kept_again(tmp_path: Path) -> None:
    note, rows = tool(tmp_path), Rows()
    kept(rows).keep("", "a", None, note, {"text": "x"}, "done")
    results, new = repeated(rows)
    found = results.take("", "a", None, note, {"text": "x"})
    assert found is not None and found.text == "done"
    assert results.take("", "a", None, note, {"text": "x"}) is None
    assert new.rows == rows.rows


def test_nothing_is_a_result_too(tmp_path: Path) -> None:
    note, rows = tool(tmp_path), Rows()
    kept(rows).keep("", "a", None, note, {}, None)
    found = repeated(rows)[0].take("", "a", None, note, {})
    assert found is not None and found.text is None


@pytest.mark.parametrize(
    ("path", "step", "item", "takes"),
    [
        ("outer[1]", "a", 1, {"text": "x"}),
        ("", "b", 1, {"text": "x"}),
        ("", "a", 2, {"text": "x"}),
        ("", "a", 1, {"text": "y"}),
        ("", "a", 1, {"text": Decimal(1)}),
    ],
)
def test_another_place_or_value_has_no_result(
    path: str, step: str, item: int, takes: Mapping[str, Value], tmp_path: Path
) -> None:
    note, rows = tool(tmp_path), Rows()
    kept(rows).keep("", "a", 1, note, {"text": "x"}, "done")
    results, _ = repeated(rows)
    assert results.take(path, step, item, note, takes) is None
    assert results.take("", "a", 1, note, {"text": "x"}) is not None


def test_a_tool_that_has_changed_is_called_again(tmp_path: Path) -> None:
    rows = Rows()
    kept(rows).keep("", "a", None, tool(tmp_path), {"text": "x"}, "done")
    changed = tool(tmp_path, FLOW.replace("127.0.0.1:1/", "127.0.0.1:1/v2/"))
    assert repeated(rows)[0].take("", "a", None, changed, {"text": "x"}) is None


def test_of_a_chain_of_runs_the_one_that_did_most_counts(tmp_path: Path) -> None:
    note, first, second = tool(tmp_path), Rows(), Rows()
    for _ in range(2):
        kept(first).keep("", "a", None, note, {"text": "x"}, "done")
    kept(second).keep("", "a", None, note, {"text": "x"}, "done")  # it took over one of them, and was cut off
    results, _ = repeated(second, first)
    assert [results.take("", "a", None, note, {"text": "x"}) is not None for _ in range(3)] == [True, True, False]


def test_no_secret_and_no_image_is_in_what_is_kept(tmp_path: Path) -> None:
    note, rows = tool(tmp_path), Rows()
    image = Media("image", "image/png", "a.png", "00" * 32, b"bytes")
    kept(rows).keep("", "a", None, note, {"text": "x", "image": image, "key": Secret("hidden-1")}, "done")
    kept(rows).keep("", "a", None, note, {"text": "x", "image": image, "key": Secret("hidden-2")}, "done")
    assert "hidden" not in str(rows.rows) and rows.rows[0] == rows.rows[1]
