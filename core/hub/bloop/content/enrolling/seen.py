"""What somebody may see, asked within a unit of work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bloop.accounts.actions import may
from bloop.content.enrolling.visibility import container_reachable, item_visible, with_container
from bloop.content.models import Container, Item
from bloop.store.errors import NotFoundError
from bloop.store.statements import values_of_caller
from bloop.store.unit import UnitOfWork

_item: Any = Item


def item_seen(unit: UnitOfWork, id_: str) -> Item:
    """An item that the caller may see; raises NotFoundError for any other."""
    query = (
        select(_item)
        .join(Container, with_container)
        .where(
            Item.institution_id == unit.institution,
            Container.institution_id == unit.institution,
            Item.id == id_,
            Item.state != "trashed",
            container_reachable,
        )
    )
    if not may(unit.call, "content:write"):
        query = query.where(item_visible)
    values = {"institution": unit.institution, **values_of_caller(unit.call)}
    row: Item | None = unit.session.scalar(query, values)
    if row is None:
        raise NotFoundError(f"no lesson {id_[:40]}", cure="it may have been moved or unpublished")
    return row
