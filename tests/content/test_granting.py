"""A single item that somebody was granted is theirs to see, and nothing else of its course is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bloop.accounts.policy.engine import core, resource_of
from bloop.content import service
from bloop.content.enrolling import granting
from bloop.content.enrolling.standing import standing_of
from bloop.content.enrolling.visible import visible_items
from bloop.content.models import Container, Item
from bloop.content.reader import ItemReader
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import AuditLine, OutboxEvent
from tests.content.test_enrolling import call_of, sees

TILL = "till"


@pytest.fixture
def made(run, hub):
    """A course for the enrolled: two lessons, each with a picture, another file, and a draft."""

    def make(unit):
        course = service.create_container(unit, title="Acids", published=True, audience="enrolled")
        course.language = "de"
        ids = {"course": course.id}
        for name in ("a.png", "b.png", "attached.txt", "other.txt", "draft.txt"):
            ref = hub.blobs.put([name.encode()])
            file = service.add_file(
                unit,
                course.id,
                name=name,
                media_type="text/plain",
                sha256=ref.sha256,
                size=ref.size,
            )
            file.published = name != "draft.txt"
            # As other systems call them; one name begins like another.
            file.remote_id = {"a.png": "pics/a b", "b.png": "pics/a b2"}.get(name, name)
            ids[name] = file.id
        texts = {
            "Shown": '<p><img src="bloop:file:pics/a%20b"><a href="bloop:page:Second">x</a></p>',
            "Second": '<p><img src="bloop:file:pics/a%20b2"></p>',
            "Draft": '<p><a href="bloop:file:other.txt">x</a></p>',
        }
        for title, html in texts.items():
            item = service.create_item(unit, course.id, kind="page", title=title, html=html)
            item.published, item.remote_id, ids[title] = title != "Draft", title, item.id
            if title == "Shown":
                item.data = item.data | {"attachments": ["attached.txt", "draft.txt"]}
        return ids

    return run(make)


def given(client, made, *titles):
    return lambda unit: [granting.grant(unit, made[t], client.user, TILL) for t in titles]


def taken(client, made, *titles):
    return lambda unit: [granting.revoke(unit, made[t], client.user, TILL) for t in titles]


FILES = ("a.png", "b.png", "attached.txt", "other.txt", "draft.txt")


async def had(client, made):
    """The files that a client gets, by their own address and by that of a lesson's text."""
    by_id, by_name = set(), set()
    names = {"a.png": "pics/a%20b", "b.png": "pics/a%20b2"}
    for name in FILES:
        if (await client.get(f"/api/v1/items/{made[name]}/content")).status_code == 200:
            by_id.add(name)
        path = f"/files/{made['course']}/{names.get(name, name)}"
        if (await client.get(path, follow_redirects=True)).status_code == 200:
            by_name.add(name)
    assert by_id == by_name
    return by_id


ALONE = {"item", "lesson"}


async def test_a_lesson_that_was_granted_is_seen_with_its_files_and_nothing_else(come, made, run):
    ada, bob = come("learner"), come("learner")
    run(given(ada, made, "Shown", "Draft"))
    run(given(ada, made, "Shown"))
    seen = await sees(ada, made)
    # The items of the course that may be listed are those that are theirs anyhow.
    assert {name for name, shown in seen.items() if shown} <= ALONE | {"items"}
    assert {name for name, shown in seen.items() if shown} >= ALONE
    assert await had(ada, made) == {"a.png", "attached.txt"}
    page = (await ada.get(f"/lessons/{made['Shown']}")).text
    assert "Acids" not in page
    assert "Second" not in page
    assert (await ada.get(f"/lessons/{made['Shown']}/text")).status_code == 200
    for title in ("Second", "Draft", "other.txt"):
        for path in ("/lessons/{}", "/api/v1/items/{}", "/lessons/{}/text"):
            assert (await ada.get(path.format(made[title]))).status_code == 404, (title, path)
    followed = f"/lessons/{made['course']}/page/"
    assert (await ada.get(followed + "Shown")).status_code == 302
    assert (await ada.get(followed + "Second")).status_code == 404
    for other in (bob, come()):
        assert not any((await sees(other, made)).values())
        assert await had(other, made) == set()

    run(taken(ada, made, "Shown"))
    run(taken(ada, made, "Shown"))
    assert not any((await sees(ada, made)).values())
    assert await had(ada, made) == set()


