"""The table of messages."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import utcnow


class MessageState(enum.StrEnum):
    """Where a message is."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Message(Tenant, Base):
    """A message to one address; its text may hold a link that logs in, so it is sealed.

    The text is forgotten as soon as it is sent, or has failed for good.
    """

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_created_at", "institution_id", "created_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(320), info=personal("contact"))
    body: Mapped[bytes | None] = mapped_column(LargeBinary, info=personal("content"))
    state: Mapped[str] = mapped_column(String(10), default=MessageState.QUEUED)
    reason: Mapped[str | None] = mapped_column(String(300))
    brought_by: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)
