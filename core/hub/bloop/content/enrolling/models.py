"""Tables of enrolments: users and groups in containers, and whose account a person's is."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import Owned
from bloop.store.models import ID, Base, Tenant, person
from bloop.store.types import utcnow


class Audience(enum.StrEnum):
    """Whom a published container is for: everybody who reaches the hub, its users, the enrolled.

    What has an owner is for them alone, and nothing else is.
    """

    OPEN = "open"
    MEMBERS = "members"
    ENROLLED = "enrolled"
    OWNER = "owner"


AUDIENCES = tuple(one for one in Audience if one is not Audience.OWNER)
"""Those that somebody may choose."""


class CourseRole(enum.StrEnum):
    """What somebody is in a course, whatever they are in the institution."""

    LEARNER = "learner"
    EDUCATOR = "educator"


class CourseEnrolment(Owned, Base):
    """A user, or everybody in a group, in a container; ``created_by`` enrolled them.

    ``source`` is empty where people did so, else the plugin by which somebody is in: each takes
    only its own away.
    """

    __tablename__ = "course_enrolment"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "container_id"], ["container.institution_id", "container.id"]
        ),
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        ForeignKeyConstraint(
            ["institution_id", "group_id"], ["user_group.institution_id", "user_group.id"]
        ),
        UniqueConstraint("institution_id", "container_id", "user_id", "source"),
        UniqueConstraint("institution_id", "container_id", "group_id"),
        CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name="one"),
        Index("ix_course_enrolment_user", "institution_id", "user_id", "container_id"),
        Index(
            "ix_course_enrolment_source",
            "institution_id",
            "source",
            sqlite_where=text("source <> ''"),
            postgresql_where=text("source <> ''"),
        ),
        Index("ix_course_enrolment_group", "institution_id", "group_id", "container_id"),
    )

    container_id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str | None] = mapped_column(ID)
    group_id: Mapped[str | None] = mapped_column(ID)
    role: Mapped[str] = mapped_column(String(20), default=CourseRole.LEARNER)
    source: Mapped[str] = mapped_column(String(60), default="")
    row_version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80), info=person())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class ItemGrant(Owned, Base):
    """A user who may see one item of a course, without being in the course.

    ``source`` is the plugin that decided it, as of an enrolment.
    """

    __tablename__ = "item_grant"
    __table_args__ = (
        ForeignKeyConstraint(["institution_id", "item_id"], ["item.institution_id", "item.id"]),
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        UniqueConstraint("institution_id", "item_id", "user_id", "source"),
        Index("ix_item_grant_user", "institution_id", "user_id", "item_id"),
        Index("ix_item_grant_source", "institution_id", "source"),
    )

    item_id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    source: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class LinkedBy(enum.StrEnum):
    """How it is known whose account a person's is."""

    EMAIL = "email"
    HAND = "hand"


class PersonLink(Tenant, Base):
    """That a person of another system is a user here, so that their enrolments count.

    Without a user it says that somebody took the link away by hand, and none is made by itself.
    """

    __tablename__ = "person_link"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "person_id"], ["person.institution_id", "person.id"]
        ),
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_person_link_user", "institution_id", "user_id", "person_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    person_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ID)
    how: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
