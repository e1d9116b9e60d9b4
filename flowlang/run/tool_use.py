"""Tools as a step uses them: carried out within a time, told as events, and a model's turn of calls answered."""

import asyncio
from collections.abc import Mapping

from ..language.checked import CheckedTool, Place
from ..language.reading import read_json
from ..language.values import EMPTY, Secret, Value, ValueMistake
from ..models.chat import ChatMessage, ToolCall
from ..record import record
from .budget import in_words
from .calling import Gate
from .event import Emit, ToolCalled
from .fitting import Misfit, fitted
from .ground import Together
from .outcome import Failure, StepFailure
from .question import Asker
from .tools import PerformTool, ToolFailed

MOST_AT_A_TURN = 32  # tools that a model may call in one turn
MOST_RESULTS = 2_000_000  # characters of all the results of one turn
TOO_MANY = f"the tool was not called: at most {MOST_AT_A_TURN} calls may be made in one turn"


@record
class ToolUse:
    """All that it takes to carry out the tools of a step. `place` is the line to show where one fails."""

    perform_tool: PerformTool
    secrets: Mapping[str, Secret]
    asker: Asker
    emit: Emit
    gate: Gate
    together: Together
    place: Place

    async def perform(self, tool: CheckedTool, takes: Mapping[str, Value], timeout_s: float) -> str | None:
        """A tool's result, None for nothing; tells that it was called. Raises ToolFailed.

        Where the run that this one repeats has the result already, the tool is not called again.
        """
        gate, asker = self.gate, self.asker
        results = gate.keeping.results if gate.keeping is not None else None
        started, status = gate.clock(), "failed"
        where = (asker.path, asker.step, asker.item, tool, takes)
        if results is not None and (before := results.take(*where)) is not None:
            self.emit(ToolCalled(asker.path, asker.step, asker.item, tool.name, "from before", 0.0))
            return before.text
        try:
            async with asyncio.timeout(timeout_s):
                if gate.between is None:
                    result = await self.perform_tool(tool, takes, self.secrets)
                else:
                    result = await gate.between.performed(
                        asker, tool, takes, lambda: self.perform_tool(tool, takes, self.secrets)
                    )
            status = "ok"
            if results is not None:
                results.keep(*where, result)
            return result
        except TimeoutError:
            hint = "`timeout:` of the step sets how long it may take"
            raise ToolFailed(f"tool `{tool.name}` failed: it was not done after {in_words(timeout_s)}", hint) from None
        finally:
            self.emit(ToolCalled(asker.path, asker.step, asker.item, tool.name, status, gate.clock() - started))

    async def results_of(
        self, calls: tuple[ToolCall, ...], tools: tuple[CheckedTool, ...], timeout_s: float
    ) -> tuple[ChatMessage, ...]:
        """What the model is told of the tools that it called, in the order of its calls; they run side by side.

        Raises StepFailure.
        """
        results = {place: TOO_MANY for place in range(MOST_AT_A_TURN, len(calls))}
        wrong: dict[int, StepFailure] = {}

        async def work(place: int) -> bool:
            try:
                results[place] = await self._result_of(calls[place], tools, timeout_s)
            except StepFailure as one:
                wrong[place] = one
            return not wrong

        await self.together(range(min(len(calls), MOST_AT_A_TURN)), len(calls), work)
        if wrong:
            raise wrong[min(wrong)]
        left = MOST_RESULTS
        for place in sorted(results):
            left -= len(results[place])
            if left < 0:
                results[place] = "the result is left out: together they are too long"
        return tuple(ChatMessage("tool", (results[place],), tool_call_id=call.id) for place, call in enumerate(calls))

    async def _result_of(self, call: ToolCall, tools: tuple[CheckedTool, ...], timeout_s: float) -> str:
        """What the model is told that its tool call came to."""
        tool = next((tool for tool in tools if tool.name == call.name), None)
        if tool is None:
            return f"there is no tool called {call.name}; there are: {', '.join(tool.name for tool in tools)}"
        try:
            takes = _taken(tool, read_json(call.arguments or "{}"))
        except ValueMistake as mistake:
            return f"the tool was not called: {mistake.message}"
        except Misfit as misfit:
            return f"the tool was not called: {misfit.sentence(tool.name)}"
        try:
            result = await self.perform(tool, takes, timeout_s)
            return "nothing" if result is None else result
        except ToolFailed as failed:
            if not failed.told:
                raise StepFailure(Failure(failed.rule, failed.message, self.place, failed.hints)) from None
            return failed.message


def _taken(tool: CheckedTool, given: Value) -> Mapping[str, Value]:
    """What a tool takes, out of what the model gave. Raises Misfit."""
    if not isinstance(given, Mapping):
        raise Misfit("needs its values by name")
    return {name: fitted(given.get(name, EMPTY), of, (name,)) for name, of, _ in tool.takes}
