"""What becomes of a change that was sent: it is there, it met a newer one, or it was refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update

from bloop.content.changes import announce_row, set_state
from bloop.content.models import Item, Node
from bloop.content.notes.conflicts import keep_conflict
from bloop.content.notes.merge import Text, merge
from bloop.content.notes.models import Unsent
from bloop.content.notes.service import put_text
from bloop.content.notes.steps import Step
from bloop.content.notes.texts import linked, places_of, text_of
from bloop.content.notes.waiting import drop, unsent_of, want
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, NoteWrite, WriteResult

_TEXTS = {str(NoteWrite.CREATE), str(NoteWrite.UPDATE)}
MADE = {str(NoteWrite.CREATE), str(NoteWrite.ATTACH)}


@command("content:write")
def adopt(unit: UnitOfWork, step: Step, answer: WriteResult) -> None:
    """The other side has it: what was made here is now theirs, and has the name they gave it."""
    row = unit.session.get(Unsent, (unit.institution, step.row))
    if row is None:
        return
    item = unit.get(Item, step.item)
    # What is written next may be the same record as before, at another version.
    values: dict[str, Any] = {}
    if answer.remote_version is not None:
        values["remote_version"] = answer.remote_version
    if row.op in MADE and item.connection_id is None:
        _absorb(unit, step, row.connection_id, item, answer.ref.remote_id)
        values |= {"connection_id": row.connection_id, "remote_id": answer.ref.remote_id}
    if row.op in _TEXTS:
        values |= {"theirs": step.sent["text"]}
    if row.op == NoteWrite.CREATE:
        # Whoever tries again after a kill finds the note there, and writes the same text.
        row.op = str(NoteWrite.UPDATE)
        row.sent = {**step.sent, "version": answer.remote_version}
    unit.session.flush()
    _set(unit, item, values)
    if step.op.kind in MADE:
        _link_again(unit, item)


def _set(unit: UnitOfWork, item: Item, values: dict[str, Any]) -> None:
    """Give a row values that nobody who edits it has to know of: no new version."""
    if not values:
        return
    unit.session.execute(
        update(Item)
        .where(Item.institution_id == unit.institution, Item.id == item.id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    unit.session.refresh(item)


def _absorb(unit: UnitOfWork, step: Step, connection_id: str, item: Item, remote_id: str) -> None:
    """A read may have met it before its answer was kept: that row gives way to the one made here.

    What somebody changed in it since is a change of this one, and goes over as such. One that was
    deleted since is only here from now on.
    """
    other = unit.session.scalar(
        select(Item).where(
            Item.institution_id == unit.institution,
            Item.connection_id == connection_id,
            Item.kind == item.kind,
            Item.remote_id == remote_id,
        )
    )
    if other is None or other.id == item.id:
        return
    mine = (Node.institution_id == unit.institution, Node.item_id == other.id)
    if other.theirs is not None and other.state == "trashed":
        _set(unit, other, {"connection_id": None, "remote_id": other.id, "theirs": None})
        return
    waiting = unsent_of(unit, other.id, NoteWrite.UPDATE)
    edited = text_of(other) if other.theirs is not None else None
    _hand_on(unit, other, item)
    theirs = unit.session.scalars(select(Node).where(*mine)).all()
    for place in places_of(unit, item) if theirs else ():
        announce_row(unit, place, "deleted")
        unit.session.delete(place)
    for place in theirs:
        place.item_id = item.id
    announce_row(unit, other, "deleted")
    unit.session.delete(other)
    unit.session.flush()
    if edited is None:
        return
    both = merge(Text.of_json(step.sent["text"]), text_of(item), edited)
    if both is not None:
        put_text(unit, item, both, "edited")
    else:
        actor = waiting.actor if waiting else None
        keep_conflict(unit, connection_id, item, "edited", ours=edited, actor=actor)


def _hand_on(unit: UnitOfWork, other: Item, item: Item) -> None:
    """What waits of a row's place is of the row that it is given to; the rest is not sent."""
    moving = unsent_of(unit, other.id, NoteWrite.MOVE)
    if moving is not None:
        moving.item_id = item.id
        unit.session.flush()
    drop(unit, other.id)


def _link_again(unit: UnitOfWork, made: Item) -> None:
    """Notes that were sent without their link to this one are sent again, with it."""
    if made.connection_id is None:
        return
    rows = unit.session.scalars(
        select(Item).where(
            Item.institution_id == unit.institution,
            Item.connection_id == made.connection_id,
            Item.theirs.is_not(None),
            Item.state == "active",
        )
    ).all()
    for row in rows:
        names = {name for _, name in linked(text_of(row).markdown)}
        if made.id in names and unsent_of(unit, row.id, NoteWrite.UPDATE) is None:
            want(unit, unit.get(Connection, made.connection_id), row, NoteWrite.UPDATE)


