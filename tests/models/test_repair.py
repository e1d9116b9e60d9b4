import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.types import ChoiceType, FieldType, JsonType, ListOf, NumberType, RecordType, TextType, Type
from flowlang.models.answer import read_kindly
from flowlang.models.errors import BadAnswer
from flowlang.models.repair import repaired

CLAIM = RecordType("Claim", (FieldType("quote", TextType()), FieldType("page", NumberType())))
ONE = {"quote": "a, b", "page": Decimal(1)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"quote": "a, b", "page": 1}', ""),
        ('```json\n{"quote": "a, b", "page": 1}\n```', ""),
        ('{"quote": "a, b", "page": 1,}', "without `,`"),
        ("{'quote': 'a, b', 'page': 1}", "`'` became `\"`"),
        ('{quote: "a, b", page: 1}', 'with `"`'),
        ('{"quote": "a, b" "page": 1}', "with `,`"),
        ('{“quote”: “a, b”, "page": 1}', '`“` became `"`, `”` became `"`'),
        ('Here it is: {"quote": "a, b", "page": 1} Anything else?', "without `Here it is:`, without `Anything else?`"),
        ('Sure!\n```json\n{"quote": "a, b", "page": 1}\n```', "without the fence around it, without `Sure!`"),
        ('```json\n{"quote": "a, b", "page": 1,}\n```', "without the fence around it, without `,`"),
        ('Options [a] are {"quote": "a, b", "page": 1}', "without `Options [a] are`"),
        ('{"quote": "a, b", "page": 1.0,}', "without `,`"),
    ],
)
def test_a_slip_is_put_right_and_told(text: str, told: str) -> None:
    value, changed = read_kindly(text, CLAIM)
    assert value == ONE
    assert changed == told


def test_a_bracket_is_closed_where_the_last_value_is_whole() -> None:
    text = '{"answer": [{"quote": "a, b", "page": 1}, {"quote": "a, b", "page": 1}'
    assert read_kindly(text, ListOf(CLAIM)) == ((ONE, ONE), "with `]}`")


@pytest.mark.parametrize(
    "text",
    [
        '{"quote": "a, b", "page": 1',  # it may have been 12
        '{"quote": "a, b',
        '{"quote": "a, b", ',
        '[{"quote": "a, b", "page": 1}, {"quote": ',
        '{"page": 1, "quote": "he said "no"',
        "I can't do that.",
        '```\n{"quote": "a", "page": 1}\n```\nor\n```\n{"quote": "b", "page": 2}\n```',
        '{"quote": "a", "page": 1} or {"quote": "b", "page": 2}',
        '{"claim": {"quote": "a", "page": 1},}',
        '{"quote": "a", "page": 0.1234567890123456789,}',
        "[" * 1000,
    ],
)
def test_what_would_be_a_guess_is_asked_again(text: str) -> None:
    with pytest.raises(BadAnswer):
        read_kindly(text, CLAIM)


def test_text_is_never_repaired_and_a_plain_answer_is() -> None:
    text = '{"answer": "x",}'
    assert read_kindly(text, None) == (text, "")
    assert read_kindly(text, TextType(1)) == (text, "")
    assert read_kindly("It is {'answer': 'b'}.", ChoiceType(("a", "b")))[0] == "b"


def test_a_wrong_value_between_words_is_told_at_its_place() -> None:
    text = 'Here: {"quote": "x", "page": "one"}!'
    with pytest.raises(BadAnswer) as caught:
        read_kindly(text, CLAIM)
    mistake = caught.value
    assert mistake.path == ("page",)
    assert text[mistake.start : mistake.end] == '"one"'


WORDS = st.text("ab1 \"'\\{}[],:\n“é", max_size=6)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, json.dumps(json.loads(text), ensure_ascii=False)))


@given(st.dictionaries(WORDS, DATA, min_size=1, max_size=3), st.data())
def test_a_repair_keeps_every_letter(data: dict[str, object], draw: st.DataObject) -> None:
    text = json.dumps(data, ensure_ascii=False)
    place = draw.draw(st.integers(0, len(text) - 1))
    for broken in (
        text[:place] + text[place + 1 :],
        text[:place] + draw.draw(st.sampled_from(",'\"}]")) + text[place:],
    ):
        for meant in repaired(broken):
            words = broken.replace("\\n", "").replace("\\u", "")
            assert set(filter(str.isalnum, meant.replace("\\n", ""))) <= set(filter(str.isalnum, words)) | set("nul")


@given(st.text("{}[]\"',:\\ab1\n ", max_size=40), st.sampled_from([CLAIM, ListOf(CLAIM), JsonType(), NumberType()]))
def test_any_text_is_read_or_refused(text: str, of: Type) -> None:
    try:
        read_kindly(text, of)
    except BadAnswer as mistake:
        assert mistake.start is not None and mistake.end is not None
        assert 0 <= mistake.start <= mistake.end <= len(text)


@pytest.mark.parametrize("text", ['{"a": "' + 'x"y' * 20_000 + '"}', '{"a":' * 50_000, '"\\' * 50_000 + "}{", "{" * 60])
def test_a_long_text_costs_little(text: str) -> None:
    before = time.process_time()
    repaired(text)
    assert time.process_time() - before < 5
