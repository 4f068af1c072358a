from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from bloop.accounts import sessions as sessions_module
from bloop.accounts.login import changes, delays, hashing
from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store import types
from bloop.store.database import in_unit

PASSWORD = "quiet otters juggle marble"
NEW_PASSWORD = "seven lanterns hum below"
EMAIL = "ada@example.org"
on_sqlite = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
"""For what another database would answer alike."""

ORIGIN = {"origin": "http://127.0.0.1:8080"}


class Counting(PasswordHasher):
    """Argon2id that costs next to nothing, and counts what it is asked."""

    def __init__(self, **parameters):
        super().__init__(**{"time_cost": 1, "memory_cost": 8, "parallelism": 1} | parameters)
        self.hashed = self.verified = 0

    def hash(self, *args, **kwargs):
        self.hashed += 1
        return super().hash(*args, **kwargs)

    def verify(self, *args, **kwargs):
        self.verified += 1
        return super().verify(*args, **kwargs)


@pytest.fixture
def hasher(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(hashing, "hasher", lambda: counting)
    return counting


class Clock:
    """The time that delays, links and sessions go by: it stands still."""

    def __init__(self):
        self.now = types.utcnow()

    def __call__(self):
        return self.now

    def advance(self, **amount):
        self.now += timedelta(**amount)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (delays, changes, sessions_module):
        monkeypatch.setattr(module, "utcnow", made)
    return made


@pytest.fixture
async def hub(hub_toml, hasher, clock):
    """A hub without plugins at work: its database is ready."""
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def run(hub):
    """Runs a command in a unit of the first institution."""

    async def command(function, *args, institution=None, **kwargs):
        call = system_call(institution or hub.institution)
        return await hub.database.run(in_unit, hub.database, call, function, *args, **kwargs)

    return command


@pytest.fixture
def add_user(run, hasher):
    """Adds somebody, with a password unless it is None; gives their id."""

    def add(unit, name, email, role, password):
        user = User(institution_id=unit.institution, name=name, email=email, role=role)
        unit.session.add(user)
        unit.session.flush()
        if password is not None:
            changes.set_password(unit, user, PasswordHasher.hash(hasher, password), by_link=False)
        return user.id

    async def added(
        name="Ada Lovelace", email=EMAIL, role="learner", password=PASSWORD, institution=None
    ):
        found = await run(add, name, email, role, password, institution=institution)
        hasher.hashed = 0
        return found

    return added


@pytest.fixture
async def ada(add_user):
    return await add_user()


@pytest.fixture
async def guest(visit):
    """A browser that asks for JSON, not logged in."""
    client = await visit()
    client.headers["accept"] = "application/json"
    return client


@pytest.fixture
def log_in(visit):
    """Logs in by the API; gives the answer, and the browser with its cookies."""

    async def logged_in(login=EMAIL, password=PASSWORD, client=None, **more):
        client = client or await visit()
        answer = await client.post(
            "/api/v1/session", json={"login": login, "password": password} | more, headers=ORIGIN
        )
        if "csrf_token" in (told := answer.json()):
            client.headers["x-csrf-token"] = told["csrf_token"]
        return answer, client

    return logged_in
