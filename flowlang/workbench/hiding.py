"""What a command must not show: the values of keys and secret inputs, from the moment they are known."""

from collections.abc import Mapping

from ..language.values import Secret, Value
from ..run.inputs import InputMistake
from ..run.secrets import Secrets, secrets_of, why_not_hidden
from .screen import Screen


def hide(named: Mapping[str, str], screen: Screen) -> None:
    """Keeps these values out of all that the command writes from now on; each is shown as its name."""
    screen.hidden = {**screen.hidden, **named}
    screen.redact = hidden_by(screen).redact


def hidden_by(screen: Screen) -> Secrets:
    """All that was hidden so far."""
    return secrets_of(screen.hidden)


def hide_inputs(values: Mapping[str, Value], screen: Screen) -> tuple[InputMistake, ...]:
    """Hides the secret inputs among these values; returns what is wrong with those that cannot be hidden."""
    secrets = {name: value.value for name, value in values.items() if isinstance(value, Secret)}
    if secrets:
        hide(secrets, screen)
    hint = "if it need not be kept secret, declare the input as `text`"
    return tuple(
        InputMistake("wrong-value", f"`--{name}` is a secret that {reason}", (hint,), name)
        for name, value in secrets.items()
        if (reason := why_not_hidden(value))
    )
