"""Tests of flows, tried on the answers that they give."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowlang.language.loader import Denied
from flowlang.models.recording import Recordings
from flowlang.pipeline import compile_flow
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.recorder import Recorder
from flowlang.run.trial import Trials, Tried, try_tests
from flowlang.run.trial_values import TestFiles
from flowlang.run.unrecorded import explained

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\0\1\0\0\0\1" + b"\0" * 20


def tries(text: str, folder: Path, files: Mapping[str, bytes] | None = None) -> list[Tried]:
    """How the tests of a flow come out; `files` stand beside it."""
    path = folder / "test.flow"
    path.write_text(text, encoding="utf-8")
    beside = dict(files or {})
    for name, data in beside.items():
        (folder / name).write_bytes(data)

    def read(name: str) -> bytes | Denied:
        return beside[name] if name in beside else Denied("not-found", f"there is no file `{name}`")

    checked = compile_flow(path)
    assert checked.flow is not None, [one.message for one in checked.diagnostics]
    found: list[Tried] = []
    recorder = Recorder(Recordings())
    for flow in (checked.flow, *checked.flows.values()):
        own: list[Tried] = []
        numbered = list(enumerate(flow.tests))
        asyncio.run(try_tests(flow, numbered, TestFiles(read, "test.flow"), own.append, Trials(recorder)))
        found += explained(own, [build(flow, Defaults())] * len(own), recorder, "RECORD")
    return found


def outcomes(tried: list[Tried]) -> list[str]:
    return [one.outcome for one in tried]


def told(tried: Tried) -> list[str]:
    """Each failure in one line: rule, the words of the flow at its place, message, hints."""
    return [
        f"{one.rule} at {one.place.source.text[slice(*one.place.span)].splitlines()[0]}: "
        + "; ".join((one.message, *one.hints))
        for one in tried.failures
    ]


TRIAGE = """\
input mail: text

step topic
  returns: one of billing, bug, other
  prompt: "What is this about? {{ mail }}"

step reply
  when topic is billing
  prompt: "Answer this: {{ mail }}"

step side
  prompt: "Nobody in a test needs this. {{ mail }}"

let shown = reply | upper

output topic
output out: shown | default "Passed on."
output side

