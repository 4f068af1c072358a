"""Tables of reading what is outside: runs, where they stand, and what they could not use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Double, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import (
    KIND,
    REMOTE_ID,
    REMOTE_ID_LENGTH,
    STATE,
    Owned,
    of_connection,
    within,
)
from bloop.store.models import ID, Base, Tenant, person, personal
from bloop.store.types import Json, utcnow

PART_LENGTH = 200
"""The longest key or digest of a part that is kept."""


class SyncRun(Owned, Base):
    """One reading of a connection, from its first attempt to its success.

    ``state`` is of ``running succeeded failed undone``. A failed run is continued by the next
    attempt: ``epoch`` counts them, and only the newest may write. A ``full`` run reads every stream
    from its beginning. ``source`` is the SHA-256 of an imported file, ``into_id`` the course that
    it goes into. ``fetched`` are the refs of what came another way while it read: by a hint, a
    retry, or the answer to a write.
    """

    __tablename__ = "sync_run"
    __table_args__ = (
        of_connection(),
        within("into_id", "container"),
        UniqueConstraint("institution_id", "connection_id", "generation"),
    )

    connection_id: Mapped[str] = mapped_column(ID)
    generation: Mapped[int]
    epoch: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(STATE, default="running")
    full: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str | None] = mapped_column(String(64))
    into_id: Mapped[str | None] = mapped_column(ID)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fetched: Mapped[list[str]] = mapped_column(default=list)
    code: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(2000))
    cure: Mapped[str | None] = mapped_column(String(1000))
    actor: Mapped[str] = mapped_column(String(80), info=person())
    seconds: Mapped[float] = mapped_column(Double, default=0.0)
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    beat_at: Mapped[datetime] = mapped_column(default=utcnow)
    finished_at: Mapped[datetime | None]


class SyncCursor(Tenant, Base):
    """Where one partition of a stream stands, saved in the commit of the rows it covers.

    ``complete`` says that the run of ``generation`` has read it to its end; ``whole`` that it did
    so without giving up on a part, so that what it did not list is gone.
    """

    __tablename__ = "sync_cursor"
    __table_args__ = (of_connection(),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    connection_id: Mapped[str] = mapped_column(ID, primary_key=True)
    stream: Mapped[str] = mapped_column(String(80), primary_key=True)
    partition: Mapped[str] = mapped_column(REMOTE_ID, primary_key=True, default="")
    generation: Mapped[int]
    value: Mapped[Any | None] = mapped_column(Json)
    version: Mapped[int] = mapped_column(default=1)
    complete: Mapped[bool] = mapped_column(default=False)
    whole: Mapped[bool] = mapped_column(default=True)


class SyncSeen(Tenant, Base):
    """What the run of ``generation`` has met of one kind: what it never met is missing.

    ``rows`` are hashes of raw records by remote id. The marks live in a table of their own, since
    an unchanged record must write no content row. They are dropped with the end of the run, unless
    they are of a part that tells by its ``digest`` whether it is the same: a later run that finds
    it so has met all its records. ``version`` is of what made the records.
    """

    __tablename__ = "sync_seen"
    __table_args__ = (of_connection(), {"sqlite_with_rowid": False})

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    connection_id: Mapped[str] = mapped_column(ID, primary_key=True)
    stream: Mapped[str] = mapped_column(String(80), primary_key=True, default="")
    partition: Mapped[str] = mapped_column(REMOTE_ID, primary_key=True, default="")
    key: Mapped[str] = mapped_column(String(PART_LENGTH), primary_key=True)
    kind: Mapped[str] = mapped_column(KIND, primary_key=True)
    generation: Mapped[int]
    digest: Mapped[str | None] = mapped_column(String(PART_LENGTH))
    version: Mapped[str | None] = mapped_column(String(PART_LENGTH))
    counted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rows: Mapped[dict[str, Any]]


class Quarantine(Owned, Base):
    """A record that could not be used, and why; ``resolved_at`` when a later run could.

    ``raw_size`` of more than the stored ``raw`` says that it was too large to keep.
    """

    __tablename__ = "quarantine"
    __table_args__ = (
        of_connection(),
        UniqueConstraint("institution_id", "connection_id", "ref"),
        Index("ix_quarantine_open", "institution_id", "resolved_at", "id"),
    )

    connection_id: Mapped[str] = mapped_column(ID)
    ref: Mapped[str] = mapped_column(String(REMOTE_ID_LENGTH + 40))
    code: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(String(2000))
    run_id: Mapped[str] = mapped_column(ID)
    first_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_at: Mapped[datetime] = mapped_column(default=utcnow)
    resolved_at: Mapped[datetime | None]
    raw_size: Mapped[int] = mapped_column(BigInteger, default=0)
    raw: Mapped[Any | None] = mapped_column(Json, info=personal("record"))
