"""What is done about tokens and keys now and then, by any process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select

from bloop.accounts.tokens import keys, signing
from bloop.accounts.tokens.models import ApiKey, RefreshToken, TokenFamily
from bloop.store.database import Database
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

ENDED_DAYS = 30
"""So long it can be seen what had tokens and keys."""
USED_DAYS = 7
"""A refresh token that comes again after so long is only refused, as an unknown one is."""
ROWS_AT_ONCE = 500


def tidy(database: Database, call: Call) -> None:
    """Tell of keys that expire, and forget what ended long ago; ``call`` is the hub's own."""
    with database.unit(call) as unit:
        keys.tell_expiring(unit)
        signing.forget_retired(unit)
    before = utcnow() - timedelta(days=ENDED_DAYS)
    used = utcnow() - timedelta(days=USED_DAYS)
    for column, which in (
        (RefreshToken.token_hash, RefreshToken.used_at < used),
        (TokenFamily.id, or_(TokenFamily.ended_at < before, TokenFamily.expires_at < before)),
        (ApiKey.id, or_(ApiKey.revoked_at < before, ApiKey.expires_at < before)),
    ):
        last = ROWS_AT_ONCE
        while last == ROWS_AT_ONCE:
            with database.unit(call) as unit:
                last = _forget(unit, column, which)


def _forget(unit: UnitOfWork, column: Any, which: Any) -> int:
    old = select(column).where(which).limit(ROWS_AT_ONCE)
    gone: Any = unit.session.execute(
        delete(column.class_).where(column.in_(old)).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)
