"""A user's day: where they were, what is due soon, and what waits for who looks after it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.enrolling.service import enrol
from bloop.content.models import Container, Item
from bloop.hub import Hub
from bloop.jobs import ledger
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.learning.quizzes import marking
from bloop.learning.quizzes import service as taking
from bloop.learning.today import places
from bloop.learning.today.models import LastOpened
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.learning import quizzes as q
from tests.support.database import make_call

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    hub_toml.write_text(hub_toml.read_text() + '[access]\nguests = "read"\n')
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    soon = (utcnow() + timedelta(days=3)).isoformat()
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Chemistry", code="CH1", published=True)
        other = service.create_container(unit, title="Physics", published=True)
        hub.course, hub.other = course.id, other.id
        hub.one = made(unit, course, "page", "Buffers")
        hub.two = made(unit, course, "page", "Salts")
        hub.work = made(unit, course, "assignment", "Essay on acids", due_at=soon)
        hub.elsewhere = made(unit, other, "assignment", "Not mine", due_at=soon)
    yield hub
    await hub.places.stop()
    await hub.recommending.stop()
    await hub.database.close()


def made(unit, course, kind, title, **data):
    item = service.create_item(unit, course.id, kind=kind, title=title, data=data)
    service.publish(unit, Item, item.id, None, lambda *_: None)
    return item.id


def in_course(hub, role, name="learner"):
    """The last user with that name, now enrolled in the course."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        newest = select(User.id).where(User.name == name).order_by(User.id.desc()).limit(1)
        user = unit.session.scalar(newest)
        enrol(unit, hub.course, user=user, role=role)
    return user


