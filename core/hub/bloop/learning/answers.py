"""The one way in for answers: each is kept once, told as an event, and heard in the same unit.

Whatever knows that somebody answered something - a quiz taken here, a statement, a submission of
another system - calls :func:`record`. What follows from answers, such as mastery and reviews, adds
itself to :data:`ON_ANSWERED`, and is then committed with them or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete

from bloop.graph.writing import batches
from bloop.learning.models import Answer
from bloop.learning.topics import ANSWERED, TAKEN_BACK
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork

ANSWER: Any = Answer.__table__
AT_ONCE = 200

ON_ANSWERED: list[Callable[[UnitOfWork, str, Sequence[Answer]], None]] = []
"""Called with the unit, the user and the new answers, which are in no session; may write."""

ON_TAKEN_BACK: list[Callable[[UnitOfWork, str], None]] = []
"""Called with the unit and the user, some of whose answers are none any more; may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer as somebody tells of it; the fields are those of :class:`Answer`.

    ``score`` is from 0 to 1, ``seconds`` how long it took. ``at`` is aware.
    """

    item: str
    key: str
    score: float
    at: datetime
    part: str = ""
    source: str = "hub"
    seconds: float | None = None


def record(unit: UnitOfWork, user_id: str, answers: Sequence[Given]) -> list[Answer]:
    """Keep the answers that are new by their keys, and tell of them; these, in the order given.

    One of the future counts as given now, and its event says ``clamped``; older ones than those
    that are known are as welcome as any. Items must be the institution's: the caller sees to it
    that the user and whoever tells may. Raises ValueError for a score out of bounds.
    """
    now = utcnow()
    rows = [_row(unit, user_id, one, now) for one in {one.key: one for one in answers}.values()]
    fresh = _insert(unit, rows)
    made = [Answer(**row) for row in rows if row["id"] in fresh]
    if not made:
        return []
    late = {one.key for one in answers if one.at > now}
    aggregate = f"user:{user_id}"
    unit.outbox.extend(ANSWERED, ((aggregate, _told(one, clamped=one.key in late)) for one in made))
    for listener in ON_ANSWERED:
        listener(unit, user_id, made)
    return made


def take_back(unit: UnitOfWork, user_id: str, keys: Sequence[str]) -> int:
    """Have answers count no more, by their keys, and tell of it; how many there were.

    For whoever told them and says otherwise now. Told again under its key, one is new.
    """
    unit.session.flush()
    gone: list[Any] = []
    for some in batches(sorted(set(keys)), AT_ONCE):
        gone += unit.connection.execute(
            delete(ANSWER)
            .where(
                ANSWER.c.institution_id == unit.institution,
                ANSWER.c.user_id == user_id,
                ANSWER.c.key.in_(some),
            )
            .returning(ANSWER.c.id, ANSWER.c.item_id, ANSWER.c.part)
        )
    if not gone:
        return 0
    told = [{"id": id_, "user": user_id, "item": item, "part": part} for id_, item, part in gone]
    unit.outbox.extend(TAKEN_BACK, ((f"user:{user_id}", one) for one in told))
    for listener in ON_TAKEN_BACK:
        listener(unit, user_id)
    return len(gone)


def _row(unit: UnitOfWork, user_id: str, given: Given, now: datetime) -> dict[str, Any]:
    if not 0 <= given.score <= 1:
        raise ValueError(f"the score of {given.key} is {given.score}, not from 0 to 1")
    return {
        "institution_id": unit.institution,
        "id": new_id(),
        "user_id": user_id,
        "item_id": given.item,
        "part": given.part,
        "key": given.key,
        "score": float(given.score),
        "at": min(given.at.astimezone(UTC), now),
        "stored_at": now,
        "source": given.source,
        "seconds": given.seconds,
    }


def _insert(unit: UnitOfWork, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert those whose keys are new; their ids."""
    unit.session.flush()
    make = INSERT[unit.dialect]
    fresh: set[str] = set()
    rest: Iterator[dict[str, Any]] = iter(rows)
    while some := list(islice(rest, AT_ONCE)):
        inserted = (
            make(ANSWER)
            .values(some)
            .on_conflict_do_nothing(index_elements=["institution_id", "user_id", "key"])
            .returning(ANSWER.c.id)
        )
        fresh.update(unit.connection.scalars(inserted))
    return fresh


def _told(answer: Answer, *, clamped: bool) -> dict[str, Any]:
    return {
        "id": answer.id,
        "user": answer.user_id,
        "item": answer.item_id,
        "part": answer.part,
        "score": answer.score,
        "at": to_text(answer.at),
        "source": answer.source,
        "clamped": clamped,
    }
