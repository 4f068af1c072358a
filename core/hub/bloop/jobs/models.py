"""The job ledger: the row is the truth, a runner only carries it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, person
from bloop.store.types import Json, utcnow


class JobState(enum.StrEnum):
    """Where a job stands; what is blocked comes after others, and the last three are its end."""

    BLOCKED = "blocked"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

NORMAL_PRIORITY = 5

_DUE = "state = 'waiting' AND turn IS NOT NULL"
_LATER = "state = 'waiting' AND turn IS NULL"
_RUNNING = "state = 'running'"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Job(Tenant, Base):
    """One piece of work in the background; ``state`` is a :class:`JobState`.

    A runner holds ``lease_until`` and writes only while ``lease_epoch`` is the one it claimed.
    ``actor`` and ``actor_role`` are those of the call that asked for the job, which runs as theirs,
    and ``actor_scopes`` what its token left of them.
    Of the jobs that are due, those of ``priority`` 0 go first, then by ``turn``; what waits for a
    time has no turn yet. What a job with an ``owner_id`` did and said is for that user alone.
    ``pending`` counts the jobs it comes after that have not succeeded,
    ``followed`` says that others come after it (:class:`JobAfter`).
    """

    __tablename__ = "job"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "owner_id"], ["account_user.institution_id", "account_user.id"]
        ),
        UniqueConstraint("institution_id", "idempotency_key"),
        Index("ix_job_due", "kind", "priority", "turn", "id", **_where(_DUE)),
        Index("ix_job_turn", "institution_id", "queue", "priority", "turn", **_where(_DUE)),
        Index("ix_job_later", "run_after", **_where(_LATER)),
        Index("ix_job_running", "lease_until", **_where(_RUNNING)),
        Index("ix_job_institution", "institution_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    owner_id: Mapped[str | None] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(String(80))
    plugin_id: Mapped[str | None] = mapped_column(String(40))
    queue: Mapped[str] = mapped_column(String(40), default="default")
    priority: Mapped[int] = mapped_column(SmallInteger, default=NORMAL_PRIORITY)
    turn: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20), default=JobState.WAITING)
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80), info=person())
    actor_role: Mapped[str] = mapped_column(String(20))
    actor_scopes: Mapped[Any | None] = mapped_column(Json)
    trace: Mapped[str] = mapped_column(String(55))
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    run_after: Mapped[datetime] = mapped_column(default=utcnow)
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    pending: Mapped[int] = mapped_column(default=0)
    followed: Mapped[bool] = mapped_column(default=False)
    progress_done: Mapped[int | None]
    progress_total: Mapped[int | None]
    progress_message: Mapped[str | None] = mapped_column(String(500))
    progress_until: Mapped[datetime | None]
    result: Mapped[Any | None] = mapped_column(Json)
    error: Mapped[Any | None] = mapped_column(Json)
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


# Written out, not as parameters: only so can a database see that a partial index holds these rows.
DUE = (Job.state == literal_column("'waiting'"), Job.turn.is_not(None))
LATER = (Job.state == literal_column("'waiting'"), Job.turn.is_(None))
RUNNING = (Job.state == literal_column("'running'"),)


class JobTurn(Base):
    """About up to which turn the jobs of a queue and priority have been served."""

    __tablename__ = "job_turn"

    queue: Mapped[str] = mapped_column(String(40), primary_key=True)
    priority: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    turn: Mapped[int] = mapped_column(BigInteger)


class JobAfter(Tenant, Base):
    """That one job begins only after another one has succeeded."""

    __tablename__ = "job_after"
    __table_args__ = (Index("ix_job_after_after", "after_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    after_id: Mapped[str] = mapped_column(
        ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
    )


class JobSchedule(Tenant, Base):
    """A job that starts by itself in one institution; ``name`` is the job's kind.

    ``every`` is an interval or a cron line in the time zone ``zone``. ``next_at`` is when it is due
    next, and NULL while it is paused, or its plugin is not used. ``last_due_at`` is the due time
    that started ``last_job_id``, unless somebody started that by hand; ``skipped`` counts the due
    times since then at which that job was still under way.
    """

    __tablename__ = "job_schedule"
    __table_args__ = (Index("ix_job_schedule_next", "next_at", **_where("next_at IS NOT NULL")),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    plugin_id: Mapped[str | None] = mapped_column(String(40))
    queue: Mapped[str] = mapped_column(String(40))
    priority: Mapped[int] = mapped_column(SmallInteger)
    max_attempts: Mapped[int]
    every: Mapped[str] = mapped_column(String(120))
    zone: Mapped[str] = mapped_column(String(64))
    paused: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None]
    last_due_at: Mapped[datetime | None]
    last_job_id: Mapped[str | None] = mapped_column(ID)
    skipped: Mapped[int] = mapped_column(default=0)
    skipped_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
