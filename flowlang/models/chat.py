"""A chat-completion call as plain data, and the socket for whoever answers it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from decimal import Decimal
from typing import Any

from ..language.types import Type
from ..language.values import Media
from ..record import record


@record
class ToolCall:
    """A call that the model asks for. `arguments` is the JSON text as it came; `rest` keeps unknown fields."""

    id: str
    name: str
    arguments: str
    rest: Mapping[str, Any] = field(default_factory=dict)


@record
class ChatMessage:
    """One message. `parts` are texts and media in their order.

    `rest` keeps unknown fields of an answer that called tools. It is told only to the model that gave it: `said_by`, as
    the flow names it.

    Texts may be neighbours: a long one that many prompts share is a part by itself, the same object in all of them.
    They are one text all the same. Whoever reads parts asks for `runs`, and what comes of it must not depend on how a
    text is cut.
    """

    role: str  # "system", "user", "assistant", "tool"
    parts: tuple[str | Media, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    rest: Mapping[str, Any] | None = None
    said_by: str = ""

    @property
    def text(self) -> str:
        """The message's texts, joined."""
        return "".join([part for part in self.parts if isinstance(part, str)])

    @property
    def runs(self) -> tuple[tuple[str, ...] | Media, ...]:
        """The parts, with the pieces of one text together."""
        found: list[tuple[str, ...] | Media] = []
        texts: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            if texts:
                found.append(tuple(texts))
                texts = []
            found.append(part)
        return (*found, tuple(texts)) if texts else tuple(found)

    def told_to(self, model: str) -> "ChatMessage":
        """The message as a model may see it: without what only the one that said it understands."""
        if not self.said_by or self.said_by == model:
            return self
        calls = tuple(replace(call, rest={}) for call in self.tool_calls)
        return replace(self, tool_calls=calls, rest=None)


@record
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@record
class ChatRequest:
    """One question to a model.

    `answer` is the type that the reply must fit (None: text); `schema` its JSON Schema, an object at the root, which
    providers are told as `schema_name`, and may enforce if it is `strict`.
    `parameters` holds only what the flow sets, by the names of the language. `sample` tells equal questions of
    one step apart.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    parameters: Mapping[str, str | Decimal | bool | tuple[str, ...]] = field(default_factory=dict)
    answer: Type | None = None
    schema: Mapping[str, Any] | None = None
    schema_name: str = ""
    strict: bool = False
    tools: tuple[ToolSpec, ...] = ()
    sample: int = 1


@record
class Usage:
    """Tokens of one call; `tokens_cached` is the part of `tokens_in` that the provider had in its cache.

    `tokens_written` is the part of it that went into the cache. `searches` is how often the provider's own search is
    billed: nobody tells, so it is once for a call that may use it. `estimated`: the provider did not tell, so tokens
    are counted from the texts.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    estimated: bool = False
    tokens_written: int = 0
    searches: int = 0


@record
class Reply:
    """A finished answer: its text as it came, or the tool calls it asks for; `rest` is what else came with these.

    `turns` are the turns of tools that led to an answer from before, where there were some.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"  # "stop", "length", "tool_calls", "content_filter", "refusal"
    usage: Usage = Usage()
    model: str = ""
    attempts: int = 1
    cached: bool = False
    turns: tuple[ChatMessage, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)


@record
class Chunk:
    """A piece of a streaming answer, in order."""

    text: str


EmitChunk = Callable[[Chunk], None]
Complete = Callable[[ChatRequest, EmitChunk], Awaitable[Reply]]
