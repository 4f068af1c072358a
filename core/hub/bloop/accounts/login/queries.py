"""Registered reads of passwords and sessions."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from bloop.accounts.login.models import PasswordCredential
from bloop.accounts.models import LoginSession
from bloop.store.statements import institution, register

SESSIONS = register(
    "accounts.sessions",
    select(
        LoginSession.id,
        LoginSession.method,
        LoginSession.second_factor,
        LoginSession.address,
        LoginSession.agent,
        LoginSession.created_at,
        LoginSession.seen_at,
    )
    .where(
        LoginSession.institution_id == institution,
        LoginSession.user_id == bindparam("user_id"),
        LoginSession.created_at > bindparam("created_after"),
        LoginSession.seen_at > bindparam("seen_after"),
    )
    .order_by(LoginSession.seen_at.desc(), LoginSession.id),
)
"""Where somebody is logged in, the last used first; the bounds are those of ``Sessions``."""

PASSWORD = register(
    "accounts.password",
    select(PasswordCredential.changed_at).where(
        PasswordCredential.institution_id == institution,
        PasswordCredential.user_id == bindparam("user_id"),
    ),
)
"""Since when somebody has their password."""
