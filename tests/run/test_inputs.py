"""What is given on the command line, as values of a flow's inputs."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language import ast
from flowlang.language.checked import CheckedFlow, CheckedInput, CheckedLimits, Place
from flowlang.language.types import (
    TABLE,
    ChoiceType,
    DateType,
    DocumentType,
    FieldType,
    JsonType,
    ListOf,
    MediaType,
    NumberType,
    RecordType,
    SecretType,
    TextType,
    Type,
    YesNoType,
)
from flowlang.language.values import EMPTY, Document, Media, Secret, Value
from flowlang.run.inputs import Inputs, read_inputs
from tests.run.scripted import flow_of

SOURCE = SourceFile("a.flow", "")
NOWHERE = Span(0, 0)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (3).to_bytes(4, "big") + (4).to_bytes(4, "big") + b"rest"
WAV = b"RIFF\0\0\0\0WAVEfmt "
LINE = RecordType("Line", (FieldType("what", TextType()), FieldType("amount", NumberType())))


def flow(*, defaults: Mapping[str, ast.Atom] | None = None, optional: Sequence[str] = (), **types: Type) -> CheckedFlow:
    place = Place(SOURCE, NOWHERE)
    inputs = {
        name: CheckedInput(name, of, name in optional, (defaults or {}).get(name), "", place)
        for name, of in types.items()
    }
    return CheckedFlow("", "", inputs, {}, {}, (), CheckedLimits(), SOURCE)


def given(of: Type, *texts: str, base: Path = Path(), stdin: bytes | None = None) -> Value:
    """The value of the one input `x`; there must be no mistake."""
    found = read_inputs(flow(x=of), {"x": texts} if texts else {}, piped(stdin), base=base)
    assert found.mistakes == ()
    return found.values["x"]


def mistake(of: Type, *texts: str, base: Path = Path(), stdin: bytes | None = None) -> str:
    """The one mistake that is told, with its rule and hints."""
    return told(read_inputs(flow(x=of), {"x": texts} if texts else {}, piped(stdin), base=base))


def told(found: Inputs) -> str:
    (only,) = found.mistakes
    return " | ".join((f"{only.rule}: {only.message}", *only.hints))


def piped(data: bytes | None) -> Callable[[], bytes] | None:
    return None if data is None else lambda: data


@pytest.mark.parametrize(
    ("of", "text", "value"),
    [
        (TextType(), "hello", "hello"),
        (TextType(), "@@anna", "@anna"),
        (NumberType(), "-2.50", Decimal("-2.50")),
        (NumberType(whole=True, low=Decimal(1), high=Decimal(50)), "50", Decimal(50)),
        (YesNoType(), "Yes", True),
        (ChoiceType(("investor", "lawyer")), " Lawyer ", "lawyer"),
        (SecretType(), "s3cret", Secret("s3cret")),
        (DocumentType(), "Revenue rose.", Document("Revenue rose.")),
        (JsonType(), '{"a": [1, null]}', {"a": (Decimal(1), EMPTY)}),
        (LINE, '{"what": "tea", "amount": 2.5}', {"what": "tea", "amount": Decimal("2.5")}),
        (ListOf(TextType()), '["a", "b"]', ("a", "b")),
        (ListOf(TextType()), "[draft", ("[draft",)),
        (ListOf(LINE), '[{"what": "tea", "amount": 1}]', ({"what": "tea", "amount": Decimal(1)},)),
    ],
)
def test_a_flag_is_read_as_its_type(of: Type, text: str, value: Value) -> None:
    assert given(of, text) == value


def test_a_lists_flag_may_come_several_times() -> None:
    assert given(ListOf(NumberType()), "1", "2") == (Decimal(1), Decimal(2))


@pytest.mark.parametrize(
    ("of", "texts", "words"),
    [
        (NumberType(), ("two",), "wrong-value: `--x` must be a number"),
        (NumberType(low=Decimal(1), high=Decimal(50)), ("99",), "out-of-range: `--x` must be from 1 to 50, not 99"),
        (NumberType(whole=True), ("1.5",), "out-of-range: `--x` must be a whole number"),
        (ChoiceType(("a", "b")), ("c",), 'wrong-value: `--x` must be one of a, b, not "c"'),
        (YesNoType(), ("maybe",), "neither yes nor no"),
        (DateType(), ("2026-02-30",), "a day that does not exist"),
        (TextType(), ("a", "b"), "is given 2 times, and takes one value"),
        (TextType(), ("",), "is empty"),
        (TextType(high=3), ("abcd",), "must have at most 3 characters, it has 4"),
        (ListOf(TextType(), low=2), ("a",), "must have at least 2 items, it has 1"),
        (ListOf(NumberType()), ("1", "x"), "item 2 of `--x` must be a number"),
        (LINE, ('{"what": "tea"}',), "`amount` of `--x` is missing"),
        (JsonType(), ("{",), "not JSON"),
        (MediaType("image"), ("a.png",), "put `@` before its name"),
        (ListOf(LINE), ("lines.csv",), "needs a file"),
        (
            TextType(),
            ("@https://example.com/a",),
            "not-allowed: `--x`: the project does not allow the host `example.com`",
        ),
        (TextType(), ("@",), "must be followed by a file's name"),
        (TextType(), ("@a\0b",), "cannot have a NUL"),
    ],
)
def test_what_does_not_fit_names_the_flag(of: Type, texts: tuple[str, ...], words: str) -> None:
    assert words in mistake(of, *texts)


def test_a_missing_input_tells_how_to_give_it() -> None:
    assert mistake(DocumentType()) == ("missing-input: input `x` is missing | add `--x @FILE`, or pipe the document in")


@pytest.mark.parametrize(
    ("of", "how"),
    [
        (NumberType(low=Decimal(7)), "add `--x 7`: number at least 7"),
        (DateType(), "add `--x 2026-03-11`: date"),
        (ChoiceType(("not known", "low")), 'add `--x "not known"`'),
        (ListOf(NumberType()), "add `--x 5 --x 5`"),
    ],
)
def test_a_missing_input_has_an_example(of: Type, how: str) -> None:
    assert how in mistake(of)


def test_a_pipe_is_proposed_only_where_it_could_fill_one_input() -> None:
    found = read_inputs(flow(a=DocumentType(), b=DocumentType()), {})
    assert [one.hints for one in found.mistakes] == [("add `--a @FILE`",), ("add `--b @FILE`",)]
    assert "pipe" in told(read_inputs(flow(a=DocumentType(), b=DocumentType()), {"b": ("words",)}))


def test_an_unknown_flag_names_the_nearest_one() -> None:
    found = read_inputs(flow(filing=TextType()), {"filling": ("a",), "filing": ("b",)})
    assert told(found).startswith("unknown-name: there is no input called `filling` | did you mean `--filing`?")


def test_hyphens_and_underscores_are_one() -> None:
    assert read_inputs(flow(max_claims=NumberType()), {"max-claims": ("3",)}).values == {"max_claims": Decimal(3)}


def test_defaults_and_optional_inputs() -> None:
    defaults: dict[str, ast.Atom] = {"day": ast.Text(("2026-03-11",), NOWHERE), "n": ast.Number(Decimal(5), NOWHERE)}
    found = read_inputs(flow(day=DateType(), n=NumberType(), note=TextType(), defaults=defaults, optional=["note"]), {})
    assert [str(value) for value in found.values.values()] == ["2026-03-11", "5", "Empty.EMPTY"]


# ── Files ──


def test_text_from_a_file_loses_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    assert given(TextType(), "@a.txt", base=tmp_path) == "one\ntwo"
    assert given(ListOf(TextType()), "@a.txt", "x", base=tmp_path) == ("one\ntwo", "x")


def test_folders_and_patterns_give_files_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", ".hidden.md"):
        (tmp_path / name).write_text(name)
    (tmp_path / "pic.png").write_bytes(PNG)
    documents = given(ListOf(DocumentType()), "@*.md", base=tmp_path)
    assert [one.name for one in documents if isinstance(one, Document)] == ["a.md", "b.md"]
    (tmp_path / "pic.png").unlink()
    assert given(ListOf(DocumentType()), f"@{tmp_path}") == documents


def test_a_folder_with_other_files_tells_how_to_give_some_of_them(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "notes.txt").write_text("x")
    assert "`@shots/*.png`" in mistake(ListOf(MediaType("image")), "@shots", base=tmp_path)
    assert "*.png" not in mistake(ListOf(MediaType("image")), "@shots/notes.txt", base=tmp_path)


def test_images_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_bytes(PNG)
    (tmp_path / "note.wav").write_bytes(WAV)
    image = given(MediaType("image"), "@photo.txt", base=tmp_path)
    assert isinstance(image, Media)
    assert (image.kind, image.media_type, image.name, image.data) == ("image", "image/png", "photo.txt", PNG)
    assert "`note.wav` is audio, an image is needed" in mistake(MediaType("image"), "@note.wav", base=tmp_path)
    (tmp_path / "huge.png").write_bytes(PNG[:16] + (60_000).to_bytes(4, "big") * 2)
    assert "60000 by 60000 points" in mistake(MediaType("image"), "@huge.png", base=tmp_path)


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("what,amount\ntea,2.50\n")
    assert given(TABLE, "@lines.csv", base=tmp_path) == ({"what": "tea", "amount": "2.50"},)
    assert given(ListOf(LINE), "@lines.csv", base=tmp_path) == ({"what": "tea", "amount": Decimal("2.50")},)
    assert given(TABLE, "-", stdin=b"a,b\n1,2\n") == ({"a": "1", "b": "2"},)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.md").write_text("")
    os.mkfifo(tmp_path / "pipe")

    def about(text: str) -> str:
        return mistake(DocumentType(), text, base=tmp_path)

    assert about("@reprot.md") == (
        f"not-found: `--x`: there is no file `{tmp_path}/reprot.md` | did you mean `{tmp_path}/report.md`?"
    )
    assert "is a folder, a file is needed" in about("@folder")
    assert "is empty" in about("@empty.md")
    assert "is a device or a pipe" in about("@pipe")
    assert "is a device or a pipe" in about("@/dev/null")
    assert "write `@report.md`" in about("report.md")
    assert "no file fits `*.pdf`" in about("@*.pdf")
    assert "stands for 2 files" in about("@*.md")


# ── Standard input and files of values ──


def test_what_is_piped_in_fills_the_only_open_text() -> None:
    both = flow(mail=TextType(), tone=TextType())
    assert read_inputs(both, {"tone": ("kind",)}, lambda: b"Hello\n").values["mail"] == "Hello"
    assert [one.rule for one in read_inputs(both, {}, lambda: b"Hello\n").mistakes] == ["missing-input"] * 2
    assert "input `x` is missing" in mistake(TextType(), stdin=b"")
    assert "read only once" in told(read_inputs(both, {"mail": ("-",), "tone": ("-",)}, lambda: b"Hello"))


def test_standard_input_is_not_touched_where_nothing_needs_it() -> None:
    def stdin() -> bytes:
        raise AssertionError("it would wait for ever")

    assert read_inputs(flow(x=TextType()), {"x": ("a",)}, stdin).values == {"x": "a"}


def test_a_file_of_values(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Filing")
    (tmp_path / "a.png").write_bytes(PNG)
    values = {
        "filing": "@a.md",
        "mail": "@anna wrote",
        "max-claims": 3,
        "photos": ["@a.png"],
        "lines": [{"what": "tea", "amount": 1}],
        "note": None,
    }
    (tmp_path / "values.json").write_text(json.dumps(values))
    wanted = flow(
        filing=DocumentType(),
        mail=TextType(),
        max_claims=NumberType(),
        photos=ListOf(MediaType("image")),
        lines=ListOf(LINE),
        note=TextType(),
        optional=["note"],
    )
    found = read_inputs(wanted, {"max_claims": ("7",)}, values_file="values.json", base=tmp_path)
    assert found.mistakes == ()
    assert found.values["filing"] == Document("Filing", "a.md", ("Filing",))
    assert found.values["mail"] == "@anna wrote"
    assert found.values["max_claims"] == Decimal(7)
    assert found.values["lines"] == ({"what": "tea", "amount": Decimal(1)},)
    assert found.values["note"] is EMPTY


@pytest.mark.parametrize(
    ("text", "words"),
    [("[1]", "must hold one record"), ("{", "not JSON"), ('{"y": 1, "x": "a"}', "no input called `y`")],
)
def test_a_bad_file_of_values(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(text)
    found = read_inputs(flow(x=TextType()), {"x": ("a",)}, values_file="v.json", base=tmp_path)
    assert words in told(found)


def test_a_table_must_have_the_columns_that_the_flow_reads(tmp_path: Path) -> None:
    text = 'input rows: table\nstep a\n  repeat for each r in rows\n  prompt: "{{ r.slogan }} {{ r.id }}"\n'
    (tmp_path / "rows.csv").write_text("id,slogn\n1,Taste\n")
    (tmp_path / "some.jsonl").write_text('{"id": 1}\n{"id": 2, "slogan": "x"}\n')
    wanted = flow_of(text, tmp_path)
    assert told(read_inputs(wanted, {"rows": ("@rows.csv",)}, base=tmp_path)) == (
        "bad-file: `--rows`: the table has no column `slogan`, and the flow reads it"
        " | the file has `slogn`: write that in the flow, or rename the column | its columns are `id`, `slogn`"
    )
    assert read_inputs(wanted, {"rows": ("@some.jsonl",)}, base=tmp_path).mistakes == ()
