"""Counting what is stored: for each institution what is its own, and the whole for operators.

It reads all tables, so it is never done for somebody who waits: once a day, and as a job.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from bloop.accounts.models import Institution
from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.hub.storage.files import Files, files
from bloop.hub.storage.models import StorageCount
from bloop.hub.storage.queries import COUNTED
from bloop.hub.storage.tables import Table, tables, used
from bloop.hub.sweeping import sweep
from bloop.store.inserting import INSERT
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow

if TYPE_CHECKING:
    from bloop.hub import Hub

EVERY = timedelta(hours=23)
"""How often a hub counts by itself; it looks every hour."""
NEW = timedelta(hours=1)
"""A hub that is younger has nothing yet that is worth counting."""
MOST_INSTITUTIONS = 50


@dataclass(slots=True)
class Rows:
    """Rows of an area, or of a plugin's tables."""

    name: str
    plugin: bool
    rows: int


@dataclass(slots=True)
class Own:
    """What one institution stores."""

    files: Files
    areas: list[Rows]


@dataclass(slots=True)
class Sized:
    """A table, or the tables of an area; ``bytes`` is None where the database does not tell."""

    name: str
    bytes: int | None
    rows: int


@dataclass(slots=True)
class Area(Sized):
    """The tables of a domain, or of a plugin, which is perhaps no longer installed."""

    plugin: bool = False
    tables: list[Sized] = field(default_factory=list)


@dataclass(slots=True)
class Tenant:
    """What of the hub one institution takes."""

    id: str
    name: str
    rows: int
    files: int
    bytes: int


@dataclass(slots=True)
class Whole:
    """The whole hub. Sizes in bytes; ``unused_bytes`` are pages that the database fills again.

    ``free`` is what a sweep would remove (:class:`bloop.hub.sweeping.Swept`).
    """

    database_bytes: int
    unused_bytes: int
    disk_bytes: int
    files: int
    file_bytes: int
    areas: list[Area]
    institutions: list[Tenant]
    free: dict[str, int]


def count(hub: Hub, institution: str | None = None) -> datetime:
    """Count what an institution stores, or the whole hub and each of its institutions; when."""
    call, now = system_call(institution or EVERY_INSTITUTION), utcnow()
    with hub.database.reading(call) as unit:
        own = files(unit.session, institution)
        sizes = tables(unit.connection, institution)
        space = used(unit.connection)
        names: dict[str, str] = {}
        if institution is None:
            names = {row.id: row.name for row in unit.session.execute(_NAMES)}
    of = [institution] if institution else list(names)
    found = {one: asdict(Own(own.get(one, Files()), _areas(sizes, one))) for one in of}
    if institution is None:
        found[EVERY_INSTITUTION] = asdict(_whole(hub, space, sizes, own, names))
    with hub.database.unit(call) as unit:
        add = INSERT[unit.dialect](StorageCount)
        rows = [
            {"institution_id": one, "counted_at": now, "found": it} for one, it in found.items()
        ]
        unit.connection.execute(
            add.on_conflict_do_update(
                index_elements=["institution_id"],
                set_={"counted_at": add.excluded.counted_at, "found": add.excluded.found},
            ),
            rows,
        )
    return now


def count_if_due(hub: Hub) -> None:
    """Count once a day, whichever process looks first; of a new hub not in its first hour."""
    call, now = system_call(EVERY_INSTITUTION), utcnow()
    row = next(iter(hub.database.read_now(COUNTED, call)), None)
    if row is not None:
        due = now - datetime.fromisoformat(row[0]) >= EVERY
    else:
        made = [row[-1] for row in hub.database.read_now(INSTITUTIONS, call)]
        due = bool(made) and now - datetime.fromisoformat(min(made)) >= NEW
    if due:
        count(hub)


_NAMES = select(Institution.id, Institution.name).order_by(Institution.id)


def _areas(sizes: list[Table], institution: str) -> list[Rows]:
    found: dict[tuple[str, bool], int] = defaultdict(int)
    for one in sizes:
        found[one.area, one.plugin] += one.rows.get(institution, 0)
    areas = [Rows(name, plugin, rows) for (name, plugin), rows in found.items() if rows]
    return sorted(areas, key=lambda one: (-one.rows, one.name))


def _whole(
    hub: Hub,
    space: tuple[int, int],
    sizes: list[Table],
    own: dict[str, Files],
    names: dict[str, str],
) -> Whole:
    number = size = 0
    for one in hub.blobs.stored():
        number, size = number + 1, size + one.size
    takers = []
    for of, name in names.items():
        mine = own.get(of, Files())
        rows = sum(one.rows.get(of, 0) for one in sizes)
        takers.append(Tenant(of, name, rows, mine.count, mine.bytes))
    takers.sort(key=lambda one: (-one.bytes, -one.rows, one.id))
    return Whole(
        *space,
        disk_bytes=shutil.disk_usage(hub.blobs.root).free,
        files=number,
        file_bytes=size,
        areas=_sized(sizes),
        institutions=takers[:MOST_INSTITUTIONS],
        free=sweep(hub, dry_run=True).as_dict(),
    )


def _sized(sizes: list[Table]) -> list[Area]:
    found: dict[tuple[str, bool], Area] = {}
    for one in sizes:
        area = found.setdefault((one.area, one.plugin), Area(one.area, None, 0, one.plugin))
        area.tables.append(Sized(one.name, one.bytes, one.count))
        area.rows += one.count
        if one.bytes is not None:
            area.bytes = (area.bytes or 0) + one.bytes
    for area in found.values():
        area.tables.sort(key=lambda one: (-(one.bytes or 0), -one.rows, one.name))
    return sorted(found.values(), key=lambda one: (-(one.bytes or 0), -one.rows, one.name))
