"""Notes of one's own beside a lesson: over pages that need no script, and over the API."""

from __future__ import annotations

import re

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.content.notes import own
from bloop.hub import Hub

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

API = {"accept": "application/json"}
LESSON = (
    "<p>A buffer keeps the pH nearly constant. The weak acid takes up what is added to it.</p>"
    "<p>Its partner is the conjugate base.</p>"
)
QUOTE = "The weak acid takes up what is added"


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Chemistry", published=True)
        other = service.create_container(unit, title="Physics", published=True)
        hub.lesson = made(unit, course, "Buffers", LESSON)
        hub.film = made(
            unit, other, "Film", '<p>Look.</p><video src="https://x.example/f"></video>'
        )
        hub.draft = service.create_item(unit, course.id, kind="page", title="Draft").id
        hub.course, hub.other = course.id, other.id
    yield hub
    await hub.database.close()


def made(unit, course, title, html):
    item = service.create_item(unit, course.id, kind="page", title=title, html=html)
    service.publish(unit, Item, item.id, None, lambda *_: None)
    return item.id


def change(hub, id_, html):
    with hub.database.unit(system_call(hub.institution)) as unit:
        service.update_item(unit, id_, None, {"html": html})


async def submit(browser, path, page, **fields):
    shown = await browser.get(page)
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.post(path, data={"csrf": token, **fields})


async def write(browser, lesson, **fields):
    return await submit(browser, f"/lessons/{lesson}/notes", f"/lessons/{lesson}", **fields)


async def post(browser, lesson, **body):
    shown = await browser.get(f"/lessons/{lesson}")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    headers = {**API, "x-csrf-token": token}
    return await browser.post(f"/api/v1/items/{lesson}/notes", json=body, headers=headers)


def panel_of(text):
    return text.partition('id="notes"')[2].partition("</aside>")[0]


async def test_a_learner_marks_a_passage_and_nobody_else_sees_it(hub, visit):
    learner, classmate, educator = [await visit(it) for it in ("learner", "learner", "educator")]
    kept = await write(learner, hub.lesson, words="Ask <b>why</b>.", quote=QUOTE)
    assert kept.status_code == 303
    assert kept.headers["location"].startswith(f"/lessons/{hub.lesson}#note-")

    panel = panel_of((await learner.get(f"/lessons/{hub.lesson}")).text)
    assert QUOTE in panel
    assert "Ask &lt;b&gt;why&lt;/b&gt;." in panel
    mine = (await learner.get("/notes")).text
    assert QUOTE in mine
    assert "Buffers" in mine
    for other in (classmate, educator):
        assert QUOTE not in panel_of((await other.get(f"/lessons/{hub.lesson}")).text)
        assert "No notes yet" in (await other.get("/notes")).text
        listed = await other.get(f"/api/v1/items/{hub.lesson}/notes", headers=API)
        assert listed.json()["items"] == []

    [note] = (await learner.get("/api/v1/account/notes", headers=API)).json()["items"]
    assert (note["kind"], note["words"], note["title"]) == (
        "highlight",
        "Ask <b>why</b>.",
        "Ask <b>why</b>.",
    )
    assert note["markdown"].startswith(f"> {QUOTE}\n\n[Buffers](http")
    assert (note["lesson_title"], note["course_title"]) == ("Buffers", "Chemistry")
    for other in (classmate, educator):
        assert (await other.get(f"/lessons/{note['id']}")).status_code == 404
    text = (await learner.get(f"/lessons/{note['id']}")).text
    assert f'href="/lessons/{hub.lesson}#note-{note["id"]}"' in text
    assert 'class="mine"' not in text


async def test_the_panel_is_for_people_alone(hub, visit):
    assert 'id="notes"' not in (await (await visit()).get(f"/lessons/{hub.lesson}")).text
    operator = await visit("operator")
    assert 'id="notes"' in (await operator.get(f"/lessons/{hub.lesson}")).text


async def test_a_highlight_survives_edits_and_is_never_lost(hub, visit):
    learner = await visit("learner")
    await write(learner, hub.lesson, words="", quote=QUOTE)

    async def seen():
        answer = await learner.get(f"/api/v1/items/{hub.lesson}/notes", headers=API)
        [note] = answer.json()["items"]
        return note["passage"]["state"], note["passage"]["exact"], note["quote"]["exact"]

    assert await seen() == ("same", QUOTE, QUOTE)
    now = "The weak acid takes up all that is added"
    change(hub, hub.lesson, f"<p>More before it.</p>{LESSON.replace(QUOTE, now)}")
    assert await seen() == ("changed", now, QUOTE)
    change(hub, hub.lesson, "<p>Another text.</p>")
    assert await seen() == ("gone", QUOTE, QUOTE)
    panel = panel_of((await learner.get(f"/lessons/{hub.lesson}")).text)
    assert "The passage has changed" in panel
    assert QUOTE in panel
    change(hub, hub.lesson, LESSON)
    assert await seen() == ("same", QUOTE, QUOTE)


