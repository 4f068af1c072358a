"""Units of work for tests: a plugin's tables in SQLite, in memory. Needs ``bloop-sdk[tables]``."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import MetaData, TextClause, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.pool import StaticPool

from bloop_sdk.errors import FatalError
from bloop_sdk.plugin import Unit
from bloop_sdk.principals import Call
from bloop_sdk.records import JSONObject
from bloop_sdk.tables import Tenant, check_tables

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """An event that a unit emitted."""

    topic: str
    aggregate: str
    payload: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A line that a unit wrote into the audit trail."""

    action: str
    resource: str
    detail: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """A job that a unit asked for."""

    id: str
    kind: str
    payload: JSONObject
    key: str | None
    delay: float


@dataclass(slots=True)
class FakeUnit:
    """A :class:`bloop_sdk.Unit` that remembers what it was asked to do."""

    session: Session
    institution: str
    known: dict[str, Enqueued]
    events: list[Emitted] = field(default_factory=list)
    audited: list[Audited] = field(default_factory=list)
    jobs: list[Enqueued] = field(default_factory=list)

    def emit(self, topic: str, aggregate: str, payload: JSONObject) -> None:
        """Say that something happened."""
        self.events.append(Emitted(topic=topic, aggregate=aggregate, payload=payload))

    def audit(self, action: str, resource: str, detail: JSONObject | None = None) -> None:
        """Keep who did it."""
        self.audited.append(Audited(action=action, resource=resource, detail=detail or {}))

    def enqueue(
        self, kind: str, payload: JSONObject, *, key: str | None = None, delay: float = 0.0
    ) -> str:
        """Ask for a job; its id, or that of the first one with this key."""
        same = [job for job in (*self.known.values(), *self.jobs) if key and job.key == key]
        if same:
            return same[0].id
        number = len(self.known) + len(self.jobs) + 1
        job = Enqueued(id=f"job-{number}", kind=kind, payload=payload, key=key, delay=delay)
        self.jobs.append(job)
        return job.id


class FakeDatabase:
    """The tables of ``metadata``; ``events``, ``audited`` and ``jobs`` of committed units."""

    def __init__(self, metadata: MetaData | None) -> None:
        self.events: list[Emitted] = []
        self.audited: list[Audited] = []
        self.jobs: list[Enqueued] = []
        # One connection: another one would have a database of its own.
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        self._one_at_a_time = threading.Lock()
        if metadata is not None:
            check_tables(str(metadata.info.get("plugin", "")), metadata)
            metadata.create_all(self._engine)

    def transaction(
        self,
        call: Call,
        work: Callable[Concatenate[Unit, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What ``work`` gives; it is committed unless it raises."""
        with self._one_at_a_time, Session(self._engine, expire_on_commit=False) as session:
            unit = self._unit(session, call)
            result = work(unit, *args, **kwargs)
            session.commit()
            self.events += unit.events
            self.audited += unit.audited
            self.jobs += unit.jobs
        return result

    def read(
        self,
        call: Call,
        work: Callable[Concatenate[Unit, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What ``work`` finds; raises FatalError where it writes."""
        with self._one_at_a_time, Session(self._engine, expire_on_commit=False) as session:
            unit = self._unit(session, call)

            @event.listens_for(session, "before_flush")
            def refuse(*_: Any) -> None:
                raise FatalError("read() writes nothing", cure="use ctx.transaction()")

            @event.listens_for(session, "do_orm_execute")
            def refuse_statement(state: ORMExecuteState) -> None:
                if state.is_insert or state.is_update or state.is_delete:
                    refuse()

            result = work(unit, *args, **kwargs)
            session.flush()
            if unit.events or unit.audited or unit.jobs:
                raise FatalError("read() says and asks for nothing", cure="use ctx.transaction()")
            return result

    def _unit(self, session: Session, call: Call) -> FakeUnit:
        _bind(session, call.institution)
        return FakeUnit(session, call.institution, {job.id: job for job in self.jobs})


def _bind(session: Session, institution: str) -> None:
    """Let a session see and write one institution's rows alone."""

    @event.listens_for(session, "do_orm_execute")
    def see_own(state: ORMExecuteState) -> None:
        if isinstance(state.statement, TextClause):
            given = state.parameters if isinstance(state.parameters, dict) else {}
            if given.get("institution") != institution:
                raise FatalError(
                    f"SQL without its institution: {str(state.statement)[:60]!r}",
                    cure="compare institution_id with :institution, or use a mapped class",
                )
        if state.is_orm_statement and not state.is_insert:
            state.statement = state.statement.options(
                with_loader_criteria(
                    Tenant, lambda cls: cls.institution_id == institution, include_aliases=True
                )
            )

    @event.listens_for(session, "before_flush")
    def write_own(session: Session, *_: Any) -> None:
        for row in itertools.chain(session.new, session.dirty, session.deleted):
            if not isinstance(row, Tenant):
                continue
            if row.institution_id != institution:
                raise FatalError(
                    f"a {type(row).__name__} of institution {row.institution_id} in a unit of "
                    f"{institution}",
                    cure="write institution_id=unit.institution",
                )
