"""Files of notes: given to one, shown by its text, and taken off."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from sqlalchemy import or_, select

from bloop.content.changing import changed
from bloop.content.models import Item
from bloop.content.notes.merge import Text
from bloop.content.notes.service import expect_text, note, put_text, refuse_unwritten
from bloop.content.notes.texts import linked, refiled, text_of
from bloop.content.notes.waiting import drop, live_connection, unsent_of, want
from bloop.content.service import add_file
from bloop.store.commands import command
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind, NoteWrite


@command("content:write")
def attach(
    unit: UnitOfWork,
    id_: str,
    version: int | None,
    *,
    name: str,
    media_type: str | None,
    sha256: str,
    size: int,
) -> Item:
    """Give a note a file, which its text then links to at its end; the note."""
    row = note(unit, id_)
    was = text_of(row)
    expect_text(unit, row, was, version)
    connection = live_connection(unit, row)
    refuse_unwritten(connection, NoteWrite.ATTACH)
    refuse_unwritten(connection, NoteWrite.UPDATE)
    file = add_file(
        unit, row.container_id, name=name, media_type=media_type, sha256=sha256, size=size
    )
    if connection is not None:
        file.published = True
        unit.session.flush()
        want(unit, connection, file, NoteWrite.ATTACH, about=row.id)
    shown = "!" if (media_type or "").startswith("image/") else ""
    label = name.replace("[", "(").replace("]", ")")
    link = f"{shown}[{label}](bloop:file:{file.remote_id})"
    markdown = f"{was.markdown.rstrip()}\n\n{link}\n".lstrip("\n")
    return put_text(unit, row, Text(was.title, markdown, was.tags), "edited")


@command("content:write")
def detach(unit: UnitOfWork, id_: str, version: int | None, file_id: str) -> Item:
    """Take a file off a note: its text shows it no more. Where it came from, the file stays.

    Raises ConflictError where the text shows it in a way that cannot be taken out.
    """
    row = note(unit, id_)
    was = text_of(row)
    expect_text(unit, row, was, version)
    file = unit.get(Item, file_id)
    if file.kind != Kind.FILE or file.container_id != row.container_id:
        raise ConflictError(f"{file.title!r} is no file of {row.title!r}")
    name = file.data.get("name") or file.title
    markdown = refiled(was.markdown, {file.id, file.remote_id}, name)
    if markdown == was.markdown:
        raise ConflictError(
            f"the text of {row.title!r} has no link to {name!r} that could be taken out",
            cure="edit the text",
        )
    row = put_text(unit, row, Text(was.title, markdown, was.tags), "edited")
    waiting = unsent_of(unit, file.id, NoteWrite.ATTACH)
    on_its_way = waiting is not None and waiting.state == "sending"
    if file.connection_id is None and not on_its_way and not _shown_elsewhere(unit, row, file):
        drop(unit, file.id)
        changed(unit, file, {"state": "trashed"}, "deleted", event="deleted")
    return row


def attached(unit: UnitOfWork, row: Item) -> Sequence[Item]:
    """The files that a note shows or links to, by their names."""
    names = {unquote(name) for kind, name in linked(row.html) if kind == Kind.FILE}
    if not names:
        return []
    return unit.session.scalars(
        select(Item)
        .where(
            Item.institution_id == unit.institution,
            Item.container_id == row.container_id,
            Item.kind == Kind.FILE,
            Item.state != "trashed",
            or_(Item.remote_id.in_(sorted(names)), Item.id.in_(sorted(names))),
        )
        .order_by(Item.title, Item.id)
    ).all()


def _shown_elsewhere(unit: UnitOfWork, row: Item, file: Item) -> bool:
    found = select(Item.id).where(
        Item.institution_id == unit.institution,
        Item.container_id == row.container_id,
        Item.id != row.id,
        Item.state == "active",
        Item.html.contains(f"bloop:file:{file.remote_id}"),
    )
    return unit.session.scalar(found.limit(1)) is not None
