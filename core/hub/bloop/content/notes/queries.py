"""Registered reads of notes: what waits to be sent, what clashed, and what can be written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import aliased

from bloop.content.models import Container, Item
from bloop.content.notes.models import Clash, Unsent
from bloop.kernel.models import Connection
from bloop.store.statements import institution, register

_UNSENT: tuple[Any, ...] = (
    Unsent.id,
    Unsent.connection_id.label("connection"),
    Connection.name.label("system"),
    Unsent.container_id.label("container"),
    Unsent.item_id.label("item"),
    Item.title,
    Unsent.op,
    Unsent.state,
    Unsent.code,
    Unsent.reason,
    Unsent.cure,
    Unsent.actor,
    Unsent.created_at,
    Unsent.updated_at,
)


def _unsent(*conditions: Any) -> Any:
    return (
        select(*_UNSENT)
        .join(Item, (Item.institution_id == Unsent.institution_id) & (Item.id == Unsent.item_id))
        .join(Connection, Connection.id == Unsent.connection_id)
        .where(
            Unsent.institution_id == institution,
            Connection.institution_id == institution,
            *conditions,
        )
        .order_by(Unsent.id)
    )


UNSENT = register(
    "content.unsent",
    _unsent(Unsent.id > bindparam("after")).limit(bindparam("limit")),
    heavy=True,
)
"""What waits to be sent, the oldest first."""

UNSENT_OF_ITEM = register(
    "content.unsent_of_item", _unsent(Unsent.item_id == bindparam("id")).limit(10), heavy=True
)
"""What waits of one note."""

_Copy = aliased(Item, name="copied")
_CLASH: tuple[Any, ...] = (
    Clash.id,
    Clash.connection_id.label("connection"),
    Connection.name.label("system"),
    Clash.container_id.label("container"),
    Clash.item_id.label("item"),
    Clash.copy_id.label("copy"),
    Clash.how,
    Clash.title,
    Item.title.label("their_title"),
    Item.data.label("theirs"),
    Item.html.label("their_html"),
    _Copy.data.label("mine"),
    _Copy.html.label("my_html"),
    Clash.actor,
    Clash.settled,
    Clash.created_at,
)


def _clashes(*conditions: Any) -> Any:
    return (
        select(*_CLASH)
        .join(Item, (Item.institution_id == Clash.institution_id) & (Item.id == Clash.item_id))
        .join(Connection, Connection.id == Clash.connection_id)
        .outerjoin(
            _Copy, (_Copy.institution_id == Clash.institution_id) & (_Copy.id == Clash.copy_id)
        )
        .where(
            Clash.institution_id == institution,
            Connection.institution_id == institution,
            *conditions,
        )
        .order_by(Clash.id)
    )


CLASHES = register(
    "content.note_clashes",
    _clashes(Clash.settled.is_(None), Clash.id > bindparam("after")).limit(bindparam("limit")),
    heavy=True,
)
"""Clashes that nobody has decided, the oldest first."""

CLASHES_OF_ITEM = register(
    "content.note_clashes_of_item",
    _clashes(
        Clash.settled.is_(None),
        (Clash.item_id == bindparam("id")) | (Clash.copy_id == bindparam("id")),
    ).limit(10),
    heavy=True,
)
"""Those of one note, or of a copy of it."""

CLASH = register("content.note_clash", _clashes(Clash.id == bindparam("id")), heavy=True)
"""One of them."""

WRITES = register(
    "content.note_writes",
    select(Connection.id, Connection.name, Connection.writes, Connection.state)
    .join(Container, Container.connection_id == Connection.id)
    .where(
        Connection.institution_id == institution,
        Container.institution_id == institution,
        Container.id == bindparam("container"),
        func.coalesce(Connection.settings["file"].as_string(), "") == "",
    ),
    heavy=True,
)
"""What the live connection of a notebook can be told; no row for one of nobody."""

TITLED = register(
    "content.note_titled",
    select(Item.id, Item.kind, Item.remote_id)
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        Item.kind == "note",
        func.lower(Item.title) == func.lower(bindparam("title")),
        Item.state == "active",
    )
    .order_by(Item.id)
    .limit(1),
    heavy=True,
)
"""The note of a notebook with a title."""
