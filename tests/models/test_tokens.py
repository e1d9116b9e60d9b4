from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from flowlang.models.tokens import estimate_tokens, estimate_tokens_of


def test_nothing_costs_nothing() -> None:
    assert estimate_tokens("") == 0


def test_english_prose_is_about_a_token_a_word() -> None:
    text = "The company expects revenue to rise next year, because two new plants will open in the spring. " * 20
    assert 0.9 < estimate_tokens(text) / len(text.split()) < 1.4


def test_other_scripts_cost_more_than_a_quarter_of_their_characters() -> None:
    assert estimate_tokens("会社の売上は今年も増えました") > 14 / 2
    assert estimate_tokens("Выручка компании выросла") > 24 / 4


def test_figures_and_signs_cost_more_than_words() -> None:
    assert estimate_tokens("1234567890" * 10) > estimate_tokens("international" * 8)
    assert estimate_tokens('{"a": [1, 2, {"b": null}]}') > 10


@given(st.text(), st.text())
def test_a_longer_text_never_costs_less_by_much(a: str, b: str) -> None:
    """Two texts together cost about what they cost apart: words may melt into one where they meet."""
    apart = estimate_tokens(a) + estimate_tokens(b)
    assert abs(estimate_tokens(a + b) - apart) <= 4


@given(st.text(), st.lists(st.integers(0, 20_000), max_size=4))
@example("", [19 * 10])
def test_pieces_cost_what_their_text_costs(sign: str, cuts: list[int]) -> None:
    text = f"\u3000\n{sign}word, 12\n {sign} Größe\n" * 1_000
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert estimate_tokens_of(pieces) == estimate_tokens("".join(pieces))
