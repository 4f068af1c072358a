"""Consumers take each event once, in order, whatever happens to them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest
from sqlalchemy import event as engine_event
from sqlalchemy import insert, text

from bloop.events import positions
from bloop.events.means import Timing
from bloop.events.parking import Patience
from bloop.kernel.breaker import Breakers, Policy
from bloop.kernel.faults import PluginUnavailableError
from bloop.store.errors import StoreError
from bloop.store.models import PluginValue
from bloop_sdk import RateLimitedError
from tests.events.conftest import (
    FOR_EVER,
    QUICK,
    consumer,
    lines,
    parked,
    position,
    say,
    take,
    taken,
    until,
)
from tests.support.database import HOME, OTHER, make_system_call

SLOW = Timing(poll=3600.0)


async def test_an_effect_comes_with_its_position(database, follow):
    await follow(consumer(take))
    say(database, "a:1", "a:2", "a:1")
    await until(lambda: len(taken(database)) == 3)
    assert taken(database) == [("a:1", 1), ("a:2", 1), ("a:1", 2)]
    assert position(database) == 3


async def test_a_commit_here_is_taken_without_waiting_for_the_poll(database, follow):
    await follow(consumer(take), timing=SLOW)
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])


async def test_the_poll_finds_what_another_process_said(database, database_urls, follow):
    from bloop.store.database import Database

    await follow(consumer(take))
    other = Database(*database_urls)
    say(other, "a:1")
    other.close_now()
    await until(lambda: taken(database) == [("a:1", 1)])


async def test_a_consumer_gets_its_topics_and_the_plugin_acts_in_the_events_place(database, follow):
    seen = []

    def look(unit, event):
        seen.append((event.topic, event.institution, unit.institution, event.payload))
        unit.audit("looked", "x")

    await follow(consumer(look, topics=("t.item.*", "u.created")))
    say(database, "a:1", topic="t.item.updated", n=1)
    say(database, "a:2", topic="t.node.updated")
    say(database, "u:1", topic="u.created", institution=OTHER)
    say(database, "u:1", topic="u.created.twice")
    await until(lambda: lines(database) == 2)
    assert seen == [
        ("t.item.updated", HOME, HOME, {"n": 1}),
        ("u.created", OTHER, OTHER, {}),
    ]
    with database.unit(make_system_call()) as unit:
        rows = unit.session.execute(
            text(
                "SELECT institution_id, actor, substr(trace, 4, 32)"
                " FROM audit_line ORDER BY at, seq"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        (HOME, "plugin:stub", "1" * 32),
        (OTHER, "plugin:stub", "1" * 32),
    ]


async def test_a_new_consumer_starts_from_now_and_a_known_one_where_it_stood(database, follow):
    say(database, "old:1")
    first = await follow(consumer(take))
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])
    await first.stop()
    say(database, "a:2", "a:3")
    await follow(consumer(take))
    await until(lambda: len(taken(database)) == 3)
    assert taken(database) == [("a:1", 1), ("a:2", 1), ("a:3", 1)]


async def test_an_idle_hub_writes_nothing(database, follow):
    """Not even for events that are for nobody here."""
    await follow(consumer(take, topics=("t.wanted",)), consumer(take, name="stub.other"))
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])
    await asyncio.sleep(0.3)
    written = []

    @engine_event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        if not statement.lstrip().startswith(("SELECT", "BEGIN")):
            written.append(statement)

    began = []
    engine_event.listen(database.engine, "begin", lambda _connection: began.append(1))
    await asyncio.sleep(0.5)
    assert written == []
    if database.dialect == "sqlite":
        assert began == [], "to begin is to take the lock of the one writer"


async def test_events_for_nobody_cost_few_writes(database, follow, monkeypatch):
    monkeypatch.setattr("bloop.events.follower.UNWRITTEN_EVENTS", 100)
    consumers = await follow(consumer(take, topics=("none",)))
    for _ in range(3):
        say(database, *(f"a:{n}" for n in range(40)))
    follower = consumers._followers["stub.take"]
    await until(lambda: follower.scanned == 120)
    assert position(database) in {0, 120}


async def test_a_handler_that_fails_holds_its_own_aggregate_alone(database, follow):
    def fussy(unit, event):
        if event.aggregate == "bad:1":
            raise ValueError("no such thing")
        take(unit, event)

    await follow(consumer(fussy), patience=FOR_EVER)
    say(database, "a:1", "bad:1", "a:1", "bad:1", "b:1")
    await until(lambda: len(taken(database)) == 3)
    assert taken(database) == [("a:1", 1), ("a:1", 2), ("b:1", 1)]
    say(database, "bad:1", "c:1")
    await until(lambda: len(taken(database)) == 4)
    assert parked(database) == [
        ("bad:1", "retrying", 1),
        ("bad:1", "behind", 0),
        ("bad:1", "behind", 0),
    ]


async def test_what_fails_at_first_is_taken_later_in_its_order(database, follow):
    failing = {"a:1": 2}

    def moody(unit, event):
        if failing.get(event.aggregate):
            failing[event.aggregate] -= 1
            raise ValueError("not yet")
        take(unit, event)

    await follow(consumer(moody), patience=Patience(tries=5, pause=0.05))
    say(database, "a:1", "a:1", "a:1", payload="x")
    await until(lambda: len(taken(database)) == 3)
    assert taken(database) == [("a:1", 1), ("a:1", 2), ("a:1", 3)]
    await until(lambda: parked(database) == [])


async def test_nothing_of_a_failed_try_stays(database, follow):
    """Neither rows nor events nor audit lines, and no event of a neighbour in the batch is lost."""
    tries = []

    def half(unit, event):
        unit.session.execute(
            insert(PluginValue).values(
                institution_id=unit.institution, plugin_id="stub", key=event.id, value=1
            )
        )
        unit.emit("stub.seen", "s:1", {})
        take(unit, event)
        if event.aggregate == "bad:1":
            tries.append(event.id)
            raise SystemExit(3)

    await follow(consumer(half, topics=("t.*",)))
    say(database, "a:1", "bad:1", "b:1")
    await until(lambda: parked(database) == [("bad:1", "parked", 3)])
    assert sorted(taken(database)) == [("a:1", 1), ("b:1", 1)]
    assert len(set(tries)) == 1
    with database.unit(make_system_call()) as unit:
        assert unit.session.scalar(text("SELECT count(*) FROM plugin_value")) == 2
        seen = "SELECT count(*) FROM outbox_event WHERE topic = 'stub.seen'"
        assert unit.session.scalar(text(seen)) == 2


async def test_what_the_database_refuses_at_the_commit_is_the_handlers_failure(database, follow):
    def twice(unit, event):
        unit.session.add(
            PluginValue(institution_id=HOME, plugin_id="stub", key=event.aggregate, value=1)
        )
        take(unit, event)

    await follow(consumer(twice))
    say(database, "a:1")
    say(database, "b:1")
    say(database, "a:1")
    say(database, "c:1")
    await until(lambda: parked(database) == [("a:1", "parked", 3)])
    await until(lambda: sorted(taken(database)) == [("a:1", 1), ("b:1", 1), ("c:1", 1)])


async def test_a_plain_function_that_gives_a_coroutine_is_told_so(database, follow):
    async def later():
        raise AssertionError

    await follow(consumer(lambda unit, event: later()))
    say(database, "a:1")
    await until(lambda: parked(database) == [("a:1", "parked", 3)])
    with database.unit(make_system_call()) as unit:
        reason = unit.session.scalar(text("SELECT reason FROM event_parked"))
    assert "write async def" in reason


async def test_a_handler_may_not_end_the_hubs_transaction(database, follow):
    def meddler(unit, event):
        take(unit, event)
        unit.session.rollback()

    await follow(consumer(meddler))
    say(database, "a:1")
    await until(lambda: parked(database) == [("a:1", "parked", 3)])
    assert taken(database) == []


async def test_a_handler_that_hangs_costs_its_consumer_alone(database, follow):
    """Its transaction is taken away, so that nobody waits for its locks."""
    release = threading.Event()
    hanging = []

    def hang(unit, event):
        take(unit, event)
        unit.session.flush()
        hanging.append(event.id)
        release.wait(60)
        unit.session.flush()

    timing = Timing(poll=0.05, effect=0.3, rest=0.05)
    consumers = await follow(
        consumer(hang, name="stub.hang"), consumer(take), timing=timing, patience=FOR_EVER
    )
    say(database, "a:1")
    await until(lambda: ("a:1", "retrying", 1) in parked(database))
    say(database, "b:1")
    await until(lambda: sorted(taken(database)) == [("a:1", 1), ("b:1", 1)])
    say(database, "c:1", "d:1")
    await until(lambda: "stub.hang" in consumers.faults())
    assert "never came back" in consumers.faults()["stub.hang"]
    assert len(hanging) == 3
    release.set()
    await until(
        lambda: sorted({name for name, _ in taken(database)}) == ["a:1", "b:1", "c:1", "d:1"]
    )


async def test_a_handler_that_cannot_be_imported_loses_no_event(database, follow):
    ready = []

    def target():
        if not ready:
            raise PluginUnavailableError("no module", cure="install it")
        return take

    broken = consumer(None)
    object.__setattr__(broken, "target", target)
    consumers = await follow(broken)
    say(database, "a:1")
    await until(consumers.faults)
    assert taken(database) == [] and parked(database) == []
    ready.append(1)
    await until(lambda: taken(database) == [("a:1", 1)])


@pytest.mark.parametrize("kind", ["effect", "delivery"])
async def test_while_its_plugin_is_being_stopped_no_event_is_lost_or_parked(database, follow, kind):
    going, got = [1], []

    @contextlib.contextmanager
    def keep(plugin_id):
        if going:
            raise PluginUnavailableError(f"plugin {plugin_id} is switched off")
        yield

    async def deliver(ctx, event):
        got.append(event.aggregate)

    handler = deliver if kind == "delivery" else lambda unit, event: got.append(event.aggregate)
    consumers = await follow(consumer(handler), keep=keep)
    say(database, "a:1", "a:2")
    await until(consumers.faults)
    assert parked(database) == [] and position(database) == 0
    going.clear()
    await until(lambda: got == ["a:1", "a:2"])


async def test_an_institution_that_has_switched_the_plugin_off_gets_no_events(database, follow):
    off = {OTHER}

    async def enabled(call, plugin_id):
        assert plugin_id == "stub"
        return call.institution not in off

    await follow(consumer(take), enabled=enabled)
    say(database, "o:1", institution=OTHER)
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])
    off.clear()
    say(database, "o:2", institution=OTHER)
    await until(lambda: taken(database) == [("a:1", 1), ("o:2", 1)])


async def test_what_waits_is_passed_over_once_the_institution_switches_off(database, follow):
    off = set()

    async def enabled(call, plugin_id):
        return call.institution not in off

    def refuse(unit, event):
        raise ValueError

    await follow(consumer(refuse), enabled=enabled, patience=Patience(tries=50, pause=0.1))
    say(database, "a:1", "a:1")
    await until(lambda: len(parked(database)) == 2)
    off.add(HOME)
    await until(lambda: parked(database) == [])


async def test_consumers_come_and_go_and_those_that_stay_are_not_disturbed(database, follow):
    consumers = await follow(consumer(take))
    stays = consumers._followers["stub.take"]
    more = []
    new = consumer(lambda unit, event: more.append(event.aggregate), name="stub.more")
    await consumers.follow([consumer(take), new])
    assert consumers._followers["stub.take"] is stays
    say(database, "a:1")
    await until(lambda: more == ["a:1"] and taken(database) == [("a:1", 1)])
    await consumers.follow([consumer(take)])
    say(database, "a:2")
    await until(lambda: len(taken(database)) == 2)
    assert more == ["a:1"]
    await consumers.follow([consumer(take), new])
    await until(lambda: more == ["a:1", "a:2"])


async def test_another_version_of_a_handler_takes_the_place_of_the_old_one(database, follow):
    old, new = [], []
    consumers = await follow(consumer(lambda unit, event: old.append(event.aggregate), version=1))
    say(database, "a:1")
    await until(lambda: old == ["a:1"])
    await consumers.follow([consumer(lambda unit, event: new.append(event.aggregate), version=2)])
    say(database, "a:2")
    await until(lambda: new == ["a:2"])
    assert old == ["a:1"]


async def test_who_leaves_ends_what_it_has_begun(database, follow):
    began = threading.Event()

    def slow(unit, event):
        began.set()
        time.sleep(0.3)
        take(unit, event)

    consumers = await follow(consumer(slow))
    say(database, "a:1")
    await asyncio.to_thread(began.wait, 10)
    await consumers.follow([])
    assert taken(database) == [("a:1", 1)]


async def test_a_delivery_has_its_plugins_context_and_the_events_id(database, follow):
    got = []

    async def deliver(ctx, event):
        await asyncio.sleep(0)
        got.append((ctx.plugin_id, ctx.call.institution, ctx.call.trace.trace_id, event.sequence))

    await follow(consumer(deliver))
    say(database, "a:1", "a:1")
    await until(lambda: len(got) == 2)
    assert got == [("stub", HOME, "1" * 32, 1), ("stub", HOME, "1" * 32, 2)]
    await until(lambda: position(database) == 2)


async def test_deliveries_keep_the_order_of_an_aggregate_and_go_beside_each_other(database, follow):
    got, beside, most = [], 0, 0

    async def deliver(ctx, event):
        nonlocal beside, most
        beside += 1
        most = max(most, beside)
        await asyncio.sleep(0.001 * (event.sequence % 3))
        got.append((event.aggregate, event.sequence))
        beside -= 1

    await follow(consumer(deliver))
    for _ in range(10):
        say(database, *(f"a:{n}" for n in range(6)))
    await until(lambda: len(got) == 60)
    assert most > 1
    for n in range(6):
        assert [number for name, number in got if name == f"a:{n}"] == list(range(1, 11))


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(2), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_a_delivery_that_fails_is_tried_again_then_parked(database, follow, error):
    tries = []

    async def deliver(ctx, event):
        if event.aggregate == "bad:1":
            tries.append(event.id)
            raise error

    await follow(consumer(deliver))
    say(database, "bad:1", "a:1", "bad:1")
    await until(lambda: parked(database) == [("bad:1", "parked", 3), ("bad:1", "behind", 0)])
    assert len(tries) == 3 and len(set(tries)) == 1
    await until(lambda: position(database) == 3)


async def test_a_delivery_that_hangs_and_will_not_be_cancelled_is_left_behind(
    database, follow, monkeypatch
):
    monkeypatch.setattr("bloop.events.handlers.GRACE_SECONDS", 0.05)
    got, end = [], asyncio.Event()

    async def deliver(ctx, event):
        while event.aggregate == "bad:1" and not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        got.append(event.aggregate)

    timing = Timing(poll=0.05, delivery=0.2)
    await follow(consumer(deliver), timing=timing, patience=FOR_EVER)
    say(database, "bad:1", "a:1")
    await until(lambda: parked(database) == [("bad:1", "retrying", 1)])
    say(database, "a:2")
    await until(lambda: got == ["a:1", "a:2"])
    end.set()
    await until(lambda: "bad:1" in got)


async def test_a_delivery_is_tried_no_sooner_than_the_other_side_asked(database, follow):
    tries = []

    async def deliver(ctx, event):
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise RateLimitedError("slow down", retry_after=0.4)

    await follow(consumer(deliver))
    say(database, "a:1")
    await until(lambda: len(tries) == 2)
    assert tries[1] - tries[0] >= 0.4


async def test_what_fails_for_all_is_left_alone_and_then_goes_on(database, follow):
    """A system outside that is away must not cost every event its tries."""
    away, got, tries = True, [], 0

    async def deliver(ctx, event):
        nonlocal tries
        tries += 1
        if away:
            raise ConnectionError("refused")
        got.append(event.aggregate)

    breakers = Breakers(Policy(in_a_row=3, pause=0.3, longest_pause=0.3))
    await follow(consumer(deliver), breakers=breakers, patience=Patience(tries=50, pause=0.05))
    say(database, *(f"a:{n}" for n in range(100)))
    await until(lambda: tries >= 3)
    await asyncio.sleep(0.5)
    assert tries < 30
    assert len(parked(database)) < 30
    away = False
    await until(lambda: len(got) == 100)
    await until(lambda: parked(database) == [])


async def test_a_disk_that_is_full_costs_no_event_its_tries(database, follow):
    full, got = True, []

    async def deliver(ctx, event):
        if full:
            raise StoreError("full", code="store_full")
        got.append(event.aggregate)

    consumers = await follow(consumer(deliver))
    say(database, "a:1", "a:2")
    await until(lambda: "full" in consumers.faults().get("stub.take", ""))
    full = False
    await until(lambda: sorted(got) == ["a:1", "a:2"])
    assert parked(database) == []


async def test_one_event_that_always_fails_does_not_stop_the_others(database, follow):
    got = []

    async def deliver(ctx, event):
        if event.aggregate == "bad:1":
            raise ValueError
        got.append(event.aggregate)

    breakers = Breakers(Policy(in_a_row=3, pause=3600.0))
    await follow(consumer(deliver), breakers=breakers, patience=Patience(tries=6, pause=0.0))
    say(database, "bad:1")
    await until(lambda: parked(database) == [("bad:1", "parked", 6)])
    say(database, "a:1")
    await until(lambda: got == ["a:1"])


async def test_a_context_that_cannot_be_made_is_the_events_failure(database, follow):
    async def make_context(plugin_id, call):
        raise ValueError("no address is set")

    async def deliver(ctx, event):
        raise AssertionError

    await follow(consumer(deliver), make_context=make_context)
    say(database, "a:1")
    await until(lambda: parked(database) == [("a:1", "parked", 3)])


async def test_a_stopped_delivery_is_made_again(database, follow):
    began, got = [], []
    end = asyncio.Event()

    async def deliver(ctx, event):
        began.append(event.id)
        await end.wait()
        got.append(event.id)

    timing = Timing(poll=0.05, drain=0.05)
    first = await follow(consumer(deliver), timing=timing)
    say(database, "a:1")
    await until(lambda: began)
    await first.stop()
    assert got == []
    end.set()
    await follow(consumer(deliver), timing=QUICK)
    await until(lambda: len(got) == 1)
    assert began == [got[0]] * 2


async def test_only_one_of_two_processes_delivers(database, database_urls, follow):
    """The lease keeps the other one away while a batch is under way."""
    from datetime import timedelta

    from bloop.events.consumers import Consumers
    from bloop.store.database import Database
    from tests.events.conftest import means

    got = []

    async def deliver(ctx, event):
        await asyncio.sleep(0.005)
        got.append((event.aggregate, event.sequence))

    await follow(consumer(deliver))
    other = Database(*database_urls)
    second = Consumers(means(other, owner="elsewhere:1:1"), keep=timedelta(days=7))
    await second.follow([consumer(deliver)])
    await second.start()
    for n in range(30):
        await asyncio.to_thread(say, database if n % 2 else other, "a:1", "a:2")
    await until(lambda: position(database) == 60)
    await second.stop()
    await other.close()
    assert [n for name, n in got if name == "a:1"] == list(range(1, 31))
    assert [n for name, n in got if name == "a:2"] == list(range(1, 31))


async def test_a_lease_of_a_process_that_is_gone_is_taken_over(database, follow):
    got = []

    async def deliver(ctx, event):
        got.append(event.aggregate)

    first = await follow(consumer(deliver))
    await first.stop()
    with database.unit(make_system_call()) as unit:
        unit.session.execute(
            text("UPDATE event_consumer SET lease_owner = 'x:1:1', lease_until = :until"),
            {"until": "2999-01-01T00:00:00.000000Z"},
        )
    await follow(consumer(deliver))
    say(database, "a:1")
    await asyncio.sleep(0.3)
    assert got == []
    with database.unit(make_system_call()) as unit:
        unit.session.execute(
            text("UPDATE event_consumer SET lease_until = :until"),
            {"until": "2001-01-01T00:00:00.000000Z"},
        )
    await until(lambda: got == ["a:1"])


async def test_who_could_not_give_its_lease_back_is_not_kept_out_by_it(
    database, follow, monkeypatch
):
    got = []
    give_back = positions.give_back

    def away_once(*args):
        monkeypatch.setattr(positions, "give_back", give_back)
        raise StoreError("away", code="store_unavailable")

    async def deliver(ctx, event):
        got.append(event.id)

    monkeypatch.setattr(positions, "give_back", away_once)
    await follow(consumer(deliver), timing=Timing(poll=0.05, rest=0.05, delivery=3600.0))
    say(database, "a:1")
    await until(lambda: position(database) == 1)
    assert got == [got[0]] * 2
