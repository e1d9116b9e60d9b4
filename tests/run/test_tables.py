"""Tables: what a file becomes, and what is said of one that does not fit."""

import csv
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.types import DateType, FieldType, ListOf, NumberType, Optional, RecordType, TextType, YesNoType
from flowlang.language.values import EMPTY
from flowlang.run.files import FileMistake
from flowlang.run.tables import fit_rows, read_rows

ITEM = RecordType(
    "Item",
    (
        FieldType("name", TextType()),
        FieldType("amount", NumberType(low=Decimal(0))),
        FieldType("paid_on", Optional(DateType())),
        FieldType("open", Optional(YesNoType())),
    ),
)


def test_a_csv_from_a_spreadsheet() -> None:
    data = '\ufeffid;text\r\n1;"two\r\nlines, ""quoted"""\r\n\r\n2;x\r\n'.encode()
    assert read_rows(data, "a.csv").records() == (
        {"id": "1", "text": 'two\nlines, "quoted"'},
        {"id": "2", "text": "x"},
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b'[{"a": 1}, {"a": null}]'),
        ("a.jsonl", b'{"a": 1}\n\n{"a": null}\n'),
        ("standard input", b'[{"a": 1}, {"a": null}]'),
        ("standard input", b'{"a": 1}\n{"a": null}'),
    ],
)
def test_json_keeps_its_types(name: str, data: bytes) -> None:
    assert read_rows(data, name).records() == ({"a": Decimal(1)}, {"a": EMPTY})


def test_an_empty_jsonl_is_an_empty_list() -> None:
    assert read_rows(b"", "a.jsonl").records() == ()


def test_cells_become_their_fields_types() -> None:
    rows = read_rows(b"name,amount,paid_on,more\nTea,2.50,2026-03-11,x\n,0,,\n", "a.csv")
    assert fit_rows(rows, ITEM) == (
        {"name": "Tea", "amount": Decimal("2.50"), "paid_on": date(2026, 3, 11), "open": EMPTY},
        {"name": "", "amount": Decimal(0), "paid_on": EMPTY, "open": EMPTY},
    )


def test_a_list_in_a_cell_is_written_as_json() -> None:
    of = RecordType("R", (FieldType("tags", ListOf(TextType())),))
    assert fit_rows(read_rows(b'tags\n"[""a"", ""b""]"\n', "a.csv"), of) == ({"tags": ("a", "b")},)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"name,amout\nTea,1\n", "`a.csv` has no column `amount`"),
        (b"name,amount\nTea,1\nBun,cheap\n", r"row 2 \(line 3\) of `a.csv`: `amount` must be a number"),
        (b"name,amount\nTea,-1\n", r"row 1 \(line 2\) of `a.csv`: `amount` must be at least 0"),
        (b"name,amount\nTea,\n", r"row 1 \(line 2\) of `a.csv`: `amount` is empty"),
        (b'name,amount\n"a\nb",1\nTea\n', r"row 2 \(line 4\) of `a.csv` has 1 cell, the header has 2"),
        (b'name,amount\nTea,"1\n', "never closed"),
        (b'name,amount\nTea,"1"2\n', "quotes do not match"),
        (b"name,name\n1,2\n", "two columns called `name`"),
        (b"name,\n1,2\n", "column 2 of `a.csv` has no name"),
        (b"", "`a.csv` is empty"),
        (b"name,amount\nT\xe9a,1\n", "byte 14"),
    ],
)
def test_what_does_not_fit_is_told_with_its_row(data: bytes, words: str) -> None:
    with pytest.raises(FileMistake, match=words):
        fit_rows(read_rows(data, "a.csv"), ITEM)


def test_several_cells_that_do_not_fit_are_told_at_once() -> None:
    rows = b"name,amount\nTea,x\nBun,1\n" + b"Bun,y\n" * 6
    with pytest.raises(FileMistake) as caught:
        fit_rows(read_rows(rows, "a.csv"), ITEM)
    assert caught.value.message.startswith("row 1 (line 2) of `a.csv`: `amount` must be a number")
    (hint,) = caught.value.hints
    assert [part.partition(":")[0] for part in hint.split("; ")] == [
        "also row 3 (line 4)",
        "row 4 (line 5)",
        "row 5 (line 6)",
        "row 6 (line 7)",
        "2 more cells",
    ]


def test_a_missing_column_has_a_near_one() -> None:
    with pytest.raises(FileMistake) as caught:
        fit_rows(read_rows(b"name,amout\nTea,1\n", "a.csv"), ITEM)
    assert caught.value.hints[0] == "did you mean to call it `amount`, not `amout`?"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.json", b'{"a": 1', "cannot be used"),
        ("a.json", b'["x"]', "row 1 of `a.json` must be a record, not a text"),
        ("a.jsonl", b'{"a": 1}\nnonsense\n', "line 2 of `a.jsonl` is not JSON"),
        ("a.jsonl", b"[1]\n", "line 1 of `a.jsonl` must be a record"),
    ],
)
def test_json_that_is_no_table(name: str, data: bytes, words: str) -> None:
    with pytest.raises(FileMistake, match=words):
        read_rows(data, name)


cells = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=6), st.sampled_from(",;\t"))
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("a", "b"), *rows])
    found = read_rows(text.getvalue().encode(), "x.csv")
    assert [(row["a"], row["b"]) for row in found.records()] == rows
