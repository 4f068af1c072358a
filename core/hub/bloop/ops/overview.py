"""What needs somebody's attention now, and how much there is of everything: for administrators.

Each caller gets what they may see elsewhere: an entry needs the action of the page it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import may
from bloop.hub.attention import (
    NEEDED,
    REFUSES,
    Attention,
    Kind,
    ailing,
    failed_since,
    path_of,
)
from bloop.ops.overview_queries import COUNTS, FAILED_SCHEDULES, TROUBLED
from bloop.ops.trends import Part, parts
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import utcnow
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub

EXPIRING_DAYS = 14
PASSING_SECONDS = 180.0
"""What is only impaired mends itself mostly: an index that is some events behind, say."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What to look at, the gravest first, and the counts of :data:`COUNTS`."""

    attention: list[Attention]
    counts: dict[str, int]


async def overview(hub: Hub, call: Call, now: datetime | None = None) -> Overview:
    """All of it, as far as the caller may see it."""
    now, database = now or utcnow(), hub.database
    times = {
        "since": failed_since(now),
        "soon": now + timedelta(days=EXPIRING_DAYS),
    }
    row = await database.read_one(COUNTS, call, **times)
    assert row is not None, "it counts, so there is a row"
    counts = COUNTS.as_dict(row)
    found = [*_of_audit(hub, call), *_of_plugins(hub), *_of_counts(counts)]
    if may(call, NEEDED[Kind.CONNECTION]):
        found += map(_of_connection, to_dicts(TROUBLED, await database.read(TROUBLED, call)))
    if may(call, NEEDED[Kind.SCHEDULE]):
        rows = await database.read(FAILED_SCHEDULES, call)
        found += map(_of_schedule, to_dicts(FAILED_SCHEDULES, rows))
    if may(call, NEEDED[Kind.PART]):
        told = {"events"} if counts["events_parked"] else set()
        found += [one for one in await _of_parts(hub, now) if one.subject not in told]
    order = list(Kind)
    seen = [one for one in found if may(call, NEEDED[one.kind])]
    seen.sort(key=lambda one: (not one.severe, order.index(one.kind), one.subject))
    return Overview(seen, counts | {"plugins_ready": _ready(hub)})


def _ready(hub: Hub) -> int:
    return sum(record.status.state == "ready" for record in hub.kernel.plugins.values())


def _of_audit(hub: Hub, call: Call) -> Iterator[Attention]:
    if (fault := hub.auditing.standing(call.institution).fault) is not None:
        yield Attention(Kind.AUDIT, severe=True, path=path_of(Kind.AUDIT), reason=fault)


def _of_plugins(hub: Hub) -> Iterator[Attention]:
    for record in ailing(hub):
        yield Attention(
            Kind.PLUGIN,
            severe=True,
            path=path_of(Kind.PLUGIN, record.id),
            subject=record.id,
            reason=record.status.reason,
            cure=record.status.cure,
        )


async def _of_parts(hub: Hub, now: datetime) -> list[Attention]:
    return [
        Attention(
            Kind.PART,
            severe=one.ok is False,
            path=path_of(Kind.PART),
            subject=one.name,
            reason=one.detail,
            cure=one.cure,
            since=one.since,
        )
        for one in await parts(hub, now)
        if one.ok is False or one.is_late or (one.ok is None and _lasts(one, now))
    ]


def _lasts(one: Part, now: datetime) -> bool:
    return (now - datetime.fromisoformat(one.since)).total_seconds() > PASSING_SECONDS


def _of_connection(row: Mapping[str, Any]) -> Attention:
    return Attention(
        Kind.CONNECTION,
        severe=row["state"] == REFUSES,
        path=path_of(Kind.CONNECTION, row["id"]),
        subject=row["name"],
        reason=row["reason"],
        cure=row["cure"],
        since=row["since"],
    )


def _of_schedule(row: Mapping[str, Any]) -> Attention:
    error = parsed(row["error"])
    told = error if isinstance(error, Mapping) else {}
    return Attention(
        Kind.SCHEDULE,
        severe=True,
        path=path_of(Kind.SCHEDULE),
        subject=row["name"],
        reason=told.get("message"),
        cure=told.get("cure"),
        since=row["finished_at"],
    )


_COUNTED: tuple[tuple[Kind, str, bool], ...] = (
    (Kind.PARKED, "events_parked", True),
    (Kind.JOBS, "jobs_failed", True),
    (Kind.QUARANTINE, "quarantined", False),
    (Kind.CONFLICTS, "conflicts", False),
    (Kind.WEBHOOKS, "webhooks_failing", True),
    (Kind.KEYS, "keys_expiring", False),
    (Kind.WAITING, "users_waiting", False),
)


def _of_counts(counts: Mapping[str, int]) -> Iterator[Attention]:
    for kind, name, severe in _COUNTED:
        if counts[name]:
            yield Attention(kind, severe=severe, path=path_of(kind), count=counts[name])
