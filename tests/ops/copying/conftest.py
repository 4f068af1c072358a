from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text, update
from sqlalchemy.types import JSON

from bloop.kernel.models import HubProcess
from bloop.ops import copying
from bloop.store import migrate
from bloop.store.database import Database
from bloop.store.derived import is_derived
from bloop.store.types import utcnow
from bloop.tables import core_metadata
from tests.ops.left import EVERYBODY

LONG_AGO = timedelta(days=1)


def stop_beating(database):
    """What a fixture made of processes is of the day before."""
    with database.unit(EVERYBODY) as unit:
        unit.session.execute(update(HubProcess).values(beat_at=utcnow() - LONG_AGO))


@pytest.fixture
def source(hub):
    """A hub's database with a bit of everything, two plugins' left tables included."""
    stop_beating(hub.database)
    return hub.database


@pytest.fixture
def make_target(source, tmp_path, postgres_cluster):
    """Empty databases of the other kind than the source's, or of the same."""
    made, opened = [], []

    def make(dialect=None):
        dialect = dialect or ("postgresql" if source.dialect == "sqlite" else "sqlite")
        if dialect == "sqlite":
            database = Database(f"sqlite:///{tmp_path}/target-{len(opened)}.db")
        else:
            made.append(postgres_cluster.create())
            database = Database(made[-1].app_url, made[-1].owner_url)
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.close_now()
    for database in made:
        postgres_cluster.drop(database)


@pytest.fixture
def target(make_target):
    """An empty database of the other kind than the source's."""
    return make_target()


def holds(database):
    """Every row of every table, read by the models where there are any: no code of the copy's."""
    known = core_metadata().tables
    found = {}
    with migrate.owning(database) as connection:
        for name in sorted(migrate.table_names(connection)):
            if name.startswith("sqlite_") or is_derived(name):
                continue
            table = known.get(name)
            rows = connection.execute(
                text(f'SELECT * FROM "{name}"') if table is None else table.select()
            )
            found[name] = sorted(
                orjson.dumps(
                    {key: _plain(table, key, value) for key, value in row._mapping.items()},
                    option=orjson.OPT_SORT_KEYS,
                )
                for row in rows
            )
    return found


def _plain(table, key, value):
    if table is None or isinstance(table.c[key].type, JSON):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float | None) else value.isoformat()


def move(source, target, **options):
    return copying.copy(source, target, {}, **options)
