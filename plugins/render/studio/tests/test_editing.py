"""A storyboard edited in pages that run no script, and by programs, through a real hub."""

from __future__ import annotations

import html
import json
import re

import pytest

from bloop_sdk.storyboard import Storyboard
from tests.web.conftest import csrf_of

SCENES = [
    {
        "id": name,
        "title": name.title(),
        "narration": [{"id": "l1", "text": f"This is {name}."}],
        "visual": {"kind": "bullets", "items": [name]},
    }
    for name in ("one", "two", "three")
]


@pytest.fixture
async def lesson(hub, write_lesson, ctx):
    """A lesson with a storyboard of three scenes; gives its id."""
    from bloop_studio import asking

    id_ = await hub.database.run(write_lesson)
    board = Storyboard.model_validate({"title": "Waves", "scenes": SCENES})
    await asking.write(ctx, await ctx.content.item(id_), board, 0)
    return id_


def form_in(page, action):
    """The fields of a page's form, as a browser would send them."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)[0]
    fields = dict(re.findall(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"', found))
    fields |= dict(
        re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', found, re.DOTALL)
    )
    for name, options in re.findall(
        r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', found, re.DOTALL
    ):
        fields[name] = re.search(r'value="([^"]*)" selected', options)[1]
    for box in re.findall(r'<input[^>]*type="checkbox"[^>]*>', found):
        if "checked" not in box:
            fields.pop(re.search('name="([^"]+)"', box)[1])
    return {name: html.unescape(text) for name, text in fields.items()}


def titles(page):
    return re.findall(r"<h3><a [^>]*>\d+\. (.*?)</a>", page.text)


async def test_a_scene_is_previewed_heard_and_kept_without_script(visit, lesson, toys):
    said, _ = toys
    teacher = await visit("educator")
    path = f"/x/studio/lessons/{lesson}/scenes/two"
    fields = form_in(await teacher.get(path), path)
    assert fields["narration"] == "This is two." and fields["v.items"] == "two"
    fields |= {"v.items": "two\r\nmore", "narration": "This is [two]{show=item-2}."}
    shown = await teacher.post(f"{path}/preview", data=fields | {"do": "preview"})
    picture = re.search(r'<img src="([^"]+/previews/\w+\.png)"', shown.text)[1]
    drawn = await teacher.get(picture)
    assert drawn.content.startswith(b"\x89PNG") and "immutable" in drawn.headers["cache-control"]
    assert form_in(shown, path)["v.items"] == "two\nmore"
    heard = await teacher.post(f"{path}/preview", data=fields | {"do": "hear"})
    sound = re.search(r'<audio[^>]* src="([^"]+\.m4a)"', heard.text)[1]
    part = await teacher.get(sound, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content, said) == (206, b"ftyp", ["This is two."])
    # Nothing of it is kept yet, and no other role may look.
    assert "1 version<" in (await teacher.get(f"/x/studio/lessons/{lesson}")).text
    assert (await (await visit("learner")).get(picture)).status_code == 403
    assert (await teacher.get(picture.replace("previews/", "previews/x"))).status_code == 404
    # Another kind of picture begins with what it needs, and keeps what was said.
    other = await teacher.post(f"{path}/preview", data=fields | {"do": "preview", "kind": "table"})
    assert form_in(other, path)["narration"] == fields["narration"]
    assert other.status_code == 200 and form_in(other, path)["v.header"]
    wrong = await teacher.post(path, data=fields | {"v.items": "", "do": "keep"})
    assert wrong.status_code == 422 and 'aria-describedby="fault-v.items"' in wrong.text
    kept = await teacher.post(path, data=fields | {"do": "keep"})
    assert (kept.status_code, kept.headers["location"]) == (303, f"{path}?said=kept")
    twice = await teacher.post(path, data=fields | {"do": "keep"})
    assert twice.status_code == 303
    assert "Kept as version 2" in (await teacher.get(kept.headers["location"])).text


async def test_two_who_edit_lose_nothing(visit, lesson):
    ada, ben = await visit("educator"), await visit("educator")
    one, two = (f"/x/studio/lessons/{lesson}/scenes/{name}" for name in ("one", "two"))
    mine = form_in(await ada.get(two), two)
    same, other = form_in(await ben.get(two), two), form_in(await ben.get(one), one)
    assert (await ada.post(two, data=mine | {"narration": "Ada's words."})).status_code == 303
    # Another scene of the version before is no conflict.
    assert (await ben.post(one, data=other | {"title": "Ben"})).status_code == 303
    refused = await ben.post(two, data=same | {"narration": "Ben's words."})
    assert refused.status_code == 409 and "<ins>Ada" in refused.text
    again = form_in(refused, two)
    assert (again["narration"], again["base"]) == ("Ben's words.", "3")
    assert (await ben.post(two, data=again)).status_code == 303
    board = (await ada.get(f"/x/studio/lessons/{lesson}/storyboard")).json()["storyboard"]
    assert [one["title"] for one in board["scenes"]] == ["Ben", "Two", "Three"]
    assert board["scenes"][1]["narration"][0]["text"] == "Ben's words."
    # Who edits one that is gone meanwhile adds it again.
    base = {"csrf": mine["csrf"], "base": "4", "do": "remove"}
    assert (await ada.post(f"{two}/change", data=base)).status_code == 303
    gone = await ben.post(two, data=again | {"base": "4", "title": "Again"})
    assert gone.status_code == 409 and "removed this scene" in gone.text
    assert (await ben.post(two, data=form_in(gone, two))).status_code == 303
    assert titles(await ben.get(f"/x/studio/lessons/{lesson}")) == ["Ben", "Three", "Again"]
    text = {"csrf": again["csrf"], "base": "1", "text": "---\ntitle: Mine\n---\n"}
    write = f"/x/studio/lessons/{lesson}/write"
    late = await ben.post(write, data=text)
    assert late.status_code == 422 and "title: Mine" in late.text
    whole = form_in(await ben.get(f"/x/studio/lessons/{lesson}/text"), write)
    late = await ben.post(
        write, data=whole | {"base": "1", "text": whole["text"] + "\nconcepts: [a]\n"}
    )
    assert late.status_code == 409 and form_in(late, write)["base"] == whole["base"]


async def test_scenes_are_moved_copied_removed_and_brought_back(visit, lesson):
    teacher = await visit("educator")
    base = f"/x/studio/lessons/{lesson}"

    async def post(path, **fields):
        page = await teacher.get(base)
        number = re.search(r'name="base" value="(\d+)"', page.text)[1]
        sent = await teacher.post(
            f"{base}/{path}", data={"csrf": csrf_of(page), "base": number} | fields
        )
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    await post("scenes/three/change", do="up")
    await post("scenes/one/change", do="copy")
    assert titles(await teacher.get(base)) == ["One", "One", "Three", "Two"]
    after = await teacher.get(await post("scenes/two/change", do="remove"))
    undo = re.search(r'action="[^"]+/(versions/\d+/restore)"', after.text)[1]
    await post(undo)
    assert titles(await teacher.get(base)) == ["One", "One", "Three", "Two"]
    made = await post("scenes", kind="quiz", after="three")
    assert "A new scene" in (await teacher.get(made)).text
    await post("about", title="Waves!", language="de", presenter="none")
    page = await teacher.get(f"{base}/versions?from=6&to=7")
    assert "<ins>!</ins>" in page.text and "counts now" in page.text
    old = await teacher.get(f"{base}?version=1")
    assert "This is version 1; version 7 counts." in old.text and "Copy" not in old.text
    sent = {"csrf": csrf_of(page), "base": "7", "title": "Mine", "language": "in German"}
    wrong = await teacher.post(f"{base}/about", data=sent | {"presenter": "voice"})
    assert wrong.status_code == 422 and "language" in wrong.text and 'value="Mine"' in wrong.text
    late = await teacher.post(f"{base}/versions/1/restore", data=sent | {"base": "2"})
    assert late.status_code == 409 and "there is version 7" in late.text
    for path in ("scenes/none/change", "versions/99/restore"):
        sent = {"csrf": csrf_of(page), "base": "7", "do": "up"}
        assert (await teacher.post(f"{base}/{path}", data=sent)).status_code == 404


async def test_programs_do_the_same_by_if_match(visit, lesson, toys):
    teacher = await visit("educator")
    token = csrf_of(await teacher.get("/"))
    teacher.headers.update({"x-csrf-token": token, "accept": "application/json"})
    base = f"/x/studio/lessons/{lesson}/storyboard"

    async def send(method, path, version, **body):
        headers = {"if-match": f'"{version}"'} if version else {}
        return await teacher.request(method, f"{base}{path}", json=body, headers=headers)

    steps = [
        ("PUT", "/scenes/two", {**SCENES[1], "title": "2"}),
        ("POST", "/scenes", {"copy_of": "two"}),
        ("POST", "/scenes", {"scene": {"visual": {"kind": "title", "title": "End"}}}),
        ("POST", "/scenes/scene/move", {"to": 1}),
        ("DELETE", "/scenes/one", {}),
        ("PATCH", "", {"language": "de"}),
    ]
    for number, (method, path, body) in enumerate(steps, 1):
        done = await send(method, path, number, **body)
        assert done.status_code in {200, 201}, done.text
        assert done.headers["etag"] == f'"{number + 1}"'
    board = (await teacher.get(base)).json()["storyboard"]
    assert [one["id"] for one in board["scenes"]] == ["scene", "two", "two-2", "three"]
    back = await send("POST", "/versions/1/restore", 7)
    assert back.json()["storyboard"]["scenes"] == json.loads(json.dumps(SCENES))
    refused = {
        "no version": await send("DELETE", "/scenes/two", None),
        "late": await send("PUT", "/scenes/two", 3, **SCENES[1], title2="x"),
        "no place": await send("POST", "/scenes/two/move", 8, to="top"),
        "no field": await send("PATCH", "", 8, made_by="model"),
        "bad title": await send("PATCH", "", 8, title=""),
    }
    assert {name: one.status_code // 100 for name, one in refused.items()} == dict.fromkeys(
        refused, 4
    )
    stale = await send("PUT", "/scenes/two", 2, **{**SCENES[1], "title": "late"})
    assert stale.status_code == 412, stale.text
    drawn = await send("POST", "/preview", None, scene=SCENES[0])
    assert (await teacher.get(drawn.json()["picture"])).status_code == 200
    heard = (await send("POST", "/preview", None, scene=SCENES[0], sound=True)).json()
    assert heard["voice"] == "hum:low" and heard["seconds"] > 0.75
