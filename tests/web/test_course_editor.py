"""Courses written in a browser without scripts: outlines, drafts, publishing, taking back."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content.enrolling import service as enrolling
from bloop.hub import Hub

PAGE = {"accept": "text/html"}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


class Desk:
    """Somebody at the pages: forms are sent as a browser sends them."""

    def __init__(self, client):
        self.client = client

    async def get(self, path):
        answer = await self.client.get(path, headers=PAGE)
        assert answer.status_code == 200, (path, answer.text)
        return answer.text

    async def send(self, path, page, files=None, **fields):
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', await self.get(page))[1]
        if files:
            return await self.client.post(f"{path}?csrf={csrf}", data=fields, files=files)
        return await self.client.post(path, data={"csrf": csrf, **fields}, headers=PAGE)

    async def went(self, path, page, **fields):
        answer = await self.send(path, page, **fields)
        assert answer.status_code == 303, (path, answer.status_code, answer.text)
        return answer.headers["location"]

    async def version(self, page):
        return re.search(r'name="version" value="(\d+)"', await self.get(page))[1]

    async def titles(self, course):
        text = await self.get(f"/courses/{course}/edit")
        rows = re.findall(r'data-node="([^"]+)" data-parent="([^"]*)".*?>([^<>]+)</(?:a|h2)>', text)
        names = {id_: title for id_, _, title in rows}
        return [(names.get(parent), title) for _, parent, title in rows]


@pytest.fixture
async def desk(hub, visit):
    return Desk(await visit("educator"))


@pytest.fixture
async def course(desk):
    again = await desk.send("/courses", "/courses/new", title="", summary="<b>Kept</b>")
    assert again.status_code == 422
    assert "Give it a title." in again.text and "&lt;b&gt;Kept" in again.text
    at = await desk.went("/courses", "/courses/new", title="Acids", audience="open", language="en")
    return at.split("/")[2]


async def added(desk, course, **fields):
    return await desk.went(f"/courses/{course}/add", f"/courses/{course}/edit", **fields)


async def test_an_outline_is_built_moved_renamed_and_brought_back(desk, course):
    here = f"/courses/{course}/edit"
    bad = await desk.send(f"/courses/{course}/add", here, kind="link", title="pH", href="ph.org")
    assert bad.status_code == 422
    assert "A link begins with http://" in bad.text and 'value="ph.org"' in bad.text
    module = (await added(desk, course, kind="module", title="Week 1")).rpartition("#n-")[2]
    await added(desk, course, kind="page", title="What pH is", parent="")
    await added(desk, course, kind="link", title="A table", href="https://ph.org", parent=module)
    given = {"file": ("scale.txt", b"0 to 14", "text/plain")}
    made = await desk.send(f"/courses/{course}/add-file", here, files=given)
    assert made.status_code == 303
    assert await desk.titles(course) == [
        (None, "Week 1"), ("Week 1", "A table"), (None, "What pH is"), (None, "scale.txt"),
    ]  # fmt: skip

    text = await desk.get(here)
    page = re.search(r'data-node="([^"]+)"[^>]*><div class="spot">(?:(?!<li).)*What pH is', text)[1]
    places = f"/courses/{course}/places"
    opened = f"{here}?node={page}"
    await desk.went(places, here, node=page, do="in")
    assert (await desk.titles(course))[2] == ("Week 1", "What pH is")
    await desk.went(places, here, node=page, do="up")
    assert (await desk.titles(course))[1] == ("Week 1", "What pH is")
    edge = await desk.send(places, here, node=page, do="up")
    assert edge.status_code == 422 and "It cannot go further this way." in edge.text
    version = await desk.version(opened)
    await desk.went(places, here, node=page, do="rename", title="pH", version=version)
    stale = await desk.send(places, here, node=page, do="rename", title="Mine", version=version)
    assert stale.status_code == 409
    assert "Somebody else changed this" in stale.text and 'value="Mine"' in stale.text
    editor = re.search(r'href="(/lessons/[^"]+/edit)">pH<', await desk.get(here))[1]
    assert 'value="pH"' in await desk.get(editor)

    version = await desk.version(opened)
    await desk.went(places, here, node=page, do="remove", version=version)
    assert [title for _, title in await desk.titles(course)] == ["Week 1", "A table", "scale.txt"]
    bin_ = f"/courses/{course}/bin"
    what = re.search(r'name="what" value="(node:[^"]+)"', await desk.get(bin_))[1]
    await desk.went(bin_, bin_, what=what)
    assert (await desk.titles(course))[1] == ("Week 1", "pH")

    changes = await desk.get(f"/courses/{course}/history")
    assert "put into the bin" in changes and "taken out of the bin" in changes
    renamed = re.findall(rf'value="(node:{page}:\d+)"', changes)[-1]
    await desk.went(f"/courses/{course}/history", f"/courses/{course}/history", change=renamed)
    assert (None, "What pH is") in await desk.titles(course)


async def test_a_published_text_changes_only_when_its_draft_is_published(desk, course, visit):
    learner = await visit("learner")
    at = await added(desk, course, kind="page", title="pH")
    lesson = at.split("/")[2]
    version = await desk.version(at)
    await desk.went(at, at, title="pH", text="One *way*", mode="markdown", version=version)
    publish = f"/courses/{course}/publish"
    shown = await desk.get(publish)
    assert "new for learners" in shown and "The course itself" in shown
    await desk.went(publish, publish, chosen=re.findall(r'name="chosen" value="([^"]+)"', shown))
    text = (await learner.get(f"/lessons/{lesson}/text")).text
    assert "<em>way</em>" in text
    assert 'dir="auto"' in text, "nobody said in which language it is"

    version = await desk.version(at)
    await desk.went(at, at, title="pH", text="Another *way*", mode="markdown", version=version)
    assert "One <em>" in (await learner.get(f"/lessons/{lesson}/text")).text
    assert "Another <em>" in (await desk.client.get(f"/lessons/{lesson}/preview")).text
    assert (await learner.get(f"/lessons/{lesson}/preview")).status_code == 403
    shown = await desk.get(f"{publish}?item={lesson}")
    assert "<del>One</del>" in shown and "<ins>Another</ins>" in shown

    # Another tab, with the version from before: both texts are shown, and what was typed is kept.
    late = await desk.send(at, at, title="pH", text="Mine", mode="markdown", version=version)
    assert late.status_code == 409
    assert late.text.count("Another *way*") == 1 and late.text.count("Mine") == 2
    newest = re.search(r'name="version" value="(\d+)"', late.text)[1]
    await desk.went(at, at, title="pH", text="Mine", mode="markdown", version=newest)
    stale = await desk.send(publish, publish, chosen=f"item:{lesson}:{newest}")
    assert stale.status_code == 409
    chosen = re.findall(r'name="chosen" value="([^"]+)"', stale.text)
    await desk.went(publish, publish, chosen=chosen)
    assert "Mine" in (await learner.get(f"/lessons/{lesson}/text")).text
    assert "Learners see everything" in await desk.get(publish)

    versions = f"/lessons/{lesson}/versions"
    shown = await desk.get(versions)
    first = re.findall(r'name="to" value="(\d+)"', shown)[-2]
    compared = await desk.get(f"{versions}?before={first}&after={await desk.version(at)}")
    assert "One" in compared and "<ins>" in compared
    version = await desk.version(versions)
    await desk.went(versions, versions, to=first, version=version)
    assert "published, with changes that are not" in await desk.get(at)
    await desk.went(f"/lessons/{lesson}/discard", at, version=await desk.version(at))
    assert "published, with changes that are not" not in await desk.get(at)


async def test_hostile_html_is_taken_out_and_named_and_pictures_need_words(desk, course):
    at = await added(desk, course, kind="page", title="pH")
    lesson = at.split("/")[2]
    text = '<p onclick="x()">Hi</p><script>alert(1)</script><a href="javascript:x">y</a>'
    version = await desk.version(at)
    told = await desk.send(at, at, title="pH", text=text, mode="html", version=version)
    assert told.status_code == 200
    for name in ("&lt;script&gt;", "onclick", "href=javascript:x"):
        assert name in told.text.partition("</ul>")[0] + told.text
    assert "alert(1)" not in await desk.get(at)

    version = await desk.version(at)
    empty = await desk.send(at, at, title=" ", text="typed", mode="html", version=version)
    assert empty.status_code == 422 and "typed" in empty.text and "Give it a title." in empty.text

    picture = {"file": ("drop.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40, "image/png")}
    fields = {"title": "pH", "text": "<p>Hi</p>", "mode": "html"}
    version = await desk.version(at)
    media = f"/lessons/{lesson}/media"
    silent = await desk.send(media, at, files=picture, **fields, version=version, alt="")
    assert silent.status_code == 422 and "Say what the picture shows" in silent.text
    fields |= {"text": "<p>\N{GRINNING FACE} Hi</p>\n\n<p>Bye</p>", "at": "4"}
    shown = await desk.send(media, at, files=picture, **fields, version=version, alt='A "drop"')
    assert shown.status_code == 303
    written = await desk.get(at)
    assert re.search(r"Hi&lt;/p&gt;\s+&lt;p&gt;&lt;img.*\s+&lt;p&gt;Bye", written)
    assert "bloop:file:" in written and "A &amp;quot;drop&amp;quot;" in written
    seen = (await desk.client.get(f"/lessons/{lesson}/preview")).text
    assert f"/{course}/" in re.search(r'<img[^>]+src="([^"]+)"', seen)[1]
    fields = {"title": "Kept", "text": "# Typed\n\n*now*", "mode": "markdown", "version": "1"}
    other = await desk.send(at, at, **fields, do="as-html")
    assert other.status_code == 200 and 'value="Kept"' in other.text
    assert "&lt;em&gt;now&lt;/em&gt;" in other.text and 'value="as-markdown"' in other.text
    look = await desk.send(
        f"/lessons/{lesson}/preview", at, title="x", text="$x^2$", mode="markdown"
    )
    assert "<math" in look.text


async def test_who_teaches_a_course_writes_in_it_and_nobody_else(desk, course, visit, hub):
    at = await added(desk, course, kind="page", title="pH")
    learner = Desk(await visit("learner"))
    pages = [at, *(f"/courses/{course}/{one}" for one in ("edit", "publish", "history", "bin"))]
    for path in pages:
        assert (await learner.client.get(path, headers=PAGE)).status_code == 403, path
    with hub.database.unit(system_call(hub.institution)) as unit:
        user = unit.session.scalars(select(User).where(User.role == "learner")).one()
        enrolling.enrol(unit, course, user=user.id, role="educator")
    for path in pages:
        await learner.get(path)
    assert (await added(learner, course, kind="module", title="Theirs")).startswith("/courses/")
    version = await learner.version(at)
    sent = {"title": "pH", "text": "Theirs", "mode": "markdown", "version": version}
    there = await learner.went(at, at, **sent, do="publish")
    assert there == f"/courses/{course}/publish?item={at.split('/')[2]}"
    chosen = re.findall(r'name="chosen" value="([^"]+)" checked', await learner.get(there))
    assert len(chosen) == 1, "only what they came for is ticked"
    await learner.went(there.partition("?")[0], there, chosen=chosen)
    settings = f"/courses/{course}/settings"
    assert 'name="audience"' not in await learner.get(settings)
    version = await learner.version(settings)
    await learner.went(settings, settings, title="Acids!", language="de-CH", version=version)
    late = await desk.send(settings, settings, title="Mine", code="C-1", version=version)
    assert late.status_code == 409 and "Acids!" in late.text and 'value="Mine"' in late.text
    wrong = await desk.send(settings, settings, title="x", language="not a tag!", version="9")
    assert wrong.status_code in {409, 422} and 'value="not a tag!"' in wrong.text


async def test_a_film_stands_in_markdown_and_is_shown(desk, course):
    at = await added(desk, course, kind="page", title="pH")
    film = {"file": ("drop.mp4", b"\x00\x00\x00\x18ftypmp42" + b"0" * 40, "video/mp4")}
    fields = {"title": "pH", "text": "Look:", "mode": "markdown", "version": await desk.version(at)}
    made = await desk.send(at.replace("/edit", "/media"), at, files=film, **fields, alt="A drop")
    assert made.status_code == 303
    seen = (await desk.client.get(at.replace("/edit", "/preview"))).text
    assert re.search(r'<video[^>]+src="/fr?a?m?e?d?[^"]+"', seen)
    assert 'title="A drop"' in seen
