"""What goes to standard output, and the files of a run."""

import csv
import json
import os
from contextlib import suppress
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language import ast
from flowlang.language.checked import CheckedOutput, Place
from flowlang.language.types import FieldType, ListOf, NumberType, RecordType, TextType, Type
from flowlang.language.values import EMPTY, Remembered, Value
from flowlang.run.files import FileMistake
from flowlang.run.outcome import Done, Failed, Outcome, Skipped
from flowlang.run.outputs import check_out_dir, file_text, shown, write_below, write_outputs

NOWHERE = Span(0, 0)
TEXT = TextType()


def output(name: str, path: str, kind: Type = TEXT) -> CheckedOutput:
    place = Place(SourceFile("a.flow", ""), NOWHERE)
    return CheckedOutput(name, ast.Ref((ast.Name(name, NOWHERE),), NOWHERE), kind, path, (name,), place)


def written(path: str, value: Value, folder: Path) -> dict[str, str]:
    """The files that one output writes, by their path below the folder."""
    write_outputs([output("x", path)], {"x": Done(value)}, folder)
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"brief": Done("Short.")}, "Short.\n"),
        ({"brief": Done("Short.\n")}, "Short.\n"),
        ({"n": Done(Decimal("1.50"))}, '{\n  "n": 1.5\n}\n'),
        ({"a": Done("x"), "b": Skipped("no")}, '{\n  "a": "x",\n  "b": null\n}\n'),
        ({"a": Skipped("no")}, '{\n  "a": null\n}\n'),
        ({"a": Failed("b")}, '{\n  "a": null\n}\n'),
        ({"a": Done(EMPTY)}, '{\n  "a": null\n}\n'),
    ],
)
def test_standard_output(outputs: dict[str, Outcome], text: str) -> None:
    assert shown(outputs) == text


def test_json_has_the_memory_and_a_single_text_too() -> None:
    answer = Remembered("Bonjour", {"row": {"id": Decimal(1)}, "place": Decimal(1)})
    assert json.loads(shown({"a": Done((answer,))})) == {"a": [{"row": {"id": 1}, "place": 1, "answer": "Bonjour"}]}
    assert json.loads(shown({"a": Done("x")}, as_json=True)) == {"a": "x"}


def test_the_ending_says_in_which_form_a_file_is_written(tmp_path: Path) -> None:
    answers = (Remembered({"a": "x"}, {"i": "n", "place": Decimal(1)}),)
    assert json.loads(file_text("a.json", "a", answers)) == [{"i": "n", "place": 1, "a": "x"}]
    assert file_text("a.jsonl", "a", answers) == '{"i": "n", "place": 1, "a": "x"}\n'
    assert file_text("a.jsonl", "a", ()) == ""
    assert file_text("a.csv", "a", answers) == "a\nx\n"
    assert file_text("a.csv", "word", ("x", "y")) == "word\nx\ny\n"
    assert file_text("a.md", "a", ("x", "y")) == "- x\n- y\n"
    assert written("sub/brief.md", "Hi", tmp_path) == {"sub/brief.md": "Hi\n"}


def test_a_csv_without_rows_has_the_columns_of_its_records(tmp_path: Path) -> None:
    fields = (FieldType("what", TextType()), FieldType("page", NumberType()))
    empty = output("x", "a.csv", ListOf(RecordType("Claim", fields)))
    write_outputs([empty], {"x": Done(())}, tmp_path)
    assert (tmp_path / "a.csv").read_text() == "what,page\n"
    assert file_text("a.csv", "word", ()) == "word\n"


def test_a_csv_runs_nothing_in_a_spreadsheet() -> None:
    rows = ({"a": "=1+1", "b": Decimal(-5)}, {"a": "@x", "b": EMPTY}, {"a": 'say "hi",\nyou', "b": True})
    text = file_text("a.csv", "a", rows)
    assert list(csv.reader(StringIO(text))) == [["a", "b"], ["'=1+1", "-5"], ["'@x", ""], ['say "hi",\nyou', "yes"]]


def test_a_folder_gets_a_file_per_item(tmp_path: Path) -> None:
    assert written("parts/", ("one", "two"), tmp_path) == {"parts/001.md": "one\n", "parts/002.md": "two\n"}


