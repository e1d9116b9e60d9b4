"""Checks the texts that a step sends: what they are, and whether they name what changes from item to item."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from ..diagnostics.source import Span
from . import ast
from .check_settings import tell_no_text
from .check_shared import shared_text_last
from .checked import Message
from .neighbours import Around
from .step_lines import StepLines
from .typed import Typer

MESSAGES = ("system", "user", "assistant", "prompt")


def check_messages(step: StepLines, typer: Typer) -> tuple[Message, ...]:
    messages: list[Message] = []
    prompt: Message | None = None
    for line in step.lines:
        if not isinstance(line, ast.Setting) or line.key.text not in MESSAGES:
            continue
        key = line.key.text
        text = _text(step, typer, line, media=key in ("prompt", "user"))
        if text is None:
            continue
        if key == "prompt":
            prompt = Message("user", text, step.place(line.span))
            if _is_blank(line.items[0]) and not step.section.broken:
                step.reports.add(step.here, "wrong-value", "this prompt is empty", line.items[0].span)
        else:
            messages.append(Message(key, text, step.place(line.span)))
    return (*messages, prompt) if prompt else tuple(messages)


def _text(step: StepLines, typer: Typer, line: ast.Setting, media: bool) -> ast.Text | None:
    item = line.items[0]
    if len(line.items) > 1 or not isinstance(item, ast.Text | ast.FileText):
        tell_no_text(line, step.here, step.reports)
        return None
    typer.media = media
    resolved = typer.text(item)
    typer.media = False
    return resolved


def warn_unnamed(step: StepLines, loops: Iterable[str], used: AbstractSet[str]) -> None:
    repeat = step.line(ast.RepeatEach)
    names = set(loops)
    if repeat is None or step.kind != "prompt" or step.section.broken or step.setting("continues"):
        return
    if not used & (names | {"place"}):
        shown = " and ".join(f"`{{{{ {name} }}}}`" for name in sorted(names))
        message = f"the prompt never names {shown}, so every item gets the same question"
        span = Span(repeat.span.start, repeat.span.start + len("repeat"))
        hint = "for the same question several times write `samples: 5`"
        step.reports.add(step.here, "not-named-item", message, span, hint, severity="warning")


def warn_shared_last(step: StepLines, loops: Iterable[str], flow: Around) -> None:
    if not step.repeats or step.kind != "prompt" or step.section.broken or step.setting("continues"):
        return
    lines = [line for line in step.lines if isinstance(line, ast.Setting) and line.key.text in MESSAGES]
    lines.sort(key=lambda line: line.key.text == "prompt")  # it is sent last
    texts = [item for line in lines for item in line.items[:1] if isinstance(item, ast.Text | ast.FileText)]
    items = frozenset(("place", *loops))
    found = shared_text_last(texts, items, flow, step.here)
    if found is not None:
        shared, span = found
        message = f"what changes from call to call stands before `{shared}`, which is the same in all of them"
        put = f"`{{{{ {shared} }}}}`" if not shared.startswith("file ") else f"`{shared}`"
        hint = f"put {put} first, and the provider's cache can serve it"
        step.reports.add(step.here, "shared-text-last", message, span, hint, severity="warning")


def _is_blank(item: ast.Item) -> bool:
    """Whether a text has nothing in it, as it is written."""
    return isinstance(item, ast.Text) and all(isinstance(part, str) and not part.strip() for part in item.parts)
