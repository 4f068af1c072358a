from __future__ import annotations

import httpx
import pytest

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.content.engine import run_read
from bloop.content.models import Container, Item, Node
from bloop.content.sniffing import UNKNOWN
from bloop.hub import Hub
from bloop_sdk import Role
from bloop_sdk import records as r
from tests.content.course import (
    Course,
    connect,
    course,
    file,
    leaf,
    module,
    open_to_everybody,
    page,
    rows,
)
from tests.content.test_sniffing import PAGES


@pytest.fixture
async def hub(tmp_path, database_urls, monkeypatch):
    """A hub that serves; what it runs in the background is not started."""
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\ndata_dir = "state"\n')
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    hub = Hub.open(path, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def call(hub):
    return system_call(hub.institution)


@pytest.fixture
def database(hub):
    return hub.database


@pytest.fixture
async def come_in(hub, call):
    """Gives a client that is logged in with a role, or nobody's."""
    opened = []

    def enter(role):
        headers = {}
        if role is not None:
            with hub.database.unit(call) as unit:
                user = User(institution_id=unit.institution, name="Somebody", role=role)
                unit.session.add(user)
                unit.session.flush()
                headers["authorization"] = f"Bearer {start_session(unit, user).token}"
        transport = httpx.ASGITransport(create_app(hub), raise_app_exceptions=True)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080", headers=headers
        )
        opened.append(client)
        return client

    yield enter
    for client in opened:
        await client.aclose()


@pytest.fixture
def educator(come_in):
    return come_in(Role.EDUCATOR)


@pytest.fixture
def learner(come_in):
    return come_in(Role.LEARNER)


PNG = b"\x89PNG\r\n\x1a\n0123456789"
QUIZ = r.Quiz(
    remote_id="q1",
    container="c1",
    title="Quiz",
    raw={"id": "q1"},
    questions=(
        r.Question(
            id="1",
            kind=r.QuestionKind.CHOICE,
            html='<img src="bloop:file:a.png">which',
            feedback_html="the answer is this",
            choices=(
                r.Choice(id="a", html="this", weight=100.0),
                r.Choice(id="b", html="that", weight=0.0),
            ),
        ),
    ),
)


@pytest.fixture
async def imported(hub, call):
    """A course that came from elsewhere; ids of its items by their remote ids."""
    text = page(1, '<a href="bloop:page:p2">next</a> <img src="bloop:file:a.png">')
    hidden = page(2, published=False)
    bytes_ = file("a.png", PNG, media_type="image/png")
    script = file("x.html", b"<script>x</script>", media_type="text/html")
    contents = [module(1), leaf(text, "m1"), leaf(hidden, "m1"), text, hidden, QUIZ, bytes_, script]
    await run_read(
        hub.database,
        hub.blobs,
        Course([course()], contents),
        call,
        connection=connect(hub.database, call),
    )
    open_to_everybody(hub.database, call)
    found = {item.remote_id: item.id for item in rows(hub.database, call, Item)}
    found["course"] = rows(hub.database, call, Container)[0].id
    return found


async def write(client, method, path, version=None, **body):
    headers = {"if-match": f'"v{version}"'} if version else {}
    return await client.request(method, f"/api/v1{path}", json=body, headers=headers)


async def test_an_item_is_read_with_its_links_resolved(learner, imported):
    url = f"/api/v1/items/{imported['p1']}"
    answer = await learner.get(url)

    assert answer.status_code == 200
    body = answer.json()
    where = imported["course"]
    assert f'href="/lessons/{where}/page/p2"' in body["html"]
    assert f'src="/files/{where}/a.png"' in body["html"]
    assert "raw" not in body
    assert answer.headers["etag"] == '"v1"'
    same = await learner.get(url, headers={"if-none-match": '"v1"'})
    assert same.status_code == 304


async def test_learners_see_no_drafts_and_no_answers(learner, educator, imported):
    assert (await learner.get(f"/api/v1/items/{imported['p2']}")).status_code == 404
    assert (await educator.get(f"/api/v1/items/{imported['p2']}")).status_code == 200

    url = f"/api/v1/items/{imported['q1']}"
    shown = (await learner.get(url)).text
    assert "which" in shown and f"/files/{imported['course']}/a.png" in shown
    assert "weight" not in shown and "the answer" not in shown
    assert (await educator.get(url)).json()["data"]["questions"][0]["choices"][0]["weight"] == 100

    tree = (await learner.get(f"/api/v1/containers/{imported['course']}/tree")).json()
    assert [child["title"] for child in tree["nodes"][0]["children"]] == ["Page 1"]


