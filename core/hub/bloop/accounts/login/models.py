"""Tables of logging in: passwords, what guesses cost, links to a new password."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.models import ID, Base, Tenant
from bloop.store.types import utcnow


class PasswordCredential(Tenant, Base):
    """Somebody's password; ``hash`` is Argon2id's, with its parameters and its salt."""

    __tablename__ = "password_credential"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
    )

    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    hash: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)


class LoginDelay(Tenant, Base):
    """Failures in a row of one ``subject``, which is refused ``until`` then.

    A subject is the SHA-256 of what was typed as the account, of an address, or of a browser.
    """

    __tablename__ = "login_delay"
    __table_args__ = (Index("ix_login_delay_failed", "institution_id", "failed_at"),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime] = mapped_column(default=utcnow)
    until: Mapped[datetime | None]


class PasswordReset(Tenant, Base):
    """A single-use link that lets its holder choose a password."""

    __tablename__ = "password_reset"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_password_reset_user", "institution_id", "user_id"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
