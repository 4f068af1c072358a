"""A notebook of one's own: its owner works in it, and nobody else knows of it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.privacy.exporting import export
from bloop.accounts.privacy.service import erase
from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.enrolling.visible import visible_items
from bloop.content.exports import HubExportSource
from bloop.content.models import Container, Item, Node, Version
from bloop.content.notes import service as notes
from bloop.content.reader import ItemReader
from bloop.content.search import index
from bloop.content.search.described import describe
from bloop.events.handlers import Consumer
from bloop.events.reader import Logged
from bloop.hub.listeners import EventListener, Told
from bloop.store.errors import NotFoundError, StoreError
from bloop.store.models import OutboxEvent
from bloop.webhooks.queue import consumer
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace
from bloop_sdk.events import Event

SECRET = "zqsecret"
ANY = {"if-match": "*"}
ON_SQLITE = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
"""For what the code decides, whatever the database."""
OTHERS = ("learner", "educator", "admin", "operator")


@pytest.fixture
async def own(come):
    """A learner's notebook with a note that tells a secret, made over the API."""
    client = come("learner")
    made = await client.post("/api/v1/account/notebooks", json={"title": f"Mine {SECRET}"})
    assert made.status_code == 201, made.text
    notebook = made.json()
    body = {"title": f"On {SECRET}", "markdown": f"It is {SECRET}.", "tags": [SECRET]}
    note = await client.post(f"/api/v1/containers/{notebook['id']}/notes", json=body)
    assert note.status_code == 201, note.text
    return SimpleNamespace(client=client, notebook=notebook["id"], note=note.json()["id"])


