"""Tables of reviews: a card for each concept and each question that somebody answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned, within
from bloop.graph.models import PART_LENGTH
from bloop.learning.models import of_user
from bloop.store.models import ID, Base, Tenant
from bloop.store.types import Json, utcnow


class ReviewCard(Tenant, Base):
    """What FSRS holds of a learner and one thing to remember; ``due`` is when to ask again.

    ``subject`` is ``concept:ID``, or ``item:ID:PART`` of a question. ``stability`` is in days,
    ``difficulty`` from 1 to 10. ``at`` and ``last`` are the time and id of the last answer. As
    answers do, a card outlives its item.
    """

    __tablename__ = "review_card"
    __table_args__ = (
        of_user(),
        within("concept_id", "concept"),
        Index("ix_review_card_due", "institution_id", "user_id", "due"),
        Index("ix_review_card_concept", "institution_id", "concept_id"),
        Index("ix_review_card_item", "institution_id", "item_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    subject: Mapped[str] = mapped_column(String(PART_LENGTH + 60), primary_key=True)
    concept_id: Mapped[str | None] = mapped_column(ID)
    item_id: Mapped[str | None] = mapped_column(ID)
    part: Mapped[str] = mapped_column(String(PART_LENGTH), default="")
    due: Mapped[datetime]
    stability: Mapped[float] = mapped_column(Double)
    difficulty: Mapped[float] = mapped_column(Double)
    answers: Mapped[int]
    lapses: Mapped[int]
    at: Mapped[datetime]
    last: Mapped[str] = mapped_column(ID)
    model: Mapped[str] = mapped_column(String(80))


class ReviewModel(Owned, Base):
    """Parameters of FSRS that were fitted on an institution's history; the last one counts.

    ``facts`` say on how much, and how well they and those before them foretold what was held out.
    """

    __tablename__ = "review_model"
    __table_args__ = (Index("ix_review_model_made", "institution_id", "made_at", "id"),)

    parameters: Mapped[Any] = mapped_column(Json)
    made_at: Mapped[datetime] = mapped_column(default=utcnow)
    facts: Mapped[Any] = mapped_column(Json, default=dict, sort_order=LAST)
