"""Table of where people were."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from bloop.learning.models import of_item, of_user
from bloop.store.models import ID, Base, Tenant
from bloop.store.types import utcnow


class LastOpened(Tenant, Base):
    """The lesson that somebody opened last in a course or notebook, and when."""

    __tablename__ = "last_opened"
    __table_args__ = (
        of_user(),
        of_item(),
        Index("ix_last_opened_item", "institution_id", "item_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    container_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID)
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
