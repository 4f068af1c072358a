"""What somebody has done: marked by themselves, or by a quiz passed or a video watched."""

from __future__ import annotations

from bloop.content.enrolling.seen import item_seen
from bloop.content.models import Item
from bloop.learning.progress.models import ItemProgress
from bloop.learning.shares import reaches, whole_percent
from bloop.learning.statements.out import tell
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

WRITE = "account:write"
PASSED = 0.6
"""From this share of the points on a quiz is passed; no system tells a mark of its own."""
WATCHED = 0.9
"""From this share on a video counts as seen: few watch the last titles."""


@command(WRITE)
def mark(unit: UnitOfWork, item_id: str, *, done: bool) -> None:
    """Say that a lesson is done, or that it is not; the same again changes nothing."""
    item = item_seen(unit, item_id)
    row = _row(unit, unit.call.principal.id, item)
    if done:
        _done(unit, row, "marked")
    elif row.done_at is not None:
        row.done_at, row.how = None, ""
        unit.session.flush()


@command(WRITE)
def watch(unit: UnitOfWork, item_id: str, watched: float) -> None:
    """Say how much of a lesson's video was seen, from 0 to 1; it never becomes less."""
    if not 0 <= watched <= 1:
        raise InvalidError("watched: a share from 0 to 1", field="watched")
    item = item_seen(unit, item_id)
    row = _row(unit, unit.call.principal.id, item)
    if watched <= row.watched:
        return
    row.watched = watched
    unit.session.flush()
    progress = {"https://w3id.org/xapi/cmi5/result/extensions/progress": whole_percent(watched)}
    tell(unit, row.user_id, "progressed", item.id, at=utcnow(), result={"extensions": progress})
    if reaches(watched, WATCHED):
        _done(unit, row, "video")


def begun(unit: UnitOfWork, user: str, item: Item) -> None:
    """Keep that somebody has begun a lesson."""
    _row(unit, user, item)


def attempted(
    unit: UnitOfWork, user: str, item: Item, score: float, pass_mark: float | None = None
) -> None:
    """Keep that an attempt at a quiz is over; passed, it is done.

    ``pass_mark`` is the quiz's own, from 0 to 1.
    """
    row = _row(unit, user, item)
    if reaches(score, PASSED if pass_mark is None else pass_mark):
        _done(unit, row, "quiz", told=False)


def _row(unit: UnitOfWork, user: str, item: Item) -> ItemProgress:
    make = INSERT[unit.dialect]
    key = (unit.institution, user, item.id)
    unit.session.flush()
    # Held, so that of two tabs at one video the share of the one that saw less does not stay.
    row = unit.session.get(ItemProgress, key, with_for_update=True)
    if row is None:
        values = {
            "institution_id": unit.institution,
            "user_id": user,
            "item_id": item.id,
            "container_id": item.container_id,
            "opened_at": utcnow(),
            "how": "",
            "watched": 0.0,
        }
        unit.connection.execute(make(ItemProgress).values(**values).on_conflict_do_nothing())
        row = unit.session.get_one(ItemProgress, key, with_for_update=True)
    return row


def _done(unit: UnitOfWork, row: ItemProgress, how: str, *, told: bool = True) -> None:
    if row.done_at is not None:
        return
    row.done_at, row.how = utcnow(), how
    unit.session.flush()
    if told:  # Of an attempt it is told already.
        result = {"completion": True}
        tell(unit, row.user_id, "completed", row.item_id, at=row.done_at, result=result)
