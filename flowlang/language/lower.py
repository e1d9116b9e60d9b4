"""Turns the trees of logical lines into the sections of ast.py, with spans that count from the section's start."""

from decimal import Decimal

from ..diagnostics.source import Span
from . import ast
from .mistake import Mistake
from .names import normalise
from .parser import Node, Token
from .texts import MAX_DEPTH, BrokenTag, ElseTag, EndTag, ForTag, IfTag, LowerTag, Places, Tag, TextReader

_OPERATORS = {
    "IS": "is",
    "IS_NOT": "is not",
    "LESS": "<",
    "AT_MOST_SIGN": "<=",
    "MORE": ">",
    "AT_LEAST_SIGN": ">=",
    "CONTAINS": "contains",
    "DOES_NOT_CONTAIN": "does not contain",
    "STARTS_WITH": "starts with",
    "ENDS_WITH": "ends with",
}
_FILTER_WORDS = {
    "WHERE": "where",
    "SHARE": "share",
    "SORT_BY": "sort by",
    "GROUP_BY": "group by",
    "TAKE": "take",
    "CHUNKS_OF": "chunks of",
    "SHORTEN_TO": "shorten to",
    "REPLACE": "replace",
    "DIVIDED_BY": "divided by",
    "PARSE_JSON": "parse json",
}
_Tree = Node | Token
_CONDITIONS = frozenset(("any_of", "all_of", "not_so", "compare", "is_one_of", "is_empty"))


