"""What commands of authors share: a row is found as it was seen, changed, kept and announced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import select

from bloop.content.changes import announce_row, kind_of_row
from bloop.content.concealed import conceal
from bloop.content.models import Item, Node, Sourced
from bloop.content.versions import keep, subject_of
from bloop.kernel.models import Connection
from bloop.store.errors import ConflictError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

S = TypeVar("S", bound=Sourced)


class SourceWinsError(ConflictError):
    """A row that a live connection brings is changed in the system that it comes from."""

    code = "source_wins"


def editable(unit: UnitOfWork, model: type[S], id_: str, version: int | None) -> S:
    """A row that is not in the trash, at the version that the author saw."""
    row = unit.get(model, id_)
    unit.expect(row, version)
    not_in_trash(row)
    return row


def not_in_trash(row: Sourced) -> None:
    """Raise :class:`ConflictError` for what has to be restored first."""
    if row.state == "trashed":
        raise ConflictError(
            f"{subject_of(type(row))} {row.id} is in the trash", cure="restore it first"
        )


def refuse_live(unit: UnitOfWork, row: Sourced) -> None:
    """Raise :class:`SourceWinsError` for what a live connection brings."""
    if _live(unit, row):
        assert row.connection_id is not None
        name = unit.get(Connection, row.connection_id).name
        raise SourceWinsError(
            f"this {kind_of_row(row)} comes from {name!r}, whose next sync would undo the change",
            cure=f"change it in {name!r}, or copy it into something written here",
        )


def _live(unit: UnitOfWork, row: Sourced) -> bool:
    """Whether a sync may overwrite it any time; an imported file is read once."""
    if row.connection_id is None:
        return False
    return "file" not in unit.get(Connection, row.connection_id).settings


def changed(
    unit: UnitOfWork,
    row: S,
    values: Mapping[str, Any],
    change: str,
    *,
    event: str = "updated",
    kept: bool = False,
) -> S:
    """Keep what the row holds, give it ``values``, and say so; nothing for values it has.

    It is ``kept`` already where this goes on with the change before.
    """
    if all(getattr(row, name) == value for name, value in values.items()):
        return row
    if not kept:
        keep(unit, [row], change)
    was = row.title if isinstance(row, Item) else None
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = utcnow()
    unit.session.flush()
    _settle(unit, row, change, event)
    if isinstance(row, Item) and row.title != was:
        _retitle_places(unit, row, was)
    return row


def _retitle_places(unit: UnitOfWork, item: Item, was: str | None) -> None:
    """Let the places that had an item's title have its new one; what is called otherwise stays."""
    places = select(Node).where(
        Node.institution_id == unit.institution,
        Node.item_id == item.id,
        Node.title == was,
        Node.connection_id.is_not_distinct_from(item.connection_id),
    )
    for place in unit.session.scalars(places).all():
        changed(unit, place, {"title": item.title}, "edited")


def added(unit: UnitOfWork, row: S) -> S:
    """Add a row, and say so."""
    unit.session.add(row)
    unit.session.flush()
    _settle(unit, row, "created", "created")
    return row


def _settle(unit: UnitOfWork, row: Sourced, change: str, event: str) -> None:
    """What follows from a change: its event, its audit line, and what the tree hides now."""
    if isinstance(row, Node):
        conceal(unit, row.container_id)
    announce_row(unit, row, event, restorable=event == "deleted")
    subject = subject_of(type(row))
    unit.audit.append(
        f"content.{subject}_{change}", f"{subject}:{row.id}", {"row_version": row.row_version}
    )
