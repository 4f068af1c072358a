"""Registered reads of pages alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select

from bloop.content.models import Item, Node
from bloop.store.statements import Statement, institution, register

MOST = 500

_placed = exists(
    select(Node.id).where(
        Node.institution_id == institution,
        Node.container_id == Item.container_id,
        Node.item_id == Item.id,
    )
)


def _unplaced(name: str, *conditions: ColumnElement[bool]) -> Statement:
    columns: Any = (Item.id, Item.kind, Item.title, Item.published, Item.state)
    return register(
        name,
        select(*columns)
        .where(
            Item.institution_id == institution,
            Item.container_id == bindparam("container"),
            Item.kind != "file",
            Item.data["bank"].as_boolean().is_not(True),
            ~_placed,
            *conditions,
        )
        .order_by(Item.kind, Item.id)
        .limit(MOST),
        heavy=True,
    )


UNPLACED = _unplaced("web.unplaced", Item.state != "trashed")
"""What a course holds and its outline does not show, files and question banks aside."""

UNPLACED_SHOWN = _unplaced(
    "web.unplaced_shown",
    Item.state == "active",
    Item.published.is_(True),
    Item.concealed.is_(False),
)
"""The same for learners, in a container that they may see."""
