"""What plugins declare of schedules, kept as a row for each institution that uses the plugin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bloop.jobs.models import JobSchedule
from bloop.jobs.times import next_time
from bloop.kernel.models import InstitutionPlugin
from bloop.store.inserting import INSERT
from bloop.store.unit import UnitOfWork

SKEW = timedelta(minutes=10)
"""The clocks of a hub's machines differ by less; one that was set back by more shows itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A schedule as it is declared; ``name`` is its job's kind in the ledger."""

    name: str
    plugin_id: str | None
    every: str
    zone: str
    queue: str
    priority: int
    max_attempts: int

    @property
    def values(self) -> dict[str, Any]:
        """What stands of it in each row, and is changed there with the declaration."""
        return {
            "every": self.every,
            "zone": self.zone,
            "queue": self.queue,
            "priority": self.priority,
            "max_attempts": self.max_attempts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a process declares. Rows of plugins that are ``unready`` here it leaves to others."""

    declared: tuple[Declared, ...] = ()
    unready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What a row lacks. ``seen`` is what it was decided on; None: there was no row."""

    institution: str
    name: str
    values: dict[str, Any]
    seen: dict[str, Any] | None = None


def changes(
    unit: UnitOfWork, wanted: Wanted, institutions: Collection[str], now: datetime, *, anew: bool
) -> list[Change]:
    """How the rows of all institutions differ from what is wanted.

    Only a process that has just taken up other plugins (``anew``) brings rows to what it declares:
    two that declare different things, while a hub is brought to a new version, must not fight.
    """
    # In one order everywhere, so that no two processes that write it wait in a circle.
    order = (JobSchedule.institution_id, JobSchedule.name)
    rows = unit.session.execute(select(*_COLUMNS).order_by(*order)).all()
    off = _switched_off(unit)
    times = _Times(now)
    known = {(row.institution_id, row.name) for row in rows}
    found = []
    for one in wanted.declared:
        for institution in institutions:
            if (institution, one.name) not in known:
                used = (institution, one.plugin_id) not in off
                next_at = times.next(one.every, one.zone, None) if used else None
                values = {**one.values, "plugin_id": one.plugin_id, "next_at": next_at}
                found.append(Change(institution, one.name, values))
    declared = {one.name: one for one in wanted.declared}
    for row in rows:
        match = declared.get(row.name)
        if match is None and row.plugin_id in wanted.unready:
            continue
        values = dict(match.values) if match is not None and anew else {}
        used = match is not None and (row.institution_id, row.plugin_id) not in off
        values["next_at"] = times.of(row, values) if used and not row.paused else None
        if different := {k: v for k, v in values.items() if getattr(row, k) != v}:
            seen = {"next_at": row.next_at, "paused": row.paused}
            found.append(Change(row.institution_id, row.name, different, seen))
    return found


_COLUMNS = (
    JobSchedule.institution_id,
    JobSchedule.name,
    JobSchedule.plugin_id,
    JobSchedule.every,
    JobSchedule.zone,
    JobSchedule.queue,
    JobSchedule.priority,
    JobSchedule.max_attempts,
    JobSchedule.paused,
    JobSchedule.next_at,
    JobSchedule.last_due_at,
)


class _Times:
    """Due times as of now; what is no time has none."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._latest: dict[tuple[str, str], datetime | None] = {}

    def next(self, every: str, zone: str, due: datetime | None) -> datetime | None:
        try:
            return next_time(every, zone, due, self._now)
        except ValueError:
            return None

    def of(self, row: Any, new: dict[str, Any]) -> datetime | None:
        """Its next time stays, unless its rule is another one, or no clock could have given it."""
        every, zone = new.get("every", row.every), new.get("zone", row.zone)
        if row.next_at is not None and (every, zone) == (row.every, row.zone):
            latest = self._latest_of(every, zone)
            if latest is None or row.next_at <= latest:
                at: datetime = row.next_at
                return at
        return self.next(every, zone, row.last_due_at)

    def _latest_of(self, every: str, zone: str) -> datetime | None:
        key = (every, zone)
        if key not in self._latest:
            self._latest[key] = _Times(self._now + SKEW).next(every, zone, None)
        return self._latest[key]


def _switched_off(unit: UnitOfWork) -> set[tuple[str, str | None]]:
    found = select(InstitutionPlugin.institution_id, InstitutionPlugin.plugin_id)
    rows = unit.session.execute(found.where(InstitutionPlugin.enabled.is_(False)))
    return {(institution, plugin) for institution, plugin in rows}


def apply(unit: UnitOfWork, found: Collection[Change]) -> None:
    """Write changes, where nobody else has changed the row meanwhile."""
    insert = INSERT[unit.dialect]
    for one in found:
        if one.seen is None:
            row = insert(JobSchedule).values(
                institution_id=one.institution, name=one.name, **one.values
            )
            unit.session.execute(row.on_conflict_do_nothing())
            continue
        unit.session.execute(
            update(JobSchedule)
            .where(
                JobSchedule.institution_id == one.institution,
                JobSchedule.name == one.name,
                JobSchedule.next_at.is_not_distinct_from(one.seen["next_at"]),
                JobSchedule.paused == one.seen["paused"],
            )
            .values(one.values)
            .execution_options(synchronize_session=False)
        )
