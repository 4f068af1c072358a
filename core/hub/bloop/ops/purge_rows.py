"""What a plugin owns in the hub's tables: conditions that count it before it goes, and delete it.

A table that holds something of plugins has its entry in :data:`OWNED`; a test fails for a table
with a ``plugin_id`` or a connection that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, func, select, tuple_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from bloop.content.changes import chunks, kind_of_row
from bloop.content.models import (
    CalendarEvent,
    Completion,
    Container,
    Enrolment,
    Item,
    Node,
    Outcome,
    Person,
    Quarantine,
    Section,
    Submission,
    SyncCursor,
    SyncRun,
    SyncSeen,
    Version,
)
from bloop.events.models import EventConsumer, ParkedEvent
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.models import Connection, InstitutionPlugin, PluginState, UserPlugin
from bloop.store.ids import new_id
from bloop.store.models import Blob, PluginValue
from bloop.store.unit import UnitOfWork

Condition = Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Owned:
    """Rows of one table that go with a plugin; ``of`` gives their condition for its id.

    ``content`` goes only where that is asked for.
    """

    what: str
    model: Any
    of: Condition
    content: bool = False

    def count(self, session: Session, plugin_id: str) -> int:
        """How many there are."""
        found = select(func.count()).select_from(self.model).where(self.of(plugin_id))
        return session.scalar(found) or 0

    def delete(self, session: Session, plugin_id: str) -> int:
        """Delete them; how many there were."""
        gone: Any = session.execute(
            delete(self.model)
            .where(self.of(plugin_id))
            .execution_options(synchronize_session=False)
        )
        return int(gone.rowcount)


def connections_of(plugin_id: str) -> Any:
    """The ids of its connections, in every institution."""
    return select(Connection.id).where(Connection.plugin_id == plugin_id)


def _by_plugin(model: Any) -> Condition:
    return lambda plugin_id: model.plugin_id == plugin_id


def _by_connection(model: Any) -> Condition:
    return lambda plugin_id: model.connection_id.in_(connections_of(plugin_id))


def _versions_of(*models: Any) -> Condition:
    """Versions of rows that came over its connections; they may hold what people are called."""

    def condition(plugin_id: str) -> ColumnElement[bool]:
        found: ColumnElement[bool] | None = None
        for model in models:
            one = (Version.subject == model.__tablename__) & exists().where(
                model.institution_id == Version.institution_id,
                model.id == Version.subject_id,
                model.connection_id.in_(connections_of(plugin_id)),
            )
            found = one if found is None else found | one
        assert found is not None
        return found

    return condition


def _seen(plugin_id: str) -> ColumnElement[bool]:
    runs = select(SyncRun.id).where(SyncRun.connection_id.in_(connections_of(plugin_id)))
    return SyncSeen.run_id.in_(runs)


def _parked(plugin_id: str) -> ColumnElement[bool]:
    consumers = select(EventConsumer.name).where(EventConsumer.plugin_id == plugin_id)
    return ParkedEvent.consumer.in_(consumers)


CONTENT = (Node, Item, Outcome, CalendarEvent, Container)
"""What is read and built upon."""

OF_PEOPLE = (Submission, Completion, Enrolment, Section, Person)
"""Who takes part and what they did, as the other systems hold it."""

OWNED = (
    Owned("versions of people", Version, _versions_of(*OF_PEOPLE)),
    Owned("submissions", Submission, _by_connection(Submission)),
    Owned("completions", Completion, _by_connection(Completion)),
    Owned("enrolments", Enrolment, _by_connection(Enrolment)),
    Owned("sections", Section, _by_connection(Section)),
    Owned("people of its systems", Person, _by_connection(Person)),
    Owned("versions of content", Version, _versions_of(*CONTENT), content=True),
    Owned("places", Node, _by_connection(Node), content=True),
    Owned("items", Item, _by_connection(Item), content=True),
    Owned("outcomes", Outcome, _by_connection(Outcome), content=True),
    Owned("calendar events", CalendarEvent, _by_connection(CalendarEvent), content=True),
    Owned("marks of runs", SyncSeen, _seen),
    Owned("cursors", SyncCursor, _by_connection(SyncCursor)),
    Owned("quarantined records", Quarantine, _by_connection(Quarantine)),
    Owned("runs", SyncRun, _by_connection(SyncRun)),
    Owned("courses and notebooks", Container, _by_connection(Container), content=True),
    Owned("connections", Connection, _by_plugin(Connection)),
    Owned("schedules", JobSchedule, _by_plugin(JobSchedule)),
    Owned("jobs", Job, _by_plugin(Job)),
    Owned("parked events", ParkedEvent, _parked),
    Owned("positions of consumers", EventConsumer, _by_plugin(EventConsumer)),
    Owned("values", PluginValue, _by_plugin(PluginValue)),
    Owned("choices of institutions", InstitutionPlugin, _by_plugin(InstitutionPlugin)),
    Owned("settings of users", UserPlugin, _by_plugin(UserPlugin)),
    Owned("states in processes", PluginState, _by_plugin(PluginState)),
)
"""In an order in which foreign keys let them go, and each condition finds what it asks for."""


def detach_content(session: Session, plugin_id: str) -> None:
    """Keep content as if it had been written here: it has no connection any more."""
    model: Any
    for model in CONTENT:
        # Neither a new version nor a change: what is read stays the same.
        session.execute(
            update(model.__table__)
            .where(model.connection_id.in_(connections_of(plugin_id)))
            .values(connection_id=None)
        )


def built_upon(session: Session, plugin_id: str) -> int:
    """How much others have put into content of its connections, which could not go alone."""
    mine = connections_of(plugin_id)
    courses, items, places = (
        select(model.id).where(model.connection_id.in_(mine)) for model in (Container, Item, Node)
    )
    found = 0
    for model, condition in (
        (Item, Item.container_id.in_(courses)),
        *(
            (model, model.container_id.in_(courses))
            for model in (Outcome, CalendarEvent, Section, Enrolment, Submission, Completion)
        ),
        (
            Node,
            Node.container_id.in_(courses) | Node.parent_id.in_(places) | Node.item_id.in_(items),
        ),
        (SyncRun, SyncRun.into_id.in_(courses)),
    ):
        table: Any = model
        others = table.connection_id.is_(None) | table.connection_id.not_in(mine)
        query = select(func.count()).select_from(table).where(condition, others)
        found += session.scalar(query) or 0
    return found


def announce_deleted(unit: UnitOfWork, plugin_id: str) -> None:
    """Tell consumers of all content that goes, each in its institution."""
    # What was read from a file may have its places in somebody else's course.
    places = select(Node.container_id).where(Node.connection_id.in_(connections_of(plugin_id)))
    unit.session.execute(
        update(Container).where(Container.id.in_(places)).values(tree_version=new_id())
    )
    model: Any
    for model in CONTENT:
        rows = unit.session.scalars(
            select(model).where(model.connection_id.in_(connections_of(plugin_id)))
        )
        for row in rows.yield_per(500):
            subject = model.__tablename__
            container = row.id if model is Container else row.container_id
            payload = {
                "id": row.id,
                "kind": kind_of_row(row),
                "container": container,
                "change": "deleted",
            }
            unit.outbox.append(
                f"content.{subject}.deleted",
                f"{subject}:{row.id}",
                payload,
                institution=row.institution_id,
            )
            unit.session.expunge(row)


def blobs_of(session: Session, plugin_id: str, *, content: bool) -> set[tuple[str, str]]:
    """(institution, SHA-256) of bytes that only what goes refers to."""
    jobs = Job.plugin_id == plugin_id
    going = {
        (institution, payload["blob"])
        for institution, payload in session.execute(
            select(Job.institution_id, Job.payload).where(jobs)
        )
        if isinstance(payload.get("blob"), str)
    }
    kept: list[ColumnElement[bool]] = []
    if content:
        items = Item.connection_id.in_(connections_of(plugin_id))
        versions = _versions_of(*CONTENT)(plugin_id)
        going |= set(_pairs(session, Item.institution_id, Item.blob, items))
        going |= set(_pairs(session, Version.institution_id, _kept_blob(), versions))
        kept = [items, versions]
    for part in chunks(sorted(going)):
        going -= set(_held(session, part, jobs, kept))
    return going


def _kept_blob() -> Any:
    return Version.snapshot["blob"].as_string()


def _pairs(session: Session, owner: Any, blob: Any, *conditions: Any) -> Iterator[tuple[str, str]]:
    rows = session.execute(select(owner, blob).where(blob.is_not(None), *conditions).distinct())
    yield from ((row[0], row[1]) for row in rows)


def _held(
    session: Session, part: list[tuple[str, str]], jobs: Any, going: list[Any]
) -> Iterator[tuple[str, str]]:
    """Those that something refers to which stays."""
    digests = {digest for _, digest in part}
    stays = [~condition for condition in going]
    # `NOT (connection IN ...)` is unknown for what was written here.
    items = [Item.connection_id.is_(None) | one for one in stays[:1]]
    yield from _pairs(session, Item.institution_id, Item.blob, Item.blob.in_(digests), *items)
    kept = _kept_blob()
    yield from _pairs(session, Version.institution_id, kept, kept.in_(digests), *stays[1:])
    payload = Job.payload["blob"].as_string()
    others = Job.plugin_id.is_(None) | ~jobs
    yield from _pairs(session, Job.institution_id, payload, payload.in_(digests), others)


def forget_blobs(session: Session, blobs: set[tuple[str, str]]) -> None:
    """Delete the rows that say who holds them."""
    for part in chunks(sorted(blobs)):
        session.execute(
            delete(Blob)
            .where(tuple_(Blob.institution_id, Blob.sha256).in_(part))
            .execution_options(synchronize_session=False)
        )


def held_anywhere(session: Session, digests: set[str]) -> set[str]:
    """Those that a row of any institution still names."""
    found: set[str] = set()
    kept, payload = _kept_blob(), Job.payload["blob"].as_string()
    for part in chunks(sorted(digests)):
        for column in (Blob.sha256, Item.blob, kept, payload):
            found |= set(session.scalars(select(column).where(column.in_(part)).distinct()))
    return found
