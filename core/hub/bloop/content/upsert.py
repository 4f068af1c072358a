"""Writing a batch: rows, versions and events of all that changed, in a constant number of queries.

Every function here runs inside the one transaction that also saves the batch's cursor.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from orjson import Fragment
from sqlalchemy import bindparam, select

from bloop.content.bulk import insert_rows, named_rows, of_connection, update_rows
from bloop.content.changes import (
    announce_all,
    announce_row,
    kind_of_subject,
    known_owners,
    load,
)
from bloop.content.enrolling.models import Audience
from bloop.content.incoming import UNSEEN, WRITE_ORDER, Incoming, Work, find_ids
from bloop.content.models import (
    CalendarEvent,
    Completion,
    Container,
    Enrolment,
    Item,
    Node,
    Outcome,
    Person,
    Section,
    Sourced,
    Submission,
)
from bloop.content.tree import in_cycle
from bloop.content.versions import keep, subject_of
from bloop.kernel.models import Connection
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Ref, records

Link = Callable[[Incoming], str | None]
"""Fills in the ids of the rows that a record points at; gives the reason why it can't."""


class Upsert:
    """The writing of one batch of one run."""

    def __init__(
        self,
        unit: UnitOfWork,
        connection_id: str,
        run_id: str,
        into_id: str | None,
        items: Mapping[Ref, str],
    ) -> None:
        self._unit = unit
        self._connection = connection_id
        self._run = run_id
        self._into = into_id
        self._items = items
        self._containers: dict[str, str] = {}
        self._pending: set[str] = set()
        self._rows: dict[Ref, str] = {}
        self._parents: dict[str, tuple[str, str]] = {}

    def write(self, work: Work) -> Counter[str]:
        """Write what changed; how many rows of each kind. Rejects are added to ``work``."""
        written: Counter[str] = Counter()
        self._find_containers(work)
        changed: defaultdict[type[Sourced], list[Incoming]] = defaultdict(list)
        for one in work.incoming.values():
            if one.changed:
                changed[one.model].append(one)
        if self._into is not None:
            changed.pop(Container, None)
        for model in WRITE_ORDER:
            if model in changed:
                written.update(self._write_table(work, model, changed[model]))
        return written

    def _write_table(
        self, work: Work, model: type[Sourced], changed: list[Incoming]
    ) -> Iterable[str]:
        linked = self._linked(work, changed, self._links(model, changed))
        new = [one for one in linked if one.known is None]
        old = [one for one in linked if one.known is not None]
        if new:
            # First: what was there before may stand below them from now on.
            self._insert(model, new)
        if old:
            old = self._update(work, model, old)
        if model is Container:
            self._containers |= {one.ref.remote_id: self._id(one) for one in new}
            self._pending.update(self._id(one) for one in new)
        if model is Item and new:
            self._rows |= {one.ref: self._id(one) for one in new}
            self._fill_waiting_nodes(new)
        return [one.ref.kind for one in new + old]

    # -- what records point at

    def _find_containers(self, work: Work) -> None:
        names = {
            name
            for one in work.incoming.values()
            if (name := getattr(one.record, "container", None)) is not None
        }
        if self._into is not None:
            own = {one.ref.remote_id for one in work.incoming.values() if one.model is Container}
            self._containers = dict.fromkeys(names | own, self._into)
            return
        columns = ("remote_id", "id", "state", "owner_id")
        for name, id_, state, owner in self._named(Container, columns, names):
            self._containers[name] = id_
            known_owners(self._unit, {id_: owner})
            if state == "pending":
                self._pending.add(id_)

    def _links(self, model: type[Sourced], changed: list[Incoming]) -> Link:
        if model is Node:
            self._find_parents(changed)
            self._find_rows(
                Item,
                [one.record.content for one in changed if isinstance(one.record, records.Node)],
            )
            return self._link_node
        if model in _OF_PEOPLE:
            people = [getattr(one.record, "person", "") for one in changed]
            self._find_rows(Person, [Ref(records.Kind.PERSON, person) for person in people])
            return self._link_person
        if model in _IN_CONTAINERS:
            return self._link_container
        if model is Outcome:
            return self._link_outcome
        return lambda _one: None

    def _find_rows(self, model: type[Sourced], refs: Iterable[Ref | None]) -> None:
        wanted = {ref for ref in refs if ref is not None} - self._rows.keys()
        known = {ref: self._items[ref] for ref in wanted & self._items.keys()}
        found = find_ids(self._unit, self._connection, model, wanted - known.keys())
        self._rows |= known | found

    def _find_parents(self, changed: list[Incoming]) -> None:
        names = {
            parent for one in changed if (parent := getattr(one.record, "parent", None)) is not None
        }
        found = self._named(Node, ("remote_id", "id", "container_id"), names)
        self._parents |= {name: (id_, container) for name, id_, container in found}

    def _named(
        self, model: type[Sourced], columns: tuple[str, ...], names: Iterable[str]
    ) -> Sequence[Any]:
        wanted = sorted(names)
        if not wanted:
            return []
        return named_rows(self._unit, model, columns, self._connection, {"remote_id": wanted})

    def _linked(self, work: Work, changed: list[Incoming], link: Link) -> list[Incoming]:
        linked = []
        for one in changed:
            reason = link(one)
            if reason is None:
                linked.append(one)
            else:
                self._reject(work, one, reason)
        return linked

    def _reject(self, work: Work, one: Incoming, reason: str) -> None:
        work.reject(str(one.ref), reason, "record_dangling", one.record.raw)
        del work.incoming[one.ref]

    def _link_container(self, one: Incoming) -> str | None:
        assert one.columns is not None
        name = getattr(one.record, "container", "")
        found = self._containers.get(name)
        if found is None:
            return f"its container {name!r} is not known"
        one.columns["container_id"] = found
        return None

    def _link_node(self, one: Incoming) -> str | None:
        record = one.record
        assert isinstance(record, records.Node)
        assert one.columns is not None
        if reason := self._link_container(one):
            return reason
        container = one.columns["container_id"]
        one.columns["parent_id"] = None
        if record.parent is not None:
            parent = self._parents.get(record.parent)
            if parent is None or parent[1] != container:
                return f"its parent {record.parent!r} is not known in its container"
            one.columns["parent_id"] = parent[0]
        one.columns["item_id"] = self._rows.get(record.content) if record.content else None
        self._parents[record.remote_id] = (self._id(one), container)
        return None

    def _link_person(self, one: Incoming) -> str | None:
        assert one.columns is not None
        if reason := self._link_container(one):
            return reason
        person = getattr(one.record, "person", "")
        found = self._rows.get(Ref(records.Kind.PERSON, person))
        if found is None:
            return f"its person {person!r} is not known"
        one.columns["person_id"] = found
        return None

    def _link_outcome(self, one: Incoming) -> str | None:
        assert one.columns is not None
        one.columns["container_id"] = None
        if getattr(one.record, "container", None) is None:
            return None
        return self._link_container(one)

    # -- writing

    def _id(self, one: Incoming) -> str:
        """The id of the record's row; a new one is chosen when it is first asked for."""
        if one.known is not None:
            return one.known.id
        assert one.columns is not None
        found: str = one.columns.setdefault("id", new_id())
        return found

    def _insert(self, model: type[Sourced], new: list[Incoming]) -> None:
        now = utcnow()
        rows = []
        for one in new:
            assert one.columns is not None
            self._id(one)
            record = one.record
            row = one.columns | {
                "raw_hash": one.hash,
                "created_at": record.created_at or now,
                "updated_at": record.updated_at or now,
            }
            if record.raw:
                row["raw"] = Fragment(one.json)
            if model is Item:
                row["concealed"] = self._is_concealed(row["container_id"])
            rows.append(row)
        shared: dict[str, Any] = {
            "institution_id": self._unit.institution,
            "connection_id": self._connection,
            "run_id": self._run,
            "row_version": 1,
            "state": "active",
        }
        if model is Container:
            shared |= {"state": "pending", **self._whose}
            known_owners(self._unit, {row["id"]: shared["owner_id"] for row in rows})
        insert_rows(self._unit, model, rows, shared)
        self._announce(model, rows)

    def _is_concealed(self, container_id: str) -> bool:
        """A new item is hidden until the end of the run, which knows whether its place is open.

        In a container that is pending nobody sees it anyway, and most stay as they are written.
        """
        return container_id not in self._pending

    @cached_property
    def _whose(self) -> dict[str, Any]:
        """Whom a new container is for: what a live system holds was shown to its enrolled alone.

        What somebody has connected for themselves is theirs.
        """
        connection = self._unit.get(Connection, self._connection)
        owner = connection.owner_id
        if owner is not None:
            return {"owner_id": owner, "audience": Audience.OWNER}
        audience = Audience.OPEN if "file" in connection.settings else Audience.ENROLLED
        return {"owner_id": None, "audience": audience}

    def _announce(self, model: type[Sourced], rows: Iterable[Mapping[str, Any]]) -> None:
        subject = subject_of(model)
        told = [
            (
                row["id"],
                row.get("kind") or kind_of_subject(subject, row.get("item_kind")),
                row["id"] if model is Container else row.get("container_id"),
            )
            for row in rows
        ]
        announce_all(self._unit, model, "created", told, new=True)

    def _update(self, work: Work, model: type[Sourced], old: list[Incoming]) -> list[Incoming]:
        rows = load(self._unit, model, [self._id(one) for one in old])
        if model is Node:
            old = self._without_cycles(work, self._in_place(work, old, rows), rows)
        touched = [rows[self._id(one)] for one in old]
        keep(self._unit, touched, "synced", self._run)
        now = utcnow()
        changes = []
        for one, row in zip(old, touched, strict=True):
            assert one.columns is not None
            values = one.columns | {
                "raw_hash": one.hash,
                "updated_at": one.record.updated_at or now,
            }
            values["state"] = "active" if row.state in UNSEEN or one.revived else row.state
            changes.append((row, values))
            announce_row(self._unit, row, "updated")
        update_rows(self._unit, model, changes)
        return old

    def _in_place(self, work: Work, old: list[Incoming], rows: Mapping[str, Any]) -> list[Incoming]:
        kept = []
        for one in old:
            if one.columns and one.columns["container_id"] == rows[self._id(one)].container_id:
                kept.append(one)
            else:
                self._reject(work, one, "it was in another container before")
        return kept

    def _without_cycles(
        self, work: Work, old: list[Incoming], rows: Mapping[str, Any]
    ) -> list[Incoming]:
        """Moves of known nodes can close a circle, which would take the branch out of the tree."""
        moves = {
            self._id(one): one.columns["parent_id"]
            for one in old
            if one.columns and one.columns["parent_id"] != rows[self._id(one)].parent_id
        }
        if not any(moves.values()):
            return old
        containers = {rows[id_].container_id for id_ in moves}
        known = self._unit.session.execute(
            select(Node.id, Node.parent_id).where(
                Node.institution_id == self._unit.institution, Node.container_id.in_(containers)
            )
        )
        parents: dict[str, str | None] = {row.id: row.parent_id for row in known}
        parents |= moves
        kept = []
        for one in old:
            if self._id(one) in moves and in_cycle(parents, self._id(one)):
                self._reject(work, one, "it would stand below itself")
            else:
                kept.append(one)
        return kept

    def _fill_waiting_nodes(self, new: list[Incoming]) -> None:
        """Nodes that were read before their items get their ids now."""
        of = of_connection(self._unit, self._connection)
        if self._unit.connection.scalar(_WAITING, of) is None:
            return
        items: dict[tuple[str | None, str | None], str] = {
            (one.ref.kind, one.ref.remote_id): self._id(one) for one in new
        }
        named = {"item_remote_id": sorted({one.ref.remote_id for one in new})}
        waiting = named_rows(self._unit, Node, ("id",), self._connection, named, without="item_id")
        nodes = load(self._unit, Node, [id_ for (id_,) in waiting]).values()
        changes = [
            (node, {"item_id": items[key]})
            for node in nodes
            if (key := (node.item_kind, node.item_remote_id)) in items
        ]
        update_rows(self._unit, Node, changes)
        for node, _ in changes:
            announce_row(self._unit, node, "updated")


_WAITING = (
    select(Node.id)
    .where(
        Node.institution_id == bindparam("of_institution"),
        Node.connection_id == bindparam("of_connection"),
        Node.item_remote_id.is_not(None),
        Node.item_id.is_(None),
    )
    .limit(1)
)
_IN_CONTAINERS: frozenset[type[Sourced]] = frozenset({Item, Section, CalendarEvent})
_OF_PEOPLE: frozenset[type[Sourced]] = frozenset({Enrolment, Submission, Completion})
