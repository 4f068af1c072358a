"""Migrations: the core's own history, and one for each plugin that has tables.

Every owner of tables has a folder of Alembic versions, ``0001_initial.py`` and on, each numbered by
its revision, and a version table of its own, ``bloop_version_core`` or ``bloop_version_<plugin>``.
So a plugin that was removed, its tables left behind, never stands in the way of the core.

An upgrade is one transaction under a lock: a version that fails leaves the database as it was,
and of two processes that start at once the second finds the work done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bloop.store.database import Database, open_engine
from bloop.store.derived import derive
from bloop.store.errors import MigrationError
from bloop.store.faults import translated
from bloop.store.rights import grant_rights
from bloop_sdk.tables import check_tables

CORE = "core"
CORE_VERSIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x0B100D15
UNFINISHED_COPY = "bloop_copy"
"""A table that is there while a database is being copied into (``bloop.ops.copying``)."""

_FILE = re.compile(r"(\d{4})_\w+\.py")


@dataclass(frozen=True, slots=True)
class Version:
    """Where the tables of one owner stand. ``head`` of None: its code is not installed."""

    owner: str
    current: str | None
    head: str | None

    @property
    def pending(self) -> bool:
        """Whether an upgrade waits."""
        return self.head is not None and (self.current or "") < self.head

    @property
    def ahead(self) -> bool:
        """Whether a newer version of the code has been here."""
        return self.head is not None and (self.current or "") > self.head


def status(database: Database, plugins: Mapping[str, str] | None = None) -> list[Version]:
    """The core's version, those of ``plugins`` (id: package of its versions), then others found.

    Imports neither Alembic nor a plugin.
    """
    heads = {CORE: head_of(CORE_VERSIONS)}
    heads |= {owner: head_of(versions_folder(name)) for owner, name in (plugins or {}).items()}
    try:
        with database.engine.connect() as connection:
            current = current_versions(connection)
    except DBAPIError as err:
        raise translated(err) from err
    owners = [*heads, *sorted(current.keys() - heads.keys())]
    return [Version(owner, current.get(owner), heads.get(owner)) for owner in owners]


def upgrade_core(database: Database) -> Version:
    """Bring the core's tables to the newest version; the rights of all tables are set again."""
    return _upgrade(database, CORE, CORE_VERSIONS)


def upgrade_plugin(
    database: Database, plugin_id: str, metadata: MetaData, versions_package: str
) -> Version:
    """Bring a plugin's tables to its newest version.

    Raises :class:`MigrationError` also when the tables break a rule of ``bloop_sdk.tables``.
    """
    check_tables(plugin_id, metadata)
    return _upgrade(database, plugin_id, versions_folder(versions_package))


def head_of(folder: Path) -> str:
    """The newest revision in a folder of versions."""
    numbers = [found[1] for path in folder.glob("*.py") if (found := _FILE.fullmatch(path.name))]
    if not numbers:
        raise MigrationError(
            f"{folder}: no versions", cure="name them 0001_initial.py, 0002_what_changed.py, ..."
        )
    return max(numbers)


def versions_folder(package: str) -> Path:
    """The folder of ``bloop_commerce.migrations``, found without importing ``bloop_commerce``."""
    top, *rest = package.split(".")
    spec = find_spec(top)
    for location in (spec and spec.submodule_search_locations) or ():
        folder = Path(location).joinpath(*rest)
        if folder.is_dir():
            return folder
    raise MigrationError(f"the package {package}, which should hold migrations, is not installed")


def _upgrade(database: Database, owner: str, folder: Path) -> Version:
    head = head_of(folder)
    current: str | None = None
    try:
        with owning(database) as connection:
            versions = current_versions(connection)
            current = versions.get(owner)
            _refuse_newer(Version(owner, current, head))
            before = table_names(connection)
            if current != head:
                run_versions(connection, owner, folder)
            if owner == CORE:
                derive(connection)
            _check_ownership(owner, set(versions), before, table_names(connection))
            grant_rights(connection, database)
    except MigrationError:
        raise
    except Exception as err:
        reason = translated(err).message if isinstance(err, DBAPIError) else repr(err)
        raise MigrationError(
            f"upgrading the tables of {owner} to {head} failed, they stay at "
            f"{current or 'nothing'}: {reason}"
        ) from err
    return Version(owner, head, head)


