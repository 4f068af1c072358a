"""The unit of work: one transaction of one call, with its events and audit lines."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache, cached_property
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select

from bloop.store.audit import Audit, Caller, actor_of
from bloop.store.errors import ConflictError, NotFoundError, TenantError
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent, Tenant, bucket_of
from bloop.store.statements import Rows, for_rows
from bloop.store.tenants import InstitutionSession
from bloop.store.topics import version_of
from bloop.store.transaction import Transaction
from bloop.store.types import utcnow
from bloop_sdk import BloopError, Call, Trace

if TYPE_CHECKING:
    from bloop.store.database import Database
    from bloop.store.keys import UnitSealer

__all__ = ["Audit", "Outbox", "UnitOfWork", "actor_of"]

T = TypeVar("T", bound=Tenant)

OUTBOX_LOCKS = 256
OUTBOX_LOCK_CLASS = 0x0B10

_log: Any = OutboxEvent.__table__
_before: Any = _log.alias("before")
_APPEND = (
    insert(_log)
    .values(
        aggregate_seq=select(
            func.coalesce(func.max(_before.c.aggregate_seq), literal_column("0"))
            + literal_column("1")
        )
        .where(
            _before.c.institution_id == bindparam("of_institution"),
            _before.c.aggregate == bindparam("of_aggregate"),
        )
        .scalar_subquery()
    )
    .inline()
)


_BEGIN = insert(_log).values(aggregate_seq=literal_column("1")).inline()


@cache
def _append(dialect: str, *, first: bool) -> Rows:
    """One event, numbered behind its aggregate's last; of several, each sees those before it."""
    columns = [column.key for column in _log.c if column.key not in {"seq", "aggregate_seq"}]
    if first:
        return for_rows(_BEGIN, dialect, columns)
    return for_rows(_APPEND, dialect, [*columns, "of_institution", "of_aggregate"])


class Outbox:
    """Events of this transaction: collected, then numbered per aggregate as it commits."""

    def __init__(self, transaction: Transaction, caller: Caller) -> None:
        self._transaction = transaction
        self._caller = caller
        self._events: list[tuple[bool, dict[str, Any], list[dict[str, Any]]]] = []

    def append(
        self,
        topic: str,
        aggregate: str,
        payload: Mapping[str, Any],
        *,
        institution: str | None = None,
    ) -> None:
        """Say that ``topic`` happened to ``aggregate`` (``kind:id``); commits with the change.

        Only a call for every institution may name another ``institution`` than its own: raises
        TenantError. Raises ValueError for what the topic's declaration
        (:mod:`bloop.store.topics`) does not allow.
        """
        self.extend(topic, [(aggregate, payload)], institution=institution)

    def extend(
        self,
        topic: str,
        events: Iterable[tuple[str, Mapping[str, Any]]],
        *,
        institution: str | None = None,
        first: bool = False,
    ) -> None:
        """The same of many aggregates and their payloads, in their order.

        They are the ``first`` of aggregates that this transaction has made.
        """
        call = self._caller.call
        of, own = institution or call.institution, call.institution
        if own not in {of, EVERY_INSTITUTION}:
            raise TenantError(f"{topic} of institution {of} in a unit of work of {own}")
        told = list(events)
        shared = {
            "institution_id": of,
            "of_institution": of,
            "topic": topic,
            "version": version_of(topic, [payload for _, payload in told]),
            "actor": actor_of(call),
            "trace": str(call.trace),
        }
        rows = [
            {
                "id": new_id(),
                "aggregate": aggregate,
                "of_aggregate": aggregate,
                "bucket": bucket_of(of, aggregate),
                "payload": dict(payload),
            }
            for aggregate, payload in told
        ]
        if rows:
            self._events.append((first, shared, rows))

    def write(self) -> bool:
        """Number and insert what was collected, if anything was.

        The unit calls it right before its commit.
        """
        if not self._events:
            return False
        self._lock({row["bucket"] for *_, rows in self._events for row in rows})
        now, dialect = {"occurred_at": utcnow()}, self._transaction.dialect.name
        for first, events in groupby(self._events, itemgetter(0)):
            append = _append(dialect, first=first)
            values = [one for _, shared, rows in events for one in append.of(rows, shared | now)]
            append.insert(self._transaction.connection, values)
        self._events = []
        return True

    def _lock(self, buckets: set[int]) -> None:
        """Make two transactions that write events of one aggregate wait for each other.

        SQLite has one writer. On PostgreSQL the aggregates share a fixed number of advisory
        locks, so that a large batch can't use up the server's; as everybody takes them in one
        order and last of all, nobody waits in a circle. The transaction gets its number before
        its events get theirs, which is what readers of the log rely on (``bloop.events.reader``).
        """
        if self._transaction.dialect.name != "postgresql":
            return
        locks = sorted({bucket % OUTBOX_LOCKS for bucket in buckets})
        self._transaction.connection.exec_driver_sql(
            "SELECT pg_current_xact_id(), pg_advisory_xact_lock(%(outbox)s, lock)"
            " FROM unnest(%(locks)s) AS lock",
            {"outbox": OUTBOX_LOCK_CLASS, "locks": locks},
        )


