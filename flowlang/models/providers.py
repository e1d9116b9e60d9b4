"""Who answers for a model: the providers that are built in, those that a project adds, and the one a model id means."""

from collections.abc import Mapping
from dataclasses import field

from ..language.address import BadAddress, split_address
from ..record import record


@record
class Provider:
    """Where a provider is reached, and the variable of the environment that holds its key; empty: it needs none.

    `at_once`: calls that are open at the same time, at first; 0 where nobody says. `extras`: fields of its own that
    may be sent to it.
    """

    base_url: str = ""
    key_env: str = ""
    at_once: int = 0
    extras: tuple[str, ...] = ()


BUILT_IN: Mapping[str, Provider] = {
    "bytespike": Provider("https://llm.bytespike.ai/v1", "BYTESPIKE_API_KEY", 5, ("grounding",)),
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY", 8),
    # On this computer: one or two calls are all that most of them work on at the same time.
    "ollama": Provider("http://localhost:11434/v1", "", 2),
    "llamacpp": Provider("http://localhost:8080/v1", "", 2),
    "vllm": Provider("http://localhost:8000/v1", "", 8),
    "lmstudio": Provider("http://localhost:1234/v1", "", 1),
}
AT_ONCE = 5  # calls at the same time, at first, where nobody says
FIRST = "bytespike"  # the provider of model ids without one in front, where nobody says otherwise
_OPENAI_ADDRESS = "OPENAI_BASE_URL"


@record
class Endpoint:
    """A provider, ready to be asked. `key` is its value, and `key_env` the variable that holds it."""

    name: str
    base_url: str
    key: str = field(default="", repr=False)
    at_once: int = 5
    extras: frozenset[str] = frozenset()
    key_env: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is on this computer."""
        try:
            return split_address(self.base_url).is_loopback()
        except BadAddress:
            return False


@record
class Providers:
    """All providers of a run: `known` by name, and `first` for model ids without one in front."""

    known: Mapping[str, Provider]
    first: str

    def of(self, model: str) -> tuple[str, str]:
        """The provider that a model id means, and the id that it is sent."""
        name, slash, rest = model.partition("/")
        return (name, rest) if slash and rest and name in self.known else (self.first, model)

    def variable_of(self, model: str) -> str:
        """The variable that must hold the key for a model; empty if none is needed."""
        found = self.known.get(self.of(model)[0])
        return found.key_env if found is not None else ""

    def endpoint(self, name: str, environment: Mapping[str, str]) -> Endpoint:
        """The provider as an endpoint. Raises KeyError for a name that nobody has."""
        one = self.known[name]
        key = environment.get(one.key_env, "").strip() if one.key_env else ""
        return Endpoint(name, one.base_url.rstrip("/"), key, one.at_once or AT_ONCE, frozenset(one.extras), one.key_env)


def providers_of(added: Mapping[str, Provider], first: str | None, environment: Mapping[str, str]) -> Providers:
    """The providers of a project: those that are built in, with what it adds or corrects.

    Where nobody says which one comes first and the key of OpenAI is all that there is, OpenAI does.
    """
    known = dict(BUILT_IN)
    if address := environment.get(_OPENAI_ADDRESS, "").strip():
        known["openai"] = Provider(address, "OPENAI_API_KEY", 8)
    for name, one in added.items():
        before = known.get(name, Provider(""))
        known[name] = Provider(
            one.base_url or before.base_url,
            one.key_env or before.key_env,
            one.at_once or before.at_once,
            one.extras or before.extras,
        )
    if first is None:
        here = [name for name in (FIRST, "openai") if environment.get(known[name].key_env, "").strip()]
        first = here[0] if here else FIRST
    return Providers(known, first)
