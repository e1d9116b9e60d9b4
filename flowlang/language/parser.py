"""Runs the LALR tables over one logical line: text in, a tree of nodes and words out.

The lexer is contextual: in each state only what may come next is looked for, so the language needs few reserved
words. Where nothing fits, `Unreadable` says where and what would have fitted; slips.py turns that into a message.
"""

import re
from collections.abc import Callable
from functools import cache

from ..record import record
from .grammar import Rule, Tables, load_tables

END = "$END"
MAX_WORDS = 250_000  # words and signs of one line; a text counts as one
_Matcher = Callable[[str, int, int], re.Match[str] | None]


class Token:
    """A word or sign of the text, as it stands."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"{self.type}({self.text!r})"


class Node:
    """A rule of the grammar, found in the text; the span holds everything of it, also what is no child."""

    __slots__ = ("children", "end", "rule", "start")

    def __init__(self, rule: str, children: "list[Node | Token]", start: int, end: int) -> None:
        self.rule = rule
        self.children = children
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"{self.rule}{self.children!r}"


@record
class Unreadable:
    """The text does not go on as the grammar wants: from `offset` on, where one of `expected` should stand.

    A line of more than MAX_WORDS words is not read to its end: it is `too_long`.
    """

    offset: int
    expected: frozenset[str] = frozenset()
    too_long: bool = False


class Parser:
    """The tables, with the matchers that were needed so far."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._matchers: dict[str, _Matcher] = {}
        # Per state and first character: what may stand there, in the order in which it is tried.
        self._candidates: list[dict[str, tuple[tuple[str, _Matcher, bool], ...]]] = [{} for _ in tables.actions]

    def parse(self, start: str, text: str, begin: int = 0, end: int | None = None) -> Node | Token | Unreadable:
        """The tree of `text[begin:end]`, read as the rule `start`; spans count from the start of `text`."""
        tables = self._tables
        actions, rules = tables.actions, tables.rules
        end = len(text) if end is None else end
        final = tables.ends[start]
        states = [tables.starts[start]]
        values: list[Node | Token | list[Node | Token]] = []
        spans: list[tuple[int, int]] = []
        position = begin
        left = MAX_WORDS
        while True:
            state = states[-1]
            candidates = self._candidates[state]
            while True:
                name, stop = END, position
                if position >= end:
                    break
                first = text[position]
                for candidate, match, ignored in candidates.get(first) or self._find_candidates(state, first):
                    if (found := match(text, position, end)) is not None:
                        name, stop, passed_over = candidate, found.end(), ignored
                        break
                else:
                    return Unreadable(position, self._accepted(states))
                if not passed_over:
                    break
                position = stop
            left -= 1
            if left < 0:
                return Unreadable(position, too_long=True)
            while True:
                action = actions[states[-1]].get(name)
                if action is None:
                    return Unreadable(position, self._accepted(self._states_before(start, text, begin, position)))
                if action >= 0:
                    states.append(action)
                    if name == END:
                        return _only(values[0])
                    values.append(Token(name, text[position:stop], position, stop))
                    spans.append((position, stop))
                    position = stop
                    break
                rule = rules[-action - 1]
                if rule.passes:
                    states[-1] = actions[states[-2]][rule.origin]
                else:
                    self._reduce(rule, states, values, spans, position)
                if states[-1] == final and name == END:
                    return _only(values[0])

    def _accepted(self, states: list[int]) -> frozenset[str]:
        """What could really have stood here: a state alone also lists what only fits elsewhere."""
        names = [name for name in self._tables.actions[states[-1]] if name.isupper() or name == END]
        return frozenset(name for name in names if self._is_accepted(states, name))

    def _states_before(self, start: str, text: str, begin: int, position: int) -> list[int]:
        """The states when the words before `position` were read, and nothing was concluded from what stands there."""
        tables = self._tables
        states = [tables.starts[start]]
        while begin < position:
            name, stop = self._next(states[-1], text, begin, len(text))
            if stop < 0:
                break
            while name is not None:
                action = tables.actions[states[-1]][name]
                if action >= 0:
                    states.append(action)
                    break
                rule = tables.rules[-action - 1]
                del states[len(states) - len(rule.keep) :]
                states.append(tables.actions[states[-1]][rule.origin])
            begin = stop
        return states

    def _is_accepted(self, states: list[int], name: str) -> bool:
        actions, rules = self._tables.actions, self._tables.rules
        states = states[-2 * len(actions) :]
        while (action := actions[states[-1]].get(name)) is not None:
            if action >= 0:
                return True
            rule = rules[-action - 1]
            if len(rule.keep) >= len(states):
                return True
            del states[len(states) - len(rule.keep) :]
            if rule.origin not in actions[states[-1]]:
                return True
            states.append(actions[states[-1]][rule.origin])
            if name == END and states[-1] in self._tables.ends.values():
                return True
        return False

    def words(self, start: str, text: str) -> list[Token] | None:
        """Every word and sign of the text in order, also those that the tree leaves out; None if it can't be read."""
        tables = self._tables
        actions, rules = tables.actions, tables.rules
        final = tables.ends[start]
        states = [tables.starts[start]]
        found: list[Token] = []
        position = 0
        while True:
            name, stop = self._next(states[-1], text, position, len(text))
            if name is None:
                if stop < 0:
                    return None
                position = stop
                continue
            action = actions[states[-1]].get(name)
            while action is not None and action < 0:
                rule = rules[-action - 1]
                del states[len(states) - len(rule.keep) :]
                states.append(actions[states[-1]][rule.origin])
                if name == END and states[-1] == final:
                    return found
                action = actions[states[-1]].get(name)
            if action is None:
                return None
            if name == END:
                return found
            states.append(action)
            found.append(Token(name, text[position:stop], position, stop))
            position = stop

    def _reduce(
        self,
        rule: Rule,
        states: list[int],
        values: "list[Node | Token | list[Node | Token]]",
        spans: list[tuple[int, int]],
        position: int,
    ) -> None:
        size = len(rule.keep)
        children: list[Node | Token] = []
        if size:
            start, end = spans[-size][0], spans[-1][1]
            first = values[-size]
            if isinstance(first, list):
                # A row that grows by an item per reduction: the list itself goes on, a copy each would be quadratic.
                children = first
            elif rule.keep[0]:
                children.append(first)
            for index in range(1, size):
                value = values[index - size]
                if isinstance(value, list):
                    children.extend(value)
                elif rule.keep[index]:
                    children.append(value)
            del states[-size:], values[-size:], spans[-size:]
        else:
            start = end = position
        result: Node | Token | list[Node | Token]
        if rule.inline:
            result = children
        elif rule.unwrap and len(children) == 1:
            result = children[0]
        else:
            result = Node(rule.name, children, start, end)
        values.append(result)
        spans.append((start, end))
        states.append(self._tables.actions[states[-1]][rule.origin])

    def _next(self, state: int, text: str, position: int, end: int) -> tuple[str | None, int]:
        """What stands at `position`: its name and end; no name and the end of what is ignored; or no name and -1."""
        if position >= end:
            return END, position
        first = text[position]
        by_first = self._candidates[state]
        for name, match, ignored in by_first.get(first) or self._find_candidates(state, first):
            found = match(text, position, end)
            if found is not None:
                return (None if ignored else name), found.end()
        return None, -1

    def _find_candidates(self, state: int, first: str) -> tuple[tuple[str, _Matcher, bool], ...]:
        row = self._tables.actions[state]
        ignored = self._tables.ignored
        found = []
        for name, pattern in self._tables.terminals.items():
            if (name in row or name in ignored) and (not pattern[0].isalpha() or pattern[0] == first):
                if name not in self._matchers:
                    self._matchers[name] = re.compile(pattern).match
                found.append((name, self._matchers[name], name in ignored))
        self._candidates[state][first] = candidates = tuple(found)
        return candidates


def _only(value: "Node | Token | list[Node | Token]") -> Node | Token:
    assert not isinstance(value, list)
    return value


@cache
def the_parser() -> Parser:
    """The parser of the language; its tables are loaded once."""
    return Parser(load_tables())
