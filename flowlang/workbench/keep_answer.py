"""Writes the answer of a step to the flow's recordings, so that tests and `--offline` have it, too."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ..language.checked import CheckedStep
from ..models.chat import ChatRequest
from ..models.recording import Recorded, Which
from ..plan.request_parts import exact, request_print
from ..run.recorder import Recorder
from ..run.staying import Place
from ..show.numbers import count
from ..store.rows import Kept
from .recording import open_answers, write_answers

Asked = Iterable[tuple[Place, ChatRequest]]  # the last questions


def keep_answer(
    flow: str, step: CheckedStep, asked: Asked, find: Callable[[ChatRequest], Kept | None], redact: Callable[[str], str]
) -> str:
    """Writes what a step was answered; what to say of that. Raises Refusal where nothing can be written."""
    file = open_answers(Path(flow))
    if file.mistakes:
        return f"{file.shown} has mistakes, and is not written over: flowlang test {flow}"
    texts = Recorder(file.recordings).texts_of(step)
    written = 0
    for (path, name, item, sample, rule), request in asked:
        kept = find(request) if not path and not rule and name == step.name else None
        if kept is None:
            continue
        printed = request_print(request, texts)
        calls = tuple((redact(call.name), redact(call.arguments)) for call in kept.reply.tool_calls)
        place = (item,) if item is not None else ()
        which = Which(step.name, place=place, sample=sample if step.samples is not None else 0)
        usage = kept.reply.usage
        tokens = (usage.tokens_in, usage.tokens_out)
        file.recordings.add(Recorded(which, printed, redact(kept.reply.text), calls, tokens=tokens), exact(printed))
        written += 1
    if not written:
        return f"{step.name} has no answer that could be recorded"
    ordered = sorted(file.recordings, key=lambda one: one.which.order())
    write_answers(file, ordered)
    return f"wrote {count(written, 'answer')} of {step.name} to {file.shown}"
