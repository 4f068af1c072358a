"""A note that goes to another notebook, of the same system, another one, or none.

It is made there and deleted here, with what each system has for that: so it is another note there,
and a kill in between leaves both, or the hub's queue of what is to be sent.
"""

from __future__ import annotations

from sqlalchemy import select

from bloop.content.changing import editable
from bloop.content.models import Container, Item, Node
from bloop.content.notes.attaching import attached
from bloop.content.notes.merge import Text
from bloop.content.notes.service import create, delete, expect_text, move, note, refuse_unwritten
from bloop.content.notes.texts import linked, places_of, refiled, text_of, unlinked
from bloop.content.notes.waiting import live_connection, want
from bloop.content.service import add_file
from bloop.store.commands import command
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind, NoteWrite


@command("content:write")
def transfer(
    unit: UnitOfWork,
    id_: str,
    version: int | None,
    container_id: str,
    *,
    parent: str | None = None,
    index: int | None = None,
) -> Item:
    """Give a note to the notebook ``container_id``, with its files; the note that it is there.

    Raises ConflictError where other notes stand below it, or the hub lacks the bytes of a file.
    """
    row = note(unit, id_)
    if container_id == row.container_id:
        return move(unit, id_, version, parent=parent, index=index)
    text = text_of(row)
    expect_text(unit, row, text, version)
    target = editable(unit, Container, container_id, None)
    source, system = live_connection(unit, row), live_connection(unit, target)
    refuse_unwritten(source, NoteWrite.DELETE)
    refuse_unwritten(system, NoteWrite.CREATE)
    _refuse_below(unit, row)
    files = attached(unit, row)
    if files:
        refuse_unwritten(system, NoteWrite.ATTACH)
    markdown, copies = text.markdown, []
    for file in files:
        copy = _copied(unit, file, target.id, published=system is not None)
        link = f"bloop:file:{copy.remote_id}"
        markdown = refiled(markdown, {file.id, file.remote_id}, _name(file), link)
        copies.append(copy)
    # What it links to stays where it was: the words do without.
    notes = {name for kind, name in linked(markdown) if kind == Kind.NOTE}
    moved = Text(text.title, unlinked(markdown, notes), text.tags)
    made = create(
        unit,
        target.id,
        title=moved.title,
        markdown=moved.markdown,
        tags=moved.tags,
        parent=parent,
        index=index,
    )
    if system is not None:
        for copy in copies:
            want(unit, system, copy, NoteWrite.ATTACH, about=made.id)
    delete(unit, row.id, None)
    unit.audit.append("content.note_transferred", f"item:{row.id}", {"to": made.id})
    return made


def _copied(unit: UnitOfWork, file: Item, container_id: str, *, published: bool) -> Item:
    if file.blob is None:
        raise ConflictError(
            f"the hub holds no bytes of {_name(file)!r}, which the note shows",
            cure="sync its connection, or take the file off the note",
        )
    copy = add_file(
        unit,
        container_id,
        name=_name(file),
        media_type=file.data.get("media_type"),
        sha256=file.blob,
        size=int(file.data.get("size") or 0),
    )
    copy.published = published
    unit.session.flush()
    return copy


def _name(file: Item) -> str:
    return str(file.data.get("name") or file.title)


def _refuse_below(unit: UnitOfWork, row: Item) -> None:
    places = [place.id for place in places_of(unit, row)]
    below = select(Node.title).where(
        Node.institution_id == unit.institution,
        Node.parent_id.in_(places),
        Node.state == "active",
    )
    title = unit.session.scalar(below.limit(1))
    if title is not None:
        raise ConflictError(
            f"{title!r} stands below {row.title!r}", cure="move what is below it first"
        )