async def test_lists_are_read_page_by_page(educator, learner, imported):
    url = f"/api/v1/containers/{imported['course']}/items"
    titles, cursor = [], ""
    while cursor is not None:
        answer = (await educator.get(url, params={"limit": 2, "cursor": cursor})).json()
        assert len(answer["items"]) <= 2
        titles += [item["title"] for item in answer["items"]]
        cursor = answer["next"]
    assert titles == ["Page 1", "Page 2", "Quiz", "a.png", "x.html"]

    pages = (await learner.get(url, params={"kind": "page"})).json()
    assert [item["title"] for item in pages["items"]] == ["Page 1"]
    assert (await learner.get(url, params={"kind": "note"})).json()["items"] == []
    assert (await learner.get(url, params={"kind": "nonsense"})).status_code == 404
    assert (await learner.get(url, params={"cursor": "!"})).status_code == 422
    assert (await learner.get("/api/v1/containers/nowhere/items")).status_code == 404
    courses = (await learner.get("/api/v1/containers")).json()
    assert [found["id"] for found in courses["items"]] == [imported["course"]]


async def test_bytes_come_whole_in_ranges_and_harmless(learner, imported):
    url = f"/api/v1/items/{imported['a.png']}/content"
    whole = await learner.get(url)
    assert (whole.status_code, whole.content) == (200, PNG)
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["content-disposition"].startswith("inline")
    part = await learner.get(url, headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    same = await learner.get(url, headers={"if-none-match": whole.headers["etag"]})
    assert same.status_code == 304

    script = await learner.get(f"/api/v1/items/{imported['x.html']}/content")
    assert script.headers["content-type"] == "application/octet-stream"
    assert script.headers["content-disposition"].startswith("attachment")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in script.headers["content-security-policy"]
    assert (await learner.get(f"/api/v1/items/{imported['p1']}/content")).status_code == 404


@pytest.mark.parametrize("page", PAGES)
async def test_an_uploaded_page_in_disguise_is_saved_and_not_shown(educator, page):
    course = (await educator.post("/api/v1/containers", json={"title": "x"})).json()["id"]
    form = {"file": ("cat.png", PAGES[page], "image/png")}
    made = (await educator.post(f"/api/v1/containers/{course}/files", files=form)).json()
    assert made["data"]["media_type"] == UNKNOWN
    served = await educator.get(f"/api/v1/items/{made['id']}/content")
    assert served.headers["content-type"] == UNKNOWN
    assert served.headers["content-disposition"].startswith("attachment")
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in served.headers["content-security-policy"]


async def test_a_course_is_written_published_and_taken_back(educator, learner):
    made = await write(educator, "POST", "/containers", title="Mine", published=True)
    assert made.status_code == 201
    where = f"/containers/{made.json()['id']}"
    item = (await write(educator, "POST", f"{where}/items", kind="page", title="P")).json()
    node = await write(educator, "POST", f"{where}/nodes", title="P", item=item["id"])
    assert node.status_code == 201
    path = f"/items/{item['id']}"
    assert (await learner.get(f"/api/v1{path}")).status_code == 404

    changed = await write(educator, "PATCH", path, 1, markdown="*new*")
    assert changed.json()["html"] == "<p><em>new</em></p>\n"
    assert changed.headers["etag"] == '"v2"'
    published = await write(educator, "POST", f"{path}/publish", 2)
    assert published.json()["published"] is True
    assert (await learner.get(f"/api/v1{path}")).status_code == 200

    versions = (await educator.get(f"/api/v1{path}/versions")).json()
    assert [v["change"] for v in versions["items"]] == ["published", "edited"]
    undone = await write(educator, "POST", f"{path}/undo", 3, to=1)
    assert (undone.json()["html"], undone.json()["published"]) == ("", False)
    assert (await write(educator, "DELETE", path, 4)).status_code == 204
    assert (await write(educator, "POST", f"{path}/restore", 5)).json()["state"] == "active"

    moved = await write(educator, "PATCH", f"/nodes/{node.json()['id']}", 1, title="Q", index=0)
    assert (moved.status_code, moved.json()["row_version"]) == (200, 2)
    assert (await write(educator, "DELETE", f"/nodes/{moved.json()['id']}", 2)).status_code == 204
    renamed = await write(educator, "PATCH", where, 1, title="Ours")
    assert renamed.json()["title"] == "Ours"
    assert (await write(educator, "DELETE", where, 2)).status_code == 204


async def test_changes_need_the_version_they_were_made_from(educator, imported):
    path = f"/containers/{imported['course']}/items"
    item = (await write(educator, "POST", path, kind="page", title="P")).json()

    assert (await write(educator, "PATCH", f"/items/{item['id']}", title="x")).status_code == 428
    assert (await write(educator, "PATCH", f"/items/{item['id']}", 9, title="x")).status_code == 412
    wrong = await write(educator, "PATCH", f"/items/{item['id']}", 1, data={"points": 1})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")


async def test_what_a_connection_brings_is_not_edited_here(educator, imported):
    refused = await write(educator, "PATCH", f"/items/{imported['p1']}", 1, title="mine")

    assert (refused.status_code, refused.json()["code"]) == (409, "source_wins")
    assert "Tiny" in refused.json()["cure"]


async def test_learners_write_nothing(learner, come_in, imported, hub, call):
    where = f"/containers/{imported['course']}"
    node = rows(hub.database, call, Node)[0].id
    attempts = [
        ("POST", "/containers", {"title": "x"}),
        ("PATCH", where, {"title": "x"}),
        ("DELETE", where, {}),
        ("POST", f"{where}/items", {"kind": "page", "title": "x"}),
        ("POST", f"{where}/nodes", {"title": "x"}),
        ("PATCH", f"/nodes/{node}", {"title": "x"}),
        ("POST", f"/items/{imported['p2']}/publish", {}),
        ("POST", f"/items/{imported['p1']}/undo", {}),
        ("POST", "/imports", {}),
        ("GET", f"{where}/export", {}),
        ("GET", "/quarantine", {}),
        ("GET", f"/items/{imported['p1']}/versions", {}),
    ]
    nobody = come_in(None)
    for method, path, body in attempts:
        assert (await write(learner, method, path, 1, **body)).status_code == 403, path
        assert (await write(nobody, method, path, 1, **body)).status_code == 401, path


async def test_a_file_is_added_and_read_back(educator, imported):
    path = f"/api/v1/containers/{imported['course']}/files"
    made = await educator.post(path, files={"file": ("../../notes.txt", b"hello", "text/plain")})

    assert made.status_code == 201
    assert (made.json()["title"], made.json()["data"]["size"]) == ("notes.txt", 5)
    read = await educator.get(f"/api/v1/items/{made.json()['id']}/content")
    assert (read.content, read.headers["content-type"]) == (b"hello", "text/plain; charset=utf-8")
    assert (await educator.post(path, data={"x": "y"})).status_code == 422


async def test_runs_and_quarantine_are_shown_and_undone(educator, hub, call):
    provider = Course(contents=[page(1), page(2, title="x" * 501)])
    connection = connect(hub.database, call, "other")
    report = await run_read(hub.database, hub.blobs, provider, call, connection=connection)

    run = (await educator.get(f"/api/v1/runs/{report.run}")).json()
    assert (run["state"], run["counts"]["quarantined"]) == ("succeeded", 1)
    lines = (await educator.get("/api/v1/quarantine")).json()["items"]
    assert [line["ref"] for line in lines] == ["page:p2"]
    undone = await educator.post(f"/api/v1/runs/{report.run}/undo")
    assert undone.json()["state"] == "undone"
    assert (await educator.get("/api/v1/containers")).json()["items"] == []
    assert (await educator.get("/api/v1/runs/nowhere")).status_code == 404


async def test_a_file_that_no_plugin_reads_is_refused(educator):
    answer = await educator.post("/api/v1/imports", files={"file": ("a.xyz", b"x")})

    assert answer.status_code == 422
    assert "no plugin imports .xyz" in answer.json()["detail"]


async def test_a_course_is_downloaded_as_its_exporter_writes_it(
    educator, imported, hub, monkeypatch
):
    class Exporter:
        media_type = "application/x-tiny"
        suffix = ".tiny"

        def export(self, source, target):
            titles = [content.title for content in source.contents()]
            target.write(f"{source.container.title}: {', '.join(titles)}".encode())

    monkeypatch.setattr(hub, "open_exporter", lambda plugin: Exporter(), raising=False)
    url = f"/api/v1/containers/{imported['course']}/export"

    answer = await educator.get(url, params={"plugin": "tiny"})

    assert answer.text == "Acids and bases: Page 1, Page 2, Quiz, a.png, x.html"
    assert answer.headers["content-type"] == "application/x-tiny"
    assert "Acids%20and%20bases.tiny" in answer.headers["content-disposition"]
    assert (await educator.get("/api/v1/containers/nowhere/export")).status_code == 404
