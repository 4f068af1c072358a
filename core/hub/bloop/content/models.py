"""Tables of content: containers, trees, items, people and what they did, and versions.

Identity of what came from outside is (institution, connection, kind, remote id). What is authored
here has no connection, and its remote id is its own id. Every foreign key carries the institution,
so that no row can point into another one's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, person, personal
from bloop.store.types import Json, utcnow

TITLE_LENGTH = 500
REMOTE_ID_LENGTH = 500
KIND = String(20)
STATE = String(20)
REMOTE_ID = String(REMOTE_ID_LENGTH)
LAST = 1
"""The order of a column that may be long: SQLite reads through it to what stands behind."""


def of_connection() -> ForeignKeyConstraint:
    """The key of the connection that a row came by."""
    return ForeignKeyConstraint(
        ["institution_id", "connection_id"], ["connection.institution_id", "connection.id"]
    )


def within(column: str, table: str, *, goes_with: bool = False) -> ForeignKeyConstraint:
    """The key of another row of the same institution; what ``goes_with`` that row is deleted so.

    That is for rows of domains above, which those who delete content don't know.
    """
    return ForeignKeyConstraint(
        ["institution_id", column],
        [f"{table}.institution_id", f"{table}.id"],
        ondelete="CASCADE" if goes_with else None,
    )


class Owned(Tenant):
    """A tenant's row whose key begins with its institution."""

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)


class Sourced(Owned):
    """What all records share, wherever they came from.

    ``state`` is of ``pending active missing forbidden unshared trashed``. ``raw_hash`` is the
    hash that tells whether a record changed at its source; ``run_id`` is the run that first
    wrote it.
    """

    connection_id: Mapped[str | None] = mapped_column(ID)
    remote_id: Mapped[str] = mapped_column(REMOTE_ID)
    state: Mapped[str] = mapped_column(STATE, default="active")
    row_version: Mapped[int] = mapped_column(Integer, default=1)
    run_id: Mapped[str | None] = mapped_column(ID)
    raw_hash: Mapped[str | None] = mapped_column(String(64))
    remote_version: Mapped[str | None] = mapped_column(String(255))
    url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
    lost: Mapped[list[str]] = mapped_column(default=list)


class Container(Sourced, Base):
    """A course or a notebook: ``pending`` until a run has read all of it once.

    ``tree_version`` is another one after each commit that changed what its tree shows, ``audience``
    whom it is for (:class:`bloop.content.enrolling.models.Audience`). What has an ``owner_id`` is
    that user's alone, with all that is in it.
    """

    __tablename__ = "container"
    __table_args__ = (
        of_connection(),
        within("owner_id", "account_user"),
        UniqueConstraint("institution_id", "connection_id", "kind", "remote_id"),
        CheckConstraint("(owner_id IS NOT NULL) = (audience = 'owner')", name="owner"),
        Index(
            "ix_container_owner",
            "institution_id",
            "owner_id",
            sqlite_where=text("owner_id IS NOT NULL"),
            postgresql_where=text("owner_id IS NOT NULL"),
        ),
    )

    owner_id: Mapped[str | None] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(KIND)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    code: Mapped[str | None] = mapped_column(String(TITLE_LENGTH))
    published: Mapped[bool] = mapped_column(default=True)
    audience: Mapped[str] = mapped_column(String(20), default="open")
    language: Mapped[str | None] = mapped_column(String(35))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    term: Mapped[Any | None] = mapped_column(Json)
    sanitiser: Mapped[int] = mapped_column(default=0)
    summary_html: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    tree_version: Mapped[str] = mapped_column(ID, default=new_id)


