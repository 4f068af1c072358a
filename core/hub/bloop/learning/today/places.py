"""Where somebody was last in each course: written behind the pages (:mod:`bloop.learning.behind`).

A lesson that is opened again is no new row, and one that is told late moves nobody back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from bloop.content.enrolling.seen import item_seen
from bloop.content.models import Item
from bloop.learning.quizzes.service import user_of
from bloop.learning.today.models import LastOpened
from bloop.store.commands import command
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

WHAT = "lessons that were opened"
_KEY = ("institution_id", "user_id", "container_id")
_TABLE: Any = LastOpened.__table__


@command("account:write")
def note_place(unit: UnitOfWork, item_id: str) -> None:
    """Say that the caller opened a lesson now; raises NotFoundError for what they may not see."""
    item = item_seen(unit, item_id)
    write(unit, [row_of(unit.institution, user_of(unit), item.id, item.container_id)])


def row_of(institution: str, user: str, item: str, container: str) -> dict[str, Any]:
    """What :func:`write` takes: that somebody opened a lesson of a course now."""
    return {
        "institution_id": institution,
        "user_id": user,
        "container_id": container,
        "item_id": item,
        "opened_at": utcnow(),
    }


def write(unit: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the last place of each person in each course, where it is later than what is kept.

    A lesson that was deleted meanwhile is left out.
    """
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: one["opened_at"]):
        latest[row["user_id"], row["container_id"]] = row
    unit.session.flush()
    # Held, so that none of them is deleted before the commit.
    there = set(
        unit.session.scalars(
            select(Item.id)
            .where(
                Item.institution_id == unit.institution,
                Item.id.in_({row["item_id"] for row in latest.values()}),
            )
            .with_for_update(read=True, key_share=True)
        )
    )
    if kept := [row for row in latest.values() if row["item_id"] in there]:
        make = INSERT[unit.dialect]
        new: Any = make(_TABLE).values(kept)
        unit.connection.execute(
            new.on_conflict_do_update(
                index_elements=_KEY,
                set_={"item_id": new.excluded.item_id, "opened_at": new.excluded.opened_at},
                where=new.excluded.opened_at >= _TABLE.c.opened_at,
            )
        )
