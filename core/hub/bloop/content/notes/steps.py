"""What is sent next, in the words of the contract: one waiting change as an operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bloop.content import placing
from bloop.content.models import Container, Item, Node
from bloop.content.notes.merge import Text
from bloop.content.notes.models import Unsent
from bloop.content.notes.texts import (
    columns_of_text,
    linked,
    places_of,
    relinked,
    text_of,
    unlinked,
)
from bloop.content.sanitise import sanitise
from bloop.store.blobs import Blobs
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import FileDraft, Kind, NoteDraft, NoteWrite, Precondition, Ref, WriteOp
from bloop_sdk.markdown import Links, render

_PIECE = 1 << 20
ORDER = tuple(
    map(
        str,
        (NoteWrite.ATTACH, NoteWrite.CREATE, NoteWrite.UPDATE, NoteWrite.MOVE, NoteWrite.DELETE),
    )
)
"""Files come before the notes that link to them, and notes before what is moved below them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One write. ``sent`` is what the row keeps of it."""

    row: str
    item: str
    op: WriteOp
    precondition: Precondition
    sent: dict[str, Any]


def next_step(
    unit: UnitOfWork, connection_id: str, blobs: Blobs, tried: Callable[[str], bool]
) -> Step | None:
    """Mark the next change as being sent; None where nothing is left that could be."""
    rows = unit.session.scalars(
        select(Unsent)
        .where(
            Unsent.institution_id == unit.institution,
            Unsent.connection_id == connection_id,
            Unsent.state != "refused",
        )
        .order_by(Unsent.id)
    ).all()
    for row in sorted(rows, key=lambda row: (ORDER.index(row.op), row.id)):
        if tried(row.id):
            continue
        step = _step(unit, row, blobs)
        if step is not None:
            return step
    return None


def _step(unit: UnitOfWork, row: Unsent, blobs: Blobs) -> Step | None:
    item = unit.get(Item, row.item_id)
    again = row.state == "sending" and row.sent is not None
    if not again:
        sent = _SENT[row.op](unit, row, item)
        if sent is None:
            return None
        row.sent, row.state, row.tries = sent, "sending", row.tries + 1
        row.updated_at = utcnow()
        unit.session.flush()
    sent = dict(row.sent or {})
    ref = Ref(Kind(item.kind), item.remote_id) if item.connection_id else None
    op = WriteOp(
        kind=row.op,
        ref=ref,
        values=sent.get("values", {}),
        idempotency_key=f"{row.id}.{row.tries}",
        note=_draft(unit, item, sent) if "text" in sent else None,
        file=_file(item, sent, blobs) if row.op == NoteWrite.ATTACH else None,
        again=again,
    )
    return Step(row.id, item.id, op, Precondition(remote_version=sent["version"]), sent)


def _draft(unit: UnitOfWork, item: Item, sent: dict[str, Any]) -> NoteDraft:
    text = Text.of_json(sent["text"])

    def by_title(target: str) -> Ref | None:
        return _note_titled(unit, item, target.rpartition("/")[2].strip())

    return NoteDraft(
        container=sent["container"],
        parent=sent.get("parent"),
        title=text.title,
        markdown=text.markdown,
        html=sanitise(render(text.markdown, Links(by_title))),
        tags=text.tags,
        base=item.raw or {},
        base_markdown=sent.get("base", ""),
        published=item.published,
    )


def _note_titled(unit: UnitOfWork, item: Item, title: str) -> Ref | None:
    found = unit.session.scalar(
        select(Item.remote_id)
        .where(
            Item.institution_id == unit.institution,
            Item.container_id == item.container_id,
            Item.connection_id == item.connection_id,
            Item.kind == Kind.NOTE,
            Item.title == title,
            Item.state == "active",
        )
        .limit(1)
    )
    return Ref(Kind.NOTE, found) if found is not None else None


def _file(item: Item, sent: dict[str, Any], blobs: Blobs) -> FileDraft:
    about = sent["about"]
    return FileDraft(
        container=sent["container"],
        note=Ref(Kind.NOTE, about) if about else None,
        name=item.data.get("name") or item.title,
        media_type=item.data.get("media_type"),
        size=int(item.data.get("size") or 0),
        sha256=str(item.blob),
        chunks=lambda: _pieces(blobs.path(str(item.blob))),
    )


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


# -- what is sent of each kind; None: not now, or not any more


def _created(unit: UnitOfWork, row: Unsent, item: Item) -> dict[str, Any] | None:
    if item.state == "trashed" or item.connection_id is not None:
        return _over(unit, row)
    place = next(iter(places_of(unit, item)), None)
    parent = unit.get(Node, place.parent_id) if place and place.parent_id else None
    if parent is not None and parent.connection_id is None:
        return _wait(unit, row, f"the note above it, {parent.title!r}, is not there yet")
    return {
        "text": _text(unit, row, item).as_json(),
        "version": None,
        "container": _notebook(unit, item),
        "parent": parent.remote_id if parent else None,
        "here": {"parent": place.parent_id, "position": place.position} if place else None,
    }


def _updated(unit: UnitOfWork, row: Unsent, item: Item) -> dict[str, Any] | None:
    if item.state == "trashed" or item.theirs is None:
        return _over(unit, row)
    text, theirs = _text(unit, row, item), Text.of_json(item.theirs)
    if text.same(theirs):
        return _over(unit, row)
    return {
        "text": text.as_json(),
        "version": item.remote_version,
        "container": _notebook(unit, item),
        "base": theirs.markdown,
    }


def _moved(unit: UnitOfWork, row: Unsent, item: Item) -> dict[str, Any] | None:
    node = unit.session.get(Node, (unit.institution, row.node_id))
    if node is None or node.theirs is None or item.state == "trashed":
        return _over(unit, row)
    parent = unit.get(Node, node.parent_id) if node.parent_id else None
    if parent is not None and parent.connection_id is None:
        return _wait(unit, row, f"the note above it, {parent.title!r}, is not there yet")
    before = [
        one.remote_id
        for one in placing.siblings(unit, node.container_id, node.parent_id)
        if one.position < node.position and one.connection_id == node.connection_id
    ]
    values = {
        "container": _notebook(unit, item),
        "parent": parent.remote_id if parent else None,
        "after": before[-1] if before else None,
    }
    here = {"parent": node.parent_id, "position": node.position}
    return {"values": values, "version": item.remote_version, "here": here}


def _deleted(unit: UnitOfWork, row: Unsent, item: Item) -> dict[str, Any] | None:
    if item.state != "trashed" or item.connection_id is None:
        return _over(unit, row)
    return {"version": item.remote_version}


def _attached(unit: UnitOfWork, row: Unsent, item: Item) -> dict[str, Any] | None:
    if item.state == "trashed" or item.connection_id is not None or item.blob is None:
        return _over(unit, row)
    note = unit.session.get(Item, (unit.institution, row.about_id)) if row.about_id else None
    about = note.remote_id if note is not None and note.connection_id is not None else None
    return {"version": None, "container": _notebook(unit, item), "about": about}


_SENT: dict[str, Callable[[UnitOfWork, Unsent, Item], dict[str, Any] | None]] = {
    str(NoteWrite.CREATE): _created,
    str(NoteWrite.UPDATE): _updated,
    str(NoteWrite.MOVE): _moved,
    str(NoteWrite.DELETE): _deleted,
    str(NoteWrite.ATTACH): _attached,
}


def _over(unit: UnitOfWork, row: Unsent) -> dict[str, Any] | None:
    unit.session.delete(row)
    unit.session.flush()
    return None


def _wait(unit: UnitOfWork, row: Unsent, reason: str) -> dict[str, Any] | None:
    row.reason = reason[:2000]
    unit.session.flush()
    return None


def _notebook(unit: UnitOfWork, item: Item) -> str:
    return unit.get(Container, item.container_id).remote_id


def _text(unit: UnitOfWork, row: Unsent, item: Item) -> Text:
    """The note's text, with the links that what was made here has over there by now.

    What is not there yet has none: its words are sent, and the link once it is.
    """
    text = text_of(item)
    names = {name for _, name in linked(text.markdown)}
    if not names:
        return text
    found = unit.session.execute(
        select(Item.id, Item.remote_id, Item.connection_id).where(
            Item.institution_id == unit.institution, Item.id.in_(sorted(names))
        )
    ).all()
    there = {one.id: one.remote_id for one in found if one.connection_id == row.connection_id}
    now = replace(text, markdown=relinked(text.markdown, there))
    if now != text:
        columns = columns_of_text(now, published=item.published, data=item.data)
        item.data, item.html = columns["data"], columns["html"]
        unit.session.flush()
    absent = {one.id for one in found if one.connection_id is None}
    return replace(now, markdown=unlinked(now.markdown, absent))
