"""Checks `continues:`: the step whose whole conversation comes first."""

from . import ast
from .neighbours import Around
from .typed import Typer

_PICKS = frozenset(("where", "sort by", "first", "last", "unique"))
_MOST_LETS = 64


def check_continues(setting: ast.Setting | None, lists: tuple[ast.Ref, ...], flow: Around, typer: Typer) -> str | None:
    """The name of the step that is continued. `lists` are what the continuing step repeats over."""
    if setting is None:
        return None
    item = setting.items[0]
    if not isinstance(item, ast.Word) or len(setting.items) > 1:
        typer.tell("wrong-value", "`continues` takes one step's name", setting.items[-1].span)
        return None
    step = flow.find_step(ast.Name(item.text, item.span), typer.look.here)
    if step is None:
        return None
    typer.look.reads.setdefault(item.text, (typer.look.here, item.span))
    if step.kind != "prompt":
        message = f"`{item.text}` asks no model, so there is no conversation to go on with"
        typer.tell("wrong-type", message, item.span)
    elif step.setting("samples") is not None:
        message = f"`{item.text}` is asked several times (`samples`), so it has no one conversation"
        typer.tell("wrong-value", message, item.span)
    elif step.repeats and not any(_leads_to(one, item.text, flow, 0) for one in lists):
        message = f"`{item.text}` repeats, so there is a conversation for each of its answers"
        typer.tell("wrong-type", message, item.span, f"add `repeat for each answer in {item.text}`")
    return item.text


def _leads_to(items: ast.Ref, step: str, flow: Around, depth: int) -> bool:
    """Whether a list is that step's answers, or a let that only picks or orders them."""
    if len(items.parts) > 1:
        return False
    name = items.parts[0].text
    if name == step:
        return True
    declared = flow.declared(name)
    header = declared.section.header if declared else None
    if not isinstance(header, ast.Let) or depth > _MOST_LETS:
        return False
    match header.value:
        case ast.Ref() as other:
            return _leads_to(other, step, flow, depth + 1)
        case ast.Piped(head=ast.Ref() as other, filters=filters):
            picks = all(f.name in _PICKS and (f.arguments or f.name not in ("first", "last")) for f in filters)
            return picks and _leads_to(other, step, flow, depth + 1)
    return False
