"""The log of lists that were shown (:mod:`bloop.learning.behind`).

It is for comparing rankers, and no record of what somebody did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, update

from bloop.learning.recommend.models import Recommendation
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork


def write(unit: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the places of lists."""
    unit.connection.execute(insert(Recommendation), list(rows))


@command("account:write")
def note_opened(unit: UnitOfWork, list_id: str, item: str) -> None:
    """Say that whoever asks opened an item of a list; raises NotFoundError for another's."""
    own = (
        Recommendation.institution_id == unit.institution,
        Recommendation.list_id == list_id,
        Recommendation.item_id == item,
        Recommendation.user_id == unit.call.principal.id,
    )
    table: Any = Recommendation.__table__
    found = unit.connection.execute(
        update(table).where(*own).values(opened_at=func.coalesce(table.c.opened_at, utcnow()))
    )
    if not found.rowcount:
        raise NotFoundError(f"no recommendation {list_id[:40]} of {item[:40]}")
