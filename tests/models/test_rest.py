"""What a message holds beside the contract, put together from the pieces of a stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.models.rest import KNOWN, MOST_DEPTH, MOST_SIZE, RestParts, rewritten, size_of


def whole(*deltas: dict[str, Any]) -> dict[str, Any]:
    parts = RestParts()
    for delta in deltas:
        parts.take(delta)
    return parts.whole()


@pytest.mark.parametrize(
    ("deltas", "told"),
    [
        (({"thought": "Let "}, {"thought": "me "}, {"thought": "see"}), {"thought": "Let me see"}),
        (({"thought": "a", "content": "x"}, {"thought": None, "role": "assistant"}), {"thought": "a"}),
        (({"seen": [1]}, {"seen": [2, 3]}), {"seen": [1, 2, 3]}),
        (({"n": 1}, {"n": 2}), {"n": 2}),
        (({"a": {"x": "1", "y": 1}}, {"a": {"x": "2", "z": None}}), {"a": {"x": "12", "y": 1, "z": None}}),
        (({"a": "text"}, {"a": [1]}), {"a": [1]}),
        (({"half": "\ud83d"}, {"half": "\ude00"}), {"half": "\U0001f600"}),
        (  # a signature that is told again is the same one
            ({"extra": {"google": {"thought_signature": "s"}}}, {"extra": {"google": {"thought_signature": "s"}}}),
            {"extra": {"google": {"thought_signature": "s"}}},
        ),
        (  # pieces of one element, told by its index
            (
                {"details": [{"index": 0, "type": "text", "text": "Let "}]},
                {"details": [{"index": 0, "type": "text", "text": "me"}, {"index": 1, "type": "text", "text": "!"}]},
                {"details": [{"index": 0, "signature": "s"}, {"type": "summary"}]},
            ),
            {
                "details": [
                    {"index": 0, "type": "text", "text": "Let me", "signature": "s"},
                    {"index": 1, "type": "text", "text": "!"},
                    {"type": "summary"},
                ]
            },
        ),
    ],
)
def test_pieces_are_put_together(deltas: tuple[dict[str, Any], ...], told: dict[str, Any]) -> None:
    assert whole(*deltas) == told


def test_what_is_too_large_or_too_deep_is_given_up() -> None:
    assert whole({"a": "x" * (MOST_SIZE // 2)}, {"a": "x" * (MOST_SIZE // 2)}, {"b": "y"}) == {}
    deep: Any = "x"
    for _ in range(MOST_DEPTH + 1):
        deep = [deep]
    assert size_of(deep) is None
    assert whole({"a": deep}, {"b": "y"}) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON))
def test_what_comes_in_one_piece_is_as_it_came(delta: dict[str, Any]) -> None:
    assert whole(delta) == {key: value for key, value in delta.items() if key not in KNOWN and value is not None}


@given(st.lists(st.dictionaries(st.sampled_from(["a", "type", "index"]), JSON, max_size=3), max_size=4))
def test_any_pieces_make_json(deltas: list[dict[str, Any]]) -> None:
    json.dumps(whole(*deltas)).encode()


def test_every_text_is_rewritten() -> None:
    assert rewritten({"a": ["x", {"b": "x"}, 1, None]}, str.upper) == {"a": ["X", {"b": "X"}, 1, None]}
