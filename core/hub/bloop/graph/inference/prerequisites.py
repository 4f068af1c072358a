"""What has to be known before what: definitions, references, order, names, and meaning."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from bloop.graph.inference.concepts import Found
from bloop.graph.inference.corpus import Corpus, Key
from bloop.graph.inference.course import PREREQUISITE, Edge, Evidence
from bloop.graph.inference.ladder import folder, ladder
from bloop.graph.inference.mentions import Mentions
from bloop.graph.inference.names import Containment, containment
from bloop.graph.inference.naming import passage_of

LEAST = 0.27
"""Confidence below which an edge is none."""
MOST_BEFORE = 5
"""Prerequisites of one concept, the surest ones."""
HOMES = 10
"""Sections that are about a concept and are looked at."""
KNOWN_WELL = 0.9
"""How well the ladder has to know a name where a course speaks for itself."""
FEW = 3
"""So much is added to what is counted: what a concept named once is with says little."""
CROWD = 60
"""Concepts of one section that are looked at, those it names most."""

Vectors = Sequence[Sequence[float]]


@dataclass(slots=True)
class Places:
    """By number of a concept: where it begins, the sections about it, and how usual it is."""

    start: list[int]
    homes: list[list[tuple[int, float]]]
    usual: list[float]
    crowds: Mapping[int, list[int]]
    """By section the numbers of the concepts that it names."""


def places_of(corpus: Corpus, found: Sequence[Found], mentions: Mentions) -> Places:
    """Where concepts begin and are told of."""
    by_section: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, counts in enumerate(mentions.sections):
        for section, count in counts.items():
            by_section[section].append((-count, number))
    crowds = {
        section: [number for _, number in sorted(some)[:CROWD]]
        for section, some in by_section.items()
    }
    starts, homes, usual = [], [], []
    for number, one in enumerate(found):
        counts = mentions.sections[number]
        headed = [place for _, _, place in one.headed]
        introduced = [place for place in (one.defined, *headed) if place >= 0]
        starts.append(min(introduced, default=mentions.first[number]))
        weight: Counter[int] = Counter(dict(counts.most_common(HOMES)))
        for _, section, _ in one.headed:
            weight[section] += 8
        if one.defined >= 0:
            weight[corpus.sentences[one.defined].section] += 4
        best = weight.most_common(HOMES)
        total = sum(value for _, value in best) + FEW
        homes.append([(section, value / total) for section, value in best])
        usual.append(len(counts) / max(1, len(corpus.section_documents)))
    return Places(starts, homes, usual, crowds)


def prerequisites_of(
    corpus: Corpus,
    found: Sequence[Found],
    mentions: Mentions,
    places: Places,
    vectors: Vectors | None,
) -> list[Edge]:
    """The edges that are sure enough; cycles are still in them."""
    refers = [_references(places, mentions, number) for number in range(len(found))]
    defining = [_in_definition(found, mentions, number) for number in range(len(found))]
    named = _contained(found)
    levels = _levels(corpus, found)
    made: dict[tuple[int, int], Edge] = {}
    for target in range(len(found)):
        candidates = refers[target].keys() | defining[target] | named[target].keys()
        edges = []
        for source in sorted(candidates - {target}):
            back = refers[source].get(target, 0.0)
            pair = _Pair(
                corpus,
                places,
                found,
                source,
                target,
                reference=refers[target].get(source, 0.0) - back,
                defines=source in defining[target] and target not in defining[source],
                name=named[target].get(source),
                reverse=target in named[source],
                near=_cosine(vectors, source, target),
                higher=levels[target] - levels[source],
            )
            if (edge := pair.edge()) is not None:
                edges.append((-edge.confidence, source, edge))
        for _, source, edge in sorted(edges, key=lambda one: one[:2])[:MOST_BEFORE]:
            made[source, target] = edge
    return [
        edge
        for (source, target), edge in made.items()
        if (other := made.get((target, source))) is None or other.confidence < edge.confidence
    ]


def _references(places: Places, mentions: Mentions, number: int) -> dict[int, float]:
    """The share of the text about a concept that names another one, beyond what is usual.

    After Liang et al., "Measuring prerequisite relations among concepts", 2015 (RefD), with the
    course's own sections in place of an encyclopedia's links.
    """
    made: dict[int, float] = defaultdict(float)
    for section, share in places.homes[number]:
        for other in places.crowds.get(section, ()):
            made[other] += share * min(1.0, mentions.sections[other][section] / 3)
    return {other: share - 0.5 * places.usual[other] for other, share in made.items()}


def _in_definition(found: Sequence[Found], mentions: Mentions, number: int) -> set[int]:
    place = found[number].defined
    return set(mentions.by_sentence.get(place, ())) - {number} if place >= 0 else set()


def _contained(found: Sequence[Found]) -> list[dict[int, Containment]]:
    """By number those whose names are within its own."""
    numbers: dict[Key, int] = {one.key: number for number, one in enumerate(found)}
    made: list[dict[int, Containment]] = []
    for one in found:
        within: dict[int, Containment] = {}
        for start in range(len(one.key)):
            for end in range(start + 1, len(one.key) + 1):
                number = numbers.get(one.key[start:end])
                known = containment(one.key[start:end], one.key)
                if number is not None and known is not None:
                    within[number] = known
        made.append(within)
    return made


def _levels(corpus: Corpus, found: Sequence[Found]) -> list[float]:
    """When each is usually taught; NaN where that is not known."""
    if corpus.language.code != "en":
        return [math.nan] * len(found)
    steps = [ladder().step(folder().keys(one.name)) for one in found]
    return [one.level if one is not None and one.sure >= KNOWN_WELL else math.nan for one in steps]


def _cosine(vectors: Vectors | None, one: int, other: int) -> float | None:
    return sum(map(mul, vectors[one], vectors[other])) if vectors is not None else None


@dataclass(slots=True)
class _Pair:
    """Two concepts and what ties them."""

    corpus: Corpus
    places: Places
    found: Sequence[Found]
    source: int
    target: int
    reference: float
    defines: bool
    name: Containment | None
    reverse: bool
    near: float | None
    higher: float

    def edge(self) -> Edge | None:
        """An edge, where they are tied enough."""
        if self.reverse:
            return None
        before = self._before()
        doubt = 1.0
        if self.defines:
            doubt *= 1 - 0.5 * before
        if self.reference > 0:
            doubt *= 1 - min(0.6, 1.1 * self.reference) * before
        if self.name:
            doubt *= 1 - self.name.sure
        sure = (1 - doubt) * self._gate()
        if sure < LEAST:
            return None
        facts = {"reference": round(self.reference, 3), "before": round(before, 2)}
        if self.near is not None:
            facts["similarity"] = round(self.near, 3)
        return Edge(
            kind=PREREQUISITE,
            source=self.found[self.source].id,
            target=self.found[self.target].id,
            weight=round(min(1.0, sure), 3),
            confidence=round(min(0.95, sure), 3),
            evidence=tuple(self._evidence(before)),
            facts=facts,
        )

    def _before(self) -> float:
        """1 where the source begins in an earlier document, less within one, little behind."""
        start = self.places.start
        one, other = start[self.source], start[self.target]
        if one < 0 or other < 0:
            return 0.4
        sentences = self.corpus.sentences
        if sentences[one].document < sentences[other].document:
            return 1.0
        return 0.75 if one < other else 0.5 if one == other else 0.25

    def _gate(self) -> float:
        """What is near in meaning is tied more, and what is usually taught in this order."""
        gate = 1.0 if self.near is None else min(1.15, max(0.5, 0.5 + 1.3 * (self.near - 0.1)))
        if self.higher < -1:
            gate *= 0.6
        return gate * 1.1 if self.higher > 0 else gate

    def _evidence(self, before: float) -> list[Evidence]:
        one, other = self.found[self.source], self.found[self.target]
        made = []
        if self.defines:
            sentence = self.corpus.sentences[other.defined]
            made.append(
                Evidence(
                    kind="definition",
                    note=f"What {other.name} is, is said with {one.name}.",
                    document=self.corpus.documents[sentence.document].id,
                    passage=passage_of(sentence),
                )
            )
        if self.reference > 0:
            note = f"Text about {other.name} names {one.name} more than the other way round."
            made.append(Evidence(kind="reference", note=note))
        if self.name:
            note = f"{other.name} {self.name.note} {one.name}."
            made.append(Evidence(kind="name", note=note))
        if before > 0.5:
            place = self.corpus.sentences[self.places.start[self.source]]
            note = f"{one.name} is introduced before {other.name}."
            document = self.corpus.documents[place.document].id
            made.append(
                Evidence(kind="order", note=note, document=document, passage=passage_of(place))
            )
        if self.higher > 0:
            note = f"{one.name} is usually taught before {other.name}."
            made.append(Evidence(kind="level", note=note))
        if self.near is not None and self.near >= 0.4:
            note = f"Their meanings are near: similarity {self.near:.2f}."
            made.append(Evidence(kind="embedding", note=note))
        return made
