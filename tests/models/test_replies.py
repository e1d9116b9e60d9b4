"""What servers really send. Each quirk of the wire has a test, named by its number in the table of quirks."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.types import FieldType, NumberType, RecordType
from flowlang.models.answer import read_kindly
from flowlang.models.chat import ChatMessage, ChatRequest, Reply, ToolCall, Usage
from flowlang.models.errors import BadAnswer, BrokenOff, CutOff, ModelError, Refused, Unreachable
from flowlang.models.refusals import adaptation_of
from flowlang.models.replies import BodyReading, whole_reply
from flowlang.models.wire import Dialect, body_of

ASKED = ChatRequest("m", (ChatMessage("user", ("How is the weather in Oslo?",)),))
DONE = "data: [DONE]\n\n"


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    data = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice], **more}
    return f"data: {json.dumps(data)}\n\n"


def text(*pieces: str) -> str:
    return "".join(chunk({"content": piece}) for piece in pieces)


def call(arguments: str = "", **more: Any) -> str:
    name = {"name": more.pop("name")} if "name" in more else {}
    return chunk({"tool_calls": [{**more, "function": {**name, "arguments": arguments}}]})


def read(*parts: str | bytes, streamed: list[str] | None = None) -> Reply:
    reading = BodyReading(ASKED)
    for part in parts:
        pieces = reading.feed(part if isinstance(part, bytes) else part.encode())
        if streamed is not None:
            streamed += [piece.text for piece in pieces]
    return reading.end()


def refused(*parts: str | bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read(*parts)
    return caught.value


STOP = chunk({}, "stop")
USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 4}}
NORMAL = (
    chunk({"role": "assistant", "content": ""})
    + text("Cold", ", größe", " 🎉")
    + STOP
    + f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n"
    + DONE
)
TOOLS = (
    call(index=0, id="call_1", type="function", name="weather")
    + call('{"city":', index=0)
    + call(index=1, id="call_2", type="function", name="time")
    + call('"Oslo"}', index=0)
    + call("{}", index=1)
    + chunk({}, "tool_calls")
    + DONE
)
TWO_CALLS = (ToolCall("call_1", "weather", '{"city":"Oslo"}'), ToolCall("call_2", "time", "{}"))


# What is normal


def test_a_stream_comes_out_piece_by_piece() -> None:
    streamed: list[str] = []
    reply = read(NORMAL, streamed=streamed)
    assert reply == Reply("Cold, größe 🎉", usage=Usage(10, 3, 4), model="m-1")
    assert streamed == ["Cold", ", größe", " 🎉"]
    reading = BodyReading(ASKED)
    reading.feed(NORMAL.encode())
    assert reading.events == 6  # the one with the usage is progress, too


def test_parallel_calls_are_put_together() -> None:
    reply = read(TOOLS)
    assert (reply.tool_calls, reply.finish, reply.text) == (TWO_CALLS, "tool_calls", "")


def test_one_json_body_is_a_reply() -> None:
    message = {"role": "assistant", "content": "Cold", "refusal": None}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE, "model": "x"}
    assert read(json.dumps(body, indent=1)) == Reply("Cold", usage=Usage(10, 3, 4), model="x")


def whole(**message: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


@given(
    st.sampled_from(
        [NORMAL, TOOLS, NORMAL.replace("\n", "\r\n"), NORMAL.replace("\n", "\r"), whole(content="größe 🎉")]
    ),
    st.lists(st.integers(0, 1500)),
)
def test_any_split_of_the_bytes_gives_the_same_reply(stream: str, cuts: list[int]) -> None:
    data = stream.encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    streamed: list[str] = []
    pieces = [data[start:end] for start, end in pairwise(places)]
    reply = read(*pieces, streamed=streamed)
    assert reply == read(data)
    assert "".join(streamed) == (reply.text if "data:" in stream else "")


# Quirks


def test_quirk_1_calls_without_an_index() -> None:
    first = call('{"city":', id="call_1", name="weather") + call('"Oslo"}')
    second = call("{}", id="call_2", name="time")
    assert read(first, second, chunk({}, "tool_calls"), DONE).tool_calls == TWO_CALLS
    nameless = call('{"city":"Oslo"}', name="weather") + call("{}", name="time")
    assert read(nameless, STOP, DONE).tool_calls == TWO_CALLS


def test_quirk_2_finish_stop_after_calls() -> None:
    assert read(TOOLS.replace('"finish_reason": "tool_calls"', '"finish_reason": "stop"')).finish == "tool_calls"


def test_quirk_3_parallel_calls_on_one_index() -> None:
    by_id = call('{"city":"Oslo"}', index=0, id="call_1", name="weather")
    by_id += call("{}", index=0, id="call_2", name="time")
    assert read(by_id, STOP, DONE).tool_calls == TWO_CALLS
    twice = ("Oslo", '{"city":"Oslo"}'), ("Rome", '{"city":"Rome"}')
    glued = call("".join(arguments for _, arguments in twice), index=0, id="call_1", name="weather")
    whole_objects = call(twice[0][1], index=0, id="call_1", name="weather") + call(twice[1][1], index=0)
    for stream in (glued, whole_objects):
        calls = read(stream, STOP, DONE).tool_calls
        assert [(one.id, one.name, json.loads(one.arguments)["city"]) for one in calls] == [
            ("call_1", "weather", "Oslo"),
            ("call_2", "weather", "Rome"),
        ]


def test_quirk_4_the_signature_of_a_thought_goes_back() -> None:
    signature = {"google": {"thought_signature": "abc"}}
    stream = call("{}", index=0, id="call_1", type="function", name="time", extra_content=signature)
    reply = read(stream, STOP, DONE)
    sent = body_of(ChatRequest("m", (ChatMessage("assistant", (), reply.tool_calls),)))["messages"][0]["tool_calls"][0]
    assert sent == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "time", "arguments": "{}"},
        "extra_content": signature,
    }


def test_quirk_4_what_a_message_holds_beside_its_calls_goes_back() -> None:
    pieces = chunk({"reasoning_content": "Let me "}) + chunk({"reasoning_content": "see.", "extra_content": {"a": [1]}})
    reply = read(pieces, call("{}", id="call_1", name="time"), STOP, DONE)
    rest = {"reasoning_content": "Let me see.", "extra_content": {"a": [1]}}
    assert reply.rest == rest
    assert body_of(ChatRequest("m", (ChatMessage("assistant", (), reply.tool_calls, rest=reply.rest),)))[
        "messages"
    ] == [
        {
            **rest,
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "time", "arguments": "{}"}}],
        }
    ]
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "time"}}], **rest}
    assert read(json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]})).rest == rest
    assert read(pieces, text("Cold."), STOP, DONE).rest == {}


def test_quirk_5_a_second_finish_erases_nothing() -> None:
    assert read(text("Half"), chunk({}, "length"), chunk({"content": ""}, "stop"), DONE).finish == "length"
    assert read(TOOLS.replace(DONE, ""), STOP, DONE).tool_calls == TWO_CALLS


def test_quirk_6_no_done_at_all() -> None:
    assert read(text("Cold"), STOP).text == "Cold"
    assert read(text("Cold"), STOP.rstrip()).text == "Cold"


def test_quirk_7_usage_on_the_finish_frame() -> None:
    assert read(text("Cold"), chunk({}, "stop", usage=USAGE), DONE).usage == Usage(10, 3, 4)


def test_quirk_8_usage_on_any_frame_and_the_last_counts() -> None:
    early = chunk({"content": "Cold"}, usage={"prompt_tokens": 10, "completion_tokens": 1})
    assert read(early, STOP, chunk({}, None, usage=USAGE), chunk({}, usage=None), DONE).usage == Usage(10, 3, 4)


def test_quirk_9_no_usage_is_estimated_and_says_so() -> None:
    usage = read(text("It is cold in Oslo."), STOP, DONE).usage
    assert usage.estimated
    assert 5 <= usage.tokens_in <= 25 and 4 <= usage.tokens_out <= 8


def test_quirk_10_keys_are_missing_and_the_first_text_is_in_the_role_frame() -> None:
    first = {"choices": [{"delta": {"role": "assistant", "content": "Co"}}]}
    second = {"choices": [{"delta": {"content": "ld", "role": None, "provider": "x"}, "logprobs": None}], "x_y": 1}
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in (first, second))
    assert read(stream, STOP, DONE).text == "Cold"


def test_quirk_11_an_id_per_frame() -> None:
    stream = "".join(chunk({"content": piece}, id=f"c{place}") for place, piece in enumerate("Cold"))
    assert read(stream, STOP, DONE).text == "Cold"


def test_quirk_12_a_stream_is_told_by_its_bytes_and_not_by_its_label() -> None:
    assert read("\n\n", NORMAL).text == read(whole(content="Cold, größe 🎉")).text


def test_quirk_13_no_space_behind_data() -> None:
    assert read(NORMAL.replace("data: ", "data:")) == read(NORMAL)


def test_quirk_14_lines_end_with_carriage_returns() -> None:
    assert read(NORMAL.replace("\n", "\r\n")) == read(NORMAL)


def test_quirk_15_comments_keep_the_connection_open() -> None:
    assert read(": OPENROUTER PROCESSING\n\n" * 3, NORMAL.replace("\n\n", "\n\n: keep-alive\n\n")) == read(NORMAL)
    for kept_open in ("\n\n\n\n", ": keep-alive\n\n: keep-alive\n\n"):
        assert read(kept_open, "\n", whole(content="Cold")).text == "Cold"


def test_quirk_16_data_frames_keep_it_open_and_are_no_progress() -> None:
    idle = "data:\n\ndata: : ping\n\ndata: ping\n\ndata: null\n\n"
    reading = BodyReading(ASKED)
    assert reading.feed(idle.encode()) == []
    assert reading.events == 0
    assert read(idle, NORMAL.replace("\n\n", f"\n\n{idle}")) == read(NORMAL)


def test_quirk_17_no_choices_in_the_first_frame() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    assert read(f"data: {json.dumps(first)}\n\n", NORMAL) == read(NORMAL)


def test_quirk_18_an_error_inside_a_stream() -> None:
    frame = {"error": {"message": "Overloaded", "type": "server_error", "code": "500"}}
    for before in ("", text("Co")):
        error = refused(before, f"data: {json.dumps(frame)}\n\n")
        assert (error.rule, error.retryable) == ("unreachable", True)
        assert "Overloaded" in error.message
    vllm = {"object": "error", "message": "Too long", "type": "BadRequestError", "code": 400}
    assert refused(f"data: {json.dumps(vllm)}\n\n").rule == "bad-request"
    assert refused(chunk({"content": ""}, "error")).retryable


def test_quirk_19_an_error_in_a_whole_body() -> None:
    spent = {"choices": None, "error": {"message": "No money", "code": 402}}
    error = refused(json.dumps(spent))
    assert isinstance(error, Refused) and error.final


def test_quirk_20_a_cut_stream_is_no_answer() -> None:
    kept = text("Cold", " and wet")
    for end in range(1, len(kept) + 1):
        error = refused(kept[:end])
        assert error.retryable
        assert (error.rule, error.retryable) == ("unreachable", True)
        assert isinstance(error, BrokenOff) or end <= len("data: ")
    cut = refused(kept)
    assert isinstance(cut, BrokenOff) and cut.text == "Cold and wet"


def test_quirk_21_json_objects_are_refused() -> None:
    body = {"error": "'response_format.type' must be 'json_schema' or 'text'"}
    assert adaptation_of(400, json.dumps(body).encode()) == "response_format"


def test_quirk_22_schemas_are_refused_with_500() -> None:
    said = (
        "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': 'Input should be json_object'}]"
    )
    body = {"error": {"message": said, "type": "internal_server_error", "param": None, "code": None}}
    bodies = (body, {"detail": "1 validation error for CreateChatCompletionRequest"})
    assert [adaptation_of(500, json.dumps(one).encode()) for one in bodies] == ["response_format"] * 2
    sent = body_of(ChatRequest("m", ASKED.messages, schema={"type": "object"}), Dialect(schema="json_object"))
    assert sent["response_format"] == {"type": "json_object"}
    assert '{"type": "object"}' in sent["messages"][0]["content"]


def test_quirk_23_the_form_of_the_answer_is_ignored() -> None:
    of = RecordType("Weather", (FieldType("degrees", NumberType()),))
    said = read(text("Sure! Here it is:\n```json\n", '{"degrees": -3,}', "\n```\nAnything else?"), STOP, DONE).text
    assert read_kindly(said, of)[0] == {"degrees": Decimal(-3)}
    with pytest.raises(BadAnswer):
        read_kindly(read(text("It is cold."), STOP, DONE).text, of)


def test_quirk_24_only_thoughts_is_an_empty_answer() -> None:
    for name in ("reasoning", "reasoning_content"):
        thought = chunk({name: "Oslo is in the north", "content": ""})
        error = refused(thought, STOP, DONE)
        assert error.message == "the answer is empty: the model thought, and then said nothing"
        assert (error.rule, error.retryable) == ("bad-answer", True)
        spent = refused(thought, chunk({}, "length"), DONE)
        assert (spent.rule, spent.retryable) == ("cut-off", False)
        assert "thinking" in spent.message
        assert read(thought, text("Cold"), STOP, DONE).text == "Cold"


def test_quirk_25_system_messages_stay_where_they_are() -> None:
    said = (ChatMessage("system", ("a",)), ChatMessage("user", ("b",)), ChatMessage("system", ("c",)))
    sent = body_of(ChatRequest("m", said))["messages"]
    assert [(one["role"], one["content"]) for one in sent] == [("system", "a"), ("user", "b"), ("system", "c")]


def test_quirk_26_arguments_that_are_no_json_are_passed_on() -> None:
    for arguments in ('{"city": "Os', "city=Oslo", '{"a":1} {', "{}}"):
        (found,) = read(call(arguments, index=0, id="call_1", name="weather"), STOP, DONE).tool_calls
        assert found.arguments == arguments


def test_quirk_27_a_call_and_no_content_key() -> None:
    function = {"name": "time", "arguments": "{}"}
    reply = read(whole(role="assistant", tool_calls=[{"id": "call_1", "type": "function", "function": function}]))
    assert (reply.tool_calls, reply.finish) == ((ToolCall("call_1", "time", "{}"),), "tool_calls")


# How an answer ends


def test_after_the_end_nothing_is_needed() -> None:
    reading = BodyReading(ASKED)
    reading.feed((text("Cold") + STOP).encode())
    assert (reading.finished, reading.done) == (True, False)
    reading.feed(b"data: [DONE]   \n\n" + text("more").encode())
    assert reading.done
    assert reading.end().text == "Cold"


def test_refusals_and_filters_are_told_as_what_they_are() -> None:
    refusal = read(chunk({"refusal": "I can't "}), chunk({"refusal": "do that."}), STOP, DONE)
    assert (refusal.finish, refusal.text) == ("refusal", "I can't do that.")
    assert read(whole(content=None, refusal="No.")).finish == "refusal"
    for finish in ("content_filter", "SAFETY"):
        assert read(text("Co"), chunk({}, finish), DONE).finish == "content_filter"


def test_an_end_that_nobody_knows_is_shown_by_its_name() -> None:
    error = refused(text("Co"), chunk({}, "insufficient_system_resource"), DONE)
    assert isinstance(error, CutOff)
    assert "`insufficient_system_resource`" in error.message
    assert read(text("Cold"), chunk({}, "end_turn"), DONE).finish == "stop"


@pytest.mark.parametrize("body", [whole(content=None), whole(content=""), whole(content=" \n"), whole()])
def test_an_empty_answer_is_none(body: str) -> None:
    assert (refused(body).rule, refused(body).message) == ("bad-answer", "the answer is empty")


@pytest.mark.parametrize(
    ("usage", "read_as"),
    [
        (
            {"prompt_tokens": 64, "completion_tokens": 1842, "reasoning_tokens": 2048, "total_tokens": 3954},
            (64, 3890, 0),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 6}}, (5, 7, 0)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "cache_read_input_tokens": 100}, (105, 7, 100)),
        ({"prompt_tokens": 105, "completion_tokens": 7, "cache_read_input_tokens": 100}, (105, 7, 100)),
        ({"prompt_tokens": 105, "completion_tokens": 7, "prompt_cache_hit_tokens": 64}, (105, 7, 64)),
        ({"prompt_tokens": None, "completion_tokens": 7, "prompt_tokens_details": None}, (0, 7, 0)),
        ({"prompt_tokens": 64, "completion_tokens": 18, "reasoning_tokens": 2048}, (64, 2066, 0)),
        ({"prompt_tokens": 64, "completion_tokens": 18, "total_tokens": 90}, (64, 26, 0)),
        ({"completion_tokens": 7, "total_tokens": 12}, (5, 7, 0)),
    ],
)
def test_usage_in_the_forms_of_several_vendors(usage: dict[str, Any], read_as: tuple[int, int, int]) -> None:
    assert read(text("Cold"), chunk({}, "stop", usage=usage), DONE).usage == Usage(*read_as)


@pytest.mark.parametrize(
    ("usage", "read_as"),
    [
        (
            {"prompt_tokens": 105, "completion_tokens": 7, "prompt_tokens_details": {"cache_write_tokens": 100}},
            (105, 7, 0, 100),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 7, "cache_creation_input_tokens": 100}, (105, 7, 0, 100)),
        (
            {
                "prompt_tokens": 50,
                "completion_tokens": 7,
                "total_tokens": 87,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 10,
            },
            (80, 7, 20, 10),
        ),
    ],
)
def test_what_went_into_a_cache_is_counted(usage: dict[str, Any], read_as: tuple[int, int, int, int]) -> None:
    found = read(text("Cold"), chunk({}, "stop", usage=usage), DONE).usage
    assert (found.tokens_in, found.tokens_out, found.tokens_cached, found.tokens_written) == read_as


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Cold"}]
    assert read(whole(content=parts)).text == "Cold"


def test_a_place_holder_for_arguments_is_replaced() -> None:
    stream = call("{}", index=0, id="call_1", name="weather") + call('{"city":"Oslo"}', index=0, id="call_1")
    assert [one.arguments for one in read(stream, STOP, DONE).tool_calls] == ['{"city":"Oslo"}']


def test_calls_have_an_id_each() -> None:
    stream = call("{}", index=0, id="", name="time") + call("{}", index=1, id="", name="time")
    assert [one.id for one in read(stream, STOP, DONE).tool_calls] == ["call_1", "call_2"]
    same = call("{}", index=0, id="call_7", name="time") + call("{}", index=1, id="call_7", name="time")
    assert [one.id for one in read(same, STOP, DONE).tool_calls] == ["call_7", "call_7_"]


def test_the_same_tool_twice_in_pieces_and_without_ids() -> None:
    stream = call('{"city":', name="weather") + call('"Oslo"}') + call('{"city":', name="weather") + call('"Rome"}')
    for sent in (stream, stream.replace('"tool_calls": [{', '"tool_calls": [{"index": 0, ')):
        found = read(sent, STOP, DONE).tool_calls
        assert [one.arguments for one in found] == ['{"city":"Oslo"}', '{"city":"Rome"}']


def test_only_the_first_of_several_answers_is_read() -> None:
    second = NORMAL.replace('"index": 0', '"index": 1').replace("Cold", "Warm").replace(DONE, "")
    assert read(second, NORMAL).text == "Cold, größe 🎉"


# What is no answer


def test_blanks_before_an_answer_cost_next_to_nothing() -> None:
    reading = BodyReading(ASKED)
    for _ in range(100_000):
        reading.feed(b"  \n ")
    assert reading._held == []
    reading.feed(b'  {"choices": [{"message": {"content": "Cold."}, "finish_reason": "stop"}]}')
    assert reading.end().text == "Cold."


@pytest.mark.parametrize(
    "body", ['{"error": "wrong key: my-own-key"}', "<p>my-own-key", 'data: {"error":"my-own-key"}\n\n']
)
def test_the_key_is_never_in_an_error(body: str) -> None:
    reading = BodyReading(ASKED, hidden=("my-own-key",))
    with pytest.raises(ModelError) as caught:
        reading.feed(body.encode())
        reading.end()
    assert "my-own-key" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "nothing at all"),
        (b"<html><title>Sign in</title></html>", "a web page, starts `<html><title>Sign in"),
        (b"Internal Server Error", "text, starts `Internal Server Error`"),
        (b'{"choices": [', "JSON (it is broken)"),
        (b"[]", "JSON, starts `[]`"),
        (b'"hello"', 'JSON, starts `"hello"`'),
        (b"null", "text, starts `null`"),
        (b"{}", "JSON (it has no `choices` with a `message`), starts `{}`"),
        (b'{"choices": null}', "no `choices`"),
        (b'{"choices": []}', "no `choices`"),
        (b'{"choices": {"0": 1}}', "no `choices`"),
        (b'{"choices": "x"}', "no `choices`"),
        (b'{"choices": [null]}', "no `choices`"),
        (b'{"choices": [{"message": "x"}]}', "no `choices`"),
        (b'{"choices": [{"message": {"content": "a"}}, 7]}', "one of its `choices` is no record"),
        (b'{"status": "ok"}', "no `choices`"),
        (b"data: {broken}\n\n", "starts `{broken}`"),
        (b"data: []\n\n", "starts `[]`"),
        (b'data: {"choices": {"a": 1}}\n\n', "its `choices` are no list"),
        (b'data: {"choices": [1]}\n\n', "is no record"),
        (b"\x1f\x8b\x08\x00\x00", "text, starts"),
    ],
)
def test_other_bodies_are_named(body: bytes, says: str) -> None:
    error = refused(body)
    assert isinstance(error, Unreachable) and error.retryable
    assert says in error.message
    assert error.message.isprintable()
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "value", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '"\\ud83d"', '{"x": 1, "x": 2}'], ids=len
)
@pytest.mark.parametrize(
    "around", ['{"choices": [{"message": {"content": %s}}]}', 'data: {"choices":[{"delta":%s}]}\n\n']
)
def test_traps_in_json_do_no_harm(value: str, around: str) -> None:
    content = value if around.startswith("{") else f'{{"content":{value}}}'
    error = refused((around % content).encode())
    assert error.retryable


def test_numbers_that_are_none_count_as_nothing() -> None:
    body = '{"choices": [{"message": {"content": "Cold"}, "logprobs": -Infinity}], "usage": {"prompt_tokens": NaN}}'
    assert read(body).usage.estimated


def test_a_character_may_come_in_two_halves_and_not_in_one() -> None:
    halves = [chunk({"content": half}) for half in ("Cold \ud83c", "\udf89!")]
    streamed: list[str] = []
    assert read(*halves, STOP, DONE, streamed=streamed).text == "Cold 🎉!"
    assert streamed == ["Cold ", "🎉!"]
    for wrong in ([halves[0]], [halves[1]], [halves[0], text("x")]):
        assert "half a character" in refused(*wrong, STOP, DONE).message


@pytest.mark.parametrize("around", [whole(content="X"), text("X") + STOP])
def test_bytes_that_are_no_text_are_no_answer(around: str) -> None:
    assert "bytes that are no text" in refused(around.encode().replace(b"X", b"\xff\xfe")).message


def test_a_model_may_not_steer_with_its_name() -> None:
    assert read(chunk({"content": "Cold"}, "stop", model="m\x1b[2J\ud83d")).model == "m [2J"


def test_the_same_name_twice_counts_only_if_it_differs() -> None:
    assert read('{"id": 1, "id": 1, "choices": [{"message": {"content": "Cold"}}]}').text == "Cold"
    assert "stands in it twice" in refused('{"id": 1, "id": 2, "choices": []}').message


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_reply_or_a_named_error(body: bytes) -> None:
    with pytest.raises(ModelError):
        read(body)
    with pytest.raises(ModelError):
        whole_reply(body, ASKED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                "choices delta message content tool_calls function name arguments index id usage error "
                "prompt_tokens prompt_tokens_details finish_reason refusal reasoning object type code".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, st.booleans())
def test_any_json_is_a_reply_or_a_named_error(first: object, second: object, streams: bool) -> None:
    parts = [f"data: {json.dumps(one)}\n\n" if streams else json.dumps(one) for one in (first, second)]
    for body in ("".join(parts[: 1 + streams]), whole(content=first, tool_calls=second)):
        try:
            assert read(body).text is not None
        except ModelError as error:
            assert error.message
