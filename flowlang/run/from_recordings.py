"""Answers a run from a flow's recordings where one fits, and lets somebody else answer where none does."""

from ..models.chat import ChatRequest, Chunk, Complete, EmitChunk, Reply, ToolCall, Usage
from ..models.recording import Recordings
from ..plan.request_parts import exact, request_print, texts_print


class FromRecordings:
    """Who answers, with `count` of the answers that were recorded ones."""

    def __init__(self, recordings: Recordings, other: Complete) -> None:
        self._recordings = recordings
        self._other = other
        self._texts = texts_print(())
        self.count = 0

    async def complete(self, request: ChatRequest, emit: EmitChunk) -> Reply:
        """The recorded answer to this very request, whichever test it was recorded for; else the other's."""
        one = self._recordings.said(exact(request_print(request, self._texts)), request.sample)
        if one is None:
            return await self._other(request, emit)
        self.count += 1
        if one.text:
            emit(Chunk(one.text))
        calls = tuple(ToolCall(f"call-{number}", *call) for number, call in enumerate(one.calls, 1))
        usage = Usage(*one.tokens) if one.tokens is not None else Usage()
        return Reply(one.text or "", calls, "tool_calls" if calls else "stop", usage, request.model)
