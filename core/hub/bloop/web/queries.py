"""Registered reads of pages alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from bloop.accounts.models import User
from bloop.content.enrolling.visibility import (
    connection_reachable,
    container_reachable,
    inside_reachable,
)
from bloop.content.imports import IMPORT_JOB
from bloop.content.models import Container, Item, Node
from bloop.content.sync_models import Quarantine
from bloop.events.models import Parked, ParkedEvent
from bloop.events.queries import SHOWN_PARKED
from bloop.jobs.models import Job, JobState
from bloop.jobs.queries import JOB, JOBS
from bloop.kernel.models import Connection
from bloop.store.models import OutboxEvent
from bloop.store.statements import Statement, institution, register

MOST = 500

_placed = exists(
    select(Node.id).where(
        Node.institution_id == institution,
        Node.container_id == Item.container_id,
        Node.item_id == Item.id,
    )
)


def _unplaced(name: str, *conditions: ColumnElement[bool]) -> Statement:
    columns: Any = (Item.id, Item.kind, Item.title, Item.published, Item.state)
    return register(
        name,
        select(*columns)
        .where(
            Item.institution_id == institution,
            Item.container_id == bindparam("container"),
            inside_reachable(Item.container_id),
            Item.kind != "file",
            Item.data["bank"].as_boolean().is_not(True),
            ~_placed,
            *conditions,
        )
        .order_by(Item.kind, Item.id)
        .limit(MOST),
        heavy=True,
    )


UNPLACED = _unplaced("web.unplaced", Item.state != "trashed")
"""What a course holds and its outline does not show, files and question banks aside."""

UNPLACED_SHOWN = _unplaced(
    "web.unplaced_shown",
    Item.state == "active",
    Item.published.is_(True),
    Item.concealed.is_(False),
)
"""The same for learners, in a container that they may see."""

_plugin = bindparam("plugin", type_=String)
_ASKER = User.id == func.substr(Job.actor, len("user:") + 1)


def _jobs(state: str) -> Statement:
    """Jobs with who asked for them; of one state, or of all for ``""``; of a plugin, or all."""
    conditions = [Job.state == literal_column(f"'{state}'")] if state else []
    conditions.append(or_(_plugin == "", Job.plugin_id == _plugin))
    return register(
        f"web.jobs_{state or 'all'}",
        JOBS.select.add_columns(Job.actor_role, User.name.label("asker"))
        .outerjoin(User, (User.institution_id == institution) & _ASKER)
        .where(*conditions),
        heavy=True,
    )


JOBS_BY_STATE = {state: _jobs(state) for state in ("", *JobState)}
"""The newest jobs of a plugin, or of any for ``""``, with ids below ``before``, by state."""

WHOLE_JOB = register(
    "web.job",
    JOB.select.add_columns(
        Job.actor_role, User.name.label("asker"), Job.queue, Job.payload, Job.trace
    ).outerjoin(User, (User.institution_id == institution) & _ASKER),
    heavy=True,
)
"""One job with all that its page tells."""

IMPORTS = register(
    "web.imports",
    JOBS.select.add_columns(Job.actor_role, User.name.label("asker"), Job.payload)
    .outerjoin(User, (User.institution_id == institution) & _ASKER)
    .where(Job.kind == IMPORT_JOB),
    heavy=True,
)
"""The newest imports of files with ids below ``before``."""

IMPORTED = register(
    "web.imported",
    select(
        Container.id,
        Container.kind,
        Container.title,
        Container.state,
        Container.published,
        Container.audience,
    )
    .where(
        Container.institution_id == institution,
        container_reachable,
        Container.state != "trashed",
        or_(Container.connection_id == bindparam("connection"), Container.id == bindparam("into")),
    )
    .order_by(Container.id)
    .limit(MOST),
)
"""The courses that came by a connection, or one that a file was imported into."""

LOST = register(
    "web.lost",
    select(Item.id, Item.kind, Item.title, Item.lost)
    .where(
        Item.institution_id == institution,
        Item.connection_id == bindparam("connection"),
        inside_reachable(Item.container_id),
        Item.state == "active",
        cast(Item.lost, Text) != "[]",
    )
    .order_by(Item.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Items of a connection that could not be taken over whole, with what was lost."""

_behind = aliased(ParkedEvent)
_following = (
    select(func.count())
    .select_from(_behind)
    .where(
        _behind.institution_id == institution,
        _behind.consumer == ParkedEvent.consumer,
        _behind.aggregate == ParkedEvent.aggregate,
        _behind.seq > ParkedEvent.seq,
    )
    .scalar_subquery()
)
_parked = (
    select(*SHOWN_PARKED, OutboxEvent.occurred_at, _following.label("behind"))
    .outerjoin(
        OutboxEvent,
        (OutboxEvent.institution_id == institution) & (OutboxEvent.seq == ParkedEvent.seq),
    )
    .where(ParkedEvent.institution_id == institution)
)

PARKED_FIRST = register(
    "web.parked_first",
    _parked.where(
        ParkedEvent.state != Parked.BEHIND,
        ParkedEvent.id > bindparam("after"),
        or_(
            bindparam("consumer", type_=String) == "",
            ParkedEvent.consumer == bindparam("consumer", type_=String),
        ),
    )
    .order_by(ParkedEvent.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""What is parked or tried again, of a consumer or of all for ``""``; ``behind`` wait for it."""

PARKED_ONE = register(
    "web.parked_one", _parked.where(ParkedEvent.id == bindparam("id")), heavy=True
)
"""One of them."""

_put_aside = (
    Quarantine.institution_id == institution,
    Connection.institution_id == institution,
    Quarantine.resolved_at.is_(None),
    connection_reachable(Quarantine.connection_id),
)

QUARANTINE_COUNTS = register(
    "web.quarantine_counts",
    select(
        Quarantine.connection_id.label("connection"),
        Connection.name.label("system"),
        Quarantine.code,
        func.count().label("count"),
    )
    .join(Connection, Connection.id == Quarantine.connection_id)
    .where(*_put_aside)
    .group_by(Quarantine.connection_id, Connection.name, Quarantine.code)
    .order_by(Connection.name, Quarantine.code),
    heavy=True,
)
"""How many records could not be used, by connection and reason."""

_connection, _code = bindparam("connection", type_=String), bindparam("code", type_=String)

QUARANTINE_OF = register(
    "web.quarantine",
    select(
        Quarantine.id,
        Quarantine.connection_id.label("connection"),
        Connection.name.label("system"),
        Quarantine.ref,
        Quarantine.code,
        Quarantine.reason,
        Quarantine.first_at,
        Quarantine.last_at,
    )
    .join(Connection, Connection.id == Quarantine.connection_id)
    .where(
        *_put_aside,
        or_(_connection == "", Quarantine.connection_id == _connection),
        or_(_code == "", Quarantine.code == _code),
        Quarantine.id > bindparam("after"),
    )
    .order_by(Quarantine.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Those of a connection and for a reason, or of any for ``""``."""
