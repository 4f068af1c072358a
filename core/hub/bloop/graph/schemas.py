"""What the API takes and gives of the concept graph."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop.graph.models import NAME_LENGTH, PART_LENGTH

Kind = Literal["prerequisite", "part_of", "related"]
CoverageRole = Literal["teaches", "assesses", "mentions"]
Origin = Literal["author", "imported", "course_order", "inferred"]
Standing = Literal["suggested", "accepted", "rejected"]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH, examples=["photosynthesis"])]
Id = Annotated[str, Field(min_length=1, max_length=60)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ExternalIds(_Strict):
    """What a concept is elsewhere: the URI of a CASE item, an id of Wikidata."""

    case: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    wikidata: Annotated[str, Field(pattern=r"^Q[1-9][0-9]*$", max_length=20)] | None = None


class ConceptIn(_Strict):
    """A concept to make."""

    name: Name
    aliases: Annotated[list[Name], Field(max_length=49)] = []
    description: Annotated[str, Field(max_length=20_000)] = ""
    language: Annotated[str, Field(max_length=35)] | None = None
    external: ExternalIds = ExternalIds()


class ConceptChange(_Strict):
    """What of a concept is to be another thing; what is not named stays."""

    name: Name | None = None
    aliases: Annotated[list[Name], Field(max_length=49)] | None = None
    description: Annotated[str, Field(max_length=20_000)] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    external: ExternalIds | None = None


class ConceptOut(_Strict):
    """A concept; ``origin`` says who states it, ``standing`` whether somebody has looked at it."""

    id: str
    name: str
    language: str | None
    description: str
    external: dict[str, str]
    origin: Origin
    standing: Standing
    confidence: float
    row_version: int


class ConceptNamed(ConceptOut):
    """A concept found by a name; ``matched`` is that name."""

    matched: str


class ConceptList(_Strict):
    """Concepts in the order in which they were made; ``next`` is for ``cursor``."""

    items: list[ConceptOut]
    next: str | None


class NamedList(_Strict):
    """Concepts by the names that were asked for."""

    items: list[ConceptNamed]


class EdgeIn(_Strict):
    """That ``source`` is a prerequisite of ``target``, a part of it, or related to it."""

    source: Id
    target: Id
    kind: Kind = "prerequisite"
    weight: Share = 1.0


class EdgeOut(_Strict):
    """An edge; ``evidence`` is empty for those who may not write the graph."""

    kind: Kind
    source: str
    target: str
    source_name: str
    target_name: str
    weight: float
    origin: Origin
    standing: Standing
    confidence: float
    evidence: list[Any]


class EdgeList(_Strict):
    """Edges."""

    items: list[EdgeOut]


class CoverIn(_Strict):
    """That an item, or the question ``part`` of it, covers a concept."""

    concept: Id
    role: CoverageRole = "teaches"
    part: Annotated[str, Field(max_length=PART_LENGTH)] = ""
    weight: Share = 1.0


class CoverageOut(_Strict):
    """An item that covers a concept."""

    item: str
    title: str
    kind: str
    concept: str
    part: str
    role: CoverageRole
    weight: float
    origin: Origin
    standing: Standing
    confidence: float


class ItemConceptOut(CoverageOut):
    """A concept that an item covers."""

    name: str
    description: str
    evidence: list[Any]


class CoverageList(_Strict):
    """Items that cover a concept, the most about it first."""

    items: list[CoverageOut]


class ItemConceptList(_Strict):
    """Concepts that an item covers."""

    items: list[ItemConceptOut]


class ConceptPage(ConceptOut):
    """A concept with what stands around it."""

    aliases: list[str]
    evidence: list[Any]
    edges: list[EdgeOut]


class MergeIn(_Strict):
    """The concept that another one becomes."""

    into: Id


class Chosen(_Strict):
    """A suggestion.

    ``key`` is a concept's id; an edge's target, kind and source; or the item, the concept and the
    part of what covers one.
    """

    subject: Literal["concept", "edge", "coverage"]
    key: Annotated[list[Annotated[str, Field(max_length=PART_LENGTH)]], Field(max_length=3)]


class ReviewIn(_Strict):
    """Which suggestions hold, and which do not."""

    accept: Annotated[list[Chosen], Field(max_length=1000)] = []
    reject: Annotated[list[Chosen], Field(max_length=1000)] = []


class Reviewed(_Strict):
    """How many rows are another thing now."""

    changed: int


class NamedConcept(_Strict):
    """A concept by its name."""

    id: str
    name: str


class ConceptsAround(_Strict):
    """Concepts in an order in which each one's prerequisites come before it.

    ``version`` is that of the graph which they were read from.
    """

    version: int
    items: list[NamedConcept]


class VersionOut(_Strict):
    """A write of the graph."""

    version: int
    actor: str
    at: datetime
    act: str
    undoes: int | None
    changed: int


class VersionList(_Strict):
    """Writes of the graph, the last first; ask with ``before`` for those before."""

    items: list[VersionOut]


class ChangeOut(_Strict):
    """A row that a write changed."""

    subject: str
    key: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ChangeList(_Strict):
    """All that a write changed."""

    items: list[ChangeOut]


class TakenIn(_Strict):
    """How many concepts and edges are new."""

    concepts: int
    edges: int
