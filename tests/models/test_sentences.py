import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.models.sentences import sentences_of


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in sentences_of(text).all]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is here. Two is there! Is three?", ["One is here.", "Two is there!", "Is three?"]),
        ("Mr. Bell of Bell Inc. paid No. 5 on Jan. 3. It was $3.4bn.",
         ["Mr. Bell of Bell Inc. paid No. 5 on Jan. 3.", "It was $3.4bn."]),
        ("A line that is wrapped over\ntwo lines. And more.", ["A line that is wrapped over two lines.", "And more."]),
        ("# Heading\n\nOnly this counts.\n\n| a | b |\n|---|---|", ["Only this counts."]),
        ("- first thing. With two parts\n- second\n  goes on", ["first thing. With two parts", "second goes on"]),
        ("Water is off on 3 May\nFrom 9 to 12\nMain Street only",
         ["Water is off on 3 May", "From 9 to 12", "Main Street only"]),
        ("**Prices.** We *fixed* most, see [note 5](http://x.example).", ["We fixed most, see note 5."]),
        ("snake_case and 3*4 stay as they are.", ["snake_case and 3*4 stay as they are."]),
        ("今日は晴れです。明日は雨でしょう。", ["今日は晴れです。", "明日は雨でしょう。"]),
        ("Twice. Once. Twice.", ["Twice.", "Once."]),
        ("Only a heading", ["Only a heading"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert texts(text) == sentences


def test_pages_are_counted_by_form_feeds() -> None:
    assert [one.page for one in sentences_of("One is here.\fTwo is there.").all] == [1, 2]


def test_a_sentence_with_a_figure_tells_more_than_boilerplate() -> None:
    figure, boilerplate = sentences_of(
        "Revenue rose 12 percent to 310 million euros in the year. This report is filed pursuant to the Act as amended."
    ).all
    assert figure.worth > boilerplate.worth


@given(st.text())
def test_any_text_has_sentences_or_none(text: str) -> None:
    for sentence in texts(text):
        assert sentence == sentence.strip() != ""


@pytest.mark.parametrize("sign", ['"', "(", "[", "*", "a*", "](", "A. ", "\n", "- ", "_", "**a"])
def test_a_million_signs_are_no_trouble(sign: str) -> None:
    assert len(texts(sign * (1_000_000 // len(sign)))) <= 1
