import asyncio
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang.language.types import (
    ChoiceType,
    DateType,
    FieldType,
    ListOf,
    NumberType,
    Optional,
    RecordType,
    TextType,
    Type,
    YesNoType,
)
from flowlang.language.values import Media
from flowlang.models.answer import JUDGEMENT, read_answer, schema_of, told_rule
from flowlang.models.chat import ChatMessage, ChatRequest, Chunk, Reply, ToolCall, ToolSpec
from flowlang.models.errors import CutOff, Unreachable
from flowlang.models.offline import OfflineSettings, offline_model
from flowlang.models.sentences import sentences_of

from .typed import types

ROOT = Path(__file__).parents[2]

FILING = """# Northwind Boats plc

## Results
Revenue rose 12.4 percent to 310 million euros in 2025, because more yards bought our engines. Operating profit
fell to 21 million euros. The yard in Ostby delivered 140 boats, 12 more than a year before.

## Plans
We plan to open a second yard in Larvik by 2027. The board intends to pay a dividend of 0.40 euros per share.

## Risks
A strike at our main supplier could stop deliveries for weeks. We may lose the ferry contract, which ends in June 2026.
"""
CLAIM = RecordType(
    "Claim",
    (
        FieldType("statement", TextType(), "One sentence, in the filing's own words"),
        FieldType("page", Optional(NumberType(True))),
        FieldType("kind", ChoiceType(("figure", "promise", "risk"))),
    ),
)


def request(
    *said: str | tuple[str, str], of: Type | None = None, sample: int = 1, tools: tuple[ToolSpec, ...] = (), **more: Any
) -> ChatRequest:
    """A question; what is no pair is a user's message."""
    messages = tuple(
        ChatMessage("user", (one,)) if isinstance(one, str) else ChatMessage(one[0], (one[1],)) for one in said
    )
    schema = None if of is None else schema_of(of, "step").schema
    return ChatRequest("some-model", messages, answer=of, schema=schema, sample=sample, tools=tools, **more)


def ask(question: ChatRequest, how: OfflineSettings | None = None) -> tuple[Reply, list[str]]:
    chunks: list[Chunk] = []
    reply = asyncio.run(offline_model(how or OfflineSettings())(question, chunks.append))
    return reply, [chunk.text for chunk in chunks]


def answer(*said: str | tuple[str, str], of: Type | None = None, **more: Any) -> Any:
    return read_answer(ask(request(*said, of=of, **more))[0].text, of)


# Laws


@given(
    types(),
    st.sampled_from([FILING, "", "A word", "Write a haiku.", "今日は晴れです。", "\ud800 half"]),
    st.integers(1, 3),
)
@settings(deadline=None)
def test_every_answer_fits_its_type(of: Type, text: str, sample: int) -> None:
    question = request(f"{text}\n\nTell what matters in it.", of=of, sample=sample)
    reply, chunks = ask(question)
    read_answer(reply.text, of)
    assert "".join(chunks) == reply.text
    assert ask(question)[0] == reply


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_prompt_gets_a_text(text: str) -> None:
    reply, chunks = ask(request(text))
    assert reply.text.strip()
    assert "".join(chunks) == reply.text
    assert reply.usage.tokens_out > 0


