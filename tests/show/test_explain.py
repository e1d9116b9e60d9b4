"""Every rule can be looked up, on any terminal."""

import pytest

from flowlang.diagnostics.pages import load_pages
from flowlang.diagnostics.rules import RULES
from flowlang.show.explain import explain, list_rules


@pytest.mark.parametrize("name", RULES)
def test_a_page_says_why_what_to_do_and_how_it_looks(name: str) -> None:
    told, page = explain(name), load_pages()[name]
    assert told.startswith(f"{name}: {RULES[name].title}\n")
    assert told.index("\nWhy\n") < told.index("\nWhat to do\n") < told.index("\nWrong\n") < told.index("\nRight\n")
    assert page.wrong.splitlines()[0].strip() in told
    assert ("\nWhat raises it\n" in told) == (RULES[name].when == "run")


def test_sentences_are_wrapped_and_examples_are_not() -> None:
    lines = explain("unknown-name", width=40).splitlines()
    assert all(len(line) <= 40 for line in lines[2:] if not line.startswith("    "))
    assert '      prompt: "Find a title for this: {{ sumary }}"' in lines


def test_hidden_characters_of_an_example_are_shown() -> None:
    assert "\\u202e" in explain("hidden-characters") and "\u202e" not in explain("hidden-characters")


def test_colour_is_only_paint() -> None:
    painted = explain("syntax", colour=True)
    assert painted.replace("\x1b[1m", "").replace("\x1b[0m", "") == explain("syntax")


def test_the_list_has_a_line_for_every_rule() -> None:
    lines = list_rules().splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)
    assert len({line.index(rule.title) for line, rule in zip(lines, RULES.values(), strict=True)}) == 1
