"""Which of several words fits a text best, as far as that shows on the surface."""

import re
from collections.abc import Sequence

from ..language.scalars import read_choice
from ..pattern import pattern
from .draw import Draw
from .sentences import words_of

# A choice that looks like the first is likelier in a text with the second.
_CUES = tuple(
    (pattern(labels, re.I), pattern(cues, re.I), weight)
    for weight, labels, cues in (
        (
            0.7,  # there are figures in promises and risks, too
            r"figure|number|fact|metric|statistic|financ",
            r"[$€£¥]\s?[0-9]|[0-9]\s?%|\b[0-9][0-9,.]* (?:percent|million|billion)"
            r"|\b(?:revenue|profit|margin|rose|fell)\b",
        ),
        (
            1.5,
            r"promise|forecast|plan|commit|goal|target|action|task|decision|guidance|outlook",
            r"\b(?:will|expects?|plans? to|planned|intends?|aims?|targets?|to be|promis\w+|committed|agreed|decided"
            r"|by 20[0-9]{2})\b",
        ),
        (
            1.2,
            r"risk|threat|concern|warning|weakness|liabilit|danger",
            r"\b(?:risks?|if|lose|late|would|may|could|might|uncertain\w*|advers\w+|litigation|fails?|failure|threat\w*|strikes?|breach"
            r"|shortages?|outbreak|claims? against|exposed)\b",
        ),
        (1, r"opinion|view|belief|judg", r"\b(?:believes?|thinks?|considers?|should|feels?|opinion|confident)\b"),
        (
            1,
            r"positive|praise|good|strength|compliment|opportunit|happy|pro$",
            r"\b(?:good|great|excellent|love|thank\w*|happy|improved?|rose|grew|growth|record|success\w*)\b",
        ),
        (
            1,
            r"negative|complain|bad|angry|problem|con$",
            r"\b(?:bad|poor|worse|worst|hate|angry|disappoint\w+|fell|declin\w+|loss|problem|terrible|never)\b",
        ),
        (
            1,
            r"bill|payment|refund|invoice|price|money",
            r"\b(?:charg\w+|invoices?|bill\w*|paid|pay\w*|refund\w*|money|card|prices?|subscription|receipts?)\b",
        ),
        (
            1,
            r"bug|fault|error|technical|defect|incident|outage",
            r"\b(?:bugs?|errors?|crash\w*|broken|nothing|doesn['’]t|does not|fail\w*|freez\w+|screen|export|stuck)\b",
        ),
        (1, r"question|request|enquiry|inquiry", r"\?|\b(?:how|could you|can you|would like)\b"),
        (
            1,
            r"urgent|high|critical|severe|block|major",
            r"\b(?:urgent\w*|immediately|critical\w*|serious\w*|at once)\b",
        ),
        (1, r"deliver|shipping|order|parcel", r"\b(?:deliver\w*|parcel|ship\w*|order\w*|arriv\w+|courier)\b"),
        (1, r"account|login|access|password", r"\b(?:password|log ?in|account|sign in|locked)\b"),
        (1, r"legal|contract|complian|law", r"\b(?:court|laws?|lawsuit|contract|clause|regulat\w+|permit)\b"),
    )
)
_REST = pattern(r"other|none|unknown|unclear|neutral|misc|general|not sure|n/?a", re.I)
_READ = 6000  # characters


def choose(choices: Sequence[str], text: str, examples: Sequence[tuple[str, str]], draw: Draw, *path: str | int) -> str:
    """One of the choices: one that the text names or hints at, or that a like example had; with no sign of it, any."""
    text = text[:_READ]
    words = words_of(text)
    scores = {choice: _named(choice, words) + _hinted(choice, text) for choice in choices}
    for told, label in examples:
        try:
            scores[read_choice(label, choices)] += 1.5 * len(words & words_of(told))
        except ValueError:
            continue
    best = max(scores.values())
    # samples of one question may see it differently
    astray = not draw.first and draw.varied("astray", *path) > 0.8
    if best > 0 and not astray:
        return draw.one_of([choice for choice in choices if scores[choice] == best], *path)
    rest = [choice for choice in choices if _REST.fullmatch(choice.strip())]
    if rest and not astray and best == 0:
        return rest[0]
    return draw.one_of(choices, *path)


def _named(choice: str, words: frozenset[str]) -> float:
    score = 0.0
    for word in words_of(choice):
        if word in words:
            score += 3
        elif len(word) >= 5 and any(other.startswith(word[:5]) for other in words):
            score += 2
    return score


def _hinted(choice: str, text: str) -> float:
    score = 0.0
    for labels, cues, weight in _CUES:
        if labels.search(choice):
            score += weight * min(sum(1 for _ in cues.finditer(text)), 3)
    return score
