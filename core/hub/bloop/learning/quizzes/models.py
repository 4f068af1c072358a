"""Tables of quizzes taken in the hub: the questions as they were shown, attempts, and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned
from bloop.graph.models import PART_LENGTH
from bloop.learning.models import of_item, of_user
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import Json, utcnow

OPEN, FINISHED = "open", "finished"


class QuizVersion(Tenant, Base):
    """A quiz as somebody was shown it: its data with the answers, under the SHA-256 of that.

    What changes in the course meanwhile changes no attempt that was begun.
    """

    __tablename__ = "quiz_version"
    __table_args__ = (of_item(),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    data: Mapped[dict[str, Any]] = mapped_column(Json, sort_order=LAST)


class Attempt(Owned, Base):
    """Somebody's ``number``-th time at a quiz, counted from 1.

    ``score`` is the share of ``points`` that was reached so far, from 0 to 1; both count only what
    is graded here. ``ends_at`` is when its time is over, where the quiz has a limit.
    """

    __tablename__ = "quiz_attempt"
    __table_args__ = (
        of_user(),
        of_item(),
        ForeignKeyConstraint(
            ["institution_id", "item_id", "hash"],
            ["quiz_version.institution_id", "quiz_version.item_id", "quiz_version.hash"],
            ondelete="CASCADE",
        ),
        CheckConstraint("score >= 0 AND score <= 1", name="score"),
        Index("ux_quiz_attempt", "institution_id", "user_id", "item_id", "number", unique=True),
        Index("ix_quiz_attempt_item", "institution_id", "item_id", "id"),
    )

    user_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    hash: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(20), default=OPEN)
    score: Mapped[float] = mapped_column(Double, default=0.0)
    points: Mapped[float] = mapped_column(Double, default=0.0)
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    ends_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class QuizResponse(Tenant, Base):
    """What was answered to a question of an attempt, by the question's ``place`` from 1.

    ``score`` is from 0 to 1, and None where it waits for a person. ``seconds`` are those since the
    answer before, or since the start. ``feedback_html`` is what whoever teaches says to it;
    who that was stands in the audit.
    """

    __tablename__ = "quiz_response"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "attempt_id"],
            ["quiz_attempt.institution_id", "quiz_attempt.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("score >= 0 AND score <= 1", name="score"),
        # What waits for a person is a few of very many.
        Index(
            "ix_quiz_response_waits",
            "institution_id",
            "attempt_id",
            sqlite_where=text("score IS NULL"),
            postgresql_where=text("score IS NULL"),
        ),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ID, primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[str] = mapped_column(String(PART_LENGTH))
    score: Mapped[float | None] = mapped_column(Double)
    answered_at: Mapped[datetime] = mapped_column(default=utcnow)
    seconds: Mapped[float | None] = mapped_column(Double)
    graded_at: Mapped[datetime | None]
    feedback_html: Mapped[str] = mapped_column(
        Text, default="", info=personal("record"), sort_order=LAST
    )
    response: Mapped[Any] = mapped_column(Json, info=personal("record"), sort_order=LAST)
