"""What the store saves is what a run does not pay for."""

from decimal import Decimal

from flowlang.models.catalog import catalogue_of
from flowlang.models.chat import ChatMessage, ChatRequest, Usage
from flowlang.models.cost import Prices
from flowlang.plan.remaining import Saved, saved_by
from flowlang.plan.seen import Asked, FromBefore, Looked, Seen, Why

MODEL = "gpt-5-4"
PRICES = Prices(catalogue_of({}), lambda model: False)
CALL = PRICES.cost_usd(MODEL, Usage(1000, 10))


def looked(*whys: Why | None) -> Looked:
    """A step with an answer from before for each item, and why the item is asked all the same; None: it is not."""
    request = ChatRequest(MODEL, (ChatMessage("user", ("hi",)),))
    asked = [Asked(item, request, b"", why=why) for item, why in enumerate(whys, 1) if why is not None]
    before = [FromBefore(item, MODEL, Usage(1000, 10), 1, 0.0, b"") for item in range(1, len(whys) + 1)]
    return Looked({("", "a"): Seen(items=len(whys), from_before=before, asked=asked)}, {}, {})


def test_each_answer_from_before_saves_its_call() -> None:
    assert CALL is not None
    assert saved_by(looked(None, None, None), PRICES) == Saved(3, 3 * CALL)


def test_an_answer_that_led_nowhere_saves_nothing() -> None:
    assert saved_by(looked(None, "led nowhere"), PRICES) == Saved(1, CALL)
    assert saved_by(looked("led nowhere"), PRICES) == Saved(0, Decimal(0))


def test_an_answer_that_another_question_goes_on_from_saves_its_call() -> None:
    assert saved_by(looked("does not fit"), PRICES) == Saved(1, CALL)
