"""Consumers and event hooks of plugins in a running hub, and what operators do with what failed."""

from __future__ import annotations

import asyncio

import pytest

from bloop.accounts.sessions import system_call
from bloop.events.parking import Patience
from bloop.events.queries import NEWEST
from bloop.kernel.models import InstitutionPlugin
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.telemetry.metrics import metrics
from bloop_sdk.testing.distributions import write_plugin

EFFECTS = """
    def take(unit, event):
        if event.payload.get("fail"):
            raise ValueError("no")
        unit.audit("watcher.took", event.aggregate)

    async def tell(ctx, event):
        await ctx.transaction(lambda unit: unit.audit("watcher.told", event.aggregate))
"""
PLUGIN = """
    from bloop_sdk import Plugin, hookimpl

    SEEN = []

    class Main(Plugin):
        @hookimpl
        {kind} content_changed(self, event):
            SEEN.append(event)
"""


SINK = """
    BATCHES, CLOSED = [], []

    class Provider:
        def __init__(self, ctx):
            self.plugin = ctx.plugin_id

        async def check(self): ...

        async def publish(self, events):
            BATCHES.append([(event.topic, event.aggregate) for event in events])

        async def close(self):
            CLOSED.append(self.plugin)
"""


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that has both kinds of consumer, and two with an event hook."""
    consumers = [
        {"name": "take", "topics": ["t.*"], "handler": "bloop_watcher.effects:take"},
        {"name": "tell", "topics": ["t.told"], "handler": "bloop_watcher.effects:tell"},
    ]
    consumers[1]["partitions"] = 3
    manifest = {"contributes": {"consumers": consumers}}
    write_plugin(site, "watcher", files={"effects.py": EFFECTS}, manifest=manifest)
    for name, kind in (("plain", "def"), ("awaiting", "async def")):
        declared = {"hooks": ["content_changed"]}
        write_plugin(site, name, code=PLUGIN.format(kind=kind), manifest=declared)
    provides = {"provides": {"sink": "bloop_stream.provider:Provider"}}
    write_plugin(site, "stream", files={"provider.py": SINK}, manifest=provides)
    with config_path.open("a") as file:
        for name in ("watcher", "plain", "awaiting", "stream"):
            file.write(f"\n[plugins.{name}]\nenabled = true\n")
    return config_path


@pytest.fixture
def say(hub):
    """Says that something happened, as the hub in its institution."""

    async def append(*aggregates, topic="t.happened", **payload):
        def write(unit):
            for aggregate in aggregates:
                unit.outbox.append(topic, aggregate, payload)

        await hub.database.run(in_unit, hub.database, system_call(hub.institution), write)

    return append


async def until(condition):
    async with asyncio.timeout(30):
        while not (found := await condition()):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    return found


def audited(hub, action):
    from sqlalchemy import select

    from bloop.store.models import AuditLine

    async def look():
        def read(unit):
            lines = select(AuditLine.resource).where(AuditLine.action == action)
            return unit.session.scalars(lines.order_by(AuditLine.seq)).all()

        return await hub.database.run(in_unit, hub.database, system_call(hub.institution), read)

    return look


async def test_both_kinds_of_consumer_take_what_happens(hub, say):
    await say("a:1", "a:2")
    await say("a:3", topic="t.told")
    took, told = audited(hub, "watcher.took"), audited(hub, "watcher.told")

    async def all_there():
        return len(await took()) == 3 and len(await told()) == 1

    await until(all_there)
    assert list(await took()) == ["a:1", "a:2", "a:3"]
    assert list(await told()) == ["a:3"]


@pytest.mark.parametrize("name", ["plain", "awaiting"])
async def test_content_that_changes_reaches_the_hook(hub, say, name):
    import importlib

    seen = importlib.import_module(f"bloop_{name}.plugin").SEEN
    change = {"id": "i", "kind": "page", "container": "c", "change": "updated"}
    await say("item:i", topic="content.item.updated", **change)
    await say("person:p", topic="content.person.created", **change)
    await say("container:c", topic="content.container.deleted", **(change | {"container": None}))

    async def both():
        return len(seen) == 2

    assert hub.kernel.plugins[name].status.state == "ready"
    await until(both)
    # Of two aggregates either may be first: they are delivered beside each other.
    first, second = sorted(seen, key=lambda change: change.container, reverse=True)
    assert (first.kind, first.id, first.container, first.change) == ("page", "i", "c", "updated")
    assert first.institution == hub.institution and first.event_id
    assert second.container == ""


def streamed(topic):
    """What has come to the sink of one topic, in order."""
    import importlib

    batches = importlib.import_module("bloop_stream.provider").BATCHES

    async def look():
        return [aggregate for batch in batches for said, aggregate in batch if said == topic]

    return look


async def test_a_sink_gets_every_event_and_is_closed_with_its_plugin(hub, operator, say):
    import importlib

    told = streamed("t.happened")
    await say("a:1", "a:2")
    await until(lambda: _at_least(told, 2))
    assert await told() == ["a:1", "a:2"]
    await operator.post("/api/v1/plugins/stream/disable")
    assert importlib.import_module("bloop_stream.provider").CLOSED == ["stream"]
    await say("a:3")
    await operator.post("/api/v1/plugins/stream/enable")
    await until(lambda: _at_least(told, 3))
    assert await told() == ["a:1", "a:2", "a:3"]


async def test_an_institution_that_switched_a_sink_off_is_left_out(hub, operator, say):
    told = streamed("t.happened")
    path = "/api/v1/plugins/stream/institution"
    await operator.put(path, json={"enabled": False})
    await say("a:1")
    everything = system_call(EVERY_INSTITUTION)
    [newest, *_] = await hub.database.read_one(NEWEST, everything, after=0)

    async def passed():
        return hub.consumers._followers["stream:sink"].scanned >= newest

    await until(passed)
    await operator.put(path, json={"enabled": True})
    await say("a:2")
    await until(lambda: _at_least(told, 1))
    assert await told() == ["a:2"]


async def test_a_plugin_that_was_off_goes_on_where_it_stood(hub, operator, say):
    took = audited(hub, "watcher.took")

    async def has(number):
        return await until(lambda: _at_least(took, number))

    await say("a:1")
    await has(1)
    await operator.post("/api/v1/plugins/watcher/disable")
    await say("a:2")
    await asyncio.sleep(0.3)
    assert list(await took()) == ["a:1"]
    await operator.post("/api/v1/plugins/watcher/enable")
    await say("a:3")
    await has(3)
    assert list(await took()) == ["a:1", "a:2", "a:3"]


async def _at_least(look, number):
    return len(await look()) >= number


async def test_an_institution_that_switched_it_off_is_passed_over(hub, say):
    took = audited(hub, "watcher.took")

    def switch(unit, enabled):
        row = InstitutionPlugin(
            institution_id=hub.institution, plugin_id="watcher", enabled=enabled, settings={}
        )
        unit.session.merge(row)

    call = system_call(hub.institution)
    await hub.database.run(in_unit, hub.database, call, switch, False)
    hub.choices.forget(hub.institution)
    await say("a:1")
    follower = hub.consumers._followers["watcher.take"]

    async def passed():
        return follower.scanned == hub.consumers._means.log.horizon > 0

    await until(passed)
    assert list(await took()) == []


@pytest.fixture
def impatient(hub):
    """Events have one try."""
    object.__setattr__(hub.consumers._means, "patience", Patience(tries=1))


async def test_a_consumer_has_its_partitions_and_the_topology_tells_who_took_them(
    hub, operator, say
):
    await say("a:1", "a:2", "a:3", topic="t.told")
    told = audited(hub, "watcher.told")
    await until(lambda: _at_least(told, 3))

    async def of_consumers():
        found = (await operator.get("/api/v1/topology")).json()
        (process,) = found["processes"]
        lags = {one["consumer"]: one for one in found["consumers"]}
        took = {id_ for id_ in lags["watcher.tell"]["taken_by"] if id_}
        return lags if took == {process["id"]} else None

    lags = await until(of_consumers)
    assert (lags["watcher.tell"]["partitions"], lags["watcher.take"]["partitions"]) == (3, 1)
    assert len(lags["watcher.tell"]["taken_by"]) == 3


async def test_operators_see_replay_and_skip_what_failed(hub, operator, say, impatient):
    await say("a:1", fail=True)
    await say("a:1")
    await say("b:1", fail=True)

    async def three():
        items = (await operator.get("/api/v1/events/parked")).json()["items"]
        return items if len(items) == 3 else None

    first, second, third = await until(three)
    assert (first["consumer"], first["state"], first["tries"]) == ("watcher.take", "parked", 1)
    assert first["reason"].startswith("ValueError: no (") and first["aggregate"] == "a:1"
    assert (second["state"], second["reason"]) == ("behind", None)
    page = (await operator.get("/api/v1/events/parked?limit=2")).json()
    rest = (await operator.get(f"/api/v1/events/parked?after={page['next']}")).json()
    assert [item["id"] for item in rest["items"]] == [third["id"]] and rest["next"] is None

    refused = await operator.post(f"/api/v1/events/parked/{second['id']}/replay")
    assert refused.status_code == 409 and first["id"] in refused.json()["cure"]
    assert (await operator.post("/api/v1/events/parked/nothing/skip")).status_code == 404
    elsewhere = await operator.post("/api/v1/events/parked/replay?consumer=nobody")
    assert elsewhere.status_code == 404
    again = await operator.post(f"/api/v1/events/parked/{third['id']}/replay")
    assert (again.status_code, again.json()["state"]) == (200, "retrying")
    skipped = await operator.post(f"/api/v1/events/parked/{first['id']}/skip")
    assert (skipped.status_code, skipped.json()["id"]) == (200, first["id"])

    async def one():
        items = (await operator.get("/api/v1/events/parked")).json()["items"]
        return len(items) == 1 and items[0]["state"] == "parked"

    await until(one)
    assert list(await audited(hub, "watcher.took")()) == ["a:1"]
    every = await operator.post("/api/v1/events/parked/replay?consumer=watcher.take")
    assert (every.status_code, every.json()) == (200, {"events": 1})


async def test_a_guest_sees_none_of_it(client):
    assert (await client.get("/api/v1/events/parked")).status_code == 401
    assert (await client.post("/api/v1/events/parked/x/replay")).status_code in {401, 403}


async def test_metrics_tell_what_was_taken_what_waits_and_how_far_behind(hub, say, impatient):
    await say("a:1")
    await say("b:1", fail=True)
    took = audited(hub, "watcher.took")
    await until(lambda: _at_least(took, 1))

    async def told():
        page = (await asyncio.to_thread(metrics().render)).decode()
        wanted = (
            'bloop_event_lag{consumer="watcher.take"} 0.0',
            'bloop_event_lag_seconds{consumer="watcher.take"} 0.0',
            'bloop_events_parked{consumer="watcher.take",state="parked"} 1.0',
            'bloop_events_consumed_total{consumer="watcher.take",outcome="ok"}',
            'bloop_events_consumed_total{consumer="watcher.take",outcome="parked"}',
        )
        return all(line in page for line in wanted)

    await until(told)
