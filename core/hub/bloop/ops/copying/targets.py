"""The target: made empty in one transaction, filled, then brought into service.

Its table ``bloop_copy`` holds what is copied into it and how far that has come. While it is there
the hub and its upgrades refuse the database (``bloop.store.migrate``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from bloop.ops.copying import counters, left
from bloop.store import migrate
from bloop.store.database import Database, open_engine
from bloop.store.derived import DERIVED, derive
from bloop.store.errors import ConflictError, MigrationError
from bloop.store.migrate import CORE, UNFINISHED_COPY
from bloop.store.rights import grant_rights

ITSELF = "*"

_FOREIGN_KEYS = text("""
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace
    ORDER BY c.relname, k.conname
""")


@dataclass(frozen=True, slots=True)
class Origin:
    """What is copied: the version of each owner's tables, and rows by which a change is seen."""

    versions: Mapping[str, str]
    rows: Mapping[str, int]
    newest: Mapping[str, int]

    def as_json(self) -> str:
        """For comparison."""
        parts = {"versions": self.versions, "rows": self.rows, "newest": self.newest}
        return json.dumps({name: dict(part) for name, part in parts.items()}, sort_keys=True)


def check_versions(versions: Mapping[str, str], folders: Mapping[str, Path]) -> None:
    """Refuse tables that this code cannot make: the core's of another version, or newer ones."""
    for owner, current in versions.items():
        if owner not in folders:
            continue
        head = migrate.head_of(folders[owner])
        if current > head:
            raise MigrationError(
                f"the tables of {owner} are at version {current}, this code knows {head}",
                cure="a newer release has been here: install it again",
            )
        if owner == CORE and current < head:
            raise MigrationError(
                f"the tables of the core are at version {current}, this code is at {head}",
                cure="run: bloop db upgrade",
            )


def prepare(
    target: Database, source: Connection, origin: Origin, folders: Mapping[str, Path]
) -> None:
    """Make the tables, at the source's versions and without rows; nothing where that is done.

    Raises ConflictError for a target that holds anything else than this same copy.
    """
    if _is_begun(target, origin):
        return
    with migrate.owning(target) as connection:
        names = migrate.table_names(connection)
        if taken := names & set(origin.rows):
            raise ConflictError(
                f"the target holds a hub already (its table {min(taken)} is there)",
                cure="name an empty database; a copy never writes over anything",
            )
        _make(connection, source, origin, folders)
        noted = {"origin": origin.as_json(), "foreign_keys": _drop_foreign_keys(connection)}
        connection.execute(
            text(
                f"CREATE TABLE {UNFINISHED_COPY}"
                " (name VARCHAR(80) PRIMARY KEY, value TEXT NOT NULL)"
            )
        )
        write_progress(connection, ITSELF, noted)


@contextmanager
def opened(target: Database) -> Iterator[Connection]:
    """A connection of the owner; on SQLite one that does not look at foreign keys.

    A row may refer to one of a later batch. They are looked at when the target is settled.
    """
    engine = open_engine(target.owner_url, pool=NullPool, pragmas=("busy_timeout=60000",))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _is_begun(target: Database, origin: Origin) -> bool:
    with opened(target) as connection:
        if UNFINISHED_COPY not in migrate.table_names(connection):
            return False
        if _read(connection, ITSELF)["origin"] != origin.as_json():
            raise ConflictError(
                "the target holds an unfinished copy of another hub, or the hub has changed"
                " since it was begun",
                cure="begin again with --restart, which removes the unfinished copy",
            )
        return True


def restart(target: Database) -> None:
    """Remove an unfinished copy, and nothing else."""
    with migrate.owning(target) as connection:
        there = migrate.table_names(connection)
        if UNFINISHED_COPY in there:
            rows = json.loads(_read(connection, ITSELF)["origin"])["rows"]
            derived = [name for name in DERIVED if name in there]
            migrate.drop_tables(connection, [*derived, *rows, UNFINISHED_COPY])


def _make(
    connection: Connection, source: Connection, origin: Origin, folders: Mapping[str, Path]
) -> None:
    for owner, version in sorted(origin.versions.items(), key=lambda one: one[0] != CORE):
        if owner in folders:
            migrate.run_versions(connection, owner, folders[owner], version)
            if owner == CORE:
                # Before the rows come, so that they are indexed as they do.
                derive(connection)
        else:
            left.make_tables(source, connection, migrate.tables_of(source, owner))
    made = migrate.table_names(connection)
    if missing := set(origin.rows) - made:
        raise MigrationError(
            f"the versions of the tables did not make {', '.join(sorted(missing))}",
            cure="the versions have been edited since: mend them in the source",
        )
    quote = connection.dialect.identifier_preparer.quote
    for name in origin.rows:
        connection.execute(text(f"DELETE FROM {quote(name)}"))  # noqa: S608 - a table's own name


def _drop_foreign_keys(connection: Connection) -> list[list[str]]:
    """PostgreSQL's are put back at the end: a row may refer to one of a later batch."""
    if connection.dialect.name != "postgresql":
        return []
    found = [list(row) for row in connection.execute(_FOREIGN_KEYS)]
    quote = connection.dialect.identifier_preparer.quote
    for table, name, _ in found:
        connection.execute(text(f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(name)}"))
    return found


def _put_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return
    there = {(row[0], row[1]) for row in connection.execute(_FOREIGN_KEYS)}
    quote = connection.dialect.identifier_preparer.quote
    for table, name, definition in _read(connection, ITSELF)["foreign_keys"]:
        if (table, name) not in there:
            connection.exec_driver_sql(
                f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(name)} {definition}"
            )


def settle(target: Database, source: Connection, tables: list[str]) -> None:
    """After the last row: foreign keys, counters, and the rights of the role that serves."""
    with migrate.owning(target) as connection:
        _put_foreign_keys(connection)
        counters.carry_over(source, connection, tables)
        grant_rights(connection, target)


def finish(target: Database) -> None:
    """Let the hub have the target."""
    with migrate.owning(target) as connection:
        migrate.drop_tables(connection, [UNFINISHED_COPY])


def progress_of(connection: Connection, table: str) -> dict[str, Any]:
    """How far a table has come; held until the transaction ends, so that only one goes on."""
    if connection.dialect.name == "postgresql":
        lock = text(f"SELECT 1 FROM {UNFINISHED_COPY} WHERE name = :name FOR UPDATE")  # noqa: S608 - a constant
        connection.execute(lock, {"name": ITSELF})
    return _read(connection, table) or {"position": None, "rows": 0, "done": False}


def write_progress(connection: Connection, name: str, value: Mapping[str, Any]) -> None:
    """Note how far a table has come, in the transaction of the rows themselves."""
    connection.execute(
        text(
            f"INSERT INTO {UNFINISHED_COPY} (name, value) VALUES (:name, :value)"  # noqa: S608 - a constant
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        {"name": name, "value": json.dumps(value)},
    )


def _read(connection: Connection, name: str) -> dict[str, Any]:
    statement = text(f"SELECT value FROM {UNFINISHED_COPY} WHERE name = :name")  # noqa: S608 - a constant
    found = connection.scalar(statement, {"name": name})
    return json.loads(found) if found else {}
