"""Tables of second factors, and of what stands between the first factor and the session."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.sealed import sealed
from bloop.store.types import utcnow


def _of_user() -> Any:
    return ForeignKeyConstraint(
        ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
    )


class TotpFactor(Tenant, Base):
    """An authenticator app (RFC 6238); ``secret`` is sealed, and of no use before it is confirmed.

    ``last_step`` is the newest time step whose code was taken. ``failures`` counts wrong codes in a
    row, and until ``retry_at`` no other is looked at.
    """

    __tablename__ = "mfa_totp"
    __table_args__ = (_of_user(), Index("ix_mfa_totp_user", "institution_id", "user_id"))

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    secret: Mapped[bytes] = mapped_column(LargeBinary, info=sealed())
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime] = mapped_column(default=utcnow)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Passkey(Tenant, Base):
    """A credential of WebAuthn; ``credential_id`` is base64url, ``public_key`` COSE."""

    __tablename__ = "mfa_passkey"
    __table_args__ = (
        _of_user(),
        UniqueConstraint("institution_id", "credential_id"),
        Index("ix_mfa_passkey_user", "institution_id", "user_id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    credential_id: Mapped[str] = mapped_column(String(1400))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(80), info=personal("device"))
    transports: Mapped[list[str]] = mapped_column(default=list)
    synced: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Tenant, Base):
    """One of the codes for the day on which every other factor is lost; the SHA-256 of it."""

    __tablename__ = "mfa_recovery_code"
    __table_args__ = (
        _of_user(),
        UniqueConstraint("institution_id", "user_id", "code_hash"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    code_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    used_at: Mapped[datetime | None]


class PendingLogin(Tenant, Base):
    """A first factor that was right; ``token_hash`` is the SHA-256 of what its browser holds."""

    __tablename__ = "mfa_pending_login"
    __table_args__ = (_of_user(), Index("ix_mfa_pending_login_user", "institution_id", "user_id"))

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ID)
    method: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Challenge(Tenant, Base):
    """What a passkey is asked to sign, once; ``holder`` is who was asked.

    A row is there until it is used or too old.
    """

    __tablename__ = "mfa_challenge"
    __table_args__ = (Index("ix_mfa_challenge_expires", "institution_id", "expires_at"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    holder: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime]
