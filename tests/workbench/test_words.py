import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.workbench.declared import ALL, CHECK, RUN
from flowlang.workbench.refusal import Refusal
from flowlang.workbench.words import find_flow, read_words

INPUTS = {"filing": False, "max_claims": False, "strict": True, "größe": False}


def told(refusal: Refusal) -> list[str]:
    """Every sentence of a refusal, and of those told with it."""
    return [refusal.message, *refusal.hints, *(line for other in refusal.others for line in told(other))]


def test_inputs_and_options_stand_anywhere_in_any_spelling():
    words = [
        "--max-claims",
        "5",
        "brief.flow",
        "--filing=@a.md",
        "--offline",
        "--strict",
        "-o",
        "x.txt",
        "--größe",
        "-3",
    ]
    given = read_words(words, RUN, INPUTS)
    assert given.word("FLOW") == "brief.flow"
    assert given.inputs == {"max_claims": ("5",), "filing": ("@a.md",), "strict": ("yes",), "größe": ("-3",)}
    assert given.has("offline")
    assert given.flag("output") == "x.txt"


@pytest.mark.parametrize("words", [["--strict", "no"], ["--strict=no"]])
def test_a_yes_or_no_stands_alone_or_with_its_value(words: list[str]):
    assert read_words(["x.flow", *words], RUN, INPUTS).inputs == {"strict": ("no",)}


def test_a_flag_may_come_several_times_and_keeps_its_order():
    assert read_words(["x.flow", "--filing", "b", "--filing", "a"], RUN, INPUTS).inputs == {"filing": ("b", "a")}


def test_an_input_wins_over_our_option_which_then_has_another_name():
    given = read_words(["x.flow", "--out", "a text", "--run-out", "folder"], RUN, {"out": False})
    assert given.inputs == {"out": ("a text",)}
    assert given.flag("out") == "folder"


def test_a_value_may_look_like_anything_when_it_is_tied_to_its_flag():
    given = read_words(["x.flow", "--filing=--offline"], RUN, INPUTS)
    assert given.inputs == {"filing": ("--offline",)}
    assert not given.has("offline")


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["x.flow", "--filng", "@a"], ["`--filng`", "did you mean `--filing`?"]),
        (["x.flow", "--ofline"], ["`--ofline`", "did you mean `--offline`?"]),
        (["x.flow", "--filing"], ["`--filing` needs a value"]),
        (["x.flow", "--filing", "--offline"], ["`--filing` needs a value", "--filing=--offline"]),
        (["x.flow", "--offline=yes"], ["`--offline` stands alone"]),
        (["x.flow", "report.md"], ["`report.md` is one word too many", "--filing report.md"]),
        ([], ["FLOW is missing"]),
        (["x.flow", "--no-store", "--store", "s"], ["`--store` and `--no-store` exclude each other"]),
        (["x.flow", "--console", "liev"], ["cannot be `liev`", "did you mean `live`?"]),
        (["x.flow", "--zzz"], ["`--zzz`", "the inputs of this flow: `--filing`"]),
    ],
)
def test_each_slip_is_told_with_the_way_out(words: list[str], sentences: list[str]):
    with pytest.raises(Refusal) as refused:
        read_words(words, RUN, INPUTS)
    assert refused.value.code == 2
    lines = "\n".join(told(refused.value))
    assert all(sentence in lines for sentence in sentences)


def test_all_slips_are_told_in_one_go():
    with pytest.raises(Refusal) as refused:
        read_words(["--outptu-format", "json", "--max-source"], CHECK, {})
    assert len(refused.value.others) == 1


@pytest.mark.parametrize(
    ("words", "flow"),
    [
        (["brief.flow", "--filing", "x"], "brief.flow"),
        (["--offline", "brief.flow"], "brief.flow"),
        (["--filing", "x", "brief.flow"], "brief.flow"),
        (["-o", "out.flow", "brief.flow"], "brief.flow"),
        (["--out", "brief"], None),
        (["brief"], "brief"),
        (["--", "-brief.flow"], "-brief.flow"),
        (["-o", "--", "--", "-brief.flow"], "-brief.flow"),
        (["-brief.flow"], None),
        ([], None),
        (["--offline", "--", "-x.flow"], "-x.flow"),
        (["--", "--help"], "--help"),
        (["-o", "--", "x.flow"], "x.flow"),
        (["--", "--offline", "x.flow"], "x.flow"),
    ],
)
def test_the_flow_is_found_before_its_inputs_are_known(words: list[str], flow: str | None):
    assert find_flow(words, RUN.flags) == flow


@given(st.lists(st.text(max_size=12) | st.sampled_from(["--filing", "--strict", "-o", "--", "-", "--out=", "x.flow"])))
def test_any_words_are_read_or_refused(words: list[str]):
    try:
        given = read_words(words, RUN, INPUTS)
    except Refusal as refused:
        assert all(told(refused))
    else:
        assert given.word("FLOW")


def test_every_command_is_declared_and_summed_up():
    from flowlang.workbench.front_page import COMMANDS

    assert [name for name, _ in COMMANDS if name not in ALL] == []
    assert len(COMMANDS) == len(ALL)
