"""Forgetting jobs that ended long ago: what starts by itself would fill the ledger for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from bloop.jobs.models import OVER, Job
from bloop.store.database import Database
from bloop.store.types import utcnow
from bloop_sdk import Call

ROWS_AT_ONCE = 500


def trim(database: Database, call: Call, keep: timedelta) -> int:
    """Forget the jobs that ended longer than ``keep`` ago; how many. ``call`` is the hub's own."""
    before = utcnow() - keep
    old = (
        select(Job.id)
        .where(Job.id < _first_id(before), Job.state.in_(OVER), Job.finished_at < before)
        .order_by(Job.id)
        .limit(ROWS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    removed, last = 0, ROWS_AT_ONCE
    while last == ROWS_AT_ONCE:
        with database.unit(call) as unit:
            gone: Any = unit.session.execute(
                delete(Job)
                .where(Job.id.in_(unit.session.scalars(old).all()))
                .execution_options(synchronize_session=False)
            )
            last = gone.rowcount
        removed += last
    return removed


def _first_id(moment: datetime) -> str:
    """What the ids of jobs begin with that were asked for then (RFC 9562, 5.7).

    So the primary key finds the old ones, and no end has to be written into an index of its own.
    """
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
