"""Forgetting what was done to graphs long ago, so that their log doesn't grow for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, func, select, tuple_, update

from bloop.graph.models import GraphChange, GraphState, GraphVersion
from bloop.store.database import Database
from bloop.store.types import utcnow
from bloop_sdk import Call

ROWS_AT_ONCE = 2000


def trim(database: Database, call: Call, keep: timedelta) -> int:
    """Forget the writes of graphs older than ``keep``; how many rows. ``call`` is the hub's own.

    First :attr:`GraphState.kept_from` says so, then their changes go, and at last the lines of the
    history, by which one that was interrupted is taken up again.
    """
    old = (
        select(GraphVersion.institution_id, func.max(GraphVersion.version))
        .where(GraphVersion.at < utcnow() - keep)
        .group_by(GraphVersion.institution_id)
    )
    with database.unit(call) as unit:
        ends = unit.session.execute(old).all()
        for institution, last in ends:
            # Who follows the log with a snapshot, or undoes, has to see this before a row is gone.
            unit.session.execute(
                update(GraphState)
                .where(GraphState.institution_id == institution, GraphState.kept_from <= last)
                .values(kept_from=last + 1)
                .execution_options(synchronize_session=False)
            )
    return sum(
        _forget(database, call, model, institution, last)
        for institution, last in ends
        for model in (GraphChange, GraphVersion)
    )


def _forget(database: Database, call: Call, model: Any, institution: str, last: int) -> int:
    """Forget an institution's rows up to a version, so many at once that others can write too."""
    key = tuple_(*model.__table__.primary_key.columns)
    old = and_(model.institution_id == institution, model.version <= last)
    some = select(*key.clauses).where(old).order_by(*key.clauses).limit(ROWS_AT_ONCE)
    removed, rows = 0, ROWS_AT_ONCE
    while rows == ROWS_AT_ONCE:
        with database.unit(call) as unit:
            gone: Any = unit.session.execute(
                delete(model).where(old, key.in_(some)).execution_options(synchronize_session=False)
            )
            rows = gone.rowcount
        removed += rows
    return removed
