"""How far consumers have come: made, held, moved on, and what nobody needs any more.

A consumer whose effect is in the database holds a partition's row while it takes effect: who comes
second finds it locked, or moved on, and does nothing. One whose effect is outside takes a lease,
for no transaction may stay open that long; its writes are fenced by the lease's epoch. Both do
nothing where the consumer has been cut into another number of partitions meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update

from bloop.events.models import EventConsumer, ParkedEvent
from bloop.events.queries import PASSED, SLOWEST
from bloop.jobs.owners import is_dead
from bloop.store.database import Database
from bloop.store.inserting import INSERT
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

ROWS_AT_ONCE = 500


# For each batch of events, and of no institution: past the session, which would look at them twice.
_consumer: Any = EventConsumer.__table__
_parked: Any = ParkedEvent.__table__
_MINE = (
    _consumer.c.name == bindparam("consumer"),
    _consumer.c.partition == bindparam("number"),
    _consumer.c.partitions == bindparam("of"),
)
_WAIT = select(
    _consumer.c.position,
    exists()
    .where(_parked.c.consumer == _consumer.c.name, _parked.c.partition == _consumer.c.partition)
    .label("has_parked"),
).where(*_MINE)
_WAIT = _WAIT.with_for_update(of=_consumer)
_HOLD = _WAIT.with_for_update(of=_consumer, skip_locked=True)
_MOVE = update(_consumer).where(*_MINE).values(position=bindparam("to"), taken_by=bindparam("by"))


@dataclass(frozen=True, slots=True)
class Partition:
    """Part ``number``, from 0, of the ``of`` parts in which a consumer reads the log."""

    consumer: str
    number: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class Lease:
    """That a process delivers the events of a partition, for a while."""

    partition: Partition
    owner: str
    epoch: int
    position: int


def begin(
    unit: UnitOfWork, name: str, plugin_id: str, position: int | None, partitions: int = 1
) -> None:
    """Make a consumer's rows at ``position``; where they are there, they stay and are seen.

    Without a position none are made.
    """
    if position is not None:
        insert = INSERT[unit.dialect]
        row: dict[str, Any] = {"name": name, "plugin_id": plugin_id, "partitions": partitions}
        row["position"] = position
        # Who makes the first makes them all: another process may want another number of them.
        first = insert(EventConsumer).values(partition=0, **row).on_conflict_do_nothing()
        if unit.session.execute(first.returning(EventConsumer.partition)).one_or_none():
            for number in range(1, partitions):
                unit.session.execute(insert(EventConsumer).values(partition=number, **row))
            return
    seen = update(EventConsumer).where(EventConsumer.name == name).values(seen_at=utcnow())
    unit.session.execute(seen.execution_options(synchronize_session=False))


def hold(unit: UnitOfWork, partition: Partition, *, wait: bool = False) -> int | None:
    """Hold a partition's row until the unit ends, and give its position.

    None where somebody else has it, unless ``wait``, or where there is none.
    """
    connection = unit.connection
    row = connection.execute(_WAIT if wait else _HOLD, _named(partition)).one_or_none()
    return None if row is None else row.position


def hold_at(unit: UnitOfWork, partition: Partition, position: int) -> bool | None:
    """Hold a partition's row at a position, and tell whether any of its events are parked.

    None where somebody else has it, or has moved it on.
    """
    row = unit.connection.execute(_HOLD, _named(partition)).one_or_none()
    return None if row is None or row.position != position else bool(row.has_parked)


def move(unit: UnitOfWork, partition: Partition, position: int, owner: str) -> None:
    """Say how far a partition has come, whose row this unit holds, and who brought it there."""
    moved = {"to": position, "by": owner}
    unit.connection.execute(_MOVE, _named(partition) | moved)


def claim(
    unit: UnitOfWork, partition: Partition, owner: str, seconds: float, position: int | None = None
) -> Lease | None:
    """Take the lease of a partition; None while somebody else has it.

    One of this ``owner`` is left from when the database could not be told of its end. With a
    ``position``, None as well where the partition is not there.
    """
    now = utcnow()
    row = unit.session.execute(
        select(
            EventConsumer.position,
            EventConsumer.lease_owner,
            EventConsumer.lease_epoch,
            EventConsumer.lease_until,
        )
        .where(*_is(partition))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None or (position is not None and row.position != position):
        return None
    if row.lease_owner != owner and is_leased(row.lease_owner, row.lease_until):
        return None
    epoch = row.lease_epoch + 1
    until = now + timedelta(seconds=seconds)
    unit.session.execute(
        _row(partition).values(lease_owner=owner, lease_epoch=epoch, lease_until=until)
    )
    return Lease(partition, owner, epoch, row.position)


def is_leased(owner: str | None, until: Any) -> bool:
    """Whether somebody who may live has a lease."""
    return owner is not None and until > utcnow() and not is_dead(owner)


def give_back(unit: UnitOfWork, lease: Lease, position: int) -> bool:
    """End a lease at the position that was reached; False where it was lost meanwhile.

    The row is held from then on.
    """
    ended: Any = unit.session.execute(
        _row(lease.partition)
        .where(EventConsumer.lease_owner == lease.owner, EventConsumer.lease_epoch == lease.epoch)
        .values(position=position, taken_by=lease.owner, lease_owner=None, lease_until=None)
    )
    return bool(ended.rowcount)


def _named(partition: Partition) -> dict[str, Any]:
    return {"consumer": partition.consumer, "number": partition.number, "of": partition.of}


def _is(partition: Partition) -> tuple[Any, ...]:
    return (
        EventConsumer.name == partition.consumer,
        EventConsumer.partition == partition.number,
        EventConsumer.partitions == partition.of,
    )


def _row(partition: Partition) -> Any:
    change = update(EventConsumer).where(*_is(partition))
    return change.execution_options(synchronize_session=False)


def trim(database: Database, call: Call, keep: timedelta) -> int:
    """Remove events that are older than ``keep`` and that every consumer has passed; how many.

    A consumer that no process has had for as long holds nothing back. What is parked stays, and
    the newest event of each aggregate, by which the next one is numbered.
    """
    before = utcnow() - keep
    ((slowest,),) = database.read_now(SLOWEST, call, seen_after=before)
    upto = 2**62 if slowest is None else slowest
    removed = after = 0
    # On from the last one removed: what stays would be read again for each few that go.
    while rows := database.read_now(
        PASSED, call, after=after, upto=upto, before=before, limit=ROWS_AT_ONCE
    ):
        with database.unit(call) as unit:
            unit.session.execute(
                delete(OutboxEvent).where(OutboxEvent.seq.in_([r[0] for r in rows]))
            )
        removed, after = removed + len(rows), rows[-1][0]
    return removed
