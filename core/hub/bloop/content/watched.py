"""What a watch has seen of a connection: compared with what the hub holds, and read where it isn't.

A hint is never believed. It says that something should be read, or that there is nothing to read:
the hub holds what was seen, because it wrote it itself or because a sync has been there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, or_, select

from bloop.content.codec import kind_of, raw_hash
from bloop.content.models import Item, Node
from bloop.jobs.models import OVER, Job
from bloop.kernel.models import Connection
from bloop.store.statements import institution, register
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, Kind, MalformedRecordError, Ref, records

MOST = 500
"""So many records are compared one by one; where there are more, something is new among them."""
_LIVE = frozenset({"active", "pending"})

BUSY = register(
    "content.connection_busy",
    select(Job.id)
    .join(Connection, or_(Job.id == Connection.job_id, Job.id == Connection.send_job))
    .where(
        Connection.institution_id == institution,
        Connection.id == bindparam("id"),
        Job.institution_id == institution,
        Job.state.not_in(sorted(OVER)),
    )
    .limit(1),
    heavy=True,
    whole="a watch asks when it may go on, and shows nothing",
)
"""A job that reads a connection, or writes to it, or is about to."""


@dataclass
class Seen:
    """What a watch has seen and nobody has looked at; of each record the newest."""

    anything: bool = False
    there: dict[Ref, records.Content | records.Node] = field(default_factory=dict)
    gone: set[Ref] = field(default_factory=set)

    def add(self, batch: Batch) -> None:
        """Take a hint up. What cannot be compared stands for anything."""
        empty = not batch.records and not batch.deleted
        self.anything = self.anything or empty or bool(batch.skipped)
        for record in batch.records:
            if not isinstance(record, records.Content | records.Node):
                self.anything = True
                continue
            ref = Ref(kind_of(record), record.remote_id)
            self.there[ref] = record
            self.gone.discard(ref)
        for ref in batch.deleted:
            self.there.pop(ref, None)
            self.gone.add(ref)
        self._bound()

    def then(self, newer: Seen) -> None:
        """Take up what was seen since."""
        self.anything = self.anything or newer.anything
        self.there = {r: one for r, one in self.there.items() if r not in newer.gone} | newer.there
        self.gone = (self.gone - newer.there.keys()) | newer.gone
        self._bound()

    def _bound(self) -> None:
        if self.anything or len(self.there) + len(self.gone) > MOST:
            self.anything = True
            self.there.clear()
            self.gone.clear()


def is_held(unit: UnitOfWork, connection_id: str, seen: Seen) -> bool:
    """Whether a read would find nothing new of what was seen."""
    refs = [*seen.there, *seen.gone]
    rows = _rows(unit, connection_id, Node, (r for r in refs if r.kind is Kind.MODULE))
    rows |= _rows(unit, connection_id, Item, (r for r in refs if r.kind is not Kind.MODULE))
    try:
        return all(
            ref in rows and _same(rows[ref], record) for ref, record in seen.there.items()
        ) and not any(ref in rows and rows[ref].state in _LIVE for ref in seen.gone)
    except MalformedRecordError:
        return False  # The sync tells whose it is.


def _rows(
    unit: UnitOfWork, connection_id: str, model: Any, refs: Iterable[Ref]
) -> dict[Ref, Item | Node]:
    names = sorted({ref.remote_id for ref in refs})
    if not names:
        return {}
    found = unit.session.scalars(
        select(model).where(
            model.institution_id == unit.institution,
            model.connection_id == connection_id,
            model.remote_id.in_(names),
        )
    )
    return {Ref(Kind(getattr(row, "kind", Kind.MODULE)), row.remote_id): row for row in found}


def _same(row: Item | Node, record: records.Content | records.Node) -> bool:
    if isinstance(record, records.Node) and isinstance(row, Node):
        # One that comes or goes moves its neighbours on, which is no news of them.
        position: Any = row.position
        record = replace(record, position=int(position) if position == int(position) else position)
    return row.state in _LIVE and row.raw_hash == raw_hash(record)
