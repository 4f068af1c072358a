"""Lessons that are done, progress in a course, goals, and certificates by rule."""

from __future__ import annotations

import re

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service as content
from bloop.content.enrolling.service import enrol
from bloop.content.models import Item
from bloop.hub import Hub
from tests.learning import quizzes as q

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        hub.course = content.create_container(unit, title="Chemistry", published=True).id
        made = [
            content.create_item(unit, hub.course, kind="page", title="Salts", html="<p>x</p>"),
            content.create_item(
                unit, hub.course, kind="quiz", title="Test", data={"questions": [q.CHOICE]}
            ),
            content.create_item(unit, hub.course, kind="page", title="Bases", html="<p>x</p>"),
        ]
        for item in made:
            content.publish(unit, Item, item.id, None, lambda *_: None)
        content.create_item(unit, hub.course, kind="page", title="Draft")
        hub.page, hub.quiz, hub.last = (item.id for item in made)
    yield hub
    await hub.database.close()


@pytest.fixture
async def door(visit):
    async def come(role):
        browser = await visit(role)
        account = (await browser.get("/api/v1/account", headers={"accept": "*/*"})).json()
        headers = {"accept": "application/json", "x-csrf-token": account["csrf_token"]}

        async def ask(method, path, **options):
            return await browser.request(method, f"/api/v1{path}", headers=headers, **options)

        ask.browser, ask.user = browser, account.get("user", account)["id"]
        return ask

    return come


async def submit(browser, path, page, **fields):
    shown = await browser.get(page)
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.post(path, data={"csrf": token, **fields})


async def test_a_course_is_finished_and_gives_a_certificate_that_anybody_can_verify(
    hub, door, visit
):
    lea, ed = await door("learner"), await door("educator")
    course = f"/containers/{hub.course}"
    assert (await lea("POST", f"{course}/certificate")).status_code == 404
    rule = {"items": None, "average": 0.5}
    assert (await lea("PUT", f"{course}/certificate-rule", json=rule)).status_code == 403
    bad = await ed("PUT", f"{course}/certificate-rule", json={"items": ["x"]})
    assert bad.status_code == 422
    assert (await ed("PUT", f"{course}/certificate-rule", json=rule)).json()["average"] == 0.5

    marked = await submit(
        lea.browser, f"/lessons/{hub.page}/done", f"/lessons/{hub.page}", done="yes"
    )
    assert marked.status_code == 303
    assert "Not done after all" in (await lea.browser.get(f"/lessons/{hub.page}")).text
    half = await lea("PUT", f"/items/{hub.last}/progress", json={"watched": 0.5})
    assert (half.json()["watched"], half.json()["done_at"]) == (0.5, None)
    less = await lea("PUT", f"/items/{hub.last}/progress", json={"watched": 0.2})
    assert less.json()["watched"] == 0.5
    seen = await lea("PUT", f"/items/{hub.last}/progress", json={"watched": 0.95})
    assert seen.json()["how"] == "video"
    found = (await lea("GET", f"{course}/progress")).json()
    assert (found["lessons"], found["done"], found["percent"]) == (3, 2, 66)
    early = await lea("POST", f"{course}/certificate")
    assert (early.status_code, early.json()["detail"]) == (409, "1 of 3 lessons are not done")

    attempt = (await lea("POST", f"/items/{hub.quiz}/attempts")).json()["id"]
    await lea("PUT", f"/attempts/{attempt}/answers/1", json={"answer": "a"})
    assert (await lea("GET", f"/items/{hub.quiz}/progress")).json()["how"] == "quiz"
    assert "Get the certificate" in (await lea.browser.get(f"/courses/{hub.course}")).text
    given = (await lea("POST", f"{course}/certificate")).json()
    assert (given["name"], given["title"], given["average"]) == ("learner", "Chemistry", 1.0)
    assert (await lea("POST", f"{course}/certificate")).json()["number"] == given["number"]
    path = given["verify"].partition("/certificates")
    guest = await visit()
    shown = await guest.get("".join(path[1:]))
    assert given["number"] in shown.text
    wrong = await guest.get("".join(path[1:])[:-1] + "~")
    assert wrong.status_code == 404
    assert (await lea("GET", "/account/certificates")).json()["items"] == [given]
    assert given["number"] in (await lea.browser.get("/account/learning")).text


