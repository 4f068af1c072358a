"""What a plugin owns in the hub's tables: conditions that count it before it goes, and delete it.

A table that holds something of plugins has its entry in :data:`OWNED`; a test fails for a table
with a ``plugin_id`` or a connection that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from bloop.content import removal
from bloop.content.changes import chunks
from bloop.content.enrolling.models import CourseEnrolment, ItemGrant
from bloop.content.models import Item, Version
from bloop.content.removal import Brought, Mine
from bloop.content.search.models import ItemText
from bloop.events.models import EventConsumer, ParkedEvent
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.models import Connection, InstitutionPlugin, PluginState, UserPlugin
from bloop.learning.training.models import TrainedModel
from bloop.store.models import Blob, PluginFile, PluginValue

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
        return removal.delete_where(session, self.model, self.of(plugin_id))


def connections_of(plugin_id: str) -> Mine:
    """The ids of its connections, in every institution."""
    return select(Connection.id).where(Connection.plugin_id == plugin_id)


def _by_plugin(model: Any) -> Condition:
    return lambda plugin_id: model.plugin_id == plugin_id


def _brought(one: Brought) -> Owned:
    return Owned(one.what, one.model, lambda id_: one.of(connections_of(id_)), one.content)


def _parked(plugin_id: str) -> ColumnElement[bool]:
    consumers = select(EventConsumer.name).where(EventConsumer.plugin_id == plugin_id)
    return ParkedEvent.consumer.in_(consumers)


OWNED = (
    # Before items go, which it is said of.
    Owned("texts that it said of items", ItemText, _by_plugin(ItemText)),
    *map(_brought, removal.BROUGHT),
    Owned("enrolments that it decided", CourseEnrolment, lambda id_: CourseEnrolment.source == id_),
    Owned("single items that it decided", ItemGrant, lambda id_: ItemGrant.source == id_),
    Owned("models of mastery", TrainedModel, _by_plugin(TrainedModel)),
    Owned("schedules", JobSchedule, _by_plugin(JobSchedule)),
    Owned("jobs", Job, _by_plugin(Job)),
    Owned("parked events", ParkedEvent, _parked),
    Owned("positions of consumers", EventConsumer, _by_plugin(EventConsumer)),
    Owned("values", PluginValue, _by_plugin(PluginValue)),
    Owned("files", PluginFile, _by_plugin(PluginFile)),
    Owned("choices of institutions", InstitutionPlugin, _by_plugin(InstitutionPlugin)),
    Owned("settings of users", UserPlugin, _by_plugin(UserPlugin)),
    Owned("states in processes", PluginState, _by_plugin(PluginState)),
)
"""In an order in which foreign keys let them go, and each condition finds what it asks for."""


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
    own = PluginFile.plugin_id == plugin_id
    going |= set(_pairs(session, PluginFile.institution_id, PluginFile.sha256, own))
    kept: list[ColumnElement[bool]] = []
    if content:
        mine = connections_of(plugin_id)
        items = Item.connection_id.in_(mine)
        versions = removal.versions_of(*removal.CONTENT)(mine)
        going |= set(_pairs(session, Item.institution_id, Item.blob, items))
        going |= set(_pairs(session, Version.institution_id, _kept_blob(), versions))
        kept = [items, versions]
    for part in chunks(sorted(going)):
        going -= set(_held(session, part, plugin_id, kept))
    return going


def _kept_blob() -> Any:
    return Version.snapshot["blob"].as_string()


def _pairs(session: Session, owner: Any, blob: Any, *conditions: Any) -> Iterator[tuple[str, str]]:
    rows = session.execute(select(owner, blob).where(blob.is_not(None), *conditions).distinct())
    yield from ((row[0], row[1]) for row in rows)


def _held(
    session: Session, part: list[tuple[str, str]], plugin_id: str, going: list[Any]
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
    others = Job.plugin_id.is_(None) | (Job.plugin_id != plugin_id)
    yield from _pairs(session, Job.institution_id, payload, payload.in_(digests), others)
    files = (PluginFile.sha256.in_(digests), PluginFile.plugin_id != plugin_id)
    yield from _pairs(session, PluginFile.institution_id, PluginFile.sha256, *files)


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
        for column in (Blob.sha256, Item.blob, kept, payload, PluginFile.sha256):
            found |= set(session.scalars(select(column).where(column.in_(part)).distinct()))
    return found
