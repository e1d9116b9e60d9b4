"""An answer of any type, made of the words of the question. It always fits the type; it is never clever."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import assert_never

from ..language import reading
from ..language.types import (
    ChoiceType,
    DateType,
    DocumentType,
    FieldType,
    JsonType,
    ListOf,
    MediaType,
    NumberType,
    Optional,
    RecordType,
    Remembering,
    SecretType,
    TextType,
    Type,
    Unknown,
    YesNoType,
    spelled,
)
from ..language.values import EMPTY, Value
from ..pattern import pattern
from ..record import record
from .answer import JUDGEMENT
from .asked import Asked, topic
from .choosing import choose
from .draw import Draw, Path
from .prose import fitted, label, prose
from .sentences import Sentences, sentences_of, words_of

_NUMBER = pattern(
    r"(?<![\w.,-])[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![\w]|[.,-][0-9])|(?<![\w.,-])[0-9]{1,12}(?:\.[0-9]+)?(?![\w]|[.,-][0-9])"
)
_DAY = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = "january february march april may june july august september october november december"
_MONTHS = _YEAR.split()
_MONTH = "(" + "|".join(_MONTHS) + ")"
_DAY_FIRST = pattern(rf"\b([0-9]{{1,2}})(?:st|nd|rd|th)? {_MONTH},? ([0-9]{{4}})\b", re.I)
_MONTH_FIRST = pattern(rf"\b{_MONTH} ([0-9]{{1,2}})(?:st|nd|rd|th)?,? ([0-9]{{4}})\b", re.I)
_SHORT = pattern(
    r"(?:^|_)(?:name|title|shop|company|person|author|label|topic|heading|headline|subject|city|country|party|who|what"
    r"|term|word|keyword|role|unit|category|owner|speaker|product|key)s?$"
)
_SHORT_MEANING = pattern(r"\b(?:name|title|a (?:few|couple of) words|one word|label|keyword|short phrase)\b", re.I)
_SENTENCES = pattern(r"\b(one|two|three|four|five|[1-9])(?: short| plain)? sentences?\b", re.I)
_LONG_MEANING = pattern(r"\b(?:paragraph|summary|every step|in detail|explain|full text|whole)\b", re.I)
_COUNTS = {word: place for place, word in enumerate(["one", "two", "three", "four", "five"], 1)}
_SEARCHED = 20_000  # characters of the material in which numbers and dates are looked for


def invent(asked: Asked, of: Type | None, draw: Draw) -> Value:
    """The value that answers what was asked."""
    writer = _Writer(asked, sentences_of(asked.material), draw)
    return writer.root(of)


@dataclass(slots=True)
class _Supply:
    """The sentences that one record is made of, best first. Each text of the record takes the next one."""

    places: Sequence[int]
    used: int = 0

    @property
    def first(self) -> int | None:
        return self.places[0] if self.places else None

    def next(self) -> int | None:
        if not self.places:
            return None
        self.used += 1
        return self.places[(self.used - 1) % len(self.places)]

    def several(self, count: int) -> list[int]:
        return [place for _ in range(count) if (place := self.next()) is not None]


@record
class _Writer:
    asked: Asked
    sentences: Sentences
    draw: Draw
    memo: dict[int, tuple[int, ...]] = field(default_factory=dict)  # of `near`

    def root(self, of: Type | None) -> Value:
        while isinstance(of, Remembering):
            of = of.item
        if of is None:
            return prose(self.asked, self.sentences, self.asked.limits, self.draw)
        if isinstance(of, TextType):
            text = prose(self.asked, self.sentences, self.asked.limits, self.draw)
            return self.bounded(text, of)
        ranked = self.ranked()
        if isinstance(of, ListOf):
            return self.many(of, _Supply(ranked), (), "", spread=True)
        return self.one(of, _Supply(ranked), (), "", "")

    def one(self, of: Type, supply: _Supply, path: Path, name: str, meaning: str) -> Value:
        match of:
            case TextType():
                return self.bounded(self.text(supply, name, meaning, path), of)
            case NumberType():
                return self.number(of, supply, path, name)
            case YesNoType():
                return self.asked.again % 2 == 1 or self.draw.part(*path, "yes") < 0.75
            case DateType():
                found = self.dates(supply)
                return found or date(2024, 1, 1) + timedelta(days=int(self.draw.part(*path, "day") * 1000))
            case ChoiceType() if self.asked.again:
                return of.choices[(self.asked.again - 1) % len(of.choices)]
            case ChoiceType():
                return choose(of.choices, self.context(supply), self.asked.examples, self.draw, *path)
            case ListOf():
                return self.many(
                    of, supply, path, name, spread=len(path) < 2 and isinstance(_bare(of.item), RecordType)
                )
            case Optional():
                return self.maybe(of.item, supply, path, name, meaning)
            case RecordType():
                return self.record(of, supply, path)
            case Remembering():
                return self.one(of.item, supply, path, name, meaning)
            case JsonType() | Unknown():
                return self.text(supply, name, meaning, path)
            case SecretType() | DocumentType() | MediaType():
                raise AssertionError(f"no answer is `{spelled(of)}`: checking refuses it")
        assert_never(of)

    def record(self, of: RecordType, supply: _Supply, path: Path) -> Value:
        def filled(one: FieldType) -> Value:
            return self.one(one.type, supply, (*path, one.name), one.name, one.description)

        record: dict[str, Value] = {one.name: filled(one) for one in of.fields}
        if of == JUDGEMENT:
            record["holds"] = True  # a run without a model goes the way that the flow hopes for
        return record

    def many(self, of: ListOf, supply: _Supply, path: Path, name: str, spread: bool) -> Value:
        """A list: each item from another sentence, at the root from all over the material."""
        item = _bare(of.item)
        if spread and self.asked.items is not None:
            size = self.asked.items
        else:
            size = (4 if spread else 2) + int(self.draw.part(*path, "size") * 3)
            if isinstance(item, ChoiceType):
                size = min(1 + int(self.draw.part(*path, "size") * 2), len(item.choices))
            elif self.sentences.all:
                size = min(size, len(self.sentences.all))
            else:
                size = min(size, 2)
        size = max(of.low or 0, size if of.high is None else min(size, of.high))
        if isinstance(item, ChoiceType):
            return self.several_choices(item, size, supply, path)
        places = self.spread(size) if spread else supply.several(size)
        items: list[Value] = []
        for number in range(size):
            near = self.near(places[number % len(places)]) if places else ()
            items.append(self.one(of.item, _Supply(near), (*path, number), name, ""))
        return tuple(items)

    def several_choices(self, of: ChoiceType, size: int, supply: _Supply, path: Path) -> Value:
        left = list(of.choices)
        items: list[Value] = []
        for number in range(size):
            taken = choose(left, self.context(supply), self.asked.examples, self.draw, *path, number)
            items.append(taken)
            left.remove(taken)
            left = left or list(of.choices)
        return tuple(items)

    def maybe(self, of: Type, supply: _Supply, path: Path, name: str, meaning: str) -> Value:
        """A value where the text has one; what can't be looked up there is given three times in four."""
        match _bare(of):
            case NumberType() as number if name == "page":
                first = supply.first
                page = Decimal(self.sentences.all[first].page) if first is not None and self.sentences.paged else None
                return page if page is not None and _within(page, number) else EMPTY
            case NumberType() as number:
                found = self.numbers(number, self.near_text(supply), name)
                return found[0] if found else EMPTY
            case DateType():
                found_day = self.dates(supply)
                return found_day or EMPTY
            case _:
                given = self.draw.part(*path, "given") < 0.75
                return self.one(of, supply, path, name, meaning) if given else EMPTY

    def text(self, supply: _Supply, name: str, meaning: str, path: Path) -> str:
        place = supply.next()
        if place is None:
            return self.about(_is_short(name, meaning), path)
        sentence = self.sentences.all[place].text
        if _is_short(name, meaning):
            return label(sentence, 5)
        found = _SENTENCES.search(meaning)
        count = (
            (_COUNTS.get(found[1].casefold()) or int(found[1])) if found else 3 if _LONG_MEANING.search(meaning) else 1
        )
        chosen = sorted({place, *supply.several(count - 1)})
        return " ".join(self.sentences.all[one].text for one in chosen)

    def about(self, short: bool, path: Path) -> str:
        """A text where there is no material: words of the instruction."""
        words = topic(self.asked) or ["offline"]
        if path and isinstance(number := path[-1], int):  # each item of a list begins with another word
            at = number % len(words)
            return words[at] if short else " ".join([*words[at:], *words[:at]][:8])
        names = [word for word in words if word[0].isupper()] or words
        return self.draw.one_of(names, *path, "word") if short else " ".join(words[:8])

    def bounded(self, text: str, of: TextType) -> str:
        spare = " ".join(one.text for one in self.sentences.all[:40]) or self.asked.instruction
        return fitted(text, of.low or 0, of.high, spare)

    def number(self, of: NumberType, supply: _Supply, path: Path, name: str) -> Decimal:
        if of.low is not None and of.high is not None:
            # Asked again: the largest, then the smallest. Most rules about numbers hold of one of them.
            part = {1: 1.0, 2: 0.0}.get(self.asked.again)
            return _between(of, self.draw.part(*path, "number") if part is None else part)
        near = self.numbers(of, self.near_text(supply), name)
        found = near or self.numbers(of, self.asked.material[:_SEARCHED], name)
        if found:
            return found[0] if near else self.draw.one_of(found, *path, "number")
        return _between(of, self.draw.part(*path, "number"))

    def numbers(self, of: NumberType, text: str, name: str) -> list[Decimal]:
        """The numbers of a text that fit. A year counts only where a year is asked for."""
        found: list[Decimal] = []
        text = _MONTH_FIRST.sub(" ", _DAY_FIRST.sub(" ", _DAY.sub(" ", text)))
        named = re.search(rf"\b{re.escape(name.replace('_', ' '))}\b[^0-9\n]{{0,20}}", text, re.I) if name else None
        digits_found: list[str] = _NUMBER.findall(text, named.end() if named else 0) or _NUMBER.findall(text)
        for digits in digits_found:
            number = reading.read_number(digits.replace(",", ""))
            is_year = len(digits) == 4 and digits.isdigit() and digits[:2] in ("19", "20")
            if number is not None and _within(number, of) and is_year == ("year" in name):
                found.append(number)
        return found

    def dates(self, supply: _Supply) -> date | None:
        text = self.near_text(supply) + "\n" + self.asked.material[:_SEARCHED]
        for digits in _DAY.findall(text):
            if (day := reading.read_date(digits)) is not None:
                return day
        parts = [(y, m, d) for d, m, y in _DAY_FIRST.findall(text)] + [
            (y, m, d) for m, d, y in _MONTH_FIRST.findall(text)
        ]
        for year, month, number in parts:
            spelt = f"{year}-{_MONTHS.index(month.casefold()) + 1:02}-{int(number):02}"
            if (day := reading.read_date(spelt)) is not None:
                return day
        return None

    def near_text(self, supply: _Supply) -> str:
        return "" if supply.first is None else self.sentences.all[supply.first].text

    def context(self, supply: _Supply) -> str:
        """What a choice is made about: the record's own sentence, what is asked about, or the material."""
        if supply.used and supply.first is not None:
            return self.near_text(supply)
        query = self.asked.query
        return query if query and "?" not in query else self.asked.material or self.asked.instruction

    def ranked(self) -> tuple[int, ...]:
        """All sentences, the one to answer with first."""
        all_ = self.sentences.all
        query = self.asked.query
        alike = self.sentences.likeness(words_of(query)) if query else {}
        said = query.casefold()

        def rank(place: int) -> float:
            jitter = 0.15 * self.draw.varied("rank", place) if len(all_) < 400 or place in alike else 0.0
            same = all_[place].text.casefold() in said
            return all_[place].worth + jitter + 2 * alike.get(place, 0.0) - (1000 if same else 0)

        places = sorted(range(len(all_)), key=rank, reverse=True)
        return tuple(places[:200])

    def near(self, place: int) -> tuple[int, ...]:
        """A sentence and those that are most like it."""
        if place not in self.memo:
            alike = self.sentences.likeness(self.sentences.all[place].words)
            alike.pop(place, None)
            others = sorted(alike, key=lambda other: (-alike[other], other))[:8]
            after = [other % len(self.sentences.all) for other in range(place + 1, place + 4)]
            self.memo[place] = tuple(dict.fromkeys([place, *others, *after]))
        return self.memo[place]

    def spread(self, size: int) -> list[int]:
        """Sentences from all over the material, in its order: in each stretch the one that tells most."""
        return spread(self.sentences, size, self.draw)


