"""What somebody answered lately, a page at a time, the last first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bloop.learning.today.queries import HISTORY
from bloop.store.database import Database
from bloop.store.errors import InvalidError
from bloop.store.statements import to_dicts
from bloop_sdk import Call

_END = datetime(9999, 1, 1, tzinfo=UTC)


async def answered(database: Database, call: Call, before: str, limit: int) -> dict[str, Any]:
    """The answers ``before`` the ``next`` of another page, or the last ones for an empty one.

    Raises InvalidError for what no page gave.
    """
    at, id_ = _place(before)
    rows = to_dicts(HISTORY, await database.read(HISTORY, call, at=at, id=id_, limit=limit + 1))
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return {"items": shown, "next": last and f"{last['at']}~{last['id']}"}


def _place(before: str) -> tuple[datetime, str]:
    if not before:
        return _END, ""
    time, _, id_ = before.partition("~")
    try:
        at = datetime.fromisoformat(time)
    except ValueError as err:
        raise _none() from err
    if at.tzinfo is None or len(id_) > 60:
        raise _none()
    return at, id_


def _none() -> InvalidError:
    return InvalidError("before: no page ends there", field="before", cure="begin without it")
