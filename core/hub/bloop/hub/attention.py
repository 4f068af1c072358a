"""What needs somebody: what counts as such, who is told of it, and what waits for one caller.

The overview of administration (:mod:`bloop.ops.overview`) tells all of it; somebody's day what they
teach and what does not work (:func:`attention`), in one read. Each flag of :data:`WAITING` says
whether the caller may do something about a kind of thing; of what they may not, nothing is read.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from bloop.accounts.actions import may
from bloop.content.enrolling.visibility import (
    connection_reachable,
    container_reachable,
    teaches,
    with_container,
)
from bloop.content.models import Container, Item, Submission
from bloop.content.notes.models import Conflict, Unsent
from bloop.events.models import Parked, ParkedEvent
from bloop.graph.models import Concept, ConceptEdge, Standing
from bloop.jobs.models import Job, JobState
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState, PluginState
from bloop.learning.quizzes.models import Attempt, QuizResponse
from bloop.learning.quizzes.queries import with_attempt, with_item
from bloop.store.statements import institution, reachable, register, to_dicts
from bloop.store.types import UtcDateTime, utcnow
from bloop_sdk import Call, SubmissionState

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import PluginRecord


class Kind(enum.StrEnum):
    """What may need attention, the gravest kinds first."""

    AUDIT = "audit"
    PART = "part"
    PLUGIN = "plugin"
    CONNECTION = "connection"
    PARKED = "parked"
    SCHEDULE = "schedule"
    JOBS = "jobs"
    QUARANTINE = "quarantine"
    CONFLICTS = "conflicts"
    WEBHOOKS = "webhooks"
    KEYS = "keys"
    WAITING = "waiting"


NEEDED: Mapping[Kind, str] = {
    Kind.AUDIT: "audit:read",
    Kind.PART: "ops:read",
    Kind.PLUGIN: "plugins:toggle",
    Kind.CONNECTION: "connections:write",
    Kind.PARKED: "events:read",
    Kind.SCHEDULE: "schedules:read",
    # Educators may look at jobs, and yet one that failed is not theirs to mend.
    Kind.JOBS: "schedules:read",
    Kind.QUARANTINE: "connections:read",
    Kind.CONFLICTS: "connections:read",
    Kind.WEBHOOKS: "webhooks:read",
    Kind.KEYS: "keys:read",
    Kind.WAITING: "users:read",
}
"""The action that who is told of it has."""

_PATHS: Mapping[Kind, str] = {
    Kind.AUDIT: "/audit",
    Kind.PART: "/admin/system",
    Kind.PLUGIN: "/plugins/{id}",
    Kind.CONNECTION: "/connections/{id}",
    Kind.PARKED: "/events/parked",
    Kind.SCHEDULE: "/schedules",
    Kind.JOBS: "/jobs?state=failed",
    Kind.QUARANTINE: "/quarantine",
    Kind.CONFLICTS: "/unsent",
    Kind.WEBHOOKS: "/webhooks",
    Kind.KEYS: "/keys",
    Kind.WAITING: "/people/registration",
}


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that somebody should look at.

    ``subject`` names it, "" where ``count`` of a kind are told at once. ``severe`` is what does not
    work, rather than what does less than it could. ``path`` is the page that tells more.
    """

    kind: Kind
    severe: bool
    path: str
    subject: str = ""
    count: int = 1
    reason: str | None = None
    cure: str | None = None
    since: str | None = None


def path_of(kind: Kind, id_: str = "") -> str:
    """The page that tells more of a kind, or of one of it."""
    return _PATHS[kind].format(id=id_)


AILING = frozenset(
    {
        PluginState.INVALID,
        PluginState.INCOMPATIBLE,
        PluginState.BLOCKED,
        PluginState.NEEDS_UPGRADE,
        PluginState.LOAD_FAILED,
    }
)


def ailing(hub: Hub) -> list[PluginRecord]:
    """The plugins that are wanted and do not work in this process, by their ids."""
    wanted = {id_ for id_, entry in hub.config.value.plugins.items() if entry.enabled}
    return [
        record
        for id_, record in sorted(hub.kernel.plugins.items())
        if id_ in wanted and record.status.state in AILING
    ]


_FAILED_FOR = timedelta(days=3)
"""What failed on a Friday is there on Monday. Longer ago it has been seen, or was asked for again.
"""


def failed_since(now: datetime) -> datetime:
    """The value of ``since`` in :data:`FAILED_LATELY`."""
    return now - _FAILED_FOR


FAILED_LATELY = and_(
    reachable(Job.owner_id),
    Job.state == JobState.FAILED.value,
    Job.finished_at >= bindparam("since", type_=UtcDateTime),
)
PARKED = ParkedEvent.state == Parked.PARKED.value
UNSETTLED = Conflict.settled.is_(None)
REFUSES = ConnectionState.AUTH_FAILED
"""The state of a connection that nothing but somebody's deed ends."""
MOST_NAMED = 5
"""So many connections are named."""

OF_COURSES = ("answers", "to_grade", "conflicts", "refused")
"""What waits in a course: answers to grade in quizzes here, work of other systems to grade, notes
changed on both sides, and refused changes."""


