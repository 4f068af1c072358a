"""What all forms hold: concepts and the edges between them, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bloop.graph.cycles import Arc, CycleError, find_cycle
from bloop.graph.edges import EdgeKind
from bloop.graph.models import NAME_LENGTH
from bloop.graph.names import check_texts
from bloop.store.errors import InvalidError

MOST_BYTES = 100_000_000
MOST_CONCEPTS = 50_000
MOST_EDGES = 300_000
"""More at once would keep others from writing for too long: give it in parts."""
MOST_ALIASES = 1000
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

    concepts: list[ConceptData]
    edges: list[EdgeData] = []


def checked(concepts: list[Mapping[str, Any]], edges: list[Mapping[str, Any]]) -> Document:
    """A document of what a form was read into.

    Raises InvalidError for the first thing amiss, and CycleError where its prerequisites make a
    circle.
    """
    _check_number("concepts", len(concepts), MOST_CONCEPTS)
    _check_number("edges", len(edges), MOST_EDGES)
    try:
        document = Document.model_validate({"concepts": concepts, "edges": edges})
    except ValidationError as err:
        first = err.errors(include_input=False)[0]
        where = " ".join(str(one)[:80] for one in first["loc"])
        raise InvalidError(f"{where}: {first['msg']}", field=where) from err
    for number, one in enumerate(document.concepts):
        _check_number(f"concepts {number} aliases", len(one.aliases), MOST_ALIASES)
        check_texts(one.model_dump().values(), f"concepts {number}")
    names = {one.id: one.name for one in document.concepts}
    if len(names) < len(document.concepts):
        raise InvalidError("two concepts have one id", field="concepts")
    _check_edges(document.edges, names)
    return document


def _check_number(what: str, number: int, most: int) -> None:
    if number > most:
        raise InvalidError(
            f"{what}: at most {most}, not {number}", field=what, cure="give it in parts"
        )


def _check_edges(edges: Sequence[EdgeData], names: Mapping[str, str]) -> None:
    for number, edge in enumerate(edges):
        for end in (edge.source, edge.target):
            if end not in names:
                raise InvalidError(f"edge {number}: no concept {end[:80]!r}", field="edges")
        if edge.source == edge.target:
            raise InvalidError(
                f"edge {number}: {edge.source[:80]!r} leads to itself", field="edges"
            )
    before = (one for one in edges if one.kind is EdgeKind.PREREQUISITE)
    if cycle := find_cycle(Arc(one.source, one.target) for one in before):
        raise CycleError([one.source for one in cycle] + [cycle[-1].target], names)


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
