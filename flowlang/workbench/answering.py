"""Who answers in a run: the providers of the project, or the built-in model."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.values import Value
from ..models.catalog import catalogue_of
from ..models.chat import Complete
from ..models.cost import free_models
from ..models.dialects import NOTHING, Known
from ..models.providers import Providers
from ..models.recording import ENDING
from ..plan.graph import Plan
from ..run.calling import AT_ONCE
from ..run.from_recordings import FromRecordings
from ..run.keeping import Keeping
from ..run.means import Means
from ..run.shield import hide_from_model, hide_from_tools
from ..run.tools import Toolbox
from ..run.waiting import Waiting
from ..run.warming import Minimum, Warming
from ..settings import Settings
from ..show.numbers import count
from ..show.terminal import visible_line
from .asking import models_of, providers_for, refuse_unless_answered
from .costing import max_cost_of, prices_of, refuse_unless_priced
from .given import Given
from .hiding import hidden_by
from .recording import open_answers
from .screen import Screen
from .storing import open_keeping
from .wording import words_of

if TYPE_CHECKING:
    from ..models.transport import Transport


def open_means(
    plan: Plan,
    inputs: Mapping[str, Value],
    settings: Settings,
    tools: Toolbox,
    given: Given,
    screen: Screen,
    repeats: Sequence[int] = (),
) -> Means:
    """What a run with these inputs has at hand, its store included. Ends the command if nobody is there to be asked.

    `repeats`: the numbers of the runs that it repeats.
    """
    at_once, max_cost = given.number("at-once", 1) or AT_ONCE, max_cost_of(given)
    secrets = hidden_by(screen)
    perform_tool = hide_from_tools(tools.perform, secrets)
    if given.has("offline"):
        from ..models.offline import OfflineSettings, offline_model  # and only one that asks none has a use for this

        odd = settings.offline
        model = offline_model(OfflineSettings(odd.latency, odd.failure_rate, odd.cut_off_rate))
        recorded = _recorded(plan, model, screen)
        complete = hide_from_model(recorded.complete, secrets)
        keeping = open_keeping(plan, inputs, None, given, screen, repeats)
        return Means(
            complete,
            perform_tool=perform_tool,
            max_cost_usd=max_cost,
            at_once=at_once,
            offline=True,
            close=_closing(keeping, None),
            keeping=keeping,
            remark=lambda: _told_recorded(recorded.count, plan),
        )
    providers = providers_for(settings, screen)
    refuse_unless_answered(plan, providers, screen)
    prices = prices_of(settings, providers)
    refuse_unless_priced(plan, prices, max_cost, screen)
    keeping = open_keeping(plan, inputs, providers, given, screen, repeats)
    transport = _transport(plan, providers, at_once, screen, keeping)
    tell = words_of(plan, inputs, providers, keeping, screen) if keeping is not None and not given.has("each") else None
    return Means(
        complete=hide_from_model(transport.complete, secrets),
        place=transport.place,
        waiting=Waiting(transport.delay_s),
        warming=Warming(cache_minimum(settings, providers)),
        close=_closing(keeping, transport),
        perform_tool=perform_tool,
        prices=prices,
        max_cost_usd=max_cost,
        at_once=at_once,
        keeping=keeping,
        tell=tell,
    )


def _recorded(plan: Plan, model: Complete, screen: Screen) -> FromRecordings:
    """The built-in model, behind the recordings of the flow."""
    answers = open_answers(Path(plan.flow.source.path))
    if answers.mistakes:
        name = visible_line(answers.shown)
        screen.err(
            f"`{name}` has mistakes and is not used; to see them: flowlang test {visible_line(str(answers.flow))}"
        )
    return FromRecordings(answers.recordings, model)


def _told_recorded(number: int, plan: Plan) -> str:
    if not number:
        return ""
    name = visible_line(Path(plan.flow.source.path).with_suffix(ENDING).name)
    return f"{count(number, 'answer')} came from the recordings in {name}, the others from the built-in model"


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


def _transport(plan: Plan, providers: Providers, at_once: int, screen: Screen, keeping: Keeping | None) -> "Transport":
    from ..models.transport import Transport  # only a run that asks a provider pays for HTTP and TLS

    dialects = NOTHING if keeping is None else Known(keeping.store.dialects(), keeping.store.note_dialect)
    names = {providers.of(model)[0] for model in models_of(plan)}
    endpoints = {name: providers.endpoint(name, screen.environment) for name in names}
    return Transport(endpoints, providers.of, at_once, screen.environment, dialects=dialects)


def cache_minimum(settings: Settings, providers: Providers) -> Minimum:
    """From how many tokens on a model's provider remembers a beginning, where that is known and saves money."""
    catalogue, free = catalogue_of(settings.models), free_models(providers)

    def minimum(model: str) -> int | None:
        entry = None if free(model) else catalogue.entry(model)
        return entry.cache_minimum if entry is not None else None

    return minimum
