"""Tables of institutions and people.

An account belongs to one institution: somebody who learns at two has two accounts, as they have
two student numbers, and one institution's erasure never touches the other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.types import utcnow


class Institution(Base):
    """A tenant. Everything else belongs to one."""

    __tablename__ = "institution"

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class User(Tenant, Base):
    """A person's account in one institution.

    A ``disabled_at`` ends it. One that registered itself and is still to be let in is disabled and
    ``waiting``, so that whatever refuses a disabled account refuses it as well.

    Signed addresses that they made before ``links_from`` open nothing any more.

    ``language`` is the one that they have chosen for pages; without, each browser says.

    Once it is ``erased_at`` nothing of the person is left but its id, by which what they did stays.
    """

    __tablename__ = "account_user"
    __table_args__ = (
        UniqueConstraint("institution_id", "email"),
        UniqueConstraint("institution_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), info=personal("name"))
    email: Mapped[str | None] = mapped_column(String(320), info=personal("contact"))
    email_verified_at: Mapped[datetime | None]
    role: Mapped[str] = mapped_column(String(20))
    disabled_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(12), info=personal("settings"))
    waiting: Mapped[bool] = mapped_column(default=False)
    links_from: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class LoginSession(Tenant, Base):
    """A browser that is logged in; ``token_hash`` is the SHA-256 of what its cookie holds.

    ``method`` is how its holder proved who they are (:class:`bloop.accounts.service.Method`), and
    ``proved_at`` when they last did, here or in a step-up; ``address`` and ``agent`` are where it
    began; ``seen_at`` is when it was last used, to some minutes. How long it may live and be
    unused is for ``[access]`` to say; ``expires_at`` is the end of it in any case.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        Index("ix_login_session_user", "institution_id", "user_id"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(ID, default=new_id, unique=True)
    user_id: Mapped[str] = mapped_column(ID)
    method: Mapped[str] = mapped_column(String(20))
    second_factor: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str | None] = mapped_column(String(64), info=personal("network"))
    agent: Mapped[str | None] = mapped_column(String(200), info=personal("device"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    proved_at: Mapped[datetime] = mapped_column(default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]


class BootstrapLink(Tenant, Base):
    """A single-use link that logs the operator of a fresh hub in."""

    __tablename__ = "bootstrap_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