async def test_a_moment_of_a_video_is_kept(hub, visit):
    learner = await visit("learner")
    form = (await learner.get(f"/lessons/{hub.film}")).text
    assert 'name="at"' in form
    assert 'name="at"' not in (await learner.get(f"/lessons/{hub.lesson}")).text
    assert (await write(learner, hub.film, words="Here", at="1:23", video="0")).status_code == 303
    [note] = (await learner.get(f"/api/v1/items/{hub.film}/notes", headers=API)).json()["items"]
    assert (note["kind"], note["moment_ms"], note["video"]) == ("moment", 83_000, 0)
    assert (
        'data-seek="83000" data-video="0">1:23<' in (await learner.get(f"/lessons/{hub.film}")).text
    )
    assert f"/lessons/{hub.film}#t=83" in (await learner.get("/notes")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"words": "kept words", "quote": "not in the lesson at all"}, "not in the lesson"),
        ({"words": "  "}, "A note needs words"),
        ({"words": "kept words", "at": "soon"}, "reads like 1:23"),
        ({"words": "kept words", "quote": QUOTE, "at": "1:23"}, "or about a moment"),
    ],
    ids=["quote", "empty", "time", "both"],
)
async def test_what_is_refused_comes_back_with_what_was_typed(hub, visit, fields, said):
    learner = await visit("learner")
    answer = await write(learner, hub.lesson, **fields)
    assert answer.status_code == 422
    panel = panel_of(answer.text)
    assert said in panel
    assert 'role="alert"' in panel
    assert ("kept words" in panel) == ("kept words" in fields["words"])


async def test_notes_of_a_lesson_that_is_not_for_one_are_refused(hub, visit):
    learner, guest = await visit("learner"), await visit()
    answer = await submit(
        learner, f"/lessons/{hub.draft}/notes", f"/lessons/{hub.lesson}", words="x"
    )
    assert answer.status_code == 404
    answer = await guest.post(
        f"/api/v1/items/{hub.lesson}/notes", json={"markdown": "x"}, headers=API
    )
    assert answer.status_code == 401


async def test_my_notes_are_narrowed_to_a_course_and_outlive_their_lesson(hub, visit):
    learner = await visit("learner")
    await write(learner, hub.lesson, words="about buffers")
    await write(learner, hub.film, words="about the film")
    page = (await learner.get(f"/notes?course={hub.other}")).text
    assert "about the film" in page
    assert "about buffers" not in page
    with hub.database.unit(system_call(hub.institution)) as unit:
        service.unpublish(unit, Item, hub.lesson, None)
    page = (await learner.get("/notes")).text
    assert "about buffers" in page
    assert "The lesson is not there any more." in page
    assert hub.lesson not in page


async def test_a_note_is_edited_and_deleted_as_notes_are(hub, visit):
    learner = await visit("learner")
    await write(learner, hub.lesson, words="first", quote=QUOTE)
    [note] = (await learner.get("/api/v1/account/notes", headers=API)).json()["items"]
    edit = f"/notes/{note['id']}/edit"
    form = (await learner.get(edit)).text
    [version] = re.findall(r'name="version" value="(\d*)"', form)
    markdown = note["markdown"].replace("first", "second")
    given = {"title": "first", "tags": "", "version": version}
    saved = await submit(learner, edit, edit, markdown=markdown, **given)
    assert saved.status_code == 303
    assert "second" in panel_of((await learner.get(f"/lessons/{hub.lesson}")).text)
    late = await submit(learner, edit, edit, markdown="late", **given)
    assert late.status_code == 422

    gone = await submit(
        learner, f"/notes/{note['id']}/delete", f"/lessons/{hub.lesson}", lesson=hub.lesson
    )
    assert gone.headers["location"] == f"/lessons/{hub.lesson}#notes"
    assert (await learner.get("/api/v1/account/notes", headers=API)).json()["items"] == []


async def test_new_notes_go_to_the_notebook_that_was_chosen(hub, visit):
    learner, other = await visit("learner"), await visit("learner")
    await write(learner, hub.lesson, words="one")
    place = (await learner.get("/api/v1/account/note-place", headers=API)).json()["notebooks"]
    assert [(one["title"], one["chosen"]) for one in place] == [("My notes", True)]
    shown = await learner.get(f"/lessons/{hub.lesson}")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    headers = {**API, "x-csrf-token": token}
    second = await learner.post(
        "/api/v1/account/notebooks", json={"title": "Chosen"}, headers=headers
    )
    id_ = second.json()["id"]
    assert (
        await submit(other, "/notes/place", f"/lessons/{hub.lesson}", notebook=id_)
    ).status_code == 404
    assert (await submit(learner, "/notes/place", "/notes", notebook=id_)).status_code == 303
    await write(learner, hub.lesson, words="two")
    notes = (await learner.get("/api/v1/account/notes", headers=API)).json()["items"]
    assert [(one["words"], one["notebook"] == id_) for one in notes] == [
        ("two", True),
        ("one", False),
    ]


async def test_lists_come_in_pages_and_a_lesson_takes_so_many(hub, visit, monkeypatch):
    monkeypatch.setattr(own, "MOST_OF_LESSON", 3)
    learner = await visit("learner")
    for number in range(3):
        assert (await post(learner, hub.lesson, markdown=f"note {number}")).status_code == 201
    full = await post(learner, hub.lesson, markdown="one more")
    assert full.status_code == 409
    first = (await learner.get("/api/v1/account/notes?limit=2", headers=API)).json()
    rest = await learner.get(f"/api/v1/account/notes?limit=2&cursor={first['next']}", headers=API)
    assert [one["words"] for one in first["items"]] == ["note 2", "note 1"]
    assert [one["words"] for one in rest.json()["items"]] == ["note 0"]
    beside = (await learner.get(f"/api/v1/items/{hub.lesson}/notes?limit=2", headers=API)).json()
    assert [one["words"] for one in beside["items"]] == ["note 0", "note 1"]
    assert beside["next"]


async def test_what_a_plugin_shows_may_be_marked_with_its_context(hub, visit):
    learner = await visit("learner")
    quote = {"exact": "shown by a plugin", "prefix": "before ", "suffix": " after", "position": 3}
    answer = await post(learner, hub.lesson, quote=quote)
    assert answer.status_code == 201
    assert answer.json()["quote"] == quote
    assert answer.json()["passage"]["state"] == "gone"
