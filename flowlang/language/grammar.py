"""The tables that Lark builds from grammar.lark, as plain data.

Lark reads the grammar as it stands and works out the LALR tables; that takes longer than checking most flows.
So the tables are kept as JSON: inside the wheel, or in the user's own cache folder. `parser.py` runs them.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

from .. import resources
from ..record import record

STARTS = ("start", "answers", "any_header", "line", "field", "tag")
SHIPPED = Path(__file__).with_name("tables.json")
_FORMAT = 2


@record
class Rule:
    """A production. `keep` tells per symbol whether its value becomes a child.

    `inline`: its children join the parent's. `passes`: it has one symbol and gives that one's value on as it is.
    """

    name: str
    keep: list[bool]
    inline: bool
    unwrap: bool  # with one child, the child itself
    origin: str
    passes: bool


@record
class Tables:
    """LALR tables. An action below zero reduces by rule `-action - 1`, any other shifts to that state."""

    starts: dict[str, int]
    ends: dict[str, int]
    actions: list[dict[str, int]]
    rules: list[Rule]
    terminals: dict[str, str]  # name → regular expression, in the order in which they are tried
    ignored: frozenset[str]


def load_tables() -> Tables:
    """The tables of grammar.lark: shipped, remembered or built now."""
    grammar = resources.find_grammar().read_bytes()
    digest = _digest(grammar)
    if (data := _read(SHIPPED, digest)) is not None:
        return _unpack(data)
    remembered = _cache_path(digest)
    if remembered is not None and (data := _read(remembered, digest)) is not None:
        return _unpack(data)
    data = build_tables(grammar)
    if remembered is not None:
        _remember(remembered, data)
    return _unpack(data)


def _digest(grammar: bytes) -> str:
    """Tells one grammar from another. Whoever can write where tables are kept can write the program as well."""
    return f"{_FORMAT}-{len(grammar)}-{zlib.crc32(grammar):08x}"


def build_tables(grammar: bytes) -> dict[str, Any]:
    """The tables as JSON data."""
    from lark import Lark

    lark = Lark(grammar.decode("utf-8"), parser="lalr", lexer="contextual", start=list(STARTS))
    table = lark.parser.parser._parse_table
    rules = list(lark.rules)
    number = {rule: index for index, rule in enumerate(rules)}
    states = []
    for state in sorted(table.states):
        row = table.states[state]
        states.append(
            {name: arg if action.name == "Shift" else -number[arg] - 1 for name, (action, arg) in row.items()}
        )
    terminals = sorted(lark.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    return {
        "digest": _digest(grammar),
        "starts": dict(table.start_states),
        "ends": dict(table.end_states),
        "actions": states,
        "rules": [_pack_rule(rule) for rule in rules],
        "terminals": [[t.name, t.pattern.to_regexp()] for t in terminals],
        "ignored": list(lark.ignore_tokens),
    }


def _pack_rule(rule: Any) -> list[Any]:
    origin = str(rule.origin.name)
    everything = rule.options.keep_all_tokens
    keep = [not symbol.is_term or everything or not symbol.filter_out for symbol in rule.expansion]
    unwrap = bool(rule.options.expand1) and rule.alias is None
    return [rule.alias or origin, keep, origin.startswith("_"), unwrap, origin, unwrap and keep == [True]]


def _unpack(data: dict[str, Any]) -> Tables:
    return Tables(
        starts=data["starts"],
        ends=data["ends"],
        actions=data["actions"],
        rules=[Rule(*rule) for rule in data["rules"]],
        terminals=dict(data["terminals"]),
        ignored=frozenset(data["ignored"]),
    )


def _read(path: Path, digest: str) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("digest") == digest else None


def _cache_path(digest: str) -> Path | None:
    """Where this grammar's tables are remembered: a folder of the user's own, or None if there can be none."""
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("flowlang", appauthor=False)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022):
            return None
    except (OSError, RuntimeError):
        return None
    return folder / f"grammar-{digest}.json"


def _remember(path: Path, data: dict[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