"""


def test_a_test_passes_on_its_answers(tmp_path: Path) -> None:
    text = TRIAGE + (
        'test "one"\n  with mail: "x"\n  answer topic: billing\n  answer reply: "Sorry."\n'
        '  expect topic is billing and shown is "SORRY."\n  expect out is "sorry."\n  expect mail is "x"\n'
    )
    (one,) = tries(text, tmp_path)
    assert (one.outcome, one.failures, one.passed, one.tries) == ("passed", (), 1, 1)


def test_a_when_that_does_not_hold_needs_no_answer(tmp_path: Path) -> None:
    text = TRIAGE + 'test "one"\n  with mail: "x"\n  answer topic: bug\n'
    text += '  expect reply is empty and out is "Passed on."\n'
    assert outcomes(tries(text, tmp_path)) == ["passed"]


def test_an_unmet_expectation_shows_the_part_that_fails_and_its_values(tmp_path: Path) -> None:
    text = TRIAGE + (
        'test "one"\n  with mail: "x"\n  answer topic: billing\n  answer reply: "So  sorry."\n'
        '  expect topic is billing and shown is "SO SORRY."\n  expect reply contains "due" or topic is bug\n'
        'test "two"\n  with mail: "x"\n  answer topic: bug\n  expect shown contains "y"\n'
    )
    one, two = tries(text, tmp_path)
    assert told(one) == [
        'unmet-expectation at shown is "SO SORRY.": `shown is "SO SORRY."` does not hold; '
        '`shown` is "SO  SORRY." (made from `reply`, answered on line 23)',
        'unmet-expectation at reply contains "due" or topic is bug: `reply contains "due" or topic is bug` does not '
        'hold; `reply` is "So  sorry." (step `reply`, answered on line 23); `topic` is "billing" (step `topic`, '
        "answered on line 22)",
    ]
    why = '`shown contains "y"` does not hold; `shown` is empty: `reply` is empty'
    assert told(two) == [f'unmet-expectation at shown contains "y": {why}']


def test_the_values_of_both_sides_go_before_what_they_are_made_of(tmp_path: Path) -> None:
    text = TRIAGE + (
        'test "one"\n  with mail: "x"\n  answer topic: billing\n  answer reply: "Sorry."\n'
        "  expect (reply | upper) is (mail | lower)\n"
    )
    (one,) = tries(text, tmp_path)
    assert one.failures[0].hints == ('`reply | upper` is "SORRY."', '`mail | lower` is "x"')


def test_what_has_no_answer_is_not_recorded_and_names_its_step(tmp_path: Path) -> None:
    text = TRIAGE + 'test "one"\n  with mail: "x"\n  answer topic: billing\n  expect reply is not empty\n'
    (one,) = tries(text, tmp_path)
    assert one.outcome == "not-recorded"
    assert told(one) == [
        'missing-recording at "one": step `reply` would ask a model, and its answer is not recorded; '
        "to record it: RECORD; or answer it in the test: `answer reply: …`"
    ]


def test_a_failure_goes_before_what_is_missing(tmp_path: Path) -> None:
    text = TRIAGE + (
        'test "one"\n  with mail: "x"\n  answer topic: billing\n  expect topic is bug\n  expect reply is not empty\n'
    )
    (one,) = tries(text, tmp_path)
    assert one.outcome == "failed"
    assert [failure.rule for failure in one.failures] == ["unmet-expectation", "missing-recording"]


def test_a_judge_has_no_judgement_and_nothing_to_judge_is_a_failure(tmp_path: Path) -> None:
    judged = '  expect topic is not empty\n  judge reply: "Polite"\n'
    text = TRIAGE.replace("  prompt", "  model: m\n  prompt") + (
        f'test "one"\n  with mail: "x"\n  answer topic: billing\n  answer reply: "Sorry."\n{judged}'
        f'test "two"\n  with mail: "x"\n  answer topic: bug\n{judged}'
    )
    one, two = tries(text, tmp_path)
    assert (one.outcome, two.outcome) == ("not-recorded", "failed")
    assert told(one) == [
        'missing-recording at judge reply: "Polite": the judgement of `reply` is not recorded; to record it: RECORD'
    ]
    both, _ = tries(text.replace("expect topic is not empty", 'judge reply: "Short"'), tmp_path)
    assert [line.partition(": the")[0] for line in told(both)] == [
        'missing-recording at judge reply: "Short"',
        'missing-recording at judge reply: "Polite"',
    ]
    (unnamed, _) = tries(text.replace("  model: m\n", ""), tmp_path)
    assert unnamed.outcome == "failed" and "no model is named that could judge this" in told(unnamed)[0]


REPEATED = """\
input least: whole number = 1

step claims
  returns: list of text
  prompt: "List claims."

step verdict
  repeat for each claim in claims
  when claim is not "skip"
  returns: whole number
  ensure: verdict >= least
  ensure: judge "Fair"
  samples: 2
  prompt: "Judge {{ claim }}."

let first = verdict | last

test "one"
  with least: 2
