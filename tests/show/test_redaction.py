"""What a run tells and gives back has no secret in it."""

from decimal import Decimal

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.checked import Place
from flowlang.language.values import EMPTY, Document, Remembered, Value
from flowlang.run.event import Delta, Event, Noted, RunFinished, StepFailed, StepSkipped
from flowlang.run.outcome import Done, Failed, Result, Skipped
from flowlang.run.secrets import NONE, secrets_of
from flowlang.show.redaction import redacted_events, redacted_result, redacted_value

SECRET = "hunter2-hunter2"
SECRETS = secrets_of({"key": SECRET, "pin": "12345678"})


def test_every_text_of_a_value_is_redacted() -> None:
    value: Value = (
        {"a": f"say {SECRET}", SECRET: Decimal(1)},
        Document(f"it is {SECRET}", f"{SECRET}.pdf", (SECRET, "two")),
        Remembered(SECRET, {"item": SECRET, "place": Decimal(1)}),
        Decimal("112345678"),
        True,
        EMPTY,
    )
    assert redacted_value(value, SECRETS) == (
        {"a": "say [secret key]", "[secret key]": Decimal(1)},
        Document("it is [secret key]", "[secret key].pdf", ("[secret key]", "two")),
        Remembered("[secret key]", {"item": "[secret key]", "place": Decimal(1)}),
        "1[secret pin]",
        True,
        EMPTY,
    )


def test_what_stands_in_a_value_many_times_is_redacted_once() -> None:
    value: Value = SECRET
    for _ in range(100):
        value = (value, value)
    found = redacted_value(value, SECRETS)
    while isinstance(found, tuple):
        assert found[0] is found[1] or isinstance(found[0], str)
        found = found[0]
    assert found == "[secret key]"


def test_every_event_with_words_in_it_is_redacted() -> None:
    place = Place(SourceFile("a.flow", "x"), Span(0, 1))
    events: list[Event] = [
        Delta("", "a", None, SECRET),
        StepFailed("", "a", None, "bad-answer", f"not {SECRET}", place, (SECRET, "other")),
        StepSkipped("", "a", f"`{SECRET}` is empty"),
        Noted("", "a", SECRET),
    ]
    heard: list[Event] = []
    for event in events:
        redacted_events(heard.append, SECRETS)(event)
    assert SECRET not in repr(heard)
    assert repr(heard).count("[secret key]") == 5
    finished = RunFinished("done", 1, 0, None, 1.0)
    redacted_events(heard.append, SECRETS)(finished)
    assert heard[-1] is finished


def test_a_result_is_redacted_where_it_is_given_back() -> None:
    outputs = {"a": Done(SECRET), "b": Failed("a"), "c": Skipped("x")}
    result = Result({}, {}, outputs, "done")
    assert redacted_result(result, SECRETS).outputs == {**outputs, "a": Done("[secret key]")}


def test_a_run_without_secrets_pays_nothing() -> None:
    result, heard = Result({}, {}, {"a": Done(SECRET)}, "done"), list[Event]()
    assert redacted_result(result, NONE) is result
    emit = heard.append
    assert redacted_events(emit, NONE) is emit
