"""Registered reads of what is due."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select

from bloop.content.enrolling.visibility import (
    container_reachable,
    item_visible,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.graph.models import Concept, Standing
from bloop.learning.reviews.models import ReviewCard
from bloop.store.statements import institution, reader, register

_columns: Any = (
    ReviewCard.subject,
    ReviewCard.concept_id.label("concept"),
    Concept.name.label("concept_name"),
    ReviewCard.item_id.label("item"),
    Item.title.label("item_title"),
    ReviewCard.part,
    ReviewCard.due,
    ReviewCard.at.label("last"),
    ReviewCard.stability,
    ReviewCard.answers,
    ReviewCard.lapses,
)
_standing = or_(
    ReviewCard.concept_id.is_(None),
    and_(Concept.institution_id == institution, Concept.standing != Standing.REJECTED.value),
)
_may_be_opened = exists(
    select(Item.id)
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        Item.id == ReviewCard.item_id,
        container_reachable,
        or_(item_visible, and_(reader == "", Item.state == "active")),
    )
    .correlate(ReviewCard)
)
"""What was hidden since, or is of a course that they left, learners are not told of.

The hub itself, which the command line asks as, is nobody: it is told of all that is active.
"""
DUE = register(
    "learning.due",
    select(*_columns)
    .join_from(
        ReviewCard,
        Concept,
        and_(
            Concept.institution_id == ReviewCard.institution_id,
            Concept.id == ReviewCard.concept_id,
        ),
        isouter=True,
    )
    .join(
        Item,
        and_(
            Item.institution_id == ReviewCard.institution_id,
            Item.id == ReviewCard.item_id,
            Item.institution_id == institution,
        ),
        isouter=True,
    )
    .where(
        ReviewCard.institution_id == institution,
        ReviewCard.user_id == bindparam("user"),
        ReviewCard.due <= bindparam("until"),
        _standing,
        or_(ReviewCard.item_id.is_(None), _may_be_opened),
    )
    .order_by(ReviewCard.due, ReviewCard.subject)
    .limit(bindparam("limit")),
    heavy=True,
)
"""What a user is to be asked again until a time, the longest overdue first."""

_due: Any = ReviewCard.due
LOAD = register(
    "learning.load",
    select(_due)
    .where(
        ReviewCard.institution_id == institution,
        ReviewCard.user_id == bindparam("user"),
        ReviewCard.concept_id.is_not(None),
        ReviewCard.due < bindparam("until"),
    )
    .order_by(ReviewCard.due)
    .limit(bindparam("limit")),
    heavy=True,
)
"""When concepts are due: a concept's own questions would count the same work twice."""
