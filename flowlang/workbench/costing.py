"""What a run may cost: prices, the limits of cost, and whether they can be kept."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from ..diagnostics.diagnostic import Diagnostic
from ..models.catalog import catalogue_of
from ..models.cost import Prices, free_models
from ..models.providers import Providers
from ..plan.graph import Ask, Plan, PlannedStep
from ..run.exit import MISTAKES, WRONG_INPUT
from ..settings import Settings
from .given import Given
from .opening import tell_all
from .refusal import Ended, Refusal
from .screen import Screen


def prices_of(settings: Settings, providers: Providers) -> Prices:
    """What calls cost in a project."""
    return Prices(catalogue_of(settings.models), free_models(providers))


def max_cost_of(given: Given) -> Decimal | None:
    """The value of `--max-cost` in US dollars; None if it was not given."""
    text = given.flag("max-cost")
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0 and amount.adjusted() < 12):
        message = f"`--max-cost` takes an amount in US dollars, like 2.50, not `{text}`"
        raise Refusal(WRONG_INPUT, message, rule="wrong-value")
    return amount


def refuse_unless_priced(plan: Plan, prices: Prices, max_cost_usd: Decimal | None, screen: Screen) -> None:
    """Ends the command if cost has a limit and nobody knows what a model costs: such a limit could not be kept."""
    told: dict[str, Diagnostic] = {}
    for node, ask in _limited(plan, max_cost_usd is not None):
        grounding = ask.parameters.get("grounding")
        searches = grounding is not None and grounding.value is not False
        if missing := prices.missing(ask.model, "max_tokens" in ask.parameters, searches):
            told.setdefault(ask.model, _unknown(node, ask.model, missing))
    if told:
        tell_all(list(told.values()), screen)
        raise Ended(MISTAKES)


def _limited(plan: Plan, has_limit: bool) -> Iterator[tuple[PlannedStep, Ask]]:
    """Each model that may be asked where cost has a limit, in the flows that the plan runs, too."""
    has_limit = has_limit or plan.flow.limits.cost_usd is not None
    for node in plan.nodes.values():
        if has_limit:
            yield from ((node, ask) for ask in (*node.asks, *(judge for judge in node.judges if judge)) if ask.model)
        if node.sub is not None:
            yield from _limited(node.sub, has_limit)


def _unknown(node: PlannedStep, model: str, missing: str) -> Diagnostic:
    if missing == "price":
        message = f"nobody knows what `{model}` costs, so a limit of cost could not be kept"
        hints = (
            f'add its price to flowlang.toml: [models."{model}"] price = {{ input = …, output = … }}',
            "in US dollars per million tokens",
        )
    elif missing == "grounding":
        message = f"nobody knows what a search of `{model}` costs, so a limit of cost could not be kept"
        hints = (
            f'add its price to flowlang.toml: [models."{model}"] price = {{ grounding = … }}',
            "in US dollars for each call that has `grounding: yes`",
        )
    else:
        message = f"nobody knows how long an answer of `{model}` can be, so a limit of cost could not be kept"
        hints = ("add a line `max_tokens: …`", f'or add it to flowlang.toml: [models."{model}"] max_output = …')
    return Diagnostic("missing-setting", message, node.place.source, node.place.span, hints)
