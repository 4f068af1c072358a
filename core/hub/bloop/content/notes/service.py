"""Commands of people on notes: written, edited, moved, deleted, restored, and taken back.

A note of a live connection is changed here at once, and sent by a job that is asked for in the
same transaction; what its system cannot write is refused. A note of nobody is just changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bloop.content import placing
from bloop.content.changing import SourceWinsError, changed, editable
from bloop.content.models import Container, Item, Node, Version
from bloop.content.naming import title_of
from bloop.content.notes.making import add_note, rehang
from bloop.content.notes.merge import Text
from bloop.content.notes.models import Conflict, Unsent
from bloop.content.notes.texts import columns_of_text, places_of, retitle, text_of
from bloop.content.notes.waiting import (
    ask_for_send,
    drop,
    drop_files,
    live_connection,
    unsent_of,
    want,
)
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import FolderWrite, Kind, NoteWrite

MOST_TAGS = 200
LONGEST_MARKDOWN = 5_000_000


_DONE_TO = {
    NoteWrite.CREATE: "take new notes",
    NoteWrite.UPDATE: "have the text of notes changed",
    NoteWrite.MOVE: "give notes another place",
    NoteWrite.DELETE: "have notes deleted",
    NoteWrite.ATTACH: "take files",
    FolderWrite.CREATE: "take new folders",
    FolderWrite.MOVE: "give folders another place or name",
}


def refuse_unwritten(connection: Connection | None, op: NoteWrite | FolderWrite) -> None:
    """Raise :class:`SourceWinsError` for what the connection's system cannot be told."""
    if connection is not None and op not in connection.writes:
        raise SourceWinsError(
            f"{connection.name!r} can't {_DONE_TO[op]} from here",
            cure=f"do it in {connection.name!r}, or copy the note into something written here",
        )


@command("content:write")
def create(
    unit: UnitOfWork,
    container_id: str,
    *,
    title: str,
    markdown: str = "",
    tags: Sequence[str] = (),
    parent: str | None = None,
    index: int | None = None,
) -> Item:
    """A new note, at a place below the node ``parent``; last by default."""
    container = editable(unit, Container, container_id, None)
    connection = live_connection(unit, container)
    refuse_unwritten(connection, NoteWrite.CREATE)
    text = _checked(Text(title, markdown, tuple(tags)))
    # Who sees the notebook over there sees the note.
    published = connection is not None
    item, place = add_note(
        unit, container.id, text, published=published, parent=parent, index=index
    )
    if connection is not None:
        want(unit, connection, item, NoteWrite.CREATE, node=place.id)
    return item


@command("content:write")
def edit(unit: UnitOfWork, id_: str, version: int | None, changes: Mapping[str, Any]) -> Item:
    """Change title, markdown or tags; those left out stay."""
    row = note(unit, id_)
    was = text_of(row)
    expect_text(unit, row, was, version)
    now = Text(
        changes.get("title", was.title),
        changes.get("markdown", was.markdown),
        tuple(changes.get("tags", was.tags)),
    )
    return put_text(unit, row, _checked(now), "edited")


def put_text(unit: UnitOfWork, row: Item, now: Text, change: str) -> Item:
    """Give a note a text, and have it sent; nothing for the one that it has."""
    was = text_of(row)
    if now == was:
        return row
    connection = live_connection(unit, row)
    refuse_unwritten(connection, NoteWrite.UPDATE)
    values = columns_of_text(now, published=row.published, data=row.data)
    waiting = unsent_of(unit, row.id, NoteWrite.CREATE, NoteWrite.UPDATE)
    theirs = Text.of_json(row.theirs) if row.theirs else was
    settled = now.same(theirs) and (waiting is None or waiting.state != "sending")
    if row.connection_id is not None:
        # Also of an imported file, whose next export may have been edited as well.
        values["theirs"] = None if settled else theirs.as_json()
    row = changed(unit, row, values, change)
    retitle(unit, row)
    if connection is not None:
        if settled and row.connection_id is not None:
            drop(unit, row.id, NoteWrite.UPDATE)
        else:
            want(unit, connection, row, NoteWrite.UPDATE)
    return row


