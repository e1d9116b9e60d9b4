"""Whether somebody is there to ask: a model for every step, a provider for every model, and a key for that."""

from collections.abc import Iterator

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..models.providers import Providers, providers_of
from ..models.wire import EXTRA, VENDOR_FIELDS
from ..plan.graph import Ask, Plan, PlannedStep
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
    tell_all(found := list(dict.fromkeys(_not_taken(plan, providers))), screen)
    if found:
        raise Ended(MISTAKES)
    for node, ask in _asked(plan):
        model = ask.model
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
    return tuple(dict.fromkeys(ask.model for _, ask in _asked(plan)))


def _not_taken(plan: Plan, providers: Providers) -> Iterator[Diagnostic]:
    """Vendor fields that a step sets, and that may not be sent to its provider."""
    for _, ask in _asked(plan):
        name, _ = providers.of(ask.model)
        for key, parameter in ask.parameters.items():
            field = key.removeprefix(EXTRA)
            is_vendors = key.startswith(EXTRA) or (key in VENDOR_FIELDS and parameter.value is True)
            if is_vendors and field not in providers.known[name].extras:
                message = f"`{field}` may not be sent to the provider `{name}`"
                listed = ", ".join(f'"{one}"' for one in (*providers.known[name].extras, field))
                hint = f"if it takes that, write in flowlang.toml, below [providers.{name}]: extras = [{listed}]"
                place = parameter.place
                yield Diagnostic("unsupported-setting", message, place.source, place.span, (hint,))


def _asked(plan: Plan) -> Iterator[tuple[PlannedStep, Ask]]:
    """Each step with each model that it may ask, fallbacks and judges and the flows that it runs included."""
    for one in plan.with_those_below():
        for node in one.nodes.values():
            for ask in (*node.asks, *(judge for judge in node.judges if judge is not None)):
                if ask.model:
                    yield node, ask


def _without_model(node: PlannedStep) -> Diagnostic:
    hints = ("add a line `model: …` below it, or [project] model to flowlang.toml", OFFLINE_HINT)
    message = f"step `{node.name}` has no model to ask"
    return Diagnostic("missing-setting", message, node.place.source, node.place.span, hints)


def _without_key(node: PlannedStep, model: str, variable: str) -> Diagnostic:
    message = f"there is no key for `{model}`: the environment variable {variable} is not set"
    hints = (f"set it, as in: export {variable}=…", OFFLINE_HINT)
    return Diagnostic("missing-key", message, node.place.source, node.place.span, hints)