def test_what_never_came_about_writes_no_file(tmp_path: Path) -> None:
    outcomes: dict[str, Outcome] = {"a": Skipped("no"), "b": Failed("c"), "c": Done(EMPTY)}
    assert write_outputs([output(name, f"{name}.md") for name in "abc"], outcomes, tmp_path / "out") == ()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../x", ".x", "a/.x", "~x", "a\\b", "C:x", "a\0b", "", "a//b"])
def test_no_path_leaves_the_folder(path: str, tmp_path: Path) -> None:
    with pytest.raises(FileMistake):
        write_below(tmp_path, path, "x")
    assert list(tmp_path.iterdir()) == []


@given(st.text(alphabet="ab./\\~:\0", max_size=8))
def test_whatever_the_path_nothing_is_written_outside(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    home = tmp_path_factory.mktemp("home")
    with suppress(FileMistake):
        write_below(home / "out", path, "x")
    assert {child.name for child in home.iterdir()} <= {"out"}


@pytest.mark.parametrize("by_handle", [True, False])
def test_links_are_never_followed(by_handle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowlang.run.outputs.BY_HANDLE", by_handle)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.md").write_text("kept")
    out = tmp_path / "out"
    out.mkdir()
    (out / "dir").symlink_to(outside)
    (out / "brief.md").symlink_to(outside / "kept.md")
    with pytest.raises(FileMistake):
        write_below(out, "dir/new.md", "x")
    write_below(out, "brief.md", "x")
    assert (out / "brief.md").read_text() == "x"
    assert not (out / "brief.md").is_symlink()
    assert [child.name for child in outside.iterdir()] == ["kept.md"]
    assert (outside / "kept.md").read_text() == "kept"


@pytest.mark.parametrize("by_handle", [True, False])
@pytest.mark.parametrize("out", ["out", "way/out", "way/../link/new"])
def test_the_output_folder_itself_is_behind_no_link(
    out: str, by_handle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowlang.run.outputs.BY_HANDLE", by_handle)
    (tmp_path / "outside" / "out").mkdir(parents=True)
    project = tmp_path / "project"
    project.mkdir()
    (project / "out").symlink_to("../outside")
    (project / "link").symlink_to("../outside")
    if "link" in out:
        (project / "way").mkdir()
    else:
        (project / "way").symlink_to("../outside")
    monkeypatch.chdir(project)
    refused = check_out_dir(Path(out))
    assert refused is not None and refused.rule == "not-allowed" and "is a link" in refused.message
    for folder in (Path(out), project / "out"):
        with pytest.raises(FileMistake, match="is a link") as caught:
            write_below(folder, "deep/keys", "x")
        assert caught.value.rule == "not-allowed"
    assert [path.name for path in (tmp_path / "outside").rglob("*")] == ["out"]


@pytest.mark.parametrize("by_handle", [True, False])
def test_a_pipe_in_a_files_place_stays(by_handle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowlang.run.outputs.BY_HANDLE", by_handle)
    os.mkfifo(tmp_path / "a.md")
    with pytest.raises(FileMistake, match="a device or a pipe"):
        write_below(tmp_path, "a.md", "x")
    assert (tmp_path / "a.md").is_fifo()


@pytest.mark.parametrize("start", ["", " ", "\n", "\r\n ", "\u200b", "\ufeff", "\u00a0", "\u2028", "\0", "\u202e"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66"])
def test_no_cell_is_a_formula_whatever_stands_before_it(start: str, sign: str) -> None:
    found = file_text("x.csv", "x", (f"{start}{sign}1+1", f"a{start}{sign}1+1"))
    assert f"'{start}{sign}1+1" in found
    assert f"'a{start}" not in found


@pytest.mark.parametrize("by_handle", [True, False])
def test_a_file_is_old_or_new_and_never_half(by_handle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowlang.run.outputs.BY_HANDLE", by_handle)
    write_below(tmp_path, "a.md", "old")

    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(FileMistake, match="no space left"):
        write_below(tmp_path, "a.md", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.md", "old")]


def test_the_folder_is_looked_at_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert check_out_dir(tmp_path / "new" / "deep") is None
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        refused = check_out_dir(place)
        assert refused is not None
        assert "a folder is needed" in refused.message
    assert check_out_dir(Path("a\0b")) is not None
    assert not (tmp_path / "new").exists()