class Lowering:
    """Lowers the trees of one line; `base` is where the line's text stands in its section."""

    def __init__(self, places: Places, mistakes: list[Mistake], templated: bool) -> None:
        self._places = places
        self._mistakes = mistakes
        self._templated = templated

    # ── Names, texts and plain values ──

    def _span(self, tree: _Tree) -> Span:
        return self._places.span(tree.start, tree.end)

    def _name(self, tree: _Tree) -> ast.Name:
        assert isinstance(tree, Token)
        return ast.Name(normalise(tree.text), self._span(tree))

    def _ref(self, tree: _Tree) -> ast.Ref:
        assert isinstance(tree, Token)
        parts = []
        start = tree.start
        names = tree.text.split(".")
        if len(names) > MAX_DEPTH:
            self._mistakes.append(Mistake("syntax", f"this is nested deeper than {MAX_DEPTH}", self._span(tree)))
        for part in names[:MAX_DEPTH]:
            parts.append(ast.Name(normalise(part), self._places.span(start, start + len(part))))
            start += len(part) + 1
        return ast.Ref(tuple(parts), self._span(tree))

    def _number(self, tree: _Tree) -> ast.Number:
        assert isinstance(tree, Token)
        return ast.Number(Decimal(tree.text), self._span(tree))

    def _word(self, tree: _Tree) -> ast.Word:
        assert isinstance(tree, Token)
        return ast.Word(normalise(tree.text), self._span(tree))

    def _plain(self, token: _Tree) -> str:
        """A quoted text without anything filled in: a description, a title, a path."""
        return "".join(part for part in self._string(token, False).parts if isinstance(part, str))

    def _string(self, tree: _Tree, templated: bool | None = None) -> ast.Text:
        assert isinstance(tree, Token)
        reader = TextReader(lower_tag_at(self._mistakes), self._mistakes)
        templated = self._templated if templated is None else templated
        if self._places.places is not None:  # a string inside a tag inside a string
            text = reader.string(tree.text, 0, False)
            return ast.Text(text.parts, self._span(tree))
        read = reader.block if tree.type == "BLOCK" else reader.string
        return read(tree.text, self._places.base + tree.start, templated)

    def _text(self, tree: _Tree) -> ast.Text | ast.FileText:
        if isinstance(tree, Token):
            return self._string(tree)
        if len(tree.children) == 2:
            return ast.FileText(self._plain(tree.children[1]), self._span(tree.children[1]))
        return self._string(tree.children[0])

    def _atom(self, tree: _Tree) -> ast.Atom:
        if isinstance(tree, Node):
            if tree.rule == "list":
                return ast.ListValue(tuple(self._atom(child) for child in tree.children), self._span(tree))
            return self._text(tree)
        match tree.type:
            case "PATH" | "NAME":
                return self._ref(tree)
            case "NUMBER":
                return self._number(tree)
            case "YES" | "NO":
                return ast.YesNo(tree.type == "YES", self._span(tree))
        return self._string(tree)

    def value(self, tree: _Tree) -> ast.Value:
        if isinstance(tree, Node) and tree.rule in ("piped", "group"):
            if len(tree.children) == 1:
                return self.value(tree.children[0])
            filters = tuple(self._filter(child) for child in tree.children[1:])
            return ast.Piped(self._atom(tree.children[0]), filters, self._span(tree))
        if isinstance(tree, Node) and tree.rule in _CONDITIONS:
            message = "a condition stands here, where a value is needed"
            self._mistakes.append(Mistake("syntax", message, self._span(tree)))
            return ast.YesNo(True, self._span(tree))
        return self._atom(tree)

    def _filter(self, tree: _Tree) -> ast.FilterCall:
        assert isinstance(tree, Node)
        word = tree.children[0]
        assert isinstance(word, Token)
        name = _FILTER_WORDS.get(word.type, word.text)
        span, name_span, rest = self._span(tree), self._span(word), tree.children[1:]
        match name:
            case "where" | "share" if word.type != "NAME":
                return ast.FilterCall(name, name_span, span, condition=self.condition(rest[0]))
            case "sort by" | "group by" | "take" if word.type != "NAME":
                return ast.FilterCall(name, name_span, span, path=self._ref(rest[0]), largest_first=len(rest) > 1)
        return ast.FilterCall(name, name_span, span, arguments=tuple(self._atom(child) for child in rest))

    # ── Conditions ──

    def condition(self, tree: _Tree) -> ast.Condition:
        if isinstance(tree, Token):
            return self.value(tree)
        children, span = tree.children, self._span(tree)
        match tree.rule:
            case "any_of":
                return ast.AnyOf(tuple(self.condition(child) for child in children), span)
            case "all_of":
                return ast.AllOf(tuple(self.condition(child) for child in children), span)
            case "not_so":
                return ast.Not(self.condition(children[0]), span)
            case "compare":
                operator = children[1]
                assert isinstance(operator, Node) and isinstance(operator.children[0], Token)
                sign = _OPERATORS[operator.children[0].type]
                left, right = self.value(children[0]), self.value(children[2])
                return ast.Compare(left, sign, self._span(operator), right, span)
            case "is_one_of":
                word = children[1]
                assert isinstance(word, Token)
                options = tuple(self._atom(child) for child in children[2:])
                return ast.IsOneOf(self.value(children[0]), options, word.type == "IS_NOT_ONE_OF", span)
            case "is_empty":
                word = children[1]
                assert isinstance(word, Token)
                return ast.IsEmpty(self.value(children[0]), word.type == "IS_NOT_EMPTY", span)
            case "group" if len(children) == 1:
                return self.condition(children[0])
        return self.value(tree)

    # ── Types ──

    def type(self, tree: _Tree) -> ast.TypeExpr:
        assert isinstance(tree, Node)
        children, span = tree.children, self._span(tree)
        match tree.rule:
            case "named":
                word = children[0]
                assert isinstance(word, Token)
                spelling = {
                    "WHOLE_NUMBER": "whole number",
                    "YES_NO": "yes/no",
                    "SECRET_TEXT": "secret text",
                }.get(word.type, normalise(word.text))
                return ast.NamedType(ast.Name(spelling, self._span(word)), span)
            case "bounded":
                named = self.type(children[0])
                assert isinstance(named, ast.NamedType)
                low, high = self._bounds(children[1])
                return ast.NamedType(named.name, span, low, high)
            case "one_of":
                return ast.OneOfType(tuple(self._choice(child) for child in children), span)
            case "optional":
                return ast.OptionalType(self.type(children[0]), span)
        assert tree.rule == "list_of"
        if len(children) == 1:
            return ast.ListType(self.type(children[0]), span)
        low, high = self._bounds(children[0])
        return ast.ListType(self.type(children[1]), span, low, high)

    def _bounds(self, tree: _Tree) -> tuple[ast.Number | None, ast.Number | None]:
        assert isinstance(tree, Node)
        first, second = tree.children[0], tree.children[-1]
        if first.type == "AT_LEAST":  # type: ignore[union-attr]
            return self._number(second), None
        if first.type == "AT_MOST":  # type: ignore[union-attr]
            return None, self._number(second)
        return self._number(first), self._number(second)

    def _choice(self, tree: _Tree) -> ast.Choice:
        assert isinstance(tree, Token)
        text = self._plain(tree) if tree.type == "STRING" else normalise(tree.text)
        return ast.Choice(text, self._span(tree))

    # ── Lines ──

    def _item(self, tree: _Tree) -> ast.Item:
        if isinstance(tree, Node):
            children, span = tree.children, self._span(tree)
            match tree.rule:
                case "at_most":
                    return ast.AtMost(self._number(children[0]), span)
                case "out_of":
                    return ast.OutOf(self._number(children[0]), self._number(children[1]), span)
                case "function":
                    return ast.Function(self._string(children[0], False), self._word(children[1]), span)
            return self._text(tree)
        match tree.type:
            case "WORD":
                return self._word(tree)
            case "NUMBER":
                return self._number(tree)
            case "SLOT":
                reader = TextReader(lower_tag_at(self._mistakes), self._mistakes)
                slot = reader.tag(tree.text, self._places.moved(tree.start))
                if isinstance(slot, ast.Slot):
                    return slot
                if isinstance(slot, BrokenTag) and slot.mistake is not None:
                    self._mistakes.append(slot.mistake)
                return ast.Word("", self._span(tree))
        return self._string(tree)

    def line(self, tree: _Tree) -> ast.Line:
        """What a line below a header says."""
        assert isinstance(tree, Node)
        children, span = tree.children, self._span(tree)
        key = ast.Name(tree.rule, Span(span.start, span.start + len(tree.rule)))
        match tree.rule:
            case "setting":
                items = tuple(self._item(child) for child in children[1:])
                return ast.Setting(self._name(children[0]), items, span)
            case "field":
                return ast.Field(self._name(children[0]), self.type(children[1]), self._description(children, 2), span)
            case "returns":
                return ast.Returns(self.type(children[0]), key, span)
            case "ensure":
                first = children[0]
                if isinstance(first, Token) and first.type == "STRING":
                    return ast.Ensure(self._judgement(children), key, span)
                return ast.Ensure(self.condition(first), key, span)
            case "repeat_each":
                each = tuple(
                    ast.Each(self._name(child.children[0]), self._ref(child.children[1]))
                    for child in children
                    if isinstance(child, Node)
                )
                last = children[-1]
                return ast.RepeatEach(each, self._number(last) if isinstance(last, Token) else None, span)
            case "repeat_until":
                return ast.RepeatUntil(self.condition(children[0]), self._number(children[1]), span)
            case "when":
                return ast.When(self.condition(children[0]), span)
            case "with":
                return ast.With(self._name(children[0]), self.value(children[1]), span)
            case "takes":
                description = self._description(children, 2)
                return ast.Takes(self._name(children[0]), self.type(children[1]), description, span)
            case "header_line":
                return ast.HeaderLine(self._name(children[0]), self._text(children[1]), span)
            case "extra":
                return ast.Extra(self._name(children[0]), tuple(self._item(child) for child in children[1:]), span)
            case "expect":
                return ast.Expect(self.condition(children[0]), span)
            case "judge":
                return ast.JudgeLine(self.value(children[0]), self._judgement(children[1:]), span)
            case "answer":
                return ast.Answer(self._ref(children[0]), self.value(children[1]), span)
        assert tree.rule == "for_each_row"
        path = ast.FileText(self._plain(children[1]), self._span(children[1]))
        return ast.ForEachRow(self._name(children[0]), path, span)

    def _judgement(self, children: list[_Tree]) -> ast.Judgement:
        using = self._word(children[1]) if len(children) > 1 else None
        return ast.Judgement(self._string(children[0]), using, self._span(children[0]))

    def _description(self, children: list[_Tree], index: int) -> str:
        return self._plain(children[index]) if len(children) > index else ""

    # ── Headers ──

    def header(self, tree: _Tree) -> ast.Header:
        """What a header line says."""
        assert isinstance(tree, Node)
        children = tree.children
        match tree.rule:
            case "edition":
                return ast.Edition(self._number(children[0]))
            case "import":
                file = ast.FileText(self._plain(children[0]), self._span(children[0]))
                return ast.Import(file, self._name(children[1]))
            case "flow":
                return ast.Flow(self._name(children[0]))
            case "input":
                default = self._atom(children[2]) if len(children) > 2 else None
                return ast.Input(self._name(children[0]), self.type(children[1]), default)
            case "preset":
                return ast.Preset(self._name(children[0]))
            case "schema":
                kind = self.type(children[1]) if len(children) > 1 else None
                return ast.Schema(self._name(children[0]), kind, self._description(children, 2))
            case "snippet":
                return ast.Snippet(self._name(children[0]), self._text(children[1]))
            case "tool":
                return ast.Tool(self._name(children[0]))
            case "let":
                return ast.Let(self._name(children[0]), self.value(children[1]))
            case "step":
                return ast.Step(self._name(children[0]))
            case "output":
                value: ast.Value | None = None
                path: ast.Text | None = None
                for child in children[1:]:
                    if isinstance(child, Node) and child.rule == "to_file":
                        path = self._string(child.children[0], False)
                    else:
                        value = self.value(child)
                return ast.Output(self._name(children[0]), value, path)
            case "limits":
                return ast.Limits()
        assert tree.rule == "test"
        return ast.Test(self._plain(children[0]), self._span(children[0]))

    def tag(self, tree: _Tree) -> Tag:
        """What stands between {{ and }}."""
        assert isinstance(tree, Node)
        children, span = tree.children, self._span(tree)
        match tree.rule:
            case "for_tag":
                return ForTag(self._name(children[0]), self.value(children[1]), span)
            case "if_tag":
                return IfTag(self.condition(children[0]), span)
            case "else_tag":
                return ElseTag(span)
            case "end_tag":
                return EndTag(span)
        return ast.Slot(self.value(children[0]), span)


def lower_tag_at(mistakes: list[Mistake]) -> LowerTag:
    """What lowers a tag that stands at some place of a text."""

    def lower(tree: _Tree, places: Places) -> Tag:
        return Lowering(places, mistakes, False).tag(tree)

    return lower
