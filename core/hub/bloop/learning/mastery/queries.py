"""Registered reads of what people know."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, select

from bloop.graph.models import Concept, Standing
from bloop.learning.models import Mastery
from bloop.store.listing import is_one_of
from bloop.store.statements import institution, register

_columns: Any = (
    Mastery.concept_id.label("id"),
    Concept.name,
    Mastery.p,
    Mastery.answers,
    Mastery.at,
    Mastery.model,
)
_of_user: Any = (
    select(*_columns)
    .join_from(
        Mastery,
        Concept,
        and_(Concept.institution_id == Mastery.institution_id, Concept.id == Mastery.concept_id),
    )
    .where(
        Mastery.institution_id == institution,
        Concept.institution_id == institution,
        Concept.standing != Standing.REJECTED.value,
        Mastery.user_id == bindparam("user"),
    )
    .limit(bindparam("limit"))
)
MASTERY = register(
    "learning.mastery",
    _of_user.where(Mastery.concept_id > bindparam("after")).order_by(Mastery.concept_id),
    heavy=True,
)
"""What one user's answers show, by concept."""

LATEST_MASTERY = register(
    "learning.latest_mastery",
    _of_user.order_by(Mastery.at.desc(), Mastery.concept_id),
    heavy=True,
)
"""The same, what was answered about last first."""

_pair: Any = (Mastery.user_id, Mastery.concept_id)
KNOWN_BY = register(
    "learning.known_by",
    select(*_pair).where(
        Mastery.institution_id == institution,
        is_one_of(Mastery.user_id, "users"),
        Mastery.p >= bindparam("from_p"),
    ),
    heavy=True,
)
"""What some users know."""
