"""How far each consumer of the log has come, and the events that it could not take."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant
from bloop.store.types import utcnow


class EventConsumer(Base):
    """One partition of a consumer: of the log's events, those whose bucket falls to it.

    There is a row for each of its ``partitions``, counted from 0; an event's is its bucket modulo
    their number. All events up to ``position`` have taken effect, or are parked; ``taken_by`` is
    the process that moved it last. Who delivers to a system outside holds ``lease_until``, and
    moves the position only while ``lease_epoch`` is the one it claimed. ``seen_at`` is when a
    process last had the consumer, written about once an hour.
    """

    __tablename__ = "event_consumer"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=0)
    partitions: Mapped[int] = mapped_column(default=1)
    plugin_id: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(BigInteger)
    taken_by: Mapped[str | None] = mapped_column(String(80))
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(default=utcnow)


class Parked(enum.StrEnum):
    """Why an event waits beside the log."""

    RETRYING = "retrying"
    """It is the first of its aggregate, and is tried again at ``retry_at``."""
    PARKED = "parked"
    """It is the first of its aggregate and had its last try; somebody has to decide."""
    BEHIND = "behind"
    """An earlier event of its aggregate waits."""


class ParkedEvent(Tenant, Base):
    """An event that one consumer could not take; ``state`` is a :class:`Parked`.

    The first of an aggregate that waits is retrying or parked, all others are behind it. Whoever
    changes rows of a partition holds the lock of its row in ``event_consumer``.
    """

    __tablename__ = "event_parked"
    __table_args__ = (
        UniqueConstraint("consumer", "seq"),
        ForeignKeyConstraint(
            ("consumer", "partition"),
            ("event_consumer.name", "event_consumer.partition"),
            ondelete="CASCADE",
        ),
        Index("ix_event_parked_aggregate", "consumer", "institution_id", "aggregate", "seq"),
        Index("ix_event_parked_due", "state", "retry_at"),
        Index("ix_event_parked_institution", "institution_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    consumer: Mapped[str] = mapped_column(String(120))
    partition: Mapped[int] = mapped_column(default=0)
    seq: Mapped[int] = mapped_column(BigInteger, index=True)
    event_id: Mapped[str] = mapped_column(ID)
    topic: Mapped[str] = mapped_column(String(80))
    aggregate: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(2000))
    tries: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    parked_at: Mapped[datetime] = mapped_column(default=utcnow)
