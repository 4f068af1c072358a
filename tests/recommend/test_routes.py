"""The API of what somebody knows, what is due and what comes next."""

from __future__ import annotations

import httpx
import pytest

from bloop.accounts.models import User
from bloop.accounts.people import groups
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.content.models import Item
from bloop.hub import Hub
from bloop.learning.answers import Given, record
from bloop.learning.reviews.routes import due
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.web.routes import error_page
from bloop_sdk import Role
from tests.recommend.conftest import BEGAN
from tests.support.database import make_call, make_system_call

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def database(hub):
    return hub.database


@pytest.fixture
def call(hub):
    return make_call(hub.institution)


@pytest.fixture
async def come(hub, call):
    """Comes in as a new user of a role; the client and their id."""
    edge = create_edge(hub, error_page=error_page)
    edge.use(routes_of((*API, *PAGES)))
    transport = httpx.ASGITransport(edge)
    clients = []

    def start(role):
        with hub.database.unit(call) as unit:
            user = User(institution_id=call.institution, name="Lea", role=role)
            unit.session.add(user)
            unit.session.flush()
            token = start_session(unit, user).token
            made = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
            made.headers["authorization"] = f"Bearer {token}"
            clients.append(made)
            return made, user.id

    yield start
    for one in clients:
        await one.aclose()


async def test_why_somebody_is_taken_to_know_something(come, command, lesson, concepts):
    quiz = lesson("Quiz", "Atom", role="assesses")
    lea, id_ = come(Role.LEARNER)
    teacher, _ = come(Role.EDUCATOR)
    given = [Given(item=quiz, key=new_id(), score=1.0, at=utcnow()) for _ in range(4)]
    command(record, id_, given)
    (listed,) = (await lea.get("/api/v1/account/mastery")).json()["items"]
    path = f"mastery/{concepts['Atom']}"
    why = (await lea.get(f"/api/v1/account/{path}")).json()
    assert (why["name"], why["known"], why["p"]) == ("Atom", True, round(listed["p"], 6))
    assert (why["made_by"], why["stands_in"]) == ("Estimated by the hub's own model.", "")
    assert [one["text"] for one in why["evidence"]] == [
        "Of 4 answers about it, 4 were right.",
        "Nothing is known yet of how hard it is.",
    ]
    assert (await teacher.get(f"/api/v1/users/{id_}/{path}")).json() == why
    assert (await lea.get(f"/api/v1/users/{id_}/{path}")).status_code == 403
    assert (await lea.get("/api/v1/account/mastery/nothing")).status_code == 404
    german = {"accept-language": "de"}
    page = (await lea.get("/account/learning", headers=german)).text
    assert "Bekannt: mit" in page and f"/account/learning/concepts/{concepts['Atom']}" in page
    page = await lea.get(f"/account/learning/concepts/{concepts['Atom']}", headers=german)
    assert "Geschätzt vom eigenen Modell des Hubs." in page.text
    assert "Von 4 Antworten dazu waren 4 richtig." in page.text


async def test_from_answers_to_what_comes_next(come, command, lesson, chain, concepts, course):
    chain("Atom", "Bond")
    quiz, bond = lesson("Quiz", "Atom", role="assesses"), lesson("Bonds", "Bond")
    lea, id_ = come(Role.LEARNER)
    teacher, _ = come(Role.EDUCATOR)
    given = [Given(item=quiz, key=new_id(), score=1.0, at=utcnow()) for _ in range(4)]
    command(record, id_, given)

    found = (await lea.get("/api/v1/account/mastery")).json()
    assert [(one["name"], one["known"], one["answers"]) for one in found["items"]] == [
        ("Atom", True, 4)
    ]
    assert (await teacher.get(f"/api/v1/users/{id_}/mastery")).json() == found
    assert (await lea.get(f"/api/v1/users/{id_}/mastery")).status_code == 403
    assert (await teacher.get("/api/v1/users/nobody/mastery")).status_code == 404

    reviews = (await lea.get("/api/v1/account/reviews")).json()
    assert reviews["items"] == []
    assert sum(reviews["load"]) == 1 and len(reviews["load"]) == 30

    told = (await lea.get("/api/v1/account/next", params={"goal": concepts["Bond"]})).json()
    (one,) = told["items"]
    assert (one["item"], one["reason"]["text"]) == (bond, "You know Atom; Bond is next.")
    opened = f"/api/v1/account/next/{told['list_id']}/opened"
    assert (await lea.post(opened, json={"item": bond})).status_code == 204
    assert (await teacher.post(opened, json={"item": bond})).status_code == 404
    assert (await lea.get("/api/v1/account/next", params={"goal": "x"})).status_code == 404

    page = await lea.get("/next", params={"goal": concepts["Bond"]})
    assert "You know Atom; Bond is next." in page.text
    assert "Sie kennen Atom" in (await lea.get("/next", headers={"accept-language": "de"})).text
    found = await lea.get(f"/next/{told['list_id']}/{bond}")
    assert (found.status_code, found.headers["location"]) == (303, f"/lessons/{bond}")
    assert (await lea.get("/")).status_code == 200

    rule = f"/api/v1/items/{bond}/recommendation"
    assert (await lea.put(rule, json={"act": "hide"})).status_code == 403
    assert (await teacher.put(rule, json={"act": "hide"})).status_code == 204
    listed = (await teacher.get(f"/api/v1/containers/{course}/recommendations")).json()
    assert [(one["item"], one["act"]) for one in listed["items"]] == [(bond, "hide")]
    assert (await lea.get("/api/v1/account/next")).json()["items"] == []
    assert (await teacher.delete(rule)).status_code == 204
    assert (await teacher.delete(rule)).status_code == 404


async def test_what_a_group_lacks_is_counted_without_names(
    come, hub, command, lesson, chain, concepts
):
    chain("Atom", "Bond")
    quiz = lesson("Quiz", "Atom", role="assesses")
    (_, lea), (_, max_) = come(Role.LEARNER), come(Role.LEARNER)
    teacher, _ = come(Role.EDUCATOR)
    at = utcnow()
    command(record, lea, [Given(item=quiz, key=new_id(), score=1, at=at) for _ in range(4)])

    def gather(unit):
        made = groups.create(unit, name="A")
        groups.add(unit, made, [lea, max_])
        return made

    group = command(gather, as_=make_system_call(hub.institution))
    asked = {"goal": concepts["Bond"], "group": group}
    found = (await teacher.get("/api/v1/graph/gaps", params=asked)).json()
    assert found["learners"] == 2
    assert [(one["name"], one["lacking"]) for one in found["items"]] == [("Bond", 2), ("Atom", 1)]
    assert (await teacher.get("/api/v1/graph/gaps", params={"goal": "x"})).status_code == 422


async def test_what_was_hidden_since_is_due_to_no_learner(hub, come, command, lesson):
    item = lesson("Exam")
    lea, id_ = come(Role.LEARNER)
    command(record, id_, [Given(item=item, key=new_id(), score=0.0, at=BEGAN)])

    async def titles():
        own = (await lea.get("/api/v1/account/reviews")).json()
        told = await due(hub.database, system_call(hub.institution), id_)
        return [[one["item_title"] for one in found["items"]] for found in (own, told)]

    assert await titles() == [["Exam"], ["Exam"]]
    command(lambda unit: setattr(unit.get(Item, item), "published", False))
    assert await titles() == [[], ["Exam"]]
