"""What differs between two requests as the store tells them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.store.changes import Change, changes


def told(**parts: Any) -> dict[str, Any]:
    plain = {"origin": "https://a", "model": "m", "parameters": {}, "schema": None, "tools": [], "sample": 1}
    return {**plain, "messages": [{"role": "user", "parts": ["Say it."]}], **parts}


def schema(**fields: Any) -> str:
    return json.dumps([True, {"type": "object", "properties": fields, "required": list(fields)}])


def found(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.what, one.name, one.old, one.new) for one in changes(before, now, lambda part: part)]


TEXT = {"type": "string"}
TEXT_TOLD = json.dumps(TEXT)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, {}, []),
        ({}, {"model": "n"}, [("model", "", "m", "n")]),
        ({}, {"origin": "https://b"}, [("provider", "", "https://a", "https://b")]),
        (
            {"parameters": {"temperature": "0.2", "seed": "1"}},
            {"parameters": {"temperature": "0.3", "stop": ["a", "b"]}},
            [
                ("parameter", "temperature", "0.2", "0.3"),
                ("parameter", "stop", None, "a, b"),
                ("parameter", "seed", "1", None),
            ],
        ),
        ({"schema": schema(a=TEXT)}, {"schema": schema(a=TEXT, b=TEXT)}, [("schema", "b", None, TEXT_TOLD)]),
        ({"schema": schema(a=TEXT, b=TEXT)}, {"schema": schema(a=TEXT)}, [("schema", "b", TEXT_TOLD, None)]),
        (
            {"schema": schema(a={"type": "array", "items": {"type": "object", "properties": {"x": TEXT}}})},
            {"schema": schema(a={"type": "array", "items": {"type": "object", "properties": {"y": TEXT}}})},
            [("schema", "a.y", None, TEXT_TOLD), ("schema", "a.x", TEXT_TOLD, None)],
        ),
        ({"schema": schema(a=TEXT, b=TEXT)}, {"schema": schema(b=TEXT, a=TEXT)}, [("schema", "", "", "")]),
        ({}, {"schema": schema()}, [("schema", "", None, "")]),
        ({"tools": ['["look","x",{}]']}, {"tools": []}, [("tools", "look", '["look","x",{}]', None)]),
        ({}, {"sample": 2}, [("sample", "", "1", "2")]),
        (
            {},
            {"messages": [{"role": "user", "parts": ["Tell ", "it."]}]},
            [("message", "user", "Say it.", "Tell it.")],
        ),
        ({}, {"messages": [{"role": "user", "parts": ["Say ", "it."]}]}, []),
        ({}, {"messages": []}, [("messages", "", "1", "0")]),
        (
            {"messages": [{"role": "user", "parts": [{"media": "ab" * 32, "kind": "image", "name": "x.png"}]}]},
            {"messages": [{"role": "user", "parts": [{"media": "cd" * 32, "kind": "image", "name": "x.png"}]}]},
            [("message", "user", "[image x.png, sha256 abababababab…]", "[image x.png, sha256 cdcdcdcdcdcd…]")],
        ),
    ],
)
def test_every_part_of_a_request_is_compared(before: dict[str, Any], now: dict[str, Any], expected: list[Any]) -> None:
    assert found(told(**before), told(**now)) == expected


def test_long_texts_are_read_only_where_they_differ() -> None:
    read: list[Any] = []

    def text(part: Any) -> Any:
        read.append(part)
        return part["text"] if isinstance(part, dict) else part

    same = {"role": "system", "parts": [{"text": "aa"}]}
    before = told(messages=[same, {"role": "user", "parts": [{"text": "bb"}]}])
    now = told(messages=[same, {"role": "user", "parts": [{"text": "cc"}]}])
    assert changes(before, now, text) == (Change("message", "user", "bb", "cc", 1),)
    assert {"text": "aa"} not in read


PARTS = ["origin", "model", "parameters", "schema", "tools", "sample", "messages"]
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(PLAIN, lambda of: st.lists(of) | st.dictionaries(st.text(max_size=5), of), max_leaves=8)


@given(st.dictionaries(st.sampled_from(PARTS), JSON))
def test_what_is_damaged_breaks_nothing(parts: dict[str, Any]) -> None:
    changes(parts, told(), lambda part: part)
    changes(told(), parts, lambda part: part)
    assert changes(parts, parts, lambda part: part) == ()
