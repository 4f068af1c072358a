"""Jobs that come after others: blocked until all of those have succeeded, let go in their commit.

A blocked job is in no index that a claim reads. It counts what it still waits for (``pending``),
and whoever ends a job counts down those that come after it: two that end at once meet at the row,
and the second one lets go. Where one fails or is cancelled, all that comes after it is cancelled
with a reason that names it; trying that one again blocks them anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, case, delete, event, func, insert, select, union, update
from sqlalchemy.orm import Session

from bloop.jobs.models import OVER, Job, JobAfter, JobState
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

MOST = 1000
"""So many jobs one can come after."""
STOPPED = "job_after_failed"
"""The error of a job that was cancelled for another one, which its ``job`` names."""

_ENDED = "bloop.jobs.ended"
_BECAME = {JobState.FAILED: "failed", JobState.CANCELLED: "was cancelled"}
_UNSUCCESSFUL = frozenset(_BECAME)


def check(unit: UnitOfWork, after: Sequence[str]) -> list[str]:
    """The ids of existing jobs to come after, each once; raises NotFoundError, InvalidError."""
    if not after:
        return []
    ids = sorted(set(after))
    if len(ids) > MOST:
        raise InvalidError(f"a job comes after at most {MOST} others", field="after")
    known = set(
        unit.session.scalars(
            select(Job.id).where(Job.id.in_(ids), Job.institution_id == unit.institution)
        )
    )
    if missing := [one for one in ids if one not in known]:
        raise NotFoundError(f"no job {missing[0][:40]} to come after")
    return ids


def hold(unit: UnitOfWork, job_id: str, after: Sequence[str]) -> None:
    """Have a new job, which is blocked, come after others of :func:`check`.

    Whether it has to wait is found out as the unit commits: that takes a lock on those others,
    behind which their runners must not wait for whatever else the unit does.
    """
    edge = {"institution_id": unit.institution, "job_id": job_id}
    unit.session.execute(insert(JobAfter), [edge | {"after_id": one} for one in after])

    def decide(session: Session) -> None:
        if not session.in_nested_transaction():
            _decide(session, job_id, after)

    event.listen(unit.session, "before_commit", decide)


def _decide(session: Session, job_id: str, after: Sequence[str]) -> None:
    """Whoever ends one of the others meanwhile either is seen here, or sees ``followed``."""
    _lock(session, after)
    others = session.execute(
        update(Job)
        .where(Job.id.in_(after))
        .values(followed=True)
        .returning(Job.id, Job.kind, Job.state, Job.error)
        .execution_options(synchronize_session=False)
    ).all()
    pending = sum(one.state != JobState.SUCCEEDED for one in others)
    values: dict[str, Any] = {"pending": pending}
    if failed := [one for one in others if one.state in _UNSUCCESSFUL]:
        values |= _stopped(min(failed))
    elif not pending:
        values["state"] = JobState.WAITING
    _change(session, [job_id], values)


def ended(unit: UnitOfWork, *jobs: str) -> None:
    """Let go, or stop, what comes after jobs that this unit ends; others are ignored.

    It is done once for all of them, as the unit commits, so that locks are taken in one order.
    """
    known: set[str] | None = unit.session.info.get(_ENDED)
    if known is not None:
        known.update(jobs)
        return
    ids = unit.session.info[_ENDED] = set(jobs)

    def settle(session: Session) -> None:
        if not session.in_nested_transaction():
            _settle(session, ids)

    event.listen(unit.session, "before_commit", settle)


def _settle(session: Session, ids: Collection[str]) -> None:
    over = session.execute(
        select(Job.id, Job.kind, Job.state, Job.error)
        .where(Job.id.in_(ids), Job.followed.is_(True), Job.state.in_(OVER))
        .order_by(Job.id)
    ).all()
    done = [one.id for one in over if one.state == JobState.SUCCEEDED]
    failed = [one for one in over if one.state in _UNSUCCESSFUL]
    direct = select(JobAfter.job_id).where(JobAfter.after_id.in_(done))
    _lock_all(session, union(direct, _downstream([one.id for one in failed])))
    if done:
        _let_go(session, done)
    for one in failed:
        _stop(session, one)


def _let_go(session: Session, done: list[str]) -> None:
    followers = (
        select(JobAfter.job_id, func.count())
        .where(JobAfter.after_id.in_(done))
        .group_by(JobAfter.job_id)
    )
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(followers)}
    for number in set(counts.values()):
        left = Job.pending - number
        free = (Job.state == JobState.BLOCKED) & (left == 0)
        ids = [id_ for id_, count in counts.items() if count == number]
        # Its turn it gets as it is claimed, like whatever has become due.
        _change(
            session,
            ids,
            {"pending": left, "state": case((free, JobState.WAITING), else_=Job.state)},
        )


def _stop(session: Session, failed: Any) -> None:
    blocked = select(Job.id).where(
        Job.id.in_(_downstream([failed.id])), Job.state == JobState.BLOCKED
    )
    _change(session, session.scalars(blocked).all(), _stopped(failed))


def _stopped(failed: Any) -> dict[str, Any]:
    """The end of what comes after ``failed``: a row with its id, kind, state and error."""
    error = failed.error
    if not isinstance(error, dict) or error.get("code") != STOPPED:
        became = _BECAME.get(failed.state, "is gone")
        error = {
            "code": STOPPED,
            "message": f"it comes after {failed.kind} {failed.id}, which {became}",
            "cure": _cure(failed.id) if failed.state in _UNSUCCESSFUL else "ask for it anew",
            "job": failed.id,
        }
    return {"state": JobState.CANCELLED, "finished_at": utcnow(), "error": error}


def abandon(unit: UnitOfWork, jobs: Select[Any]) -> None:
    """Cancel what is blocked behind jobs that are about to be deleted; ``jobs`` selects ids."""
    session = unit.session
    awaited = (
        select(JobAfter.after_id)
        .join(Job, Job.id == JobAfter.job_id)
        .where(JobAfter.after_id.in_(jobs), Job.state == JobState.BLOCKED)
    )
    found = select(Job.id, Job.kind, Job.state, Job.error).where(Job.id.in_(awaited))
    _lock_all(session, _downstream(awaited))
    for one in session.execute(found.order_by(Job.id)).all():
        _stop(session, one)
    either = JobAfter.after_id.in_(jobs) | JobAfter.job_id.in_(jobs)
    session.execute(delete(JobAfter).where(either).execution_options(synchronize_session=False))


def state_again(unit: UnitOfWork, job: Job) -> JobState:
    """As what a job begins anew.

    Raises ConflictError while one that it comes after has not succeeded and is not tried again.
    """
    if not job.pending:
        return JobState.WAITING
    others = unit.session.execute(
        select(Job.id, Job.state)
        .join(JobAfter, JobAfter.after_id == Job.id)
        .where(JobAfter.job_id == job.id, Job.state != JobState.SUCCEEDED)
        .order_by(Job.id)
    ).all()
    if len(others) < job.pending:
        raise ConflictError(
            f"job {job.id} comes after one that is gone", cure="ask for another one"
        )
    for id_, state in others:
        if state in _UNSUCCESSFUL:
            raise ConflictError(
                f"job {job.id} comes after {id_}, which has not succeeded", cure=_cure(id_)
            )
    return JobState.BLOCKED


def _cure(job_id: str) -> str:
    return f"try that one again, and this goes on behind it: bloop jobs retry {job_id}"


def revive(unit: UnitOfWork, job_id: str) -> None:
    """Block anew what was cancelled for a job that is tried again.

    What also comes after another one that failed stays as it is, until that is tried again.
    """
    session = unit.session
    followers = _lock_all(session, _downstream([job_id]))
    if not followers:
        return
    rows = session.execute(
        select(Job.id, Job.pending, Job.error).where(
            Job.id.in_(followers), Job.state == JobState.CANCELLED
        )
    )
    pending = {row.id: row.pending for row in rows if (row.error or {}).get("code") == STOPPED}
    waits: dict[str, dict[str, str]] = {id_: {} for id_ in pending}
    for id_, other, state in session.execute(
        select(JobAfter.job_id, JobAfter.after_id, Job.state)
        .join(Job, Job.id == JobAfter.after_id)
        .where(JobAfter.job_id.in_(pending), Job.state != JobState.SUCCEEDED)
    ):
        waits[id_][other] = state
    # What comes after a job that is gone can never go on.
    stopped = {id_ for id_, others in waits.items() if len(others) == pending[id_]}
    failed = {
        id_: {other for other, state in waits[id_].items() if state in _UNSUCCESSFUL}
        for id_ in stopped
    }
    revived: set[str] = set()
    while more := {id_ for id_ in stopped - revived if failed[id_] <= revived}:
        revived |= more
    _change(
        session,
        revived,
        {"state": JobState.BLOCKED, "error": None, "finished_at": None},
    )


def _downstream(jobs: Any) -> Select[Any]:
    """The ids of all jobs that come after some, directly or not."""
    first = select(JobAfter.job_id).where(JobAfter.after_id.in_(jobs)).cte(recursive=True)
    more = select(JobAfter.job_id).where(JobAfter.after_id == first.c.job_id)
    return select(first.union(more).c.job_id)


def _lock_all(session: Session, found: Any) -> set[str]:
    """Lock the jobs that a query finds, until it finds no more; their ids.

    Somebody may have put one behind another that was not locked yet.
    """
    held: set[str] = set()
    while more := set(session.scalars(found)) - held:
        _lock(session, sorted(more))
        held |= more
    return held


def _lock(session: Session, ids: Sequence[str]) -> None:
    """Lock jobs, in one order everywhere, so that no two units wait in a circle."""
    session.execute(select(Job.id).where(Job.id.in_(ids)).order_by(Job.id).with_for_update()).all()


def _change(session: Session, ids: Collection[str], values: dict[str, Any]) -> None:
    session.execute(
        update(Job)
        .where(Job.id.in_(ids))
        .values(**values, row_version=Job.row_version + 1)
        .execution_options(synchronize_session=False)
    )