"""


def test_an_answer_stands_in_for_each_item_and_sample_and_keeps_the_memory(tmp_path: Path) -> None:
    text = REPEATED + (
        '  answer claims: ["a", "skip", "c"]\n  answer verdict: 3\n  expect (verdict | count) is 2\n'
        '  expect first.claim is "c" and first.place is 3\n  expect (verdict | flatten | sum) is 12\n'
    )
    (one,) = tries(text, tmp_path)
    assert told(one) == []


def test_an_answer_that_breaks_a_rule_fails_at_its_own_line(tmp_path: Path) -> None:
    text = REPEATED + '  answer claims: ["a"]\n  answer verdict: 1\n  expect verdict is not empty\n'
    (one,) = tries(text, tmp_path)
    why = "the answer for step `verdict` breaks `verdict >= least` (item 1); `least` is 2; the answer: 1"
    assert told(one) == [f"bad-answer at 1: {why}"]


def test_what_many_items_have_in_common_is_told_once(tmp_path: Path) -> None:
    text = REPEATED.replace("  samples: 2\n", "  failures: skip\n") + (
        '  answer claims: ["a", "b", "c", "d", "e", "f", "g"]\n  answer verdict: 1\n  expect verdict is empty\n'
    )
    (one,) = tries(text, tmp_path)
    assert [line.partition(" (")[2] for line in told(one)] == [
        "item 1, item 2, item 3, item 4, item 5 and 2 more); `least` is 2; the answer: 1"
    ]


def test_an_answer_that_does_not_fit_fails_also_where_items_may_be_lost(tmp_path: Path) -> None:
    text = REPEATED.replace("  samples: 2\n", "  failures: skip\n") + (
        '  answer claims: ["a"]\n  answer verdict: 1\n  expect verdict is empty\n'
    )
    assert outcomes(tries(text, tmp_path)) == ["failed"]


def test_items_without_an_answer_are_told_once_also_where_they_may_be_lost(tmp_path: Path) -> None:
    text = REPEATED.replace("  samples: 2\n", "  failures: skip\n") + (
        '  answer claims: ["a", "b", "c"]\n  expect verdict is empty\n'
    )
    (one,) = tries(text, tmp_path)
    assert one.outcome == "not-recorded" and len(one.failures) == 1


SUB = """\
input facts: text

step draft
  prompt: "Write. {{ facts }}"

step polished
  run: improve
  with text: draft
  repeat until polished.score >= 8, at most 3 times

output text: polished.text
output score: polished.score

{tests}
flow improve
input text: text

schema Review
  score: whole number from 1 to 10
  fix: text

step review
  returns: Review
  prompt: "Score this: {{ text }}"

step better
  continues: review
  prompt: "Write it again: {{ review.fix }}"

output text: better
output score: review.score

test "a round"
  with text: "a"
  answer review: "{\\"score\\": 3, \\"fix\\": \\"b\\"}"
  answer better: "c"
  expect better is "c" and score is 3
"""


def test_a_step_that_runs_a_flow_is_answered_as_a_whole_or_in_its_steps(tmp_path: Path) -> None:
    tests = """\
test "as a whole"
  with facts: "x"
  answer draft: "a"
  answer polished: "{\\"text\\": \\"b\\", \\"score\\": 9}"
  expect text is "b" and score is 9

test "in its steps, round for round"
  with facts: "x"
  answer draft: "a"
  answer polished.review: "{\\"score\\": 2, \\"fix\\": \\"b\\"}"
  answer polished.better: "c"
  expect text is "c" and score is 2

test "a step of it is missing"
  with facts: "x"
  answer draft: "a"
  answer polished.better: "c"
  expect text is "c"
"""
    whole, steps, missing, below = tries(SUB.replace("{tests}", tests), tmp_path)
    assert outcomes([whole, steps, missing, below]) == ["passed", "passed", "not-recorded", "passed"]
    assert "`polished.review` would ask a model" in told(missing)[0] and below.flow.name == "improve"


def test_no_tool_runs_and_its_result_is_answered(tmp_path: Path) -> None:
    marker = tmp_path / "it_ran"
    text = f"""\
tool look
  about: "Looks"
  takes what: text
  command: "touch {marker}"
  returns: list of text

step found
  call: look
  with what: "x"

test "answered"
  answer found: ["a", "b"]
  expect (found | count) is 2

test "not answered"
  expect found is not empty
"""
    one, two = tries(text, tmp_path)
    assert (one.outcome, two.outcome) == ("passed", "not-recorded")
    assert "would call the tool `look`" in told(two)[0] and not marker.exists()


INPUTS = """\
schema Sale
  shop: text
  amount: number

input text: text
input paper: document
input photos: list of image
input sales: list of Sale
input plain: table
input topics: list of text
input day: date
input kind: one of a, "b c"
input strict: yes/no = no
input note: optional text

step all
  prompt: "{{ text }} {{ paper }} {{ day }} {{ strict }} {{ note | default kind }}{{ photos | first }}"

