"""The page of consumers and parked events, as people without JavaScript meet it."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.events import positions
from bloop.events.models import ParkedEvent
from bloop.hub import Hub
from bloop.store.models import EVERY_INSTITUTION, AuditLine, OutboxEvent
from bloop.web import event_pages
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

TAKE, TELL = "watcher.take", "watcher:hook"
"""Consumers of a plugin that is not here, so that nobody tries their events."""


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def park(hub):
    """Parks an event of an aggregate for a consumer; gives the id of what is parked."""

    def put(aggregate, *, consumer=TAKE, state="parked", institution=None, **values):
        everything = system_call(EVERY_INSTITUTION)
        with hub.database.unit(everything) as unit:
            positions.begin(unit, consumer, "watcher", 0)
        where = institution or hub.institution
        with hub.database.unit(system_call(where)) as unit:
            unit.outbox.append("t.happened", aggregate, {})
        with hub.database.unit(system_call(where)) as unit:
            event = unit.session.scalar(
                select(OutboxEvent)
                .where(OutboxEvent.aggregate == aggregate)
                .order_by(OutboxEvent.seq.desc())
                .limit(1)
            )
            if state != "behind":
                values = {"reason": "KeyError: '<url>'", "tries": 8} | values
            parked = ParkedEvent(
                institution_id=where,
                consumer=consumer,
                seq=event.seq,
                event_id=event.id,
                topic=event.topic,
                aggregate=aggregate,
                state=state,
                **values,
            )
            unit.session.add(parked)
            unit.session.flush()
            return parked.id

    return put


def states(hub):
    """The states of what is parked, by id."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        return dict(unit.session.execute(select(ParkedEvent.id, ParkedEvent.state)).all())


def shown(answer):
    return re.findall(r'id="event-([^"]+)"', answer.text)


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


