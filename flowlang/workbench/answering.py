"""Who answers in a run: the providers of the project, or the built-in model."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from ..language.values import Value
from ..models.catalog import catalogue_of
from ..models.cost import free_models
from ..models.providers import Providers
from ..plan.graph import Plan
from ..run.calling import AT_ONCE
from ..run.keeping import Keeping
from ..run.means import Means
from ..run.shield import hide_from_model, hide_from_tools
from ..run.tools import Toolbox
from ..run.waiting import Waiting
from ..run.warming import Minimum, Warming
from ..settings import Settings
from .asking import models_of, providers_for, refuse_unless_answered
from .costing import max_cost_of, prices_of, refuse_unless_priced
from .given import Given
from .hiding import hidden_by
from .screen import Screen
from .storing import open_keeping
from .wording import words_of

if TYPE_CHECKING:
    from ..models.transport import Transport


def open_means(
    plan: Plan, inputs: Mapping[str, Value], settings: Settings, tools: Toolbox, given: Given, screen: Screen
) -> Means:
    """What a run with these inputs has at hand, its store included. Ends the command if nobody is there to be asked."""
    at_once, max_cost = given.number("at-once", 1) or AT_ONCE, max_cost_of(given)
    secrets = hidden_by(screen)
    perform_tool = hide_from_tools(tools.perform, secrets)
    if given.has("offline"):
        from ..models.offline import OfflineSettings, offline_model  # and only one that asks none has a use for this

        odd = settings.offline
        model = offline_model(OfflineSettings(odd.latency, odd.failure_rate, odd.cut_off_rate))
        complete = hide_from_model(model, secrets)
        keeping = open_keeping(plan, inputs, None, given, screen)
        return Means(
            complete,
            perform_tool=perform_tool,
            max_cost_usd=max_cost,
            at_once=at_once,
            offline=True,
            close=_closing(keeping, None),
            keeping=keeping,
        )
    providers = providers_for(settings, screen)
    refuse_unless_answered(plan, providers, screen)
    prices = prices_of(settings, providers)
    refuse_unless_priced(plan, prices, max_cost, screen)
    keeping = open_keeping(plan, inputs, providers, given, screen)
    transport = _transport(plan, providers, at_once, screen)
    tell = words_of(plan, inputs, providers, keeping, screen) if keeping is not None and not given.has("each") else None
    return Means(
        complete=hide_from_model(transport.complete, secrets),
        place=transport.place,
        waiting=Waiting(transport.delay_s),
        warming=Warming(_cache_minimum(settings, providers)),
        close=_closing(keeping, transport),
        perform_tool=perform_tool,
        prices=prices,
        max_cost_usd=max_cost,
        at_once=at_once,
        keeping=keeping,
        tell=tell,
    )


def _closing(keeping: Keeping | None, transport: "Transport | None") -> Callable[[], Awaitable[None]]:
    """Closes what is open: first the lines to providers, then the store."""

    async def close() -> None:
        try:
            if transport is not None:
                await transport.close()
        finally:
            if keeping is not None:
                await keeping.store.close()

    return close


def _transport(plan: Plan, providers: Providers, at_once: int, screen: Screen) -> "Transport":
    from ..models.transport import Transport  # only a run that asks a provider pays for HTTP and TLS

    names = {providers.of(model)[0] for model in models_of(plan)}
    endpoints = {name: providers.endpoint(name, screen.environment) for name in names}
    return Transport(endpoints, providers.of, at_once, screen.environment)


def _cache_minimum(settings: Settings, providers: Providers) -> Minimum:
    """From how many tokens on a model's provider remembers a beginning, where that is known and saves money."""
    catalogue, free = catalogue_of(settings.models), free_models(providers)

    def minimum(model: str) -> int | None:
        entry = None if free(model) else catalogue.entry(model)
        return entry.cache_minimum if entry is not None else None

    return minimum
