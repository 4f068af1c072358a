"""Registered reads of the concept graph.

Names and edges are for everybody who may read the graph. Which item covers a concept shows only
items that whoever asks may see; the reasons of what was inferred quote courses, as descriptions of
suggested concepts do, and are for those who may write the graph.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal, or_, union_all
from sqlalchemy.orm import aliased

from bloop.content.enrolling.visibility import inside_reachable, item_visible, with_container
from bloop.content.models import Container, Item
from bloop.graph.edges import EdgeKind
from bloop.graph.models import (
    Concept,
    ConceptEdge,
    ConceptName,
    Coverage,
    GraphChange,
    GraphState,
    GraphVersion,
    Standing,
)
from bloop.store.statements import institution, register, select_rows

_ID: Any = bindparam("id")
_AFTER: Any = bindparam("after")
_LIMIT: Any = bindparam("limit")
_SURE: Any = bindparam("sure")


def _holds(model: Any) -> Any:
    return model.standing != Standing.REJECTED.value


VERSION = register(
    "graph.version",
    select_rows(GraphState.version, GraphState.kept_from).where(
        GraphState.institution_id == institution
    ),
)
"""How often the graph was written, and since which version the log tells; no row before it ever
was."""

NODES = register(
    "graph.nodes",
    select_rows(Concept.id, Concept.name).where(
        Concept.institution_id == institution, _holds(Concept)
    ),
    heavy=True,
)
EDGES = register(
    "graph.edges",
    select_rows(
        ConceptEdge.kind, ConceptEdge.source_id, ConceptEdge.target_id, ConceptEdge.weight
    ).where(ConceptEdge.institution_id == institution, _holds(ConceptEdge)),
    heavy=True,
)
"""All that a snapshot is made of."""

CHANGES = register(
    "graph.changes",
    select_rows(
        GraphChange.version,
        GraphChange.subject,
        GraphChange.key,
        GraphChange.after,
    )
    .where(
        GraphChange.institution_id == institution,
        GraphChange.version > bindparam("version"),
        GraphChange.subject.in_(("concept", "concept_edge")),
    )
    .order_by(GraphChange.version, GraphChange.position)
    .limit(_LIMIT),
    heavy=True,
)
"""What a snapshot follows by."""

_CONCEPT = (
    Concept.id,
    Concept.name,
    Concept.language,
    Concept.description,
    Concept.external,
    Concept.origin,
    Concept.standing,
    Concept.confidence,
    Concept.row_version,
)

CONCEPTS = register(
    "graph.concepts",
    select_rows(*_CONCEPT)
    .where(Concept.institution_id == institution, _holds(Concept), Concept.id > _AFTER)
    .order_by(Concept.id)
    .limit(_LIMIT),
    heavy=True,
)
CONCEPT = register(
    "graph.concept",
    select_rows(*_CONCEPT).where(
        Concept.institution_id == institution, _holds(Concept), Concept.id == _ID
    ),
)
EVIDENCE = register(
    "graph.evidence",
    select_rows(Concept.evidence).where(Concept.institution_id == institution, Concept.id == _ID),
)
NAMED = register(
    "graph.named",
    select_rows(*_CONCEPT, ConceptName.name.label("matched"))
    .join(
        Concept,
        and_(
            Concept.institution_id == ConceptName.institution_id,
            Concept.id == ConceptName.concept_id,
        ),
    )
    .where(
        ConceptName.institution_id == institution,
        Concept.institution_id == institution,
        _holds(Concept),
        ConceptName.key >= bindparam("low"),
        ConceptName.key < bindparam("high"),
    )
    .order_by(ConceptName.key)
    .limit(_LIMIT),
    heavy=True,
)
"""Concepts of which a name or alias begins so."""

ALIASES = register(
    "graph.aliases",
    select_rows(ConceptName.name)
    .where(ConceptName.institution_id == institution, ConceptName.concept_id == _ID)
    .order_by(ConceptName.key),
)

_Source: Any = aliased(Concept, name="source")
_Target: Any = aliased(Concept, name="target")
_EDGE = (
    ConceptEdge.kind,
    ConceptEdge.source_id.label("source"),
    ConceptEdge.target_id.label("target"),
    _Source.name.label("source_name"),
    _Target.name.label("target_name"),
    ConceptEdge.weight,
    ConceptEdge.origin,
    ConceptEdge.standing,
    ConceptEdge.confidence,
    ConceptEdge.evidence,
)


def _edges(*conditions: Any) -> Any:
    return (
        select_rows(*_EDGE)
        .join(
            _Source,
            and_(
                _Source.institution_id == ConceptEdge.institution_id,
                _Source.id == ConceptEdge.source_id,
            ),
        )
        .join(
            _Target,
            and_(
                _Target.institution_id == ConceptEdge.institution_id,
                _Target.id == ConceptEdge.target_id,
            ),
        )
        .where(
            ConceptEdge.institution_id == institution,
            _Source.institution_id == institution,
            _Target.institution_id == institution,
            *conditions,
        )
    )


EDGES_OF = register(
    "graph.edges_of",
    _edges(
        _holds(ConceptEdge),
        or_(ConceptEdge.source_id == _ID, ConceptEdge.target_id == _ID),
    )
    .order_by(ConceptEdge.kind, _Source.name, _Target.name)
    .limit(_LIMIT),
    heavy=True,
)
"""The edges that touch a concept."""

_suggested_edges: Any = _edges(
    ConceptEdge.standing == Standing.SUGGESTED.value,
    ConceptEdge.confidence >= _SURE,
)
_surest = (ConceptEdge.confidence.desc(), ConceptEdge.target_id, ConceptEdge.source_id)
SUGGESTED_EDGES = register(
    "graph.suggested_edges",
    _suggested_edges.order_by(ConceptEdge.kind != EdgeKind.PREREQUISITE.value, *_surest).limit(
        _LIMIT
    ),
    heavy=True,
)
SUGGESTED_OF_KIND = register(
    "graph.suggested_of_kind",
    _suggested_edges.where(ConceptEdge.kind == bindparam("kind"))
    .order_by(*_surest)
    .limit(_LIMIT)
    .offset(bindparam("offset")),
    heavy=True,
)
SUGGESTED_CONCEPTS = register(
    "graph.suggested_concepts",
    select_rows(*_CONCEPT, Concept.evidence)
    .where(
        Concept.institution_id == institution,
        Concept.standing == Standing.SUGGESTED.value,
        Concept.confidence >= _SURE,
    )
    .order_by(Concept.confidence.desc(), Concept.id)
    .limit(_LIMIT)
    .offset(bindparam("offset")),
    heavy=True,
)
"""What nobody has looked at yet, the surest first."""

_counts = union_all(
    select_rows(ConceptEdge.kind, func.count().label("number"))
    .where(
        ConceptEdge.institution_id == institution,
        ConceptEdge.standing == Standing.SUGGESTED.value,
        ConceptEdge.confidence >= _SURE,
    )
    .group_by(ConceptEdge.kind),
    select_rows(literal("concept"), func.count()).where(
        Concept.institution_id == institution,
        Concept.standing == Standing.SUGGESTED.value,
        Concept.confidence >= _SURE,
    ),
).subquery()
SUGGESTED = register("graph.suggested", select_rows(*_counts.c), heavy=True)
"""How many there are of each kind of edge, and of concepts."""

_COVERAGE = (
    Coverage.item_id.label("item"),
    Item.title,
    Item.kind,
    Coverage.concept_id.label("concept"),
    Coverage.part,
    Coverage.role,
    Coverage.weight,
    Coverage.origin,
    Coverage.standing,
    Coverage.confidence,
)


def _covered(*columns: Any) -> Any:
    return (
        select_rows(*columns)
        .join(
            Item,
            and_(Item.institution_id == Coverage.institution_id, Item.id == Coverage.item_id),
        )
        .join(Container, with_container)
        .join(
            Concept,
            and_(
                Concept.institution_id == Coverage.institution_id,
                Concept.id == Coverage.concept_id,
            ),
        )
        .where(
            Coverage.institution_id == institution,
            Item.institution_id == institution,
            Container.institution_id == institution,
            Concept.institution_id == institution,
            _holds(Coverage),
            _holds(Concept),
            Item.state != "trashed",
        )
    )


_of_concept = (
    _covered(*_COVERAGE)
    .where(Coverage.concept_id == _ID)
    .order_by(Coverage.weight.desc(), Item.id)
    .limit(_LIMIT)
)
COVERING = register(
    "graph.covering", _of_concept.where(inside_reachable(Item.container_id)), heavy=True
)
COVERING_SHOWN = register("graph.covering_shown", _of_concept.where(item_visible), heavy=True)
"""The items that cover a concept: all, and those that whoever asks may see."""


def _of_item(description: Any, visible: Any) -> Any:
    return (
        _covered(*_COVERAGE, Concept.name, description.label("description"), Coverage.evidence)
        .where(Coverage.item_id == _ID, visible)
        .order_by(Coverage.role, Coverage.weight.desc(), Concept.name)
    )


# What was inferred quotes a course, maybe another one.
_settled = case((Concept.standing == Standing.SUGGESTED.value, ""), else_=Concept.description)
CONCEPTS_OF_ITEM = register(
    "graph.concepts_of_item",
    _of_item(Concept.description, inside_reachable(Item.container_id)),
    heavy=True,
)
CONCEPTS_OF_ITEM_SHOWN = register(
    "graph.concepts_of_item_shown", _of_item(_settled, item_visible), heavy=True
)
"""What an item covers."""

_of_course = (
    select_rows(*_CONCEPT)
    .join(
        Coverage,
        and_(Coverage.institution_id == Concept.institution_id, Coverage.concept_id == Concept.id),
    )
    .join(Item, and_(Item.institution_id == Coverage.institution_id, Item.id == Coverage.item_id))
    .where(
        Concept.institution_id == institution,
        Coverage.institution_id == institution,
        Item.institution_id == institution,
        _holds(Concept),
        _holds(Coverage),
        Item.container_id == bindparam("container"),
        Item.state != "trashed",
    )
    .distinct()
    .order_by(Concept.name, Concept.id)
    .limit(_LIMIT)
)
CONCEPTS_OF_COURSE = register(
    "graph.concepts_of_course", _of_course.where(inside_reachable(Item.container_id)), heavy=True
)
"""What the items of a course cover."""

_ids_of_course: Any = (
    _covered(Coverage.concept_id)
    .where(Item.container_id == bindparam("container"))
    .distinct()
    .order_by(Coverage.concept_id)
    .limit(_LIMIT)
)
IDS_OF_COURSE = register(
    "graph.ids_of_course", _ids_of_course.where(inside_reachable(Item.container_id)), heavy=True
)
IDS_OF_COURSE_SHOWN = register(
    "graph.ids_of_course_shown", _ids_of_course.where(item_visible), heavy=True
)
"""The same by id: all, and what those items cover that whoever asks may see."""

HISTORY = register(
    "graph.history",
    select_rows(
        GraphVersion.version,
        GraphVersion.actor,
        GraphVersion.at,
        GraphVersion.act,
        GraphVersion.undoes,
        GraphVersion.changed,
    )
    .where(GraphVersion.institution_id == institution, GraphVersion.version < bindparam("before"))
    .order_by(GraphVersion.version.desc())
    .limit(_LIMIT),
)
"""Writes of the graph, the last first."""

HISTORY_OF = register(
    "graph.history_of",
    select_rows(GraphChange.subject, GraphChange.key, GraphChange.before, GraphChange.after)
    .where(GraphChange.institution_id == institution, GraphChange.version == _ID)
    .order_by(GraphChange.position),
    heavy=True,
)
"""What one of them changed."""

WHOLE_CONCEPTS = register(
    "graph.whole_concepts",
    select_rows(Concept.id, Concept.name, Concept.description, Concept.language, Concept.external)
    .where(Concept.institution_id == institution, _holds(Concept))
    .order_by(Concept.id),
    heavy=True,
)
WHOLE_NAMES = register(
    "graph.whole_names",
    select_rows(ConceptName.concept_id, ConceptName.name)
    .where(ConceptName.institution_id == institution)
    .order_by(ConceptName.key),
    heavy=True,
)
WHOLE_EDGES = register(
    "graph.whole_edges",
    select_rows(ConceptEdge.kind, ConceptEdge.source_id, ConceptEdge.target_id, ConceptEdge.weight)
    .where(ConceptEdge.institution_id == institution, _holds(ConceptEdge))
    .order_by(ConceptEdge.target_id, ConceptEdge.kind, ConceptEdge.source_id),
    heavy=True,
)
"""All that is given out."""
