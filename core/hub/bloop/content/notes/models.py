"""Tables of notes that are changed on both sides: what waits to be sent, and what met."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import STATE, TITLE_LENGTH, Owned, of_connection, within
from bloop.store.models import ID, Base, person
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
