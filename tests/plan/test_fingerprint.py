"""Each field of a request changes its fingerprint, and nothing else does."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.values import Media
from flowlang.models.chat import ChatMessage, ChatRequest, ToolCall, ToolSpec
from flowlang.plan.fingerprint import LONG, key_of
from tests.run.scripted import flow_of, run

GOLDEN = "1de082f494270876ed8f18ee361abcc9afd8e2d25d2726ad6aa1d3023a7f6115"
IMAGE = Media("image", "image/png", "one.png", "a" * 64, b"one")
CALL = ToolCall("c1", "look", '{"at": 1}', {"extra": True})
SPEC = ToolSpec("look", "Looks.", {"type": "object"})
REQUEST = ChatRequest(
    "model-a",
    (ChatMessage("system", ("Be kind.",)), ChatMessage("user", ("See ", IMAGE, " and say."), (CALL,), "c0")),
    {"temperature": Decimal("0.2"), "stop": ("a", "b"), "thinking": True},
    schema={"type": "object", "properties": {"a": {}, "b": {}}},
    schema_name="step",
    strict=True,
    tools=(SPEC,),
)


def with_message(**changed: Any) -> ChatRequest:
    return replace(REQUEST, messages=(REQUEST.messages[0], replace(REQUEST.messages[1], **changed)))


OTHERS = {
    "model": replace(REQUEST, model="model-b"),
    "a parameter": replace(REQUEST, parameters={**REQUEST.parameters, "temperature": Decimal("0.3")}),
    "a parameter less": replace(REQUEST, parameters={"temperature": Decimal("0.2"), "stop": ("a", "b")}),
    "a parameter of another kind": replace(REQUEST, parameters={**REQUEST.parameters, "temperature": "0.2"}),
    "stop texts cut otherwise": replace(REQUEST, parameters={**REQUEST.parameters, "stop": ("ab",)}),
    "schema": replace(REQUEST, schema={"type": "object", "properties": {"a": {}}}),
    "the order of a schema's fields": replace(REQUEST, schema={"type": "object", "properties": {"b": {}, "a": {}}}),
    "strict": replace(REQUEST, strict=False),
    "no schema": replace(REQUEST, schema=None),
    "a tool's words": replace(REQUEST, tools=(replace(SPEC, description="Looks around."),)),
    "a tool's name": replace(REQUEST, tools=(replace(SPEC, name="see"),)),
    "what a tool takes": replace(REQUEST, tools=(replace(SPEC, parameters={}),)),
    "a tool more": replace(REQUEST, tools=(SPEC, SPEC)),
    "sample": replace(REQUEST, sample=2),
    "a message less": replace(REQUEST, messages=REQUEST.messages[1:]),
    "the order of messages": replace(REQUEST, messages=REQUEST.messages[::-1]),
    "a role": with_message(role="assistant"),
    "a text": with_message(parts=("See ", IMAGE, " and tell.")),
    "the place of an image": with_message(parts=("See  and say.", IMAGE)),
    "another image": with_message(
        parts=("See ", Media("image", "image/png", "one.png", "b" * 64, b"two"), " and say.")
    ),
    "a media type": with_message(
        parts=("See ", Media("image", "image/webp", "one.png", "a" * 64, b"one"), " and say.")
    ),
    "a call's arguments": with_message(tool_calls=(replace(CALL, arguments="{}"),)),
    "a call's id": with_message(tool_calls=(replace(CALL, id="c2"),)),
    "what a call has beside": with_message(tool_calls=(replace(CALL, rest={}),)),
    "whose result it is": with_message(tool_call_id="c9"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_each_part_of_a_request_changes_its_key(what: str) -> None:
    assert key_of(OTHERS[what], "http://x") != key_of(REQUEST, "http://x")


def test_who_is_asked_changes_the_key() -> None:
    assert key_of(REQUEST, "http://x") != key_of(REQUEST, "http://y")


def test_all_of_these_have_keys_of_their_own() -> None:
    assert len({key_of(one, "http://x") for one in OTHERS.values()}) == len(OTHERS)


@pytest.mark.parametrize(
    "same",
    [
        replace(REQUEST, schema_name="another-step"),
        replace(REQUEST, parameters=dict(reversed(REQUEST.parameters.items()))),
        replace(REQUEST, parameters={**REQUEST.parameters, "temperature": Decimal("0.20")}),
        with_message(parts=("S", "ee", " ", replace(IMAGE, name="two.png"), " and", " say.")),
        with_message(parts=("See ", IMAGE, " and say.", "")),
    ],
)
def test_what_the_model_does_not_see_changes_nothing(same: ChatRequest) -> None:
    assert key_of(same, "http://x") == key_of(REQUEST, "http://x")


TEXTS = st.lists(st.text(max_size=12), max_size=5)


@given(TEXTS, TEXTS)
def test_messages_are_equal_exactly_if_their_joined_texts_are(one: list[str], two: list[str]) -> None:
    first, second = (ChatRequest("m", (ChatMessage("user", tuple(texts)),)) for texts in (one, two))
    assert (key_of(first, "o") == key_of(second, "o")) == ("".join(one) == "".join(two))


MESSAGES = st.lists(st.tuples(st.sampled_from(["user", "system"]), st.text('\0m{}[]1,"\\a', max_size=14)), max_size=4)


@given(MESSAGES, MESSAGES)
def test_no_two_conversations_share_a_key(one: list[tuple[str, str]], two: list[tuple[str, str]]) -> None:
    first, second = (ChatRequest("m", tuple(ChatMessage(role, (text,)) for role, text in many)) for many in (one, two))
    assert (key_of(first, "o") == key_of(second, "o")) == (one == two)


@given(st.integers(0, 2 * LONG), st.sampled_from(["x", "é", "\U0001f600"]))
def test_a_long_text_has_the_same_key_however_it_is_cut(cut: int, sign: str) -> None:
    text = sign * (2 * LONG) + "end"
    whole = ChatRequest("m", (ChatMessage("user", (text,)),))
    parts = ChatRequest("m", (ChatMessage("user", (text[:cut], text[cut:])),))
    assert key_of(whole, "o") == key_of(parts, "o")


def test_every_process_finds_the_same_key() -> None:
    code = (
        "from flowlang.plan.fingerprint import key_of; from flowlang.models.chat import *;"
        "print(key_of(ChatRequest('m', (ChatMessage('user', ('hi',)),), {'b': 'x', 'a': 'y'}), 'o').hex())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    # Of version 1: whoever changes it pays for every answer again, and has to raise KEY_VERSION.
    assert told.pop().strip() == GOLDEN


FLOW = """
input who: text
input other: text = "x"
step a
  prompt: "Greet {{ who }}."
