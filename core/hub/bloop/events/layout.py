"""Cutting a consumer's log into another number of partitions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select, update

from bloop.events.models import EventConsumer, ParkedEvent
from bloop.events.positions import is_leased
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import BUCKETS, OutboxEvent, bucket_of
from bloop.store.unit import UnitOfWork

CURE = (
    "let the consumer catch up; where this does not help, stop the hub's processes, "
    "which has them write how far they have come, then do it"
)


def repartition(unit: UnitOfWork, name: str, partitions: int) -> int:
    """Have a consumer read its log in so many partitions; gives how many they were.

    ``unit`` is one for every institution. That is possible where all its partitions stand at one
    place of the log, so that no event is left out or taken twice: with all of their rows held,
    and nobody delivering. A hub that runs goes on with the new ones. Raises ConflictError where it
    is not possible now, NotFoundError for a consumer that was never seen.
    """
    if not 1 <= partitions <= BUCKETS:
        raise InvalidError(f"{partitions} partitions: from 1 to {BUCKETS} are possible")
    rows = _held(unit, name)
    was, upto = len(rows), max(row.position for row in rows)
    if busy := sorted(row.partition for row in rows if is_leased(row.lease_owner, row.lease_until)):
        raise ConflictError(f"{name} delivers events of partition {busy[0]} now", cure=CURE)
    if between := sum(_between(unit, row, upto) for row in rows):
        raise ConflictError(
            f"the partitions of {name} are not equally far: {between} events lie between",
            cure=CURE,
        )
    made: dict[str, Any] = {
        "position": upto,
        "partitions": partitions,
        # Late writes of whoever had a lease, here or in a partition that is no more, are refused.
        "lease_epoch": max(row.lease_epoch for row in rows) + 1,
        "lease_owner": None,
        "lease_until": None,
    }
    mine = EventConsumer.name == name
    unit.session.execute(_change().where(mine).values(made))
    first = rows[0]
    known = {"name": name, "plugin_id": first.plugin_id, "created_at": first.created_at}
    known |= {"seen_at": first.seen_at, "taken_by": None}
    for number in range(was, partitions):
        unit.session.execute(insert(EventConsumer).values(**known, **made, partition=number))
    _move_parked(unit, name, partitions)
    gone = delete(EventConsumer).where(mine, EventConsumer.partition >= partitions)
    unit.session.execute(gone.execution_options(synchronize_session=False))
    told = {"partitions": partitions, "before": was}
    unit.audit.append("events:repartition", f"consumer:{name}", told)
    return was


def _held(unit: UnitOfWork, name: str) -> list[Any]:
    rows = unit.session.execute(
        select(EventConsumer.__table__)
        .where(EventConsumer.name == name)
        .order_by(EventConsumer.partition)
        .with_for_update()
    ).all()
    if not rows:
        raise NotFoundError(f"no consumer {name}; `bloop topology` lists them")
    return list(rows)


def _between(unit: UnitOfWork, row: Any, upto: int) -> int:
    """How many events of a partition it has not looked at that others may have passed."""
    return (
        unit.session.scalar(
            select(func.count())
            .select_from(OutboxEvent)
            .where(
                OutboxEvent.seq > row.position,
                OutboxEvent.seq <= upto,
                OutboxEvent.bucket % row.partitions == row.partition,
            )
        )
        or 0
    )


def _move_parked(unit: UnitOfWork, name: str, partitions: int) -> None:
    aggregates = unit.session.execute(
        select(ParkedEvent.institution_id, ParkedEvent.aggregate)
        .where(ParkedEvent.consumer == name)
        .distinct()
    ).all()
    for institution, aggregate in aggregates:
        unit.session.execute(
            update(ParkedEvent)
            .where(
                ParkedEvent.consumer == name,
                ParkedEvent.institution_id == institution,
                ParkedEvent.aggregate == aggregate,
            )
            .values(partition=bucket_of(institution, aggregate) % partitions)
            .execution_options(synchronize_session=False)
        )


def _change() -> Any:
    return update(EventConsumer).execution_options(synchronize_session=False)
