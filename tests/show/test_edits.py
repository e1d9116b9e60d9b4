"""Which line of which text of a step changed."""

from pathlib import Path

import pytest

from flowlang.language.checked import CheckedFlow
from flowlang.pipeline import compile_texts
from flowlang.show.edits import edits

FLOW = '''\
flowlang 1
snippet tone: """
  Write plainly.
  Say you.
"""
step a
  system: "{{ tone }}"
  user: "An example"
  assistant: "Its answer"
  prompt: """
    One line.

    Another {{ b }}.
  """
step b
  prompt: file "b.md"
'''


def compiled(folder: Path, text: str, words: str = "First.\nSecond.\n") -> CheckedFlow:
    names = {"test.flow": "test.flow", "b.md": "b.md"}
    (folder / "flowlang.toml").write_text("")
    checked = compile_texts(folder / "test.flow", {"test.flow": text, "b.md": words}, names)
    assert checked.flow is not None, checked.diagnostics
    return checked.flow


@pytest.mark.parametrize(
    ("old", "new", "step", "expected"),
    [
        ("One line.", "One more line.", "a", [("prompt", "test.flow", 11, ("One line.",), ("One more line.",))]),
        ("An example", "A sample", "a", [("user", "test.flow", 8, ('user: "An example"',), ('user: "A sample"',))]),
        ("Say you.", "Say we.", "a", [("snippet tone", "test.flow", 4, ("Say you.",), ("Say we.",))]),
        ("Say you.", "Say we.", "b", []),
        ("    One line.\n", "    One line.\n    Two.\n", "a", [("prompt", "test.flow", 12, (), ("Two.",))]),
        ("step a\n", "# A comment.\n\nstep a\n", "a", []),
        ("    One line.\n\n    Another", "  One line.\n\n  Another", "a", []),
        ('  user: "An example"\n', "", "a", [("user", "test.flow", 6, ('user: "An example"',), ())]),
    ],
)
def test_the_line_is_named_with_what_stood_there(
    old: str, new: str, step: str, expected: list[object], tmp_path: Path
) -> None:
    before, now = compiled(tmp_path, FLOW), compiled(tmp_path, FLOW.replace(old, new, 1))
    found = edits(before, now, before.steps[step], now.steps[step])
    assert [(one.what, one.path, one.line, one.old, one.new) for one in found] == expected


def test_a_text_of_a_file_is_named_by_the_file(tmp_path: Path) -> None:
    before, now = compiled(tmp_path, FLOW), compiled(tmp_path, FLOW, "First.\nThird.\n")
    (found,) = edits(before, now, before.steps["b"], now.steps["b"])
    assert (found.what, found.path, found.line) == ("file b.md", "b.md", 2)
    assert edits(before, now, before.steps["a"], now.steps["a"]) == ()
