from __future__ import annotations

import pytest

from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.kernel.models import Connection
from bloop.store.blobs import Blobs
from tests.content.both_ways import THREE, Pair
from tests.content.course import connect, open_to_everybody
from tests.support.desk import Desk


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def sync(database, blobs, call):
    """Reads a course over one connection, and opens it to everybody."""
    connection = connect(database, call)

    async def run(provider, **options):
        report = await run_read(
            database,
            blobs,
            provider,
            call,
            connection=connection,
            options=RunOptions(**options),
        )
        if report.written:
            open_to_everybody(database, call)
        return report

    run.connection, run.database, run.call = connection, database, call
    return run


@pytest.fixture
def command(database, call):
    """Runs a command in a unit of its own."""

    def run(function, *args, **kwargs):
        with database.unit(call) as unit:
            found = function(unit, *args, **kwargs)
            unit.session.flush()
            unit.session.expunge_all()
            return found

    return run


@pytest.fixture
async def pair(database, blobs, call, command):
    """The hub and a desk of two notes, which it has read."""
    desk = Desk()
    desk.add("First", THREE, tags=("red",))
    desk.add("Second", "alpha\n")
    connection = connect(database, call)
    with database.unit(call) as unit:
        row = unit.get(Connection, connection)
        row.capability, row.state, row.writes = "notes", "active", sorted(desk.writes)
    pair = Pair(database, blobs, call, command, connection, desk)
    await pair.sync()
    return pair