async def test_a_quiz_that_was_not_taken_counts_nothing_and_one_that_nobody_grades_not_at_all(
    hub, door
):
    with hub.database.unit(system_call(hub.institution)) as unit:
        for title, question in (("Hard", q.BLANK), ("Essay", q.ESSAY)):
            made = content.create_item(
                unit, hub.course, kind="quiz", title=title, data={"questions": [question]}
            )
            content.publish(unit, Item, made.id, None, lambda *_: None)
            essay = made.id
    lea, ed = await door("learner"), await door("educator")
    rule = {"items": None, "average": 0.6}
    await ed("PUT", f"/containers/{hub.course}/certificate-rule", json=rule)
    items = (await lea("GET", f"/containers/{hub.course}/items")).json()["items"]
    for item in items:
        await lea("PUT", f"/items/{item['id']}/progress", json={"done": True})
    for item, given in ((hub.quiz, "a"), (essay, "Once upon a time")):
        attempt = (await lea("POST", f"/items/{item}/attempts")).json()["id"]
        await lea("PUT", f"/attempts/{attempt}/answers/1", json={"answer": given})
    refused = await lea("POST", f"/containers/{hub.course}/certificate")
    assert "the average is 50 %, and 60 % are needed" in refused.json()["detail"]


async def test_what_is_told_of_oneself_counts_for_no_certificate(hub, door):
    lea, ed = await door("learner"), await door("educator")
    rule = {"items": [hub.page], "average": 0.5}
    await ed("PUT", f"/containers/{hub.course}/certificate-rule", json=rule)
    site = hub.config.value.public_url
    told = {
        "actor": {"account": {"homePage": site, "name": lea.user}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/scored"},
        "object": {"id": f"{site}/lessons/{hub.page}"},
        "result": {"score": {"scaled": 1.0}},
    }
    await lea("PUT", f"/items/{hub.page}/progress", json={"done": True})
    done = await lea.browser.post(
        "/api/v1/xapi/statements",
        json=told,
        headers={
            "x-experience-api-version": "2.0.0",
            "x-csrf-token": (await lea("GET", "/account")).json()["csrf_token"],
        },
    )
    assert done.status_code == 200
    refused = await lea("POST", f"/containers/{hub.course}/certificate")
    assert "the average is 0 %" in refused.json()["detail"]
    undone = await lea("PUT", f"/items/{hub.page}/progress", json={"done": False})
    assert undone.json()["done_at"] is None


async def test_goals_are_picked_given_a_day_and_taken_back(hub, door):
    lea, ed = await door("learner"), await door("educator")
    concept = (await ed("POST", "/graph/concepts", json={"name": "Salt"})).json()["id"]
    path = f"/account/goals/concept/{concept}"
    assert (await lea("PUT", path, json={})).status_code == 200
    again = await lea("PUT", path, json={"by": "2027-01-31"})
    [goal] = again.json()["items"]
    assert (goal["name"], goal["by"]) == ("Salt", "2027-01-31")
    assert (await lea("PUT", "/account/goals/streak/x", json={})).status_code == 404
    assert (await lea("PUT", "/account/goals/container/x", json={})).status_code == 404
    assert (await ed("GET", "/account/goals")).json()["items"] == []
    with hub.database.unit(system_call(hub.institution)) as unit:
        enrol(unit, hub.course, user=lea.user, role="learner")
    page = "/account/learning"
    picked = await submit(lea.browser, f"{page}/goals", page, goal=f"container:{hub.course}", by="")
    assert picked.status_code == 303
    shown = (await lea.browser.get(page)).text
    assert "Chemistry" in shown
    assert "Salt" in shown
    assert (await lea("DELETE", path)).status_code == 204
    assert (await lea("DELETE", path)).status_code == 404
    wrong = await submit(
        lea.browser, f"{page}/goals", page, goal=f"container:{hub.course}", by="soon"
    )
    assert (wrong.status_code, "no day" in wrong.text) == (422, True)
