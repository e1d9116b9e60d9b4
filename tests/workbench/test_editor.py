"""Which command opens an editor: what the environment names, split, and no shell."""

from pathlib import Path

import pytest

from flowlang.workbench.editor import editor_words

FLOW = str(Path("a.flow").absolute())


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("vim", ["vim", "+7", FLOW]),
        ("/usr/bin/nvim -u none", ["/usr/bin/nvim", "-u", "none", "+7", FLOW]),
        ("code --wait", ["code", "--wait", "--goto", f"{FLOW}:7"]),
        ("subl -w", ["subl", "-w", f"{FLOW}:7"]),
        ("my-editor", ["my-editor", FLOW]),
        ("'my editor' $(rm -rf x)", ["my editor", "$(rm", "-rf", "x)", FLOW]),
        ("'never closed", []),
        ("", []),
    ],
)
def test_the_editor_of_the_environment_is_opened_at_the_line(editor: str, words: list[str]) -> None:
    assert editor_words({"EDITOR": editor}, "a.flow", 7) == words


def test_a_visual_editor_goes_first() -> None:
    assert editor_words({"EDITOR": "ed", "VISUAL": "nano"}, "a.flow", 1)[0] == "nano"
