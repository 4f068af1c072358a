"""Live events: what is sent, to whom, from where on, and how a stream ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.models import User
from bloop.accounts.service import end_session
from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.content.models import Container, Item
from bloop.events import positions
from bloop.events.models import EventConsumer
from bloop.events.places import Place, read_place
from bloop.hub import listeners
from bloop.hub import live as live_module
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.types import utcnow
from tests.api.streams import Stream
from tests.support.hub import add_institution, log_in

CHANGE = {"id": "i", "kind": "page", "container": "c", "change": "updated"}


@pytest.fixture
def config_path(config_path):
    with config_path.open("a") as file:
        file.write('\n[access]\nguests = "read"\n')
    return config_path


@pytest.fixture
def edge(hub):
    edge = create_edge(hub)
    edge.use(routes_of(API))
    return edge


@pytest.fixture
def listen(hub, edge):
    """Opens a stream as somebody new of a role, or with a session, or as a guest."""

    def open_(role=None, topics="", last_id="", *, session=None, institution=None, path=None):
        if role is not None:
            session = log_in(hub, role, institution or hub.institution)
        headers = {"authorization": f"Bearer {session.token}"} if session else {}
        if last_id:
            headers["last-event-id"] = last_id
        return Stream(edge, path or f"/api/v1/events?topics={topics}", headers)

    return open_


@pytest.fixture
def say(hub):
    async def append(*aggregates, topic="t.happened", institution=None, **payload):
        def write(unit):
            for aggregate in aggregates:
                unit.outbox.append(topic, aggregate, payload)

        call = system_call(institution or hub.institution)
        await hub.database.run(in_unit, hub.database, call, write)

    return append


def add_item(hub, *, published=True, container_published=True):
    with hub.database.unit(system_call(hub.institution)) as unit:
        common = {"institution_id": hub.institution}
        course = Container(
            kind="course", title="T", remote_id="r", published=container_published, **common
        )
        unit.session.add(course)
        unit.session.flush()
        item = Item(
            container_id=course.id,
            kind="page",
            title="T",
            remote_id="r",
            published=published,
            **common,
        )
        unit.session.add(item)
        unit.session.flush()
        return item.id


async def test_what_happens_is_sent_as_a_cloud_event(hub, listen, say):
    async with listen("admin") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert "content-length" not in stream.headers
        await say("item:i", topic="content.item.updated", **CHANGE)
        name, last_id, event = await stream.next()
    assert name == "" and last_id
    assert (event["specversion"], event["type"]) == ("1.0", "content.item.updated")
    assert (event["subject"], event["data"]) == ("item:i", CHANGE)
    assert event["dataschema"] == "bloop:event:content.item.updated:1"
    assert event["actor"].startswith("system:") and event["traceparent"].startswith("00-")


async def test_a_stream_goes_on_where_it_ended_without_loss_or_doubles(listen, say):
    async with listen("admin") as stream:
        await say("a:1", "a:2")
        await stream.subjects(1)
        place = stream.last_id
    await say("a:3", "a:4")
    async with listen("admin", last_id=place) as again:
        await say("a:5")
        assert await again.subjects(4) == ["a:2", "a:3", "a:4", "a:5"]


async def test_after_in_the_address_is_a_place_too(listen, say):
    async with listen("admin") as stream:
        await say("a:1", "a:2")
        await stream.subjects(1)
        place = stream.last_id
    async with listen("admin", path=f"/api/v1/events?after={place}") as again:
        assert await again.subjects(1) == ["a:2"]


async def test_a_stream_that_catches_up_while_others_write_misses_nothing(listen, say, monkeypatch):
    monkeypatch.setattr(live_module, "EVENTS_AT_ONCE", 3)
    async with listen("admin") as first:
        await say("a:0")
        await first.subjects(1)
        place = first.last_id
        for number in range(1, 20):
            await say(f"a:{number}")

        async def write():
            for number in range(20, 40):
                await say(f"a:{number}")

        writing = asyncio.create_task(write())
        async with listen("admin", last_id=place) as stream:
            assert await stream.subjects(39) == [f"a:{n}" for n in range(1, 40)]
            await stream.nothing()
        await writing
        assert await first.subjects(39) == [f"a:{n}" for n in range(1, 40)]


async def test_topics_choose_by_name_and_by_beginning(listen, say):
    async with listen("admin", "t.one,u.*") as stream:
        for topic in ("t.one", "t.other", "u.any", "uv.x"):
            await say(topic, topic=topic)
        assert await stream.subjects(2) == ["t.one", "u.any"]
        await stream.nothing()


@pytest.mark.parametrize("topics", ["Content.*", "a*b", "*.item", "../x", ",".join(["a"] * 21)])
async def test_topics_that_are_none_are_refused(listen, topics):
    async with listen("admin", topics) as stream:
        assert stream.status == 422


async def test_nobody_hears_another_institution(hub, listen, say):
    away = add_institution(hub, "away")
    async with listen("operator") as here, listen("operator", institution=away) as there:
        await say("a:there", institution=away)
        await say("a:here")
        assert await here.subjects(1) == ["a:here"]
        assert await there.subjects(1) == ["a:there"]
        await here.nothing()
        await there.nothing()
        place = there.last_id
    async with listen("operator", last_id=place) as stranger:
        assert await stranger.subjects(1) == ["a:here"]


async def test_each_role_hears_what_its_actions_allow(hub, listen, say):
    shown = add_item(hub)
    change = CHANGE | {"id": shown}
    expected = {
        "guest": [f"item:{shown}"],
        "learner": [f"item:{shown}"],
        "educator": [f"item:{shown}", "person:p"],
        "admin": [f"item:{shown}", "person:p", "user:u", "plugin:p", "bookmark:b"],
    }
    streams = {role: listen(None if role == "guest" else role) for role in expected}
    for stream in streams.values():
        await stream.__aenter__()
    await say(f"item:{shown}", topic="content.item.updated", **change)
    await say("person:p", topic="content.person.created", **(CHANGE | {"change": "created"}))
    await say("user:u", topic="user.logged_in", id="u")
    await say("plugin:p", topic="plugin.switched_on", plugin="p")
    await say("bookmark:b", topic="bookmarks.added", url="x")
    for role, stream in streams.items():
        assert await stream.subjects(len(expected[role])) == expected[role], role
        await stream.nothing(0.1)
        await stream.__aexit__()


@pytest.mark.parametrize(
    "hidden", [{"published": False}, {"container_published": False}], ids=["item", "container"]
)
async def test_learners_hear_only_of_what_they_may_see(hub, listen, say, hidden):
    item, seen = add_item(hub, **hidden), "i"
    async with listen("learner") as learner, listen("educator") as educator:
        await say(f"item:{item}", topic="content.item.updated", **(CHANGE | {"id": item}))
        await say(f"item:{seen}", topic="content.item.deleted", **(CHANGE | {"change": "deleted"}))
        assert await educator.subjects(2) == [f"item:{item}", "item:i"]
        await learner.nothing()


async def test_learners_are_not_told_who_did_it(hub, listen, say):
    shown = add_item(hub)
    async with listen("learner") as learner:
        await say(f"item:{shown}", topic="content.item.updated", **(CHANGE | {"id": shown}))
        assert "actor" not in (await learner.next())[2]


async def test_somebody_who_may_not_even_read_gets_no_stream(hub, edge):
    object.__setattr__(hub.config.value.access, "guests", "none")
    async with Stream(edge, "/api/v1/events") as stream:
        assert stream.status == 401


async def test_a_stream_ends_with_its_session(hub, listen, monkeypatch):
    monkeypatch.setattr(live_module, "ACCESS_SECONDS", 0.1)
    session = log_in(hub, "admin", hub.institution)
    async with listen(session=session) as stream, listen("admin") as other:
        call = system_call(hub.institution)
        await hub.database.run(in_unit, hub.database, call, end_session, session.token)
        await stream.ended()
        assert stream.done and not other.task.done()


async def test_a_stream_ends_where_the_role_is_another(hub, listen, monkeypatch):
    monkeypatch.setattr(live_module, "ACCESS_SECONDS", 0.1)
    session = log_in(hub, "admin", hub.institution)
    async with listen(session=session) as stream:
        with hub.database.unit(system_call(hub.institution)) as unit:
            unit.session.execute(
                update(User).where(User.id == session.user_id).values(role="learner")
            )
        await stream.ended()
        assert stream.done


async def test_a_client_that_does_not_read_is_cut_off(hub, listen, say, monkeypatch):
    monkeypatch.setattr(listeners, "MOST_WAITING", 10)
    async with listen("admin") as quick, listen("admin") as slow:
        await say("a:0")
        await slow.subjects(1)
        slow.reading.clear()
        assert await quick.subjects(1) == ["a:0"]
        for number in range(1, 15):
            await say(f"a:{number}")
            assert await quick.subjects(1) == [f"a:{number}"]
        async with asyncio.timeout(30):
            while len(hub.live.listeners) > 1:  # noqa: ASYNC110 - the hub's own state
                await asyncio.sleep(0.02)
        await asyncio.wait_for(asyncio.shield(slow.task), 10)
        assert not slow.done, "it was cut off, not sent to its end"
        place = slow.last_id
    async with listen("admin", last_id=place) as again:
        assert await again.subjects(14) == [f"a:{n}" for n in range(1, 15)]


async def test_a_place_that_was_trimmed_away_says_reset_and_goes_on_from_now(hub, listen, say):
    async with listen("admin") as stream:
        await say("a:1")
        await stream.next()
        seq = read_place(stream.last_id).seq
    await say("a:1", "a:1")
    async with asyncio.timeout(30):
        while hub.live.position < seq + 2:  # noqa: ASYNC110 - the hub's own state
            await asyncio.sleep(0.02)
    long_ago = utcnow() - timedelta(days=8)
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        unit.session.execute(update(OutboxEvent).values(occurred_at=long_ago))
        # What no consumer wants, its position passes lazily; nothing is trimmed before.
        unit.session.execute(update(EventConsumer).values(position=seq + 2))
    call = system_call(EVERY_INSTITUTION)
    assert positions.trim(hub.database, call, timedelta(days=7)) >= 2
    async with listen("admin", last_id=str(Place(seq, long_ago))) as stream:
        name, last_id, data = await stream.next()
        assert name == "reset" and "no longer kept" in data["reason"] and data["cure"]
        # On PostgreSQL a number may be left out.
        assert read_place(last_id).seq >= seq + 2
        await say("a:2")
        assert await stream.subjects(1) == ["a:2"]


@pytest.mark.parametrize(
    "place", ["nonsense", str(Place(2**40, utcnow()))], ids=["nonsense", "to come"]
)
async def test_a_place_that_is_none_of_this_log_says_reset(listen, say, place):
    async with listen("admin", last_id=place) as stream:
        assert (await stream.next())[0] == "reset"
        await say("a:1")
        assert await stream.subjects(1) == ["a:1"]


async def test_a_beat_moves_the_place_past_what_was_not_for_them(hub, listen, say, monkeypatch):
    monkeypatch.setattr(live_module, "BEAT_SECONDS", 0.2)
    async with listen("learner") as stream:
        await say("a:1")
        await stream.nothing(1.0)
        assert stream.beats > 1
        place = read_place(stream.last_id)
    assert place.seq == hub.consumers.log.horizon


@pytest.fixture
def counted(hub, monkeypatch):
    """How often each statement is read, and units for reading are opened."""
    counts = Counter()
    read, reading = hub.database.read, hub.database.reading

    async def counted_read(statement, call, **parameters):
        counts[statement.name] += 1
        return await read(statement, call, **parameters)

    def counted_reading(call):
        counts["reading"] += 1
        return reading(call)

    monkeypatch.setattr(hub.database, "read", counted_read)
    monkeypatch.setattr(hub.database, "reading", counted_reading)
    return counts


async def test_a_hundred_streams_cost_the_reads_of_one(hub, listen, say, counted, monkeypatch):
    monkeypatch.setattr(live_module, "ACCESS_SECONDS", 0.1)
    sessions = [log_in(hub, "admin", hub.institution) for _ in range(100)]
    streams = [listen(session=session) for session in sessions]
    for stream in streams:
        await stream.__aenter__()
        await stream.nothing(0.001)
    async with asyncio.timeout(30):
        while len(hub.live._hearing) < 100:  # noqa: ASYNC110 - the hub's own state
            await asyncio.sleep(0.01)
    counted.clear()
    await asyncio.sleep(1.0)
    assert counted["events.after"] == 0, "idle streams read nothing"
    assert 1 <= counted["reading"] <= 12, "sessions are asked for all at once"
    counted.clear()
    await say("a:1")
    for stream in streams:
        assert (await stream.next())[2]["subject"] == "a:1"
    # Nobody consumes in this hub: one read for all streams, at most one more where it looks again.
    assert 1 <= counted["events.after"] <= 2
    for stream in streams:
        await stream.__aexit__()
    assert not hub.live.listeners and not hub.live._hearing


async def test_the_end_of_the_hub_ends_the_streams(hub, listen):
    async with listen("admin") as stream, listen() as guest:
        hub.stop_listening()
        await stream.ended()
        await guest.ended()
        assert stream.done and guest.done
    assert [one.ending for one in hub.live.listeners] == []
    async with listen("admin") as late:
        assert late.status == 503


async def test_no_more_listen_than_a_process_can_bear(listen, monkeypatch):
    monkeypatch.setattr(live_module, "MOST_LISTENERS", 1)
    async with listen("admin") as one:
        await one.nothing(0.1)
        async with listen("admin") as two:
            assert two.status == 503


async def test_a_head_request_is_answered_at_once(client):
    answer = await client.head("/api/v1/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_the_catalogue_tells_a_caller_of_what_it_may_follow(operator, client):
    topics = (await operator.get("/api/v1/events/catalogue")).json()["items"]
    by_name = {topic["topic"]: topic for topic in topics}
    assert by_name["user.logged_in"]["personal"] == ["id"]
    assert by_name["content.item.updated"]["schema"]["properties"].keys() == {
        *CHANGE,
        "owner",
        "restorable",
    }
    del client.headers["authorization"]
    seen = {one["topic"] for one in (await client.get("/api/v1/events/catalogue")).json()["items"]}
    assert seen == {
        f"content.{subject}.{change}"
        for subject in ("item", "container")
        for change in ("created", "updated", "deleted")
    }
