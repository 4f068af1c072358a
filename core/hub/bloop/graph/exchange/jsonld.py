"""JSON-LD: concepts as SKOS has them; what SKOS has no word for has one of ours.

`skos:broader` is a part of, `skos:related` is related; a prerequisite is `requires`. Edges stand in
a list of their own too, for their weights.
"""

from __future__ import annotations

import json
from typing import Any

from bloop.graph.exchange.document import Document, checked, listed, loads

MEDIA_TYPE = "application/ld+json"
CONTEXT = {
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "bloop": "urn:bloop:graph#",
    "name": "skos:prefLabel",
    "aliases": {"@id": "skos:altLabel", "@container": "@set"},
    "description": "skos:definition",
    "language": "bloop:language",
    "external": {"@id": "skos:exactMatch", "@type": "@json"},
    "kind": "bloop:kind",
    "source": {"@id": "bloop:source", "@type": "@id"},
    "target": {"@id": "bloop:target", "@type": "@id"},
    "weight": {"@id": "bloop:weight", "@type": "xsd:double"},
    "concepts": {"@id": "bloop:concept", "@container": "@set"},
    "edges": {"@id": "bloop:edge", "@container": "@set"},
    "id": "@id",
    "type": "@type",
}


def write(document: Document, title: str) -> bytes:
    """The document as JSON-LD, compacted by :data:`CONTEXT`."""
    concepts = [
        {"type": "skos:Concept"} | one.model_dump(exclude_defaults=True)
        for one in document.concepts
    ]
    edges = [one.model_dump(mode="json") for one in document.edges]
    shown = {"@context": CONTEXT, "type": "skos:ConceptScheme", "name": title}
    return json.dumps(
        shown | {"concepts": concepts, "edges": edges}, ensure_ascii=False, indent=1
    ).encode()


def read(data: bytes) -> Document:
    """What :func:`write` wrote, or somebody else in the same terms."""
    found = loads(data)
    concepts: list[Any] = [_untyped(one) for one in listed(found, "concepts")]
    return checked(concepts, [_untyped(one) for one in listed(found, "edges")])


def _untyped(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != "type"}
