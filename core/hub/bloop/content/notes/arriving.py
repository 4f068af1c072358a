"""What a batch brings for notes that were changed here: merged with that, never written over it.

    arriving = Arriving(unit, connection_id, run_id, work)
    arriving.merge()     # before the batch is written: changes the columns of its records
    ...
    arriving.finish()    # afterwards: copies of conflicts, and places that were moved here

A sync, a hint, a retry and the answer to a write all come this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from bloop.content.bulk import update_rows
from bloop.content.changes import chunks
from bloop.content.codec import columns_of
from bloop.content.incoming import Incoming, Known, Work
from bloop.content.models import Item, Node, Sourced
from bloop.content.notes.conflicts import keep_conflict
from bloop.content.notes.merge import Text, merge
from bloop.content.notes.models import Unsent
from bloop.content.notes.texts import columns_of_text, retitle, text_of
from bloop.content.notes.waiting import drop, is_file, unsent_of, want
from bloop.kernel.models import Connection
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind, NoteWrite, records

_SHOWN = (Item.institution_id == Node.institution_id) & (Item.id == Node.item_id)


class Arriving:
    """One batch, as far as it is of notes that were changed here."""

    def __init__(self, unit: UnitOfWork, connection_id: str, run_id: str, work: Work) -> None:
        self._unit = unit
        self._connection = connection_id
        self._run = run_id
        self._work = work
        self._conflicts: list[tuple[str, str, Text | None, str]] = []
        self._updates: list[str] = []
        self._titles: list[str] = []
        self._moved: list[tuple[str, str | None, float]] = []

    def merge(self) -> None:
        """Give the batch's records the columns that their rows shall have."""
        notes = [one for one in self._work.incoming.values() if one.ref.kind is Kind.NOTE]
        places = [one for one in self._work.incoming.values() if _shows_note(one.record)]
        for item, one in self._changed_here(Item, notes):
            if item.state == "trashed":
                self._deleted_here(item, one)
            elif one.changed and one.columns is not None:
                self._edited_here(item, one.columns)
        self._find_places(places)
        for node, one in self._changed_here(Node, places):
            self._moved_here(node, one)

    def finish(self) -> None:
        """What can be written once the batch is."""
        unit = self._unit
        for id_, parent, position in self._moved:
            node = unit.get(Node, id_)
            unit.session.refresh(node)
            if (node.parent_id, node.position) != (parent, position):
                update_rows(unit, Node, [(node, {"parent_id": parent, "position": position})])
                unit.session.expire(node)
        for id_ in [*self._updates, *self._titles, *(conflict[0] for conflict in self._conflicts)]:
            item = unit.get(Item, id_)
            unit.session.refresh(item)
            retitle(unit, item)
            if id_ in self._updates and unsent_of(unit, id_, NoteWrite.UPDATE) is None:
                want(unit, unit.get(Connection, self._connection), item, NoteWrite.UPDATE)
        for id_, how, ours, actor in self._conflicts:
            item = unit.get(Item, id_)
            keep_conflict(
                unit, self._connection, item, how, ours=ours, actor=actor, run_id=self._run
            )

    def _changed_here(
        self, model: type[Any], incoming: Iterable[Incoming]
    ) -> list[tuple[Any, Incoming]]:
        """The rows that something of ours stands in, with what came for them.

        All that will be written are locked: who edits one meanwhile waits, and then edits that.
        """
        by_id = {
            one.known.id: one
            for one in incoming
            if one.known is not None and (one.known.raw_hash != one.hash or one.changed)
        }
        found: list[tuple[Any, Incoming]] = []
        for part in chunks(by_id):
            rows = self._unit.session.scalars(
                select(model)
                .where(model.institution_id == self._unit.institution, model.id.in_(part))
                .order_by(model.id)
                .with_for_update()
            )
            found += [(row, by_id[row.id]) for row in rows if row.theirs is not None]
        return found

    # -- notes

    def _edited_here(self, item: Item, columns: dict[str, Any]) -> None:
        here, there = text_of(item), text_of(columns)
        waiting = unsent_of(self._unit, item.id, NoteWrite.CREATE, NoteWrite.UPDATE)
        merged = merge(_base(item, waiting, there), here, there)
        columns["theirs"] = None
        if merged is None:
            who = waiting.actor if waiting else None
            self._conflicts.append((item.id, "edited", here, who or ""))
            drop(self._unit, item.id, NoteWrite.UPDATE)
        elif merged.same(there):
            self._titles.append(item.id)
            drop(self._unit, item.id, NoteWrite.UPDATE)
        else:
            published, data = columns["published"], columns["data"]
            columns |= columns_of_text(merged, published=published, data=data)
            columns["theirs"] = there.as_json()
            self._updates.append(item.id)

    def _deleted_here(self, item: Item, one: Incoming) -> None:
        """What was edited there comes back; of the rest, the version that is to be deleted."""
        columns = columns_of(one.record)
        there = text_of(columns)
        if Text.of_json(item.theirs or text_of(item).as_json()).same(there):
            kept = {name: columns[name] for name in ("raw", "remote_version")}
            update_rows(self._unit, Item, [(item, {**kept, "raw_hash": one.hash})])
            self._unit.session.expire(item)
            return
        waiting = unsent_of(self._unit, item.id, NoteWrite.DELETE)
        self._conflicts.append((item.id, "deleted_here", None, waiting.actor if waiting else ""))
        drop(self._unit, item.id)
        one.revived, one.columns = True, {**columns, "theirs": None}

    # -- places

    def _moved_here(self, node: Node, one: Incoming) -> None:
        """A place that was moved here alone stays where it is; else it is where they have it."""
        record = one.record
        if not one.changed or one.columns is None or not isinstance(record, records.Node):
            return
        was = node.theirs or {}
        above = self._unit.get(Node, was["parent"]).remote_id if was.get("parent") else None
        # In a file a note gets another number whenever one is put before it.
        numbered = is_file(self._unit.get(Connection, self._connection))
        if record.parent == above and (numbered or was["position"] in {None, record.position}):
            one.columns["theirs"] = {**was, "position": record.position}
            self._moved.append((node.id, node.parent_id, node.position))
        else:
            one.columns["theirs"] = None
            if node.item_id is not None:
                drop(self._unit, node.item_id, NoteWrite.MOVE)

    def _find_places(self, incoming: Sequence[Incoming]) -> None:
        """A place that was made here is the one that comes for the same note."""
        new = {
            one.record.content.remote_id: one
            for one in incoming
            if one.known is None and isinstance(one.record, records.Node) and one.record.content
        }
        for node, remote_id in self._own_places(sorted(new)):
            one = new[remote_id]
            node.connection_id, node.remote_id = self._connection, one.ref.remote_id
            node.item_kind, node.item_remote_id = Kind.NOTE, remote_id
            self._unit.session.flush()
            one.known = Known(node.id, None, node.state, node.row_version)

    def _own_places(self, names: list[str]) -> list[tuple[Node, str]]:
        found: list[tuple[Node, str]] = []
        for part in chunks(names):
            alone = (
                select(func.min(Node.id))
                .join(Item, _SHOWN)
                .where(
                    Node.institution_id == self._unit.institution,
                    Node.connection_id.is_(None),
                    Item.connection_id == self._connection,
                    Item.kind == Kind.NOTE,
                    Item.remote_id.in_(part),
                )
                .group_by(Node.item_id)
                .having(func.count() == 1)
            )
            rows = self._unit.session.execute(
                select(Node, Item.remote_id)
                .join(Item, _SHOWN)
                .where(Node.institution_id == self._unit.institution, Node.id.in_(alone))
            )
            found += [(node, name) for node, name in rows]
        return found