class Item(Sourced, Base):
    """Something to read, do, open or talk about; ``data`` holds what only its kind has.

    ``learner_data`` is what learners see in place of ``data`` where that holds answers or comments;
    ``blob`` is the SHA-256 of a file's bytes. ``concealed`` says that it stands only below hidden
    modules.
    ``theirs`` is what the other side (or an imported file) holds of a note that was changed here
    and not there yet (:class:`bloop.content.notes.merge.Text`). ``source`` is the Markdown that
    ``html`` was made of, ``draft`` what it is to say once it is published again
    (:mod:`bloop.content.edited`).
    """

    __tablename__ = "item"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        UniqueConstraint("institution_id", "connection_id", "kind", "remote_id"),
        Index("ix_item_container", "institution_id", "container_id", "id"),
        Index("ix_item_container_kind", "institution_id", "container_id", "kind", "id"),
        Index("ix_item_run", "institution_id", "run_id", "container_id"),
        Index(
            "ix_item_concealed",
            "institution_id",
            "connection_id",
            "container_id",
            sqlite_where=text("concealed IS 1"),
            postgresql_where=text("concealed IS true"),
        ),
    )

    container_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(KIND)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    published: Mapped[bool] = mapped_column(default=True)
    concealed: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str | None] = mapped_column(String(35))
    blob: Mapped[str | None] = mapped_column(String(64))
    sanitiser: Mapped[int] = mapped_column(default=0)
    html: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, sort_order=LAST)
    learner_data: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    theirs: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    source: Mapped[str | None] = mapped_column(Text, sort_order=LAST)
    draft: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class Node(Sourced, Base):
    """One place in a container's tree; ``item_kind`` and ``item_remote_id`` name its item.

    ``item_id`` is empty until the item has been read. Siblings are in order of ``position``, then
    of remote id; positions are fractions, so that a move writes one row. ``theirs`` is where the
    other side has it that was moved here and not there yet: ``parent`` and ``position``.
    """

    __tablename__ = "node"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        within("item_id", "item"),
        ForeignKeyConstraint(
            ["institution_id", "container_id", "parent_id"],
            ["node.institution_id", "node.container_id", "node.id"],
        ),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        UniqueConstraint("institution_id", "container_id", "id"),
        Index(
            "ix_node_tree", "institution_id", "container_id", "parent_id", "position", "remote_id"
        ),
        Index("ix_node_item", "institution_id", "item_id"),
        Index("ix_node_run", "institution_id", "run_id", "container_id"),
        Index(
            "ix_node_waiting",
            "institution_id",
            "connection_id",
            "item_remote_id",
            sqlite_where=text("item_id IS NULL"),
            postgresql_where=text("item_id IS NULL"),
        ),
    )

    container_id: Mapped[str] = mapped_column(ID)
    parent_id: Mapped[str | None] = mapped_column(ID)
    position: Mapped[float] = mapped_column(Double)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    published: Mapped[bool] = mapped_column(default=True)
    item_id: Mapped[str | None] = mapped_column(ID)
    item_kind: Mapped[str | None] = mapped_column(KIND)
    item_remote_id: Mapped[str | None] = mapped_column(REMOTE_ID)
    theirs: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class Person(Sourced, Base):
    """Somebody in the system of a connection; not an account here."""

    __tablename__ = "person"
    __table_args__ = (
        of_connection(),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
    )

    name: Mapped[str] = mapped_column(String(TITLE_LENGTH), info=personal("name"))
    email: Mapped[str | None] = mapped_column(String(320), info=personal("contact"))
    login: Mapped[str | None] = mapped_column(String(255), info=personal("contact"))
    raw: Mapped[Any | None] = mapped_column(Json, info=personal("record"), sort_order=LAST)


class Enrolment(Sourced, Base):
    """A person in a container, in a role of ``learner educator admin``."""

    __tablename__ = "enrolment"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        within("person_id", "person"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_enrolment_container", "institution_id", "container_id"),
        Index("ix_enrolment_person", "institution_id", "person_id"),
    )

    container_id: Mapped[str] = mapped_column(ID)
    person_id: Mapped[str] = mapped_column(ID)
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(default=True)
    sections: Mapped[list[str]] = mapped_column(default=list)
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class Section(Sourced, Base):
    """Some of a container's people who are taught together; enrolments name its remote id."""

    __tablename__ = "section"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_section_container", "institution_id", "container_id"),
    )

    container_id: Mapped[str] = mapped_column(ID)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class About:
    """What says something of an item, which ``item_kind`` and ``item_remote_id`` name.

    The item may not have been read, or not yet: so its id is looked up when it is asked for.
    """

    container_id: Mapped[str] = mapped_column(ID)
    item_kind: Mapped[str | None] = mapped_column(KIND)
    item_remote_id: Mapped[str | None] = mapped_column(REMOTE_ID)


