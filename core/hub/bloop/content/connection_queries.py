"""Registered reads of connections, of the runs that read them, and of what those could not use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, case, func, literal, null, select, type_coerce

from bloop.content.enrolling.visibility import connection_reachable
from bloop.content.sync_models import Quarantine, SyncRun
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.store.statements import institution, reachable, reader, register

_RUN: tuple[Any, ...] = (
    SyncRun.id,
    SyncRun.connection_id.label("connection"),
    SyncRun.generation,
    SyncRun.state,
    SyncRun.into_id.label("into"),
    SyncRun.counts,
    SyncRun.code,
    SyncRun.reason,
    SyncRun.cure,
    SyncRun.actor,
    SyncRun.seconds,
    SyncRun.started_at,
    SyncRun.finished_at,
)
_QUARANTINED: tuple[Any, ...] = (
    Quarantine.id,
    Quarantine.connection_id.label("connection"),
    Quarantine.ref,
    Quarantine.code,
    Quarantine.reason,
    Quarantine.run_id.label("run"),
    Quarantine.first_at,
    Quarantine.last_at,
)
_own_runs = (
    SyncRun.institution_id == institution,
    SyncRun.connection_id == Connection.id,
)
_LAST_SYNC = (
    select(func.max(SyncRun.finished_at))
    .where(*_own_runs, SyncRun.state == "succeeded")
    .correlate(Connection)
    .scalar_subquery()
)
_OPEN = (
    select(func.count())
    .select_from(Quarantine)
    .where(
        Quarantine.institution_id == institution,
        Quarantine.connection_id == Connection.id,
        Quarantine.resolved_at.is_(None),
    )
    .correlate(Connection)
    .scalar_subquery()
)


_mine = reachable(Connection.owner_id)


def _told(column: Any, otherwise: Any = None) -> Any:
    """A column of a connection that only whoever may know of what is in it is told."""
    value = null() if otherwise is None else literal(otherwise, column.type)
    return type_coerce(case((_mine, column), else_=value), column.type).label(column.key)


def _connections(*conditions: Any) -> Any:
    """Connections with systems: an imported file is none that one could do anything with.

    Of somebody else's own it is only told that there is one, whose, with what, and in which state.
    """
    return (
        select(
            Connection.id,
            Connection.owner_id.label("owner"),
            Connection.plugin_id.label("plugin"),
            Connection.capability,
            _told(Connection.name, ""),
            _told(Connection.settings, {}),
            _told(Connection.secrets_set_at, {}).label("held"),
            _told(Connection.checked, {}),
            _told(Connection.selected, {}),
            Connection.state,
            _told(Connection.reason),
            _told(Connection.cure),
            Connection.recoverable,
            Connection.since,
            _told(Connection.every),
            _told(Connection.next_at),
            _told(Connection.watcher),
            _told(Connection.watched_since),
            _told(Connection.unwatched),
            _told(Connection.job_id).label("job"),
            case((_mine, Job.state)).label("job_state"),
            case((_mine, _LAST_SYNC)).label("synced_at"),
            case((_mine, _OPEN), else_=0).label("quarantined"),
            Connection.created_at,
            Connection.row_version,
        )
        .outerjoin(
            Job, (Job.id == Connection.job_id) & (Job.institution_id == Connection.institution_id)
        )
        .where(
            Connection.institution_id == institution,
            Connection.settings["file"].as_string().is_(None),
            *conditions,
        )
    )


CONNECTIONS = register(
    "content.connections",
    _connections(Connection.id > bindparam("after"))
    .order_by(Connection.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""An institution's connections, the oldest first."""

CONNECTION = register(
    "content.connection", _connections(Connection.id == bindparam("id")), heavy=True
)
"""One of them."""

_OWN = (reader != "", Connection.owner_id == reader)

OWN_CONNECTIONS = register(
    "content.own_connections",
    _connections(*_OWN, Connection.id > bindparam("after"))
    .order_by(Connection.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Those that the caller has for themselves."""

OWN_CONNECTION = register(
    "content.own_connection",
    select(Connection.id).where(
        Connection.institution_id == institution, *_OWN, Connection.id == bindparam("id")
    ),
)
"""Whether one is theirs."""

RUNS = register(
    "content.connection_runs",
    select(*_RUN)
    .where(
        SyncRun.institution_id == institution,
        SyncRun.connection_id == bindparam("connection"),
        connection_reachable(SyncRun.connection_id),
        SyncRun.generation < bindparam("before"),
    )
    .order_by(SyncRun.generation.desc())
    .limit(bindparam("limit")),
)
"""The runs of one connection, the newest first."""

QUARANTINED = register(
    "content.connection_quarantine",
    select(*_QUARANTINED)
    .where(
        Quarantine.institution_id == institution,
        Quarantine.connection_id == bindparam("connection"),
        connection_reachable(Quarantine.connection_id),
        Quarantine.resolved_at.is_(None),
        Quarantine.ref > bindparam("after"),
    )
    .order_by(Quarantine.ref)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The records of one connection that could not be used, by their refs."""

RUN = register(
    "content.run",
    select(*_RUN).where(
        SyncRun.institution_id == institution,
        SyncRun.id == bindparam("id"),
        connection_reachable(SyncRun.connection_id),
    ),
)

QUARANTINE = register(
    "content.quarantine",
    select(*_QUARANTINED)
    .where(
        Quarantine.institution_id == institution,
        Quarantine.resolved_at.is_(None),
        connection_reachable(Quarantine.connection_id),
        Quarantine.id > bindparam("after"),
    )
    .order_by(Quarantine.id)
    .limit(bindparam("limit")),
)
"""What could not be used and still can't."""
