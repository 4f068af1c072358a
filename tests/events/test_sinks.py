"""Sinks: batches in the order of the log; an outage parks nothing, a refused event only itself."""

from __future__ import annotations

import asyncio

import pytest

from bloop.events import parking
from bloop.events.parking import Patience
from bloop.store.database import in_unit
from bloop.telemetry.metrics import metrics
from bloop_sdk import MalformedRecordError, RateLimitedError, Role, UnavailableError
from tests.events.conftest import consumer, parked, parked_ids, position, say, until
from tests.support.database import make_call

ONCE = Patience(tries=1)


class Stream:
    """A system outside that can be away, and refuses the aggregates in ``refuses``."""

    def __init__(self):
        self.trouble = None
        self.refuses = set()
        self.batches = []
        self.calls = 0
        self.closed = 0

    async def check(self): ...

    async def publish(self, events):
        self.calls += 1
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        for event in events:
            if event.aggregate in self.refuses:
                raise MalformedRecordError("too large", ref=f"event:{event.id}")
        self.batches.append([(event.aggregate, event.sequence) for event in events])

    async def close(self):
        self.closed += 1

    @property
    def got(self):
        return [one for batch in self.batches for one in batch]


@pytest.fixture
def stream():
    return Stream()


async def test_events_come_in_batches_in_the_order_of_the_log(database, follow, stream):
    await follow(consumer(stream))
    say(database, *(f"a:{n % 3}" for n in range(60)))
    await until(lambda: len(stream.got) == 60)
    assert stream.got == [(f"a:{n % 3}", n // 3 + 1) for n in range(60)]
    assert len(stream.batches) < 5
    await until(lambda: position(database) == 60)


async def test_an_outage_parks_nothing_and_ends_by_itself(database, follow, stream):
    consumers = await follow(consumer(stream))
    stream.trouble = UnavailableError("no broker answers")
    say(database, *(f"a:{n}" for n in range(50)))
    await until(lambda: stream.calls >= 4)
    assert "no broker answers" in consumers.faults()["stub.take"]
    assert parked(database) == []
    assert position(database) == 0
    say(database, "a:1", "b:1")
    stream.trouble = None
    await until(lambda: len(stream.got) == 52)
    assert stream.got == [*((f"a:{n}", 1) for n in range(50)), ("a:1", 2), ("b:1", 1)]
    await until(lambda: consumers.faults() == {})


async def test_what_a_sink_does_not_foresee_holds_it_back_and_loses_nothing(
    database, follow, stream
):
    consumers = await follow(consumer(stream))
    stream.trouble = KeyError("offset")
    say(database, "a:1", "b:1")
    await until(lambda: stream.calls >= 2)
    assert "KeyError: 'offset'" in consumers.faults()["stub.take"]
    assert parked(database) == []
    stream.trouble = None
    await until(lambda: stream.got == [("a:1", 1), ("b:1", 1)])


async def test_others_go_on_while_a_sink_is_away(database, follow, stream):
    took = []

    async def deliver(ctx, event):
        took.append(event.aggregate)

    await follow(consumer(stream), consumer(deliver, name="stub.other"))
    stream.trouble = UnavailableError("away")
    say(database, "a:1", "b:1")
    await until(lambda: sorted(took) == ["a:1", "b:1"])
    assert stream.got == []


async def test_a_refused_event_is_parked_and_holds_its_own_aggregate(database, follow, stream):
    await follow(consumer(stream), patience=ONCE)
    stream.refuses = {"bad:1"}
    before = metrics().events_consumed.labels("stub.take", "parked")._value.get()
    say(database, "a:1", "bad:1", "b:1", "bad:1", "a:1")
    await until(lambda: len(stream.got) == 3)
    assert stream.got == [("a:1", 1), ("b:1", 1), ("a:1", 2)]
    await until(lambda: parked(database) == [("bad:1", "parked", 1), ("bad:1", "behind", 0)])
    say(database, "bad:1", "c:1")
    await until(lambda: len(parked(database)) == 3)
    await until(lambda: stream.got[3:] == [("c:1", 1)])
    after = metrics().events_consumed.labels("stub.take", "parked")._value.get()
    assert after - before == 1


async def test_what_is_replayed_follows_in_the_order_of_its_aggregate(database, follow, stream):
    await follow(consumer(stream), patience=ONCE)
    stream.refuses = {"bad:1"}
    say(database, "bad:1", "bad:1")
    await until(lambda: len(parked(database)) == 2)
    stream.refuses = set()
    operator = make_call(role=Role.OPERATOR)
    await asyncio.to_thread(in_unit, database, operator, parking.replay, parked_ids(database)[0])
    await until(lambda: parked(database) == [])
    assert stream.got == [("bad:1", 1), ("bad:1", 2)]


async def test_an_outage_costs_a_parked_event_none_of_its_tries(database, follow, stream):
    await follow(consumer(stream), patience=ONCE)
    stream.refuses = {"bad:1"}
    say(database, "bad:1")
    await until(lambda: parked(database) == [("bad:1", "parked", 1)])
    stream.refuses, stream.trouble = set(), UnavailableError("away")
    calls, operator = stream.calls, make_call(role=Role.OPERATOR)
    await asyncio.to_thread(in_unit, database, operator, parking.replay, parked_ids(database)[0])
    await until(lambda: stream.calls >= calls + 2)
    assert parked(database) == [("bad:1", "retrying", 0)]
    stream.trouble = None
    await until(lambda: parked(database) == [])
    assert stream.got == [("bad:1", 1)]


async def test_a_sink_that_is_asked_to_wait_is_not_called_before(database, follow, stream):
    consumers = await follow(consumer(stream))
    stream.trouble = RateLimitedError("slowly", retry_after=3600)
    say(database, "a:1")
    await until(consumers.faults)
    stream.trouble = None
    say(database, "b:1")
    await asyncio.sleep(0.5)  # Ten times the pause that would be made without that wish.
    assert (stream.calls, stream.got) == (1, [])


async def test_a_sink_is_closed_when_its_consumer_ends(database, follow, stream):
    consumers = await follow(consumer(stream))
    say(database, "a:1")
    await until(lambda: stream.got)
    assert stream.closed == 0
    await consumers.follow([])
    assert stream.closed == 1
