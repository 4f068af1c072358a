"""Tables of notes: what waits to be sent, what met there, and what people's own are about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import KIND, STATE, TITLE_LENGTH, Owned, of_connection, within
from bloop.store.models import ID, Base, Tenant, person
from bloop.store.types import Json, utcnow


class Unsent(Owned, Base):
    """A change made here that the other side does not have yet; ``op`` is a NoteWrite.

    ``item_id`` is the note or file, ``node_id`` the place that was moved, ``about_id`` the note
    that a file is attached to. ``state`` is of ``waiting sending refused``. ``sent`` is what was
    sent last: until its answer has come nobody knows whether it came through, and the next try
    sends the same. ``tries`` counts what was sent, not how often.
    """

    __tablename__ = "unsent"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        within("item_id", "item"),
        UniqueConstraint("institution_id", "item_id", "op"),
        Index("ix_unsent_connection", "institution_id", "connection_id", "id"),
    )

    connection_id: Mapped[str] = mapped_column(ID)
    container_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    node_id: Mapped[str | None] = mapped_column(ID)
    about_id: Mapped[str | None] = mapped_column(ID)
    op: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(STATE, default="waiting")
    sent: Mapped[Any | None] = mapped_column(Json)
    tries: Mapped[int] = mapped_column(default=0)
    code: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(2000))
    cure: Mapped[str | None] = mapped_column(String(1000))
    actor: Mapped[str] = mapped_column(String(80), info=person())
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)


class Conflict(Owned, Base):
    """A note that was changed on both sides in a way that nobody could put together.

    ``how`` is of ``edited`` (the note has their text, ``copy_id`` ours), ``deleted_there`` (the
    copy is what is left) and ``deleted_here`` (it was edited there, and is back). ``title`` is what
    the note was called here. ``settled`` says how somebody decided: ``mine theirs both``.
    """

    __tablename__ = "note_conflict"
    __table_args__ = (
        of_connection(),
        within("container_id", "container"),
        Index("ix_note_conflict_item", "institution_id", "item_id"),
        Index("ix_note_conflict_open", "institution_id", "settled", "id"),
    )

    connection_id: Mapped[str] = mapped_column(ID)
    container_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    copy_id: Mapped[str | None] = mapped_column(ID)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    how: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[str | None] = mapped_column(ID)
    actor: Mapped[str] = mapped_column(String(80), info=person())
    settled: Mapped[str | None] = mapped_column(String(10))
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)


def _of_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
    )


class Anchor(Tenant, Base):
    """What a note of somebody's own is about: a lesson, a passage of it, a moment of its video.

    ``kind`` is of ``lesson highlight moment``. A highlight has its words, those around them, and in
    ``position`` the number of letters before it. A moment has its milliseconds, and in ``position``
    which video of the lesson's text it is of, null for the one beside it. The lesson may go, and
    the note stays.
    """

    __tablename__ = "note_anchor"
    __table_args__ = (
        _of_user(),
        within("item_id", "item"),
        Index("ix_note_anchor_about", "institution_id", "user_id", "about_id", "item_id"),
        Index("ix_note_anchor_user", "institution_id", "user_id", "item_id"),
        {"info": {"owned": True}},
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID)
    about_id: Mapped[str] = mapped_column(ID)
    course_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(KIND)
    exact: Mapped[str] = mapped_column(Text, default="")
    prefix: Mapped[str] = mapped_column(Text, default="")
    suffix: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int | None]
    moment_ms: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class NotePlace(Tenant, Base):
    """The notebook that new notes of somebody's own go to."""

    __tablename__ = "note_place"
    __table_args__ = (_of_user(), within("container_id", "container"), {"info": {"owned": True}})

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    container_id: Mapped[str] = mapped_column(ID)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
