from __future__ import annotations

import httpx
import pytest

from bloop.accounts.models import User
from bloop.accounts.people import service as people
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.hub import Hub
from bloop.kernel.models import Connection
from bloop.store.blobs import Blobs
from bloop_sdk import Role
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
async def hub(tmp_path, database_urls, monkeypatch):
    """A hub that serves; what it runs in the background is not started."""
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\ndata_dir = "state"\n[access]\nguests = "read"\n')
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    hub = Hub.open(path, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def run(hub):
    """Runs something in a unit of the hub itself."""

    def in_unit(function, *args, **kwargs):
        with hub.database.unit(system_call(hub.institution)) as unit:
            return function(unit, *args, **kwargs)

    return in_unit


@pytest.fixture
async def come(hub, run):
    """Gives a client of a new user with a role, or a guest's."""
    app, clients = create_edge(hub), []
    app.use(routes_of((*API, *PAGES)))

    def enter(role=None, name="Somebody", email=None):
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        clients.append(client)
        if role is not None:
            client.user = run(people.create, name=name, email=email, role=Role(role))
            session = run(lambda unit: start_session(unit, unit.get(User, client.user)))
            client.headers["authorization"] = f"Bearer {session.token}"
        return client

    yield enter
    for client in clients:
        await client.aclose()


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
