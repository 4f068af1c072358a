"""Tables of accounts elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import Json, utcnow


class IdentityLink(Tenant, Base):
    """That an account elsewhere, ``(issuer, subject)``, is a person's here.

    ``provider`` is the way that they came by, ``label`` what they know that account by.
    """

    __tablename__ = "identity_link"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        UniqueConstraint("institution_id", "issuer", "subject"),
        Index("ix_identity_link_user", "institution_id", "user_id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255), info=personal("identifier"))
    provider: Mapped[str] = mapped_column(String(80))
    label: Mapped[str | None] = mapped_column(String(320), info=personal("contact"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    used_at: Mapped[datetime | None]


class IdentityLogin(Tenant, Base):
    """A login that was begun: good once, in one browser, with one provider.

    The hashes are of ``state`` and of the browser's cookie. Nonce and PKCE's verifier are derived
    from both, and stand nowhere. ``user_id`` is who wants to connect an account, of a login None.
    """

    __tablename__ = "identity_login"
    __table_args__ = (Index("ix_identity_login_expires", "expires_at"),)

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[str | None] = mapped_column(ID)
    next_path: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class MembershipRules(Tenant, Base):
    """Who joins an institution by logging in: its rules in their order."""

    __tablename__ = "membership_rules"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    row_version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
