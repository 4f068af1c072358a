"""What all forms hold: concepts and the edges between them, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bloop.graph.edges import EdgeKind
from bloop.graph.models import NAME_LENGTH
from bloop.store.errors import InvalidError

MOST_CONCEPTS = 200_000
MOST_EDGES = 2_000_000
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
Id = Annotated[str, Field(min_length=1, max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConceptData(_Part):
    """A concept; ``id`` is what the edges of the same document call it."""

    id: Id
    name: Name
    aliases: list[Name] = []
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Annotated[str, Field(max_length=35)] | None = None
    external: dict[Literal["case", "wikidata"], Annotated[str, Field(max_length=500)]] = {}


class EdgeData(_Part):
    """An edge, by ids of the document's concepts."""

    kind: EdgeKind = EdgeKind.PREREQUISITE
    source: Id
    target: Id
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0


class Document(_Part):
    """A graph on its way in or out."""

    concepts: Annotated[list[ConceptData], Field(max_length=MOST_CONCEPTS)]
    edges: Annotated[list[EdgeData], Field(max_length=MOST_EDGES)] = []


def checked(concepts: list[Mapping[str, Any]], edges: list[Mapping[str, Any]]) -> Document:
    """A document of what a form was read into; raises InvalidError for the first thing amiss."""
    try:
        document = Document.model_validate({"concepts": concepts, "edges": edges})
    except ValidationError as err:
        first = err.errors()[0]
        where = " ".join(str(one) for one in first["loc"])
        raise InvalidError(f"{where}: {first['msg']}", field=where) from err
    known = {one.id for one in document.concepts}
    if len(known) < len(document.concepts):
        raise InvalidError("two concepts have one id", field="concepts")
    for number, edge in enumerate(document.edges):
        for end in (edge.source, edge.target):
            if end not in known:
                raise InvalidError(f"edge {number}: no concept {end[:80]!r}", field="edges")
        if edge.source == edge.target:
            raise InvalidError(
                f"edge {number}: {edge.source[:80]!r} leads to itself", field="edges"
            )
    return document


def loads(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``; raises InvalidError."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise InvalidError(f"this is no JSON: {err}") from err
    if not isinstance(found, dict):
        raise InvalidError("a JSON object is expected")
    return found


def listed(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects of a JSON object; raises InvalidError."""
    value = found.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidError(f"{key}: a list of objects is expected", field=key)
    return value


Write = Callable[[Document, str], bytes]
Read = Callable[[bytes], Document]
