"""A hub's database, copied to another one: SQLite to PostgreSQL, back, or between two of a kind.

Every step is a transaction of the target, with a note of how far it has come, so that a copy that
was killed anywhere goes on where it stood. See ``docs/operations/database.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bloop.ops.copying import counters, rows, sources, targets
from bloop.ops.copying.shapes import Pair, pairs_of
from bloop.ops.copying.targets import Origin
from bloop.ops.copying.verifying import Compared, compare
from bloop.store import migrate
from bloop.store.database import Database
from bloop.store.derived import is_derived
from bloop.store.errors import ConflictError
from bloop.store.faults import translated
from bloop.store.migrate import CORE, CORE_VERSIONS
from bloop_sdk import BloopError

Told = Callable[[str, int, int], None]
"""Hears what is done, how many rows of it are, and of how many."""


@dataclass(frozen=True, slots=True)
class Report:
    """What both databases hold; ``left_out`` are tables of the source that are not the hub's."""

    tables: tuple[Compared, ...]
    left_out: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every table is the same on both sides."""
        return all(table.same for table in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verified": self.same,
            "rows": sum(table.source.rows for table in self.tables),
            "tables": [table.as_dict() for table in self.tables],
            "left_out": list(self.left_out),
        }


def silent(_doing: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def copy(
    source: Database,
    target: Database,
    plugins: Mapping[str, str],
    *,
    again: bool = False,
    told: Told = silent,
) -> Report:
    """Copy a hub, or go on with it; ``plugins`` are the packages of versions of what is installed.

    The target serves once the report says that all is the same. Raises ConflictError where either
    side is not fit for it, and InvalidError for a row that the target refuses. ``again`` removes an
    unfinished copy first. ``told`` is called after each commit.
    """
    folders = _folders(plugins)
    if _place(source) == _place(target):
        raise ConflictError("the target is this hub's own database", cure="name an empty one")
    with sources.held(source) as reading:
        names, left_out, origin = _origin(reading, folders)
        try:
            if again:
                targets.restart(target)
            targets.prepare(target, reading, origin, folders)
            total = sum(origin.rows.values())
            _fill(reading, target, names, total, told)
            targets.settle(target, reading, names)
            report = _compare(reading, target, names, left_out, total, told)
            if report.same:
                targets.finish(target)
        except DBAPIError as err:
            raise _fault(err) from err
    return report


def verify(source: Database, target: Database, *, told: Told = silent) -> Report:
    """Compare a hub with its copy; changes nothing."""
    with sources.held(source) as reading:
        names, left_out, origin = _origin(reading, _folders({}))
        try:
            with targets.opened(target) as connection:
                there = migrate.table_names(connection)
            if missing := set(names) - there:
                raise ConflictError(
                    f"the target holds no copy of this hub: it lacks {min(missing)}",
                    cure="copy it first: bloop db copy TARGET_URL",
                )
            total = sum(origin.rows.values())
            return _compare(reading, target, names, left_out, total, told)
        except DBAPIError as err:
            raise _fault(err) from err


def _place(database: Database) -> str:
    url = database.owner_url
    if database.dialect == "sqlite":
        return str(Path(url.database or "").resolve())
    return f"{url.host}:{url.port}/{url.database}"


def _folders(plugins: Mapping[str, str]) -> dict[str, Path]:
    found = {owner: migrate.versions_folder(package) for owner, package in plugins.items()}
    return {CORE: CORE_VERSIONS, **found}


def _origin(
    reading: Connection, folders: Mapping[str, Path]
) -> tuple[list[str], tuple[str, ...], Origin]:
    versions = migrate.current_versions(reading)
    targets.check_versions(versions, folders)
    owned = {name for owner in versions for name in migrate.tables_of(reading, owner)}
    core = _core_tables() | {migrate.version_table(CORE)}
    every = {
        one
        for one in migrate.table_names(reading)
        if not one.startswith("sqlite_") and not is_derived(one)
    }
    names = sorted(every & (owned | core))
    newest = {
        name: counters.next_of(reading, name, "seq") for name in ("outbox_event", "audit_line")
    }
    origin = Origin(versions, sources.count_rows(reading, names), newest)
    return names, tuple(sorted(every - set(names))), origin


def _core_tables() -> set[str]:
    from bloop.tables import core_metadata

    return set(core_metadata().tables)


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        yield


def _fill(reading: Connection, target: Database, names: list[str], total: int, told: Told) -> None:
    with targets.opened(target) as connection:
        with _transaction(connection):
            pairs = pairs_of(reading, connection, names)
        done = 0
        for pair in pairs:
            copied = 0
            while True:
                with _transaction(connection):
                    state = _step(reading, connection, pair)
                done, copied = done + state["rows"] - copied, state["rows"]
                told(f"copying {pair.name}", done, total)
                if state["done"]:
                    break


def _step(reading: Connection, connection: Connection, pair: Pair) -> dict[str, Any]:
    """Copy one batch, with the note of it; gives how far the table has come."""
    state = targets.progress_of(connection, pair.name)
    if state["done"]:
        return state
    found, position, done = rows.next_batch(reading, pair, state["position"])
    if found:
        rows.write_batch(connection, pair, found)
    state = {"position": position, "rows": state["rows"] + len(found), "done": done}
    targets.write_progress(connection, pair.name, state)
    return state


def _compare(
    reading: Connection,
    target: Database,
    names: list[str],
    left_out: tuple[str, ...],
    total: int,
    told: Told,
) -> Report:
    done = 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        told("comparing", done, 2 * total)

    with targets.opened(target) as connection, _transaction(connection):
        pairs = pairs_of(reading, connection, names)
        compared = tuple(compare(reading, connection, pair, read) for pair in pairs)
    return Report(compared, left_out)


def _fault(err: DBAPIError) -> BloopError:
    fault = translated(err)
    if fault.code == "store_forbidden":
        fault.cure = "give --owner-url: the tables have to be made by their owner"
    return fault
