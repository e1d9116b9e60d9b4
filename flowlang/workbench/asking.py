"""Whether somebody is there to ask: a model for every step, a provider for every model, and a key for that."""

from collections.abc import Iterator

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..models.providers import Providers, providers_of
from ..plan.graph import Plan, PlannedStep
from ..run.exit import MISTAKES, PROVIDER, WRONG_INPUT
from ..settings import Settings
from .hiding import hide
from .opening import tell_all
from .refusal import Ended, Refusal
from .screen import Screen

OFFLINE_HINT = "to try it without a key and without cost, add --offline"


def providers_for(settings: Settings, screen: Screen) -> Providers:
    """The providers of a project. Ends the command if it names one that nobody knows, or none has an address."""
    providers = providers_of(settings.providers, settings.provider, screen.environment)
    if providers.first not in providers.known:
        near = nearest(providers.first, list(providers.known))
        hint = f"did you mean `{near}`?" if near else f"add it below [providers.{providers.first}], with its base_url"
        message = f"`{settings.path}` names the provider `{providers.first}`, and there is none"
        raise Refusal(WRONG_INPUT, message, (hint,), "unknown-name")
    return providers


def hide_keys(settings: Settings, screen: Screen) -> None:
    """Keeps the keys of the project's providers, and of the built-in ones, out of all that is shown."""
    known = providers_of(settings.providers, settings.provider, screen.environment).known.values()
    variables = sorted({one.key_env for one in known if one.key_env})
    if keys := {name: value for name in variables if (value := screen.environment.get(name, ""))}:
        hide(keys, screen)


def refuse_unless_answered(plan: Plan, providers: Providers, screen: Screen) -> None:
    """Ends the command if a step has no model, or its provider no key; a flow that asks nobody needs neither."""
    if without := plan.without_model():
        tell_all([_without_model(node) for node in without], screen)
        raise Ended(MISTAKES)
    for node, model in _asked(plan):
        name, _ = providers.of(model)
        if not providers.known[name].base_url:
            message = f"the provider `{name}` has no address"
            raise Refusal(WRONG_INPUT, message, (f"add base_url below [providers.{name}] in flowlang.toml",))
        variable = providers.variable_of(model)
        if variable and not screen.environment.get(variable, "").strip():
            tell_all([_without_key(node, model, variable)], screen)
            raise Ended(PROVIDER)


def models_of(plan: Plan) -> tuple[str, ...]:
    """Every model that a run may ask, each once."""
    return tuple(dict.fromkeys(model for _, model in _asked(plan)))


def _asked(plan: Plan) -> Iterator[tuple[PlannedStep, str]]:
    """Each step with each model that it may ask, fallbacks and judges and the flows that it runs included."""
    for one in plan.with_those_below():
        for node in one.nodes.values():
            for ask in (*node.asks, *(judge for judge in node.judges if judge is not None)):
                if ask.model:
                    yield node, ask.model


def _without_model(node: PlannedStep) -> Diagnostic:
    hints = ("add a line `model: …` below it, or [project] model to flowlang.toml", OFFLINE_HINT)
    message = f"step `{node.name}` has no model to ask"
    return Diagnostic("missing-setting", message, node.place.source, node.place.span, hints)


def _without_key(node: PlannedStep, model: str, variable: str) -> Diagnostic:
    message = f"there is no key for `{model}`: the environment variable {variable} is not set"
    hints = (f"set it, as in: export {variable}=…", OFFLINE_HINT)
    return Diagnostic("missing-key", message, node.place.source, node.place.span, hints)