def _shows_note(record: records.Record) -> bool:
    content = record.content if isinstance(record, records.Node) else None
    return content is not None and content.kind is Kind.NOTE


def _base(item: Item, waiting: Unsent | None, there: Text) -> Text:
    """What both sides began with.

    What was sent, and has come back, while nobody knows yet whether it came through, is it too; and
    so is a half of it.
    """
    base = Text.of_json(item.theirs) if item.theirs else text_of(item)
    if waiting is not None and waiting.sent is not None:
        sent = Text.of_json(waiting.sent["text"])
        if sent.same(there):
            return sent
        if there.is_between(base, sent):
            return there
    return base


def gone(unit: UnitOfWork, run_id: str, rows: Iterable[Sourced]) -> None:
    """Rows were marked as gone over there: what was changed here of notes stays, as a copy."""
    for row in rows:
        if not isinstance(row, Item) or row.theirs is None or row.connection_id is None:
            continue
        unit.session.refresh(row)
        waiting = unsent_of(unit, row.id, NoteWrite.UPDATE)
        ours = text_of(row)
        theirs = Text.of_json(row.theirs)
        if not ours.same(theirs):
            keep_conflict(
                unit,
                row.connection_id,
                row,
                "deleted_there",
                ours=ours,
                actor=waiting.actor if waiting else None,
                run_id=run_id,
            )
        drop(unit, row.id)
        row.theirs = None
        unit.session.flush()