@contextmanager
def settled(unit: UnitOfWork, *, step: Step, lost: tuple[str, ...]) -> Iterator[None]:
    """Around the writing of what was answered."""
    row = unit.session.get(Unsent, (unit.institution, step.row))
    node = None
    if row is not None:
        row.state, row.sent = "waiting", None
        row.code = row.reason = row.cure = None
        row.updated_at = utcnow()
        if step.sent.get("here") and row.node_id is not None:
            node = unit.session.get(Node, (unit.institution, row.node_id))
        if node is not None:
            here = {"parent": node.parent_id, "position": node.position}
            again = here != step.sent["here"]
            # Where among its siblings it is over there, the answer says.
            node.theirs = {**step.sent["here"], "position": None} if again else None
        unit.session.flush()
    yield
    item = unit.get(Item, step.item)
    unit.session.refresh(item)
    row = unit.session.get(Unsent, (unit.institution, step.row), populate_existing=True)
    if row is not None and _done(unit, row, item, node):
        if item.theirs is not None and row.op != NoteWrite.MOVE:
            _set(unit, item, {"theirs": None})
        if row.op == NoteWrite.DELETE:
            _take_out(unit, item)
        unit.session.delete(row)
    if node is not None and step.op.kind == NoteWrite.CREATE:
        _move_on(unit, item, node)
    if lost:
        named = [*item.lost, *(one for one in lost if one not in item.lost)]
        _set(unit, item, {"lost": named})
    unit.audit.append("content.note_sent", f"item:{item.id}", {"op": step.op.kind})
    unit.session.flush()


def _move_on(unit: UnitOfWork, item: Item, node: Node) -> None:
    """A note that was moved while it was made is moved over there as well."""
    unit.session.flush()
    unit.session.refresh(node)
    if node.theirs is None or item.connection_id is None:
        return
    connection = unit.get(Connection, item.connection_id)
    if NoteWrite.MOVE in connection.writes:
        want(unit, connection, item, NoteWrite.MOVE, node=node.id)


def _take_out(unit: UnitOfWork, item: Item) -> None:
    """The places of a deleted note are gone too, where nothing is below them."""
    places = {place.id: place for place in places_of(unit, item)}
    below = select(Node.parent_id).where(
        Node.institution_id == unit.institution,
        Node.parent_id.in_(sorted(places)),
        Node.state == "active",
    )
    for parent in unit.session.scalars(below):
        places.pop(parent or "", None)
    set_state(unit, Node, places.values(), "missing", "deleted", None)


def _done(unit: UnitOfWork, row: Unsent, item: Item, node: Node | None) -> bool:
    """Whether nothing of the change is left that was made since it was sent."""
    if row.op == NoteWrite.MOVE:
        if node is not None:
            unit.session.refresh(node)
        return node is None or node.theirs is None
    if row.op == NoteWrite.DELETE:
        return item.state == "trashed"
    if row.op in _TEXTS:
        return item.theirs is None or Text.of_json(item.theirs).same(text_of(item))
    return True


@contextmanager
def met(unit: UnitOfWork, *, step: Step, gone: bool, version: str | None) -> Iterator[None]:
    """Around the writing of what is over there in place of what was expected."""
    yield
    row = unit.session.get(Unsent, (unit.institution, step.row), populate_existing=True)
    if row is None:
        return
    item = unit.get(Item, step.item)
    unit.session.refresh(item)
    if version is not None:
        _set(unit, item, {"remote_version": version})
    if gone and item.connection_id is not None:
        if row.op == NoteWrite.DELETE:
            _set(unit, item, {"theirs": None})
        unit.session.delete(row)
    else:
        row.state, row.sent, row.updated_at = "waiting", None, utcnow()
    unit.session.flush()


@command("content:write")
def failed(unit: UnitOfWork, row_id: str, error: BloopError, *, unknown: bool = True) -> None:
    """It may work later; ``unknown`` says that it, or an earlier try, may have come through."""
    row = _told(unit, row_id, error)
    if row is not None and not unknown:
        row.state, row.sent = "waiting", None


@command("content:write")
def refused(unit: UnitOfWork, row_id: str, error: BloopError) -> None:
    """The other side does not take it; it stays here, with the reason, until somebody decides."""
    row = _told(unit, row_id, error)
    if row is not None:
        row.state, row.sent = "refused", None
        unit.audit.append("content.note_refused", f"item:{row.item_id}", {"code": row.code})


def _told(unit: UnitOfWork, row_id: str, error: BloopError) -> Unsent | None:
    row = unit.session.get(Unsent, (unit.institution, row_id))
    if row is not None:
        row.code, row.reason = error.code[:60], error.message[:2000]
        row.cure = (error.cure or "")[:1000] or None
        row.updated_at = utcnow()
        unit.session.flush()
    return row