def test_equal_questions_get_equal_answers_in_every_process() -> None:
    script = (
        "from tests.models.test_offline import *\n"
        "print(ask(request(FILING, 'List 3 claims.', of=ListOf(CLAIM), sample=2))[0].text)"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_a_long_answer_comes_in_several_chunks() -> None:
    _, chunks = ask(request(f"Summarise this filing.\n\n{FILING}"))
    assert len(chunks) > 3


# What a newcomer sees


def test_claims_are_sentences_of_the_filing_with_their_kinds() -> None:
    claims = answer(f"{FILING}\n\nList the 4 most important claims of this filing.", of=ListOf(CLAIM, 1, 50))
    statements = [claim["statement"] for claim in claims]
    assert len(set(statements)) == 4
    for claim in claims:
        assert claim["statement"] in FILING.replace("\n", " ")
        assert claim["statement"].endswith(".")
        if "plan to" in claim["statement"]:
            assert claim["kind"] == "promise"
        if "could stop" in claim["statement"] or "may lose" in claim["statement"]:
            assert claim["kind"] == "risk"


def test_a_brief_holds_what_it_was_given() -> None:
    brief = answer(
        ("system", "Write plain English. Short sentences."),
        "Write a one-page brief for a lawyer.\n\n- Revenue rose 12.4 percent. (figure): holds\n"
        "- We plan to open a yard. (promise): in doubt, it is not said when.",
    )
    assert brief == (
        "- Revenue rose 12.4 percent. (figure): holds\n"
        "- We plan to open a yard. (promise): in doubt, it is not said when."
    )


def test_a_question_is_answered_with_the_sentence_that_is_about_it() -> None:
    assert "dividend of 0.40 euros" in answer(f"{FILING}\n\nWhich dividend does the board intend to pay?")


def test_a_reason_is_another_sentence_than_the_claim() -> None:
    verdict = RecordType(
        "Verdict", (FieldType("supported", YesNoType()), FieldType("reason", TextType(), "One sentence"))
    )
    claim = "Operating profit fell to 21 million euros."
    found = answer(f"{FILING}\n\nDoes the filing support this claim? {claim}", of=verdict)
    assert found["reason"] in FILING.replace("\n", " ")
    assert found["reason"] != claim


@pytest.mark.parametrize(
    ("mail", "topic"),
    [
        ("You took the money twice, please give it back.", "billing"),
        ("The app crashes when I save a file.", "bug"),
        ("When are you open on Sundays?", "other"),
    ],
)
def test_mails_are_sorted(mail: str, topic: str) -> None:
    found = answer(
        "I was charged twice this month.", ("assistant", "billing"),
        "The export button does nothing.", ("assistant", "bug"),
        mail, of=ChoiceType(("billing", "bug", "other")),
    )  # fmt: skip
    assert found == topic


def test_worked_examples_teach_choices_that_say_nothing_by_themselves() -> None:
    examples = ("The lawn is wet.", ("assistant", "b"), "The engine is hot.", ("assistant", "a"))
    assert answer(*examples, "My engine makes noise.", of=ChoiceType(("a", "b"))) == "a"
    assert answer(*examples, "The lawn needs cutting.", of=ChoiceType(("a", "b"))) == "b"


def test_a_limit_in_the_instruction_is_kept() -> None:
    facts = " ".join(f"Fact number {number} is that things happen here." for number in range(100))
    assert len(answer(f"Write a notice of at most 30 words from these facts:\n{facts}").split()) <= 30
    assert len(answer(f"Summarise this in two sentences.\n\n{facts}").split(". ")) == 2


def test_an_answer_that_broke_a_rule_is_written_anew_within_it() -> None:
    first = answer(f"Write a notice from these facts:\n{FILING}")
    again = answer(
        f"Write a notice from these facts:\n{FILING}", ("assistant", first),
        told_rule('(notice | words | count) <= 25 and notice contains "Larvik"'),
    )  # fmt: skip
    assert len(again.split()) <= 25 < len(first.split())
    assert "Larvik" in again


def test_a_conversation_that_goes_on_is_about_what_it_began_with() -> None:
    notice = "The water is off on 3 May from eight to noon. A tank stands at the corner of Mill Lane."
    found = answer(
        f"Score this notice from 1 to 10 and say what to fix.\n\n{notice}", ("assistant", '{"score": 3}'),
        "Now write the notice again with that put right: say why.",
    )  # fmt: skip
    assert found == notice


def test_samples_of_one_question_mostly_agree() -> None:
    found = [
        answer("Score it.\n\nA fine notice.", of=NumberType(True, Decimal(1), Decimal(10)), sample=sample)
        for sample in range(1, 21)
    ]
    assert found.count(max(set(found), key=found.count)) >= 10
    assert len(set(found)) > 1


def test_yes_is_likelier_than_no_but_not_certain() -> None:
    found = [answer(f"Is it {number}?", of=YesNoType()) for number in range(60)]
    assert 30 < found.count(True) < 60


def test_dates_and_numbers_are_taken_from_the_text() -> None:
    receipt = RecordType("R", (FieldType("paid_on", Optional(DateType())), FieldType("total", NumberType())))
    found = answer("Corner Shop, paid on 11 March 2026, total 24.90\n\nRead this receipt.", of=receipt)
    assert (str(found["paid_on"]), found["total"]) == ("2026-03-11", Decimal("24.90"))


def test_a_picture_alone_is_answered_too() -> None:
    receipt = RecordType("R", (FieldType("shop", TextType()), FieldType("total", NumberType(low=Decimal(0)))))
    picture = Media("image", "image/png", "r.png", "00" * 32, b"")
    message = ChatMessage("user", ("Read this receipt.\n", picture, "\nAmounts are in EUR."))
    question = ChatRequest("m", (message,), answer=receipt, schema=schema_of(receipt, "r").schema)
    found = read_answer(ask(question)[0].text, receipt)
    assert isinstance(found, dict) and found["shop"]


def test_max_tokens_are_kept_by_texts() -> None:
    reply, _ = ask(request(f"Summarise this.\n\n{FILING}", parameters={"max_tokens": Decimal(30)}))
    assert 0 < reply.usage.tokens_out <= 30


# Tools


def test_tools_are_called_once_and_their_results_are_used() -> None:
    takes = RecordType(
        "",
        (FieldType("city", TextType(), "The city's name"), FieldType("days", NumberType(True, Decimal(1), Decimal(3)))),
    )
    tool = ToolSpec("weather", "The weather", schema_of(takes, "weather").schema)
    asked = "What is the weather in Oslo?"
    first, _ = ask(request(asked, tools=(tool,)))
    assert first.finish == "tool_calls"
    (call,) = first.tool_calls
    found = read_answer(call.arguments, takes)
    assert isinstance(found, dict) and found["city"] == "Oslo"
    messages = (
        ChatMessage("user", (asked,)),
        ChatMessage("assistant", (), (ToolCall(call.id, call.name, call.arguments),)),
        ChatMessage("tool", ("It rains in Oslo, and the wind comes from the west.",), tool_call_id=call.id),
    )
    second, _ = ask(ChatRequest("m", messages, tools=(tool,)))
    assert second.text == "It rains in Oslo, and the wind comes from the west."


# Settings


def test_failures_are_decided_by_the_question() -> None:
    def fails(number: int) -> bool:
        try:
            ask(request(f"Question {number}"), OfflineSettings(failure_rate=0.5))
        except Unreachable:
            return True
        return False

    first = [fails(number) for number in range(40)]
    assert 5 < sum(first) < 35
    assert first == [fails(number) for number in range(40)]


def test_an_answer_that_is_cut_off_says_so_and_keeps_its_beginning() -> None:
    question = request(f"Summarise this.\n\n{FILING}")
    whole, _ = ask(question)
    with pytest.raises(CutOff) as caught:
        ask(question, OfflineSettings(cut_off_rate=1.0))
    assert whole.text.startswith(caught.value.text) and 0 < len(caught.value.text) < len(whole.text)


def test_latency_is_slept_through_between_the_chunks() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    chunks: list[Chunk] = []
    model = offline_model(OfflineSettings(latency_s=2.0), sleep)
    asyncio.run(model(request(f"Summarise this.\n\n{FILING}"), chunks.append))
    assert len(slept) == len(chunks) + 1
    assert abs(sum(slept) - 2.0) < 0.001


def test_a_document_is_taken_apart_once_for_all_its_questions() -> None:
    document = FILING.replace("2025", "1999")
    before = sentences_of.cache_info().misses
    for number in range(20):
        answer(f"{document}\n\nDoes the filing support this claim? Number {number} is large.")
    assert sentences_of.cache_info().misses == before + 1


def test_structured_answers_are_json_as_the_schema_says() -> None:
    reply, _ = ask(request("Pick one.", of=ChoiceType(("a", "b"))))
    assert json.loads(reply.text).keys() == {"answer"}
    assert reply.model == "offline"


def test_a_judge_lets_every_answer_pass():
    rules = ("Is it kind?", "Does it rhyme?", "Is it about boats?", "Is it short?", "Is it true?", "Is it new?")
    assert all(answer(FILING, ("assistant", "Boats."), rule, of=JUDGEMENT)["holds"] is True for rule in rules)


def test_an_answer_that_broke_a_rule_is_followed_by_another_one():
    score, mood = NumberType(True, Decimal(1), Decimal(10)), ChoiceType(("low", "middle", "high"))
    for of, wanted in ((score, {1, 10}), (mood, {"low", "middle", "high"}), (YesNoType(), {True})):
        said: list[str | tuple[str, str]] = ["How is it?"]
        given = []
        for _ in range(4):
            given.append(answer(*said, of=of))
            said += [("assistant", str(given[-1])), told_rule("it is another one")]
        assert wanted <= set(given[1:])


def test_texts_of_a_list_differ_where_there_is_nothing_to_draw_them_from():
    first, second = answer("Name two rivers of the north.", of=ListOf(TextType(), 2, 2))
    assert first != second
