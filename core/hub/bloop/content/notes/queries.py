"""Registered reads of notes: what waits to be sent, conflicts, and what can be written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import aliased

from bloop.content.enrolling.visibility import (
    connection_reachable,
    container_reachable,
    inside_own,
    inside_reachable,
    teaches,
)
from bloop.content.models import Container, Item, Version
from bloop.content.notes.models import Conflict, Unsent
from bloop.content.sync_models import SyncRun
from bloop.kernel.models import Connection
from bloop.store.statements import institution, register


def _of_note(table: Any, *conditions: Any) -> Any:
    return exists(select(table.id).where(table.institution_id == institution, *conditions))


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
            inside_reachable(Unsent.container_id),
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

OWN_UNSENT = register(
    "content.own_unsent",
    _unsent(inside_own(Unsent.container_id), Unsent.id > bindparam("after")).limit(
        bindparam("limit")
    ),
    heavy=True,
)
"""The same of the caller's own notebooks."""

UNSENT_OF_ITEM = register(
    "content.unsent_of_item", _unsent(Unsent.item_id == bindparam("id")).limit(10), heavy=True
)
"""What waits of one note."""

_Copy = aliased(Item, name="copied")
_CONFLICT: tuple[Any, ...] = (
    Conflict.id,
    Conflict.connection_id.label("connection"),
    Connection.name.label("system"),
    Conflict.container_id.label("container"),
    Conflict.item_id.label("item"),
    Conflict.copy_id.label("copy"),
    Conflict.how,
    Conflict.title,
    Item.title.label("their_title"),
    Item.data.label("theirs"),
    Item.html.label("their_html"),
    _Copy.data.label("mine"),
    _Copy.html.label("my_html"),
    Conflict.actor,
    Conflict.settled,
    Conflict.created_at,
)


def _conflicts(*conditions: Any) -> Any:
    return (
        select(*_CONFLICT)
        .join(
            Item, (Item.institution_id == Conflict.institution_id) & (Item.id == Conflict.item_id)
        )
        .join(Connection, Connection.id == Conflict.connection_id)
        .outerjoin(
            _Copy,
            (_Copy.institution_id == Conflict.institution_id) & (_Copy.id == Conflict.copy_id),
        )
        .where(
            Conflict.institution_id == institution,
            Connection.institution_id == institution,
            inside_reachable(Conflict.container_id),
            *conditions,
        )
        .order_by(Conflict.id)
    )


CONFLICTS = register(
    "content.note_conflicts",
    _conflicts(Conflict.settled.is_(None), Conflict.id > bindparam("after")).limit(
        bindparam("limit")
    ),
    heavy=True,
)
"""Conflicts that nobody has decided, the oldest first."""

OWN_CONFLICTS = register(
    "content.own_note_conflicts",
    _conflicts(
        inside_own(Conflict.container_id),
        Conflict.settled.is_(None),
        Conflict.id > bindparam("after"),
    ).limit(bindparam("limit")),
    heavy=True,
)
"""Those in the caller's own notebooks."""

CONFLICTS_OF_ITEM = register(
    "content.note_conflicts_of_item",
    _conflicts(
        Conflict.settled.is_(None),
        (Conflict.item_id == bindparam("id")) | (Conflict.copy_id == bindparam("id")),
    ).limit(10),
    heavy=True,
)
"""Those of one note, or of a copy of it."""

CONFLICT = register("content.note_conflict", _conflicts(Conflict.id == bindparam("id")), heavy=True)
"""One of them."""

OWN_CONFLICT = register(
    "content.own_note_conflict",
    _conflicts(Conflict.id == bindparam("id"), inside_own(Conflict.container_id)),
    heavy=True,
)
"""One in the caller's own notebooks."""

_TOLD = func.coalesce(Connection.settings["file"].as_string(), "") == ""
"""What was read from a file has nobody to be told."""

WRITES = register(
    "content.note_writes",
    select(Connection.id)
    .join(Container, Container.connection_id == Connection.id)
    .where(
        Connection.institution_id == institution,
        Container.institution_id == institution,
        Container.id == bindparam("container"),
        container_reachable,
        _TOLD,
    ),
)
"""The live connection of a notebook; no row for one of nobody."""

STATE = register(
    "content.note_state",
    select(
        Connection.name.label("system"),
        Connection.writes,
        teaches.label("teaches"),
        _of_note(Unsent, Unsent.item_id == Item.id).label("waits"),
        _of_note(
            Conflict,
            Conflict.settled.is_(None),
            (Conflict.item_id == Item.id) | (Conflict.copy_id == Item.id),
        ).label("in_conflict"),
    )
    .select_from(Item)
    .join(
        Container,
        (Container.institution_id == Item.institution_id) & (Container.id == Item.container_id),
    )
    .outerjoin(
        Connection,
        (Connection.institution_id == Container.institution_id)
        & (Connection.id == Container.connection_id)
        & _TOLD,
    )
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        Item.id == bindparam("id"),
        container_reachable,
    ),
    heavy=True,
)
"""What the live connection of a note's notebook can be told, and whether something is open.

``system`` and ``writes`` are null where nothing is connected.
"""

TO_SEND = register(
    "content.to_send",
    select(
        Connection.writes,
        Connection.watches,
        exists(
            select(Unsent.id).where(
                Unsent.institution_id == institution,
                Unsent.connection_id == Connection.id,
                Unsent.state != "refused",
            )
        ).label("waits"),
    ).where(Connection.institution_id == institution, Connection.id == bindparam("id")),
    heavy=True,
    whole="the hub asks before it reads a connection, and shows it to nobody",
)
"""What a connection can be told, whether it can be watched, and whether anything waits for it."""

GONE = register(
    "content.notes_gone",
    select(Item.id, Item.container_id.label("container"), Item.title, Item.state, Item.updated_at)
    .where(
        Item.institution_id == institution,
        inside_reachable(Item.container_id),
        Item.container_id == bindparam("container"),
        Item.kind == "note",
        Item.state.in_(["trashed", "missing"]),
        Item.id > bindparam("after"),
    )
    .order_by(Item.id)
    .limit(bindparam("limit")),
)
"""Notes of a notebook that were deleted, here (``trashed``) or where they come from."""

TEXTS = register(
    "content.note_texts",
    select(Version.row_version, Version.change, Version.actor, Version.at, Version.snapshot)
    .join(Item, (Item.institution_id == Version.institution_id) & (Item.id == Version.subject_id))
    .where(
        Version.institution_id == institution,
        inside_reachable(Item.container_id),
        Version.subject == "item",
        Version.subject_id == bindparam("id"),
    )
    .order_by(Version.row_version.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""What a note held before each of its changes, the newest first."""

LAST_RUN = register(
    "content.last_run_of_notes",
    select(SyncRun.id, Connection.name, SyncRun.started_at)
    .join(Connection, Connection.id == SyncRun.connection_id)
    .where(
        SyncRun.institution_id == institution,
        Connection.institution_id == institution,
        connection_reachable(Connection.id),
        Connection.capability == "notes",
        SyncRun.state.in_(["succeeded", "failed"]),
    )
    .order_by(SyncRun.started_at.desc(), SyncRun.id.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""The newest runs of notes that can be taken back."""

TITLED = register(
    "content.note_titled",
    select(Item.id, Item.kind, Item.remote_id)
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        inside_reachable(Item.container_id),
        Item.kind == "note",
        func.lower(Item.title) == func.lower(bindparam("title")),
        Item.state == "active",
    )
    .order_by(Item.id)
    .limit(1),
    heavy=True,
)
"""The note of a notebook with a title."""
