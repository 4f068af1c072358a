"""What was kept of how the hub does, as it is shown: over time, and part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bloop.accounts.sessions import system_call
from bloop.ops.queries import CHECKS, SAMPLES
from bloop.ops.topology import STALE_SECONDS
from bloop.ops.vitals import LEVELS, SAMPLE_SECONDS
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import to_text, utcnow
from bloop.telemetry.totals import quantile

if TYPE_CHECKING:
    from bloop.hub import Hub

RANGES = {"1h": 60, "24h": 900, "7d": 3600}
"""How far back one may look, and the seconds of one step then."""

LATE_SECONDS = 3 * SAMPLE_SECONDS
"""A check that has said nothing for so long is not run any more."""


@dataclass(frozen=True, slots=True)
class Point:
    """One step; None is what nobody counted or measured, as while the hub was not running.

    ``p50`` and ``p95`` are the seconds within which half, and 95 of 100, requests were answered.
    """

    at: str
    requests: int | None = None
    errors: int | None = None
    p50: float | None = None
    p95: float | None = None
    jobs_failed: int | None = None
    jobs_waiting: int | None = None
    events_behind: int | None = None
    database_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """Steps of ``seconds`` each, oldest first, without a gap; ``p50``, ``p95`` of all of them."""

    range: str
    seconds: int
    p50: float | None
    p95: float | None
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Part:
    """What a check says where it says the worst: in the process ``pid`` on ``host``.

    ``ok`` is None where it is not well and the hub works all the same. ``of`` processes have it,
    ``alike`` of them say the same. ``is_late`` where it was not asked for some time.
    """

    name: str
    ok: bool | None
    detail: str
    cure: str | None
    since: str
    checked_at: str
    is_late: bool
    host: str
    pid: int
    alike: int
    of: int


async def trend(hub: Hub, range_: str, now: datetime | None = None) -> Trend:
    """What was kept of a range of :data:`RANGES`, up to now."""
    seconds = RANGES[range_]
    now = now or utcnow()
    last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    steps = LEVELS[seconds] // timedelta(seconds=seconds)
    times = [last - timedelta(seconds=seconds * back) for back in range(steps - 1, -1, -1)]
    call = system_call(EVERY_INSTITUTION)
    rows = to_dicts(
        SAMPLES, await hub.database.read(SAMPLES, call, seconds=seconds, since=times[0])
    )
    kept = {row["at"]: row | {"times": parsed(row["times"])} for row in rows}
    whole = [sum(counts) for counts in _columns(row["times"] for row in kept.values())]
    points = [_point(to_text(at), kept.get(to_text(at))) for at in times]
    return Trend(range_, seconds, quantile(whole, 0.5), quantile(whole, 0.95), points)


def _columns(lists: Iterable[list[int]]) -> Iterable[tuple[int, ...]]:
    """What stands at each place of lists of one length; a version with other bounds is left out."""
    found = list(lists)
    longest = len(found[-1]) if found else 0
    return zip(*(one for one in found if len(one) == longest), strict=True)


def _point(at: str, row: Mapping[str, Any] | None) -> Point:
    if row is None:
        return Point(at)
    values = {name: value for name, value in row.items() if name not in {"at", "times"}}
    times = row["times"]
    return Point(at, **values, p50=quantile(times, 0.5), p95=quantile(times, 0.95))


async def parts(hub: Hub, now: datetime | None = None) -> list[Part]:
    """What the checks say, in the order of checks: of processes that serve and are alive."""
    now = now or utcnow()
    rows = to_dicts(CHECKS, await hub.database.read(CHECKS, system_call(EVERY_INSTITUTION)))
    alive = [row for row in rows if _age(row["beat_at"], now) <= STALE_SECONDS]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in alive:
        groups.setdefault(row["name"], []).append(row)
    return [_part(group, now) for group in groups.values()]


def _part(rows: list[dict[str, Any]], now: datetime) -> Part:
    worst = min(rows, key=lambda row: (_RANK[row["ok"]], row["since"]))
    alike = [row for row in rows if row["ok"] is worst["ok"]]
    return Part(
        **{
            key: worst[key] for key in ("name", "ok", "detail", "cure", "checked_at", "host", "pid")
        },
        since=min(row["since"] for row in alike),
        is_late=_age(worst["checked_at"], now) > LATE_SECONDS,
        alike=len(alike),
        of=len(rows),
    )


_RANK = {False: 0, None: 1, True: 2}


def _age(text: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(text)).total_seconds()
