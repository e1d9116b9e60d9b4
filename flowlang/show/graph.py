"""A flow's steps as a picture: for the terminal, for Mermaid, for Graphviz."""

from collections.abc import Sequence

from ..language.checked import CheckedFlow, CheckedLet, CheckedStep
from ..record import record
from .phrases import condition_words
from .terminal import columns, visible_line


@record
class Node:
    """A box of the picture. `kind`: "input", "prompt", "run", "call", "let" or "output"; `level` 0 is on top."""

    name: str
    kind: str
    level: int
    notes: tuple[str, ...]
    reads: tuple[str, ...]
    waits_for: tuple[str, ...] = ()  # without reading it


def nodes_of(flow: CheckedFlow) -> tuple[Node, ...]:
    """Everything between the inputs and the outputs, these included, each level in the order of the file."""
    depths: dict[str, int] = dict.fromkeys(flow.inputs, 0)
    made: list[Node] = [Node(one.name, "input", 0, (), ()) for one in flow.inputs.values()]
    left: list[CheckedStep | CheckedLet] = [*flow.steps.values(), *flow.lets.values()]
    while left:
        # The checker has refused every cycle, so that something can always be placed.
        ready = [one for one in left if all(name in depths for name in _before(one))]
        assert ready, [one.name for one in left]
        for one in ready:
            level = 1 + max((depths[name] for name in _before(one)), default=0)
            depths[one.name] = level
            if isinstance(one, CheckedStep):
                waits = tuple(name for name in one.waits_for if name not in one.reads)
                made.append(Node(one.name, one.kind, level, _notes(one), one.reads, waits))
            else:
                made.append(Node(one.name, "let", level, (), one.reads))
        left = [one for one in left if one.name not in depths]
    last = 1 + max((node.level for node in made), default=0)
    for output in flow.outputs:
        notes = (f"to {output.path}",) if output.path else ()
        made.append(Node(output.name, "output", last, notes, output.reads))
    order = {name: place for place, name in enumerate([*flow.inputs, *_by_place(flow)])}
    return tuple(sorted(made, key=lambda node: (node.level, -1 if node.kind == "output" else order[node.name])))


def draw(flow: CheckedFlow, width: int) -> str:
    """A picture of boxes, a row for each level; a box says what it reads, so that no line has to be followed."""
    nodes = nodes_of(flow)
    inputs = [node.name for node in nodes if node.kind == "input"]
    outputs = [" ".join((node.name, *node.notes)) for node in nodes if node.kind == "output"]
    rows: dict[int, list[list[str]]] = {}
    for node in nodes:
        if node.kind not in ("input", "output"):
            rows.setdefault(node.level, []).append(_box(node, width))
    blocks = [_listed("inputs", inputs, width)] if inputs else []
    blocks += [_side_by_side(boxes, width) for boxes in rows.values()]
    blocks.append(_listed("outputs", outputs, width))
    arrow = ["     │", "     ▼"]
    lines = blocks[0]
    for block in blocks[1:]:
        lines = [*lines, *arrow, *block]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def mermaid(flow: CheckedFlow) -> str:
    """The picture for Mermaid, as it is shown in a README."""
    nodes = nodes_of(flow)
    lines = ["flowchart TD"]
    shapes = {"input": ("([", "])"), "let": ("{{", "}}"), "output": ("[/", "/]"), "run": ("[[", "]]")}
    for node, key in _keyed(nodes):
        opening, closing = shapes.get(node.kind, ("[", "]"))
        text = "<br/>".join(_for_html(part) for part in (node.name, *node.notes))
        lines.append(f'  {key}{opening}"{text}"{closing}')
    for start, end, solid in _edges(nodes):
        lines.append(f"  {start} {'-->' if solid else '-.->'} {end}")
    return "\n".join(lines) + "\n"


def dot(flow: CheckedFlow) -> str:
    """The picture for Graphviz."""
    nodes = nodes_of(flow)
    lines = ["digraph flow {", "  rankdir=TB;", '  node [shape=box, fontname="sans-serif"];']
    shapes = {"input": "ellipse", "let": "hexagon", "output": "note", "run": "box3d"}
    for node, key in _keyed(nodes):
        text = "\\n".join(_for_dot(part) for part in (node.name, *node.notes))
        shape = f", shape={shapes[node.kind]}" if node.kind in shapes else ""
        lines.append(f'  {key} [label="{text}"{shape}];')
    for start, end, solid in _edges(nodes):
        lines.append(f"  {start} -> {end}{'' if solid else ' [style=dashed]'};")
    return "\n".join([*lines, "}"]) + "\n"


