from __future__ import annotations

import httpx
import pytest

from bloop.accounts.service import issue_link
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.hub import Hub
from bloop.store.database import in_unit


@pytest.fixture
def config_path(hub_toml):
    """A hub.toml, which a module may add to."""
    return hub_toml


@pytest.fixture
async def hub(config_path):
    """A hub that has been started."""
    hub = Hub.open(config_path, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def extra():
    """Routers besides those of the core; a module overrides it."""
    return []


@pytest.fixture
async def client(hub, extra):
    """Somebody at the door of the hub, not logged in."""
    transport = httpx.ASGITransport(create_app(hub, extra=extra), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
async def operator(hub, client):
    """The same, logged in as the operator by a bearer token."""
    call = system_call(hub.institution)
    token = await hub.database.run(in_unit, hub.database, call, issue_link)
    await client.get(f"/start?token={token}")
    session = client.cookies[hub.sessions.cookie]
    client.cookies.clear()
    client.headers["authorization"] = f"Bearer {session}"
    return client