@command("content:write")
def move(
    unit: UnitOfWork,
    id_: str,
    version: int | None,
    *,
    parent: str | None = None,
    index: int | None = None,
) -> Item:
    """Give a note another place in its notebook: below the node ``parent``, None the top."""
    row = note(unit, id_)
    expect_text(unit, row, text_of(row), version)
    connection = live_connection(unit, row)
    refuse_unwritten(connection, NoteWrite.MOVE)
    place = next(iter(places_of(unit, row)), None)
    if place is None:
        raise ConflictError(f"note {id_} has no place in its notebook to be moved from")
    before = {"parent": place.parent_id, "position": place.position}
    placing.check_place(unit, place, parent)
    position = placing.position_at(unit, place.container_id, parent, index, without=place.id)
    values: dict[str, Any] = {"parent_id": parent, "position": position}
    if place.connection_id is not None:
        values["theirs"] = place.theirs or before
    changed(unit, place, values, "moved")
    if connection is not None:
        want(unit, connection, row, NoteWrite.MOVE, node=place.id)
    return row


@command("content:write")
def delete(unit: UnitOfWork, id_: str, version: int | None) -> Item:
    """Put a note into the trash, here and there."""
    row = note(unit, id_)
    expect_text(unit, row, text_of(row), version)
    connection = live_connection(unit, row)
    created = row.connection_id is not None
    values: dict[str, Any] = {"state": "trashed"}
    if created:
        refuse_unwritten(connection, NoteWrite.DELETE)
        values["theirs"] = row.theirs or text_of(row).as_json()
    changed(unit, row, values, "deleted", event="deleted")
    if connection is None:
        return row
    waiting = unsent_of(unit, row.id, NoteWrite.CREATE)
    sending = waiting is not None and waiting.state == "sending"
    if not sending:
        drop(unit, row.id)
    if not created and not sending:
        drop_files(unit, row.id)
    if created or sending:
        want(unit, connection, row, NoteWrite.DELETE)
    return row


@command("content:write")
def restore(unit: UnitOfWork, id_: str, version: int | None) -> Item:
    """Bring a note back that was deleted; where it is gone over there, it is written anew."""
    row = unit.get(Item, id_)
    unit.expect(row, version)
    if row.kind != Kind.NOTE or row.state not in {"trashed", "missing"}:
        raise ConflictError(f"note {id_} was not deleted")
    connection = live_connection(unit, row)
    waiting = unsent_of(unit, row.id, NoteWrite.DELETE)
    live = connection is not None and row.connection_id is not None
    if live and (waiting is None or waiting.state == "sending"):
        text = text_of(row)
        anew = create(
            unit, row.container_id, title=text.title, markdown=text.markdown, tags=text.tags
        )
        rehang(unit, row, anew)
        return anew
    drop(unit, row.id, NoteWrite.DELETE)
    theirs = Text.of_json(row.theirs) if row.theirs else None
    same = theirs is None or theirs.same(text_of(row))
    values = {"state": "active", "theirs": None if same else row.theirs}
    row = changed(unit, row, values, "restored", event="created")
    if connection is not None and not same:
        want(unit, connection, row, NoteWrite.UPDATE)
    return row


@command("content:write")
def undo(unit: UnitOfWork, id_: str, version: int | None, *, to: int | None = None) -> Item:
    """Give a note the text that it had before its last change, or at row version ``to``.

    It is an edit like any other, and sent as such.
    """
    row = note(unit, id_)
    was = text_of(row)
    expect_text(unit, row, was, version)
    query = _versions(unit, row.id)
    if to is not None:
        query = query.where(Version.row_version == to)
    for kept in unit.session.scalars(query.limit(100)):
        text = text_of(kept.snapshot)
        if to is not None or not text.same(was):
            return put_text(unit, row, text, "undone")
    which = f"version {to}" if to is not None else "earlier text"
    raise NotFoundError(f"note {id_} has no {which}")


@command("content:write")
def revert(unit: UnitOfWork, unsent_id: str) -> Item:
    """Take back a change that was not sent: the note is again what the other side holds."""
    waiting = unit.get(Unsent, unsent_id)
    row = unit.get(Item, waiting.item_id)
    if waiting.state == "sending":
        raise ConflictError(
            "it is being sent", cure="wait for the answer; then edit the note, or undo its change"
        )
    values: dict[str, Any] = {}
    if row.connection_id is None:
        values["state"] = "trashed"
        drop_files(unit, row.id)
    elif waiting.op == NoteWrite.MOVE:
        _put_back(unit, waiting.node_id)
    elif row.theirs is not None:
        theirs = Text.of_json(row.theirs)
        values = columns_of_text(theirs, published=row.published, data=row.data)
        values |= {"theirs": None, "state": "active"}
    unit.session.delete(waiting)
    unit.session.flush()
    row = changed(unit, row, values, "reverted") if values else row
    retitle(unit, row)
    return row


