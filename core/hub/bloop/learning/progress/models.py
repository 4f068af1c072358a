"""Tables of progress: lessons that are begun and done, goals, rules of certificates, and these."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, TITLE_LENGTH, Owned, within
from bloop.learning.models import of_item, of_user
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import Json, utcnow


class ItemProgress(Tenant, Base):
    """That somebody has begun a lesson, and since when it is done.

    ``how`` it was done: ``marked`` by themselves, ``quiz`` by passing it, ``video`` by watching it.
    ``watched`` is the share of its video that was seen, from 0 to 1.
    """

    __tablename__ = "item_progress"
    __table_args__ = (
        of_user(),
        of_item(),
        CheckConstraint("watched >= 0 AND watched <= 1", name="watched"),
        Index("ix_item_progress_container", "institution_id", "user_id", "container_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    container_id: Mapped[str] = mapped_column(ID)
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
    done_at: Mapped[datetime | None]
    how: Mapped[str] = mapped_column(String(20), default="")
    watched: Mapped[float] = mapped_column(Double, default=0.0)


class Goal(Owned, Base):
    """What somebody wants to know or finish: a ``concept`` or a ``container``, maybe by a day."""

    __tablename__ = "goal"
    __table_args__ = (
        of_user(),
        Index("ux_goal", "institution_id", "user_id", "kind", "subject_id", unique=True),
    )

    user_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str] = mapped_column(ID)
    by: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class CertificateRule(Tenant, Base):
    """What a course asks for a certificate: lessons that are done, and an average of scores.

    ``items`` are the lessons, and None are all of the course. ``average`` is from 0 to 1, over
    those of them that are graded here, taken or not, or were in another system; 0 asks for none.
    """

    __tablename__ = "certificate_rule"
    __table_args__ = (
        within("container_id", "container"),
        CheckConstraint("average >= 0 AND average <= 1", name="average"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    container_id: Mapped[str] = mapped_column(ID, primary_key=True)
    average: Mapped[float] = mapped_column(Double, default=0.0)
    row_version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
    items: Mapped[list[Any] | None] = mapped_column(Json, sort_order=LAST)


class Certificate(Owned, Base):
    """That somebody met the rule of a course; it says so for good, as it was then.

    ``number`` is what people read out; whoever has the ``code`` sees it without an account.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        of_user(),
        Index("ux_certificate", "institution_id", "user_id", "container_id", unique=True),
        Index("ux_certificate_number", "institution_id", "number", unique=True),
        Index("ux_certificate_code", "code", unique=True),
    )

    user_id: Mapped[str] = mapped_column(ID)
    container_id: Mapped[str] = mapped_column(ID)
    number: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200), info=personal("name"))
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    lessons: Mapped[int]
    average: Mapped[float | None] = mapped_column(Double)
    issued_at: Mapped[datetime] = mapped_column(default=utcnow)
