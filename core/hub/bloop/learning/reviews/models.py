"""Tables of reviews: a card for each concept and question, and what was answered to them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned, within
from bloop.graph.models import PART_LENGTH
from bloop.learning.models import of_item, of_user
from bloop.store.models import ID, Base, Tenant, personal
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
        within("concept_id", "concept", goes_with=True),
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


class ReviewResponse(Owned, Base):
    """What somebody answered to a question that was due, outside of any attempt.

    ``hash`` is of the quiz as it was then (:class:`bloop.learning.quizzes.models.QuizVersion`).
    ``key`` is the same however often an answer is sent. The answer itself, as it counts, has the
    key ``review:ID``.
    """

    __tablename__ = "review_response"
    __table_args__ = (
        of_user(),
        of_item(),
        ForeignKeyConstraint(
            ["institution_id", "item_id", "hash"],
            ["quiz_version.institution_id", "quiz_version.item_id", "quiz_version.hash"],
            ondelete="CASCADE",
        ),
        CheckConstraint("score >= 0 AND score <= 1", name="score"),
        Index("ux_review_response_key", "institution_id", "user_id", "key", unique=True),
        Index("ix_review_response_user", "institution_id", "user_id", "answered_at", "id"),
        Index("ix_review_response_item", "institution_id", "item_id"),
    )

    user_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    part: Mapped[str] = mapped_column(String(PART_LENGTH))
    hash: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    score: Mapped[float] = mapped_column(Double)
    answered_at: Mapped[datetime]
    seconds: Mapped[float | None] = mapped_column(Double)
    response: Mapped[Any] = mapped_column(Json, info=personal("record"), sort_order=LAST)
