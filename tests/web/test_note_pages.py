"""Notes in a browser: edited without scripts, refused with a reason, and decided side by side."""

from __future__ import annotations

import re

import pytest

from bloop_sdk import UnsupportedError
from tests.support.notes import calm, note_of, open_desk_hub, start_desk

PAGE = {"accept": "text/html"}


@pytest.fixture
async def hub(hub_toml, site):
    async with open_desk_hub(hub_toml, site) as hub:
        yield hub


async def submit(browser, path, **fields):
    """A form as a browser sends it, with the token of its page."""
    shown = await browser.get(fields.pop("page", path), headers=PAGE)
    assert shown.status_code == 200, shown.text
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.post(path, data={"csrf": token, **fields}, headers=PAGE)


def version_in(text):
    [version] = re.findall(r'name="version" value="(\d*)"', text)
    return version


async def test_a_note_is_written_edited_and_deleted(hub, visit):
    desk = await start_desk(hub)
    educator, learner = await visit("educator"), await visit("learner")
    note = await note_of(hub, educator, "First")
    path = f"/notes/{note['id']}/edit"
    assert (await learner.get(path, headers=PAGE)).status_code == 403
    lesson = await educator.get(f"/lessons/{note['id']}", headers=PAGE)
    assert path in lesson.text
    assert "in Desk as well" in lesson.text

    form = await educator.get(path, headers=PAGE)
    version = version_in(form.text)
    saved = await submit(
        educator, path, title="First", markdown="one\r\n\r\n[[Second]]\r\n", tags="red, blue",
        version=version,
    )  # fmt: skip
    assert saved.status_code == 303
    await calm(hub)
    assert desk.named("First").markdown == "one\n\n[[Second]]\n"
    assert desk.named("First").tags == ("red", "blue")

    # What was typed against an older text comes back, beside what it is now.
    late = await submit(educator, path, title="First", markdown="late\n", tags="", version=version)
    assert late.status_code == 422
    assert "late" in late.text
    assert "[[Second]]" in late.text

    place = f"/courses/{note['container']}/notes"
    made = await submit(
        educator, place, page=f"{place}/new", title="Second", markdown="two", tags="", parent=""
    )
    assert made.status_code == 303
    text = await educator.get(f"/lessons/{note['id']}/text", headers=PAGE)
    [link] = re.findall(r'href="(/lessons/[^"]+title[^"]+)"', text.text)
    followed = await educator.get(link, headers=PAGE)
    assert followed.headers["location"] == made.headers["location"]

    gone = await submit(educator, f"/notes/{note['id']}/delete", page=path)
    assert gone.status_code == 303
    await calm(hub)
    assert [sheet.title for sheet in desk.trash.values()] == ["First"]


async def test_a_refusal_is_shown_with_its_cure_and_taken_back(hub, visit):
    desk = await start_desk(hub)
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")

    def refuse(_op):
        raise UnsupportedError("no tables here", cure="take the table out")

    desk.before = refuse
    path = f"/notes/{note['id']}/edit"
    await submit(educator, path, title="First", markdown="| a |", tags="", version="")
    await calm(hub)

    lesson = await educator.get(f"/lessons/{note['id']}", headers=PAGE)
    assert "not taken by Desk" in lesson.text
    assert "take the table out" in lesson.text
    waits = await educator.get("/unsent", headers=PAGE)
    [revert] = re.findall(r'action="(/unsent/[^"]+/revert)"', waits.text)
    back = await submit(educator, revert, page="/unsent")
    assert back.status_code == 303
    assert (await note_of(hub, educator, "First"))["markdown"] == "one\n\ntwo\n"


async def test_a_conflict_is_shown_side_by_side_and_decided(hub, visit):
    desk = await start_desk(hub)
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")
    desk.change("s1", markdown="theirs\n\ntwo\n")
    path = f"/notes/{note['id']}/edit"
    await submit(educator, path, title="First", markdown="mine\n\ntwo\n", tags="", version="")
    await calm(hub)

    lesson = await educator.get(f"/lessons/{note['id']}", headers=PAGE)
    [conflict] = re.findall(r'href="(/conflicts/[^"]+)"', lesson.text)
    shown = await educator.get(conflict, headers=PAGE)
    assert "mine\n\ntwo" in shown.text
    assert "theirs\n\ntwo" in shown.text
    decided = await submit(educator, conflict, keep="mine")
    assert decided.status_code == 303
    await calm(hub)
    [sheet] = desk.sheets.values()
    assert (sheet.title, sheet.markdown) == ("First", "mine\n\ntwo\n")


async def test_files_earlier_texts_and_deleted_notes(hub, visit):
    desk = await start_desk(hub)
    educator = await visit("educator")
    note = await note_of(hub, educator, "First")
    path = f"/notes/{note['id']}"
    shown = await educator.get(f"{path}/edit", headers=PAGE)
    [upload] = re.findall(rf'action="({path}/files\?csrf=[0-9a-f]+)"', shown.text)
    file = {"file": ("a.txt", b"text", "text/plain")}
    assert (await educator.post(upload, files=file, headers=PAGE)).status_code == 303
    await calm(hub)
    shown = await educator.get(f"{path}/edit", headers=PAGE)
    [detach] = re.findall(rf'action="({path}/files/[^"]+/detach)"', shown.text)
    assert (await submit(educator, detach, page=f"{path}/edit")).status_code == 303
    again = await submit(educator, detach, page=f"{path}/edit")
    assert again.status_code == 409
    assert "edit the text" in again.text
    await calm(hub)
    assert desk.named("First").markdown == "one\n\ntwo\n"
    await restored(educator, await visit("learner"), hub, desk, note)


async def restored(educator, learner, hub, desk, note):
    path = f"/notes/{note['id']}"
    [name] = desk.files
    assert (await learner.get(f"{path}/texts", headers=PAGE)).status_code == 403
    texts = await educator.get(f"{path}/texts", headers=PAGE)
    assert f"[a.txt](bloop:file:{name})" in texts.text
    newest, *_ = re.findall(r'name="to" value="(\d+)"', texts.text)
    version, *_ = re.findall(r'name="version" value="(\d+)"', texts.text)
    kept = await submit(educator, f"{path}/texts", to=newest, version=version)
    assert kept.status_code == 303
    await calm(hub)
    assert desk.named("First").markdown.endswith(f"[a.txt](bloop:file:{name})\n")
    late = await submit(educator, f"{path}/texts", to=newest, version="1")
    assert late.status_code == 409

    moved = await submit(educator, f"{path}/move", page=f"{path}/edit", place="below:")
    assert moved.status_code == 303
    nowhere = await submit(educator, f"{path}/move", page=f"{path}/edit", place="below:nothing")
    assert nowhere.status_code == 422
    await calm(hub)

    await submit(educator, f"{path}/delete", page=f"{path}/edit")
    await calm(hub)
    gone = f"/courses/{note['container']}/notes/gone"
    back = await submit(educator, gone, note=note["id"])
    assert back.status_code == 303
    await calm(hub)
    assert desk.named("First").id in desk.sheets
    elsewhere = await submit(educator, gone, note="0" * 36)
    assert elsewhere.status_code == 404
