"""What nobody knows yet is never read by accident: whatever reads it says so."""

from pathlib import Path

import pytest

from flowlang.language.expression import Scope, evaluate, truth
from flowlang.language.unsettled import Unsettled, Untold
from flowlang.language.values import Remembered, Value
from tests.run.scripted import flow_of

OPEN = Unsettled("claims")
PARTLY = Unsettled("verdict", (Remembered("yes", {"claim": "a"}), Remembered(OPEN, {"claim": "b"})))
NAMES: dict[str, Value] = {
    "open": OPEN,
    "partly": PARTLY,
    "item": Remembered(OPEN, {"claim": {"kind": "figure"}, "place": "1"}),
    "fields": Unsettled("better", {"draft": OPEN, "score": "8"}),
    "known": "x",
    "list": ("x", "y"),
}


def value(written: str, folder: Path) -> object:
    """The value of a let, read as the flow language reads it."""
    inputs = "".join(f"input {name}: json\n" for name in NAMES)
    flow = flow_of(f"{inputs}let it_is = {written}\noutput it_is\n", folder)
    return evaluate(flow.lets["it_is"].value, Scope(NAMES))


@pytest.mark.parametrize(
    "written",
    [
        *("open", "partly", "item", "fields", "open.x", "fields.draft", "item.place", "item.other"),
        *("open | count", "partly | first", "[known, open]", "partly | take claim", "item | default known"),
        *('"a {{ open }}"', '"{{ for x in partly }}{{ x.claim }}{{ end }}"', '"{{ if open is empty }}a{{ end }}"'),
        *("list | where it is open", "open | json"),
    ],
)
def test_whatever_reads_it_says_that_nobody_knows(written: str, tmp_path: Path) -> None:
    with pytest.raises(Untold):
        value(written, tmp_path)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("item.claim.kind", "figure"),
        ("fields.score", "8"),
        ('"{{ if known is empty }}{{ open }}{{ else }}a{{ end }}"', "a"),
        ("known | default open", "x"),
    ],
)
def test_what_does_not_hang_on_it_is_known(written: str, expected: str, tmp_path: Path) -> None:
    assert value(written, tmp_path) == expected


def test_a_condition_that_is_decided_before_it_does_not_ask(tmp_path: Path) -> None:
    text = 'input known: text\ninput open: text\nstep a\n  when known is "y" and open is "z"\n  prompt: "a"\n'
    when = flow_of(text, tmp_path).steps["a"].when
    assert when is not None
    assert truth(when, Scope(NAMES)) is False
    with pytest.raises(Untold):
        truth(when, Scope({**NAMES, "known": "y"}))


@pytest.mark.parametrize("read", [len, list, dict, lambda one: one["x"], lambda one: one == {}])
def test_as_a_record_it_has_nothing_to_give(read: object) -> None:
    with pytest.raises(Untold):
        read(OPEN)  # type: ignore[operator]
