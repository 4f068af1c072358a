"""Statements of xAPI: strict, kept once, by whom they may be told, voided, and read again."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.content import service as content
from bloop.content.models import Item
from bloop.graph import service as graph
from bloop.hub import Hub
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Answer, Mastery
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow

PATH = "/api/v1/xapi/statements"
VERBS = "http://adlnet.gov/expapi/verbs/"
HEADERS = {"accept": "application/json"}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = content.create_container(unit, title="Chemistry", published=True)
        item = content.create_item(unit, course.id, kind="page", title="Salts", html="<p>x</p>")
        content.publish(unit, Item, item.id, None, lambda *_: None)
        hub.lesson = item.id
    hub.site = hub.config.value.public_url
    yield hub
    await hub.database.close()


@pytest.fixture
async def door(hub, visit):
    """Gives somebody who tells and asks: `await door("learner")`."""

    async def come(role):
        browser = await visit(role)
        account = (await browser.get("/api/v1/account", headers=HEADERS)).json()
        headers = {**HEADERS, "x-csrf-token": account["csrf_token"]}

        async def ask(method, path=PATH, version="1.0.3", **options):
            sent = {**headers, **({"x-experience-api-version": version} if version else {})}
            return await browser.request(method, path, headers=sent, **options)

        ask.user = account["user"]["id"] if "user" in account else account["id"]
        ask.agent = {"account": {"homePage": hub.site, "name": ask.user}}
        return ask

    return come


def about(hub, agent, verb="passed", part="q1", **fields):
    return {
        "actor": agent,
        "verb": {"id": VERBS + verb},
        "object": {"id": f"{hub.site}/lessons/{hub.lesson}#{part}"},
        "result": {"score": {"raw": 3, "max": 4}},
        **fields,
    }


def content_of(hub):
    """The id of a concept that the lesson covers."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        concept = graph.add_concept(unit, "Salt")
        graph.cover(unit, hub.lesson, concept, role="assesses")
        return concept