let rows = plain | where shop is "x"
let sum = sales | take amount | sum
let listed = topics | join ","
"""


def test_inputs_are_read_as_their_flags_would_read_them(tmp_path: Path) -> None:
    text = INPUTS + (
        'test "one"\n  with text: file "a.txt"\n  with paper: file "a.html"\n'
        '  with photos: [file "a.png", file "b.png"]\n'
        '  with sales: file "sales.csv"\n  with plain: file "sales.csv"\n  with topics: file "topics.json"\n'
        '  with day: "2026-03-11"\n  with kind: "b c"\n  with strict: yes\n  answer all: "done"\n'
        '  expect text is "{{ text }}" and paper is "Hello" and paper.name is "a.html"\n'
        '  expect (photos | count) is 2 and (photos | take name | last) is "b.png"\n'
        '  expect sum is 12.5 and (rows | take amount | first) is "2.5" and listed is "p,q"\n'
        '  expect day < "2026-03-12" and kind is "b c" and strict and note is empty and all is "done"\n'
    )
    files = {
        "a.txt": b"{{ text }}\n",
        "a.html": b"<p>Hello</p>",
        "a.png": PNG,
        "b.png": PNG,
        "sales.csv": b"shop,amount\nx,2.5\ny,10\n",
        "topics.json": b'["p", "q"]',
    }
    (one,) = tries(text, tmp_path, files)
    assert told(one) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('with kind: "a"\n  with paper: file "old.doc"', "is an old Word file"),
        ('with kind: "a"\n  with photos: file "a.txt"', "is no image"),
        ('with kind: "a"\n  with sales: file "bad.csv"', "`amount` must be a number"),
        ('with kind: "a"\n  with plain: file "bad.csv"', "has no column `shop`"),
        ('with kind: "a"\n  with text: ""', "is empty, and the flow needs a text"),
    ],
)
def test_an_input_that_cannot_be_used_fails_the_test_at_its_line(tmp_path: Path, given: str, words: str) -> None:
    name = given.rpartition("with ")[2].partition(":")[0]
    rest = {
        "text": 'with text: "t"',
        "paper": 'with paper: "p"',
        "photos": 'with photos: [file "a.png"]',
        "sales": 'with sales: file "sales.csv"',
        "plain": 'with plain: file "sales.csv"',
        "topics": 'with topics: ["p"]',
        "day": 'with day: "2026-03-11"',
    }
    lines = [given, *(line for key, line in rest.items() if key != name)]
    text = INPUTS + 'test "one"\n  ' + "\n  ".join(lines) + '\n  answer all: "x"\n  expect all is not empty\n'
    files = {
        "old.doc": b"\xd0\xcf\x11\xe0",
        "a.txt": b"no image",
        "a.png": PNG,
        "sales.csv": b"shop,amount\nx,2.5\n",
        "bad.csv": b"store,amount\nx,much\n" if name == "plain" else b"shop,amount\nx,much\n",
    }
    (one,) = tries(text, tmp_path, files)
    assert one.outcome == "failed" and any(words in line for line in told(one)), told(one)
    value = given.rpartition(": ")[2]
    assert all(failure.place.source.text[slice(*failure.place.span)] in value for failure in one.failures)


ROWS = (
    TRIAGE
    + """\
test "rows"
  for each row in "cases.csv"
  with mail: row.mail
  answer topic: row.topic
  answer reply: "Sorry, {{ row.mail }}."
  expect topic is row.topic and out is row.out
"""
)


def test_each_row_is_a_case(tmp_path: Path) -> None:
    cases = b'mail,topic,out\n@secret.txt,billing,"SORRY, {{ ROW.MAIL }}."\nb,bug,Passed on.\nc,bug,wrong\nd,sales,x\n'
    found = tries(ROWS, tmp_path, {"cases.csv": cases})
    assert outcomes(found) == ["passed", "passed", "failed", "failed"]
    assert [one.case for one in found][2] == "row 3 (line 4)"
    assert told(found[2]) == [
        'unmet-expectation at out is row.out: `out is row.out` does not hold; `out` is "Passed on." (made from '
        '`shown`); `row.out` is "wrong" (row 3 (line 4))'
    ]
    assert told(found[3])[0].startswith("bad-answer at row.topic: the answer for step `topic` does not fit `one of")
    assert told(found[3])[0].endswith('; it is "sales", of row 4 (line 5)')


def test_a_cell_is_turned_into_its_input_s_type(tmp_path: Path) -> None:
    text = """\
