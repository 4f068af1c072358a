"""The unit of work: one transaction of one call, with its events and audit lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import event, func, select, text
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from bloop.store.errors import ConflictError, NotFoundError, TenantError
from bloop.store.models import EVERY_INSTITUTION, AuditLine, OutboxEvent, Tenant
from bloop_sdk import Call

T = TypeVar("T", bound=Tenant)


class Outbox:
    """Events of this transaction, numbered per aggregate."""

    def __init__(self, session: Session, call: Call) -> None:
        self._session = session
        self._call = call
        self._next: dict[tuple[str, str], int] = {}

    def append(
        self,
        topic: str,
        aggregate: str,
        payload: Mapping[str, Any],
        *,
        institution: str | None = None,
    ) -> None:
        """Say that ``topic`` happened to ``aggregate`` (``kind:id``); commits with the change."""
        owner = institution or self._call.institution
        key = (owner, aggregate)
        number = self._next.get(key) or self._last(owner, aggregate) + 1
        self._next[key] = number + 1
        self._session.add(
            OutboxEvent(
                institution_id=owner,
                topic=topic,
                aggregate=aggregate,
                aggregate_seq=number,
                actor=f"{self._call.principal.kind}:{self._call.principal.id}",
                trace=str(self._call.trace),
                payload=dict(payload),
            )
        )

    def _last(self, owner: str, aggregate: str) -> int:
        """The number of the aggregate's newest event.

        Two writers of one aggregate hold its row already (row version); should they not, the
        unique constraint ends one of them rather than let two events share a number.
        """
        newest = select(func.max(OutboxEvent.aggregate_seq)).where(
            OutboxEvent.institution_id == owner, OutboxEvent.aggregate == aggregate
        )
        return self._session.scalar(newest) or 0


class Audit:
    """Audit lines of this transaction."""

    def __init__(self, session: Session, call: Call) -> None:
        self._session = session
        self._call = call

    def append(self, action: str, resource: str, detail: Mapping[str, Any] | None = None) -> None:
        """Say who did ``action`` to ``resource``; never put a secret into ``detail``."""
        self._session.add(
            AuditLine(
                institution_id=self._call.institution,
                actor=f"{self._call.principal.kind}:{self._call.principal.id}",
                action=action,
                resource=resource,
                trace=str(self._call.trace),
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

    @property
    def institution(self) -> str:
        """Whose rows this unit may touch."""
        return self.call.institution

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
            raise ConflictError(
                f"{row.__tablename__} {row.id} is at version {row.row_version}, not {version}",
                current=row.row_version,
                cure="read it again and decide with the current version",
            )


def bind_tenant(session: Session, institution: str) -> None:
    """Make a session see and write one institution's rows only."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("SELECT set_config('bloop.institution', :institution, true)"),
            {"institution": institution},
        )
    if institution == EVERY_INSTITUTION:
        return

    @event.listens_for(session, "do_orm_execute")
    def _add_criteria(state: ORMExecuteState) -> None:
        if state.is_select or state.is_update or state.is_delete:
            state.statement = state.statement.options(
                with_loader_criteria(
                    Tenant,
                    lambda cls: cls.institution_id == institution,
                    include_aliases=True,
                )
            )

    @event.listens_for(session, "before_flush")
    def _refuse_others(flushed: Session, _context: UOWTransaction, _instances: Any) -> None:
        for row in _touched(flushed):
            if isinstance(row, Tenant) and row.institution_id != institution:
                raise TenantError(
                    f"{type(row).__name__} of institution {row.institution_id} in a unit of work "
                    f"of {institution}"
                )


def _touched(session: Session) -> Iterable[Any]:
    yield from session.new
    yield from session.dirty
    yield from session.deleted
