"""The table of forms that wait for a login."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.sealed import sealed
from bloop.store.types import utcnow


class KeptForm(Tenant, Base):
    """A form that came without a session, sealed; the browser's cookie is hashed.

    ``user_id`` is whose session it was, where that is known. After ``expires_at`` it is gone.
    """

    __tablename__ = "kept_form"
    __table_args__ = (
        Index("ix_kept_form_user", "institution_id", "user_id"),
        Index("ix_kept_form_expires", "institution_id", "expires_at"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ID)
    body: Mapped[bytes] = mapped_column(
        LargeBinary, info=personal("content") | sealed("token_hash")
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
