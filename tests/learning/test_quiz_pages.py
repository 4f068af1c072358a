"""A quiz over pages that need no script, and over the API: the same attempt."""

from __future__ import annotations

import re

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.hub import Hub
from tests.learning import quizzes as q

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

API = {"accept": "application/json"}
RICH = q.CHOICE | {"html": '<p>Which is <em>salt</em>? <img src="bloop:file:x.png"></p>'}


@pytest.fixture
async def hub(hub_toml):
    hub_toml.write_text(hub_toml.read_text() + '[access]\nguests = "read"\n')
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        hub.course = service.create_container(unit, title="Chemistry", published=True).id
        questions = [RICH, q.MULTIPLE, q.MATCHING, q.BLANKS, q.FORMULA, q.ESSAY]
        data = {"questions": questions, "attempts": 2}
        item = service.create_item(unit, hub.course, kind="quiz", title="Salts", data=data)
        service.publish(unit, Item, item.id, None, lambda *_: None)
        hub.quiz = item.id
    yield hub
    await hub.database.close()


async def submit(browser, path, page, **fields):
    shown = await browser.get(page)
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.post(path, data={"csrf": token, **fields})


async def test_a_quiz_is_taken_a_question_at_a_time(hub, visit):
    learner, other, guest = [await visit(it) for it in ("learner", "learner", None)]
    lesson = f"/lessons/{hub.quiz}"
    assert "Log in to take it" in (await guest.get(lesson)).text
    assert "2 attempts left" in (await learner.get(lesson)).text
    begun = await submit(learner, f"{lesson}/attempts", lesson)
    assert begun.status_code == 303
    page = begun.headers["location"]
    again = await submit(learner, f"{lesson}/attempts", lesson)
    assert again.headers["location"] == page

    shown = (await learner.get(page)).text
    assert '<iframe src="' + page + '/questions/1/text"' in shown
    assert "Well done" not in shown
    text = await learner.get(f"{page}/questions/1/text")
    assert "<em>salt</em>" in text.text
    assert "sandbox" in text.headers["content-security-policy"]
    assert (await learner.get(f"{page}/questions/1/text?feedback=true")).status_code == 404
    assert (await other.get(page)).status_code == 404

    await answer_all(learner, page)
    assert "1 attempt left" in (await learner.get(lesson)).text


async def test_the_page_of_an_exam_says_where_it_is_taken_and_shows_no_question(hub, visit):
    with hub.database.unit(system_call(hub.institution)) as unit:
        data = {"questions": [RICH], "restricted": True}
        item = service.create_item(unit, hub.course, kind="quiz", title="Exam", data=data)
        service.publish(unit, Item, item.id, None, lambda *_: None)
    shown = (await (await visit("learner")).get(f"/lessons/{item.id}")).text
    assert "It is taken in the system that it comes from" in shown
    assert "1 question" not in shown
    assert 'id="take"' not in shown


async def answer_all(learner, page):
    nothing = await submit(learner, f"{page}/questions/1", page, answer="")
    assert nothing.status_code == 422
    assert 'role="alert"' in nothing.text
    told = await submit(learner, f"{page}/questions/1", page, answer="a")
    assert told.headers["location"] == f"{page}?question=1#said"
    shown = (await learner.get(f"{page}?question=1")).text
    assert 'class="verdict right"' in shown
    assert f'href="{page}?question=2"' in shown
    assert "Well done" in shown
    clash = await submit(learner, f"{page}/questions/1", page, answer="b")
    assert clash.status_code == 409
    assert "answered already" in clash.text

    for place, fields in (
        (2, {"a1": "1"}),
        (3, {"a1": "1", "a2": "2"}),
        (4, {"a1": "a", "a2": "square"}),
    ):
        done = await submit(learner, f"{page}/questions/{place}", page, **fields)
        assert done.status_code == 303, done.text
    shown = (await learner.get(f"{page}?question=3")).text
    assert "Partly right" in shown
    assert "Italy: Oslo" in shown  # What was answered; what was right stands in the frame.
    assert "Italy: Rome" in (await learner.get(f"{page}/questions/3/text?feedback=true")).text
    skipped = (await learner.get(f"{page}?question=5")).text
    assert "cannot be answered here yet" in skipped
    assert "form: round" in (await learner.get(f"{page}?question=4")).text
    essay = await submit(learner, f"{page}/questions/6", page, answer="Long ago")
    assert essay.status_code == 303
    result = (await learner.get(page)).text
    assert "62%" in result
    assert "1 answer is not graded by itself." in result
    assert "Finish this attempt" not in result


async def test_the_api_takes_the_same_attempt_and_shows_educators_those_of_others(hub, visit):
    learner, educator = await visit("learner"), await visit("educator")
    path = f"/api/v1/items/{hub.quiz}/attempts"
    begun = await post(learner, hub, path)
    assert begun.status_code == 201
    attempt = begun.json()
    assert [one["manner"] for one in attempt["questions"]] == [
        *["graded"] * 4,
        "left_out",
        "kept",
    ]
    assert "weight" not in begun.text
    assert f'src="/files/{hub.course}/x.png"' in attempt["questions"][0]["html"]
    put = f"/api/v1/attempts/{attempt['id']}/answers/2"
    bad = await post(learner, hub, put, {"answer": ["x"]}, method="PUT")
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid")
    assert (await post(learner, hub, put, {"answer": 7}, method="PUT")).status_code == 422
    good = await post(learner, hub, put, {"answer": ["a", "b"]}, method="PUT")
    [answered] = [one["answered"] for one in good.json()["questions"] if one["answered"]]
    assert (answered["verdict"], answered["score"]) == ("right", 1.0)
    assert (await post(educator, hub, put, {"answer": ["a"]}, method="PUT")).status_code == 404
    done = await post(learner, hub, f"/api/v1/attempts/{attempt['id']}/finish")
    assert (done.json()["status"], done.json()["score"]) == ("finished", 0.25)
    assert (await learner.get(f"{path}/everybody", headers=API)).status_code == 403
    [row] = (await educator.get(f"{path}/everybody", headers=API)).json()["items"]
    assert (row["user_name"], row["number"], row["score"]) == ("learner", 1, 0.25)
    assert (await learner.get(path, headers=API)).json()["items"][0]["id"] == attempt["id"]


async def post(browser, hub, path, body=None, method="POST"):
    shown = await browser.get(f"/lessons/{hub.quiz}")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown.text)
    return await browser.request(method, path, json=body, headers={**API, "x-csrf-token": token})
