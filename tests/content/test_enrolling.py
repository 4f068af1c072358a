"""Who is in a course, and that what is for the enrolled is seen by nobody else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from bloop.accounts.models import User
from bloop.accounts.people import groups
from bloop.accounts.people import service as people
from bloop.accounts.sessions import GUEST, system_call
from bloop.content import service
from bloop.content.engine import run_read
from bloop.content.enrolling import linking
from bloop.content.enrolling.models import PersonLink
from bloop.content.enrolling.service import enrol
from bloop.content.enrolling.visible import visible_items
from bloop.content.models import Container, Enrolment, Item, Person
from bloop.events.hooks import FEEDS
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace
from bloop_sdk import records as r
from tests.content.course import Course, connect, course, leaf, module, page


@pytest.fixture
def made(run):
    """A published course for the enrolled: a page, a page that is not published, a quiz, a file."""

    def make(unit):
        row = service.create_container(unit, title="Acids", published=True, audience="enrolled")
        ids = {"course": row.id}
        for kind, title in (("page", "Shown"), ("page", "Draft"), ("quiz", "Quiz")):
            item = service.create_item(unit, row.id, kind=kind, title=title, html="<p>x</p>")
            item.published = title != "Draft"
            ids[title] = item.id
        return ids

    return run(make)


def call_of(client, hub, role="learner"):
    who = Principal(PrincipalKind.USER, client.user, Role(role))
    return Call(who, hub.institution, Trace("0" * 32, "0" * 16))


SEEN = ("list", "container", "tree", "items", "item", "page", "lesson", "home", "link")


async def sees(client, made):
    """What of the course a client is given: by the API, the pages and the event it may follow."""
    found = {}
    course_, item = made["course"], made["Shown"]
    for name, path in {
        "list": "/api/v1/containers",
        "container": f"/api/v1/containers/{course_}",
        "tree": f"/api/v1/containers/{course_}/tree",
        "items": f"/api/v1/containers/{course_}/items",
        "item": f"/api/v1/items/{item}",
        "page": f"/courses/{course_}",
        "lesson": f"/lessons/{item}",
        "home": "/courses",
        "link": f"/lessons/{course_}/page/{item}",
    }.items():
        answer = await client.get(path)
        shown = answer.status_code in {200, 302}
        if name in {"list", "home"}:
            shown = course_ in answer.text
        found[name] = shown
    return found


async def test_a_course_for_the_enrolled_is_seen_by_them_alone(come, made):
    educator, ada, bob, guest = come("educator"), come("learner"), come("learner"), come()
    enrolments = f"/api/v1/containers/{made['course']}/enrolments"
    done = await educator.post(enrolments, json={"user": ada.user})
    assert (done.status_code, done.json()["role"]) == (201, "learner")
    assert await sees(educator, made) == dict.fromkeys(SEEN, True)
    assert await sees(ada, made) == dict.fromkeys(SEEN, True)
    for other in (bob, guest):
        assert await sees(other, made) == dict.fromkeys(SEEN, False)
    items = (await ada.get(f"/api/v1/containers/{made['course']}/items")).json()["items"]
    titles = [one["title"] for one in items]
    assert titles == ["Shown", "Quiz"], "enrolled is not educator"
    assert (
        await ada.patch(f"/api/v1/items/{made['Shown']}", json={"title": "x"})
    ).status_code == 403
    assert (await ada.get(enrolments)).status_code == 403

    await educator.delete(f"{enrolments}/{done.json()['id']}")
    assert await sees(ada, made) == dict.fromkeys(SEEN, False)


async def test_an_audience_is_said_by_educators_of_the_institution(come, made, hub):
    educator, ada, teacher, guest = come("educator"), come("learner"), come("learner"), come()
    path = f"/api/v1/containers/{made['course']}"
    body = {"user": teacher.user, "role": "educator"}
    assert (await educator.post(f"{path}/enrolments", json=body)).status_code == 201
    version = (await educator.get(path)).headers["etag"]
    refused = await teacher.patch(path, json={"audience": "open"}, headers={"if-match": version})
    assert refused.status_code == 403
    assert (
        await educator.patch(path, json={"audience": "x"}, headers={"if-match": version})
    ).status_code == 422
    for audience, expected in (
        ("members", {ada: True, guest: False}),
        ("open", {ada: True, guest: True}),
    ):
        done = await educator.patch(path, json={"audience": audience}, headers={"if-match": "*"})
        assert done.json()["audience"] == audience
        for client, shown in expected.items():
            assert await sees(client, made) == dict.fromkeys(SEEN, shown), audience
    with hub.database.reading(system_call(hub.institution)) as unit:
        said = unit.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.topic == "learning.audience_changed")
        ).all()
        lines = unit.session.scalars(
            select(AuditLine.detail).where(AuditLine.action == "enrolments:audience")
        ).all()
    assert [one["audience"] for one in said] == ["members", "open"]
    assert len(lines) == 2


async def test_who_teaches_a_course_writes_in_it_and_nowhere_else(come, made, run):
    educator, teacher = come("educator"), come("learner")
    other = run(service.create_container, title="Bases", published=True).id
    path = f"/api/v1/containers/{made['course']}"
    body = {"user": teacher.user, "role": "educator"}
    assert (
        await teacher.post(f"{path}/items", json={"kind": "page", "title": "x"})
    ).status_code == 403
    assert (await educator.post(f"{path}/enrolments", json=body)).status_code == 201
    items = (await teacher.get(f"{path}/items")).json()["items"]
    assert {one["title"] for one in items} == {"Shown", "Draft", "Quiz"}
    new = await teacher.post(f"{path}/items", json={"kind": "page", "title": "Mine"})
    assert new.status_code == 201, new.text
    made_ = f"/api/v1/items/{new.json()['id']}"
    shown = await teacher.post(f"{made_}/publish", headers={"if-match": "*"})
    assert (shown.status_code, shown.json()["published"]) == (200, True)
    node = await teacher.post(f"{path}/nodes", json={"title": "Week 1"})
    assert node.status_code == 201
    assert (
        await teacher.patch(
            f"/api/v1/nodes/{node.json()['id']}",
            json={"title": "Week 2"},
            headers={"if-match": "*"},
        )
    ).status_code == 200
    assert "Week 2" in (await teacher.get(f"{path}/tree")).text
    assert (await teacher.get(f"/courses/{made['course']}")).status_code == 200
    assert "Draft" in (await teacher.get(f"/lessons/{made['Draft']}")).text
    assert (await teacher.get(f"{path}/enrolments")).status_code == 200
    for method, where, sent in (
        ("POST", f"/api/v1/containers/{other}/items", {"kind": "page", "title": "x"}),
        ("POST", f"/api/v1/containers/{other}/nodes", {"title": "x"}),
        ("PATCH", f"/api/v1/containers/{other}", {"title": "x"}),
        ("DELETE", f"/api/v1/containers/{other}", None),
        ("POST", "/api/v1/containers", {"title": "x"}),
        ("POST", f"{path}/enrolments", body),
        ("GET", f"/api/v1/containers/{other}/enrolments", None),
        ("GET", f"/api/v1/containers/{other}/versions", None),
    ):
        answer = await teacher.request(method, where, json=sent, headers={"if-match": "*"})
        assert answer.status_code == 403, (method, where, answer.text)


async def test_a_group_is_enrolled_as_a_whole_and_its_members_come_and_go(come, made, run, hub):
    admin, ada, bob = come("admin"), come("learner", "Ada"), come("learner", "Bob")
    group = (await admin.post("/api/v1/groups", json={"name": "Class B"})).json()["id"]
    assert (await admin.post("/api/v1/groups", json={"name": "Class B"})).status_code == 409
    members = f"/api/v1/groups/{group}/members"
    assert (await admin.post(members, json={"users": [ada.user, "nobody"]})).status_code == 422
    assert (await admin.post(members, json={"users": [ada.user]})).json()["members"] == 1
    enrolments = f"/api/v1/containers/{made['course']}/enrolments"
    done = (await admin.post(enrolments, json={"group": group})).json()
    assert (done["group"], done["name"]) == (group, "Class B")
    assert await sees(ada, made) == dict.fromkeys(SEEN, True)
    assert await sees(bob, made) == dict.fromkeys(SEEN, False)
    await admin.post(members, json={"users": [bob.user, ada.user]})
    assert await sees(bob, made) == dict.fromkeys(SEEN, True)
    assert (await admin.delete(f"{members}/{ada.user}")).status_code == 204
    assert await sees(ada, made) == dict.fromkeys(SEEN, False)
    mine = (await bob.get("/api/v1/account/courses")).json()["items"]
    assert [(one["title"], one["teaches"]) for one in mine] == [("Acids", False)]
    assert (
        await admin.delete(f"/api/v1/groups/{group}", headers={"if-match": "*"})
    ).status_code == 204
    assert await sees(bob, made) == dict.fromkeys(SEEN, False)
    assert (await bob.get("/api/v1/account/courses")).json()["items"] == []

    def told(unit):
        rows = unit.session.execute(
            select(OutboxEvent.topic, OutboxEvent.payload)
            .where(OutboxEvent.topic.like("learning.%enrolled"))
            .order_by(OutboxEvent.seq)
        ).all()
        return [(topic.partition(".")[2], payload["id"]) for topic, payload in rows]

    assert run(told) == [
        ("enrolled", ada.user),
        ("enrolled", bob.user),
        ("unenrolled", ada.user),
        ("unenrolled", bob.user),
    ]


async def test_which_of_some_items_somebody_may_see(come, made, hub):
    educator, ada, bob = come("educator"), come("learner"), come("learner")
    await educator.post(f"/api/v1/containers/{made['course']}/enrolments", json={"user": ada.user})
    asked = [made["Quiz"], made["Draft"], "nothing", made["Shown"], *map(str, range(120))]
    found = await visible_items(hub.database, call_of(ada, hub), asked)
    assert found == {made["Quiz"]: made["course"], made["Shown"]: made["course"]}
    assert list(found) == [made["Quiz"], made["Shown"]]
    assert await visible_items(hub.database, call_of(bob, hub), asked) == {}
    everything = await visible_items(hub.database, call_of(educator, hub, "educator"), asked)
    assert set(everything) == {made["Quiz"], made["Draft"], made["Shown"]}


# -- enrolments of another system


ADA, EVE = "ada@example.org", "eve@example.org"


@pytest.fixture
async def synced(hub):
    """A course of a live connection: Ada learns in it, and Eve teaches."""
    call = system_call(hub.institution)
    people_ = [
        r.Person(remote_id="a", name="Ada", email="Ada@Example.org", raw={"id": "a"}),
        r.Person(remote_id="e", name="Eve", email=EVE, raw={"id": "e"}),
    ]
    roles = {"a": "learner", "e": "educator"}
    enrolments = [
        r.Enrolment(remote_id=f"in-{who}", container="c1", person=who, role=role, raw={"id": who})
        for who, role in roles.items()
    ]
    text = page(1)
    source = Course([course(), *people_], [module(1), leaf(text, "m1"), text, *enrolments])
    connection = connect(hub.database, call)

    async def sync():
        return await run_read(hub.database, hub.blobs, source, call, connection=connection)

    await sync()
    with hub.database.reading(call) as unit:
        row = unit.session.scalars(select(Container)).one()
        item = unit.session.scalars(select(Item.id)).one()
        assert row.audience == "enrolled", "what a live system holds is nobody else's by accident"
    return {"course": row.id, "Shown": item, "sync": sync, "connection": connection}


def verified(unit, user):
    row = unit.get(User, user)
    row.email_verified_at = utcnow()
    linking.link_user(unit, row)


async def test_an_enrolment_elsewhere_counts_for_a_verified_address_alone(come, synced, run):
    ada, eve = come("learner", "Ada", ADA), come("learner", "Eve", EVE)
    for one in (ada, eve, come(), come("learner")):
        assert not (await sees(one, synced))["container"]
    run(verified, ada.user)
    assert (await sees(ada, synced))["container"]
    assert not (await sees(eve, synced))["container"], "anybody can type an address"
    run(lambda unit: setattr(unit.get(User, eve.user), "email_verified_at", utcnow()))
    await synced["sync"]()
    assert (await sees(eve, synced))["lesson"]
    roster = (await eve.get(f"/api/v1/containers/{synced['course']}/people")).json()["items"]
    assert {(one["name"], one["user"], one["linked_by"]) for one in roster} == {
        ("Ada", ada.user, "email"),
        ("Eve", eve.user, "email"),
    }
    writes = {"kind": "page", "title": "Beside what is synced"}
    items = f"/api/v1/containers/{synced['course']}/items"
    assert (await eve.post(items, json=writes)).status_code == 201
    assert (await ada.post(items, json=writes)).status_code == 403


async def test_an_enrolment_that_ended_elsewhere_ends_here(come, synced, run):
    ada = come("learner", "Ada", ADA)
    run(verified, ada.user)
    assert (await sees(ada, synced))["item"]
    ended = update(Enrolment).where(Enrolment.remote_id == "in-a")
    run(lambda unit: unit.session.execute(ended.values(active=False)))
    assert not (await sees(ada, synced))["item"]
    run(lambda unit: unit.session.execute(ended.values(active=True, state="missing")))
    assert not (await sees(ada, synced))["item"]


async def test_another_address_takes_the_link_away(come, synced, run):
    ada = come("learner", "Ada", ADA)
    run(verified, ada.user)
    run(people.change, ada.user, None, {"email": "countess@example.org"})
    assert not (await sees(ada, synced))["container"]
    assert run(lambda unit: unit.session.scalars(select(PersonLink)).all()) == []


async def test_an_admin_links_and_unlinks_by_hand(come, synced, run):
    admin, bob, ada = come("admin"), come("learner", "Bob"), come("learner", "Ada", ADA)
    person = run(
        lambda unit: unit.session.scalars(select(Person.id).where(Person.name == "Ada")).one()
    )
    path = f"/api/v1/people/{person}/user"
    assert (await bob.put(path, json={"user": bob.user})).status_code == 403
    assert (await admin.put(path, json={"user": "nobody"})).status_code == 404
    assert (await admin.put(path, json={"user": bob.user})).status_code == 204
    assert (await sees(bob, synced))["container"]
    run(verified, ada.user)
    assert not (await sees(ada, synced))["container"], "what was said by hand stays"
    assert (await admin.delete(path)).status_code == 204
    await synced["sync"]()
    for one in (ada, bob):
        assert not (await sees(one, synced))["container"]
    lines = run(
        lambda unit: unit.session.scalars(
            select(AuditLine.detail).where(AuditLine.action == "people:link")
        ).all()
    )
    assert [(one["user"], one["before"]) for one in lines] == [(bob.user, None), (None, bob.user)]


async def test_a_group_that_is_removed_leaves_nothing_behind(run):
    group = run(groups.create, name="Class C")
    user = run(people.create, name="Ada", email=None, role=Role.LEARNER)
    assert run(groups.add, group, [user]) == 1
    assert run(groups.add, group, [user]) == 0
    run(groups.remove, group, None)
    assert run(groups.create, name="Class C") != group


# -- what is told


async def test_an_event_of_a_course_is_heard_by_whom_the_course_is_for(come, made, run, hub):
    educator, ada, bob, guest = come("educator"), come("learner"), come("learner"), come()
    path = f"/api/v1/containers/{made['course']}"
    await educator.post(f"{path}/enrolments", json={"user": ada.user})
    nobody = Call(GUEST, hub.institution, Trace("0" * 32, "0" * 16))
    callers = {"ada": call_of(ada, hub), "bob": call_of(bob, hub), "guest": nobody}
    event = SimpleNamespace(
        aggregate=f"item:{made['Shown']}",
        institution=hub.institution,
        payload={"id": made["Shown"]},
    )
    heard = {}
    for audience in ("enrolled", "members", "open"):
        await educator.patch(path, json={"audience": audience}, headers={"if-match": "*"})
        whom = await hub.live._for_whom(SimpleNamespace(event=event))
        heard[audience] = {name for name, call in callers.items() if whom.has(call)}
    assert heard == {"enrolled": {"ada"}, "members": {"ada", "bob"}, "open": set(callers)}
    event.payload["id"] = made["Draft"]
    whom = await hub.live._for_whom(SimpleNamespace(event=event))
    assert not any(whom.has(call) for call in callers.values())
    assert (await guest.get(path)).status_code == 200


def test_plugins_hear_of_a_learner_who_was_enrolled(made, run):
    user = run(people.create, name="Ada", email=None, role=Role.LEARNER)
    run(enrol, made["course"], user=user)
    said = run(
        lambda unit: unit.session.scalars(
            select(OutboxEvent).where(OutboxEvent.topic == "learning.enrolled")
        ).one()
    )
    event = SimpleNamespace(institution=said.institution_id, payload=said.payload)
    assert FEEDS["learner_enrolled"].arguments(event) == {
        "institution": said.institution_id,
        "learner": user,
        "container": made["course"],
    }
