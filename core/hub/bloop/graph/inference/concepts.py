"""From all that names a concept to the concepts: one for each key, the surest first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from bloop.graph.inference.corpus import Corpus, Key
from bloop.graph.inference.course import Evidence
from bloop.graph.inference.defining import of_definitions
from bloop.graph.inference.naming import Named, of_glossary, of_headings, of_outcomes
from bloop.graph.inference.phrases import of_phrases

_COMMA = re.compile(r",\s")
LEAST = 0.36
"""Confidence below which a candidate is none."""
AT_LEAST, FOR_EACH, MOST = 14, 4, 1500
"""How many concepts there are at most: of a course, more for each document, and of any course."""
LONGEST_TITLE = 30
STRENGTH = {"glossary": 5, "definition": 4, "outcome": 3, "heading": 2, "phrase": 1, "model": 3}


@dataclass(slots=True)
class Found:
    """A concept as it is put together; ``places`` are of sentences that name or define it."""

    key: Key
    name: str
    confidence: float
    evidence: tuple[Evidence, ...]
    description: str = ""
    aliases: list[str] = field(default_factory=list)
    defined: int = -1
    headed: list[tuple[int, int, int]] = field(default_factory=list)
    """Document level, section and place of its headings."""

    @property
    def id(self) -> str:
        """As in :attr:`bloop.graph.inference.course.Concept.key`."""
        return " ".join(self.key)


def find_concepts(corpus: Corpus, extra: Iterable[Named] = ()) -> list[Found]:
    """The concepts, the surest first; of equal ones the one that comes first in the alphabet."""
    named: dict[Key, list[Named]] = defaultdict(list)
    for one in chain(
        of_glossary(corpus), of_definitions(corpus), of_outcomes(corpus), of_headings(corpus), extra
    ):
        named[one.key].append(one)
    for one in of_phrases(corpus):
        named[one.key].append(one)
    made = [_put_together(corpus, key, all_of_it) for key, all_of_it in named.items()]
    made = [one for one in made if one.confidence >= LEAST and not _is_somebody(corpus, one)]
    made.sort(key=lambda one: (-one.confidence, one.key))
    taught = sum(1 for one in corpus.documents if one.html or one.text)
    known = len(corpus.course.glossary)
    made = made[: min(MOST, AT_LEAST + known + FOR_EACH * taught)]
    return _one_for_each_name(made)


def _is_somebody(corpus: Corpus, one: Found) -> bool:
    """Whether a name is that of a teacher, say: "Dr. Ada Byron", "Ada Byron is a professor"."""
    words = one.name.split()
    if not 2 <= len(words) <= 4 or not all(word[:1].isupper() for word in words):
        return False
    if any(evidence.kind in {"glossary", "outcome"} for evidence in one.evidence):
        return False
    people, defines = corpus.language.people, corpus.language.defines
    for sentence in corpus.sentences:
        before, name, after = sentence.text.partition(one.name)
        if not name:
            continue
        begin = before.rstrip(" .:")[-LONGEST_TITLE:]
        if any(found.end() == len(begin) for found in people.finditer(begin)):
            return True
        verb = defines.match(after) or _COMMA.match(after)
        if verb and people.search(" ".join(after[verb.end() :].split()[:3])):
            return True
    return False


def _put_together(corpus: Corpus, key: Key, named: Sequence[Named]) -> Found:
    ordered = sorted(named, key=lambda one: (-one.confidence, one.place))
    best: dict[str, float] = {}
    for one in ordered:
        kind = one.evidence.kind
        best[kind] = max(best.get(kind, 0.0), one.confidence)
    doubt = 1.0
    for sure in best.values():
        doubt *= 1 - sure
    told = [one for one in ordered if one.description]
    told.sort(key=lambda one: (-STRENGTH.get(one.evidence.kind, 0), -one.confidence, one.place))
    defined = [
        one.place for one in ordered if one.evidence.kind == "definition" and one.description
    ]
    return Found(
        key=key,
        name=_name(corpus, key, ordered),
        confidence=round(min(0.99, 1 - doubt), 3),
        evidence=_evidence(ordered),
        description=told[0].description if told else "",
        aliases=list(dict.fromkeys(one.alias for one in ordered if one.alias)),
        defined=min(defined, default=-1),
        headed=[(one.level, one.section, one.place) for one in named if one.level >= 0],
    )


def _evidence(ordered: Sequence[Named]) -> tuple[Evidence, ...]:
    """The best two of each kind."""
    kept: dict[str, list[Evidence]] = defaultdict(list)
    for one in ordered:
        if len(kept[one.evidence.kind]) < 2 and one.evidence not in kept[one.evidence.kind]:
            kept[one.evidence.kind].append(one.evidence)
    kinds = sorted(kept, key=lambda kind: -STRENGTH.get(kind, 0))
    return tuple(chain.from_iterable(kept[kind] for kind in kinds))


def _name(corpus: Corpus, key: Key, named: Sequence[Named]) -> str:
    """As a glossary writes it; else as the course does, in the singular where that is used."""
    for one in named:
        if one.evidence.kind == "glossary":
            return one.surface
    uses = corpus.uses.get(key)
    surfaces = dict(uses.surfaces) if uses else {named[0].surface: 1}
    # A name, and in German a noun, is written large within sentences too.
    large = uses is not None and uses.capital * 2 >= uses.count
    kept = [one for one in surfaces if (one == one.lower()) != large] or list(surfaces)
    most = max(surfaces[one] for one in kept)
    common = [one for one in kept if surfaces[one] * 5 >= most]
    singular = [one for one in common if one.casefold().endswith(key[-1])]
    name = max(singular or common, key=lambda one: (surfaces[one], one))
    return name if name != name.upper() or len(name) < 6 else name.capitalize()


def _one_for_each_name(found: list[Found]) -> list[Found]:
    """What is only another one's short form is an alias of it."""
    short = {alias.casefold(): one for one in found for alias in one.aliases}
    return [one for one in found if short.get(one.name.casefold(), one) is one]