def _put_back(unit: UnitOfWork, node_id: str | None) -> None:
    place = unit.get(Node, node_id or "")
    if place.theirs is not None:
        position = place.theirs["position"]
        if position is None:  # Where it stands there, no answer has said yet.
            position = place.position
        back = {"parent_id": place.theirs["parent"], "position": position}
        changed(unit, place, {**back, "theirs": None}, "reverted")


@command("content:write")
def retry(unit: UnitOfWork, unsent_id: str) -> str | None:
    """Send a change again that was refused; the job's id."""
    waiting = unit.get(Unsent, unsent_id)
    if waiting.state == "refused":
        waiting.state, waiting.updated_at = "waiting", utcnow()
        waiting.code = waiting.reason = waiting.cure = None
        unit.session.flush()
    return ask_for_send(unit, unit.get(Connection, waiting.connection_id))


@command("content:write")
def settle(unit: UnitOfWork, conflict_id: str, keep: str) -> Conflict:
    """Decide a conflict: the note gets ``mine`` or ``theirs``, or ``both`` stay."""
    conflict = unit.get(Conflict, conflict_id)
    if conflict.settled is not None:
        raise ConflictError(f"conflict {conflict_id} is settled already: {conflict.settled}")
    if keep not in {"mine", "theirs", "both"}:
        raise InvalidError("keep: it is mine, theirs or both", field="keep")
    copy = unit.get(Item, conflict.copy_id) if conflict.copy_id else None
    if keep == "mine" and conflict.how == "edited" and copy is not None:
        mine, row = text_of(copy), note(unit, conflict.item_id)
        put_text(unit, row, Text(conflict.title, mine.markdown, mine.tags), "edited")
    if keep == "mine" and conflict.how == "deleted_here":
        delete(unit, conflict.item_id, None)
    superfluous = keep == "theirs" or (keep == "mine" and conflict.how == "edited")
    if superfluous and copy is not None and copy.state != "trashed":
        delete(unit, copy.id, None)
    conflict.settled, conflict.updated_at = keep, utcnow()
    unit.audit.append("content.conflict_settled", f"item:{conflict.item_id}", {"keep": keep})
    unit.session.flush()
    return conflict


# -- what all share


def note(unit: UnitOfWork, id_: str) -> Item:
    """A note that is not in the trash; raises :class:`NotFoundError` for other kinds."""
    row = editable(unit, Item, id_, None)
    if row.kind != Kind.NOTE:
        raise NotFoundError(f"item {id_} is a {row.kind}, and no note")
    return row


def expect_text(unit: UnitOfWork, row: Item, text: Text, version: int | None) -> None:
    """Refuse unless the note reads as it did at ``version``.

    That it was sent since, or read again with the same text, is no change to who edits it.
    """
    if version is None or version == row.row_version:
        return
    kept = unit.session.scalar(
        _versions(unit, row.id).where(Version.row_version == version).limit(1)
    )
    if kept is None or not text_of(kept.snapshot).same(text):
        unit.expect(row, version)


def _versions(unit: UnitOfWork, item_id: str) -> Any:
    return (
        select(Version)
        .where(
            Version.institution_id == unit.institution,
            Version.subject == "item",
            Version.subject_id == item_id,
        )
        .order_by(Version.row_version.desc())
    )


def _checked(text: Text) -> Text:
    if len(text.markdown) > LONGEST_MARKDOWN:
        raise InvalidError(
            f"markdown: {len(text.markdown)} characters; at most {LONGEST_MARKDOWN}",
            field="markdown",
        )
    tags = tuple(dict.fromkeys(tag.strip() for tag in text.tags if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > 100 for tag in tags):
        raise InvalidError(
            f"tags: at most {MOST_TAGS}, each of 100 characters at most", field="tags"
        )
    return Text(title_of(text.title), text.markdown, tags)