def spread(sentences: Sentences, size: int, draw: Draw) -> list[int]:
    """As many places as asked for, as far as there are sentences, each in another stretch of the text."""
    total = len(sentences.all)
    if size >= total:
        return list(range(total))
    chosen: list[int] = []
    for part in range(size):
        stretch = range(part * total // size, max((part + 1) * total // size, part * total // size + 1))
        chosen.append(max(stretch, key=lambda place: sentences.all[place].worth + 0.12 * draw.varied("spread", place)))
    return chosen


def _is_short(name: str, meaning: str) -> bool:
    """Whether a text is a name or a few words, by what it is called."""
    return bool((_SHORT.search(name) and not _SENTENCES.search(meaning)) or _SHORT_MEANING.search(meaning))


def _bare(of: Type) -> Type:
    while isinstance(of, Remembering):
        of = of.item
    return of


def _within(number: Decimal, of: NumberType) -> bool:
    if (of.low is not None and number < of.low) or (of.high is not None and number > of.high):
        return False
    return not of.whole or number == number.to_integral_value()


def _between(of: NumberType, part: float) -> Decimal:
    """A number within the bounds: whole, or of as few places as the bounds leave room for."""
    low = of.low if of.low is not None else (min(Decimal(1), of.high) if of.high is not None else Decimal(1))
    high = of.high if of.high is not None else low + 99
    if of.whole:
        first, last = low.to_integral_value(ROUND_CEILING), high.to_integral_value(ROUND_FLOOR)
        return min(last, first + int(part * int(last - first + 1)))
    number = round(low + (high - low) * Decimal(repr(round(part, 3))), 2)
    return min(max(number, low), high)