def _refuse_newer(version: Version) -> None:
    if version.ahead:
        raise MigrationError(
            f"the tables of {version.owner} are at version {version.current}, this code knows "
            f"{version.head}",
            cure="a newer release has been here: install it again",
        )


@contextmanager
def owning(database: Database) -> Iterator[Connection]:
    """One transaction of the tables' owner, for every institution; excludes every upgrade."""
    # SQLite rebuilds a table to alter it; with foreign keys on, dropping the old one would
    # delete the rows that refer to it. They are checked before the commit instead.
    engine = open_engine(database.owner_url, pool=NullPool, pragmas=("busy_timeout=60000",))
    try:
        with engine.begin() as connection:
            if database.dialect == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
                )
                connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
                connection.execute(text("SET LOCAL lock_timeout = '30s'"))
            yield connection
            if database.dialect == "sqlite":
                _check_foreign_keys(connection)
    finally:
        engine.dispose()


def run_versions(connection: Connection, owner: str, folder: Path, upto: str = "head") -> None:
    """Run an owner's versions in this transaction; sets no rights and checks no names."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(folder, version_locations=[folder])
    environment = EnvironmentContext(
        Config(),
        script,
        fn=lambda revision, _context: script._upgrade_revs(upto, revision),  # noqa: SLF001
    )
    with environment:
        environment.configure(
            connection=connection,
            version_table=version_table(owner),
            render_as_batch=True,
            transactional_ddl=True,
        )
        environment.run_migrations()


def version_table(owner: str) -> str:
    """The name of an owner's version table."""
    return f"bloop_version_{owner}"


def current_versions(connection: Connection) -> dict[str, str]:
    """The version of each owner's tables; raises MigrationError for an unfinished copy."""
    prefix = version_table("")
    names = table_names(connection)
    if UNFINISHED_COPY in names:
        raise MigrationError(
            "this database is an unfinished copy of a hub",
            cure="finish it with the same `bloop db copy`, run where the hub still is",
        )
    return {
        name.removeprefix(prefix): number
        for name in names
        if name.startswith(prefix)
        and (number := connection.scalar(text(f'SELECT version_num FROM "{name}"')))  # noqa: S608 - a table's own name
    }


def tables_of(connection: Connection, plugin_id: str) -> list[str]:
    """The tables that a plugin's versions have made, its version table last; without that none.

    It need not be installed.
    """
    names = table_names(connection)
    own = version_table(plugin_id)
    if plugin_id == CORE or own not in names:
        return []
    prefix = version_table("")
    owners = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    found = {name for name in names if not name.startswith(prefix)}
    return [*sorted(name for name in found if _owner_of(name, owners) == plugin_id), own]


def drop_tables(connection: Connection, names: Sequence[str]) -> None:
    """Drop tables together, so that they may refer to each other."""
    quote = connection.dialect.identifier_preparer.quote
    quoted = [quote(name) for name in names]
    # SQLite drops one at a time; `owning` has its foreign keys off.
    at_once = quoted
    if connection.dialect.name == "postgresql" and quoted:
        at_once = [", ".join(quoted)]
    for each in at_once:
        connection.execute(text(f"DROP TABLE {each}"))


def table_names(connection: Connection) -> set[str]:
    """All tables of the schema, SQLite's own included."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
    else:
        rows = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
    return set(rows.scalars())


def _check_ownership(owner: str, owners: set[str], before: set[str], after: set[str]) -> None:
    """Hold a plugin's versions to tables of its own name."""
    if owner == CORE:
        return
    foreign = {
        name
        for name in (before ^ after) - {version_table(owner)}
        if _owner_of(name, owners | {owner}) != owner
    }
    if owner not in owners:
        # Its prefix may not take in what was there before it.
        foreign |= {name for name in before if _owner_of(name, owners | {owner}) == owner}
    if foreign:
        raise MigrationError(
            f"the tables {', '.join(sorted(foreign))} are not of the plugin {owner}",
            cure=f"a plugin's tables are named {owner}_..., and nobody else's may be",
        )


def _owner_of(table: str, owners: set[str]) -> str:
    """The owner with the longest prefix: ``foo_bar_x`` is of ``foo_bar``, even beside ``foo``."""
    named = [owner for owner in owners - {CORE} if table.startswith(f"{owner}_")]
    return max(named, key=len, default=CORE)


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise MigrationError(f"rows of {broken[0]} would refer to missing rows of {broken[2]}")
