from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.accounts.people import service
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.hub import Hub
from bloop.store.models import AuditLine, OutboxEvent
from bloop_sdk import Role
from tests.support.hub import add_institution


@pytest.fixture
async def hub(hub_toml):
    """A hub that answers; what it runs in the background is not started."""
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def home(hub):
    """The first institution."""
    return hub.institution


@pytest.fixture
def other(hub):
    """Another institution of the same hub."""
    return add_institution(hub, "other")


@pytest.fixture
def add(hub, home):
    """Makes a user past all guards; gives their id."""

    def put(role="learner", institution=None, **values):
        with hub.database.unit(system_call(institution or home)) as unit:
            values = {"name": f"A {role}", **values}
            user = User(institution_id=unit.institution, role=role, **values)
            unit.session.add(user)
            unit.session.flush()
            return user.id

    return put


@pytest.fixture
async def come_in(hub, home, add):
    """Gives a client with a bearer token, of a new user or the one with an id."""
    opened = []
    app = create_app(hub)

    def enter(role, institution=None, *, user=None):
        with hub.database.unit(system_call(institution or home)) as unit:
            found = unit.get(User, user or add(role, institution))
            token = start_session(unit, found).token
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=True),
            base_url="http://127.0.0.1:8080/api/v1",
            headers={"authorization": f"Bearer {token}", "if-match": "*"},
        )
        client.user = found.id
        opened.append(client)
        return client

    yield enter
    for client in opened:
        await client.aclose()


@pytest.fixture
def rows(hub, home):
    """All rows of a model in an institution, as they are now."""

    def read(model, institution=None):
        with hub.database.unit(system_call(institution or home)) as unit:
            key = model.seq if model in {AuditLine, OutboxEvent} else model.id
            return unit.session.scalars(select(model).order_by(key)).all()

    return read


@pytest.fixture
def said(rows):
    """The actions of audit lines and the topics of events so far."""

    def tell(institution=None):
        return (
            [line.action for line in rows(AuditLine, institution)],
            [event.topic for event in rows(OutboxEvent, institution)],
        )

    return tell


@pytest.fixture
def do(hub, home):
    """Runs a command in a unit of its own, as the hub itself or in a given call."""

    def run(command, *args, call=None, **kwargs):
        with hub.database.unit(call or system_call(home)) as unit:
            return command(unit, *args, **kwargs)

    return run


@pytest.fixture
def create(do):
    """Makes a user by the service; gives their id."""

    def put(name="Ada", email=None, role=Role.LEARNER):
        return do(service.create, name=name, email=email, role=role)

    return put
