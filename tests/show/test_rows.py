"""A run per row, as people see it."""

from io import StringIO

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Place
from flowlang.run.each import RowError, Tally
from flowlang.run.event import CallFinished, Noted, RowFinished, RunFinished, RunStarted, StepFailed, StepStarted
from flowlang.show.console import Console
from flowlang.show.live import start_live
from flowlang.show.rows import RowsProgress, rows_summary, tell_failed_rows, tell_passed_over, tell_rows_end

PLACE = Place(SourceFile("brief.flow", "step claims\n"), Span(5, 11))


class Clock:
    """Time that stands still until it is told to go on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rows_are_counted_and_a_few_failures_told():
    lines: list[str] = []
    clock = Clock()
    log = Console(lines.append, RowsProgress(clock))
    log.emit(RunStarted("brief.flow", ("claims",), True, 1000))
    for row in range(1, 413):
        path = f"row[{row}]"
        log.emit(StepStarted(path, "claims", "prompt", None))
        log.emit(CallFinished(path, "claims", None, "m", "ok", 1, False, 100, 20, 0, None, 0.5))
        log.emit(Noted(path, "claims", "1 of 5 items was left out"))
        if row % 50 == 0:
            log.emit(StepFailed(path, "claims", None, "bad-answer", "does not fit", PLACE))
            log.emit(RowFinished(path, row, "bad-answer", "does\nnot fit", 1.0))
        else:
            log.emit(RowFinished(path, row, "", "", 1.0))
    clock.now += 10
    log.tick()
    log.emit(RunFinished("failed", 412, 0, None, 10.0))
    assert [line.strip().split("  ", 1)[1] for line in lines] == [
        "brief.flow: 1 step, 1,000 rows, offline: every answer comes from the built-in model",
        *(f"row {row}: failed, does not fit" for row in (50, 100, 150, 200, 250)),
        "rows: more of them fail; they are counted at the end",
        "row 412/1000, 8 failed",
    ]


def test_on_a_terminal_there_is_one_line_for_all_rows():
    stream = StringIO()
    view = start_live(stream, RowsProgress(Clock()), colour=False)
    view.emit(RunStarted("brief.flow", ("claims",), False, 3))
    for row in (1, 2, 3):
        view.emit(StepStarted(f"row[{row}]", "claims", "prompt", None))
    view.emit(RowFinished("row[2]", 2, "", "", 1.0))
    view.tick()
    view.close()
    assert "1/3" in stream.getvalue()
    assert "claims" not in stream.getvalue()


def test_the_end_tells_each_of_the_first_failures_at_its_line_and_counts_the_others():
    tally = Tally(rows=10, good=5, failed=4, calls=20, tokens_in=1000, tokens_out=10, seconds=3.2)
    tally.first_failed += [
        RowError("bad-answer", "step `claims` failed", 2, "claims", PLACE, ("a hint",)),
        RowError("bad-file", "row 4 (line 5) of `a.csv` has 1 cell, the header has 2", 4, hints=("quote it",)),
    ]
    told = tell_failed_rows(tally, 100, False)
    assert "error[bad-answer]: row 2: step `claims` failed\n --> brief.flow:1:6" in told
    assert "error[bad-file]: row 4 (line 5) of `a.csv` has 1 cell, the header has 2\n   = quote it\n" in told
    assert "2 more rows failed" in told
    assert tell_rows_end(tally, 1, False) == (
        "failed (exit 1): 5 rows done, 4 failed, 1 not finished, 20 calls, 1,000 tokens in, 10 out, 3.2s"
    )
    assert "| rows | 5 done, 4 failed, of 10 |" in rows_summary(tally, "brief.flow", 1)


def test_columns_that_are_no_inputs_are_told_once():
    assert tell_passed_over((), "a.csv") == ""
    assert tell_passed_over(("id", "note\x1b"), "a.csv") == (
        "note: `id`, `note\\x1b` of a.csv are no inputs, and not used"
    )
