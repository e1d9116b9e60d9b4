import base64
import json
from decimal import Decimal

from flowlang.language.types import ChoiceType, JsonType, Type
from flowlang.language.values import Media
from flowlang.models.answer import schema_of
from flowlang.models.chat import ChatMessage, ChatRequest, ToolCall, ToolSpec
from flowlang.models.wire import body_of


def ask(*messages: ChatMessage, answer: Type | None = None, **given) -> ChatRequest:
    schema = None if answer is None else schema_of(answer, "step").schema
    return ChatRequest("m", messages, answer=answer, schema=schema, **given)


def test_a_text_is_sent_as_it_is_and_nothing_is_added():
    body = body_of(ask(ChatMessage("user", ("Hello {{ x }} \\ \n",))), "step")
    assert body == {"model": "m", "messages": [{"role": "user", "content": "Hello {{ x }} \\ \n"}], "stream": True}


def test_parameters_are_plain_json_and_keep_their_order():
    parameters = {"temperature": Decimal("0.2"), "max_tokens": Decimal(4000), "stop": ("a", "b"), "grounding": True}
    body = body_of(ask(ChatMessage("user", ("x",)), parameters=parameters), "step")
    assert (
        json.dumps(body)[-92:].count('"temperature": 0.2, "max_tokens": 4000, "stop": ["a", "b"], "grounding": {}') == 1
    )


def test_media_stand_at_their_place():
    image = Media("image", "image/png", "a.png", "d", b"\x89PNG")
    audio = Media("audio", "audio/mpeg", "a.mp3", "d", b"ID3")
    content = body_of(ask(ChatMessage("user", ("before ", image, " after", audio))), "step")["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "before "},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()}},
        {"type": "text", "text": " after"},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"ID3").decode(), "format": "mp3"}},
    ]


def test_an_answer_has_its_schema_and_only_a_whole_one_is_strict():
    form = body_of(ask(ChatMessage("user", ("x",)), answer=ChoiceType(("a", "b"))), "my step")["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "my_step"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["properties"]["answer"]["enum"] == ["a", "b"]
    form = body_of(ask(ChatMessage("user", ("x",)), answer=JsonType()), "step")["response_format"]
    assert form["json_schema"]["strict"] is False


def test_turns_of_tools_go_back_as_they_came():
    call = ToolCall("c1", "weather", '{"city": "Oslo"}', {"extra_content": {"signature": "s"}})
    turn = ChatMessage("assistant", (), (call,))
    result = ChatMessage("tool", ("cold",), tool_call_id="c1")
    body = body_of(ask(turn, result, tools=(ToolSpec("weather", "The weather", {"type": "object"}),)), "step")
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "extra_content": {"signature": "s"},
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                }
            ],
        },
        {"role": "tool", "content": "cold", "tool_call_id": "c1"},
    ]
    assert body["tools"][0]["function"]["name"] == "weather"
