"""Stands around who answers and who carries tools out, so that no secret comes back from them."""

from collections.abc import Mapping
from dataclasses import replace

from ..language.checked import CheckedTool
from ..language.values import Secret, Value
from ..models.chat import ChatRequest, Chunk, Complete, EmitChunk, Reply
from ..models.rest import rewritten
from .secrets import Secrets, joined
from .tools import PerformTool, ToolFailed


def hide_from_model(complete: Complete, secrets: Secrets) -> Complete:
    """Who answers, without any secret in the answer or in what streams of it, however that is cut into pieces."""
    if not secrets:
        return complete

    async def answer(request: ChatRequest, emit: EmitChunk) -> Reply:
        held = ""

        def pass_on(chunk: Chunk) -> None:
            nonlocal held
            held += chunk.text
            size = secrets.unfinished(held)
            ready, held = held[:size], held[size:]
            if ready:
                emit(replace(chunk, text=secrets.redact(ready)))

        reply = await complete(request, pass_on)
        if held:
            emit(Chunk(secrets.redact(held)))
        redact = secrets.redact
        calls = tuple(
            replace(call, name=redact(call.name), arguments=redact(call.arguments), rest=rewritten(call.rest, redact))
            for call in reply.tool_calls
        )
        return replace(reply, text=redact(reply.text), tool_calls=calls, rest=rewritten(reply.rest, redact))

    return answer


def hide_from_tools(perform: PerformTool, secrets: Secrets) -> PerformTool:
    """Who carries tools out, without any secret in what they give back: neither a model nor a step ever sees one."""

    async def carry_out(tool: CheckedTool, takes: Mapping[str, Value], own: Mapping[str, Secret]) -> str | None:
        # A flow may hand on to another one, as a secret, what was none before.
        known = joined(secrets, {name: one.value for name, one in own.items()})
        try:
            result = await perform(tool, takes, own)
            return None if result is None else known.redact(result)
        except ToolFailed as failed:
            hints = map(known.redact, failed.hints)
            message = known.redact(failed.message)
            raise ToolFailed(message, *hints, rule=failed.rule, told=failed.told) from None

    return carry_out
