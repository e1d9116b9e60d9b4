"""A text for an answer: sentences of the material, in their order, within the limits that were set."""

import re

from ..pattern import pattern
from .asked import Asked, Limits
from .draw import Draw
from .sentences import Sentences, words_of

_FEW = 6  # sentences, where nothing is said about the length
_WORDS = 130
_PAGE = 200  # words of a page that stay readable
_BARE = pattern(r"^[\s\"'“”‘’(\[*_#|-]+|[\s\"'“”‘’)\]*_,;:.!?|-]+$")
_ENDED = pattern(r"[.!?…。！？:][\"'”’)\]*_]*$")
_PROPER = pattern(r"(?<=\s)[A-ZÀ-Þ][\w'’.-]*(?:\s+(?:of|de|von|&)?\s*[A-ZÀ-Þ][\w'’-]*)*")


def prose(asked: Asked, sentences: Sentences, limits: Limits, draw: Draw) -> str:
    """A text that answers what was asked; without any material it says what it was asked for."""
    if not sentences.all:
        told = " ".join((asked.query or asked.instruction).split())
        text = f"An offline answer to: {told}" if told else "An offline answer to an empty question."
        return _within(text, limits, asked)
    places = _chosen(asked, sentences, limits, draw)
    chosen = [sentences.all[place] for place in places]
    lines = [one.text for one in chosen]
    if len(chosen) > 1 and (limits.bullets or sum(one.bullet for one in chosen) * 2 > len(chosen)):
        text = "\n".join(f"- {line}" for line in lines)
    elif all(len(line) < 70 and not _ENDED.search(line) for line in lines):
        text = "\n".join(lines)
    else:
        ended = [line if _ENDED.search(line) else line.rstrip(",;") + "." for line in lines]
        size = 3 if len(ended) > 4 else len(ended)
        text = "\n\n".join(" ".join(ended[at : at + size]) for at in range(0, len(ended), size))
    return _within(text, limits, asked)


def label(text: str, most: int) -> str:
    """A few words out of a text that name something: a proper name in it, else its first words."""
    names = [name for name in _PROPER.findall(text) if len(name) > 2]
    words = (max(names, key=len) if names else text).split()[:most]
    short = _BARE.sub("", " ".join(words))
    return short or text[:40].strip() or "offline"


def fitted(text: str, low: int, high: int | None, spare: str) -> str:
    """The text with at least `low` characters, filled up from `spare`, and at most `high`, cut between words."""
    if len(text) < low:
        more = spare.strip() or "offline"
        parts = [text] if text else []
        size = len(text)
        while size < low:
            parts.append(more)
            size += len(more) + 1
        text = " ".join(parts)
        high = low + 40 if high is None else min(high, low + 40)
    if high is None or len(text) <= high:
        return text
    cut = text[:high]
    at = max(cut.rfind(" "), cut.rfind("\n"))
    shorter = cut[:at].rstrip(" ,;:-\n") if at > 0 and not text[high].isspace() else cut
    return shorter if len(shorter) >= max(low, 1) else cut


def _chosen(asked: Asked, sentences: Sentences, limits: Limits, draw: Draw) -> list[int]:
    """Which sentences the text is made of, in their order."""
    all_ = sentences.all
    fit = [
        place
        for place, one in enumerate(all_)
        if not any(word.casefold() in one.text.casefold() for word in limits.avoids)
    ] or list(range(len(all_)))
    worded = [place for place in fit if all_[place].text.count(" ") > 1 or len(all_[place].words) > 2]
    fit = worded or fit
    words = limits.most_words if limits.most_words is not None else _WORDS
    budget = max(1, min(int(words * 0.9), _PAGE))
    count = limits.sentences or (2 if _narrow(asked) else _FEW if limits.most_words is None else 14)
    count = max(1, count - asked.again) if limits.sentences is None else count
    if limits.least_words:
        budget, count = max(budget, limits.least_words + 30), 1000
    alike = sentences.likeness(words_of(asked.query)) if asked.query else {}
    stretch = max(1, len(fit) // max(count, 1))

    def rank(position: int) -> float:
        place = fit[position]
        return 2 * alike.get(place, 0.0) + all_[place].worth + 0.12 * draw.varied("prose", place)

    if alike:
        order = sorted(range(len(fit)), key=rank, reverse=True)
    else:  # the best of each stretch of the material first, so that the text speaks of all of it
        best: dict[int, int] = {}
        for position in range(len(fit)):
            part = position // stretch
            if part not in best or rank(position) > rank(best[part]):
                best[part] = position
        first = sorted(best.values(), key=rank, reverse=True)
        order = first + [position for position in range(len(fit)) if position not in set(first)]
    chosen: list[int] = []
    size = 0
    for position in order:
        length = all_[fit[position]].text.count(" ") + 1
        if chosen and (len(chosen) >= count or size + length > budget):
            if len(chosen) >= count or size > budget * 0.8:
                break
            continue
        chosen.append(fit[position])
        size += length
    return sorted(chosen)


def _narrow(asked: Asked) -> bool:
    return "?" in asked.instruction


def _within(text: str, limits: Limits, asked: Asked) -> str:
    """The text with what it must and must not have; the number of words comes last, because it can be counted."""
    for word in limits.avoids:
        text = re.sub(re.escape(word), "", text, flags=re.I) if word else text
    missing = [word for word in limits.contains if word.casefold() not in text.casefold()]
    tail = " ".join(missing)
    if limits.starts and not text.casefold().startswith(limits.starts.casefold()):
        text = f"{limits.starts} {text}"
    if limits.ends:
        tail = f"{tail} {limits.ends}".strip()
    while limits.least_words and text.split() and len(text.split()) + len(tail.split()) < limits.least_words:
        text = f"{text} {text}"[: len(text) * 2 + 1]
    if limits.most_words is not None:
        text = _first_words(text, max(0, limits.most_words - len(tail.split())))
    if limits.most_characters is not None:
        text = fitted(text, 0, max(0, limits.most_characters - len(tail) - 1), "")
    if tail and not (not missing and text.casefold().endswith(tail.casefold())):
        text = f"{text} {tail}".strip()
    return text.strip()


def _first_words(text: str, most: int) -> str:
    words = list(re.finditer(r"\S+", text))
    if len(words) <= most:
        return text
    if not most:
        return ""
    cut = text[: words[most - 1].end()]
    # better a few words less than half a sentence
    ends = [end.end() for end in re.finditer(r"[.!?…][\"'”’)]*(?=\s|$)", cut)]
    return cut[: ends[-1]] if ends and ends[-1] > len(cut) // 2 else cut