input paper: document
input photo: image
input n: whole number = 7
input words: list of text
input note: text = "none"

step all
  prompt: "{{ paper }} {{ photo }} {{ n }} {{ note }} {{ words | join "," }}"

test "rows"
  for each row in "cases.jsonl"
  with paper: row.paper
  with photo: row.photo
  with n: row.n
  with words: row.words
  with note: row.note
  answer all: "x"
  expect all is "x" and paper is row.text and photo.name is "a.png" and n is row.number
  expect (words | join ";") is row.joined and note is row.note
""".replace('"," }}"', '\\",\\" }}"')
    cases = b"""\
{"paper": "@a.html", "text": "Hello", "photo": "a.png", "n": 5, "number": 5, "words": "p", "joined": "p", "note": "@a"}
{"paper": "@@x", "text": "@x", "photo": "@a.png", "number": 7, "words": ["p", "q"], "joined": "p;q", "note": ""}
{"paper": "b", "text": "b", "photo": "a.png", "n": "", "number": 7, "words": "[\\"p\\"]", "joined": "p", "note": "y"}
"""
    found = tries(text, tmp_path, {"cases.jsonl": cases, "a.html": b"<p>Hello</p>", "a.png": PNG})
    assert [told(one) for one in found] == [[], [], []]


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        (b"mail,topic\nx,bug\n", "`cases.csv` has no column `out`"),
        (b"mail,topic,out\n", "there are no rows in `cases.csv`"),
        (b'mail,topic,out\n"x,bug,y\n', "a double quote is never closed"),
    ],
)
def test_a_table_that_cannot_be_used_fails_its_test(tmp_path: Path, cases: bytes, words: str) -> None:
    (one,) = tries(ROWS, tmp_path, {"cases.csv": cases})
    assert one.outcome == "failed" and words in told(one)[0]


def test_passes_counts_the_tries_of_each_case(tmp_path: Path) -> None:
    head = '  with mail: "x"\n  answer topic: bug\n  passes: 2 of 3\n'
    text = TRIAGE + (
        f'test "one"\n{head}  expect topic is bug\n'
        f'test "two"\n{head}  expect topic is billing\n'
        f'test "three"\n{head}  expect topic is bug and side is "x"\n'
    )
    found = [(one.outcome, one.passed, one.tries) for one in tries(text, tmp_path)]
    assert found == [("passed", 3, 3), ("failed", 0, 3), ("not-recorded", 0, 3)]


def test_limits_are_no_part_of_a_test(tmp_path: Path) -> None:
    limits = "limits\n  calls: 1\n  time: 1s\n  expect side is empty\n\n"
    text = TRIAGE + limits + 'test "one"\n  with mail: "x"\n  answer topic: bug\n  expect topic is bug\n'
    assert outcomes(tries(text, tmp_path)) == ["passed"]


def test_a_step_that_is_only_waited_for_needs_no_answer(tmp_path: Path) -> None:
    text = TRIAGE.replace("step side\n", "step side\n  after: topic\n")
    text += 'test "one"\n  with mail: "x"\n  answer side: "y"\n  expect side is "y"\n'
    assert outcomes(tries(text, tmp_path)) == ["passed"]


def test_an_answered_step_needs_what_it_reads(tmp_path: Path) -> None:
    text = TRIAGE + 'test "one"\n  with mail: "x"\n  answer reply: "y"\n  expect reply is "y"\n'
    (one,) = tries(text, tmp_path)
    assert one.outcome == "not-recorded" and "step `topic`" in told(one)[0]


def test_of_a_field_that_is_not_as_expected_the_whole_answer_is_shown(tmp_path: Path) -> None:
    text = (
        "schema Ticket\n  kind: one of billing, bug\n  why: text\n"
        'step ticket\n  returns: Ticket\n  prompt: "?"\n'
        'test "t"\n  answer ticket: """\n    {"kind": "bug", "why": "It is white."}\n  """\n'
        "  expect ticket.kind is billing\n"
    )
    (one,) = tries(text, tmp_path)
    assert one.failures[0].hints == (
        '`ticket.kind` is "bug" (step `ticket`, answered on line 8)',
        'the answer is {"kind": "bug", "why": "It is white."}',
    )
