"""The flows that are part of the language reference: they check, plan, format and run as they stand."""

import json
from pathlib import Path

import pytest

from flowlang.language.format import format_source
from flowlang.language.loader import Denied, decode
from flowlang.pipeline import compile_flow

ROOT = Path(__file__).resolve().parents[1]
ACCEPTANCE = ROOT / "tests/golden/acceptance"
NAMES = ("filing_brief", "triage", "polish", "vote", "translate", "receipts")
RIGHT = [ACCEPTANCE / "hard_text.flow", *(ROOT / f"flows/{name}/{name}.flow" for name in NAMES)]


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_flows_have_no_mistake_and_no_warning(path: Path) -> None:
    checked = compile_flow(path)
    assert [one.message for one in checked.diagnostics] == []
    assert checked.flow is not None


def test_thirteen_mistakes_are_found_in_one_go_each_once_at_its_word() -> None:
    expected = json.loads((ACCEPTANCE / "broken.expected.json").read_text(encoding="utf-8"))
    found = compile_flow(ACCEPTANCE / "broken.flow").diagnostics
    told = []
    for one, wanted in zip(found, expected, strict=True):
        line, _ = one.source.position(one.span.start)
        word = one.source.text[one.span.start : one.span.start + len(wanted["word"])]
        told.append({"rule": one.rule, "line": line, "word": word})
    assert told == expected


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_they_stand_in_the_canonical_layout(path: Path) -> None:
    source = decode(path.read_bytes(), path.name)
    assert not isinstance(source, Denied)
    assert format_source(source).text == source.text


def test_a_test_may_name_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    flow = tmp_path / "a.flow"
    text = 'input photo: image\n\nstep s\n  prompt: "{{ photo }}"\n\n'
    text += 'test "t"\n  with photo: file "NAME"\n  expect s is not empty\n'
    flow.write_text(text.replace("NAME", "a.png"), encoding="utf-8")
    assert compile_flow(flow).diagnostics == ()
    flow.write_text(text.replace("NAME", "b.png"), encoding="utf-8")
    assert [one.rule for one in compile_flow(flow).diagnostics] == ["not-found"]
