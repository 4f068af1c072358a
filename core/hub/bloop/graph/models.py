"""Tables of the concept graph: concepts, their names, edges, what covers them, and the log.

All of it is an institution's. What was rejected stays, so that nothing infers it again. Each write
is one version of the graph: :class:`GraphState` counts them, and :class:`GraphChange` holds what
each changed, for the history, for undo, and for whoever follows with a snapshot.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned, within
from bloop.store.models import ID, Base, Tenant, person
from bloop.store.types import Json, utcnow

NAME_LENGTH = 200
PART_LENGTH = 200
LAST_VERSION = 2**31 - 1
"""What a version's column holds at most."""


class Origin(enum.StrEnum):
    """Where a statement of the graph is from; the earlier ones are believed before the later."""

    AUTHOR = "author"
    IMPORTED = "imported"
    COURSE_ORDER = "course_order"
    INFERRED = "inferred"


class Standing(enum.StrEnum):
    """Whether somebody has looked at it: suggestions count until they are rejected."""

    SUGGESTED = "suggested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Role(enum.StrEnum):
    """How content covers a concept: it explains it, asks about it, or only names it."""

    TEACHES = "teaches"
    ASSESSES = "assesses"
    MENTIONS = "mentions"


class Stated:
    """What each statement of the graph carries.

    ``confidence`` is from 0 to 1, and 1 of what people say. ``evidence`` says why it is believed:
    a list of ``{"text", "item", ...}``, the sentence that a person reads first.
    """

    origin: Mapped[str] = mapped_column(String(20), default=Origin.AUTHOR)
    standing: Mapped[str] = mapped_column(String(20), default=Standing.ACCEPTED)
    confidence: Mapped[float] = mapped_column(Double, default=1.0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
    evidence: Mapped[list[Any]] = mapped_column(Json, default=list, sort_order=LAST)


class GraphState(Tenant, Base):
    """How often an institution's graph was written; whoever writes holds this row.

    ``kept_from`` is the first version that the log still tells of; those before were forgotten.
    """

    __tablename__ = "graph_state"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    kept_from: Mapped[int] = mapped_column(default=1)


class Concept(Stated, Owned, Base):
    """Something that can be known.

    ``external`` names it elsewhere: ``{"case": URI, "wikidata": "Q..."}``. One that was merged
    ``into`` another stays for what refers to it, and is shown nowhere.
    """

    __tablename__ = "concept"
    __table_args__ = (
        within("into_id", "concept"),
        Index("ix_concept_name", "institution_id", "name", "id"),
        Index("ix_concept_standing", "institution_id", "standing", "id"),
        Index("ix_concept_into", "institution_id", "into_id"),
    )

    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    language: Mapped[str | None] = mapped_column(String(35))
    into_id: Mapped[str | None] = mapped_column(ID)
    external: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    description: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    row_version: Mapped[int] = mapped_column(default=1)


class ConceptName(Tenant, Base):
    """A name or alias; its ``key`` (:func:`bloop.graph.names.key_of`) leads to one concept."""

    __tablename__ = "concept_name"
    __table_args__ = (
        within("concept_id", "concept"),
        Index("ix_concept_name_concept", "institution_id", "concept_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    concept_id: Mapped[str] = mapped_column(ID)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))


class ConceptEdge(Stated, Tenant, Base):
    """An edge from ``source_id`` to ``target_id``; of kind ``related`` the smaller id comes first.

    ``weight`` is how much the one asks of the other, from 0 to 1.
    """

    __tablename__ = "concept_edge"
    __table_args__ = (
        within("source_id", "concept"),
        within("target_id", "concept"),
        CheckConstraint("source_id <> target_id", name="loop"),
        Index("ix_concept_edge_source", "institution_id", "source_id", "kind"),
        Index("ix_concept_edge_standing", "institution_id", "standing", "target_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    target_id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    source_id: Mapped[str] = mapped_column(ID, primary_key=True)
    weight: Mapped[float] = mapped_column(Double, default=1.0)


class Coverage(Stated, Tenant, Base):
    """That an item covers a concept, in the whole or in a ``part`` of it: a question of a quiz."""

    __tablename__ = "concept_coverage"
    __table_args__ = (
        within("item_id", "item", goes_with=True),
        within("concept_id", "concept"),
        Index("ix_concept_coverage_concept", "institution_id", "concept_id", "role", "item_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    concept_id: Mapped[str] = mapped_column(ID, primary_key=True)
    part: Mapped[str] = mapped_column(String(PART_LENGTH), primary_key=True, default="")
    role: Mapped[str] = mapped_column(String(20), default=Role.TEACHES)
    weight: Mapped[float] = mapped_column(Double, default=1.0)


class ConceptMention(Tenant, Base):
    """That a note names a concept, ``[[so]]``; by its name's key, whether there is one or not."""

    __tablename__ = "concept_mention"
    __table_args__ = (
        within("item_id", "item", goes_with=True),
        Index("ix_concept_mention_key", "institution_id", "key", "item_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)


class GraphChange(Tenant, Base):
    """One row that a version changed: its values ``before`` and ``after``, None where it was not.

    ``subject`` is the table of ``concept concept_name concept_edge concept_coverage``, ``key`` the
    row's key in it without the institution, as JSON.
    """

    __tablename__ = "graph_change"
    __table_args__ = (Index("ix_graph_change_key", "institution_id", "subject", "key"),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(600))
    before: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    after: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class GraphVersion(Tenant, Base):
    """A write of the graph: who did what, in a sentence's words."""

    __tablename__ = "graph_version"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(80), info=person())
    at: Mapped[datetime] = mapped_column(default=utcnow)
    act: Mapped[str] = mapped_column(String(40))
    undoes: Mapped[int | None]
    changed: Mapped[int] = mapped_column(default=0)
