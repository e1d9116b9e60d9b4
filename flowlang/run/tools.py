"""The socket for whoever carries a tool out, and what the runner says where nobody does."""

from collections.abc import Awaitable, Callable, Mapping

from ..language.checked import CheckedTool
from ..language.values import Secret, Value

# The tool, what it takes by name, and the flow's secrets; the answer is the tool's result as text.
PerformTool = Callable[[CheckedTool, Mapping[str, Value], Mapping[str, Secret]], Awaitable[str]]


class ToolFailed(Exception):
    """A tool that did not do its work. `told`: the model that called it may hear of it, and go on."""

    def __init__(self, message: str, *hints: str, rule: str = "tool-failed", told: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.rule = rule
        self.told = told


async def refuse_tools(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    """Stands in where no tool may run."""
    raise ToolFailed(f"tool `{tool.name}` cannot run here: no tool is allowed", rule="not-allowed", told=False)
