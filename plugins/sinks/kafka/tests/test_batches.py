"""Batches of which brokers take a part, or refuse all for one record.

The producer is one in memory: no broker that can be had here refuses batches, or takes its time. It
does as librdkafka's documentation and its produce handler say: ``flush`` gives how many have no
answer yet, a batch is refused as a whole, and of a broker that names the record at fault the others
come with ``_INVALID_DIFFERENT_RECORD``.
"""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from bloop_kafka import provider
from bloop_sdk import MalformedRecordError, UnavailableError


class Brokers:
    """What they have, how much they take before ``flush`` gives up, and what they refuse."""

    def __init__(self):
        self.has = []
        self.room = None
        self.refuse = lambda _batch: {}

    def producer(self, _options):
        return Producer(self)


class Producer:
    def __init__(self, brokers):
        self._brokers = brokers
        self._queue = []

    def produce(self, _topic, value, _key, *, headers, on_delivery):
        event = dict(headers)["ce_id"].decode()
        self._queue.append((event, value, on_delivery))

    def flush(self, _seconds):
        brokers = self._brokers
        room = len(self._queue) if brokers.room is None else brokers.room
        taken, self._queue = self._queue[:room], self._queue[room:]
        refused = brokers.refuse([(event, len(value)) for event, value, _ in taken])
        for event, _, tell in taken:
            error = refused.get(event)
            if error is None:
                brokers.has.append(event)
            tell(None if error is None else KafkaError(error), None)
        return len(self._queue)

    def poll(self, _seconds):
        return 0

    def purge(self):
        self._queue.clear()


@pytest.fixture
def brokers(monkeypatch):
    made = Brokers()
    monkeypatch.setattr(provider, "Producer", made.producer)
    monkeypatch.setattr(provider._Connection, "make_topics", lambda *_given: None)
    return made


async def test_brokers_that_take_less_than_a_batch_in_the_time_are_done_with_it(
    brokers, sink, make_event
):
    events = [make_event(number) for number in range(1, 6)]
    made, brokers.room = sink("kafka-1:9092"), 2
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await made.publish(events)
    await made.publish(events)
    assert brokers.has == [event.id for event in events], "none was sent twice"
    brokers.room = None
    await made.publish(events[:1])
    assert brokers.has[-1] == events[0].id, "what is published again later is sent again"


async def test_a_batch_that_is_too_large_is_taken_one_by_one(brokers, sink, make_event):
    def refuse(batch):
        if sum(size for _, size in batch) > 2_000:
            return dict.fromkeys((event for event, _ in batch), KafkaError.MSG_SIZE_TOO_LARGE)
        return {}

    brokers.refuse = refuse
    events = [make_event(number, f"item:{number}", text="x" * 700) for number in range(1, 6)]
    await sink("kafka-1:9092").publish(events)
    assert brokers.has == [event.id for event in events]
    large = make_event(1, "item:9", text="x" * 3_000)
    with pytest.raises(MalformedRecordError) as caught:
        await sink("kafka-1:9092").publish([make_event(2), large, make_event(3)])
    assert caught.value.ref == f"event:{large.id}"


async def test_the_record_at_fault_is_named_and_not_its_neighbours(brokers, sink, make_event):
    def refuse(batch):
        ids = [event for event, _ in batch]
        if "item:3/1" not in ids:
            return {}
        others = dict.fromkeys(ids, KafkaError._INVALID_DIFFERENT_RECORD)
        return others | {"item:3/1": KafkaError.INVALID_RECORD}

    brokers.refuse = refuse
    made, events = sink("kafka-1:9092"), [make_event(1, f"item:{n}") for n in range(1, 6)]
    with pytest.raises(MalformedRecordError) as caught:
        await made.publish(events)
    assert caught.value.ref == "event:item:3/1"
    await made.publish([event for event in events if event.aggregate != "item:3"])
    assert sorted(brokers.has) == ["item:1/1", "item:2/1", "item:4/1", "item:5/1"]