def told_back(hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        of = OutboxEvent.topic == "learning.answer_taken_back"
        payloads = unit.session.scalars(select(OutboxEvent.payload).where(of)).all()
        return {(one["user"], one["item"], one["part"]) for one in payloads}


def answers(hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        rows = unit.session.scalars(select(Answer).order_by(Answer.id)).all()
        return [(one.user_id, one.part, one.score, one.source) for one in rows]


async def test_a_statement_is_kept_once_and_makes_an_answer(hub, door):
    lea = await door("learner")
    id_ = str(uuid4())
    told = about(hub, lea.agent, timestamp="2026-01-02T03:04:05+01:00")
    query = {"params": {"statementId": id_}}
    assert (await lea("PUT", json=told, **query)).status_code == 204
    again = told | {"timestamp": "2026-01-02T02:04:05Z", "version": "1.0.0"}
    assert (await lea("PUT", json=again, **query)).status_code == 204
    assert (await lea("PUT", json=told | {"result": {}}, **query)).status_code == 409
    assert (await lea("POST", json=[told | {"id": id_}])).json() == [id_]
    assert answers(hub) == [(lea.user, "q1", 0.75, "xapi")]
    one = await lea("GET", **query)
    assert one.headers["x-experience-api-version"] == "2.0.0"
    found = one.json()
    assert (found["id"], found["actor"]) == (id_, lea.agent)
    assert found["authority"]["account"]["name"] == lea.user
    # All of a request or none of it.
    bad = [about(hub, lea.agent), about(hub, {"mbox": "mailto:x@y.example"})]
    assert (await lea("POST", json=bad)).status_code == 403
    assert len(answers(hub)) == 1


NESTED = json.loads('{"a":' * 250 + "1" + "}" * 250)
REFUSED = [
    ({"verb": {"id": "passed"}}, "verb.id"),
    ({"object": None}, "null"),
    ({"colour": "red"}, "colour"),
    ({"timestamp": "yesterday"}, "timestamp"),
    ({"timestamp": (utcnow() + timedelta(hours=1)).isoformat()}, "timestamp"),
    ({"result": {"score": {"scaled": 1.5}}}, "result.score.scaled"),
    ({"result": {"duration": "an hour"}}, "result.duration"),
    ({"actor": {"mbox": "mailto:a@b.c", "openid": "http://a.b"}}, "actor"),
    ({"verb": {"id": VERBS + "voided"}}, "StatementRef"),
    # Each of these was an internal error, or stood in the list and made reading it one.
    ({"timestamp": "1700000000"}, "timestamp"),
    ({"timestamp": "2026-01-01t00:00:00z"}, "timestamp"),
    ({"timestamp": "2026-01-01T00:00:00-00:00"}, "timestamp"),
    ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
    ({"result": {"extensions": {"http://x.example/a": NESTED}}}, "deeper than 50"),
    ({"result": {"extensions": {"http://x.example/a": [{"b": "\x00"}]}}}, "NUL"),
    ({"verb": {"id": "http://x.example/\x00"}}, "NUL"),
]


async def test_what_is_no_statement_is_refused_by_the_name_of_its_field(hub, door):
    lea = await door("learner")
    nowhere = {"object": {"id": f"{hub.site}/lessons/nothing"}}
    for change, field in [*REFUSED, (nowhere, "object.id")]:
        answer = await lea("POST", json=[about(hub, lea.agent) | change])
        assert (answer.status_code, field in answer.text) == (422, True), answer.text
    without = await lea("POST", json=[about(hub, lea.agent)], version=None)
    assert without.status_code == 422
    assert answers(hub) == []


async def test_an_id_is_the_same_however_it_is_written(hub, door):
    lea = await door("learner")
    id_ = uuid4()
    told = about(hub, lea.agent, timestamp="2026-01-02T03:04:05Z")
    for one in (str(id_).upper(), id_.urn, id_.hex, f"{{{id_}}}"):
        assert (await lea("POST", json=told | {"id": one})).json() == [str(id_)]
    assert len(answers(hub)) == 1


async def test_told_twice_at_once_it_is_kept_once_and_another_one_is_refused(hub, door):
    lea = await door("learner")
    one = about(hub, lea.agent, id=str(uuid4()))
    other = one | {"result": {"score": {"scaled": 0.1}}}
    asked = await asyncio.gather(*(lea("POST", json=told) for told in (one, one, other, one)))
    said = sorted(answer.status_code for answer in asked)
    assert said in ([200, 200, 200, 409], [200, 409, 409, 409]), [one.text for one in asked]
    assert all("database" not in answer.text for answer in asked)
    assert len(answers(hub)) == 1


async def test_of_others_tells_and_reads_only_who_may(hub, door):
    lea, ed, admin = await door("learner"), await door("educator"), await door("admin")
    of_lea = about(hub, lea.agent, verb="answered")
    assert (await ed("POST", json=of_lea)).status_code == 403
    nobody = await admin("POST", json=about(hub, {"mbox": "mailto:nobody@x.example"}))
    assert nobody.status_code == 422
    assert "[0].actor" in nobody.text
    assert "is nobody here" in nobody.text  # The address itself is masked in every error.
    [first] = (await admin("POST", json=of_lea)).json()
    await lea("POST", json=[about(hub, lea.agent, verb="experienced") for _ in range(3)])
    assert len((await ed("GET")).json()["statements"]) == 4
    own = (await lea("GET", params={"limit": 2, "verb": VERBS + "experienced"})).json()
    assert len(own["statements"]) == 2
    rest = (await lea("GET", own["more"])).json()
    assert (len(rest["statements"]), rest["more"]) == (1, "")
    other = await door("learner")
    assert (await other("GET")).json()["statements"] == []
    assert (await other("GET", params={"statementId": first})).status_code == 404
    query = {"agent": json.dumps(lea.agent)}
    assert (await other("GET", params=query)).status_code == 403
    assert len((await ed("GET", params=query)).json()["statements"]) == 4
    assert (await lea("GET", params={"related_agents": "true"})).status_code == 422


async def test_what_is_voided_is_kept_and_asked_for_by_its_name(hub, door):
    lea, other = await door("learner"), await door("learner")
    [id_] = (await lea("POST", json=about(hub, lea.agent))).json()
    void = {
        "actor": lea.agent,
        "verb": {"id": VERBS + "voided"},
        "object": {"objectType": "StatementRef", "id": id_},
    }
    assert (await other("POST", json=void | {"actor": other.agent})).status_code == 404
    [voiding] = (await lea("POST", json=void)).json()
    assert (await lea("GET", params={"statementId": id_})).status_code == 404
    assert (await lea("GET", params={"voidedStatementId": id_})).json()["id"] == id_
    assert [one["id"] for one in (await lea("GET")).json()["statements"]] == [voiding]
    again = void | {"object": {"objectType": "StatementRef", "id": voiding}}
    assert (await lea("POST", json=again)).status_code == 422


async def test_the_answer_of_a_voided_statement_counts_no_more(hub, door):
    lea, admin = await door("learner"), await door("admin")
    course = content_of(hub)

    def known():
        with hub.database.unit(system_call(hub.institution)) as unit:
            rows = unit.session.execute(select(Mastery.concept_id, Mastery.answers)).all()
            learner = unit.session.scalar(select(Learner).where(Learner.user_id == lea.user))
            return [tuple(row) for row in rows], (learner.answers, learner.right)

    def void(of, id_):
        ref = {"objectType": "StatementRef", "id": id_}
        return {"actor": of, "verb": {"id": VERBS + "voided"}, "object": ref}

    [good, bad] = (
        await lea("POST", json=[about(hub, lea.agent), about(hub, lea.agent, verb="failed")])
    ).json()
    assert known() == ([(course, 2)], (2, 2))
    assert (await lea("POST", json=void(lea.agent, good))).status_code == 200
    assert known() == ([(course, 1)], (1, 1))
    # Told again it is the statement that is voided; in one request it never was.
    again = about(hub, lea.agent, id=str(uuid4()))
    assert (await lea("POST", json=[again, void(lea.agent, again["id"])])).status_code == 200
    assert (await lea("POST", json=again)).status_code == 200
    assert known() == ([(course, 1)], (1, 1))
    # What others told of somebody they don't take back.
    [theirs] = (await admin("POST", json=about(hub, lea.agent))).json()
    assert (await lea("POST", json=void(lea.agent, theirs))).status_code == 403
    assert (await admin("POST", json=void(lea.agent, bad))).status_code == 200
    assert known() == ([(course, 1)], (1, 1))
    assert (await admin("POST", json=void(admin.agent, theirs))).status_code == 200
    assert known() == ([], (0, 0))
    assert told_back(hub) == {(lea.user, hub.lesson, "q1")}
