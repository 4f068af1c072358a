"""The events of the concept graph."""

from __future__ import annotations

from bloop.store.topics import Payload, Topic, declare

CONCEPT_EXAMPLE = "019a21d1-4c11-7d02-8a7e-3b9f5d2c6e80"


class GraphChanged(Payload):
    """A write of the graph: its ``version`` from now on, what was done, and to how many rows."""

    version: int
    act: str
    changed: int


class ConceptsMerged(Payload):
    """A concept that is now another one: what refers to ``id`` means ``into``."""

    id: str
    into: str


declare(
    Topic(
        name="learning.graph_changed",
        when="concepts, edges between them or what covers them were changed, in one write",
        aggregate="graph",
        payload=GraphChanged,
        action="graph:read",
        example={"version": 12, "act": "link", "changed": 2},
    ),
    Topic(
        name="learning.concepts_merged",
        when="two concepts became one",
        aggregate="graph",
        payload=ConceptsMerged,
        action="graph:read",
        example={"id": CONCEPT_EXAMPLE, "into": "019a21d1-4c11-7d02-8a7e-3b9f5d2c6e81"},
    ),
)
