"""Events that a consumer could not take: tried again with growing pauses, then parked.

They stand beside the log, so that its position goes on; later events of their aggregate are put
behind them. Every function here is called in a unit that holds the partition's row, or takes it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from bloop.events.models import EventConsumer, Parked, ParkedEvent
from bloop.events.positions import Partition
from bloop.events.queries import PARKED
from bloop.events.reader import Logged
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork

LONGEST_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an event is tried, and the pause after the first try, in seconds."""

    tries: int = 8
    pause: float = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event was not taken; it is not tried again for ``retry_after`` seconds."""

    reason: str
    retry_after: float = 0.0


def subjects_held(
    unit: UnitOfWork, consumer: str, events: Iterable[Logged]
) -> set[tuple[str, str]]:
    """Those aggregates of some events of which earlier ones wait."""
    aggregates = {logged.event.aggregate for logged in events}
    rows = unit.session.execute(
        select(ParkedEvent.institution_id, ParkedEvent.aggregate)
        .where(ParkedEvent.consumer == consumer, ParkedEvent.aggregate.in_(aggregates))
        .distinct()
    )
    return {(institution, aggregate) for institution, aggregate in rows}


def park(
    unit: UnitOfWork,
    partition: Partition,
    logged: Logged,
    failure: Failure | None,
    patience: Patience,
) -> Parked:
    """Put an event aside: to be tried again after a ``failure``, or without one behind others."""
    values: dict[str, Any] = {"state": Parked.BEHIND}
    if failure is not None:
        values = _after(failure, 1, patience)
    event = logged.event
    unit.session.add(
        ParkedEvent(
            institution_id=event.institution,
            consumer=partition.consumer,
            partition=partition.number,
            seq=logged.seq,
            event_id=event.id,
            topic=event.topic,
            aggregate=event.aggregate,
            **values,
        )
    )
    unit.session.flush()
    state: Parked = values["state"]
    return state


def failed_again(
    unit: UnitOfWork, parked_id: str, tries: int, failure: Failure, patience: Patience
) -> Parked | None:
    """Note one more failure; gives what has become of the event, None where it was skipped."""
    values = _after(failure, tries + 1, patience)
    changed: Any = unit.session.execute(
        update(ParkedEvent)
        .where(ParkedEvent.id == parked_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return values["state"] if changed.rowcount else None


def is_retrying(unit: UnitOfWork, parked_id: str) -> bool:
    """Whether an event still is to be tried again: nobody has taken or skipped it meanwhile."""
    state = unit.session.scalar(select(ParkedEvent.state).where(ParkedEvent.id == parked_id))
    return state == Parked.RETRYING


def release(unit: UnitOfWork, consumer: str, parked_id: str) -> None:
    """Forget a parked event, and let the next one of its aggregate be tried."""
    row = unit.session.execute(
        delete(ParkedEvent)
        .where(ParkedEvent.id == parked_id)
        .returning(ParkedEvent.institution_id, ParkedEvent.aggregate)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return
    following = (
        select(ParkedEvent.id)
        .where(
            ParkedEvent.consumer == consumer,
            ParkedEvent.institution_id == row.institution_id,
            ParkedEvent.aggregate == row.aggregate,
        )
        .order_by(ParkedEvent.seq)
        .limit(1)
    )
    if (id_ := unit.session.scalar(following)) is not None:
        unit.session.execute(
            update(ParkedEvent)
            .where(ParkedEvent.id == id_, ParkedEvent.state == Parked.BEHIND)
            .values(state=Parked.RETRYING, retry_at=utcnow())
            .execution_options(synchronize_session=False)
        )


@command("events:replay")
def replay(unit: UnitOfWork, parked_id: str) -> dict[str, Any]:
    """Have an event tried again at once, with all its tries; those behind it follow.

    Gives the columns of PARKED. Raises NotFoundError, and ConflictError for one that waits behind
    another.
    """
    parked = _mine(unit, parked_id)
    if parked.state == Parked.BEHIND:
        first = unit.session.scalar(
            select(ParkedEvent.id)
            .where(
                ParkedEvent.consumer == parked.consumer, ParkedEvent.aggregate == parked.aggregate
            )
            .order_by(ParkedEvent.seq)
            .limit(1)
        )
        raise ConflictError(
            f"parked event {parked_id} waits behind {first}, an earlier one of {parked.aggregate}",
            cure=f"replay or skip {first}; the others follow by themselves",
        )
    parked.state, parked.retry_at, parked.tries = Parked.RETRYING, utcnow(), 0
    unit.audit.append("events:replay", f"parked_event:{parked_id}", _audited(parked))
    return _shown(parked)


@command("events:replay")
def replay_all(unit: UnitOfWork, consumer: str) -> int:
    """Have all of a consumer's events tried again that wait behind no other; gives how many.

    Raises NotFoundError where there are none.
    """
    held = select(EventConsumer.position).where(EventConsumer.name == consumer)
    unit.session.execute(held.order_by(EventConsumer.partition).with_for_update())
    found: Any = unit.session.execute(
        update(ParkedEvent)
        .where(
            ParkedEvent.institution_id == unit.institution,
            ParkedEvent.consumer == consumer,
            ParkedEvent.state != Parked.BEHIND,
        )
        .values(state=Parked.RETRYING, retry_at=utcnow(), tries=0)
        .execution_options(synchronize_session=False)
    )
    number: int = found.rowcount
    if not number:
        raise NotFoundError(f"no event of consumer {consumer[:120]!r} is parked")
    unit.audit.append("events:replay", f"consumer:{consumer}", {"events": number})
    return number


@command("events:replay")
def skip(unit: UnitOfWork, parked_id: str) -> dict[str, Any]:
    """Give an event up for its consumer, which never takes it; those behind it follow.

    Gives what PARKED had of it. Raises NotFoundError.
    """
    parked = _mine(unit, parked_id)
    shown = _shown(parked)
    unit.audit.append("events:skip", f"parked_event:{parked_id}", _audited(parked))
    release(unit, parked.consumer, parked_id)
    return shown


def _mine(unit: UnitOfWork, parked_id: str) -> ParkedEvent:
    """The row, in a unit that holds its partition's."""
    parked, held = unit.get(ParkedEvent, parked_id), None
    while parked.partition != held:
        held = parked.partition
        unit.session.execute(
            select(EventConsumer.position)
            .where(EventConsumer.name == parked.consumer, EventConsumer.partition == held)
            .with_for_update()
        )
        # While it waited, the event may have been taken, or come to another partition.
        unit.session.expire_all()
        parked = unit.get(ParkedEvent, parked_id)
    return parked


def _shown(parked: ParkedEvent) -> dict[str, Any]:
    found = {name: getattr(parked, name) for name in PARKED.columns}
    return {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in found.items()
    }


def _audited(parked: ParkedEvent) -> dict[str, str]:
    return {"consumer": parked.consumer, "event": parked.event_id, "aggregate": parked.aggregate}


def _after(failure: Failure, tries: int, patience: Patience) -> dict[str, Any]:
    """What a row says after a failure at its try number ``tries``."""
    values: dict[str, Any] = {"tries": tries, "reason": failure.reason[:2000]}
    if tries >= patience.tries:
        return values | {"state": Parked.PARKED, "retry_at": None}
    pause = max(_pause(tries, patience), failure.retry_after)
    return values | {
        "state": Parked.RETRYING,
        "retry_at": utcnow() + timedelta(seconds=pause),
    }


def _pause(tries: int, patience: Patience) -> float:
    """Twice as long each time, spread so that none meet."""
    longest = min(patience.pause * 2.0 ** min(tries - 1, 64), LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 # nosec B311 - spread, no secret