class UnitOfWork:
    """One transaction, bound to one institution.

    ``session`` adds the institution to every ORM query and refuses to flush a row of another; on
    PostgreSQL row-level security stands behind both.
    """

    def __init__(
        self, transaction: Transaction, call: Call, database: Database | None = None
    ) -> None:
        self.transaction = transaction
        self._caller = Caller(call)
        self.action: str | None = None
        """What is done in it, once a command has said so (:mod:`bloop.store.commands`)."""
        self.owed: BloopError | None = None
        """Why it is refused unless a row that it gets says otherwise."""
        self._database = database
        self.outbox = Outbox(transaction, self._caller)
        self.audit = Audit(transaction, self._caller)
        self.endings: list[Callable[[UnitOfWork], None]] = []
        """What is still to be written before the events are, once nothing else is."""

    @cached_property
    def sealer(self) -> UnitSealer:
        """What seals and opens secrets of this unit's rows."""
        from bloop.store.keys import UnitSealer

        assert self._database is not None, "a unit of the database has one"
        return UnitSealer(self, self._database.ring)

    @property
    def call(self) -> Call:
        """Whose unit it is, in the trace that it is part of by now."""
        return self._caller.call

    @property
    def session(self) -> InstitutionSession:
        """The ORM's session, which holds every statement to the institution."""
        return self.transaction.session

    @property
    def connection(self) -> Connection:
        """The same transaction past the session, for statements that name the institution."""
        return self.transaction.connection

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.transaction.dialect.name

    def after_commit(self, function: Callable[[], None]) -> None:
        """Have ``function`` called once this is committed; it must be quick, and not fail."""
        self.transaction.after_commit(function)

    @property
    def institution(self) -> str:
        """Whose rows this unit may touch."""
        return self.call.institution

    def finish(self) -> bool:
        """Write what comes last: endings, then events, then the audit; whether there were events.

        Whoever commits calls it right before. Raises what is still owed.
        """
        if self.owed is not None:
            raise self.owed
        self.transaction.flush()
        for end in self.endings:
            end(self)
        said = self.outbox.write()
        self.audit.write()
        return said

    def enter(self, action: str) -> None:
        """Begin a command; raises where the call may not. What it calls is part of it."""
        if self.action is None:
            self.action = action
            self._judge()

    def _judge(self, row: Any = None) -> None:
        judge = self._database.judge if self._database is not None else None
        if judge is not None and self.action is not None:
            judge(self, self.action, row)

    def continue_trace(self, trace: Trace) -> None:
        """Let what follows be a span of another trace: of a batch of events, each has its own."""
        self._caller.trace = trace

    def get(self, model: type[T], id_: str) -> T:
        """The row with this id; raises :class:`NotFoundError` also for another institution's.

        In a command it raises as well where the call may not do the command's action to it.
        """
        row: T | None = self.session.scalar(_by_id(cast("Hashable", model)), {"id": id_})
        if row is None:
            table: Any = model
            raise NotFoundError(f"no {table.__tablename__} {id_}")
        self._judge(row)
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


@cache
def _by_id(model: Hashable) -> Any:
    """Made once: who keeps a statement is spared the look at whether it is in order."""
    table = cast("Any", model)
    return select(table).where(table.id == bindparam("id"))
