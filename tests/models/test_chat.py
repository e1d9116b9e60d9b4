"""How a text is cut into pieces means nothing: neither to a provider nor to what is counted or drawn."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.template import LONG
from flowlang.language.values import Media
from flowlang.models.chat import ChatMessage, ChatRequest, ToolCall
from flowlang.models.cost import tokens_of_request
from flowlang.models.draw import draw_for
from flowlang.models.offline import OfflineSettings, offline_model
from flowlang.models.wire import Dialect, body_of, encoded

IMAGE = Media("image", "image/png", "a.png", "d" * 64, b"\x89PNG" * 5_000)
# Halves of characters, which a cut may set apart, and what counting and escaping treat as more than its signs.
SIGNS = st.sampled_from(["\ud83d", "\ude00", "\n", " ", "\u3000", '"', "\\", "a", "Words", "7", "--", "ß", "会", "🎉"])
SHORT = st.lists(SIGNS | st.text(max_size=5), max_size=6).map("".join)
LONGER = st.builds(lambda text, more: text + more * (LONG // max(1, len(more)) + 1), SHORT, SHORT.filter(bool))
MESSAGES = st.lists(st.tuples(st.sampled_from(["system", "user"]), st.lists(SHORT | LONGER | st.just(IMAGE))))


@st.composite
def asked(draw: st.DrawFn) -> tuple[ChatRequest, ChatRequest]:
    """The same question twice, each with texts cut in its own way."""
    said = draw(MESSAGES)

    def pieces(text: str) -> list[str]:
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def question() -> ChatRequest:
        messages = [
            ChatMessage(role, tuple(one for part in parts for one in ([part] if part is IMAGE else pieces(part))))
            for role, parts in said
        ]
        return ChatRequest("m", tuple(messages), schema=schema)

    schema = draw(st.none() | st.just({"type": "object"}))
    return question(), question()


@given(asked(), st.sampled_from(["json_schema", "json_object"]))
def test_equal_questions_give_equal_bytes_however_their_texts_are_cut(both, schema):
    one, other = (b"".join(encoded(body_of(request, Dialect(schema=schema)))) for request in both)
    assert one == other


@given(asked())
def test_equal_questions_are_counted_and_drawn_alike_however_their_texts_are_cut(both):
    one, other = both
    assert tokens_of_request(one) == tokens_of_request(other)
    assert draw_for(one) == draw_for(other)


def test_the_offline_model_answers_a_text_in_pieces_as_one():
    book = "The plant opens in May. Nobody knows at what cost. " * 400
    whole = ChatRequest("offline", (ChatMessage("user", (f"Read this: {book} What is it about?",)),))
    cut = replace(whole, messages=(ChatMessage("user", ("Read this: ", book, " What is it about?")),))
    complete = offline_model(OfflineSettings())
    one, other = (asyncio.run(complete(request, lambda chunk: None)) for request in (whole, cut))
    assert one == other


def test_runs_put_the_pieces_of_a_text_together():
    message = ChatMessage("user", ("a", "b", IMAGE, IMAGE, "c"))
    assert message.runs == (("a", "b"), IMAGE, IMAGE, ("c",))
    assert message.text == "abc"
    assert ChatMessage("assistant", (), (ToolCall("1", "f", ""),)).runs == ()
