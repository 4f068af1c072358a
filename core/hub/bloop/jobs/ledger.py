"""What can happen to a job: asked for, claimed, kept alive, ended, tried again.

All functions take a unit of work. Those of a runner take one for every institution, and are
fenced: they touch a job only while the lease they name is still theirs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal, select, update

from bloop.jobs import follow, turns
from bloop.jobs.models import DUE, NORMAL_PRIORITY, OVER, RUNNING, Job, JobState
from bloop.jobs.owners import is_dead
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.types import UtcDateTime, dumps, utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

MAX_PAYLOAD_BYTES = 64 * 1024
LONGEST_BACKOFF_SECONDS = 300.0
LONG_WAIT_SECONDS = 10.0
"""A system that asks for a wait of so long has its pace: no attempt has failed."""
NO_ATTEMPT_LEFT = "job_lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a runner holds. ``attempt`` counts from 1."""

    id: str
    epoch: int
    owner: str
    kind: str
    plugin_id: str | None
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    call: Call


def unfinished(unit: UnitOfWork, kind: str, **payload: str) -> str | None:
    """The id of an institution's job of a kind that was asked for and is not over, if any.

    ``payload`` is what it has to be about.
    """
    found: str | None = unit.session.scalar(
        select(Job.id).where(
            Job.institution_id == unit.institution,
            Job.kind == kind,
            Job.state.not_in(OVER),
            *(Job.payload[name].as_string() == value for name, value in payload.items()),
        )
    )
    return found


