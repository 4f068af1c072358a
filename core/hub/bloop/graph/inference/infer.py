"""The walk through all steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bloop.graph.cycles import Arc, giving_way
from bloop.graph.inference.concepts import Found, find_concepts
from bloop.graph.inference.corpus import Corpus
from bloop.graph.inference.course import Concept, Course, Edge, Embed, Generate, Inferred
from bloop.graph.inference.mentions import coverage_of, find_mentions
from bloop.graph.inference.model import Suggested, suggested
from bloop.graph.inference.prerequisites import places_of, prerequisites_of
from bloop.graph.inference.structure import parts_of, related_to
from bloop_sdk import BloopError

VERSION = "1"
"""Changes when the same course would give another graph."""


def infer(
    course: Course, *, embed: Embed | None = None, generate: Generate | None = None
) -> Inferred:
    """The concepts of a course, what ties them, and which document tells of which.

    Blocking, and nearly linear in the course's length: call it in a thread. An embedding provider
    or a model that fails is left out, and ``notes`` say so.
    """
    notes: list[str] = []
    corpus = Corpus(course)
    found = find_concepts(corpus)
    told = Suggested()
    if generate is not None and found:
        try:
            told = suggested(corpus, found, generate)
        except BloopError as err:
            notes.append(f"The language model was left out: {err.message}")
    if told.named or told.dropped:
        again = find_concepts(corpus, told.named)
        found = [one for one in again if one.key not in told.dropped]
    vectors = None
    if embed is not None and found:
        try:
            vectors = _rows(embed([one.name for one in found]))
        except BloopError as err:
            notes.append(f"Embeddings were left out: {err.message}")
    mentions = find_mentions(corpus, found)
    places = places_of(corpus, found, mentions)
    before = prerequisites_of(corpus, found, mentions, places, vectors)
    before = without_cycles(_with_those_of_a_model(before, told.edges, found))
    parts = without_cycles(parts_of(corpus, found))
    tied = {(one.source, one.target) for one in (*before, *parts)}
    beside = related_to(corpus, found, mentions, places, vectors, tied)
    return Inferred(
        concepts=tuple(_concept(one) for one in found),
        edges=(*before, *parts, *beside),
        coverage=tuple(coverage_of(corpus, found, mentions)),
        notes=(*notes, *told.notes),
    )


def without_cycles(edges: Sequence[Edge]) -> list[Edge]:
    """Those that may stay, in their order: of each cycle the least sure one gives way."""
    arcs = {Arc(one.source, one.target, one.confidence): one for one in edges}
    gone = {(arc.source, arc.target) for arc in giving_way(list(arcs))}
    return [one for one in edges if (one.source, one.target) not in gone]


def _rows(vectors: Any) -> Sequence[Sequence[float]]:
    """Rows of numbers; a provider's buffer of two dimensions has none to take one by one."""
    rows: Sequence[Sequence[float]] = vectors.tolist() if hasattr(vectors, "tolist") else vectors
    return rows


def _with_those_of_a_model(
    edges: Sequence[Edge], said: Sequence[Edge], found: Sequence[Found]
) -> list[Edge]:
    """What both say is surer; what the model says alone is as sure as it."""
    known = {one.id for one in found}
    made = {(one.source, one.target): one for one in edges}
    for one in said:
        if one.source not in known or one.target not in known:
            continue
        pair = one.source, one.target
        old = made.get(pair)
        if old is None:
            made[pair] = one
        elif not any(evidence.kind == "model" for evidence in old.evidence):
            sure = round(1 - (1 - old.confidence) * (1 - one.confidence), 3)
            made[pair] = replace(
                old, confidence=sure, weight=sure, evidence=old.evidence + one.evidence
            )
    return list(made.values())


def _concept(one: Found) -> Concept:
    return Concept(
        key=one.id,
        name=one.name,
        aliases=tuple(one.aliases),
        description=one.description,
        confidence=one.confidence,
        evidence=one.evidence,
    )
