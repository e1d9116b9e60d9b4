"""A text as its sentences, and how much each of them tells. What the offline model takes its answers from."""

import math
from collections import Counter
from functools import lru_cache

from ..pattern import pattern
from ..record import record

MAX_READ = 1_000_000  # characters of a text that are looked at; what stands behind is not needed to pick sentences

_BULLET = pattern(r"[ \t]*(?:[-*+•·–]|\(?[0-9]{1,3}[.)]|\(?[a-z][.)])[ \t]+")
_HEADING = pattern(r"[ \t]*#{1,6}[ \t]+")
_RULE = pattern(r"[ \t]*(?:[-=_*~#|:+. \t]{3,}|```.*|<[^>]*>)$")
_ENDS = pattern(r"[.!?…][\"'”’)\]]*$|[。！？；]$|:$")
_BREAK = pattern(r"(?<=[.!?…])([\"'”’)\]]*)\s+(?=[\"'“‘(\[]?[^\sa-z(])|(?<=[。！？])")
_ABBREVIATED = pattern(
    r"(?<![^\s(])(?:[A-Z]|[A-Za-z]\.[A-Za-z]|Mr|Mrs|Ms|Dr|St|No|Nos|Inc|Corp|Ltd|Co|vs|approx|Art|Sec|Fig|p|pp|para"
    r"|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|al|cf|ca|Prof|Jr|Sr|bzw|Nr|z\.B|d\.h)\.$"
)
_RUN_IN = pattern(r"\*\*[^*]{1,60}[.:]\*\*\s+(?=\S)")  # a heading that opens its paragraph
_LINK = pattern(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_STARS = pattern(r"(?<![\w*_])[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?![\w*_])")  # emphasis
_ENDING = pattern(r"(?<=\w{3})(?:ings?|ed|es|e|s|['’]s|ly)$")
_WORD = pattern(r"[^\W_]+(?:['’-][^\W_]+)*")
_FIGURE = pattern(r"[$€£¥]\s?[0-9]|[0-9][0-9.,]*\s?(?:%|percent|per cent|million|billion|bn|m\b)")
_TELLING_LIST = """
    rose fell grew increase increased increases decrease decreased decreases declined improved reached exceeded
    expect expects plan plans intend intends will must shall risk risks could may announced opened closed signed
    agreed completed acquired launched because therefore first largest only main most new
"""
_TELLING = frozenset(_TELLING_LIST.split())
_LEANING = pattern(  # on a sentence that went before
    r"(?:It|This|That|These|Those|They|He|She|We also|Such|However|Moreover|In addition|Also|See|Both|Neither"
    r"|Of (?:these|this)|Like for like"
    r"|The (?:first|second|third|other|latter|former|rest|two|three|four|five|ten|largest|same))\b"
)
_BOILERPLATE = (
    "table of contents",
    "pursuant to",
    "hereby",
    "check mark",
    "forward-looking statements",
    "incorporated by reference",
    "securities exchange act",
    "all rights reserved",
    "http://",
    "https://",
    "☐",
    "☒",
)
_STOP_WORDS_LIST = """
    a about after all also an and any are as at be been before being both but by can could did do does each every
    for from get give had has have he her here him his how i if in into is it its just list make may me more most
    much must my name no nor not of on one only or other our out over own say she should so some such than that the
    their them then there these they this those through to too two under up us use was we were what when where which
    while who whom whose why will with would write you your please text answer answers question following below
    above
"""
STOP_WORDS = frozenset(_STOP_WORDS_LIST.split())


@record
class Sentence:
    """A sentence or one line of a list, as it stands in the text but for its line breaks."""

    text: str
    bullet: bool
    page: int  # from 1, by form feeds
    words: frozenset[str]  # without those that every sentence has
    worth: float  # how much it tells by itself, about 0 to 1


@record
class Sentences:
    """The sentences of a text in their order, each text once, and which of them have a word."""

    all: tuple[Sentence, ...]
    having: dict[str, tuple[int, ...]]
    paged: bool

    def likeness(self, words: frozenset[str]) -> dict[int, float]:
        """For each sentence that shares words with these: how much it shares, rare words counting more."""
        shared: Counter[int] = Counter()
        weights: dict[int, float] = {}
        for word in sorted(words):
            places = self.having.get(word, ())
            weight = math.log(1 + len(self.all) / len(places)) if places else 0.0
            for place in places:
                shared[place] += 1
                weights[place] = weights.get(place, 0.0) + weight
        return {place: weights[place] / math.sqrt(len(self.all[place].words) + 4) for place in shared}


@lru_cache(maxsize=8)  # a step that repeats sends the same document with every item
def sentences_of(text: str) -> Sentences:
    """The sentences of a text. Headings, table rules and the like are left out if anything else is there."""
    found: list[tuple[str, bool, int, bool]] = []
    seen: set[str] = set()
    for page, part in enumerate(text[:MAX_READ].split("\f"), 1):
        for unit, bullet, heading in _units(part):
            for sentence in [unit] if bullet and len(unit) < 400 else _split(unit):
                key = sentence.casefold()
                if key not in seen:
                    seen.add(key)
                    found.append((sentence, bullet, page, heading))
    if any(not heading for *_, heading in found):
        found = [one for one in found if not one[3]]
    known = [words_of(one[0]) for one in found]
    frequency = Counter(word for words in known for word in words)
    total = len(found)
    having: dict[str, list[int]] = {}
    for place, words in enumerate(known):
        for word in words:
            having.setdefault(word, []).append(place)
    sentences = tuple(
        Sentence(one[0], one[1], one[2], words, _worth(one[0], words, frequency, total, place))
        for place, (one, words) in enumerate(zip(found, known, strict=True))
    )
    return Sentences(sentences, {word: tuple(places) for word, places in having.items()}, "\f" in text[:MAX_READ])


def words_of(text: str) -> frozenset[str]:
    """The words of a text that tell what it is about, in lower case."""
    return frozenset(map(_stem, frozenset(_WORD.findall(text.casefold())) - STOP_WORDS))


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > 4 else word


def _units(text: str) -> list[tuple[str, bool, bool]]:
    """Paragraphs and lines of lists, each on one line: text, whether it is a list's, whether it is a heading."""
    units: list[tuple[str, bool, bool]] = []
    open_lines: list[str] = []
    bullet = False

    def close() -> None:
        nonlocal bullet
        if open_lines:
            whole = _unmarked(" ".join(" ".join(open_lines).split()))
            short = len(whole) < 70 and len(open_lines) == 1 and not bullet and not _ENDS.search(whole)
            if whole:
                units.append((whole, bullet, short and whole[:1].isupper() and whole.count(" ") < 8))
            open_lines.clear()
        bullet = False

    lines = text.splitlines()
    for place, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or _RULE.match(line) or stripped.startswith("|"):
            close()
            continue
        if heading := _HEADING.match(line):
            close()
            units.append((line[heading.end() :].strip(), False, True))
            continue
        if start := _BULLET.match(line):
            close()
            bullet = True
            open_lines.append(line[start.end() :])
            continue
        if open_lines:
            # a wrapped line goes on; a short one without an end stands for itself
            before = open_lines[-1].strip()
            if not (len(before) >= 45 or stripped[:1].islower()):
                alone = len(open_lines) == 1 and not bullet and not _ENDS.search(before)
                close()
                if alone and units:  # lines in a row are a list of facts, not headings
                    units[-1] = (units[-1][0], False, False)
                    if place + 1 == len(lines) or not lines[place + 1].strip():
                        units.append((" ".join(stripped.split()), False, False))
                        continue
        open_lines.append(stripped)
    close()
    return [unit for unit in units if any(map(str.isalnum, unit[0]))]


def _unmarked(text: str) -> str:
    """The words of a line of Markdown."""
    if "*" in text or "_" in text:
        text = _STARS.sub("", _RUN_IN.sub("", text))
    return _LINK.sub(r"\1", text) if "](" in text else text


def _split(paragraph: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for found in _BREAK.finditer(paragraph):
        end = found.end(1) if found[1] is not None else found.end()
        if _ABBREVIATED.search(paragraph, max(start, end - 12), end):
            continue
        sentences.append(paragraph[start:end].strip())
        start = found.end()
    sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if any(map(str.isalnum, sentence))]


def _worth(text: str, words: frozenset[str], frequency: Counter[str], total: int, place: int) -> float:
    """Figures, verbs that tell, a good length and the text's own subjects raise it; boilerplate lowers it."""
    count = text.count(" ") + 1
    worth = 0.3
    if 8 <= count <= 32 or (count == 1 and len(text) > 12):
        worth += 0.2
    elif count < 4 or count > 55:
        worth -= 0.25
    digits = sum(map(text.count, "0123456789"))
    if digits and _FIGURE.search(text):
        worth += 0.2
    lower = text.casefold()
    if not _TELLING.isdisjoint(lower.split()):
        worth += 0.15
    if words:
        subjects = sum(1 for word in words if 1 < frequency[word] <= max(3, total // 8))
        worth += 0.15 * subjects / len(words)
    worth += 0.1 / (1 + place / 8)
    if _LEANING.match(text):
        worth -= 0.15
    if any(phrase in lower for phrase in _BOILERPLATE):
        worth -= 0.3
    if text.endswith((":", "?")) or text.count("(") != text.count(")") or text.count('"') % 2:
        worth -= 0.2
    if digits * 4 > len(text) or (text.isupper() and count > 3):
        worth -= 0.25
    return worth
