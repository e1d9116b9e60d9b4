import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.types import (
    ChoiceType,
    DateType,
    FieldType,
    JsonType,
    ListOf,
    NumberType,
    Optional,
    RecordType,
    TextType,
    Type,
    YesNoType,
)
from flowlang.language.values import EMPTY, Value
from flowlang.models.answer import read_answer, schema_of, told_again, told_rule
from flowlang.models.errors import BadAnswer

from .typed import types

TOPIC = ChoiceType(("billing", "bug", "with spaces"))
KIND = ChoiceType(("fact", "opinion", "forecast"))
CLAIM = RecordType(
    "Claim",
    (
        FieldType("quote", TextType(), "Word for word"),
        FieldType("page", Optional(NumberType(True, Decimal(1)))),
        FieldType("kind", KIND),
    ),
)
CLAIMS = ListOf(CLAIM, 1, 3)


def refused(text: str, of: Type) -> BadAnswer:
    with pytest.raises(BadAnswer) as caught:
        read_answer(text, of)
    return caught.value


def bit(text: str, mistake: BadAnswer) -> str:
    assert mistake.start is not None
    return text[mistake.start : mistake.end]


# The schema


def test_the_schema_of_a_list_of_records() -> None:
    schema = schema_of(CLAIMS, "claims")
    assert schema.strict
    assert schema.schema == {
        "type": "object",
        "properties": {
            "answer": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "quote": {"type": "string", "description": "Word for word"},
                        "page": {
                            "anyOf": [{"type": "integer"}, {"type": "null"}],
                            "description": "at least 1; null if there is none",
                        },
                        "kind": {"type": "string", "enum": ["fact", "opinion", "forecast"]},
                    },
                    "required": ["quote", "page", "kind"],
                    "additionalProperties": False,
                },
                "description": "from 1 to 3 items",
            }
        },
        "required": ["answer"],
        "additionalProperties": False,
    }


def test_a_record_is_not_wrapped_and_json_is_not_enforced() -> None:
    assert list(schema_of(CLAIM, "x").schema["properties"]) == ["quote", "page", "kind"]
    assert not schema_of(ListOf(JsonType()), "x").strict


@pytest.mark.parametrize(
    ("name", "sent"), [("claims", "claims"), ("größe 2", "groe_2"), ("हिन्दी", "answer"), ("a" * 80, "a" * 64)]
)
def test_names_are_made_fit_for_providers(name: str, sent: str) -> None:
    assert schema_of(TOPIC, name).name == sent


@given(types())
def test_schemas_keep_to_the_portable_subset(of: Type) -> None:
    schema = schema_of(of, "x").schema
    assert schema["type"] == "object"
    assert json.dumps(schema) == json.dumps(schema_of(of, "x").schema)
    parts: list[Any] = [schema]
    while parts:
        part = parts.pop()
        assert set(part) <= {
            "type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description",
        }  # fmt: skip
        if part.get("type") == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False
        parts += [*part.get("properties", {}).values(), *part.get("anyOf", ()), *filter(None, [part.get("items")])]


# What fits


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("  as it is\n", None, "  as it is\n"),
        ("billing", TOPIC, "billing"),
        (' "Billing" ', TOPIC, "billing"),
        ("With Spaces\n", TOPIC, "with spaces"),
        ('{"answer": "bug"}', TOPIC, "bug"),
        ('```json\n{"answer": "bug"}\n```', TOPIC, "bug"),
        ("```\nbug\n```\n", TOPIC, "bug"),
        ("2026", ChoiceType(("2025", "2026")), "2026"),
        ('{"answer": 2026}', ChoiceType(("2025", "2026")), "2026"),
        ("12.50", NumberType(), Decimal("12.50")),
        ('{"answer": 12}', NumberType(True), Decimal(12)),
        ('"12"', NumberType(True), Decimal(12)),
        ("1e3", NumberType(True), Decimal(1000)),
        ("yes", YesNoType(), True),
        ("False", YesNoType(), False),
        ('{"answer": true}', YesNoType(), True),
        ("2026-03-11", DateType(), date(2026, 3, 11)),
        ('{"answer": "2026-03-11"}', DateType(), date(2026, 3, 11)),
        ("null", Optional(TOPIC), EMPTY),
        ('{"answer": null}', Optional(NumberType()), EMPTY),
        ('["a", "b"]', ListOf(TextType()), ("a", "b")),
        ('\ufeff{"answer": []}', ListOf(TextType()), ()),
        ('{"answer": "short"}', TextType(high=5), "short"),
        ("short", TextType(high=5), "short"),
        ('{"a": [1, null]}', JsonType(), {"a": (Decimal(1), EMPTY)}),
        ('{"answer": 0.1}', JsonType(), Decimal("0.1")),
    ],
)
def test_answers_that_fit(text: str, of: Type | None, value: Value) -> None:
    found = read_answer(text, of)
    assert found == value
    assert type(found) is type(value)


def test_records_lose_what_nobody_asked_for_and_get_what_is_empty() -> None:
    assert read_answer('[{"quote": "x", "kind": " FACT", "extra": 1}]', CLAIMS) == (
        {"quote": "x", "page": EMPTY, "kind": "fact"},
    )


def test_numbers_keep_every_digit() -> None:
    assert read_answer('{"answer": 0.1000000000000000000000000000001}', NumberType()) == Decimal(
        "0.1000000000000000000000000000001"
    )


# What does not fit


