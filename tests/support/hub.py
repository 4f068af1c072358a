"""A hub in the test's own process: the fixtures `site`, `hub_toml` and `visit`."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    import httpx

    from bloop.accounts.service import StartedSession
    from bloop.hub import Hub
    from bloop_sdk.manifest import Manifest

    Missing = Callable[[tuple[str, ...]], tuple[str, ...]]
    Visit = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(autouse=True, scope="session")
def _installed_is_looked_for_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is installed, which no test changes: to look takes a third of a hub's start.

    Where a test has plugins of its own on the path, everything is looked for as ever.
    """
    from bloop.kernel import discovery, folders
    from bloop_sdk.manifest import load_manifest

    scan, known = discovery.scan, dict[tuple[str, ...], discovery.Scan]()
    scratch = (tempfile.gettempdir(), str(tmp_path_factory.getbasetemp()))

    def look(missing: Missing | None = None) -> discovery.Scan:
        path = tuple(sys.path)
        own = folders.in_use() or any(entry.startswith(scratch) for entry in path)
        if own or missing is not None:
            return scan(missing)
        if path not in known:
            known[path] = scan()
        return known[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discovery, "scan", look)
        patch.setattr(discovery, "load_manifest", _kept_while_unchanged(load_manifest))
        yield


def _kept_while_unchanged(read: Callable[[Path], Manifest]) -> Callable[[Path], Manifest]:
    known: dict[tuple[Path, int, int, int], Manifest] = {}

    def read_or_know(path: Path) -> Manifest:
        state = path.stat()
        key = (path, state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in known:
            known[key] = read(path)
        return known[key]

    return read_or_know


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
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


@pytest.fixture
def hub_toml(
    tmp_path: Path, database_urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A hub.toml beside a migrated database; once for each dialect."""
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\nname = "Here"\ndata_dir = "state"\n')
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    return path


@pytest_asyncio.fixture
async def visit(hub: Hub) -> AsyncIterator[Visit]:
    """Browsers at the door of the test's `hub`: `await visit("learner")`, `visit()` for a guest.

    They ask for pages, and follow no redirect. ``institution`` is another one than the first.
    """
    import httpx

    from bloop.api.app import API, PAGES, create_edge, routes_of
    from bloop.web.routes import error_page

    edge = create_edge(hub, error_page=error_page)
    edge.use(routes_of((*API, *PAGES)))
    clients = []

    async def come(role: str | None = None, institution: str | None = None) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(edge),
            base_url="http://127.0.0.1:8080",
            headers={"accept": "text/html"},
        )
        clients.append(client)
        if role is not None:
            where = institution or hub.institution
            session = await hub.database.run(log_in, hub, role, where)
            client.cookies.set(hub.sessions.cookie, session.token, domain="127.0.0.1", path="/")
        return client

    yield come
    for client in clients:
        await client.aclose()


def log_in(hub: Hub, role: str, institution: str) -> StartedSession:
    """A session of a new user with this role."""
    from bloop.accounts.models import User
    from bloop.accounts.service import start_session
    from bloop.accounts.sessions import system_call

    with hub.database.unit(system_call(institution)) as unit:
        user = User(institution_id=institution, name=role, role=role)
        unit.session.add(user)
        unit.session.flush()
        return start_session(unit, user)


def add_institution(hub: Hub, slug: str) -> str:
    """The id of one institution more."""
    from bloop.accounts.models import Institution
    from bloop.accounts.sessions import system_call
    from bloop.store.models import EVERY_INSTITUTION

    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        made = Institution(slug=slug, name=slug.title())
        unit.session.add(made)
        unit.session.flush()
        return made.id
