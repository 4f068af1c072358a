from __future__ import annotations

import importlib
import sys

import httpx
import pytest

from bloop.accounts.service import issue_link
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.hub import Hub
from bloop.store.database import in_unit


@pytest.fixture
def config_path(tmp_path, database_urls, monkeypatch):
    """A hub.toml beside a migrated database; once for each dialect."""
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\nname = "Here"\ndata_dir = "state"\n')
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    return path


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


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder on sys.path, which write_plugin fills; nothing of it stays imported."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    yield folder
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