@pytest.mark.parametrize(
    ("text", "of", "message", "path", "wrong"),
    [
        ('[{"quote": "x", "kind": "guess"}]', CLAIMS, "`kind` must be one of fact, opinion, forecast",
         (0, "kind"), '"guess"'),
        ('{"answer": [{"quote": "x", "page": 0, "kind": "fact"}]}', CLAIMS,
         "`page` must be a whole number of at least 1", (0, "page"), "0"),
        ('[{"quote": "x", "page": 1.5, "kind": "fact"}]', CLAIMS, "`page` must be a whole number of at least 1",
         (0, "page"), "1.5"),
        ('[{"quote": "x", "page": "1", "kind": "fact"}]', CLAIMS, "`page` must be a whole number of at least 1",
         (0, "page"), '"1"'),
        ('[{"quote": 7, "kind": "fact"}]', CLAIMS, "`quote` must be text", (0, "quote"), "7"),
        ('[{"kind": "fact"}]', CLAIMS, "`quote` is missing", (0, "quote"), '{"kind": "fact"}'),
        ('[{"quote": null, "kind": "fact"}]', CLAIMS, "`quote` must not be empty", (0, "quote"), "null"),
        ("[1]", CLAIMS, "item 1 must be a record with `quote`, `page`, `kind`", (0,), "1"),
        ("[]", CLAIMS, "the answer must have 1 to 3 items", (), "[]"),
        ('{"quote": "x"}', CLAIMS, "the answer must be a list", (), '{"quote": "x"}'),
        ("crash", TOPIC, 'the answer must be one of billing, bug, "with spaces"', (), "crash"),
        ("11", NumberType(True, Decimal(1), Decimal(10)), "the answer must be a whole number from 1 to 10", (), "11"),
        ("-1", NumberType(low=Decimal(0)), "the answer must be at least 0", (), "-1"),
        ("eleven", NumberType(), "the answer must be a number", (), "eleven"),
        ("maybe", YesNoType(), "the answer must be yes or no", (), "maybe"),
        ('{"ok": "yes"}', RecordType("R", (FieldType("ok", YesNoType()),)), "`ok` must be true or false",
         ("ok",), '"yes"'),
        ("11 March", DateType(), "the answer must be a date, written as 2026-03-11", (), "11 March"),
        ('["2026-02-30"]', ListOf(DateType()), "item 1 must be a date that exists", (0,), '"2026-02-30"'),
        ("too long", TextType(high=5), "the answer must have at most 5 characters", (), "too long"),
        ("I think: []", ListOf(TextType()), "the answer is no JSON: a value is missing", (), "I"),
        ('["a" "b"]', ListOf(TextType()), "the answer is no JSON: a comma is missing", (), '"'),
        ('["a', ListOf(TextType()), "the answer is no JSON: it ends too early", (), '"'),
        ("", CLAIMS, "the answer is no JSON: it is empty", (), ""),
    ],
)  # fmt: skip
def test_answers_that_do_not_fit(text: str, of: Type, message: str, path: tuple[str | int, ...], wrong: str) -> None:
    mistake = refused(text, of)
    assert (mistake.message, mistake.path, bit(text, mistake)) == (message, path, wrong)
    assert mistake.rule == "bad-answer"


@pytest.mark.parametrize(
    "text",
    [
        '[{"quote": "a", "quote": "b", "kind": "fact"}]',
        '[{"quote": "a", "kind": "fact", "page": NaN}]',
        '[{"quote": "a", "kind": "fact", "page": -Infinity}]',
        '[{"quote": "\\ud800", "kind": "fact"}]',
        '[{"quote": "a", "kind": "fact", "page": 1e9999999999999999999999}]',
        '[{"quote": "a", "kind": "fact", "page": ' + "9" * 5000 + "}]",
        "[" * 100_000,
        "[" * 70 + "]" * 70,
        '"' * 100_000,
        "\ud800",
    ],
)
def test_traps_are_refused_without_a_crash(text: str) -> None:
    assert refused(text, CLAIMS).message
    assert refused(text, ListOf(JsonType(), 50)).message


def test_a_place_is_found_behind_a_fence_and_escapes() -> None:
    text = '```json\n{"answer": [{"quote": "a \\"kind\\": [", "kind": "fact"}, {"quote": "b", "kind" : "guess"}]}\n```'
    mistake = refused(text, CLAIMS)
    assert (mistake.path, bit(text, mistake)) == ((1, "kind"), '"guess"')


def test_the_model_is_told_where_and_what() -> None:
    text = '[{"quote": "x", "kind": "guess"}]'
    told = told_again(refused(text, CLAIMS), text)
    assert '`kind` must be one of fact, opinion, forecast, not "guess" (in item 1).' in told
    assert "(draft | words | count) <= 150" in told_rule("(draft | words | count) <= 150")


@given(st.text(), types())
def test_any_text_is_read_or_refused(text: str, of: Type) -> None:
    try:
        read_answer(text, of)
    except BadAnswer as mistake:
        assert mistake.message
        assert mistake.start is not None and mistake.end is not None
        assert 0 <= mistake.start <= mistake.end <= len(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "kind", "answer", "lines", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, types())
def test_any_json_is_read_or_refused_at_a_place_in_it(data: object, of: Type) -> None:
    text = json.dumps(data)
    try:
        read_answer(text, of)
    except BadAnswer as mistake:
        assert mistake.start is not None and mistake.end is not None
        assert 0 <= mistake.start < mistake.end <= len(text)