def enqueue(
    unit: UnitOfWork,
    kind: str,
    payload: Mapping[str, Any],
    *,
    key: str | None = None,
    plugin_id: str | None = None,
    queue: str = "default",
    priority: int = NORMAL_PRIORITY,
    max_attempts: int = 5,
    delay: float = 0.0,
    after: Sequence[str] = (),
    owner: str | None = None,
) -> str:
    """Ask for work; it begins after the unit has committed, at the earliest in ``delay`` seconds.

    Of ``priority``, 0 goes first and 9 last; within one, institutions take turns. It begins only
    once all the jobs ``after`` which it comes have succeeded (:mod:`bloop.jobs.follow`). Where it
    is about what an ``owner`` has for themselves, nobody else is shown it.

    The same ``key`` gives the job that was asked for first, whatever became of it. Raises
    ConflictError where that one was of another kind or payload.
    """
    if len(dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise InvalidError(
            f"a payload has at most {MAX_PAYLOAD_BYTES} bytes",
            field="payload",
            cure="put large data into a blob and pass its digest",
        )
    others = follow.check(unit, after)
    has_turn = delay <= 0 and not others
    row: dict[str, Any] = {
        "id": new_id(),
        "institution_id": unit.institution,
        "owner_id": owner,
        "kind": kind,
        "state": JobState.BLOCKED if others else JobState.WAITING,
        "pending": len(others),
        "plugin_id": plugin_id,
        "queue": queue,
        "priority": priority,
        "payload": dict(payload),
        "idempotency_key": key,
        "actor": actor_of(unit.call),
        "actor_role": unit.call.principal.role,
        "actor_scopes": _listed(unit.call.principal.scopes),
        "trace": str(unit.call.trace),
        "max_attempts": max_attempts,
        "run_after": utcnow() + timedelta(seconds=delay),
    }
    dialect = unit.dialect
    # On the connection: a session compiles each INSERT once more to see whose row it is.
    connection = unit.connection
    if has_turn:
        row |= {"of_institution": unit.institution, "of_queue": queue, "of_priority": priority}
    added: str | None = connection.scalar(_asking(dialect, has_turn=has_turn), row)
    if added and others:
        follow.hold(unit, added, others)
    return added or _known(unit, kind, payload, key)


@cache
def _asking(dialect: str, *, has_turn: bool) -> Any:
    """The INSERT of a job, made once: its columns are parameters, and so is whose turn it takes."""
    lane: tuple[Any, ...] = (
        bindparam("of_institution"),
        bindparam("of_queue"),
        bindparam("of_priority"),
    )
    turn = turns.next_turn_of(dialect, *lane) if has_turn else None
    job: Any = Job.__table__
    add = INSERT[dialect](job).values(turn=turn)
    return add.on_conflict_do_nothing().returning(job.c.id)


def _known(unit: UnitOfWork, kind: str, payload: Mapping[str, Any], key: str | None) -> str:
    found = unit.session.execute(
        select(Job.id, Job.kind, Job.payload).where(
            Job.institution_id == unit.institution, Job.idempotency_key == key
        )
    ).one()
    if (found.kind, dumps(found.payload)) != (kind, dumps(payload)):
        raise ConflictError(
            f"the key {key!r} was used for another {found.kind} already",
            cure="use a new key for a new job",
        )
    id_: str = found.id
    return id_


def claim(
    unit: UnitOfWork,
    owner: str,
    kinds: Collection[str],
    *,
    queues: Collection[str] = (),
    limit: int,
    lease_seconds: float,
) -> list[Claim]:
    """Take up to ``limit`` jobs that are due; nobody else has them while the lease lasts.

    Without ``queues``, of any queue.
    """
    now = utcnow()
    turns.promote(unit, now)
    turns.by_index(unit)
    first = turns.candidates(kinds, queues, limit + turns.MORE_CANDIDATES)
    free = (
        select(Job.id)
        .where(Job.id.in_(unit.session.scalars(first).all()), *DUE)
        .order_by(Job.priority, Job.turn, Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Job)
        .where(Job.id.in_(unit.session.scalars(free).all()))
        .values(
            state=JobState.RUNNING,
            attempts=Job.attempts + 1,
            lease_owner=owner,
            lease_epoch=Job.lease_epoch + 1,
            lease_until=now + timedelta(seconds=lease_seconds),
            started_at=func.coalesce(Job.started_at, literal(now, UtcDateTime())),
            row_version=Job.row_version + 1,
        )
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    rows = sorted(unit.session.scalars(taken), key=lambda row: (row.priority, row.turn, row.id))
    turns.advance(unit, rows)
    return [_claimed(row) for row in rows]


def _listed(scopes: Collection[str] | None) -> list[str] | None:
    return None if scopes is None else sorted(scopes)


def _claimed(row: Job) -> Claim:
    kind, _, id_ = row.actor.partition(":")
    version, trace_id, span_id, flags = row.trace.split("-")
    del version, flags
    scopes = None if row.actor_scopes is None else frozenset(row.actor_scopes)
    principal = Principal(PrincipalKind(kind), id_, Role(row.actor_role), scopes)
    return Claim(
        id=row.id,
        epoch=row.lease_epoch,
        owner=str(row.lease_owner),
        kind=row.kind,
        plugin_id=row.plugin_id,
        payload=row.payload,
        attempt=row.attempts,
        max_attempts=row.max_attempts,
        call=Call(principal, row.institution_id, Trace(trace_id, span_id)),
    )


def held(claim: Claim) -> ColumnElement[bool]:
    """That the lease is still the one that was claimed."""
    return and_(
        Job.id == claim.id,
        Job.state == JobState.RUNNING,
        Job.lease_owner == claim.owner,
        Job.lease_epoch == claim.epoch,
    )


def beat(unit: UnitOfWork, claim: Claim, progress: Mapping[str, Any], lease_seconds: float) -> bool:
    """Prolong the lease and write progress; raises LookupError where the lease is lost.

    Gives whether somebody asked to cancel the job.
    """
    values: dict[str, Any] = {"lease_until": utcnow() + timedelta(seconds=lease_seconds)}
    if progress:
        values |= {**progress, "row_version": Job.row_version + 1}
    cancelled = unit.session.scalar(_fenced(claim, values).returning(Job.cancel_requested))
    if cancelled is None:
        raise LookupError(f"the lease of job {claim.id} is lost")
    return bool(cancelled)


def finish(
    unit: UnitOfWork,
    claim: Claim,
    state: JobState,
    *,
    result: Any = None,
    error: Mapping[str, Any] | None = None,
    progress: Mapping[str, Any] | None = None,
) -> bool:
    """End a job; False where the lease was lost, so that somebody else has it now."""
    values = {"state": state, "result": result, "error": error, "finished_at": utcnow()}
    values |= progress or {}
    lease = {"of_id": claim.id, "of_owner": claim.owner, "of_epoch": claim.epoch}
    given = {f"to_{column}": value for column, value in values.items()}
    ending = _ending(tuple(sorted(values)))
    followed = unit.connection.scalar(ending, given | lease)
    if followed:
        follow.ended(unit, claim.id)
    return followed is not None


@cache
def _ending(columns: tuple[str, ...]) -> Any:
    """The UPDATE that ends a job while its lease lasts, made once for what it writes."""
    job: Any = Job.__table__
    return (
        update(job)
        .where(
            job.c.id == bindparam("of_id"),
            job.c.state == JobState.RUNNING,
            job.c.lease_owner == bindparam("of_owner"),
            job.c.lease_epoch == bindparam("of_epoch"),
        )
        .values(lease_owner=None, lease_until=None, row_version=job.c.row_version + 1)
        .values({column: bindparam(f"to_{column}", type_=job.c[column].type) for column in columns})
        .returning(job.c.followed)
    )


def retry_later(
    unit: UnitOfWork, claim: Claim, error: Mapping[str, Any], *, retry_after: float | None
) -> bool:
    """Let the job wait for its next attempt, never for less than ``retry_after`` seconds."""
    now = utcnow()
    pause = max(backoff(claim.attempt), retry_after or 0.0)
    later = now + timedelta(seconds=pause)
    values = {**_again(now), "turn": None, "run_after": later, "error": error}
    return _changed(unit, _fenced(claim, values))


def give_back(
    unit: UnitOfWork, claim: Claim, error: Mapping[str, Any] | None = None, *, wait: float = 0.0
) -> bool:
    """Let it be claimed again as if it had not been: the runner stops, or a system asks to wait."""
    now = utcnow()
    later = now + timedelta(seconds=wait)
    values = {**_again(now), "run_after": later, "attempts": Job.attempts - 1}
    if wait:
        values |= {"turn": None, "error": error}
    return _changed(unit, _fenced(claim, values))


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: twice as long each time, spread so that none meet."""
    return min(2.0**attempt, LONGEST_BACKOFF_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 # nosec B311 - spread, no secret


def reap(unit: UnitOfWork, *, alive: Collection[str] = (), patient: bool = False) -> int:
    """Take back what dead runners held; a job that has no attempt left fails. Gives how many.

    Whoever calls knows which jobs are ``alive``, since it runs them itself. While it is ``patient``
    a lease that is over tells nothing.
    """
    now = utcnow()
    running = select(Job.id, Job.lease_owner, Job.lease_until).where(*RUNNING)
    lost = [
        row.id
        for row in unit.session.execute(running.with_for_update(skip_locked=True))
        if row.id not in alive
        and (
            row.lease_until is None
            or (row.lease_until < now and not patient)
            or is_dead(str(row.lease_owner))
        )
    ]
    if not lost:
        return 0
    ours = (Job.id.in_(lost), Job.state == JobState.RUNNING)
    left = Job.attempts < Job.max_attempts
    error = {
        "code": NO_ATTEMPT_LEFT,
        "message": "the process that ran it ended, each time it was tried",
        "cure": "see the hub's log for what ended it, then retry the job",
    }
    failed = {"state": JobState.FAILED, "finished_at": now, "error": error, **_FREE}
    for condition, values in (
        (left | Job.cancel_requested, {**_again(now), "run_after": now}),
        (~left, failed),
    ):
        _changed(unit, update(Job).where(*ours, condition).values(values))
    follow.ended(unit, *lost)
    return len(lost)


def cancel(unit: UnitOfWork, job_id: str) -> Job:
    """Stop a job: at once while it waits, else as soon as its runner hears of it.

    Raises ConflictError for one that is over.
    """
    job = _locked(unit, job_id)
    if job.state in OVER:
        raise ConflictError(f"job {job_id} has {job.state} already")
    if job.state == JobState.RUNNING:
        job.cancel_requested = True
    else:
        job.state, job.finished_at = JobState.CANCELLED, utcnow()
        follow.ended(unit, job_id)
    unit.audit.append("jobs:cancel", f"job:{job_id}", {"kind": job.kind})
    return job


def retry(unit: UnitOfWork, job_id: str) -> Job:
    """Try a job again that failed or was cancelled, with all its attempts."""
    job = _locked(unit, job_id)
    if job.state not in {JobState.FAILED, JobState.CANCELLED}:
        raise ConflictError(f"job {job_id} is {job.state}; only what failed can be retried")
    job.state, job.run_after, job.attempts = follow.state_again(unit, job), utcnow(), 0
    if job.state == JobState.WAITING:
        job.turn = unit.session.scalar(select(turns.next_turn(unit, job.queue, job.priority)))
    job.error = job.finished_at = job.started_at = None
    job.progress_done = job.progress_total = job.progress_message = job.progress_until = None
    job.cancel_requested = False
    unit.session.flush()
    follow.revive(unit, job_id)
    unit.audit.append("jobs:retry", f"job:{job_id}", {"kind": job.kind})
    return job


def _locked(unit: UnitOfWork, job_id: str) -> Job:
    """The job, which its runner's beats can't change before this unit has ended."""
    job = unit.session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFoundError(f"no job {job_id}")
    return job


_FREE: dict[str, Any] = {
    "lease_owner": None,
    "lease_until": None,
    "row_version": Job.row_version + 1,
}


def _again(now: datetime) -> dict[str, Any]:
    """Waiting once more; somebody may have asked to cancel it, and then it does not begin again."""
    cancelled = Job.cancel_requested
    return {
        "state": case((cancelled, JobState.CANCELLED), else_=JobState.WAITING),
        "finished_at": case((cancelled, literal(now, UtcDateTime()))),
        **_FREE,
    }


def _fenced(claim: Claim, values: Mapping[str, Any]) -> Any:
    return update(Job).where(held(claim)).values(values)


def _changed(unit: UnitOfWork, statement: Any) -> bool:
    # On the connection, past what a session does to keep its objects true: it has none of these.
    return bool(unit.connection.execute(statement).rowcount)
