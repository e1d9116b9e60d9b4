"""What calls cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.models.catalog import Entry, Model, Price, catalogue_of
from flowlang.models.chat import ChatMessage, ChatRequest, ToolSpec, Usage
from flowlang.models.cost import Prices, cost_usd, free_models, tokens_of, tokens_of_request, worst_case_usd
from flowlang.models.providers import Provider, providers_of
from flowlang.models.tokens import estimate_tokens

GEMINI = Entry("g", max_output=32768, price=Price(Decimal("2.00"), Decimal("12.00"), Decimal("0.20")))


def prices(**corrections: Model) -> Prices:
    mine = {
        "here": Provider("http://localhost:7/v1"),
        "paid": Provider("http://localhost:7/v1", "PAID_KEY"),
        "cloud": Provider("https://models.example/v1"),
    }
    return Prices(catalogue_of(corrections), free_models(providers_of(mine, None, {})))


def request(model: str, text: str = "Hello.", **parameters: Decimal) -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", (text,)),), parameters)


def test_what_is_cached_costs_less() -> None:
    assert cost_usd(GEMINI, Usage(1_000_000, 0, 0)) == Decimal("2.00")
    assert cost_usd(GEMINI, Usage(1_000_000, 0, 1_000_000)) == Decimal("0.20")
    assert cost_usd(GEMINI, Usage(287_430, 4_218, 200_000)) == Decimal("0.265476")


def test_without_a_price_for_what_is_cached_it_costs_as_input() -> None:
    entry = Entry("f", price=Price(Decimal("0.50"), Decimal("3.00")))
    assert cost_usd(entry, Usage(1_000_000, 0, 1_000_000)) == Decimal("0.50")


CLAUDE = Entry("c", max_output=10, price=Price(Decimal(3), Decimal(15), Decimal("0.30"), Decimal("3.75")))


def test_what_is_written_to_a_cache_has_its_own_price() -> None:
    usage = Usage(1_000_000, 0, 500_000, tokens_written=400_000)
    assert cost_usd(CLAUDE, usage) == Decimal("0.30") + Decimal("0.15") + Decimal("1.50")
    assert cost_usd(GEMINI, usage) == Decimal("1.10")  # what is written costs as input
    assert worst_case_usd(CLAUDE, 1_000_000, 0) == Decimal("3.75")


def test_a_search_costs_what_its_price_says_and_without_one_nobody_knows() -> None:
    searching = Entry("s", max_output=10, price=Price(Decimal(1), Decimal(1), grounding=Decimal("0.035")))
    assert cost_usd(searching, Usage(1_000_000, 0, searches=1)) == Decimal("1.035")
    assert worst_case_usd(searching, 1_000_000, 0, searches=1) == Decimal("1.035")
    assert cost_usd(GEMINI, Usage(10, 10, searches=1)) is None
    assert worst_case_usd(GEMINI, 10, 10, searches=1) is None
    asks = ChatRequest("gemini-3-1-pro", (ChatMessage("user", ("Hello.",)),), {"grounding": True})
    assert prices().worst_case_usd(asks) is None
    assert prices().missing("gemini-3-1-pro", has_max_tokens=True, searches=True) == "grounding"
    known = prices(**{"gemini-3-1-pro": Model(price=Price(grounding=Decimal("0.035")))})
    plain = known.worst_case_usd(ChatRequest(asks.model, asks.messages))
    assert plain is not None and known.worst_case_usd(asks) == plain + Decimal("0.035")
    assert known.cost_usd("gemini-3-1-pro", Usage(1_000_000)) == Decimal(2)


@given(st.integers(0, 10**6), st.integers(0, 10), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_call_that_writes_to_a_cache_costs_more_than_its_worst_case(
    taken: int, out: int, read: int, new: int
) -> None:
    cost, most = cost_usd(CLAUDE, Usage(taken, out, read, tokens_written=new)), worst_case_usd(CLAUDE, taken, None)
    assert cost is not None and most is not None and 0 <= cost <= most


@pytest.mark.parametrize(
    "price", [Price(), Price(input=Decimal(1)), Price(output=Decimal(1)), Price(cached=Decimal(1))]
)
def test_an_unknown_price_is_never_nothing(price: Price) -> None:
    assert cost_usd(Entry("x", max_output=10, price=price), Usage(10, 10)) is None
    assert worst_case_usd(Entry("x", max_output=10, price=price), 10, 10) is None


def test_the_worst_case_is_the_longest_answer() -> None:
    assert worst_case_usd(GEMINI, 1_000_000, None) == Decimal(2) + 32768 * Decimal(12) / 1_000_000
    assert worst_case_usd(GEMINI, 1_000_000, 1000) == Decimal("2.012")
    endless = Entry("e", price=GEMINI.price)
    assert worst_case_usd(endless, 10, None) is None
    assert worst_case_usd(endless, 10, 10) is not None


@given(st.integers(0, 10**7), st.integers(0, 32768), st.data())
def test_no_call_costs_more_than_its_worst_case(tokens_in: int, tokens_out: int, data: st.DataObject) -> None:
    cached = data.draw(st.integers(0, 2 * tokens_in))
    cost, most = cost_usd(GEMINI, Usage(tokens_in, tokens_out, cached)), worst_case_usd(GEMINI, tokens_in, 32768)
    assert cost is not None and most is not None and 0 <= cost <= most


def test_a_model_on_this_computer_costs_nothing_and_one_that_wants_a_key_is_not_known() -> None:
    usage = Usage(1000, 1000)
    assert prices().cost_usd("ollama/llama3.2:3b", usage) == 0
    assert prices().cost_usd("here/anything", usage) == 0
    assert prices().worst_case_usd(request("here/anything")) == 0
    assert prices().cost_usd("paid/anything", usage) is None
    assert prices().cost_usd("cloud/anything", usage) is None
    assert prices().cost_usd("anything", usage) is None


def test_a_model_with_a_price_has_it_wherever_it_is_asked() -> None:
    assert prices().cost_usd("here/gemini-3-1-pro", Usage(1_000_000)) == Decimal("2.00")


def test_what_is_missing_for_a_limit_is_named() -> None:
    mine = prices(acme=Model(price=Price(Decimal(1), Decimal(1))))
    assert mine.missing("nobody", has_max_tokens=True) == "price"
    assert mine.missing("acme", has_max_tokens=False) == "max_output"
    assert mine.missing("acme", has_max_tokens=True) == ""
    assert mine.missing("gemini-3-1-pro", has_max_tokens=False) == ""
    assert mine.missing("ollama/llama3.2:3b", has_max_tokens=False) == ""


def test_max_tokens_bounds_the_worst_case_of_a_request() -> None:
    mine = prices()
    short, long = (request("gemini-3-1-pro", max_tokens=Decimal(one)) for one in (10, 10_000))
    few, many, whole = (mine.worst_case_usd(one) for one in (short, long, request("gemini-3-1-pro")))
    assert few is not None and many is not None and whole is not None
    assert many - few == Decimal(9_990) * 12 / 1_000_000
    assert many < whole


def test_a_schema_and_tools_are_part_of_the_question() -> None:
    plain = request("m")
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    with_schema = ChatRequest("m", plain.messages, schema=schema)
    with_tool = ChatRequest("m", plain.messages, tools=(ToolSpec("time", "The time of day", schema),))
    assert tokens_of_request(plain) < tokens_of_request(with_schema) < tokens_of_request(with_tool)


@given(st.text(max_size=200))
def test_a_long_text_is_counted_like_a_short_one(text: str) -> None:
    long = text * 60
    assert tokens_of(long) == tokens_of(long) == estimate_tokens(long)


def test_what_a_provider_remembers_saves_the_difference() -> None:
    prices = Prices(catalogue_of({}), lambda model: False)
    usage = Usage(tokens_in=1_000_000, tokens_out=0, tokens_cached=900_000)
    assert prices.saved_usd("gemini-3-1-pro", usage) == Decimal("1.62")  # 1.80 of every 2.00 for nine tenths
    assert prices.saved_usd("nobody-knows-it", usage) == 0
