"""Where events are sent, and what became of each."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, BigSerial, Tenant
from bloop.store.types import Json, utcnow


class WebhookEndpoint(Tenant, Base):
    """An address that events are sent to; ``topics`` may end in ``*``.

    Its secrets are derived (``bloop.webhooks.keys``) from the key ``key_id`` and a version; the
    version before holds until ``old_until``. ``failures`` counts those in a row. Who sends holds
    ``lease_until``, and writes only while ``lease_epoch`` is the one it claimed.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index("ix_webhook_endpoint_institution", "institution_id", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(120))
    url: Mapped[str] = mapped_column(String(2000))
    topics: Mapped[list[str]] = mapped_column(Json)
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None] = mapped_column(String(500))
    key_id: Mapped[str] = mapped_column(String(16))
    secret_version: Mapped[int] = mapped_column(default=1)
    old_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class DeliveryState(enum.StrEnum):
    """What became of an event for one endpoint."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """It is not tried again by itself."""


class WebhookDelivery(Tenant, Base):
    """One event for one endpoint, in the order of ``seq``; ``state`` is a :class:`DeliveryState`.

    ``status``, ``duration_ms``, ``answer`` and ``reason`` are of the last of ``attempts``.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        UniqueConstraint("id"),
        Index("ix_webhook_delivery_queue", "endpoint_id", "state", "seq"),
        Index("ix_webhook_delivery_state", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigSerial, Identity(always=True), primary_key=True)
    id: Mapped[str] = mapped_column(ID, default=new_id)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(ID)
    topic: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    answer: Mapped[str | None] = mapped_column(String(2000))
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    tried_at: Mapped[datetime | None]
