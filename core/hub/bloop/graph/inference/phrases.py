"""Terms by repetition: C-value over the course's own words.

Frantzi, Ananiadou and Mima, "Automatic recognition of multi-word terms: the C-value/NC-value
method", 2000. Without a tagger, what stands before a word tells nouns from verbs. Libraries that
find key phrases are under the GPL or LGPL, ask for a model or are no longer kept.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from bloop.graph.inference.corpus import Corpus, Key, Uses
from bloop.graph.inference.course import Evidence
from bloop.graph.inference.naming import Named, is_general

BEST = 0.7
LEAST_WORDS = 300
"""Words of a course from which repetition says something."""
MOST = 3000
"""Phrases that are looked at further, the best first."""
_ADJECTIVES_FIRST = frozenset({"en", "de", "nl"})


def of_phrases(corpus: Corpus) -> Iterator[Named]:
    """What is repeated as a term is, the best with a confidence of :data:`BEST`."""
    if corpus.word_count < LEAST_WORDS:
        return
    least = 2 if corpus.word_count < 4000 else 3
    frequent = {key: uses for key, uses in corpus.uses.items() if uses.count >= least}
    scored = sorted(
        ((score, key) for key, score in _values(corpus, frequent).items()),
        key=lambda one: (-one[0], one[1]),
    )[:MOST]
    if not scored:
        return
    top = scored[min(len(scored) - 1, 9)][0]
    for score, key in scored:
        uses = corpus.uses[key]
        sure = BEST * min(1.0, math.sqrt(score / top)) if top > 0 else 0.0
        places = f"{uses.documents} document{'s' if uses.documents != 1 else ''}"
        evidence = Evidence(
            kind="phrase", note=f"The course uses it {uses.count} times, in {places}."
        )
        surface = max(uses.surfaces, key=lambda one: (uses.surfaces[one], one))
        yield Named(key, surface, sure, evidence)


def _values(corpus: Corpus, frequent: dict[Key, Uses]) -> dict[Key, float]:
    """The C-value of each run that has the form of a term; one word counts as one and a half."""
    within: dict[Key, list[int]] = defaultdict(list)
    good = {key: uses for key, uses in frequent.items() if is_term(corpus, key, uses)}
    for key, uses in good.items():
        for start in range(len(key)):
            for end in range(start + 1, len(key) + 1):
                if end - start < len(key) and key[start:end] in good:
                    within[key[start:end]].append(uses.count)
    values: dict[Key, float] = {}
    for key, uses in good.items():
        longer = within.get(key, [])
        nested = sum(longer) / len(longer) if longer else 0.0
        free = uses.count - nested
        content = sum(1 for one in key if one not in corpus.language.stop)
        length = math.log2(1 + content) if content > 1 else 0.9
        if content == 1 and uses.documents == 1 and uses.count < 4:
            length *= 0.5
        if content > 1 and (_is_common(corpus, key[0]) or _is_common(corpus, key[-1])):
            length *= 0.5  # "First argument", "sound travels".
        if free > 0:
            values[key] = length * free * _nominal(uses)
    return values


def is_term(corpus: Corpus, key: Key, uses: Uses) -> bool:
    """Whether a run has the form of a term, by its words and by what stands around it."""
    language = corpus.language
    if is_general(corpus, key) or uses.verb > uses.noun:
        return False
    if language.capitals and uses.capital * 2 < uses.count and not _starts_sentences(uses):
        return False
    if any(_adverb(language.code, word) for word in key):
        return False
    if len(key) == 1:
        adjective = language.code in _ADJECTIVES_FIRST and uses.head < 0.4 * uses.count
        return len(key[0]) > 2 and not adjective
    if any(_is_verb(corpus, word) for word in key) or _participle(language.code, key[-1]):
        return False
    return not (key[0] in language.general and uses.count < 6 and uses.noun < 2)


def _is_common(corpus: Corpus, word: str) -> bool:
    return is_general(corpus, (word,))


def _is_verb(corpus: Corpus, word: str) -> bool:
    own = corpus.uses.get((word,))
    return own is not None and own.verb > max(1, own.noun)


def _participle(code: str, word: str) -> bool:
    return code == "en" and word.endswith("ed") and len(word) > 5


def _starts_sentences(uses: Uses) -> bool:
    """German nouns that only begin sentences have no capital counted."""
    return uses.capital == 0 and all(one[:1].isupper() for one in uses.surfaces)


def _adverb(code: str, word: str) -> bool:
    return code == "en" and word.endswith("ly") and len(word) > 5


def _nominal(uses: Uses) -> float:
    """How much it is used as a noun is, between a third and 1."""
    return (1 + uses.noun) / (1 + uses.noun + 2 * uses.verb) if uses.noun else 0.45
