"""The table of what was counted last: a row for each institution, and one for the whole hub."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.models import ID, Base, Tenant
from bloop.store.types import utcnow


class StorageCount(Tenant, Base):
    """What an institution stores, as :class:`bloop.hub.storage.counting.Own`.

    The row of ``*`` is of the whole hub: :class:`bloop.hub.storage.counting.Whole`.
    """

    __tablename__ = "storage_count"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    counted_at: Mapped[datetime] = mapped_column(default=utcnow)
    found: Mapped[dict[str, Any]]