step b
  returns: list of text
  prompt: "List words for: {{ a }}"
output b
"""
SAME = {
    "comments": FLOW.replace("step b", "# a remark\nstep b"),
    "layout": FLOW.replace("step b", "\n\n\nstep b").replace('  prompt: "Greet', '  prompt:  "Greet'),
    "a step's name": FLOW.replace("step b", "step words").replace("output b", "output words"),
    "both names": FLOW.replace("step a", "step hello").replace("{{ a }}", "{{ hello }}"),
    "the order of sections": "output b\n" + FLOW.replace("output b\n", ""),
    "an input that it does not read": FLOW.replace('= "x"', '= "y"'),
    "how a text is cut": FLOW.replace('prompt: "Greet {{ who }}."', 'prompt: "Greet {{ greeted }}."').replace(
        "step a", 'let greeted = "{{ who }}"\nstep a'
    ),
    "retries and time": FLOW.replace("step b\n", "step b\n  tries: 2\n  timeout: 5m\n  cache: 7d\n"),
}
ANOTHER = {
    "a word": FLOW.replace("Greet", "Welcome"),
    "a parameter": FLOW.replace("step a\n", "step a\n  temperature: 0.5\n"),
    "a model": FLOW.replace("step a\n", "step a\n  model: other\n"),
    "a type": FLOW.replace("list of text", "list of number"),
    "a space": FLOW.replace("Greet {{", "Greet  {{"),
}


def keys_of(text: str, folder: Path) -> set[bytes]:
    def model(request: ChatRequest) -> str:
        return "[]" if request.schema is not None else "hello"

    ran = run(flow_of(text, folder), model, {"who": "Ann"})
    return {key_of(request, "o") for request in ran.requests}


@pytest.mark.parametrize("what", SAME)
def test_what_changes_no_question_changes_no_key(what: str, tmp_path: Path) -> None:
    assert keys_of(SAME[what], tmp_path) == keys_of(FLOW, tmp_path)


@pytest.mark.parametrize("what", ANOTHER)
def test_what_changes_a_question_changes_its_key(what: str, tmp_path: Path) -> None:
    assert keys_of(ANOTHER[what], tmp_path) != keys_of(FLOW, tmp_path)
