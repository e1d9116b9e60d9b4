"""What a recording keeps of a request: each part changes its own group, and nothing else does."""

from dataclasses import replace
from decimal import Decimal

import pytest

from flowlang.language.types import YesNoType
from flowlang.models.answer import schema_of
from flowlang.models.chat import ChatMessage, ChatRequest, ToolCall
from flowlang.plan.request_parts import changed_parts, exact, request_print

SCHEMA = schema_of(YesNoType(), "a").schema


def turns(id_: str, arguments: str = '{"a": 1, "b": 2}') -> tuple[ChatMessage, ...]:
    return (
        ChatMessage("user", ("Look.",)),
        ChatMessage("assistant", (), (ToolCall(id_, "look", arguments, {"signature": id_}),)),
        ChatMessage("tool", ("found",), tool_call_id=id_),
    )


BASE = ChatRequest("m", turns("1"), {"temperature": Decimal("0.2")})


@pytest.mark.parametrize(
    ("request_", "texts", "changed"),
    [
        (BASE, "aaaa", ()),
        (replace(BASE, model="n"), "aaaa", ("model",)),
        (replace(BASE, parameters={"temperature": Decimal("0.3")}), "aaaa", ("parameters",)),
        (replace(BASE, parameters={"temperature": Decimal("0.20")}), "aaaa", ()),
        (replace(BASE, schema=SCHEMA), "aaaa", ("form",)),
        (BASE, "bbbb", ("texts",)),
        (replace(BASE, messages=BASE.messages[:2]), "aaaa", ("messages",)),
        (replace(BASE, messages=turns("other")), "aaaa", ()),
        (replace(BASE, messages=turns("1", '{"b":2,"a":1}')), "aaaa", ()),
        (replace(BASE, messages=turns("1", '{"b":2,"a":3}')), "aaaa", ("messages",)),
        (replace(BASE, sample=2), "aaaa", ()),
    ],
)
def test_a_change_is_seen_in_its_own_part(request_: ChatRequest, texts: str, changed: tuple[str, ...]) -> None:
    before, now = request_print(BASE, "aaaa"), request_print(request_, texts)
    assert changed_parts(before, now) == changed
    # The texts as the flow has them tell what changed; what was sent decides.
    assert (exact(before) == exact(now)) == (set(changed) <= {"texts"})
