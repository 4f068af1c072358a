"""`bloop db copy`: a hub in real use moves, and answers the same from its new place."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.hub import Hub
from bloop.web.routes import error_page
from tests.cli.conftest import write_cartridge
from tests.support.hub import log_in
from tests.web.conftest import csrf_of

BOOKMARKS = Path(__file__).parents[2] / "examples" / "plugins" / "bookmarks"
PATHS = (
    "/api/v1/containers",
    "/api/v1/jobs",
    "/api/v1/events/parked",
    "/x/bookmarks/",
    "/x/bookmarks/export.md",
)


@pytest.fixture
def hub_toml(folder, site, monkeypatch, bloop, tmp_path):
    """A SQLite hub with courses, notes and the plugin of bookmarks, which has a table."""
    project = tomllib.loads((BOOKMARKS / "pyproject.toml").read_text())["project"]
    info = site / f"bloop_bookmarks-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    points = project["entry-points"]["bloop.plugins"].items()
    lines = "".join(f"{name} = {target}\n" for name, target in points)
    (info / "entry_points.txt").write_text(f"[bloop.plugins]\n{lines}")
    monkeypatch.setattr(sys, "path", [*sys.path, str(BOOKMARKS)])
    (folder / "hub.toml").write_text(
        '[hub]\nname = "Here"\n\n[plugins.cartridge]\nenabled = true\n\n'
        "[plugins.markdown]\nenabled = true\n\n[plugins.bookmarks]\nenabled = true\n"
    )
    assert bloop("init").code == 0
    assert bloop("db", "upgrade").code == 0
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "one.md").write_text("# One\n\nA note.\n")
    assert bloop("import", write_cartridge(tmp_path / "small.imscc")).code == 0
    assert bloop("import", notes).code == 0
    return folder / "hub.toml"


class Visitor:
    """Somebody who was logged in before the move and stays so."""

    def __init__(self, token=None):
        self.token = token

    async def __call__(self, path, use):
        hub = Hub.open(path, "api")
        await hub.start()
        await hub.loaded()
        edge = create_edge(hub, error_page=error_page)
        edge.use(routes_of((*API, *PAGES)))
        if self.token is None:
            self.token = (await hub.database.run(log_in, hub, "operator", hub.institution)).token
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(edge), base_url="http://127.0.0.1:8080"
        )
        client.cookies.set(hub.sessions.cookie, self.token)
        try:
            return await use(client)
        finally:
            await client.aclose()
            await hub.stop()


async def work(client):
    """Keep a lesson, and have a job of the plugin done."""
    page = await client.get("/", headers={"accept": "text/html"})
    headers = {"x-csrf-token": csrf_of(page), "accept": "application/json"}
    (course, *_) = (await client.get("/api/v1/containers")).json()["items"]
    (item, *_) = (await client.get(f"/api/v1/containers/{course['id']}/items")).json()["items"]
    path = f"/x/bookmarks/items/{item['id']}"
    assert (await client.post(path, json={"title": "Waves"}, headers=headers)).status_code == 200
    await client.post("/x/bookmarks/export", data={"csrf": csrf_of(page)})
    async with asyncio.timeout(30):
        while "succeeded" not in (await client.get("/api/v1/jobs")).text:  # noqa: ASYNC110 - a job
            await asyncio.sleep(0.05)
    assert "Waves" in (await client.get("/x/bookmarks/export.md")).text


async def answers(client):
    """What the hub says, by path: its status, ETag and body."""
    found, paths = {}, list(PATHS)
    for course in (await client.get("/api/v1/containers")).json()["items"]:
        paths += [
            f"/api/v1/containers/{course['id']}",
            f"/api/v1/containers/{course['id']}/tree",
            f"/api/v1/containers/{course['id']}/items",
        ]
    for path in paths:
        answer = await client.get(path, headers={"accept": "application/json"})
        body = answer.json() if "json" in answer.headers["content-type"] else len(answer.text)
        found[path] = (answer.status_code, answer.headers.get("etag"), body)
    return found


def test_a_hub_in_use_moves_and_answers_the_same(hub_toml, bloop, postgres, monkeypatch):
    visit = Visitor()
    asyncio.run(visit(hub_toml, work))
    before = asyncio.run(visit(hub_toml, answers))
    assert {status for status, _, _ in before.values()} == {200}
    assert any(etag for _, etag, _ in before.values())

    said = bloop("db", "copy", postgres.app_url, "--owner-url", postgres.owner_url, "--json")
    assert said.code == 0, said.err + said.out
    counts = {table["table"]: table["rows"] for table in said.json["tables"]}
    assert said.json["verified"]
    assert counts["bookmarks_bookmark"] == counts["login_session"] == 1
    used = ("item", "node", "outbox_event", "event_consumer", "audit_line", "job", "plugin_file")
    assert min(counts[name] for name in used) > 0
    told = bloop("db", "copy", postgres.app_url, "--owner-url", postgres.owner_url, "--verify-only")
    assert told.code == 0, told.err
    assert "bookmarks_bookmark" in told.out

    monkeypatch.setenv("BLOOP_STORE__URL", postgres.app_url)
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", postgres.owner_url)
    assert bloop("db", "status", "--json").code == 0
    assert asyncio.run(visit(hub_toml, answers)) == before

    back = hub_toml.parent / "back.db"
    said = bloop("db", "copy", f"sqlite:///{back}")
    assert said.code == 0, said.err
    assert f'url = "sqlite:///{back}"' in said.out
    assert "Files stay where they are" in said.out
    monkeypatch.setenv("BLOOP_STORE__URL", f"sqlite:///{back}")
    monkeypatch.delenv("BLOOP_STORE__OWNER_URL")
    assert asyncio.run(visit(hub_toml, answers)) == before


def test_it_ends_by_telling_what_to_write(hub_toml, bloop, postgres):
    said = bloop("db", "copy", postgres.app_url, "--owner-url", postgres.owner_url)
    assert said.code == 0, said.err
    assert 'url = { env = "BLOOP_DATABASE_URL" }' in said.out
    assert 'owner_url = { env = "BLOOP_OWNER_URL" }' in said.out
    assert "bloop_app:***@" in said.out
    assert "bloop_owner:bloop_owner" not in said.out
    assert said.err == ""  # No bar where standard error is no terminal.


def test_a_copy_that_differs_is_an_exit_of_1(hub_toml, bloop, tmp_path):
    copy = tmp_path / "copy.db"
    assert bloop("db", "copy", f"sqlite:///{copy}").code == 0
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE institution SET name = 'Elsewhere'")
    said = bloop("db", "copy", f"sqlite:///{copy}", "--verify-only")
    assert said.code == 1
    assert "differs" in said.out
    said = bloop("db", "copy", f"sqlite:///{copy}", "--verify-only", "--json")
    assert (said.code, said.json["verified"]) == (1, False)
    assert [table["table"] for table in said.json["tables"] if not table["same"]] == ["institution"]


def test_without_a_hub_there_is_nothing_to_copy(folder, bloop):
    (folder / "hub.toml").write_text('[hub]\nname = "Here"\n')
    said = bloop("db", "copy", "sqlite:///copy.db")
    assert said.code == 1
    assert "bloop init" in said.err


def test_verify_only_and_restart_exclude_each_other(hub_toml, bloop):
    assert bloop("db", "copy", "sqlite:///copy.db", "--verify-only", "--restart").code == 2
