"""What a run is given and cannot use: told at the input's own line, before anything is sent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowlang.run import tables
from tests.run.test_documents import pdf

START = [sys.executable, "-c", "import sys; from flowlang.workbench.cli import main; sys.exit(main())"]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (3).to_bytes(4, "big") + (4).to_bytes(4, "big") + b"rest"

FLOW = """\
input doc: document = "none"
input note: text = "none"
input pages: whole number from 1 to 9 = 3
input until: date = "2026-03-11"
input strict: yes/no = no
input sales: list of Sale = []
input rows: table
input photos: list of image
input call: audio

schema Sale
  shop: text
  amount: number

step a
  model: m
  prompt: \"\"\"
    {{ doc }} {{ note }} {{ pages }} {{ until }} {{ if strict }}!{{ end }} {{ sales | table }} {{ rows | take shop }}
    {{ for p in photos }}{{ p }}{{ end }} {{ call }}
  \"\"\"
"""
LINES = {line.split(":")[0].removeprefix("input "): number for number, line in enumerate(FLOW.splitlines(), 1)}


@pytest.fixture
def files(folder: Path) -> Path:
    """A folder with a file for each thing that can be wrong with one."""
    contents = {
        "sales.csv": b"shop,amount\nOslo,12\nBergen,cheap\n",
        "nocolumn.csv": b"shop,amuont\nOslo,12\n",
        "town.csv": b"town\nOslo\n",
        "shops.csv": b"shop\nOslo\n",
        "bad.jsonl": b'{"shop": "Oslo"}\n{"shop": "Oslo"\n{"shop": "Bergen"}\n',
        "scan.pdf": pdf(""),
        "broken.pdf": pdf("Hello")[:200],
        "good.pdf": pdf("Hello"),
        "empty.md": b"",
        "latin.txt": "Größe".encode("latin-1"),
        "utf16.txt": "Größe\n".encode("utf-16"),
        "unmarked.txt": "A letter\n".encode("utf-16-le"),
        "photo.png": PNG,
        "call.wav": b"RIFF\0\0\0\0WAVEfmt ",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "none").mkdir()
    (folder / "zips").mkdir()
    (folder / "zips" / "a.zip").write_bytes(b"PK\x03\x04")
    with (folder / "big.png").open("wb") as file:
        file.truncate(60_000_000)
    (folder / "all.flow").write_text(FLOW, encoding="utf-8")
    return folder


def words_with(name: str, value: str) -> list[str]:
    given = {"rows": "@shops.csv", "photos": "@photo.png", "call": "@call.wav", name: value}
    return ["run", "all.flow", "--offline", *(word for flag, one in given.items() for word in (f"--{flag}", one))]


@pytest.mark.parametrize(
    ("name", "value", "message", "fix"),
    [
        ("sales", "@sales.csv", 'row 2 (line 3) of `sales.csv`: `amount` must be a number: "cheap" is no number', ""),
        ("sales", "@nocolumn.csv", "`nocolumn.csv` has no column `amount`", "not `amuont`?"),
        ("rows", "@town.csv", "the table has no column `shop`, and the flow reads it", "its columns are `town`"),
        ("rows", "@bad.jsonl", "line 2 of `bad.jsonl` is not JSON", "each line must be one whole record"),
        ("rows", "@empty.md", "`empty.md` is empty", "its first line must name the columns"),
        ("doc", "@scan.pdf", "there is no text in `scan.pdf`: it is probably a scan", "text recognition"),
        ("doc", "@broken.pdf", "`broken.pdf` cannot be read as a PDF: it is damaged", "save it again"),
        ("doc", "@empty.md", "`empty.md` is empty", ""),
        ("doc", "@latin.txt", "`latin.txt` is not UTF-8 text: byte 3 does not belong there", "save the file as UTF-8"),
        ("note", "@latin.txt", "`latin.txt` is not UTF-8 text: byte 3", "save the file as UTF-8"),
        ("doc", "@unmarked.txt", "`unmarked.txt` is UTF-16 text, and does not say so", "save the file as UTF-8"),
        ("note", "@unmarked.txt", "`unmarked.txt` is UTF-16 text", "save the file as UTF-8"),
        ("photos", "@big.png", "`big.png` is larger than 20 MB", "give a smaller file"),
        ("photos", "@zips", "`a.zip` is no image that can be read", "PNG, JPEG, GIF and WebP can be read"),
        ("photos", "@none", "the folder `none` has no files in it", ""),
        ("call", "@photo.png", "`photo.png` is an image, audio is needed", "WAV and MP3 can be read"),
        ("photos", "@call.wav", "`call.wav` is audio, an image is needed", "PNG, JPEG, GIF and WebP can be read"),
        ("pages", "many", 'must be a whole number from 1 to 9: "many" is no number', ""),
        ("pages", "2.5", "must be a whole number from 1 to 9", "for example `--pages 5`"),
        ("until", "tomorrow", 'must be a date like 2026-03-11: "tomorrow"', ""),
    ],
)  # fmt: skip
def test_it_is_told_at_the_line_of_the_input(flowlang, files: Path, name: str, value: str, message: str, fix: str):
    code, out, err = flowlang(*words_with(name, value))
    assert (code, out) == (2, "")
    assert f"`--{name}`" in err and message in err, err
    assert fix in err
    assert f" --> all.flow:{LINES[name]}:7" in err
    assert err.count("error[") == 1


def test_a_locked_pdf_is_told(flowlang, files: Path):
    import pypdf

    writer = pypdf.PdfWriter(clone_from=str(files / "good.pdf"))
    writer.encrypt("a password", algorithm="RC4-128")
    writer.write(str(files / "locked.pdf"))
    assert "`locked.pdf` is locked with a password" in flowlang(*words_with("doc", "@locked.pdf")).err


def test_a_pdf_that_needs_another_library_to_be_unlocked_is_told(
    flowlang, files: Path, monkeypatch: pytest.MonkeyPatch
):
    import pypdf

    def refuse(*_: object, **__: object) -> None:
        raise pypdf.errors.DependencyError("cryptography is required")

    monkeypatch.setattr(pypdf, "PdfReader", refuse)
    assert "`good.pdf` is encrypted in a way that cannot be read" in flowlang(*words_with("doc", "@good.pdf")).err


def test_without_the_library_for_pdf_it_is_told_how_to_install_it(
    flowlang, files: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    code, _, err = flowlang(*words_with("doc", "@good.pdf"))
    assert code == 2
    assert "reading `good.pdf` needs the library for PDF files" in err
    assert 'pip install "flowlang-dsl[docs]"' in err


def test_a_damaged_pdf_brings_no_words_of_a_library(flowlang, files: Path):
    assert "EOF" not in flowlang(*words_with("doc", "@broken.pdf")).err


def test_marked_utf_16_is_read(flowlang, files: Path):
    (files / "note.flow").write_text('input note: text\nstep a\n  model: m\n  prompt: "{{ note }}"\n', "utf-8")
    assert "Größe" in flowlang("run", "note.flow", "--offline", "--note", "@utf16.txt").out


def test_a_large_image_is_refused_without_reading_it(flowlang, files: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[int] = []

    def watch(handle: int, *rest: Any, **more: Any) -> Any:
        opened.append(handle)
        return open(handle, *rest, **more)

    monkeypatch.setattr("flowlang.run.files.open", watch, raising=False)
    (files / "photo.flow").write_text('input p: image\nstep a\n  model: m\n  prompt: "{{ p }}"\n', encoding="utf-8")
    assert flowlang("run", "photo.flow", "--offline", "--p", "@photo.png").code == 0
    assert len(opened) == 1
    assert "larger than 20 MB" in flowlang("run", "photo.flow", "--offline", "--p", "@big.png").err
    assert len(opened) == 1


def test_a_table_of_more_cells_than_fit_is_told(flowlang, files: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "MOST_CELLS", 3)
    (files / "wide.csv").write_text("shop,a\n1,2\n3,4\n", encoding="utf-8")
    assert "`wide.csv` has more than 3 cells" in flowlang(*words_with("rows", "@wide.csv")).err
    monkeypatch.setattr(tables, "MOST_ROWS", 1)
    assert "`wide.csv` has more than 1 rows" in flowlang(*words_with("rows", "@wide.csv")).err


def test_a_file_of_values_that_is_not_there_is_the_only_mistake(flowlang, files: Path):
    code, _, err = flowlang("run", "all.flow", "--offline", "--inputs", "nofile.json")
    assert code == 2
    assert "there is no file `nofile.json`" in err
    assert "missing" not in err


def test_standard_input_is_read_only_once(files: Path):
    done = subprocess.run(
        [*START, *words_with("doc", "-"), "--note", "-"], input="Hello", capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "`--note`: standard input can be read only once" in done.stderr


def test_closed_standard_input_is_told(files: Path):
    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *START, *words_with("doc", "-")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "`--doc`: nothing is piped in" in done.stderr
