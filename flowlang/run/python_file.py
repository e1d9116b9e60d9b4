"""The Python file of a tool, looked at without running it: is the function there, and does it take what it is given?"""

import ast
from functools import lru_cache

from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedTool
from ..language.loader import Denied

Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=4)
def _parsed(data: bytes) -> ast.Module:
    """The file's tree; tools of one file stand one after the other."""
    return ast.parse(data)


def python_mistake(tool: CheckedTool, data: bytes) -> Denied | None:
    """What is wrong with the Python file of a tool, which is read and never run here: is the function in it?"""
    try:
        tree = _parsed(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return Denied("bad-file", f"the Python file of tool `{tool.name}` can't be read{line}")
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    others = {
        name.asname or name.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    } | {target.id for node in tree.body if isinstance(node, ast.Assign) for target in _names(node)}
    if tool.function in functions or tool.function in others:
        return _arguments_mistake(tool, functions.get(tool.function))
    near = nearest(tool.function, list(functions))
    hint = f"did you mean `{near}`?" if near else "it has " + (", ".join(f"`{one}`" for one in functions) or "none")
    return Denied("not-found", f"there is no function `{tool.function}` in that Python file", (hint,))


def _names(node: ast.Assign) -> list[ast.Name]:
    return [target for target in node.targets if isinstance(target, ast.Name)]


def _arguments_mistake(tool: CheckedTool, function: Function | None) -> Denied | None:
    """A function must take exactly what the tool gives it."""
    if function is None or function.decorator_list:
        return None
    told = function.args
    named = [one.arg for one in (*told.args, *told.kwonlyargs)]
    required = [one.arg for one in told.args[: len(told.args) - len(told.defaults)]]
    required += [one.arg for one, given in zip(told.kwonlyargs, told.kw_defaults, strict=True) if given is None]
    given = [name for name, _, _ in tool.takes]
    for name in given:
        if name not in named and told.kwarg is None:
            return Denied(
                "wrong-value", f"the function `{tool.function}` has no argument `{name}`, and the tool takes it"
            )
    for name in (*(one.arg for one in told.posonlyargs), *required):
        if name not in given:
            hint = f"add a line `takes {name}: text`, or give the argument a default"
            return Denied(
                "wrong-value", f"the function `{tool.function}` needs `{name}`, and the tool has none", (hint,)
            )
    return None