class Submission(Sourced, About, Base):
    """A person's work on an item and its grade, as the other system holds them.

    ``status`` is a :class:`bloop_sdk.SubmissionState`; ``comments`` are records' ``Comment``s.
    """

    __tablename__ = "submission"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        within("person_id", "person"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_submission_container", "institution_id", "container_id"),
        Index("ix_submission_person", "institution_id", "person_id"),
    )

    person_id: Mapped[str] = mapped_column(ID)
    status: Mapped[str] = mapped_column(STATE)
    attempt: Mapped[int | None]
    score: Mapped[float | None] = mapped_column(Double)
    points: Mapped[float | None] = mapped_column(Double)
    grade: Mapped[str | None] = mapped_column(String(80))
    late: Mapped[bool] = mapped_column(default=False)
    submitted_at: Mapped[datetime | None]
    graded_at: Mapped[datetime | None]
    comments: Mapped[Any] = mapped_column(
        Json, default=list, info=personal("record"), sort_order=LAST
    )
    raw: Mapped[Any | None] = mapped_column(Json, info=personal("record"), sort_order=LAST)


class Completion(Sourced, About, Base):
    """How far a person is with an item, or with the whole container (``item_kind`` empty).

    ``status`` is a :class:`bloop_sdk.CompletionState`.
    """

    __tablename__ = "completion"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        within("person_id", "person"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_completion_container", "institution_id", "container_id"),
        Index("ix_completion_person", "institution_id", "person_id"),
    )

    person_id: Mapped[str] = mapped_column(ID)
    status: Mapped[str] = mapped_column(STATE)
    completed_at: Mapped[datetime | None]
    raw: Mapped[Any | None] = mapped_column(Json, info=personal("record"), sort_order=LAST)


class CalendarEvent(Sourced, About, Base):
    """Something of a container that takes place at a time."""

    __tablename__ = "calendar_event"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_calendar_event_container", "institution_id", "container_id", "starts_at"),
    )

    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    sanitiser: Mapped[int] = mapped_column(default=0)
    html: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    all_day: Mapped[bool] = mapped_column(default=False)
    location: Mapped[str] = mapped_column(String(TITLE_LENGTH), default="")
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class Outcome(Sourced, Base):
    """What learners shall be able to do; ``parent_remote_id`` names a wider one."""

    __tablename__ = "outcome"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        UniqueConstraint("institution_id", "connection_id", "remote_id"),
        Index("ix_outcome_container", "institution_id", "container_id"),
    )

    container_id: Mapped[str | None] = mapped_column(ID)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    parent_remote_id: Mapped[str | None] = mapped_column(REMOTE_ID)
    sanitiser: Mapped[int] = mapped_column(default=0)
    html: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    raw: Mapped[Any | None] = mapped_column(Json, sort_order=LAST)


class Version(Owned, Base):
    """What a row held at ``row_version``, kept when a ``change`` replaced it."""

    __tablename__ = "content_version"
    __table_args__ = (
        UniqueConstraint("institution_id", "subject", "subject_id", "row_version"),
        Index("ix_content_version_run", "institution_id", "run_id", "id"),
        {"info": {"owned": True}},
    )
    # Its row_version is another row's, so that SQLAlchemy must not count it.
    __mapper_args__ = {}  # noqa: RUF012 - SQLAlchemy declares it so

    subject: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[str] = mapped_column(ID)
    row_version: Mapped[int]
    change: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80), info=person())
    run_id: Mapped[str | None] = mapped_column(ID)
    at: Mapped[datetime] = mapped_column(default=utcnow)
    snapshot: Mapped[dict[str, Any]]
