"""What models take, and steps that ask for more than that."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from ..diagnostics.source import Span
from ..record import record
from . import ast, types
from .book import Here, Reports
from .checked import CheckedFlow, CheckedStep, Parameter, Place
from .checked_types import item_of, type_of
from .types import Type, bare

# No known model gives a longer answer than it may, if it may be this long.
_ALWAYS_FITS = 8192
_ARTICLE = {"image": "one", "audio": "some"}
_SETTINGS = ("reasoning_effort", "grounding", "temperature", "max_tokens")


@record
class ModelFacts:
    """What is known of one model: `max_output` in tokens, and settings that it refuses; None or empty: not known.

    `takes` is what it takes beside text, `can` what it does beside answering.
    """

    max_output: int | None = None
    efforts: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    takes: tuple[str, ...] | None = None
    can: tuple[str, ...] | None = None
    temperature: tuple[Decimal, Decimal] | None = None


@record
class Models:
    """The models that a project's flows may ask. `facts_of` gives None for one that nobody knows.

    `names` gives the known ids; none where there is no catalogue: then nothing is said of ids that nobody knows.
    `model` is asked where a step names none.
    """

    facts_of: Callable[[str], ModelFacts | None]
    names: Callable[[], tuple[str, ...]] = tuple
    model: str = ""


def _nothing(model: str) -> ModelFacts | None:
    return None


NO_MODELS = Models(_nothing)


def check_models(flow: CheckedFlow, models: Models, reports: Reports) -> None:
    """Tells of models that nobody knows, of what a step's models do not take, and of numbers too large for them."""
    for step in flow.steps.values():
        media = _Media(flow, step)
        # A fallback changes what it names; where it is silent, the step's own lines hold for it, too.
        for parameters in (step.parameters, *({**step.parameters, **one} for one in step.fallback)):
            named = parameters.get("model")
            model = str(named.value) if named is not None else models.model
            if step.kind != "prompt" or not model:
                continue
            facts = models.facts_of(model)
            if facts is not None:
                _compare(model, facts, {key: parameters[key] for key in _SETTINGS if key in parameters}, reports)
                _compare_uses(model, facts, step, media, reports)
            elif named is not None:
                _warn_of(model, named.place, models, reports)
        for ensured in step.ensures:
            named = ensured.using.get("model")
            if named is not None and models.facts_of(str(named.value)) is None:
                _warn_of(str(named.value), named.place, models, reports)


def _warn_of(model: str, place: Place, models: Models, reports: Reports) -> None:
    """A model that nobody knows; it works all the same. What is almost a preset's name was told."""
    if not (known := list(models.names())):
        return
    provider, slash, bare_id = model.partition("/")
    near = reports.nearest(model, known) or (reports.nearest(bare_id, known) if slash else None)
    meant = f"{provider}/{near}" if near and slash and "/" not in near else near
    hint = f"did you mean `{meant}`?" if meant else f'[models."{model}"] in flowlang.toml says what it takes and costs'
    message = f"nothing is known of the model `{model}`, so what is asked of it is not checked"
    reports.add(Here(place.source, 0), "unknown-model", message, place.span, hint, severity="warning")


def _compare(model: str, facts: ModelFacts, wanted: Mapping[str, Parameter], reports: Reports) -> None:
    for key, parameter in wanted.items():
        place, value = parameter.place, parameter.value
        span = place.span
        if key in facts.refuses or (key == "grounding" and facts.can is not None and key not in facts.can):
            if key != "grounding" or value is not False:
                start = place.source.text.rfind(key, 0, span.start)
                message = f"`{model}` does not take `{key}`"
                reports.add(
                    Here(place.source, 0), "unsupported-setting", message, Span(start, start + len(key)), "leave it out"
                )
        elif key == "max_tokens" and facts.max_output is not None:
            if isinstance(value, Decimal) and value > facts.max_output:
                message = f"an answer of `{model}` has at most {facts.max_output} tokens"
                reports.add(
                    Here(place.source, 0),
                    "out-of-range",
                    message,
                    span,
                    f"write `max_tokens: {facts.max_output}` or less",
                )
        elif key == "reasoning_effort" and facts.efforts and isinstance(value, str) and value not in facts.efforts:
            message = f"`{model}` takes {', '.join(facts.efforts)} as `{key}`"
            reports.add(Here(place.source, 0), "unsupported-setting", message, span)
        elif key == "temperature" and facts.temperature is not None and isinstance(value, Decimal):
            low, high = facts.temperature
            if not low <= value <= high:
                reports.add(
                    Here(place.source, 0), "out-of-range", f"`{model}` takes a `{key}` from {low:f} to {high:f}", span
                )


def _compare_uses(model: str, facts: ModelFacts, step: CheckedStep, media: "_Media", reports: Reports) -> None:
    if step.tools and facts.can is not None and "tools" not in facts.can:
        message = f"`{model}` calls no tools, and step `{step.name}` uses `{step.tools[0].name}`"
        hint = "choose a model that does, or call the tool in a step of its own: `call:`"
        reports.add(Here(step.place.source, 0), "unsupported-setting", message, step.place.span, hint)
    if facts.takes is not None:
        for kind, place in media.found():
            if kind not in facts.takes:
                message = f"`{model}` takes no {kind}, and step `{step.name}` shows it {_ARTICLE[kind]}"
                hint = "choose a model that takes it; `flowlang models` shows what each one takes"
                reports.add(Here(place.source, 0), "unsupported-setting", message, place.span, hint)


class _Media:
    """The images and audio that a step's messages fill in: the first place of each kind, looked for when asked."""

    def __init__(self, flow: CheckedFlow, step: CheckedStep) -> None:
        self._flow = flow
        self._step = step
        self._names: dict[str, Type] = {}
        self._found: dict[str, Place] | None = None

    def found(self) -> Iterator[tuple[str, Place]]:
        if self._found is None:
            self._found = {}
            if any(isinstance(_innermost(one.type), types.MediaType) for one in self._flow.inputs.values()):
                self._look()
        yield from self._found.items()

    def _look(self) -> None:
        for loop in self._step.loops:
            self._names[loop.name] = item_of(type_of(loop.items, self._flow, self._names))
        for message in self._step.messages:
            self._look_in(message.text.parts, self._names, message.place)

    def _look_in(self, parts: tuple[ast.Part, ...], names: Mapping[str, Type], place: Place) -> None:
        for part in parts:
            match part:
                case ast.Slot(value=value):
                    kind = _innermost(type_of(value, self._flow, names))
                    if isinstance(kind, types.MediaType):
                        assert self._found is not None
                        start = place.span.start
                        key = Span(start, place.source.text.index(":", start))
                        self._found.setdefault(kind.kind, Place(place.source, key))
                case ast.For(name=name, items=items, body=body):
                    self._look_in(body, {**names, name.text: item_of(type_of(items, self._flow, names))}, place)
                case ast.If(body=body, other=other):
                    self._look_in((*body, *other), names, place)
                case _:
                    pass


def _innermost(of: Type) -> Type:
    """The type of what a list holds, or of the thing itself."""
    found = bare(of)
    while isinstance(found, types.ListOf):
        found = bare(found.item)
    return found