async def test_its_owner_writes_reads_changes_and_undoes_in_it(own):
    client, note = own.client, f"/api/v1/notes/{own.note}"
    shown = await client.get(f"/api/v1/containers/{own.notebook}")
    assert (shown.json()["audience"], shown.json()["owner"]) == ("owner", client.user)
    listed = (await client.get("/api/v1/account/notebooks")).json()["items"]
    assert [one["id"] for one in listed] == [own.notebook]
    tree = (await client.get(f"/api/v1/containers/{own.notebook}/tree")).json()["nodes"]
    assert [one["item"] for one in tree] == [own.note]
    found = await client.get(note)
    etag = found.headers["etag"]
    changed = await client.patch(note, json={"markdown": "Else"}, headers={"if-match": etag})
    assert changed.json()["markdown"] == "Else"
    stale = await client.patch(note, json={"markdown": "Third"}, headers={"if-match": etag})
    assert stale.status_code == 412
    undone = await client.post(f"{note}/undo", json={}, headers={"if-match": "*"})
    assert SECRET in undone.json()["markdown"]
    files = {"file": (f"{SECRET}.txt", SECRET.encode())}
    filed = await client.post(f"{note}/files", files=files, headers={"if-match": "*"})
    assert filed.status_code == 201
    file = (await client.get(f"/api/v1/containers/{own.notebook}/items?kind=file")).json()["items"]
    assert (await client.get(f"/api/v1/items/{file[0]['id']}/content")).text == SECRET
    page = await client.get(f"/lessons/{own.note}", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert SECRET in page.text
    assert (await client.delete(note, headers={"if-match": "*"})).status_code == 204
    assert (await client.post(f"{note}/restore", headers={"if-match": "*"})).status_code == 200


async def test_nobody_else_reads_or_changes_anything_of_it(own, come):
    for client in (come(), *map(come, OTHERS)):
        await is_kept_from(client, own)
    assert SECRET in (await own.client.get(f"/api/v1/notes/{own.note}")).text


async def is_kept_from(client, own):
    for path in (
        f"containers/{own.notebook}",
        f"containers/{own.notebook}/tree",
        f"containers/{own.notebook}/items",
        f"items/{own.note}",
        f"notes/{own.note}",
    ):
        assert (await client.get(f"/api/v1/{path}")).status_code in {403, 404}, path
    listed = await client.get("/api/v1/containers")
    assert SECRET not in listed.text
    user = {"user": getattr(client, "user", "")}
    tries = [
        ("PATCH", f"/api/v1/notes/{own.note}", {"json": {"markdown": "x"}}),
        ("DELETE", f"/api/v1/notes/{own.note}", {}),
        ("POST", f"/api/v1/containers/{own.notebook}/notes", {"json": {"title": "x"}}),
        ("PATCH", f"/api/v1/containers/{own.notebook}", {"json": {"title": "x"}}),
        ("PATCH", f"/api/v1/containers/{own.notebook}", {"json": {"audience": "open"}}),
        ("DELETE", f"/api/v1/containers/{own.notebook}", {}),
        ("POST", f"/api/v1/items/{own.note}/undo", {"json": {}}),
        (
            "POST",
            f"/api/v1/containers/{own.notebook}/enrolments",
            {"json": user},
        ),
    ]
    for method, path, body in tries:
        answer = await client.request(method, path, headers={"if-match": "*"}, **body)
        assert answer.status_code in {401, 403, 404}, (method, path, answer.text)


@ON_SQLITE
async def test_guests_and_keys_own_nothing(come, hub):
    assert (await come().post("/api/v1/account/notebooks", json={"title": "x"})).status_code == 401
    key = Principal(PrincipalKind.KEY, "a-key", Role.ADMIN)
    unit_of_key = hub.database.unit(by(key, hub))
    with pytest.raises(ForbiddenError, match="owns no notebook"), unit_of_key as unit:
        service.create_notebook(unit, title="x")


@ON_SQLITE
async def test_what_is_for_all_stays_with_those_who_write_for_all(come, own):
    """That somebody owns a notebook lets them write nothing else."""
    educator = come("educator")
    course = (await educator.post("/api/v1/containers", json={"title": "Acids"})).json()["id"]
    for path, body in (
        ("containers", {"title": "x"}),
        (f"containers/{course}/items", {"kind": "page", "title": "x"}),
        (f"containers/{course}/notes", {"title": "x"}),
    ):
        answer = await own.client.post(f"/api/v1/{path}", json=body)
        assert answer.status_code in {403, 404}, path


@ON_SQLITE
async def test_an_owner_who_teaches_cannot_give_it_to_others(come):
    educator, other = come("educator"), come("learner")
    made = (await educator.post("/api/v1/account/notebooks", json={"title": "Mine"})).json()["id"]
    path = f"/api/v1/containers/{made}"
    enrolled = await educator.post(f"{path}/enrolments", json={"user": other.user})
    opened = await educator.patch(path, json={"audience": "open"}, headers={"if-match": "*"})
    assert (enrolled.status_code, opened.status_code) == (409, 409)


def by(principal, hub):
    return Call(principal, hub.institution, Trace("0" * 32, "0" * 16))


def caller(hub, user, role="learner", scopes=None):
    return by(Principal(PrincipalKind.USER, user, Role(role), scopes), hub)


@ON_SQLITE
async def test_a_token_that_only_reads_reads_and_does_not_write(own, hub):
    reads = caller(hub, own.client.user, scopes=frozenset({"content:read"}))
    reader = ItemReader(hub.database, hub.blobs, reads, hub.database.run, 1000)
    assert SECRET in (await reader.item(own.note)).html
    with pytest.raises(ForbiddenError, match="content:write"), hub.database.unit(reads) as unit:
        notes.edit(unit, own.note, None, {"markdown": "x"})
    nothing = caller(hub, own.client.user, scopes=frozenset({"account:read"}))
    assert await visible_items(hub.database, nothing, [own.note]) == {}


async def test_no_plugin_and_no_export_gets_it_but_for_its_owner(own, hub, come):
    plugin = by(Principal(PrincipalKind.PLUGIN, "studio", Role.ADMIN), hub)
    operator = caller(hub, come("operator").user, "operator")
    for call in (plugin, operator, system_call(hub.institution)):
        with pytest.raises(NotFoundError):
            await ItemReader(hub.database, hub.blobs, call, hub.database.run, 9).item(own.note)
        with pytest.raises(NotFoundError):
            await hub.database.run(HubExportSource, hub.database, hub.blobs, call, own.notebook)
        assert await visible_items(hub.database, call, [own.note]) == {}
    mine = caller(hub, own.client.user)
    assert await visible_items(hub.database, mine, [own.note]) == {own.note: own.notebook}
    source = await hub.database.run(HubExportSource, hub.database, hub.blobs, mine, own.notebook)
    assert [one.title for one in source.contents()] == [f"On {SECRET}"]


async def test_the_database_holds_owner_and_audience_together(own, run):
    def open_it(unit):
        row = unit.session.get(Container, (unit.institution, own.notebook))
        row.audience = "open"
        unit.session.flush()

    with pytest.raises(StoreError, match="owner"):
        run(open_it)


@ON_SQLITE
async def test_an_educator_does_not_get_at_it_by_a_command_about_something_else(own, come, hub):
    educator = caller(hub, come("educator").user, "educator")
    for model, id_ in ((Container, own.notebook), (Item, own.note)):
        with hub.database.reading(educator) as unit:
            unit.enter("groups:read")
            with pytest.raises(ForbiddenError, match="belongs to somebody else"):
                unit.get(model, id_)


async def test_it_is_in_its_owners_export_and_goes_with_them(own, come, hub, run):
    files = {"file": ("a.txt", f"In the file: {SECRET}".encode())}
    path = f"/api/v1/notes/{own.note}"
    assert (await own.client.post(f"{path}/files", files=files, headers=ANY)).status_code == 201
    other = (await come("learner").post("/api/v1/account/notebooks", json={"title": "x"})).json()
    mine = caller(hub, own.client.user)
    target = io.BytesIO()
    counts = await hub.database.run(
        export, hub.database, hub.sources, mine, own.client.user, target, systems=False
    )
    assert (counts["container"], counts["item"], counts["content_version"] > 0) == (1, 2, True)
    with zipfile.ZipFile(target) as archive:
        assert SECRET in archive.read("tables/item.json").decode()
        assert SECRET in archive.read("tables/content_version.json").decode()
        (file,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert SECRET in archive.read(file).decode()

    run(lambda unit: describe(unit, own.note, "core", SECRET, trusted=True))
    admin = caller(hub, come("admin").user, "admin")
    done = await hub.database.run(erase, hub.database, hub.sources, admin, own.client.user)
    went = [done.deleted[one] for one in ("container", "item", "item_text")]
    assert went == [1, 2, 1]

    def left(unit):
        return [
            unit.session.scalars(select(model.id)).all() for model in (Item, Node, Version)
        ], unit.session.scalars(select(Container.id)).all()

    assert run(left) == ([[], [], []], [other["id"]])
    events = run(
        lambda unit: [
            (row.topic, row.payload.get("owner"))
            for row in unit.session.scalars(
                select(OutboxEvent).where(
                    OutboxEvent.topic.like("%deleted") | OutboxEvent.topic.like("%described")
                )
            )
        ]
    )
    assert set(events) == {
        ("content.index.described", own.client.user),
        ("content.item.deleted", own.client.user),
        ("content.container.deleted", own.client.user),
    }


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (
            "content.item.updated",
            {"id": "x", "kind": "note", "container": "n", "change": "updated"},
        ),
        ("content.index.described", {"id": "x"}),
        ("plugin.connection_changed", {"connection": "x", "plugin": "p", "state": "active"}),
    ],
)
def test_its_events_are_given_to_the_hubs_own_and_to_its_owners_stream(topic, payload):
    about = Event(
        id="1", topic=topic, institution="home", aggregate="item:x", sequence=1,
        occurred_at=datetime.now(UTC), actor="user:ada", trace="", version=1,
        payload={**payload, "owner": "ada"},
    )  # fmt: skip
    told = Told(Logged(1, about), None)
    heard = {
        (who, role): EventListener(heard_by(who, role), None, ()).heard(told) is not None
        for who, role in (("ada", "learner"), ("bob", "learner"), ("eve", "educator"))
    }
    assert heard == {
        ("ada", "learner"): True,
        ("bob", "learner"): False,
        ("eve", "educator"): False,
    }
    assert replace(index.consumer(), topics=("*",)).takes(about)
    assert not consumer(lambda: None).takes(about)
    assert not Consumer("p:sink", "p", ("*",), lambda: None).takes(about)


def heard_by(user, role):
    who = Principal(PrincipalKind.USER, user, Role(role))
    return Call(who, "home", Trace("0" * 32, "0" * 16))
