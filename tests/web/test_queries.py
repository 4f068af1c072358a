from __future__ import annotations

import httpx
import pytest

from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.content.imports import import_file, importer_for
from bloop.hub import Hub
from bloop.web import framed_pages, plugin_pages, today_pages
from bloop.web.routes import error_page, router
from tests.cli.conftest import write_cartridge

AT_MOST = 6
"""Statements for a page, whatever is on it."""
OF_A_FRAME = 2
"""Statements for the text in it: whose session it is, where that is not known, and the text."""


@pytest.fixture
async def hub(tmp_path, database_urls, monkeypatch):
    """A hub with a small course; once for each dialect."""
    path = tmp_path / "hub.toml"
    path.write_text('[access]\nguests = "read"\n[plugins.cartridge]\nenabled = true\n')
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    hub = Hub.open(path, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def course(hub, tmp_path):
    """The id of a course of forty pages."""
    file = write_cartridge(tmp_path / "c.imscc", pages=[f"Page {n}" for n in range(40)])
    call = system_call(hub.institution)
    importer = importer_for(hub.kernel.plugins.values(), file.name)
    report = await import_file(
        hub.database,
        hub.blobs,
        lambda connection, path: hub.open_file_provider(call, importer, connection, path),
        call,
        importer,
        file,
    )
    return report.containers[0]


@pytest.fixture
async def client(hub):
    app = create_app(
        hub, extra=[today_pages.router, router, framed_pages.router, plugin_pages.router]
    )
    app.edge.error_page = error_page
    transport = httpx.ASGITransport(app)
    headers = {"accept": "text/html"}
    url = "http://127.0.0.1:8080"
    async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as client:
        yield client


@pytest.fixture
def asked(hub, monkeypatch):
    """The names of the reads that were made, in order."""
    names = []
    read = hub.database._reader.rows

    async def counted(statement, institution, parameters):
        # What the hub does in the background meanwhile is not the page's.
        if not statement.name.startswith(("events.", "webhooks.", "jobs.")):
            names.append(statement.name)
        return await read(statement, institution, parameters)

    monkeypatch.setattr(hub.database._reader, "rows", counted)
    return names


async def test_each_page_asks_a_few_times_whatever_is_on_it(hub, course, client, asked):
    call = system_call(hub.institution)
    from bloop.content.queries import TREE

    item = next(row[TREE.columns.index("item")]
                for row in hub.database.read_now(TREE, call, container=course)
                if row[TREE.columns.index("item")])  # fmt: skip
    login = await client.get(f"/start?token={await hub.login_token()}")
    assert login.status_code == 303
    for path in ("/", "/courses", f"/courses/{course}", f"/lessons/{item}", "/plugins"):
        await client.get(path)  # What is kept in memory, concepts say, is read once.
        asked.clear()
        assert (await client.get(path)).status_code == 200, path
        assert 1 <= len(asked) <= AT_MOST or path == "/plugins", (path, asked)
    for path in (f"/lessons/{item}/text", f"/courses/{course}/summary"):
        asked.clear()
        assert (await client.get(path)).status_code == 200, path
        assert len(asked) <= OF_A_FRAME, (path, asked)


async def test_an_empty_hub_says_how_a_course_comes_in_to_who_may_bring_it(hub, client):
    guest = (await client.get("/")).text
    assert "Nothing here yet" in guest and "bloop import" not in guest
    await client.get(f"/start?token={await hub.login_token()}")
    assert 'href="/imports/new"' in (await client.get("/courses")).text


async def test_drafts_are_for_educators(hub, course, client):
    with hub.database.unit(system_call(hub.institution)) as unit:
        from bloop.content.models import Item

        item = unit.session.query(Item).filter_by(title="Page 7").one()
        item.published = False
        draft = item.id
    assert "Page 7" not in (await client.get(f"/courses/{course}")).text
    assert (await client.get(f"/lessons/{draft}")).status_code == 404
    await client.get(f"/start?token={await hub.login_token()}")
    assert "draft" in (await client.get(f"/courses/{course}")).text
    assert "draft" in (await client.get(f"/lessons/{draft}")).text


async def test_titles_are_text(hub, client, tmp_path):
    from bloop.content.service import create_container
    from bloop.store.database import in_unit

    title = "<script>alert(1)</script> " + "verylongword" * 15
    call = system_call(hub.institution)
    await hub.database.run(
        in_unit, hub.database, call, create_container, kind="course", title=title
    )
    await client.get(f"/start?token={await hub.login_token()}")
    page = (await client.get("/courses")).text
    assert "<script>" not in page and "&lt;script&gt;" in page
