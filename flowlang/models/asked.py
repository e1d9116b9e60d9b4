"""What a conversation asks for: the material it gives, the instruction that stands around it, and its limits.

The offline model understands nothing; it goes by where a line stands and how it begins.
"""

import re
from collections.abc import Sequence

from ..language.values import Media
from ..pattern import pattern
from ..record import record
from .answer import AGAIN
from .chat import ChatMessage
from .sentences import words_of

_VERBS_LIST = """
    act add analyse analyze answer assess assume call categorise categorize change check choose cite classify
    combine compare complete compose condense consider continue convert copy correct count create critique decide
    define describe determine detect draft draw edit estimate evaluate examine expand explain extract fill find fix
    focus format generate give group highlight identify ignore improve infer judge keep label leave list look make
    mark match merge mention name note number order outline output paraphrase pick point produce proofread propose
    provide quote rank rate read recommend remove rephrase reply report respond return review revise rewrite say
    score select shorten show simplify solve sort speak split state suggest summarise summarize take tell think
    translate turn use write now please don't never always only reply
"""
_VERBS = frozenset(_VERBS_LIST.split())
_QUESTIONS_LIST = """
    are can could did do does has have how in is should was were what when where which who whose why will would
"""
_QUESTIONS = frozenset(_QUESTIONS_LIST.split())
_OPENING = pattern(r"[\"'“‘(*_]*([^\W\d_]+(?:['’][^\W\d_]+)?)")
_CONDITION = pattern(
    r"if (?:you|there|it|the|nothing|any)\b|do not\b|in (?:one|two|at most|no more)\b|you are\b"
    r"|your (?:task|job)\b|question:",
    re.I,
)
_BULLET = pattern(r"\s*(?:[-*+•]|[0-9]+[.)])\s")
_TAIL = pattern(r"[?:]\s+(?=\S)")

_TWELVE = "no one two three four five six seven eight nine ten eleven twelve"
_COUNTS = {word: place for place, word in enumerate(_TWELVE.split())} | {"a": 1, "an": 1, "single": 1}
_COUNT = r"([0-9]{1,6}|" + "|".join(_COUNTS) + r")"
_MOST = r"(?:at most|no more than|not more than|up to|maximum(?: of)?|max\.?|within|under|fewer than|less than|in|of)"
_MOST_WORDS = pattern(rf"\b{_MOST}\s+{_COUNT}\s+words?\b|\b{_COUNT}\s+words?\s+(?:or (?:fewer|less)|at most|max)", re.I)
_LEAST_WORDS = pattern(rf"\b(?:at least|no fewer than|minimum of|more than)\s+{_COUNT}\s+words?\b", re.I)
_MOST_SIGNS = pattern(
    rf"\b{_MOST}\s+{_COUNT}\s+characters?\b|\b{_COUNT}\s+characters?\s+(?:or (?:fewer|less)|at most)", re.I
)
_SENTENCES = pattern(rf"\b{_COUNT}(?:\s+(?:short|plain|clear|simple|full))?\s+(?:sentences?|lines?)\b", re.I)
_PARAGRAPHS = pattern(rf"\b{_COUNT}(?:\s+short)?\s+paragraphs?\b", re.I)
_RULE = pattern(r"\|\s*(words|lines)?\s*(?:\|\s*)?count\s*\)?\s*(<=|<|>=|>|is)\s*([0-9]{1,6})")
_QUOTED_RULE = pattern(r"(does not contain|contains|starts with|ends with)\s+\"((?:[^\"\\]|\\.)*)\"")
_ITEMS = pattern(
    rf"\b{_COUNT}(?!\s*(?:%|percent|words?|characters?|sentences?|lines?|pages?|paragraphs?|to\b|of\b|or\b|[-–.,:]\s*[0-9]))"
    r"(?:\s+[\w-]+){1,4}",
    re.I,
)
_LISTING = pattern(
    r"\b(?:list|name|give|find|extract|suggest|pick|choose|select|write|draft|propose|identify|make|create)\b", re.I
)


