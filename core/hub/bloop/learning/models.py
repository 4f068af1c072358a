"""Tables of learning: what people answered, and what they know by that.

Answers are never changed: they are added, and taken back where who told them says otherwise.
Whatever says what somebody knows is made of them, and can be made anew: after a merge of concepts,
or by another model.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned, within
from bloop.graph.models import PART_LENGTH
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import Json, utcnow

MODEL_LENGTH = 120
"""Of a model's name: its kind and an id."""


def of_user() -> ForeignKeyConstraint:
    """The key of whose it is."""
    return within("user_id", "account_user")


def of_item() -> ForeignKeyConstraint:
    """The key of the item that it is about, and with which it goes where that is deleted."""
    return ForeignKeyConstraint(
        ["institution_id", "item_id"], ["item.institution_id", "item.id"], ondelete="CASCADE"
    )


class Answer(Owned, Base):
    """One answer of a user to an item, or to the question ``part`` of it; it outlives the item.

    ``score`` is from 0 to 1. ``key`` is what makes the same answer told twice one: unique for a
    user, such as ``attempt:ID:part``, a statement's id, or a submission's. ``at`` is when it was
    given, ``stored_at`` when it was told, and ``source`` who told it: ``hub``, ``xapi`` or ``lms``.
    """

    __tablename__ = "answer"
    __table_args__ = (
        of_user(),
        CheckConstraint("score >= 0 AND score <= 1", name="score"),
        Index("ux_answer_key", "institution_id", "user_id", "key", unique=True),
        Index("ix_answer_user", "institution_id", "user_id", "at", "id"),
        Index("ix_answer_item", "institution_id", "item_id", "part", "user_id"),
        Index("ix_answer_score", "institution_id", "user_id", "item_id", "score"),
    )

    user_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    part: Mapped[str] = mapped_column(String(PART_LENGTH), default="")
    key: Mapped[str] = mapped_column(String(200))
    score: Mapped[float] = mapped_column(Double)
    at: Mapped[datetime]
    stored_at: Mapped[datetime] = mapped_column(default=utcnow)
    source: Mapped[str] = mapped_column(String(20), default="hub")
    seconds: Mapped[float | None] = mapped_column(Double)


class Mastery(Tenant, Base):
    """What a model makes of a user's answers about a concept.

    ``at`` is the time of the last answer about it; ``state`` is the core's model's. ``model`` names
    what ``p`` is by: the core's parameters, which tell the chance of a right answer at ``at`` by
    the answers about the concept alone; or a trained model
    (:func:`bloop.learning.training.estimates.name_of`), which tells it at the learner's last
    answer, by all of them. ``version`` is the learner's at which an answer was taken into it last.
    """

    __tablename__ = "mastery"
    __table_args__ = (
        of_user(),
        within("concept_id", "concept", goes_with=True),
        CheckConstraint("p >= 0 AND p <= 1", name="p"),
        Index("ix_mastery_concept", "institution_id", "concept_id", "user_id"),
        Index("ix_mastery_version", "institution_id", "user_id", "version"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    concept_id: Mapped[str] = mapped_column(ID, primary_key=True)
    p: Mapped[float] = mapped_column(Double)
    answers: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    model: Mapped[str] = mapped_column(String(MODEL_LENGTH))
    version: Mapped[int] = mapped_column(default=0)
    state: Mapped[Any] = mapped_column(Json, default=dict, info=personal("record"), sort_order=LAST)
