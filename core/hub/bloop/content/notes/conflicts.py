"""What happens where both sides changed the same: the other side's text stands, ours is a copy."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from bloop.accounts.models import User
from bloop.content import placing
from bloop.content.models import TITLE_LENGTH, Item, Node
from bloop.content.notes.making import add_note
from bloop.content.notes.merge import Text
from bloop.content.notes.models import Conflict
from bloop.content.notes.texts import places_of
from bloop.content.notes.waiting import want
from bloop.kernel.models import Connection
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import NoteWrite


def keep_conflict(
    unit: UnitOfWork,
    connection_id: str,
    item: Item,
    how: str,
    *,
    ours: Text | None = None,
    actor: str | None = None,
    run_id: str | None = None,
) -> Conflict:
    """Keep a conflict; ``ours`` becomes a note beside ``item``, written there where it can be."""
    who = actor or actor_of(unit.call)
    copy = None
    if ours is not None:
        connection, name = unit.get(Connection, connection_id), _name(unit, who)
        copy, place = _beside(unit, item, replace(ours, title=_title(connection, ours, how, name)))
        copy.run_id = place.run_id = run_id
        if NoteWrite.CREATE in connection.writes:
            want(unit, connection, copy, NoteWrite.CREATE, node=place.id)
    row = Conflict(
        institution_id=unit.institution,
        connection_id=connection_id,
        container_id=item.container_id,
        item_id=item.id,
        copy_id=copy.id if copy else None,
        title=ours.title if ours else item.title,
        how=how,
        run_id=run_id,
        actor=who,
    )
    unit.session.add(row)
    unit.session.flush()
    told = {"how": how, "copy": row.copy_id}
    unit.audit.append("content.note_conflict", f"item:{item.id}", told)
    return row


def _title(connection: Connection, ours: Text, how: str, name: str) -> str:
    date = utcnow().date().isoformat()
    other = "it was deleted in" if how == "deleted_there" else "the other is in"
    suffix = f" (changed here by {name}, {date}; {other} {connection.name})"
    return ours.title[: TITLE_LENGTH - len(suffix)] + suffix


def _name(unit: UnitOfWork, actor: str) -> str:
    """What people call whoever it was."""
    kind, _, id_ = actor.partition(":")
    if kind != "user":
        return "somebody"
    name = unit.session.scalar(
        select(User.name).where(User.institution_id == unit.institution, User.id == id_)
    )
    return name[:100] if name else "somebody"


def _beside(unit: UnitOfWork, item: Item, text: Text) -> tuple[Item, Node]:
    parent, index = _place_after(unit, item)
    # Whoever sees the note sees its copy: what is a draft over there stays one.
    shown = item.published
    return add_note(unit, item.container_id, text, published=shown, parent=parent, index=index)


def _place_after(unit: UnitOfWork, item: Item) -> tuple[str | None, int | None]:
    """The parent and the index right behind the note; the end of the notebook where it has none."""
    place = next(iter(places_of(unit, item)), None)
    if place is None:
        return None, None
    above = unit.session.get(Node, (unit.institution, place.parent_id)) if place.parent_id else None
    if above is not None and above.state not in {"active", "pending"}:
        return None, None
    siblings = [row.id for row in placing.siblings(unit, item.container_id, place.parent_id)]
    return place.parent_id, siblings.index(place.id) + 1
