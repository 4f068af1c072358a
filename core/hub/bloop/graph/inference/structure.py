"""What is part of what, by headings and outcomes; and what stands beside what."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from operator import mul

from bloop.graph.inference.concepts import Found
from bloop.graph.inference.corpus import Corpus, Key
from bloop.graph.inference.course import PART_OF, RELATED, Edge, Evidence
from bloop.graph.inference.mentions import Mentions
from bloop.graph.inference.naming import heading_parts, term
from bloop.graph.inference.prerequisites import Places, Vectors

MOST_RELATED = 3
MOST_WHOLES = 2
"""What stands under headings of more than these is a part of none: it comes up everywhere."""
NEAR = 0.55
"""Cosine from which two names mean nearly the same."""
TOGETHER = 3
"""Sections that have to name both."""


def parts_of(corpus: Corpus, found: Sequence[Found]) -> list[Edge]:
    """Concepts of headings within those of the headings above, and outcomes within outcomes."""
    known = {one.key: one for one in found}
    made: dict[tuple[str, str], Edge] = {}
    told = [*_by_headings(corpus, known), *_by_outcomes(corpus)]
    wholes: dict[Key, set[Key]] = defaultdict(set)
    for inner, outer, _, _ in told:
        wholes[inner].add(outer)
    for inner, outer, text, document in told:
        one, other = known.get(inner), known.get(outer)
        if one is None or other is None or one is other or (one.id, other.id) in made:
            continue
        if len(wholes[inner]) > MOST_WHOLES:
            continue
        kind = "heading" if document else "outcome"
        where = "The heading" if document else "The outcome"
        made[one.id, other.id] = Edge(
            kind=PART_OF,
            source=one.id,
            target=other.id,
            weight=0.6,
            confidence=0.6 if kind == "outcome" else round(0.35 + 0.3 * one.confidence, 3),
            evidence=(
                Evidence(
                    kind=kind,
                    note=f"{where} {one.name} stands under {other.name}.",
                    document=document,
                    passage=text[:200],
                ),
            ),
        )
    return list(made.values())


def _by_headings(corpus: Corpus, known: Collection[Key]) -> Iterator[tuple[Key, Key, str, str]]:
    above: list[tuple[int, Key]] = []
    for at, text, level, _, _ in corpus.headings:
        document = corpus.documents[at]
        if level == 0:
            above = []
            for title in document.section[-1:]:
                if (outer := _only(corpus, title, known)) is not None:
                    above.append((-1, outer))
        above = [one for one in above if one[0] < level]
        names = [key for key in _named(corpus, text) if key in known]
        if above:
            for key in names:
                yield key, above[-1][1], f"{text}", document.id
        if len(names) == 1 and _only(corpus, text, known):
            above.append((level, names[0]))


def _named(corpus: Corpus, text: str) -> list[Key]:
    found = (term(corpus, part) for part, _ in heading_parts(corpus, text))
    return [one[0] for one in found if one is not None]


def _only(corpus: Corpus, text: str, known: Collection[Key]) -> Key | None:
    """The one concept that a heading names, where it names no more."""
    parts = list(heading_parts(corpus, text))
    if len(parts) != 1:
        return None
    found = term(corpus, parts[0][0])
    return found[0] if found is not None and found[0] in known else None


def _by_outcomes(corpus: Corpus) -> Iterator[tuple[Key, Key, str, str]]:
    titles = {one.id: one.title for one in corpus.course.outcomes}
    for one in corpus.course.outcomes:
        if one.parent in titles:
            inner, outer = term(corpus, one.title), term(corpus, titles[one.parent])
            if inner is not None and outer is not None:
                yield inner[0], outer[0], one.title, ""


def related_to(
    corpus: Corpus,
    found: Sequence[Found],
    mentions: Mentions,
    places: Places,
    vectors: Vectors | None,
    tied: Collection[tuple[str, str]],
) -> list[Edge]:
    """What sections name together more often than by chance, or what is near in meaning.

    By normalised pointwise mutual information (Bouma 2009). Pairs in ``tied`` have an edge already.
    """
    together: Counter[tuple[int, int]] = Counter()
    for crowd in places.crowds.values():
        some = sorted(crowd[:20])
        together.update((one, other) for at, one in enumerate(some) for other in some[at + 1 :])
    sections = max(2, len(corpus.section_documents))
    best: dict[int, list[tuple[float, int, Edge]]] = defaultdict(list)
    for (one, other), count in together.items():
        if count < TOGETHER and vectors is None:
            continue
        ids = found[one].id, found[other].id
        if ids in tied or ids[::-1] in tied:
            continue
        shares = (len(mentions.sections[one]) / sections) * (
            len(mentions.sections[other]) / sections
        )
        both = count / sections
        tie = math.log(both / shares) / -math.log(both) if both < 1 and count >= TOGETHER else 0.0
        near = sum(map(mul, vectors[one], vectors[other])) if vectors is not None else 0.0
        sure = max(0.8 * tie if tie >= 0.45 else 0.0, near if near >= NEAR else 0.0)
        if sure > 0:
            edge = _related(found[one], found[other], sure, count, near)
            best[one].append((-sure, other, edge))
            best[other].append((-sure, one, edge))
    kept: dict[tuple[str, str], Edge] = {}
    for ranked in best.values():
        for _, _, edge in sorted(ranked, key=lambda item: item[:2])[:MOST_RELATED]:
            kept[edge.source, edge.target] = edge
    return [kept[pair] for pair in sorted(kept)]


def _related(one: Found, other: Found, sure: float, count: int, near: float) -> Edge:
    evidence = []
    if count >= TOGETHER:
        note = f"{count} sections name both {one.name} and {other.name}."
        evidence.append(Evidence(kind="reference", note=note))
    if near >= NEAR:
        note = f"Their meanings are near: similarity {near:.2f}."
        evidence.append(Evidence(kind="embedding", note=note))
    return Edge(
        kind=RELATED,
        source=one.id,
        target=other.id,
        weight=round(min(1.0, sure), 3),
        confidence=round(min(0.9, sure), 3),
        evidence=tuple(evidence),
        facts={"sections": count, "similarity": round(near, 3)},
    )
