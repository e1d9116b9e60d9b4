"""Whether somebody is there to ask: a model for every step, and a key for its provider."""

from collections.abc import Iterator, Mapping

from ..diagnostics.diagnostic import Diagnostic
from ..plan.graph import Plan, PlannedStep
from ..run.exit import MISTAKES, PROVIDER
from ..settings import Settings
from .hiding import hide
from .opening import tell_all
from .refusal import Ended, Refusal
from .screen import Screen

OFFLINE_HINT = "to try it without a key and without cost, add --offline"
BUILT_IN = {"bytespike": "BYTESPIKE_API_KEY", "openai": "OPENAI_API_KEY"}  # provider, the variable with its key


def hide_keys(settings: Settings, screen: Screen) -> None:
    """Keeps the keys of the project's providers, and of the built-in ones, out of all that is shown."""
    variables = {*BUILT_IN.values(), *(one.key_env for one in settings.providers.values())}
    if keys := {name: value for name in sorted(variables) if (value := screen.environment.get(name, ""))}:
        hide(keys, screen)


def refuse_unless_answered(plan: Plan, settings: Settings, screen: Screen) -> None:
    """Ends the command if a step has no model, or its provider no key; a flow that asks nobody needs neither."""
    if without := plan.without_model():
        tell_all([_without_model(node) for node in without], screen)
        raise Ended(MISTAKES)
    asking = list(_asking(plan))
    for node in asking:
        if (variable := _missing_key(node.model, settings, screen.environment)) is not None:
            tell_all([_without_key(node, variable)], screen)
            raise Ended(PROVIDER)
    if asking:
        # The key is there, but the wire is not: better said now than found out in the middle of a run.
        raise Refusal(
            PROVIDER, "this version of flowlang asks no provider yet: it runs --offline only", (OFFLINE_HINT,)
        )


def _asking(plan: Plan) -> Iterator[PlannedStep]:
    """The steps that ask a model, those of the flows that the plan runs included."""
    for node in plan.nodes.values():
        if node.asks or any(judge is not None for judge in node.judges):
            yield node
        if node.sub is not None:
            yield from _asking(node.sub)


def provider_of(model: str, settings: Settings) -> str:
    """The provider that a model id means."""
    named, slash, _ = model.partition("/")
    return named if slash and (named in settings.providers or named in BUILT_IN) else settings.provider


def _missing_key(model: str, settings: Settings, environment: Mapping[str, str]) -> str | None:
    """The variable that must hold the key of a model's provider, if it does not."""
    provider = provider_of(model, settings)
    variable = _variable(provider, settings)
    if model.startswith(f"{provider}/"):
        return _unset(variable, environment)
    # A key of either of the two best-known providers is enough, where the project names no other.
    if variable == BUILT_IN["bytespike"] and environment.get(BUILT_IN["openai"]):
        return None
    return _unset(variable, environment)


def _variable(provider: str, settings: Settings) -> str:
    own = settings.providers.get(provider)
    return (own.key_env if own is not None else "") or BUILT_IN.get(provider, "")


def _unset(variable: str, environment: Mapping[str, str]) -> str | None:
    return variable if variable and not environment.get(variable, "").strip() else None


def _without_model(node: PlannedStep) -> Diagnostic:
    hints = ("add a line `model: …` below it, or [project] model to flowlang.toml", OFFLINE_HINT)
    message = f"step `{node.name}` has no model to ask"
    return Diagnostic("missing-setting", message, node.place.source, node.place.span, hints)


def _without_key(node: PlannedStep, variable: str) -> Diagnostic:
    message = f"there is no key for `{node.model}`: the environment variable {variable} is not set"
    hints = ("this version of flowlang asks no provider yet, with a key or without", OFFLINE_HINT)
    return Diagnostic("missing-key", message, node.place.source, node.place.span, hints)
