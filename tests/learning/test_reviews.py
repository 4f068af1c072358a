"""Reviews: what is due is asked once a concept, an answer counts once however often it is sent."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.graph.questions import parts_of
from bloop.hub import Hub
from bloop.learning.answers import Given, record
from bloop.learning.models import Answer
from bloop.learning.reviews.answering import key_of
from bloop.learning.reviews.models import ReviewCard, ReviewResponse
from bloop.store.types import utcnow
from tests.learning import quizzes as q

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

API = {"accept": "application/json"}
RICH = q.CHOICE | {"html": '<p>Which is <em>salt</em>? <img src="bloop:file:x.png"></p>'}
GIVEN = {"choice": "a", "blank": "Fish", "numeric": "0.2"}
QUESTIONS = [RICH, q.BLANK, q.NUMERIC, q.ESSAY]


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        hub.course = service.create_container(unit, title="Chemistry", published=True).id
        hub.quiz = made(unit, hub.course, "Salts", QUESTIONS)
    yield hub
    await hub.recommending.stop()
    await hub.database.close()


def made(unit, course, title, questions, **more):
    data = {"questions": questions, **more}
    item = service.create_item(unit, course, kind="quiz", title=title, data=data)
    service.publish(unit, Item, item.id, None, lambda *_: None)
    return item.id


@pytest.fixture
def answered(hub):
    """Has the newest user have answered the questions of a quiz some days ago."""

    def answer(quiz=None, questions=QUESTIONS[:3], days=9):
        with hub.database.unit(system_call(hub.institution)) as unit:
            user = unit.session.scalar(select(User.id).order_by(User.id.desc()).limit(1))
            at = utcnow() - timedelta(days=days)
            given = [
                Given(item=quiz or hub.quiz, part=part, key=f"{quiz}:{part}", score=1.0, at=at)
                for part in parts_of(questions)
            ]
            record(unit, user, given)
            return user

    return answer


async def submit(browser, path="/reviews", **fields):
    """Send the form of a page with other fields."""
    shown = (await browser.get(path)).text
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    return sent, await browser.post("/reviews", data={**sent, **fields})


def counted(hub):
    with hub.database.reading(system_call(hub.institution)) as unit:
        kept = unit.session.scalar(select(func.count()).select_from(ReviewResponse))
        heard = select(func.count()).select_from(Answer).where(Answer.key.like("review:%"))
        return kept, unit.session.scalar(heard)


async def test_what_is_due_is_answered_a_question_at_a_time_without_a_script(hub, visit, answered):
    other, learner = await visit("educator"), await visit("learner")
    assert "Nothing is due" in (await learner.get("/reviews")).text
    answered()
    assert "3 questions are due" in (await learner.get("/")).text
    first = (await learner.get("/reviews")).text
    assert "1 of 3" in first
    assert "Fish" not in first
    _, nothing = await submit(learner)
    assert nothing.status_code == 422, "no answer was chosen"
    assert 'role="alert"' in nothing.text

    seen = set()
    for place in range(1, 4):
        shown = (await learner.get("/reviews")).text
        assert f"{place} of 3" in shown
        kind = "a" if "radio" in shown else "0.2" if "decimal" in shown else "Rice"
        if kind == "a":
            [frame] = re.findall(r'<iframe src="([^"]+)"', shown)
            assert "<em>salt</em>" in (await learner.get(frame.replace("&amp;", "&"))).text
            assert "Well done" not in shown
        sent, after = await submit(learner, answer=kind)
        assert after.status_code == 303
        where = after.headers["location"].partition("#")[0]
        seen.add(where)
        # The same form again, by a double click or a reload, leads to the same answer.
        again = await learner.post("/reviews", data={**sent, "answer": "other"})
        assert again.headers["location"] == after.headers["location"]
        page = (await learner.get(where)).text
        assert ("Not right" if kind == "Rice" else "Right") in page
        assert "It comes back" in page
        assert (await other.get(where)).status_code == 404
    assert counted(hub) == (3, 3)
    assert len(seen) == 3
    done = (await learner.get("/reviews")).text
    assert "2 of 3" in done
    assert "Fish" not in done
    day = (await learner.get("/api/v1/today", headers=API)).json()["reviews"]
    assert day["due"] == 0
    assert day["next"] > utcnow().isoformat()
    assert "Nothing is due until" in (await learner.get("/")).text
    await looks_back(learner)


async def looks_back(learner):
    path = "/api/v1/account/answers"
    page = (await learner.get(path, params={"limit": 4}, headers=API)).json()
    assert [one["reviewed"] for one in page["items"]] == [True, True, True, False]
    more = {"limit": 4, "before": page["next"]}
    rest = (await learner.get(path, params=more, headers=API)).json()
    assert len({one["id"] for one in page["items"] + rest["items"]}) == 6
    assert rest["next"] is None
    assert (await learner.get(path, params={"before": "x"}, headers=API)).status_code == 422
    assert "a review" in (await learner.get("/account/learning")).text


async def test_an_answer_counts_once_also_when_it_is_sent_twice_at_once(hub, visit, answered):
    learner = await visit("learner")
    answered()
    [token] = set(re.findall(r'name="csrf" value="([^"]+)"', (await learner.get("/reviews")).text))
    headers = {**API, "x-csrf-token": token}
    path = "/api/v1/account/reviews"
    found = (await learner.get(path, headers=API)).json()
    assert (len(found["questions"]), found["done"]) == (3, 0)
    one = next(one for one in found["questions"] if one["question"]["kind"] == "choice")
    assert f"/files/{hub.course}/x.png" in one["question"]["html"]
    body = {name: one[name] for name in ("key", "version", "item", "part")}

    async def post(**more):
        return await learner.post(f"{path}/answers", json=body | more, headers=headers)

    assert (await post(answer="z")).status_code == 422
    stale = await post(answer="a", version="old")
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    assert (await post(answer="a", part="dish2")).status_code == 404
    at = (utcnow() - timedelta(hours=20)).isoformat()
    answers = await asyncio.gather(*(post(answer="a", at=at, seconds=4) for _ in range(3)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert answers[0].json()["answered"]["verdict"] == "right"
    assert answers[0].json()["answered"]["feedback"] == ["Well done"]
    assert (await post(answer="b", item="other")).status_code == 409, "a key is of one question"
    assert counted(hub) == (1, 1)
    with hub.database.reading(system_call(hub.institution)) as unit:
        [kept] = unit.session.scalars(select(Answer).where(Answer.key.like("review:%")))
        assert (kept.seconds, kept.at.isoformat()) == (4, at)


async def test_an_answer_counts_once_for_each_time_that_it_is_asked_for(hub, visit, answered):
    learner = await visit("learner")
    answered(questions=QUESTIONS[:1], days=40)
    user = answered(questions=QUESTIONS[1:3])
    account = (await learner.get("/api/v1/account", headers=API)).json()
    headers = {**API, "x-csrf-token": account["csrf_token"]}
    path = "/api/v1/account/reviews"

    def last(part):
        with hub.database.reading(system_call(hub.institution)) as unit:
            subject = f"item:{hub.quiz}:{part}"
            return unit.session.get(ReviewCard, (hub.institution, user, subject)).last

    async def post(one, **more):
        body = {name: one[name] for name in ("key", "version", "item", "part")}
        body["answer"] = GIVEN[one["question"]["kind"]]
        return await learner.post(f"{path}/answers", json=body | more, headers=headers)

    one, two, three = (await learner.get(path, headers=API)).json()["questions"]
    assert (await post(one, key="made-up-by-a-client")).status_code == 409
    # A clock that is years behind, or ahead, loses nobody's answer: it is dated as near as may be.
    for asked, at in (
        (one, "0001-01-01T00:00:00+14:00"),
        (two, "0001-01-01T00:00:00+14:00"),
        (three, "9999-12-31T23:59:59-14:00"),
    ):
        assert (await post(asked, at=at)).status_code == 201
    with hub.database.reading(system_call(hub.institution)) as unit:
        log = unit.session.scalars(select(Answer).where(Answer.key.like("review:%")))
        ages = [round((utcnow() - kept.at) / timedelta(days=1), 2) for kept in log]
    assert ages == [30.0, 9.0, 0.0]
    # Whoever makes a key of the new answer is not asked yet, whenever they say that they answered.
    for at in (None, (utcnow() - timedelta(hours=1)).isoformat()):
        early = await post(three, key=key_of(hub.quiz, three["part"], last(three["part"])), at=at)
        assert (early.status_code, "not due before" in early.text) == (409, True)
    assert counted(hub) == (3, 3)


async def test_what_was_typed_on_the_page_of_another_account_counts_for_nobody(
    hub, visit, answered
):
    ada, ben = await visit("learner"), await visit("learner")
    answered()
    shown = (await ben.get("/reviews")).text
    mine = re.search(r'name="reader" value="(\w{16})"', shown)[1]
    assert (await (await visit()).get("/offline")).headers["x-bloop-reader"] == "-"
    assert (await ben.get("/api/v1/account", headers=API)).json()["reader"] == mine
    others = (await ada.get("/api/v1/account", headers=API)).json()["reader"]
    _, refused = await submit(ben, answer="a", reader=others)
    assert refused.status_code == 403
    assert "of another account" in refused.text
    attempt = {"csrf": re.search(r'name="csrf" value="(\w+)"', shown)[1], "reader": others}
    refused = await ben.post("/attempts/of-ada/questions/1", data=attempt)
    assert refused.status_code == 403, "not 404: the device keeps it for her"
    assert counted(hub) == (0, 0)


async def test_no_exam_is_told_of_and_nothing_that_was_not_answered(hub, visit, answered):
    learner = await visit("learner")
    with hub.database.unit(system_call(hub.institution)) as unit:
        exam = made(unit, hub.course, "Exam", [q.BLANK], restricted=True)
        hidden = made(unit, hub.course, "Gone", [q.BLANK])
        service.unpublish(unit, Item, hidden, None)
    answered(quiz=exam, questions=[q.BLANK])
    answered(quiz=hidden, questions=[q.BLANK])
    answered(questions=QUESTIONS[:1])
    found = (await learner.get("/api/v1/account/reviews", headers=API)).json()["questions"]
    assert [(one["item"], one["part"]) for one in found] == [(hub.quiz, "salt")]
    with hub.database.unit(system_call(hub.institution)) as unit:
        data = {"questions": [RICH | {"html": "Another?"}, *QUESTIONS[1:]]}
        unit.session.execute(update(Item).where(Item.id == hub.quiz).values(data=data))
    _, after = await submit(learner, answer="a", version=found[0]["version"])
    assert after.status_code == 409
    assert "the question has changed since you were asked it" in after.text
    assert counted(hub) == (0, 0)
