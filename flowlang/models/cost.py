"""What calls cost, in US dollars, by the prices of the catalogue. What is not known is None, never 0."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from ..language.values import Media
from ..record import record
from .catalog import PARTS, Catalogue, Entry, Price
from .chat import ChatMessage, ChatRequest, Usage
from .providers import Endpoint, Providers
from .tokens import estimate_tokens_of

_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)
_IMAGE_TOKENS = 1_600  # of a picture in full detail; small ones cost less
_AUDIO_BYTES = 500  # for one token, of a recording that is packed as usual
# An estimate is off by so much at most in what was measured; a limit must hold all the same.
_MARGIN = Decimal("1.25")


def cost_usd(entry: Entry, usage: Usage) -> Decimal | None:
    """What a call cost; None where a price in it is not known.

    Without prices of their own, what is read from a cache and what is written to one cost as input.
    """
    price = entry.price
    if price.input is None or price.output is None or (usage.searches and price.grounding is None):
        return None
    cached = min(usage.tokens_cached, usage.tokens_in)
    written = min(usage.tokens_written, usage.tokens_in - cached)
    total = (usage.tokens_in - cached - written) * price.input + usage.tokens_out * price.output
    total += cached * (price.input if price.cached is None else price.cached)
    total += written * (price.input if price.cache_write is None else price.cache_write)
    return total / _MILLION + usage.searches * (price.grounding or _NOTHING)


def worst_case_usd(entry: Entry, tokens_in: int, max_output: int | None, searches: int = 0) -> Decimal | None:
    """The most that a call can cost: nothing is cached yet, all of it will be, and the answer is as long as it may be.

    `max_output` is what the request asks for; None takes the model's own. None where either or the price is not known.
    """
    longest = entry.max_output if max_output is None else max_output
    if longest is None:
        return None
    dearest = (cost_usd(entry, Usage(tokens_in, longest, 0, False, one, searches)) for one in (0, tokens_in))
    return max((cost for cost in dearest if cost is not None), default=None)


def searches_of(parameters: Mapping[str, object]) -> int:
    """How often a call with these parameters pays for the provider's own search."""
    return int(parameters.get("grounding") is True)


def tokens_of(text: str) -> int:
    """An estimate of a text's tokens; a long text that many calls share is counted once."""
    return estimate_tokens_of((text,))


def tokens_of_messages(messages: tuple[ChatMessage, ...]) -> int:
    """An estimate of the tokens of messages."""
    total = 4 * len(messages)  # each has a role and its marks
    for message in messages:
        for run in message.runs:
            total += tokens_of_media(run) if isinstance(run, Media) else estimate_tokens_of(run)
        total += sum(tokens_of(call.arguments) + tokens_of(call.name) for call in message.tool_calls)
    return total


def tokens_of_media(media: Media) -> int:
    """An estimate of the tokens of an image or audio."""
    return _IMAGE_TOKENS if media.kind == "image" else 1 + len(media.data) // _AUDIO_BYTES


def tokens_of_request(request: ChatRequest) -> int:
    """An estimate of the tokens of a question, its schema and its tools included."""
    total = tokens_of_messages(request.messages)
    if request.schema is not None:
        total += tokens_of(json.dumps(request.schema, ensure_ascii=False))
    for tool in request.tools:
        total += tokens_of(tool.name + tool.description + json.dumps(tool.parameters, ensure_ascii=False))
    return total


def free_models(providers: Providers) -> Callable[[str], bool]:
    """Whether nobody asks money for a model: its provider is on this computer and wants no key."""
    free = {
        name
        for name, one in providers.known.items()
        if one.base_url and not one.key_env and Endpoint(name, one.base_url).is_local
    }
    return lambda model: providers.of(model)[0] in free


@record
class Prices:
    """What the calls of a run cost. `is_free` says for which models without a price nobody asks money."""

    catalogue: Catalogue
    is_free: Callable[[str], bool]

    def entry(self, model: str) -> Entry:
        """What is known of a model; one of which nothing is, and that is free, costs nothing."""
        found = self.catalogue.entry(model) or Entry(model)
        if found.price == Price() and self.is_free(model):
            return replace(found, price=Price(*[_NOTHING] * len(PARTS)), max_output=found.max_output or 0)
        return found

    def cost_usd(self, model: str, usage: Usage) -> Decimal | None:
        """What a call to a model cost; None if its price is not known."""
        return cost_usd(self.entry(model), usage)

    def saved_usd(self, model: str, usage: Usage) -> Decimal:
        """What a call cost less because its provider remembered a part of the input; 0 where that is not known."""
        price = self.entry(model).price
        if price.input is None or price.cached is None:
            return _NOTHING
        return min(usage.tokens_cached, usage.tokens_in) * (price.input - price.cached) / _MILLION

    def worst_case_usd(self, request: ChatRequest) -> Decimal | None:
        """The most that a request can cost; None if that is not known."""
        most = request.parameters.get("max_tokens")
        longest = int(most) if isinstance(most, Decimal) else None
        tokens_in = int(tokens_of_request(request) * _MARGIN)
        return worst_case_usd(self.entry(request.model), tokens_in, longest, searches_of(request.parameters))

    def abandoned_usd(self, request: ChatRequest, streamed: str) -> Decimal | None:
        """What a call may cost on which we hung up: providers bill what they had answered until then."""
        taken, said = tokens_of_request(request), tokens_of(streamed)
        return self.cost_usd(request.model, Usage(taken, said, searches=searches_of(request.parameters)))

    def missing(self, model: str, has_max_tokens: bool, searches: bool = False) -> str:
        """What must be known of a model before its cost has a limit; empty: nothing.

        "price", "grounding" (its price, where the provider's own search may be used) or "max_output".
        """
        entry = self.entry(model)
        if entry.price.input is None or entry.price.output is None:
            return "price"
        if searches and entry.price.grounding is None:
            return "grounding"
        return "" if has_max_tokens or entry.max_output is not None else "max_output"
