"""A run per row: its inputs, the order of its lines, its failures, and how little of it is kept."""

import asyncio
import gc
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flowlang.language.values import Document, Media, Value
from flowlang.models.chat import Chunk, EmitChunk, Reply
from flowlang.models.errors import ModelError, Refused
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.each import Tally, error_key, execute_each
from flowlang.run.event import Event, RowFinished, RunFinished, RunStarted, StepFailed, StepStarted
from flowlang.run.files import FileMistake
from flowlang.run.means import Means
from flowlang.run.outcome import Done, Result
from flowlang.run.report import Report
from flowlang.run.row_inputs import RowInputs, RowMistake, read_row_inputs
from tests.run.scripted import Model, Script, echo, flow_of

MAIL = """\
input mail: text
input amount: optional number
input tone: one of warm, formal = warm
step reply
  prompt: "{{ mail }}"
output reply
"""

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (3).to_bytes(4, "big") + (4).to_bytes(4, "big") + b"rest"


def rows_of(text: str, data: str, folder: Path, name: str = "rows.csv", **given: str) -> RowInputs:
    (folder / name).write_text(data, encoding="utf-8")
    flags = {flag: (value,) for flag, value in given.items()}
    return read_row_inputs(flow_of(text, folder), flags, None, name, base=folder)


class Ran:
    """A run per row that has ended: its lines as JSON, its events, its tally."""

    def __init__(
        self, rows: RowInputs, model: Model = echo, shuffled: random.Random | None = None, **options: Any
    ) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self.events: list[Event] = []
        self.tally = Tally()
        self.script = Script(model, shuffled)
        plan = build(rows.flow, Defaults(model="m"), None)

        def deliver(line: str) -> None:
            self.lines.append(json.loads(line))

        of_rows = {name: options.pop(name) for name in ("out", "clean", "stand_in", "clock") if name in options}
        means = Means(self.script, **options)
        asyncio.run(execute_each(plan, rows, means, self.events.append, deliver, self.tally, **of_rows))


def values(rows: RowInputs) -> Iterator[Mapping[str, Value] | str]:
    for row in rows.rows():
        try:
            yield rows.values_of(row)
        except RowMistake as mistake:
            yield mistake.message


def told(rows: RowInputs) -> str:
    return "\n".join(" | ".join((f"{one.rule}: {one.message}", *one.hints)) for one in rows.mistakes)


# ── What a row makes of the inputs ──


def test_columns_become_the_inputs_of_the_same_name(tmp_path: Path) -> None:
    text = (
        'input max_claims: whole number\ninput tone: text = "warm"\nstep a\n  prompt: "{{ max_claims }} {{ tone }}"\n'
    )
    rows = rows_of(text, "id,max-claims\n7,3\n8,4\n", tmp_path, tone="cool")
    assert rows.mistakes == ()
    assert rows.passed_over == ("id",)
    assert list(values(rows)) == [{"max_claims": 3, "tone": "cool"}, {"max_claims": 4, "tone": "cool"}]


def test_the_text_of_a_cell_is_taken_as_it_stands(tmp_path: Path) -> None:
    text = 'input x: text\ninput tags: list of text = []\nstep a\n  prompt: "{{ x }} {{ tags }}"\n'
    data = 'x,tags\n@home,@a\n-,"[""a"", ""@b""]"\n@@you,[draft\n'
    assert list(values(rows_of(text, data, tmp_path))) == [
        {"x": "@home", "tags": ("@a",)},
        {"x": "-", "tags": ("a", "@b")},
        {"x": "@@you", "tags": ("[draft",)},
    ]


def test_an_empty_cell_is_the_default_or_empty_or_the_mistake_of_its_row(tmp_path: Path) -> None:
    found = list(values(rows_of(MAIL, "mail,amount,tone\na,, \n,1,warm\n", tmp_path)))
    assert isinstance(found[0], Mapping) and found[0]["tone"] == "warm"
    assert found[1] == "row 2 (line 3) of `rows.csv`: `mail` is empty, and the flow needs a text"


