"""Registered reads of the concept map."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, select

from bloop.learning.models import Mastery
from bloop.learning.reviews.models import ReviewCard
from bloop.store.statements import institution, reader, register

_columns: Any = (
    Mastery.concept_id,
    Mastery.p,
    (ReviewCard.due <= bindparam("until")).label("due"),
)
OWN_STANDING = register(
    "learning.map_own_standing",
    select(*_columns)
    .join_from(
        Mastery,
        ReviewCard,
        and_(
            ReviewCard.institution_id == Mastery.institution_id,
            ReviewCard.institution_id == institution,
            ReviewCard.user_id == Mastery.user_id,
            ReviewCard.concept_id == Mastery.concept_id,
            ReviewCard.item_id.is_(None),
        ),
        isouter=True,
    )
    .where(Mastery.institution_id == institution, Mastery.user_id == reader),
    heavy=True,
)
"""How far whoever asks is with each concept that they answered about, and whether it is due."""
