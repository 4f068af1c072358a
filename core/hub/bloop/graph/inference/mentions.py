"""Where concepts are mentioned: each sentence is scanned once, the longest name wins."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bloop.graph.inference.concepts import Found
from bloop.graph.inference.corpus import Corpus, Key
from bloop.graph.inference.course import Coverage
from bloop.graph.inference.naming import passage_of

MOST_DOCUMENTS = 40
"""Documents of one concept that are kept, those that are most about it."""
LEAST_WEIGHT = 0.15


@dataclass(slots=True)
class Mentions:
    """By the number of a concept: how often each section names it, and where it comes first."""

    sections: list[Counter[int]]
    first: list[int]
    best: list[dict[int, tuple[int, int]]]
    """By document the strength and the place of the sentence that shows it best."""
    by_sentence: dict[int, list[int]] = field(default_factory=dict)


def find_mentions(corpus: Corpus, found: Sequence[Found]) -> Mentions:
    """All mentions of all concepts."""
    trie = _starts(corpus, found)
    made = Mentions(
        [Counter() for _ in found], [-1] * len(found), [{} for _ in found], defaultdict(list)
    )
    defined = {one.defined: number for number, one in enumerate(found) if one.defined >= 0}
    for sentence in corpus.sentences:
        keys, at = sentence.keys, 0
        while at < len(keys):
            hit = next(
                (
                    (key, number)
                    for key, number in trie.get(keys[at], ())
                    if keys[at : at + len(key)] == key
                ),
                None,
            )
            if hit is None:
                at += 1
                continue
            key, number = hit
            at += len(key)
            made.sections[number][sentence.section] += 1
            made.by_sentence[sentence.place].append(number)
            if made.first[number] < 0:
                made.first[number] = sentence.place
            strength = 3 if defined.get(sentence.place) == number else 0 if sentence.level else 1
            strength += 1 if found[number].defined == sentence.place else 0
            best = made.best[number].get(sentence.document)
            if best is None or strength > best[0]:
                made.best[number][sentence.document] = strength, sentence.place
    return made


def _starts(corpus: Corpus, found: Sequence[Found]) -> dict[str, list[tuple[Key, int]]]:
    """Names by their first word, the longest first."""
    names: dict[Key, int] = {}
    for number, one in enumerate(found):
        for key in (one.key, *map(corpus.folder.keys, one.aliases)):
            if key:
                names.setdefault(key, number)
    starts: dict[str, list[tuple[Key, int]]] = defaultdict(list)
    for key, number in names.items():
        starts[key[0]].append((key, number))
    for some in starts.values():
        some.sort(key=lambda one: (-len(one[0]), one))
    return starts


def coverage_of(corpus: Corpus, found: Sequence[Found], mentions: Mentions) -> list[Coverage]:
    """What each document tells of, by how often and how prominently it names it."""
    made: list[Coverage] = []
    for number, one in enumerate(found):
        counts: Counter[int] = Counter()
        for section, count in mentions.sections[number].items():
            counts[corpus.section_documents[section]] += count
        prominent: dict[int, float] = defaultdict(float)
        for level, section, _ in one.headed:
            document = corpus.section_documents[section]
            prominent[document] = max(prominent[document], 2.2 if level == 0 else 1.2)
        if one.defined >= 0:
            prominent[corpus.sentences[one.defined].document] += 1.2
        spread = 1 + math.log1p(len(counts)) / 3
        weights = {
            document: 1 - math.exp(-(0.16 * count / spread + prominent[document]) / 1.4)
            for document, count in counts.items()
        }
        told = sorted(weights, key=lambda document: (-weights[document], document))
        for document in told[:MOST_DOCUMENTS]:
            if weights[document] < LEAST_WEIGHT:
                break
            place = mentions.best[number][document][1]
            made.append(
                Coverage(
                    document=corpus.documents[document].id,
                    concept=one.id,
                    weight=round(weights[document], 3),
                    passage=passage_of(corpus.sentences[place]),
                )
            )
    return made