def _before(one: CheckedStep | CheckedLet) -> set[str]:
    waits_for = one.waits_for if isinstance(one, CheckedStep) else ()
    return {*one.reads, *waits_for} - {one.name}


def _notes(step: CheckedStep) -> tuple[str, ...]:
    """What is special about a step, in the words of its lines."""
    notes: list[str] = []
    if step.run is not None:
        notes.append(f"runs {step.run.name or 'another flow'}")
    if step.call is not None:
        notes.append(f"calls {step.call.name}")
    if step.loops:
        notes.append("for each " + " and each ".join(f"{loop.name} in {loop.items}" for loop in step.loops))
    if step.until is not None:
        notes.append(f"until {condition_words(step.until)}, at most {step.times} times")
    if step.when is not None:
        notes.append(f"when {condition_words(step.when)}")
    if step.samples is not None:
        notes.append(f"{step.samples if isinstance(step.samples, int) else 'several'} samples")
    return tuple(notes)


def _box(node: Node, width: int) -> list[str]:
    room = max(8, min(width - 6, 44))
    kind = "" if node.kind == "prompt" else f" ({node.kind})"
    lines = [*_wrapped(node.name + kind, room)]
    for note in node.notes:
        lines += _wrapped(note, room)
    if node.reads:
        lines += _wrapped("← " + ", ".join(node.reads), room)
    if node.waits_for:
        lines += _wrapped("after " + ", ".join(node.waits_for), room)
    inner = max(map(columns, lines))
    return [
        "┌" + "─" * (inner + 2) + "┐",
        *(f"│ {line}{' ' * (inner - columns(line))} │" for line in lines),
        "└" + "─" * (inner + 2) + "┘",
    ]


def _side_by_side(boxes: Sequence[list[str]], width: int) -> list[str]:
    """The boxes in rows, as many in each as there is room for."""
    rows: list[list[list[str]]] = []
    used = 0
    for box in boxes:
        wide = columns(box[0]) + 2
        if not rows or used + wide > width:
            rows.append([])
            used = 0
        rows[-1].append(box)
        used += wide
    lines: list[str] = []
    for row in rows:
        height = max(map(len, row))
        padded = [box + [" " * columns(box[0])] * (height - len(box)) for box in row]
        lines += ["  ".join(parts) for parts in zip(*padded, strict=True)]
    return lines


def _listed(title: str, words: Sequence[str], width: int) -> list[str]:
    first, *more = _wrapped(", ".join(words), max(8, width - 10))
    return [f"{title:<9}{first}", *(" " * 9 + line for line in more)]


def _wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` columns, cut between words where that is possible."""
    lines = [""]
    for word in visible_line(text).split():
        while columns(word) > room:
            cut = _fitting(word, room)
            lines = [*lines, word[:cut], ""] if lines[-1] else [*lines[:-1], word[:cut], ""]
            word = word[cut:]
        joined = f"{lines[-1]} {word}".strip()
        if columns(joined) > room:
            lines.append(word)
        else:
            lines[-1] = joined
    return [line for line in lines if line] or [""]


def _fitting(word: str, room: int) -> int:
    """How many characters of a word fit into the columns; at least one."""
    used = 0
    for place, character in enumerate(word):
        used += columns(character)
        if used > room and place:
            return place
    return len(word)


def _keyed(nodes: Sequence[Node]) -> list[tuple[Node, str]]:
    """The nodes with keys of plain letters, since names may be of any script."""
    return [(node, f"n{place}") for place, node in enumerate(nodes, 1)]


def _edges(nodes: Sequence[Node]) -> list[tuple[str, str, bool]]:
    """Start, end, and whether the end reads it (or only waits for it)."""
    keys = {node.name: key for node, key in _keyed(nodes) if node.kind != "output"}
    edges: list[tuple[str, str, bool]] = []
    for node, key in _keyed(nodes):
        edges += [(keys[name], key, True) for name in node.reads if keys.get(name, key) != key]
        edges += [(keys[name], key, False) for name in node.waits_for if keys.get(name, key) != key]
    return edges


def _for_html(text: str) -> str:
    # Mermaid reads `#name;` as a character, and its quotes can't be escaped otherwise.
    plain = visible_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("#", "#35;").replace('"', "#quot;").replace("&quot;", "#quot;")


def _for_dot(text: str) -> str:
    return visible_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _by_place(flow: CheckedFlow) -> list[str]:
    everything: list[CheckedStep | CheckedLet] = [*flow.steps.values(), *flow.lets.values()]
    return [one.name for one in sorted(everything, key=lambda one: one.place.span.start)]