async def says(client, words):
    """The page, once it says something."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/events/parked")
            if words in answer.text:
                return answer
            await asyncio.sleep(0.05)


async def test_consumers_tell_how_far_they_are_and_an_empty_page_what_would_be_there(hub, visit):
    operator = await visit("operator")
    answer = await says(operator, "up to date")
    assert "Nothing is parked" in answer.text
    for name in hub.consumers.lags():
        assert f">{name}</h3>" in answer.text
    german = await operator.get("/events/parked", headers={"accept-language": "de"})
    assert "<h1>Ereignisse</h1>" in german.text


async def test_a_consumer_that_rests_says_why(hub, visit, monkeypatch):
    name = next(iter(hub.consumers.lags()))
    monkeypatch.setattr(hub.consumers, "faults", lambda: {name: "the <bus> is away"})
    monkeypatch.setattr(hub.consumers, "lags", lambda: {name: 1})
    answer = await (await visit("operator")).get("/events/parked")
    assert "It rests: the &lt;bus&gt; is away" in text_of(answer)
    assert "1 event behind" in text_of(answer)


async def test_a_parked_event_tells_why_and_what_waits_behind_it(park, visit):
    first = park("item:1")
    park("item:1", state="behind")
    park("item:1", state="behind")
    second = park("item:2", consumer=TELL)
    operator = await visit("operator")
    answer = await operator.get("/events/parked")
    assert shown(answer) == [first, second]
    said = text_of(answer)
    assert "t.happened watcher.take · item:1 ·" in said
    assert "8 tries · 2 later events wait behind it" in said
    assert "KeyError: &#39;&lt;url&gt;&#39;" in said
    assert "watcher.take not at work: its plugin is switched off or gone · 1 parked" in said
    assert "· 1 parked · 2 behind those Try all again" in said
    chosen = await operator.get("/events/parked", params={"consumer": TELL})
    assert shown(chosen) == [second]


async def test_parked_events_come_in_pages(park, visit, monkeypatch):
    monkeypatch.setattr(event_pages, "EVENTS_AT_ONCE", 2)
    made = [park(f"item:{number}") for number in range(3)]
    operator = await visit("operator")
    first = await operator.get("/events/parked")
    assert shown(first) == made[:2]
    following = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    rest = await operator.get(following)
    assert shown(rest) == made[2:] and 'rel="next"' not in rest.text


async def test_one_event_or_all_of_a_consumer_are_tried_again(hub, park, visit):
    first, second, other = park("item:1"), park("item:2"), park("item:2", consumer=TELL)
    behind = park("item:1", state="behind")
    operator = await visit("operator")
    form = {"csrf": csrf_of(await operator.get("/events/parked"))}
    done = await operator.post(f"/events/parked/{first}/replay", data=form)
    assert done.status_code == 303
    assert states(hub)[first] == "retrying" and states(hub)[second] == "parked"
    refused = await operator.post(f"/events/parked/{behind}/replay", data=form)
    assert refused.status_code == 409 and first in refused.text
    everything = await operator.post(f"/events/parked/replay?consumer={TAKE}", data=form)
    assert "2 events are tried again." in (await operator.get(everything.headers["location"])).text
    assert states(hub) == {
        first: "retrying",
        second: "retrying",
        other: "parked",
        behind: "behind",
    }
    nothing = await operator.post("/events/parked/replay?consumer=nobody", data=form)
    assert nothing.status_code == 404
    with hub.database.unit(system_call(hub.institution)) as unit:
        lines = unit.session.scalars(
            select(AuditLine.resource).where(AuditLine.action == "events:replay")
        ).all()
    assert list(lines) == [f"parked_event:{first}", f"consumer:{TAKE}"]


async def test_an_event_is_skipped_only_after_a_question_that_says_what_it_means(hub, park, visit):
    first = park("item:1")
    behind = park("item:1", state="behind")
    operator = await visit("operator")
    question = await operator.get(f"/events/parked/{first}/skip")
    said = text_of(question)
    assert "Skip this event for watcher.take?" in said and "can't be taken back" in said
    assert "1 later event waits behind it and goes on at once." in said
    assert first in states(hub)
    form = {"csrf": csrf_of(question)}
    done = await operator.post(f"/events/parked/{first}/skip", data=form)
    assert "The event was skipped." in (await operator.get(done.headers["location"])).text
    assert states(hub) == {behind: "retrying"}
    assert (await operator.get(f"/events/parked/{first}/skip")).status_code == 404


async def test_nothing_changes_without_the_forms_token(hub, park, visit):
    first = park("item:1")
    operator = await visit("operator")
    for path in (f"{first}/skip", f"{first}/replay", f"replay?consumer={TAKE}"):
        assert (await operator.post(f"/events/parked/{path}")).status_code == 403
    assert states(hub) == {first: "parked"}


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("learner", 403), ("educator", 403), ("admin", 403)]
)
async def test_these_pages_are_the_operators(hub, park, visit, role, status):
    first = park("item:1")
    visitor = await visit(role)
    home = await visitor.get("/")
    form = {"csrf": csrf_of(home)} if role else {}
    for path in ("/events/parked", f"/events/parked/{first}/skip"):
        assert (await visitor.get(path)).status_code == status, path
    for path in (f"{first}/skip", f"{first}/replay", f"replay?consumer={TAKE}"):
        answer = await visitor.post(f"/events/parked/{path}", data=form)
        assert answer.status_code == status, path
    assert states(hub) == {first: "parked"}
    if role == "admin":
        assert "/events/parked" not in (await visitor.get("/jobs")).text
        assert "/events/parked" in (await (await visit("operator")).get("/jobs")).text


async def test_another_institutions_events_are_not_there(hub, park, visit):
    first = park("item:1")
    elsewhere = add_institution(hub, "away")
    own = park("item:1", institution=elsewhere)
    away = await visit("operator", elsewhere)
    page = await away.get("/events/parked")
    assert shown(page) == [own] and "· 1 parked" in text_of(page)
    form = {"csrf": csrf_of(page)}
    assert (await away.get(f"/events/parked/{first}/skip")).status_code == 404
    assert (await away.post(f"/events/parked/{first}/skip", data=form)).status_code == 404
    assert (await away.post(f"/events/parked/{first}/replay", data=form)).status_code == 404
    await away.post(f"/events/parked/replay?consumer={TAKE}", data=form)
    assert states(hub) == {first: "parked"}
