"""What connections brought and built, as conditions: counted, kept as if written here, deleted.

``mine`` is a query of the ids of connections: one that an institution removes, or all of a plugin
that is purged (:mod:`bloop.ops.purge_rows`). A table with a connection has its entry in
:data:`BROUGHT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from bloop.content import service
from bloop.content.changes import container_of_row, kind_of_row, owners_of, payload_of
from bloop.content.enrolling.models import CourseEnrolment, ItemGrant, PersonLink
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
    Submission,
    Version,
)
from bloop.content.notes.models import Anchor, Conflict, NotePlace, Unsent
from bloop.content.search.models import ItemText
from bloop.content.sync_models import Quarantine, SyncCursor, SyncRun, SyncSeen
from bloop.content.versions import subject_of
from bloop.kernel.connections import audited
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork

Mine = Select[str]
Condition = Callable[[Mine], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Brought:
    """Rows of one table that connections brought; ``of`` gives their condition.

    ``content`` goes only where that is asked for.
    """

    what: str
    model: Any
    of: Condition
    content: bool = False

    def count(self, session: Session, mine: Mine) -> int:
        """How many there are."""
        found = select(func.count()).select_from(self.model).where(self.of(mine))
        return session.scalar(found) or 0

    def delete(self, session: Session, mine: Mine) -> int:
        """Delete them; how many there were."""
        return delete_where(session, self.model, self.of(mine))


def delete_where(session: Session, model: Any, condition: ColumnElement[bool]) -> int:
    """Delete rows of a table; how many there were."""
    gone: Any = session.execute(
        delete(model).where(condition).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)


def _by_connection(model: Any) -> Condition:
    found: Condition = model.connection_id.in_
    return found


def versions_of(*models: Any) -> Condition:
    """Versions of rows that came over them; they may hold what people are called."""

    def condition(mine: Mine) -> ColumnElement[bool]:
        found: ColumnElement[bool] | None = None
        for model in models:
            one = (Version.subject == model.__tablename__) & exists().where(
                model.institution_id == Version.institution_id,
                model.id == Version.subject_id,
                model.connection_id.in_(mine),
            )
            found = one if found is None else found | one
        assert found is not None
        return found

    return condition


def _links(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Person.institution_id == PersonLink.institution_id,
        Person.id == PersonLink.person_id,
        Person.connection_id.in_(mine),
    )


def _seats(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Container.institution_id == CourseEnrolment.institution_id,
        Container.id == CourseEnrolment.container_id,
        Container.connection_id.in_(mine),
    )


def _anchors(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Item.institution_id == Anchor.institution_id,
        Item.id == Anchor.item_id,
        Item.connection_id.in_(mine),
    )


def _item_texts(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Item.institution_id == ItemText.institution_id,
        Item.id == ItemText.item_id,
        Item.connection_id.in_(mine),
    )


def _grants(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Item.institution_id == ItemGrant.institution_id,
        Item.id == ItemGrant.item_id,
        Item.connection_id.in_(mine),
    )


def _note_places(mine: Mine) -> ColumnElement[bool]:
    return exists().where(
        Container.institution_id == NotePlace.institution_id,
        Container.id == NotePlace.container_id,
        Container.connection_id.in_(mine),
    )


CONTENT = (Node, Item, Outcome, CalendarEvent, Container)
"""What is read and built upon."""

OF_PEOPLE = (Submission, Completion, Enrolment, Section, Person)
"""Who takes part and what they did, as the other systems hold it."""

BROUGHT = (
    Brought("changes that were not sent", Unsent, _by_connection(Unsent)),
    Brought("conflicts of notes", Conflict, _by_connection(Conflict)),
    Brought("versions of people", Version, versions_of(*OF_PEOPLE)),
    Brought("submissions", Submission, _by_connection(Submission)),
    Brought("completions", Completion, _by_connection(Completion)),
    Brought("enrolments", Enrolment, _by_connection(Enrolment)),
    Brought("sections", Section, _by_connection(Section)),
    Brought("links of people", PersonLink, _links),
    Brought("people of its systems", Person, _by_connection(Person)),
    Brought("versions of content", Version, versions_of(*CONTENT), content=True),
    Brought("what own notes are about", Anchor, _anchors, content=True),
    Brought("what plugins say of items", ItemText, _item_texts, content=True),
    Brought("single items for people", ItemGrant, _grants, content=True),
    Brought("places", Node, _by_connection(Node), content=True),
    Brought("items", Item, _by_connection(Item), content=True),
    Brought("outcomes", Outcome, _by_connection(Outcome), content=True),
    Brought("calendar events", CalendarEvent, _by_connection(CalendarEvent), content=True),
    Brought("marks of runs", SyncSeen, _by_connection(SyncSeen)),
    Brought("cursors", SyncCursor, _by_connection(SyncCursor)),
    Brought("quarantined records", Quarantine, _by_connection(Quarantine)),
    Brought("runs", SyncRun, _by_connection(SyncRun)),
    Brought("enrolments made here", CourseEnrolment, _seats, content=True),
    Brought("where own notes go", NotePlace, _note_places, content=True),
    Brought("courses and notebooks", Container, _by_connection(Container), content=True),
    Brought("connections", Connection, Connection.id.in_),
)
"""In an order in which foreign keys let them go, and each condition finds what it asks for."""


def detach_content(session: Session, mine: Mine) -> None:
    """Keep content as if it had been written here: it has no connection any more."""
    model: Any
    for model in CONTENT:
        # Neither a new version nor a change: what is read stays the same.
        own = {"theirs": None} if hasattr(model, "theirs") else {}
        session.execute(
            update(model.__table__)
            .where(model.connection_id.in_(mine))
            .values(connection_id=None, **own)
        )


def built_upon(session: Session, mine: Mine) -> int:
    """How much others have put into what they brought, which could not go alone."""
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


def announce_deleted(unit: UnitOfWork, mine: Mine, models: Iterable[Any] = CONTENT) -> None:
    """Tell consumers of all that goes, each in its institution."""
    # What was read from a file may have its places in somebody else's course.
    places = select(Node.container_id).where(Node.connection_id.in_(mine))
    unit.session.execute(
        update(Container).where(Container.id.in_(places)).values(tree_version=new_id())
    )
    for model in models:
        rows = unit.session.scalars(select(model).where(model.connection_id.in_(mine)))
        for row in rows.yield_per(500):
            subject, inside = subject_of(model), container_of_row(row)
            owners = owners_of(unit, [] if inside is None else [inside])
            payload = payload_of(row.id, kind_of_row(row), inside, "deleted", owners)
            unit.outbox.append(
                f"content.{subject}.deleted",
                f"{subject}:{row.id}",
                payload,
                institution=row.institution_id,
            )
            unit.session.expunge(row)


@command("connections:end")
def remove_connection(unit: UnitOfWork, connection_id: str, *, trash: bool) -> dict[str, int]:
    """Remove a connection; how many rows went, by kind.

    What it brought of people goes with it. Its courses stay as if they had been written here, or go
    into the trash. Nobody may be reading it.
    """
    session, row = unit.session, unit.get(Connection, connection_id)
    told = {"plugin": row.plugin_id, "content": "trashed" if trash else "kept"}
    told |= audited(row, {"name": row.name})
    mine = select(Connection.id).where(
        Connection.institution_id == unit.institution, Connection.id == connection_id
    )
    courses = session.scalars(
        select(Container.id).where(
            Container.institution_id == unit.institution,
            Container.connection_id == connection_id,
            Container.state != "trashed",
        )
    ).all()
    announce_deleted(unit, mine, OF_PEOPLE)
    detach_content(session, mine)
    gone = {one.what: one.delete(session, mine) for one in BROUGHT if not one.content}
    session.expire_all()
    for course in courses if trash else ():
        service.trash(unit, Container, course, None)
    gone = {what: count for what, count in gone.items() if count}
    unit.audit.append("connections:delete", f"connection:{connection_id}", told | {"rows": gone})
    return gone
