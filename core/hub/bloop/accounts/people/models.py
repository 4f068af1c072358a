"""Tables of people: invitations. Users themselves are in :mod:`bloop.accounts.models`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import utcnow


class Invitation(Tenant, Base):
    """A link by which people become users with a role.

    ``token_hash`` is the SHA-256 of what the link holds, ``email`` the only address that may use
    it, and ``created_by`` who made it, as ``kind:id``.
    """

    __tablename__ = "invitation"
    __table_args__ = (UniqueConstraint("institution_id", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(320), info=personal("contact"))
    max_uses: Mapped[int]
    uses: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)
