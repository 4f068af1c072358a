"""The unit of work: one transaction of one call, with its events and audit lines."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import func, insert, select, text, tuple_
from sqlalchemy.orm import Session

from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import AuditLine, OutboxEvent, Tenant
from bloop.store.topics import version_of
from bloop_sdk import Call, Trace

T = TypeVar("T", bound=Tenant)

AGGREGATES_AT_ONCE = 200
OUTBOX_LOCKS = 256
OUTBOX_LOCK_CLASS = 0x0B10


class Outbox:
    """Events of this transaction: collected, then numbered per aggregate as it commits."""

    def __init__(self, session: Session, call: Call) -> None:
        self._session = session
        self.call = call
        self._events: list[dict[str, Any]] = []

    def append(
        self,
        topic: str,
        aggregate: str,
        payload: Mapping[str, Any],
        *,
        institution: str | None = None,
    ) -> None:
        """Say that ``topic`` happened to ``aggregate`` (``kind:id``); commits with the change.

        Only a call for every institution may name another ``institution`` than its own. Raises
        ValueError for what the topic's declaration (:mod:`bloop.store.topics`) does not allow.
        """
        self._events.append(
            {
                "institution_id": institution or self.call.institution,
                "topic": topic,
                "aggregate": aggregate,
                "actor": actor_of(self.call),
                "trace": str(self.call.trace),
                "payload": dict(payload),
                "version": version_of(topic, payload),
            }
        )

    def write(self) -> bool:
        """Number and insert what was collected, if anything was.

        The unit calls it right before its commit.
        """
        if not self._events:
            return False
        last = self._last_numbers(
            {(row["institution_id"], row["aggregate"]) for row in self._events}
        )
        for row in self._events:
            key = (row["institution_id"], row["aggregate"])
            row["aggregate_seq"] = last[key] = last.get(key, 0) + 1
        self._session.execute(insert(OutboxEvent), self._events)
        self._events = []
        return True

    def _last_numbers(self, keys: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The number of each aggregate's newest event."""
        ordered = sorted(keys)
        self._lock(ordered)
        owner = (OutboxEvent.institution_id, OutboxEvent.aggregate)
        found: dict[tuple[str, str], int] = {}
        for start in range(0, len(ordered), AGGREGATES_AT_ONCE):
            newest = (
                select(*owner, func.max(OutboxEvent.aggregate_seq))
                .where(tuple_(*owner).in_(ordered[start : start + AGGREGATES_AT_ONCE]))
                .group_by(*owner)
            )
            for institution, aggregate, number in self._session.execute(newest):
                found[institution, aggregate] = number
        return found

    def _lock(self, keys: list[tuple[str, str]]) -> None:
        """Make two transactions that write events of one aggregate wait for each other.

        SQLite has one writer. On PostgreSQL the aggregates share a fixed number of advisory
        locks, so that a large batch can't use up the server's; as everybody takes them in one
        order and last of all, nobody waits in a circle. The transaction gets its number before
        its events get theirs, which is what readers of the log rely on (``bloop.events.reader``).
        """
        if self._session.get_bind().dialect.name != "postgresql":
            return
        locks = sorted({zlib.crc32("/".join(key).encode()) % OUTBOX_LOCKS for key in keys})
        self._session.connection().execute(
            text(
                "SELECT pg_current_xact_id(), pg_advisory_xact_lock(:outbox, lock)"
                " FROM unnest(:locks) AS lock"
            ),
            {"outbox": OUTBOX_LOCK_CLASS, "locks": locks},
        )


class Audit:
    """Audit lines of this transaction."""

    def __init__(self, session: Session, call: Call) -> None:
        self._session = session
        self.call = call

    def append(self, action: str, resource: str, detail: Mapping[str, Any] | None = None) -> None:
        """Say who did ``action`` to ``resource``; never put a secret into ``detail``."""
        self._session.add(
            AuditLine(
                institution_id=self.call.institution,
                actor=actor_of(self.call),
                action=action,
                resource=resource,
                trace=str(self.call.trace),
                detail=dict(detail or {}),
            )
        )


class UnitOfWork:
    """One transaction, bound to one institution.

    ``session`` adds the institution to every ORM query and refuses to flush a row of another; on
    PostgreSQL row-level security stands behind both.
    """

    def __init__(self, session: Session, call: Call) -> None:
        self.session = session
        self.call = call
        self.outbox = Outbox(session, call)
        self.audit = Audit(session, call)
        self.endings: list[Callable[[UnitOfWork], None]] = []
        """What is still to be written before the events are, once nothing else is."""

    @property
    def institution(self) -> str:
        """Whose rows this unit may touch."""
        return self.call.institution

    def continue_trace(self, trace: Trace) -> None:
        """Let what follows be part of another trace: of a batch of events, each has its own."""
        self.call = self.outbox.call = self.audit.call = replace(self.call, trace=trace)

    def get(self, model: type[T], id_: str) -> T:
        """The row with this id; raises :class:`NotFoundError` also for another institution's."""
        table: Any = model
        row: T | None = self.session.scalar(select(table).where(table.id == id_))
        if row is None:
            raise NotFoundError(f"no {table.__tablename__} {id_}")
        return row

    def expect(self, row: Any, version: int | None) -> None:
        """Refuse unless ``row`` is at ``version`` (None: whatever it is at)."""
        if version is not None and row.row_version != version:
            name = f"{row.__tablename__} {getattr(row, 'id', '')}".rstrip()
            raise ConflictError(
                f"{name} is at version {row.row_version}, not {version}",
                current=row.row_version,
                cure="read it again and decide with the current version",
            )


def actor_of(call: Call) -> str:
    """Who acts, as ``kind:id``."""
    return f"{call.principal.kind}:{call.principal.id}"