def _flag(name: str) -> ColumnElement[bool]:
    return bindparam(name, type_=Integer) == 1


def _of_course(what: str, model: Any, who: ColumnElement[bool], *conditions: Any) -> Any:
    return (
        select(
            literal(what).label("what"),
            Container.id.label("id"),
            Container.title.label("name"),
            null().label("reason"),
            func.count().label("count"),
        )
        .join_from(
            model,
            Container,
            and_(
                Container.institution_id == model.institution_id,
                Container.id == model.container_id,
            ),
        )
        .where(
            model.institution_id == institution,
            Container.institution_id == institution,
            Container.state != "trashed",
            container_reachable,
            who,
            *conditions,
        )
        .group_by(Container.id, Container.title)
    )


def _count(what: str, flag: str, model: Any, *conditions: Any) -> Any:
    return select(literal(what), literal(""), literal(""), null(), func.count()).where(
        _flag(flag), model.institution_id == institution, *conditions
    )


_teach = and_(_flag("writes"), teaches)
_everything = and_(_flag("writes"), or_(_flag("configures"), teaches))
_refused = (
    select(
        literal("connection"),
        Connection.id,
        Connection.name,
        Connection.reason,
        literal(1),
    )
    .where(
        _flag("connects"),
        Connection.institution_id == institution,
        connection_reachable(Connection.id),
        Connection.state == REFUSES.value,
    )
    .order_by(Connection.since)
    .limit(MOST_NAMED)
    .subquery("refused_connection")
)
_answers = (
    select(literal("answers"), Container.id, Container.title, null(), func.count())
    .select_from(QuizResponse)
    .join(Attempt, with_attempt)
    .join(Item, with_item)
    .join(Container, with_container)
    .where(
        QuizResponse.institution_id == institution,
        Attempt.institution_id == institution,
        Item.institution_id == institution,
        Container.institution_id == institution,
        QuizResponse.score.is_(None),
        Item.state != "trashed",
        Container.state != "trashed",
        container_reachable,
        _teach,
    )
    .group_by(Container.id, Container.title)
)
_waiting = union_all(
    _of_course(
        "to_grade",
        Submission,
        _teach,
        Submission.status == SubmissionState.SUBMITTED.value,
        Submission.state == "active",
    ),
    _answers,
    _of_course("conflicts", Conflict, _everything, UNSETTLED),
    _of_course("refused", Unsent, _everything, Unsent.state == "refused"),
    _count(
        "suggestions",
        "relates",
        Concept,
        Concept.standing == Standing.SUGGESTED.value,
    ),
    _count(
        "suggestions",
        "relates",
        ConceptEdge,
        ConceptEdge.standing == Standing.SUGGESTED.value,
    ),
    select(*_refused.c),
    _count("parked", "sees_events", ParkedEvent, PARKED),
    _count("jobs", "sees_jobs", Job, FAILED_LATELY),
).subquery("waiting")
WAITING = register(
    "hub.waiting",
    select(*_waiting.c).where(_waiting.c.count > 0),
    heavy=True,
)
"""What waits: ``what`` it is, ``id`` and ``name`` of the course or connection, and how many."""

_FLAGS: Mapping[str, str] = {
    "writes": "content:write",
    "configures": "institutions:configure",
    "relates": "graph:write",
    "connects": NEEDED[Kind.CONNECTION],
    "sees_events": NEEDED[Kind.PARKED],
    "sees_jobs": NEEDED[Kind.JOBS],
}


async def attention(hub: Hub, call: Call) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """What waits in courses, by their ids, and what else does: what, id, name, reason, count."""
    flags = {name: int(may(call, action)) for name, action in _FLAGS.items()}
    if not any(flags.values()):
        return {}, []
    rows = await hub.database.read(WAITING, call, **flags, since=failed_since(utcnow()))
    courses: dict[str, list[Any]] = defaultdict(list)
    others: dict[tuple[str, str], dict[str, Any]] = {}
    for one in to_dicts(WAITING, rows):
        if one["what"] in OF_COURSES:
            courses[one["id"]].append(one)
        else:
            kept = others.setdefault((one["what"], one["id"]), one | {"count": 0})
            kept["count"] += one["count"]
    return dict(courses), [*others.values(), *_plugins(hub, call)]


def _plugins(hub: Hub, call: Call) -> Sequence[dict[str, Any]]:
    if not may(call, NEEDED[Kind.PLUGIN]):
        return ()
    return [
        {
            "what": Kind.PLUGIN.value,
            "id": one.id,
            "name": one.id,
            "reason": one.status.reason,
            "count": 1,
        }
        for one in ailing(hub)
    ]


def broken(row: Mapping[str, Any]) -> Attention | None:
    """One of :func:`attention` that does not work; None for work that waits."""
    if row["what"] not in {Kind.PLUGIN, Kind.CONNECTION, Kind.PARKED, Kind.JOBS}:
        return None
    kind = Kind(row["what"])
    return Attention(kind, True, path_of(kind, row["id"]), row["name"], row["count"], row["reason"])
