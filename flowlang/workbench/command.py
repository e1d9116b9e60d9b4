"""What a command takes, as data: the words of a command line are read by it, and its help is made of it."""

from ..record import record


@record
class Word:
    """An argument without a flag. `many` ones take any number."""

    name: str
    about: str
    needed: bool = True
    many: bool = False


@record
class Flag:
    """`--name`, with a value if `value` says of what kind; `choices` are the only values it takes.

    A flag with a value in brackets, as in `[STEP]`, may also stand alone, and then has an empty one.
    """

    name: str
    about: str
    value: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()

    @property
    def may_stand_alone(self) -> bool:
        """Whether the value may be left out."""
        return self.value.startswith("[")


@record
class Command:
    """One command; the module of its name has `perform(given, screen)`, which returns the exit code.

    `opens_flow`: its first word is a flow, which is opened before anything else and goes to `perform` as well;
    `takes_inputs`: the inputs of that flow are flags beside its own. `opens_run`: its first word is an earlier run,
    whose flow is opened in the same way, and of whose inputs only the secret ones are flags. `flow_may_miss`: without
    the flow, the module's `last_flow` says which one is meant. `keeps_looking`: it opens the flow itself, which may
    have mistakes, and `perform(words, screen)` gets the words as they were typed.
    """

    name: str
    words: tuple[Word, ...] = ()
    flags: tuple[Flag, ...] = ()
    about: str = ""
    examples: tuple[str, ...] = ()
    opens_flow: bool = False
    opens_run: bool = False
    takes_inputs: bool = False
    keeps_looking: bool = False
    flow_may_miss: bool = False