async def today_of(browser):
    answer = await browser.get("/api/v1/today", headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def put(browser, path):
    shown = await browser.get("/courses")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.put(f"/api/v1{path}", headers={"x-csrf-token": token})


async def test_a_day_goes_on_where_one_was_and_says_what_is_due(hub, visit):
    learner = await visit("learner")
    assert "You are in no course yet" in (await learner.get("/")).text
    in_course(hub, "learner")
    for lesson in (hub.one, hub.two, hub.two):
        assert (await learner.get(f"/lessons/{lesson}")).status_code == 200
    await learner.get(f"/lessons/{hub.one}", headers={"sec-purpose": "prefetch"})
    await hub.places.flush()

    day = await today_of(learner)
    assert [(one["item"], one["course"]) for one in day["continue"]] == [(hub.two, "Chemistry")]
    assert [one["title"] for one in day["deadlines"]] == ["Essay on acids"]
    assert [(one["id"], one["lessons"], one["done"]) for one in day["courses"]] == [
        (hub.course, 3, 0)
    ]
    assert day["reviews"] == {"due": 0, "minutes": 0, "next": None}
    assert day["teaching"] == day["attention"] == []
    shown = (await learner.get("/")).text
    assert f'<h3><a href="/lessons/{hub.two}">Salts</a></h3>' in shown
    assert "Essay on acids" in shown
    assert "Not mine" not in shown.partition('id="deadlines"')[2].partition("</section>")[0]

    assert (await put(learner, f"/items/{hub.work}/progress?")).status_code == 422
    assert (await put(learner, f"/items/{hub.one}/opened")).status_code == 204
    assert (await put(learner, "/items/none/opened")).status_code == 404
    assert [one["item"] for one in (await today_of(learner))["continue"]] == [hub.one]
    with hub.database.unit(system_call(hub.institution)) as unit:
        service.unpublish(unit, Item, hub.one, None)
    assert (await today_of(learner))["continue"] == []


async def test_a_place_that_is_told_late_moves_nobody_back_and_a_lesson_may_be_gone(hub, visit):
    await visit("learner")
    user = in_course(hub, "learner")
    later = places.row_of(hub.institution, user, hub.two, hub.course)
    earlier = later | {"item_id": hub.one, "opened_at": later["opened_at"] - timedelta(hours=1)}
    gone = later | {"item_id": "gone", "container_id": hub.other}
    call = system_call(hub.institution)
    for some in ([later, gone], [earlier], [earlier, later]):
        with hub.database.unit(call) as unit:
            places.write(unit, some)
    with hub.database.unit(call) as unit:
        [row] = unit.session.scalars(select(LastOpened))
        assert (row.item_id, row.opened_at) == (hub.two, later["opened_at"])
        # Where an item is deleted for good, what was kept of it goes with it.
        unit.session.execute(delete(Item).where(Item.id == hub.two))
        assert unit.session.scalar(select(LastOpened.item_id)) is None


async def test_who_teaches_or_looks_after_the_hub_sees_what_waits(hub, visit):
    educator, operator, learner = [await visit(it) for it in ("educator", "operator", "learner")]
    in_course(hub, "educator", "educator")
    with hub.database.unit(system_call(hub.institution)) as unit:
        refused = {"state": "auth_failed", "reason": "canvas.example refused the token"}
        about = {"plugin_id": "canvas", "capability": "lms", "key": "c", "name": "Our Canvas"}
        connection = Connection(institution_id=hub.institution, **about, **refused)
        unit.session.add(connection)
        job = unit.session.get_one(Job, ledger.enqueue(unit, "sample.sync", {}))
        job.state, job.finished_at = "failed", utcnow()

    day = await today_of(educator)
    assert [(one["title"], one["waiting"]) for one in day["teaching"]] == [("Chemistry", {})]
    assert day["attention"] == []
    assert "Nothing waits here." in (await educator.get("/")).text
    day = await today_of(operator)
    assert {one["what"]: one["count"] for one in day["attention"]} == {"connection": 1, "jobs": 1}
    shown = (await operator.get("/")).text
    assert "Our Canvas refuses the login" in shown
    assert "canvas.example refused the token" in shown
    assert 'href="/setup"' in shown
    assert "Needs you" not in (await learner.get("/")).text


async def test_courses_are_found_by_title_or_code_and_a_guest_begins_there(hub, visit):
    learner, guest = await visit("learner"), await visit()
    in_course(hub, "learner")
    found = (await learner.get("/courses")).text
    assert found.index("Chemistry") < found.index("Other courses") < found.index("Physics")
    found = (await learner.get("/courses?q=ch1")).text
    assert "Chemistry" in found
    assert "Physics" not in found
    assert "No course is called so" in (await learner.get("/courses?q=zz")).text
    assert "<h1>Courses</h1>" in (await guest.get("/")).text
    assert (await guest.get("/api/v1/today")).status_code == 401


async def test_what_waits_for_a_grade_is_counted_and_what_was_graded_is_told(hub, visit):
    educator, learner = await visit("educator"), await visit("learner")
    in_course(hub, "educator", "educator")
    user = in_course(hub, "learner")
    essays = [q.ESSAY, q.ESSAY | {"id": "other", "points": 4.0}]
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = unit.get(Container, hub.course)
        quiz = made(unit, course, "quiz", "In words", questions=essays)
    with hub.database.unit(make_call(hub.institution, Role.LEARNER, name=user)) as unit:
        attempt = taking.start(unit, quiz)
        for place in (1, 2):
            taking.answer(unit, attempt, place, "Long ago")

    [taught] = (await today_of(educator))["teaching"]
    assert taught["waiting"] == {"answers": 2}
    for path in ("/", f"/courses/{hub.course}"):
        assert "2 answers wait for a grade</a>" in (await educator.get(path)).text, path
        assert "for a grade" not in (await learner.get(path)).text, path
    path = f"/courses/{hub.course}/to-grade"
    there = f"/quizzes/{quiz}/answers/{attempt}"
    assert (await educator.get(path)).headers["location"] == f"{there}#q1"
    waiting = (await educator.get(f"/api/v1/containers/{hub.course}/to-grade?limit=1")).json()
    assert (waiting["count"], [one["place"] for one in waiting["items"]]) == (2, [1])
    assert (await learner.get(f"/api/v1/containers/{hub.course}/to-grade")).status_code == 403

    with hub.database.unit(system_call(hub.institution)) as unit:
        marking.mark(unit, quiz, attempt, 2, points=3.0, feedback="Say *when*.")
    assert (await educator.get(path)).headers["location"] == f"{there}#q1"
    [graded] = (await today_of(learner))["graded"]
    assert (graded["score"], graded["verdict"], graded["place"]) == (0.75, "partly", 2)
    shown = (await learner.get("/")).text.partition('id="graded"')[2].partition("</section>")[0]
    assert f'href="/attempts/{attempt}?question=2#said"' in shown
    assert "75%" in shown
    assert "Say when." in shown

    with hub.database.unit(system_call(hub.institution)) as unit:
        marking.mark(unit, quiz, attempt, 1, points=1.0)
    answer = await educator.get(path)
    assert "Every answer is graded." in (await educator.get(answer.headers["location"])).text


async def test_who_is_far_behind_still_sees_what_is_due_next(hub, visit):
    learner = await visit("learner")
    in_course(hub, "learner")
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = unit.get(Container, hub.course)
        for hours in range(1, 30):
            due = (utcnow() - timedelta(hours=hours)).isoformat()
            made(unit, course, "assignment", f"Missed {hours}", due_at=due)
    titles = [one["title"] for one in (await today_of(learner))["deadlines"]]
    assert titles == [f"Missed {hours}" for hours in (5, 4, 3, 2, 1)] + ["Essay on acids"]
