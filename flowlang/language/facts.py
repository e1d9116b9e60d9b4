"""What a model takes, and steps that ask for more than that."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from ..diagnostics.source import Span
from ..record import record
from .book import Here, Reports
from .checked import CheckedStep, Parameter

# No known model gives a longer answer than it may, if it may be this long.
_ALWAYS_FITS = 8192


@record
class ModelFacts:
    """What is known of one model: `max_output` in tokens, and settings that it refuses; None or empty: not known."""

    max_output: int | None = None
    efforts: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()


FactsOf = Callable[[str], ModelFacts | None]


def know_nothing(model: str) -> ModelFacts | None:
    """The facts where there is no catalogue."""
    return None


def check_model(step: CheckedStep, facts_of: FactsOf, reports: Reports) -> None:
    """Tells of settings that the step's model does not take, and of numbers that are too large for it."""
    for parameters in (step.parameters, *step.fallback):
        wanted = {key: parameters[key] for key in ("reasoning_effort", "grounding") if key in parameters}
        longest = parameters.get("max_tokens")
        if longest is not None and isinstance(longest.value, Decimal) and longest.value > _ALWAYS_FITS:
            wanted["max_tokens"] = longest
        model = parameters.get("model")
        facts = facts_of(str(model.value)) if wanted and model is not None else None
        if facts is not None:
            _compare(str(parameters["model"].value), facts, wanted, reports)


def _compare(model: str, facts: ModelFacts, wanted: Mapping[str, Parameter], reports: Reports) -> None:
    for key, parameter in wanted.items():
        source, span = parameter.place.source, parameter.place.span
        here = Here(source, 0)
        if key in facts.refuses:
            start = source.text.rfind(key, 0, span.start)
            message = f"`{model}` does not take `{key}`"
            reports.add(here, "unsupported-setting", message, Span(start, start + len(key)), "leave it out")
        elif key == "max_tokens" and facts.max_output is not None:
            assert isinstance(parameter.value, Decimal)
            if parameter.value > facts.max_output:
                message = f"an answer of `{model}` has at most {facts.max_output} tokens"
                reports.add(here, "out-of-range", message, span, f"write `max_tokens: {facts.max_output}` or less")
        elif key == "reasoning_effort" and facts.efforts and parameter.value not in facts.efforts:
            message = f"`{model}` takes {', '.join(facts.efforts)} as `{key}`"
            reports.add(here, "unsupported-setting", message, span)
