"""Which line of which text of a step is another one than it was: two versions of its flow are compared."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from ..diagnostics.source import SourceFile
from ..language.checked import CheckedFlow, CheckedStep, Message, Place
from ..record import record
from .phrases import written

MOST_LINES = 2_000  # of a text that is compared line by line; of a longer one only the first difference is sought
_SECTIONS = frozenset(("step", "input", "preset", "schema", "tool", "let", "output", "flow", "test"))


@record
class Edit:
    """A text that changed. `what` is the setting's name, or a snippet or text file that it reads, with its name.

    `path` and `line` are where the change begins, in the version of now; `old` and `new` the lines that differ.
    """

    what: str
    path: str
    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def edits(before: CheckedFlow, now: CheckedFlow, old: CheckedStep, new: CheckedStep) -> tuple[Edit, ...]:
    """The texts of a step that changed. `before` and `now` are main flows, which know all files that were read."""
    found: list[Edit] = []
    then, said = [_said(one) for one in old.messages], [_said(one) for one in new.messages]
    for tag, start, end, begin, stop in SequenceMatcher(None, then, said, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = old.messages[start:end], new.messages[begin:stop]
        for one, two in zip(gone, come, strict=False):
            found += _edits_of(one, two) or _edits_elsewhere(before, now)
        found += [_whole(two) for two in come[len(gone) :]]
        path, line = where(new.place)
        found += [Edit(_name_of(one), path, line, _lines_of(one.place), ()) for one in gone[len(come) :]]
    return tuple(dict.fromkeys(found))


def where(place: Place) -> tuple[str, int]:
    """The file and line of a place."""
    return place.source.path, place.source.position(place.span.start)[0]


def _said(message: Message) -> tuple[str, str]:
    return message.role, "".join(map(written, message.text.parts))


def _whole(message: Message) -> Edit:
    path, line = where(message.place)
    return Edit(_name_of(message), path, line, (), _lines_of(message.place))


def _name_of(message: Message) -> str:
    """The setting that gives a message, as it is written."""
    return message.place.source.text[slice(*message.place.span)].partition(":")[0].strip()


def _edits_of(old: Message, new: Message) -> list[Edit]:
    """The changes in the very lines of a text."""
    path, line = where(new.place)
    name = _name_of(new)
    return [Edit(name, path, line + at, one, two) for at, one, two in hunks(_lines_of(old.place), _lines_of(new.place))]


def _edits_elsewhere(before: CheckedFlow, now: CheckedFlow) -> list[Edit]:
    """The changes in snippets and text files: a text reads one of them."""
    known = {source.path: source for source in before.files}
    found: list[Edit] = []
    for source in now.files:
        was = known.get(source.path)
        if was is None or was.text == source.text:
            continue
        for at, old, new in hunks(was.text.split("\n"), source.text.split("\n"), strips=True):
            name = _snippet_at(source, at + 1) if source.path.endswith(".flow") else f"file {source.path}"
            if name:
                found.append(Edit(name, source.path, at + 1, old, new))
    return found


def _snippet_at(source: SourceFile, line: int) -> str:
    """`snippet NAME`, if the line stands in one; else nothing."""
    for number in range(min(line, source.line_count()), 0, -1):
        words = source.line(number).split()
        if words and words[0] == "snippet" and len(words) > 1:
            return f"snippet {words[1].rstrip(':')}"
        if len(words) > 1 and words[0] in _SECTIONS:
            return ""
    return ""


def _lines_of(place: Place) -> tuple[str, ...]:
    """The lines of a text as they stand in its file, without their margin."""
    return tuple(line.strip() for line in place.source.text[slice(*place.span)].split("\n"))


def hunks(
    old: Sequence[str], new: Sequence[str], strips: bool = False
) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """The runs of lines that differ: where each begins in the new lines, what stood there, what stands there now."""
    if strips:
        old, new = [line.strip() for line in old], [line.strip() for line in new]
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    one, two = old[first : len(old) - last], new[first : len(new) - last]
    if len(one) + len(two) > MOST_LINES:
        yield first, tuple(one[:1]), tuple(two[:1])
        return
    for tag, from_, to, begin, end in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag != "equal":
            yield first + begin, tuple(one[from_:to]), tuple(two[begin:end])
