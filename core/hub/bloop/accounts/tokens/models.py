"""Tables of tokens: the keys that sign them, what devices hold, and API keys."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.sealed import sealed
from bloop.store.types import Json, utcnow

_ONE_OF_EACH = text("state <> 'retired'")


class KeyState(enum.StrEnum):
    """The next key is published and waits, the current one signs, a retired one only verifies."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


class SigningKey(Base):
    """A key of the hub that signs access tokens.

    ``kid`` is its thumbprint (RFC 7638), ``public`` the ``x`` of its JWK, ``sealed`` the private
    half.
    """

    __tablename__ = "signing_key"
    __table_args__ = (
        Index(
            "uq_signing_key_state",
            "state",
            unique=True,
            sqlite_where=_ONE_OF_EACH,
            postgresql_where=_ONE_OF_EACH,
        ),
    )

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    public: Mapped[str] = mapped_column(String(43))
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info=sealed("kid"))
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    current_since: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class TokenFamily(Tenant, Base):
    """A device or program that was given tokens: all of its refresh tokens, one after the other.

    ``scopes`` of None are all that its owner may. ``proved_at`` and ``second_factor`` are of the
    login it began with, ``address`` and ``agent`` where that was.
    """

    __tablename__ = "token_family"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_token_family_user", "institution_id", "user_id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    client: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(120), info=personal("device"))
    scopes: Mapped[list[str] | None] = mapped_column(Json)
    second_factor: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str | None] = mapped_column(String(64), info=personal("network"))
    agent: Mapped[str | None] = mapped_column(String(200), info=personal("device"))
    proved_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_used_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(20))


class RefreshToken(Tenant, Base):
    """One refresh token of a family; ``token_hash`` is its SHA-256.

    The one without ``used_at`` is good for the next pair. With ``retry_key``, the SHA-256 of an
    idempotency key, its successor was derived with ``salt`` and can be given once more.
    """

    __tablename__ = "refresh_token"
    __table_args__ = (Index("ix_refresh_token_family", "family_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    family_id: Mapped[str] = mapped_column(ForeignKey("token_family.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    retry_key: Mapped[str | None] = mapped_column(String(64))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)


class ApiKey(Tenant, Base):
    """A key of a person (``user_id``), or one of the institution with a ``role`` of its own.

    ``token_hash`` is its SHA-256, ``hint`` the last letters of its secret.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_api_key_owner", "institution_id", "user_id"),
        Index("ix_api_key_expires", "expires_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str | None] = mapped_column(ID)
    role: Mapped[str | None] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    hint: Mapped[str] = mapped_column(String(8))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
