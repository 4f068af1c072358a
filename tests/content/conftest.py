from __future__ import annotations

import pytest

from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.store.blobs import Blobs
from tests.content.course import connect, open_to_everybody


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
