"""Notes of a connected system over the API: edited here, sent by a job, and read back."""

from __future__ import annotations

import pytest

from bloop.accounts.sessions import system_call
from bloop.content.notes.models import Conflict
from bloop_sdk import UnsupportedError
from tests.content.course import rows
from tests.support.notes import API, calm, note_of, open_desk_hub, start_desk, sync


@pytest.fixture
async def hub(hub_toml, site):
    async with open_desk_hub(hub_toml, site) as hub:
        yield hub


@pytest.fixture
async def desk(hub):
    """The system, which the hub has connected and read."""
    return await start_desk(hub)


async def ask(browser, method, path, version=None, **values):
    """A change, at the version of the note that the caller saw."""
    account = await browser.get("/api/v1/account", headers=API)
    headers = {**API, "x-csrf-token": account.json()["csrf_token"]}
    if version is not None:
        headers["if-match"] = f'"v{version}"'
    return await browser.request(method, f"/api/v1{path}", headers=headers, **values)


async def test_a_note_is_edited_sent_and_told_as_sent(hub, desk, visit):
    educator, learner = await visit("educator"), await visit("learner")
    note = await note_of(hub, educator, "First")
    assert (note["sync"], "note.update" in note["writes"]) == ("sent", True)
    path = f"/notes/{note['id']}"
    body = {"markdown": "one\n\n2\n", "tags": ["red"]}
    assert (await ask(learner, "PATCH", path, note["row_version"], json=body)).status_code == 403

    changed = await ask(educator, "PATCH", path, note["row_version"], json=body)

    assert changed.status_code == 200, changed.text
    assert changed.json()["markdown"] == "one\n\n2\n"
    # Whether it was sent meanwhile is no change to who edits on.
    seen = changed.json()["row_version"]
    await calm(hub)
    assert desk.named("First").markdown == "one\n\n2\n"
    again = await ask(educator, "PATCH", path, seen, json={"title": "First of all"})
    assert again.status_code == 200, again.text
    stale = await ask(educator, "PATCH", path, note["row_version"], json={"title": "Late"})
    assert stale.status_code == 412
    await calm(hub)
    assert (await note_of(hub, educator, "First of all"))["sync"] == "sent"
    assert (await sync(hub))["written"] == 0


async def test_notes_are_made_moved_and_deleted(hub, desk, visit):
    educator = await visit("educator")
    first = await note_of(hub, educator, "First")
    made = await ask(
        educator, "POST", f"/containers/{first['container']}/notes", json={"title": "New"}
    )
    assert made.status_code == 201, made.text
    form = {"files": {"file": ("a.txt", b"text", "text/plain")}}
    note = made.json()
    given = await ask(educator, "POST", f"/notes/{note['id']}/files", note["row_version"], **form)
    assert given.status_code == 201, given.text
    await calm(hub)
    [(name, (_, data))] = desk.files.items()
    assert data == b"text"
    assert desk.named("New").markdown == f"[a.txt](bloop:file:{name})\n"

    tree = await educator.get(f"/api/v1/containers/{first['container']}/tree", headers=API)
    [place] = [node for node in tree.json()["nodes"] if node["title"] == "First"]
    note = await note_of(hub, educator, "New")
    moved = await ask(
        educator, "POST", f"/notes/{note['id']}/move", note["row_version"],
        json={"parent": place["id"]},
    )  # fmt: skip
    assert moved.status_code == 200, moved.text
    await calm(hub)
    assert desk.named("New").parent == desk.named("First").id

    note = await note_of(hub, educator, "New")
    gone = await ask(educator, "DELETE", f"/notes/{note['id']}", note["row_version"])
    assert gone.status_code == 204
    await calm(hub)
    assert [sheet.title for sheet in desk.trash.values()] == ["New"]
    assert (await sync(hub))["written"] == 0


async def test_a_refusal_is_told_and_taken_back(hub, desk, visit):
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")

    def refuse(_op):
        raise UnsupportedError("no tables here", cure="take the table out")

    desk.before = refuse
    body = {"markdown": "| a |\n|---|\n"}
    await ask(educator, "PATCH", f"/notes/{note['id']}", note["row_version"], json=body)
    await calm(hub)

    listed = await educator.get("/api/v1/unsent", headers=API)
    [waiting] = listed.json()["items"]
    assert (waiting["title"], waiting["state"]) == ("First", "refused")
    assert (waiting["reason"], waiting["cure"]) == ("no tables here", "take the table out")
    again = await ask(educator, "POST", f"/unsent/{waiting['id']}/retry")
    assert again.status_code == 202
    await calm(hub)
    back = await ask(educator, "DELETE", f"/unsent/{waiting['id']}")
    assert back.status_code == 204
    assert (await note_of(hub, educator, "First"))["markdown"] == "one\n\ntwo\n"


async def test_a_conflict_is_decided(hub, desk, visit):
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")
    desk.change("s1", markdown="theirs\n\ntwo\n")
    body = {"markdown": "mine\n\ntwo\n"}
    await ask(educator, "PATCH", f"/notes/{note['id']}", note["row_version"], json=body)
    await calm(hub)

    listed = await educator.get("/api/v1/conflicts", headers=API)
    [conflict] = listed.json()["items"]
    assert (conflict["mine"], conflict["theirs"]) == ("mine\n\ntwo\n", "theirs\n\ntwo\n")
    assert len(desk.sheets) == 2
    settled = await ask(
        educator, "POST", f"/conflicts/{conflict['id']}/settle", json={"keep": "mine"}
    )
    assert settled.status_code == 200, settled.text
    await calm(hub)

    [sheet] = desk.sheets.values()
    assert (sheet.title, sheet.markdown) == ("First", "mine\n\ntwo\n")
    assert [row.settled for row in rows(hub.database, system_call(hub.institution), Conflict)] == [
        "mine"
    ]
    assert (await sync(hub))["written"] == 0


async def test_what_a_system_cannot_write_is_refused_with_its_name(hub, desk, visit):
    desk.writes = frozenset()
    await sync(hub)
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")
    body = {"title": "Other"}
    refused = await ask(educator, "PATCH", f"/notes/{note['id']}", note["row_version"], json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "source_wins")
