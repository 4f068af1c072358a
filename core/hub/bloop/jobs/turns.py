"""Whose job is next: fair among institutions, in time that does not grow with what waits.

Start-time fair queueing (Goyal, Vin, Cheng 1996), a queue and priority at a time. A job gets its
*turn* as it becomes due: one behind its institution's last one, and never before the turn that is
being served. Whoever asks for 10,000 jobs gets 10,000 turns; who then asks for one gets the next.
A claim reads the lowest turns off an index. What is not due has no turn and is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text, union_all, update

from bloop.jobs.models import DUE, LATER, Job, JobTurn
from bloop.store.inserting import INSERT
from bloop.store.unit import UnitOfWork

GREATEST: dict[str, Any] = {"sqlite": func.max, "postgresql": func.greatest}

PROMOTED_AT_ONCE = 200
MORE_CANDIDATES = 32
"""So many more are looked at than wanted: others may be claiming the first of them just now."""
STRIDE = 16
"""The turn that is served is written after so many: often enough, and claims rarely meet there."""


def next_turn(unit: UnitOfWork, queue: str, priority: int) -> ColumnElement[int]:
    """The turn of a job that the unit's institution asks for now, as an SQL expression."""
    return next_turn_of(unit.dialect, unit.institution, queue, priority)


def next_turn_of(dialect: str, institution: Any, queue: Any, priority: Any) -> ColumnElement[int]:
    """The same; whose turn it is may be parameters."""
    last = (
        select(func.max(Job.turn))
        .where(
            Job.institution_id == institution,
            Job.queue == queue,
            Job.priority == priority,
            *DUE,
        )
        .scalar_subquery()
    )
    turn: ColumnElement[int] = GREATEST[dialect](
        func.coalesce(last + 1, 0), func.coalesce(served(queue, priority), 0)
    )
    return turn


def served(queue: Any, priority: Any) -> ColumnElement[int]:
    """About the turn that is being served, as an SQL expression; NULL at the beginning."""
    turn: ColumnElement[int] = (
        select(JobTurn.turn)
        .where(JobTurn.queue == queue, JobTurn.priority == priority)
        .scalar_subquery()
    )
    return turn


def by_index(unit: UnitOfWork) -> None:
    """Have PostgreSQL read the first turns off the index until the unit ends.

    It takes row-level security to leave next to nothing, so that it would rather collect and sort
    all jobs of a kind.
    """
    if unit.dialect == "postgresql":
        unit.session.execute(text("SELECT set_config('enable_bitmapscan', 'off', true)"))


def candidates(kinds: Collection[str], queues: Collection[str], limit: int) -> Any:
    """The ids of the first ``limit`` jobs of some kinds; no ``queues`` means all of them."""
    own = [Job.queue.in_(queues)] if queues else []
    first = [
        select(Job.id, Job.priority, Job.turn)
        .where(*DUE, Job.kind == kind, *own)
        .order_by(Job.priority, Job.turn, Job.id)
        .limit(limit)
        .subquery()
        for kind in sorted(kinds)
    ]
    every = union_all(*(select(one) for one in first)).subquery()
    return select(every.c.id).order_by(every.c.priority, every.c.turn, every.c.id).limit(limit)


def advance(unit: UnitOfWork, claimed: Iterable[Job]) -> None:
    """Note up to which turn has been served, once it is worth a write."""
    reached: dict[tuple[str, int], int] = {}
    for job in claimed:
        key, turn = (job.queue, job.priority), job.turn or 0
        reached[key] = max(turn, reached.get(key, 0))
    if not any(reached.values()):
        return
    known = {
        (row.queue, row.priority): row.turn
        for row in unit.session.execute(select(JobTurn.queue, JobTurn.priority, JobTurn.turn))
    }
    insert = INSERT[unit.dialect]
    # In one order everywhere, so that no two claims wait for each other in a circle.
    for (queue, priority), turn in sorted(reached.items()):
        if turn - known.get((queue, priority), 0) >= STRIDE:
            row = insert(JobTurn).values(queue=queue, priority=priority, turn=turn)
            unit.session.execute(
                row.on_conflict_do_update(
                    index_elements=["queue", "priority"],
                    set_={"turn": turn},
                    where=JobTurn.turn < turn,
                )
            )


def promote(unit: UnitOfWork, now: datetime) -> int:
    """Give turns to jobs that have become due; how many.

    One that has been tried already had waited for its turn then, and need not do so again.
    """
    due = (
        select(Job.id, Job.institution_id, Job.queue, Job.priority, Job.attempts)
        .where(*LATER, Job.run_after <= now)
        .order_by(Job.run_after)
        .limit(PROMOTED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = unit.session.execute(due).all()
    turns: dict[tuple[str, str, int], int] = {}
    given = []
    for id_, institution, queue, priority, attempts in rows:
        now_served = unit.session.scalar(select(func.coalesce(served(queue, priority), 0))) or 0
        turn = now_served
        if not attempts:
            lane = (institution, queue, priority)
            last = turns[lane] if lane in turns else _last(unit, *lane)
            turn = turns[lane] = max(now_served, last + 1)
        given.append({"of": id_, "turn": turn})
    if given:
        job: Any = Job.__table__
        unit.connection.execute(
            update(job).where(job.c.id == bindparam("of")).values(turn=bindparam("turn")), given
        )
    return len(given)


def _last(unit: UnitOfWork, institution: str, queue: str, priority: int) -> int:
    own = (Job.institution_id == institution, Job.queue == queue, Job.priority == priority)
    last: int | None = unit.session.scalar(select(func.max(Job.turn)).where(*own, *DUE))
    return -1 if last is None else last