def test_cells_name_files_beside_the_rows_with_or_without_a_sign(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.md").write_text("Filing")
    (tmp_path / "in" / "b.md").write_text("Notes")
    (tmp_path / "in" / "p.png").write_bytes(PNG)
    text = """\
input filing: document
input photos: list of image
step a
  prompt: "{{ filing }} {{ for p in photos }}{{ p }}{{ end }}"
"""
    data = 'filing,photos\na.md,p.png\n@b.md,"[""p.png"", ""@p.png""]"\nc.md,p.png\n'
    found = list(values(rows_of(text, data, tmp_path, "in/rows.csv")))
    assert isinstance(found[0], Mapping) and isinstance(found[1], Mapping)
    assert found[0]["filing"] == Document("Filing", "a.md", ("Filing",))
    photos = found[1]["photos"]
    assert isinstance(photos, tuple) and [type(photo) for photo in photos] == [Media, Media]
    assert "`filing`: there is no file" in str(found[2])


@pytest.mark.parametrize("cell", ["../a.md", "@../a.md", "/etc/passwd", "~/a.md", "x/../../a.md", "C:\\a.md", "..\\a"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_cell_names_no_file_outside_the_folder_of_the_rows(name: str, cell: str, tmp_path: Path) -> None:
    text = 'input filing: document\nstep a\n  prompt: "{{ filing }}"\n'
    sign = "" if cell.startswith("@") else "@"
    data = f"filing\n{cell}\n" if name == "rows.csv" else json.dumps({"filing": sign + cell})
    (found,) = values(rows_of(text, data, tmp_path, name))
    assert "leads out of the folder of the rows" in str(found)


READS = """\
input one: document = "none"
input some: list of document = []
input pictures: list of image = []
input lines: list of Line = []
input sheet: optional table
schema Line
  what: text
step a
  prompt: "{{ one }} {{ some }} {{ for p in pictures }}{{ p }}{{ end }} {{ lines }}"
  system: "{{ if sheet is not empty }}{{ sheet | count }}{{ end }}"
"""


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of rows, with links, hidden files and a folder beside it that no row may read."""
    folder, own = tmp_path / "rows", tmp_path / "own"
    for place in (folder / "in" / "deep", own):
        place.mkdir(parents=True)
    for place in (own / "keys.csv", folder / ".hidden.csv", folder / "in" / ".hidden.csv"):
        place.write_text("what\nSECRET\n", encoding="utf-8")
    (folder / "in" / "fine.csv").write_text("what\nfine\n", encoding="utf-8")
    for link, to in (("link.csv", own / "keys.csv"), ("in/link.csv", own / "keys.csv"), ("linked", own)):
        (folder / link).symlink_to(to)
    return folder


@pytest.mark.parametrize("column", ["one", "some", "pictures", "lines", "sheet"])
@pytest.mark.parametrize("file", ["rows.csv", "rows.json", "rows.jsonl"])
@pytest.mark.parametrize("nested", [True, False])
def test_no_cell_reads_a_file_outside_behind_a_link_or_hidden(
    column: str, file: str, nested: bool, secrets: Path
) -> None:
    names = (
        *("link.csv", "linked/keys.csv", "in/link.csv", ".hidden.csv", "in/.hidden.csv", "in/../../own/keys.csv"),
        *("../own/keys.csv", "/etc/passwd", "~/keys.csv", "linked/*.csv", "../own/*.csv", "../own", "linked", "/etc"),
        *(".hidden.*", "C:\\keys.csv", "in\\..\\..\\own\\keys.csv"),
    )
    cells: list[Any] = [[f"@{name}"] if nested else f"@{name}" for name in names]
    match file:
        case "rows.csv":
            written = [json.dumps(cell).replace('"', '""') if nested else cell for cell in cells]
            data = "\n".join((column, *(f'"{cell}"' for cell in written)))
        case "rows.jsonl":
            data = "\n".join(json.dumps({column: cell}) for cell in cells)
        case _:
            data = json.dumps([{column: cell} for cell in cells])
    rows = rows_of(READS, data, secrets, file)
    assert rows.mistakes == ()
    found = list(values(rows))
    assert len(found) == len(names)
    for name, told_of_row in zip(names, found, strict=True):
        assert isinstance(told_of_row, str), name  # a mistake of the row
        assert "SECRET" not in told_of_row and "root:" not in told_of_row
        if not nested or column in ("some", "pictures"):
            assert any(why in told_of_row for why in ("leads out", "goes over a link", "is hidden")), name


def test_folders_and_patterns_in_cells_give_plain_files_alone(secrets: Path) -> None:
    for name in ("in", "in/*.csv", "@in/*"):
        (found,) = values(rows_of(READS, f'[{{"some": ["@{name.removeprefix("@")}"]}}]', secrets, "rows.json"))
        assert isinstance(found, Mapping)
        assert found["some"] == (Document("what\nfine", "fine.csv", ("what\nfine",)),)


def test_a_row_does_not_read_standard_input(tmp_path: Path) -> None:
    for column in ("some", "lines", "sheet"):
        (tmp_path / "rows.json").write_text(json.dumps([{column: ["-"] if column == "some" else "-"}]))
        rows = read_row_inputs(flow_of(READS, tmp_path), {}, lambda: b"what\nx\n", "rows.json", base=tmp_path)
        (found,) = values(rows)
        assert isinstance(found, str) and "`-` stands for standard input" in found


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.json", '[{"mail": "a", "amount": 2.5}, {"mail": "b"}, {"mail": 7}]'),
        ("rows.jsonl", '{"mail": "a", "amount": 2.5}\n{"mail": "b"}\n{"mail": 7}\n'),
    ],
)
def test_rows_of_json_keep_their_types(name: str, data: str, tmp_path: Path) -> None:
    first, second, third = values(rows_of(MAIL, data, tmp_path, name))
    assert isinstance(first, Mapping) and str(first["amount"]) == "2.5"
    assert isinstance(second, Mapping) and second["mail"] == "b"
    assert "`mail` must be a text, not a number" in str(third)


@pytest.mark.parametrize(
    ("data", "given", "words"),
    [
        ("mail\na\n", {"mail": "x"}, "duplicate-name: `--mail` is given, and `rows.csv` has a column `mail` for it"),
        ("mial\na\n", {}, "missing-input: input `mail` is missing: `rows.csv` has no column for it | `rows.csv` has"),
        ("mail,amount,amount\na,1,2\n", {}, "bad-file: `--each`: `rows.csv` has two columns called `amount`"),
        ("mail\na\n", {"amount": "many"}, "wrong-value: `--amount` must be a number"),
        ('mail\n"a\n', {}, "bad-file: `--each`: `rows.csv` cannot be read from line 2 on: a double quote"),
        ("", {}, "bad-file: `--each`: `rows.csv` is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_whole_is_told_before_anything_runs(
    data: str, given: dict[str, str], words: str, tmp_path: Path
) -> None:
    assert told(rows_of(MAIL, data, tmp_path, **given)).startswith(words)


def test_two_columns_for_one_input_are_a_mistake(tmp_path: Path) -> None:
    text = 'input max_claims: number\nstep a\n  prompt: "{{ max_claims }}"\n'
    assert "two columns for `max_claims`" in told(rows_of(text, "max-claims,max_claims\n1,2\n", tmp_path))


def test_a_secret_is_no_column(tmp_path: Path) -> None:
    text = """\
input key: secret text
input q: text
tool ask
  about: "Asks"
  takes q: text
  header Authorization: "Bearer {{ key }}"
  get: "https://ask.example/?q={{ q }}"
step a
  call: ask
  with q: q
"""
    assert "which is a secret" in told(rows_of(text, "key,q\nabc,d\n", tmp_path))


def test_rows_and_an_input_cannot_both_come_from_standard_input(tmp_path: Path) -> None:
    rows = read_row_inputs(flow_of(MAIL, tmp_path), {"mail": ("-",)}, lambda: b"amount\n1\n", "-", base=tmp_path)
    assert "standard input can be read only once" in told(rows)


# ── What comes out ──


def test_lines_stand_in_the_order_of_the_rows_whoever_is_done_first(tmp_path: Path) -> None:
    data = "mail\n" + "".join(f"mail {number}\n" for number in range(200))
    ran = Ran(rows_of(MAIL, data, tmp_path), shuffled=random.Random(7))
    assert [line["reply"] for line in ran.lines] == [f"mail {number}" for number in range(200)]
    ended = [event.row for event in ran.events if isinstance(event, RowFinished)]
    assert sorted(ended) == list(range(1, 201)) and ended != sorted(ended)


def test_a_bad_row_is_a_row_with_its_error_and_the_others_run(tmp_path: Path) -> None:
    data = "mail,amount\n" + "".join(f"m{n},{'cheap' if n == 412 else n}\n" for n in range(1, 1001))
    ran = Ran(rows_of(MAIL, data, tmp_path))
    assert len(ran.lines) == 1000 and len(ran.script.requests) == 999
    assert ran.lines[411] == {
        "reply": None,
        "error": {
            "rule": "wrong-value",
            "message": 'row 412 (line 413) of `rows.csv`: `amount` must be a number: "cheap" is no number',
            "row": 412,
            "step": None,
        },
    }
    assert ran.lines[412] == {"reply": "m413"}
    assert (ran.tally.good, ran.tally.failed, ran.tally.exit_code()) == (999, 1, 1)


@pytest.mark.parametrize(("name", "bad"), [("rows.csv", "b,1,2"), ("rows.jsonl", "not json"), ("rows.jsonl", "[1]")])
def test_a_row_that_cannot_be_read_is_a_row_with_its_error(name: str, bad: str, tmp_path: Path) -> None:
    good = ("mail,amount", "a,1", "c,3") if name == "rows.csv" else ("", '{"mail": "a"}', '{"mail": "c"}')
    ran = Ran(rows_of(MAIL, "\n".join((*good[:2], bad, good[2])), tmp_path, name))
    assert [line["reply"] for line in ran.lines] == ["a", None, "c"]
    assert ran.lines[1]["error"]["row"] == 2
    assert "line 3" in ran.lines[1]["error"]["message"]


def test_a_step_that_fails_is_named_in_the_error_of_its_row(tmp_path: Path) -> None:
    def model(request: Any) -> Any:
        return Refused("it is out of order") if echo(request) == "b" else echo(request)

    ran = Ran(rows_of(MAIL, "mail\na\nb\nc\n", tmp_path), model)
    assert ran.lines[1]["error"]["step"] == "reply" and ran.lines[1]["error"]["rule"] == "refused"
    assert [line["reply"] for line in ran.lines] == ["a", None, "c"]
    (failed,) = [event for event in ran.events if isinstance(event, StepFailed)]
    assert failed.path == "row[2]"
    assert ran.tally.exit_code() == 1


def test_where_every_row_fails_for_the_same_outer_reason_its_code_is_the_code(tmp_path: Path) -> None:
    ran = Ran(rows_of(MAIL, "mail\na\nb\n", tmp_path), lambda request: Refused("no"))
    assert ran.tally.exit_code() == 4
    assert Ran(rows_of(MAIL, "mail,amount\na,x\n", tmp_path)).tally.exit_code() == 1


def test_what_stops_every_call_stops_the_rows_that_have_not_begun(tmp_path: Path) -> None:
    data = "mail\n" + "a\n" * 100
    ran = Ran(
        rows_of(MAIL, data, tmp_path), lambda request: ModelError("no key", "missing-key", retryable=False), at_once=2
    )
    assert ran.tally.exit_code() == 4
    assert len(ran.lines) < 10 and all(line["error"]["rule"] == "missing-key" for line in ran.lines)


def test_an_output_called_error_keeps_its_name(tmp_path: Path) -> None:
    text = 'input x: number\nstep a\n  prompt: "{{ x }}"\noutput error: a\n'
    ran = Ran(rows_of(text, "x\n1\ny\n", tmp_path))
    assert ran.lines[0] == {"error": "1"}
    assert ran.lines[1]["error"] is None and ran.lines[1]["run-error"]["row"] == 2
    assert error_key(("error", "run-error")) == "run-run-error"


def test_the_limits_of_a_flow_hold_for_each_row(tmp_path: Path) -> None:
    text = """\
input n: whole number
input words: list of text = ["a", "b", "c"]
step a
  repeat for each word in words
  when word is not "c" or n > 1
  prompt: "{{ word }}"
output a
limits
  calls: 2
"""
    ran = Ran(rows_of(text, "n\n1\n2\n1\n", tmp_path))
    assert ["error" in line for line in ran.lines] == [False, True, False]
    assert ran.lines[1]["error"]["rule"] == "limit-reached"
    assert ran.tally.exit_code() == 1
    assert Ran(rows_of(text, "n\n2\n2\n", tmp_path)).tally.exit_code() == 5


def test_the_files_of_a_row_stand_in_a_folder_of_its_own(tmp_path: Path) -> None:
    ran = Ran(rows_of(MAIL + 'output note: reply to "notes/n.md"\n', "mail\na\nb\n", tmp_path), out=tmp_path / "out")
    assert (tmp_path / "out" / "0001" / "notes" / "n.md").read_text() == "a\n"
    assert (tmp_path / "out" / "0002" / "notes" / "n.md").read_text() == "b\n"
    assert ran.tally.files == 2


def test_events_tell_one_run_in_which_each_path_begins_with_its_row(tmp_path: Path) -> None:
    text = """\
input mail: text
step outer
  run: inner
  with mail: mail
output outer
flow inner
input mail: text
step reply
  prompt: "{{ mail }}"
output reply
"""
    events = Ran(rows_of(text, "mail\na\nb\nc\n", tmp_path)).events
    assert isinstance(events[0], RunStarted) and events[0].rows == 3
    assert isinstance(events[-1], RunFinished) and events[-1].calls == 3
    assert sum(isinstance(event, RunStarted | RunFinished) for event in events) == 2
    paths = {event.path for event in events if isinstance(event, StepStarted)}
    assert paths == {"row[1]", "row[2]", "row[3]", "row[1]/outer", "row[2]/outer", "row[3]/outer"}


# ── How much is under way, and how much is kept ──


def test_all_rows_go_through_one_gate(tmp_path: Path) -> None:
    data = "mail\n" + "a\n" * 50
    assert Ran(rows_of(MAIL, data, tmp_path), at_once=3).script.most_open == 3


def test_a_slow_row_holds_back_only_so_many_results(tmp_path: Path) -> None:
    rows, begun = rows_of(MAIL, "mail\n" + "".join(f"{n}\n" for n in range(1000)), tmp_path), list[str]()
    plan, tally, lines = build(rows.flow, Defaults(model="m"), None), Tally(), list[str]()

    async def main() -> None:
        go_on = asyncio.Event()

        async def model(request: Any, emit: EmitChunk) -> Reply:
            begun.append(echo(request))
            if echo(request) == "0":
                await go_on.wait()
            emit(Chunk("x"))
            return Reply("x")

        running = asyncio.ensure_future(
            execute_each(plan, rows, Means(model, at_once=5), lambda event: None, lines.append, tally)
        )
        for _ in range(2000):
            await asyncio.sleep(0)
        assert len(begun) == 20 and lines == []
        go_on.set()
        await running

    asyncio.run(main())
    assert len(lines) == 1000


def test_results_are_forgotten_once_they_are_written(tmp_path: Path) -> None:
    rows = rows_of(MAIL, "mail\n" + "a\n" * 400, tmp_path)
    plan, most = build(rows.flow, Defaults(model="m"), None), 0

    async def model(request: Any, emit: EmitChunk) -> Reply:
        await asyncio.sleep(0)
        return Reply("answer " * 10)

    def deliver(line: str) -> None:
        nonlocal most
        gc.collect()
        kept = [
            one
            for one in gc.get_objects()
            if isinstance(one, Reply | Result | Done | Report | StepStarted | RowFinished)
        ]
        most = max(most, len(kept))

    asyncio.run(execute_each(plan, rows, Means(model, at_once=4), lambda event: None, deliver, Tally()))
    assert most < 60


def test_stopped_it_writes_what_is_done_in_the_place_of_its_row(tmp_path: Path) -> None:
    rows = rows_of(MAIL, "mail\nslow\nb\nslow\nd\nslow\n", tmp_path)
    plan, tally, lines, events = build(rows.flow, Defaults(model="m"), None), Tally(), list[str](), list[Event]()

    async def model(request: Any, emit: EmitChunk) -> Reply:
        if echo(request) == "slow":
            await asyncio.Event().wait()
        return Reply(echo(request))

    async def main() -> None:
        running = asyncio.ensure_future(execute_each(plan, rows, Means(model), events.append, lines.append, tally))
        for _ in range(50):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    found = [json.loads(line) for line in lines]
    assert [one["reply"] for one in found] == [None, "b", None, "d"]
    assert found[2]["error"] == {
        "rule": "interrupted", "message": "row 3 was not finished", "row": 3, "step": None
    }  # fmt: skip
    assert (tally.good, tally.exit_code()) == (2, 130)
    assert isinstance(events[-1], RunFinished) and events[-1].outcome == "interrupted"


def test_results_that_cannot_be_written_stop_the_run(tmp_path: Path) -> None:
    rows = rows_of(MAIL, "mail\n" + "a\n" * 1000, tmp_path)
    plan, tally, script = build(rows.flow, Defaults(model="m"), None), Tally(), Script(echo)

    def deliver(line: str) -> None:
        raise FileMistake("the disk is full")

    asyncio.run(execute_each(plan, rows, Means(script, at_once=4), lambda event: None, deliver, tally))
    assert tally.exit_code() == 6 and tally.unwritten is not None
    assert len(script.requests) < 20


def test_a_table_without_rows_is_done_at_once(tmp_path: Path) -> None:
    ran = Ran(rows_of(MAIL, "mail\n", tmp_path))
    assert (ran.lines, ran.tally.exit_code()) == ([], 0)
