"""How far consumers have come: made, held, moved on, and what nobody needs any more.

A consumer whose effect is in the database holds its row while it takes effect: who comes second
finds it locked, or moved on, and does nothing. One whose effect is outside takes a lease, for no
transaction may stay open that long; its writes are fenced by the lease's epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bloop.events.models import EventConsumer
from bloop.events.queries import PASSED, SLOWEST
from bloop.jobs.owners import is_dead
from bloop.store.database import Database
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

ROWS_AT_ONCE = 500

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Lease:
    """That a process delivers for a consumer, for a while."""

    consumer: str
    owner: str
    epoch: int
    position: int


def begin(unit: UnitOfWork, name: str, plugin_id: str, position: int | None) -> None:
    """Make a consumer's row at ``position``; one that is there keeps its own, and is seen.

    Without a position none is made.
    """
    if position is None:
        unit.session.execute(_row(name).values(seen_at=utcnow()))
        return
    add = _INSERT[unit.session.get_bind().dialect.name](EventConsumer).values(
        name=name, plugin_id=plugin_id, position=position
    )
    seen = add.on_conflict_do_update(index_elements=["name"], set_={"seen_at": utcnow()})
    unit.session.execute(seen)


def hold(unit: UnitOfWork, name: str, *, wait: bool = False) -> int | None:
    """Hold a consumer's row until the unit ends, and give its position.

    None where somebody else has it, unless ``wait``, or where there is none.
    """
    found: int | None = unit.session.scalar(
        select(EventConsumer.position)
        .where(EventConsumer.name == name)
        .with_for_update(skip_locked=not wait)
    )
    return found


def move(unit: UnitOfWork, name: str, position: int) -> None:
    """Say how far a consumer has come, whose row this unit holds."""
    unit.session.execute(_row(name).values(position=position))


def claim(
    unit: UnitOfWork, name: str, owner: str, seconds: float, position: int | None = None
) -> Lease | None:
    """Take the lease of a consumer; None while somebody else has it.

    One of this ``owner`` is left from when the database could not be told of its end. With a
    ``position``, None as well where the consumer is not there.
    """
    now = utcnow()
    row = unit.session.execute(
        select(
            EventConsumer.position,
            EventConsumer.lease_owner,
            EventConsumer.lease_epoch,
            EventConsumer.lease_until,
        )
        .where(EventConsumer.name == name)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None or (position is not None and row.position != position):
        return None
    others = row.lease_owner not in {None, owner}
    if others and row.lease_until > now and not is_dead(row.lease_owner):
        return None
    epoch = row.lease_epoch + 1
    until = now + timedelta(seconds=seconds)
    unit.session.execute(_row(name).values(lease_owner=owner, lease_epoch=epoch, lease_until=until))
    return Lease(name, owner, epoch, row.position)


def give_back(unit: UnitOfWork, lease: Lease, position: int) -> bool:
    """End a lease at the position that was reached; False where it was lost meanwhile.

    The row is held from then on.
    """
    ended: Any = unit.session.execute(
        _row(lease.consumer)
        .where(EventConsumer.lease_owner == lease.owner, EventConsumer.lease_epoch == lease.epoch)
        .values(position=position, lease_owner=None, lease_until=None)
    )
    return bool(ended.rowcount)


def _row(name: str) -> Any:
    return (
        update(EventConsumer)
        .where(EventConsumer.name == name)
        .execution_options(synchronize_session=False)
    )


def trim(database: Database, call: Call, keep: timedelta) -> int:
    """Remove events that are older than ``keep`` and that every consumer has passed; how many.

    A consumer that no process has had for as long holds nothing back. What is parked stays, and
    the newest event of each aggregate, by which the next one is numbered.
    """
    before = utcnow() - keep
    ((slowest,),) = database.read_now(SLOWEST, call, seen_after=before)
    upto = 2**62 if slowest is None else slowest
    removed = 0
    while rows := database.read_now(PASSED, call, upto=upto, before=before, limit=ROWS_AT_ONCE):
        with database.unit(call) as unit:
            unit.session.execute(
                delete(OutboxEvent).where(OutboxEvent.seq.in_([r[0] for r in rows]))
            )
        removed += len(rows)
    return removed
