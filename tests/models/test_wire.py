import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.types import ChoiceType, JsonType, Type
from flowlang.language.values import Media
from flowlang.models.answer import schema_of
from flowlang.models.chat import ChatMessage, ChatRequest, ToolCall, ToolSpec
from flowlang.models.wire import BLOCK, MOST_ENCODED, Dialect, body_of, encoded, not_taken

TOPIC = ChoiceType(("a", "b"))
HELLO = ChatMessage("user", ("Hello",))


def ask(*messages: ChatMessage, answer: Type | None = None, **given) -> ChatRequest:
    if answer is None:
        return ChatRequest("m", messages, **given)
    schema = schema_of(answer, "my step")
    return ChatRequest(
        "m", messages, answer=answer, schema=schema.schema, schema_name=schema.name, strict=schema.strict, **given
    )


def test_a_text_is_sent_as_it_is_and_nothing_is_added():
    assert body_of(ask(ChatMessage("user", ("Hello {{ x }} \\ \n",)))) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello {{ x }} \\ \n"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_parameters_are_plain_json_and_keep_their_order():
    parameters = {"temperature": Decimal("0.2"), "max_tokens": Decimal(4000), "stop": ("a", "b"), "grounding": True}
    body = body_of(ask(HELLO, parameters=parameters))
    told = '"temperature": 0.2, "max_tokens": 4000, "stop": ["a", "b"], "grounding": {}, "stream"'
    assert json.dumps(body).count(told) == 1
    assert "grounding" not in body_of(ask(HELLO, parameters={"grounding": False}))


def test_an_endpoint_is_asked_in_its_own_dialect():
    asked = ask(HELLO, parameters={"max_tokens": Decimal(9), "grounding": True})
    plain = Dialect("max_completion_tokens", usage=False, extras=frozenset())
    body = body_of(asked, plain)
    assert list(body) == ["model", "messages", "max_completion_tokens", "stream"]
    assert not_taken(asked, plain) == ("grounding",)
    assert not_taken(asked, Dialect()) == ()


def test_media_stand_at_their_place():
    image = Media("image", "image/png", "a.png", "d", b"\x89PNG")
    mp3, wav = Media("audio", "audio/mpeg", "a", "d", b"ID3"), Media("audio", "audio/x-wav", "a", "d", b"RIFF")
    content = body_of(ask(ChatMessage("user", ("before ", image, " after", mp3, wav))))["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "before "},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()}},
        {"type": "text", "text": " after"},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"ID3").decode(), "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"RIFF").decode(), "format": "wav"}},
    ]


def test_an_answer_has_its_schema_and_only_a_whole_one_is_strict():
    form = body_of(ask(HELLO, answer=TOPIC))["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "my_step"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["properties"]["answer"]["enum"] == ["a", "b"]
    form = body_of(ask(HELLO, answer=JsonType()))["response_format"]
    assert form["json_schema"]["strict"] is False


@pytest.mark.parametrize(("schema", "form"), [("json_object", {"type": "json_object"}), ("none", None)])
def test_where_schemas_are_not_understood_the_last_user_message_tells_them(schema, form):
    image = Media("image", "image/png", "a.png", "d", b"\x89PNG")
    dialect = Dialect(schema=schema)
    said = (ChatMessage("system", ("Be brief",)), HELLO, ChatMessage("assistant", ("Hi",)))
    body = body_of(ask(*said, answer=TOPIC), dialect)
    assert body.get("response_format") == form
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant"]
    told = body["messages"][1]["content"]
    assert told.startswith("Hello\n\n") and "JSON" in told
    assert json.loads(told.splitlines()[-1]) == schema_of(TOPIC, "x").schema
    shown = body_of(ask(ChatMessage("user", (image,)), answer=TOPIC), dialect)["messages"][0]["content"]
    assert [part["type"] for part in shown] == ["image_url", "text"]
    alone = body_of(ask(said[0], answer=TOPIC), dialect)["messages"]
    assert [message["role"] for message in alone] == ["system", "user"]


def test_turns_of_tools_go_back_as_they_came():
    rest = {"extra_content": {"signature": "s"}, "function": {"strict": None}}
    turn = ChatMessage("assistant", (), (ToolCall("c1", "weather", '{"city": "Oslo"}', rest),))
    result = ChatMessage("tool", ("cold",), tool_call_id="c1")
    body = body_of(ask(turn, result, tools=(ToolSpec("weather", "The weather", {"type": "object"}),)))
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "extra_content": {"signature": "s"},
                    "function": {"strict": None, "name": "weather", "arguments": '{"city": "Oslo"}'},
                    "id": "c1",
                    "type": "function",
                }
            ],
        },
        {"role": "tool", "content": "cold", "tool_call_id": "c1"},
    ]
    assert body["tools"][0]["function"]["name"] == "weather"


LONG = ('a "quote", a \\ and größe 🎉\n' * BLOCK)[: 3 * BLOCK + 7]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(LONG),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=3))
def test_pieces_joined_are_the_body(body):
    assert b"".join(encoded(body)) == json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def test_requests_share_the_bytes_of_a_long_text():
    bodies = [body_of(ask(ChatMessage("user", (f"{number}. ", LONG, f"Question {number}")))) for number in (1, 2)]
    first, second = (encoded(body) for body in bodies)
    assert len(first) == len(second) == 2 + len(LONG) // BLOCK + 1
    assert all(one is other for one, other in zip(first[1:-1], second[1:-1], strict=True))


def test_bytes_are_kept_for_the_texts_that_were_used_last():
    texts = [str(number) * (MOST_ENCODED // 3) for number in range(4)]
    before = [encoded({"a": texts[place]}) for place in (0, 1, 0, 2, 3, 0)][-1]
    assert encoded({"a": texts[0]})[1] is before[1]
    kept = encoded({"a": texts[1]})
    assert encoded({"a": texts[1]})[1] is kept[1]


def test_half_a_character_in_a_text_does_no_harm():
    assert b"".join(encoded({"a": "\ud83d", "b": "\ud83d" * (BLOCK + 1)})).count(b"?") == BLOCK + 2
