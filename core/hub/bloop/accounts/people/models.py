"""Tables of people: invitations and groups. Users are in :mod:`bloop.accounts.models`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
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


class Group(Tenant, Base):
    """Some of an institution's users by a name: a class, a cohort, a department."""

    __tablename__ = "user_group"
    __table_args__ = (
        UniqueConstraint("institution_id", "id"),
        UniqueConstraint("institution_id", "name"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class GroupMember(Tenant, Base):
    """That a user is in a group."""

    __tablename__ = "group_member"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "group_id"], ["user_group.institution_id", "user_group.id"]
        ),
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_group_member_user", "institution_id", "user_id", "group_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    group_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