@record
class Limits:
    """What an instruction and the rules of an earlier refusal say about the form of a text."""

    most_words: int | None = None
    least_words: int = 0
    most_characters: int | None = None
    sentences: int | None = None
    bullets: bool = False
    contains: tuple[str, ...] = ()
    avoids: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""


@record
class Asked:
    """A conversation, taken apart. `query` is the narrow thing that is asked about, such as a claim to check."""

    material: str
    instruction: str
    query: str
    examples: tuple[tuple[str, str], ...]
    items: int | None  # how many things are asked for
    limits: Limits
    again: int  # how many answers were refused already


def asked(messages: Sequence[ChatMessage]) -> Asked:
    """Takes a conversation apart."""
    system = "\n".join(one.text for one in messages if one.role in ("system", "developer"))
    talk: list[ChatMessage] = []
    refusals: list[str] = []
    results: list[str] = []
    for one in messages:
        if one.role == "user" and one.text.startswith(AGAIN):
            refusals.append(one.text)
            if talk and talk[-1].role == "assistant":
                talk.pop()
        elif one.role == "tool":
            results.append(one.text)
        elif one.role in ("user", "assistant") and not one.tool_calls:
            talk.append(one)
    questions = [place for place, one in enumerate(talk) if one.role == "user"]
    last = talk[questions[-1]].text if questions else system
    material, instruction = parted(last)
    if questions and len(material) < 300 and any(isinstance(part, Media) for part in talk[questions[-1]].parts):
        material, instruction = "", last  # what the question is about can be seen or heard, not read
    tail = _tail(instruction)
    if not material:
        # a conversation that goes on; a worked example has no instruction, only what it is an example of
        earlier = [parted(talk[place].text) for place in reversed(questions[:-1])]
        material = next((text for text, told in earlier if told and len(text) > 2 * len(tail)), tail)
    if results:
        material = "\n\n".join([*results, material])
    query = tail if tail and tail != material else (instruction if "?" in instruction else "")
    examples = tuple(
        (talk[place].text, talk[place + 1].text)
        for place in questions[:-1]
        if talk[place + 1].role == "assistant" and len(talk[place + 1].text) < 300
    )
    said = instruction.removesuffix(tail) if tail else instruction
    return Asked(
        material,
        instruction,
        query,
        examples,
        _items(said, refusals),
        _limits(f"{system}\n{said}", refusals),
        len(refusals),
    )


