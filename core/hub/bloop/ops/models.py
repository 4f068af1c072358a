"""Tables of how the hub does: a few numbers over time, and what its checks said last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.models import Base
from bloop.store.types import Json, utcnow


class HubSample(Base):
    """What all processes together counted in the ``seconds`` that begin ``at``.

    Counts are added up as they come. Of what is measured, the worst of that time is kept (NULL:
    nobody measured): jobs that waited, events that the slowest consumer had not seen, free bytes
    where the least were; and the size of the database. ``times`` are requests by their time, as in
    :class:`bloop.telemetry.totals.Totals`.
    """

    __tablename__ = "hub_sample"

    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    times: Mapped[list[int]] = mapped_column(Json, default=list)
    jobs_failed: Mapped[int] = mapped_column(default=0)
    jobs_waiting: Mapped[int | None]
    events_behind: Mapped[int | None] = mapped_column(BigInteger)
    database_bytes: Mapped[int | None] = mapped_column(BigInteger)
    free_bytes: Mapped[int | None] = mapped_column(BigInteger)


class HubCheck(Base):
    """What a check said last in one process that serves; ``since`` is when ``ok`` became so."""

    __tablename__ = "hub_check"

    process_id: Mapped[str] = mapped_column(
        ForeignKey("hub_process.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    place: Mapped[int] = mapped_column(default=0)
    ok: Mapped[bool | None]
    detail: Mapped[str] = mapped_column(String(2000), default="")
    cure: Mapped[str | None] = mapped_column(String(1000))
    since: Mapped[datetime] = mapped_column(default=utcnow)
    checked_at: Mapped[datetime] = mapped_column(default=utcnow)
