"""Which sentences matter: TextRank within a chapter, and what their place and words say.

Mihalcea and Tarau, "TextRank: Bringing Order into Texts", 2004. A chapter is ranked by itself, so
that a change in one leaves the others as they are.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from bloop_outline.languages import Language
from bloop_outline.sentences import Sentence, leans

WINDOW = 120
"""Sentences that are compared with each other; a longer chapter is ranked in pieces."""
_DAMPING, _ROUNDS = 0.85, 15
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]")


def keys(text: str, language: Language) -> list[str]:
    """The words that carry meaning, by their beginnings; pairs of signs where no spaces are."""
    text = re.sub(r"\$[^$]*\$", " ", text).casefold()
    found: list[str] = []
    for word in _WORD.findall(text):
        if _UNSPACED.search(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word not in language.stop and (len(word) > 2 or word.isdigit()):
            found.append(word[:6])
    return found


def rank(
    sentences: Sequence[Sentence], about: str, language: Language, concepts: Sequence[str] = ()
) -> list[float]:
    """A weight for each sentence; ``about`` are the headings above them."""
    bags = [Counter(keys(one.text, language)) for one in sentences]
    scores: list[float] = []
    for start in range(0, len(bags), WINDOW):
        scores += _textrank(bags[start : start + WINDOW])
    topic = set(keys(" ".join((about, *concepts)), language))
    before = -1
    for number, sentence in enumerate(sentences):
        opens = sentence.paragraph != before
        before = sentence.paragraph
        scores[number] *= _weight(sentence, language) * (1.25 if opens else 1.0)
        scores[number] *= 1.25 if number == 0 else 1.0
        scores[number] *= 1 + 0.25 * min(2, len(topic & bags[number].keys()))
    return scores


def _weight(sentence: Sentence, language: Language) -> float:
    text = sentence.text.replace("’", "'")
    weight = _by_length(text) * (1.25 if sentence.term else (1.1 if sentence.marked else 1.0))
    if language.weighty:
        weight *= 1 + 0.15 * min(2, len(language.weighty.findall(text)))
    if language.light and language.light.search(text):
        weight *= 0.55
    if sentence.is_question:
        weight *= 0.35
    elif language.defines and language.defines.search(text[:90]):
        weight *= 1.2
    if text.endswith((":", "：")):
        weight *= 0.4
    return weight * _by_standing(sentence, text, language)


def _by_length(text: str) -> float:
    """Names and half sentences say too little, long ones are not listened to."""
    count = len(text.split()) if " " in text else len(text) / 2
    return 0.3 if count < 4 else max(0.35, min(1.0, 28 / count))


def _by_standing(sentence: Sentence, text: str, language: Language) -> float:
    """Whether it can stand alone, and can be said at all."""
    if sentence.linked > 0.4 or not sentence.is_speakable:
        return 0.05
    if leans(sentence, language):
        return 0.75
    return 0.85 if language.pronouns & set(text.lower().split()) else 1.0


def _textrank(bags: Sequence[Counter[str]]) -> list[float]:
    count = len(bags)
    if count < 3:
        return [1.0] * count
    sizes = [math.log(1 + sum(bag.values())) for bag in bags]
    near: list[list[tuple[int, float]]] = [[] for _ in bags]
    for one in range(count):
        for other in range(one + 1, count):
            common = len(bags[one].keys() & bags[other].keys())
            if common:
                likeness = common / (sizes[one] + sizes[other])
                near[one].append((other, likeness))
                near[other].append((one, likeness))
    out = [sum(likeness for _, likeness in each) for each in near]
    scores = [1.0] * count
    for _ in range(_ROUNDS):
        scores = [
            1 - _DAMPING + _DAMPING * sum(scores[o] * likeness / out[o] for o, likeness in each)
            for each in near
        ]
    return scores