def topic(asked: Asked) -> list[str]:
    """The words of an instruction that say what it is about, in their order."""
    words = dict.fromkeys(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", asked.query or asked.instruction))
    return [word for word in words if word.casefold() not in _VERBS and words_of(word)]


def parted(text: str) -> tuple[str, str]:
    """The material in a message and the instruction before and behind it. A message that only tells is all material."""
    lines = text.splitlines()
    first, last = 0, len(lines)
    # In front: whole lines, as long as they tell what to do.
    blocks_in_front = 0
    while first < last:
        if not lines[first].strip():
            first += 1
            continue
        if not (_tells(lines[first]) or (lines[first].rstrip().endswith(":") and len(lines[first]) < 200)):
            break
        if _BULLET.match(lines[first]):
            break
        blocks_in_front += 1
        first += 1
    # Behind: whole paragraphs that begin so, at most three.
    for _ in range(3):
        end = last
        while end > first and not lines[end - 1].strip():
            end -= 1
        start = end
        while start > first and lines[start - 1].strip():
            start -= 1
        if start == end or (start == first and not blocks_in_front and not _asks(lines[start])):
            break
        paragraph = lines[start:end]
        if not _tells(paragraph[0]) or paragraph[0].rstrip().endswith(":") or sum(map(len, paragraph)) > 1500:
            break
        last = start
    material = "\n".join(lines[first:last]).strip("\n")
    instruction = "\n".join([*lines[:first], *lines[last:]]).strip()
    if not material.strip() and instruction:
        paragraphs = [one for one in re.split(r"\n[ \t]*\n", text.strip()) if one.strip()]
        if len(paragraphs) > 1:  # material that sounds like an order, such as a slogan
            return max(paragraphs[1:], key=len), paragraphs[0]
        return "", instruction
    return material, instruction


def _tells(line: str) -> bool:
    """Whether a line sounds like something to do."""
    opening = _OPENING.match(line.strip())
    if not opening or _BULLET.match(line):
        return False
    word = opening[1].casefold().replace("’", "'")
    return word in _VERBS or bool(_CONDITION.match(line.strip())) or _asks(line)


def _asks(line: str) -> bool:
    opening = _OPENING.match(line.strip())
    return bool(opening) and "?" in line and opening is not None and opening[1].casefold() in _QUESTIONS


def _tail(instruction: str) -> str:
    """What stands behind the question mark or colon of an instruction, if it is more than a word."""
    found = _TAIL.search(instruction)
    tail = instruction[found.end() :].strip() if found else ""
    plain = len(tail.split()) > 1 and "{" not in instruction and not _tells(tail.splitlines()[0])
    return tail if plain else ""


def _items(instruction: str, refusals: Sequence[str]) -> int | None:
    for refusal in reversed(refusals):
        for what, sign, digits in _RULE.findall(refusal):
            if not what:
                return max(0, _shifted(sign, digits))
    for line in instruction.splitlines():
        listing = _LISTING.search(line)
        if listing and (found := _ITEMS.search(line, listing.end())):
            number = _number(found[1])
            if number > 1 or found[1].isdigit():
                return number
    return None


def _limits(told: str, refusals: Sequence[str]) -> Limits:
    most = _first(_MOST_WORDS, told)
    if most is None and re.search(r"\bone[- ]page\b", told, re.I):
        most = 350
    if re.search(r"\b(?:one|single) word\b", told, re.I):
        most = 1
    least = _first(_LEAST_WORDS, told) or 0
    signs = _first(_MOST_SIGNS, told)
    sentences = _first(_SENTENCES, told)
    paragraphs = _first(_PARAGRAPHS, told)
    if sentences is None and paragraphs:
        sentences = 3 * paragraphs
    if sentences is None and re.search(r"\b(?:headline|title|slogan|subject line|heading)\b", told, re.I):
        sentences = 1
    contains: list[str] = []
    avoids: list[str] = []
    starts = ends = ""
    for refusal in refusals:
        for what, sign, digits in _RULE.findall(refusal):
            number = _shifted(sign, digits)
            if what == "words" and sign in ("<", "<=", "is"):
                most = number if most is None else min(most, number)
            if what == "words" and sign in (">", ">=", "is"):
                least = max(least, number)
        if found := re.search(r"must have ([0-9]+ to |exactly |at most |at least )([0-9]+) characters?", refusal):
            signs = int(found[2]) if found[1] != "at least " else signs
        for rule, quoted in _QUOTED_RULE.findall(refusal):
            words = quoted.replace('\\"', '"')
            match rule:
                case "contains":
                    contains.append(words)
                case "does not contain":
                    avoids.append(words)
                case "starts with":
                    starts = words
                case _:
                    ends = words
    bullets = bool(re.search(r"\bbullet(?:s|ed|\b)|\bbullet points?\b|\bas a list\b", told, re.I))
    return Limits(most, least, signs, sentences, bullets, tuple(contains), tuple(avoids), starts, ends)


def _shifted(sign: str, digits: str) -> int:
    """The last whole number that a comparison allows."""
    return int(digits) + (sign == ">") - (sign == "<")


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return _number(next(group for group in found.groups() if group)) if found else None


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _COUNTS[word.casefold()]