def permitted(unit, row, call):
    thing = replace(resource_of(row), standing=standing_of(unit, row, call))
    return core().decide(call, "content:read", thing).allowed


async def test_reads_and_policies_agree_on_what_was_granted(come, made, run, hub):
    ada, bob = come("learner"), come("learner")
    run(given(ada, made, "Shown", "Draft"))
    for client in (ada, bob):
        call = call_of(client, hub)
        seen = await visible_items(hub.database, call, list(made.values()))
        with hub.database.reading(call) as unit:
            rows = [unit.get(Item, id_) for name, id_ in made.items() if name != "course"]
            allowed = {row.id for row in rows if permitted(unit, row, call)}
        assert set(seen) == allowed == ({made["Shown"]} if client is ada else set())


async def test_plugins_read_it_too_in_the_language_of_its_course(come, made, run, hub):
    ada = come("learner")
    run(given(ada, made, "Shown"))
    reader = ItemReader(hub.database, hub.blobs, call_of(ada, hub), None, 1000)
    item = await reader.item(made["Shown"])
    assert (item.language, [one.name for one in item.files.values()]) == ("de", ["a.png"])
    with pytest.raises(NotFoundError):
        await reader.items(made["course"])


async def test_a_grant_counts_beside_an_enrolment_and_each_plugins_own_is_its_own(come, made, run):
    ada = come("learner")
    run(given(ada, made, "Shown"))
    run(lambda unit: granting.grant(unit, made["Shown"], ada.user, "other"))
    run(taken(ada, made, "Shown"))
    assert (await sees(ada, made))["lesson"]
    run(lambda unit: granting.revoke(unit, made["Shown"], ada.user, "other"))
    assert not (await sees(ada, made))["lesson"]

    def told(unit):
        events = unit.session.query(OutboxEvent).filter(OutboxEvent.topic.like("learning.%"))
        lines = unit.session.query(AuditLine).filter(AuditLine.action.like("enrolments:%"))
        return [one.topic for one in events.order_by(OutboxEvent.seq)], lines.count()

    assert run(told) == (["learning.granted"] * 2 + ["learning.revoked"] * 2, 4)


async def test_nobody_is_granted_what_is_not_there_or_somebodys_own(come, made, run):
    ada = come("learner")
    for item, user, error in (
        ("nothing", ada.user, NotFoundError),
        (made["Shown"], "nobody", InvalidError),
    ):
        with pytest.raises(error):
            run(granting.grant, item, user, TILL)

    def owned(unit):
        container = unit.get(Container, made["course"])
        container.owner_id, container.audience = ada.user, "owner"

    run(owned)
    with pytest.raises(ConflictError):
        run(granting.grant, made["Shown"], come("learner").user, TILL)


async def test_what_nobody_can_be_let_into_is_named(come, made, run):
    course, shown, draft, second = (made[one] for one in ("course", "Shown", "Draft", "Second"))
    ada = come("learner")

    def asked(unit):
        other = service.create_container(unit, title="Gone", published=True)
        item = service.create_item(unit, other.id, kind="page", title="With it", html="<p>x</p>")
        other.state = unit.get(Item, second).state = "trashed"
        unit.session.flush()
        assert granting.missing(unit, [shown, course, other.id], []) == [shown, other.id]
        named = granting.titles(unit, [course, other.id], [shown])
        assert named == {
            course: unit.get(Container, course).title,
            shown: unit.get(Item, shown).title,
        }
        items = [course, shown, draft, second, item.id, "nothing"]
        assert granting.missing(unit, [], items) == [course, second, item.id, "nothing"]
        book = unit.get(Container, course)
        book.owner_id, book.audience = ada.user, "owner"
        unit.session.flush()
        assert granting.missing(unit, [course], [shown]) == [course, shown]

    run(asked)
