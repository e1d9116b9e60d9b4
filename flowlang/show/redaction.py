"""What of a run is shown or written, without its secrets: see `run/secrets.py` for how they are found."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from ..language.values import Document, Remembered, Value
from ..language.writing import as_text
from ..run.event import CallStarted, Delta, Emit, Event, Noted, StepFailed, StepFinished, StepSkipped
from ..run.outcome import Done, Outcome, Result
from ..run.secrets import Secrets


def redacted_events(emit: Emit, secrets: Secrets) -> Emit:
    """A listener who hears of no secret. What streams is redacted where it begins, by `hide_from_model`."""
    if not secrets:
        return emit
    redact = secrets.redact

    def hear(event: Event) -> None:
        match event:
            case Delta():
                event = replace(event, text=redact(event.text))
            case StepFailed():
                event = replace(event, message=redact(event.message), hints=tuple(map(redact, event.hints)))
            case StepSkipped():
                event = replace(event, because=redact(event.because))
            case CallStarted(because=because) if because:
                event = replace(event, because=redact(because))
            case StepFinished(because=because) if because:
                event = replace(event, because=redact(because))
            case Noted():
                event = replace(event, message=redact(event.message))
            case _:
                pass
        emit(event)

    return hear


def redacted_result(result: Result, secrets: Secrets) -> Result:
    """A run's result with no secret in what it puts out."""
    if not secrets:
        return result
    return replace(result, outputs={name: _outcome(one, secrets) for name, one in result.outputs.items()})


def redacted_value(value: Value, secrets: Secrets) -> Value:
    """The value with every text in it redacted, the names of fields included; a number that shows one is a text."""
    return _Redaction(secrets).of(value)


def _outcome(outcome: Outcome, secrets: Secrets) -> Outcome:
    return Done(redacted_value(outcome.value, secrets)) if isinstance(outcome, Done) else outcome


class _Redaction:
    """One value under way. A part that stands in it many times is redacted once: lists that hold each other twice
    would take for ever otherwise."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.done: dict[int, Value] = {}

    def of(self, value: Value) -> Value:
        if not isinstance(value, tuple | Mapping | Remembered):
            return self._plain(value)
        if (known := self.done.get(id(value))) is None:
            known = self.done[id(value)] = self._made_of(value)
        return known

    def _made_of(self, value: Value) -> Value:
        match value:
            case Remembered():
                return Remembered(self.of(value.value), {name: self.of(one) for name, one in value.memory.items()})
            case tuple():
                return tuple(map(self.of, value))
            case Mapping():
                return {self.secrets.redact(name): self.of(one) for name, one in value.items()}
            case _:
                return value

    def _plain(self, value: Value) -> Value:
        redact = self.secrets.redact
        match value:
            case str():
                return redact(value)
            case Document():
                return Document(redact(value.text), redact(value.name), tuple(map(redact, value.pages)))
            case Decimal():
                shown = as_text(value)
                hidden = redact(shown)
                return value if hidden == shown else hidden
            case _:
                return value
