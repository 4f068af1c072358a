"""The log and a Kafka-protocol broker that is killed while events flow: all arrive, in order.

The broker keeps everything in memory, so it is killed when all that it had confirmed has been read:
either nothing was under way, or it was frozen first and so confirmed nothing of what was.
"""

from __future__ import annotations

from collections import Counter

import pytest

from bloop_kafka.config import KafkaConfig
from bloop_kafka.provider import KafkaSink
from bloop_sdk.testing import FakeContext
from tests.events.conftest import consumer, parked, position, say, until
from tests.support.kafka import Reader

AGGREGATES = [f"item:{n}" for n in range(5)]
TOPIC = "shop.item.updated"


class Watched(KafkaSink):
    """Tells whether a batch is under way."""

    busy = False

    async def publish(self, events):
        self.busy = True
        try:
            await super().publish(events)
        finally:
            self.busy = False


@pytest.fixture
def sink(kafka):
    config = KafkaConfig(bootstrap_servers=[kafka.server], timeout_seconds=1)
    return Watched(FakeContext(config=config))


def firsts(envelopes) -> dict[str, list[int]]:
    """The sequence of each aggregate's events, as they came for the first time."""
    seen, found = set(), {aggregate: [] for aggregate in AGGREGATES}
    for one in envelopes:
        if one["id"] not in seen:
            seen.add(one["id"])
            found[one["subject"]].append(int(one["sequence"]))
    return found


def in_order(envelopes, each) -> bool:
    """Whether ``each`` events of every aggregate are there, in their order."""
    return all(numbers == [*range(1, each + 1)] for numbers in firsts(envelopes).values())


@pytest.fixture
async def reader(kafka):
    made = Reader(kafka.server)
    yield made
    await made.stop()


async def read_on(reader, count):
    """Read what the broker has now, from its beginning, up to ``count`` events in all."""
    await reader.start("bloop.shop")
    await reader.until(count)
    await reader.stop()


async def test_a_broker_that_is_killed_gets_every_event_in_order(
    database, follow, kafka, sink, reader
):
    await follow(consumer(sink))
    said = 0

    def tell(rounds=4):
        nonlocal said
        for _ in range(rounds):
            say(database, *AGGREGATES, topic=TOPIC)
        said += rounds * len(AGGREGATES)

    tell()
    await read_on(reader, said)
    for kill in range(3):
        if kill % 2:
            kafka.freeze()
            tell()
            await until(lambda: sink.busy)
            kafka.kill()  # A batch is under way.
        else:
            kafka.kill()  # The hub finds nobody there.
        tell()
        kafka.start()
        tell()
        await read_on(reader, said)
    await until(lambda: position(database) == said)
    counts = Counter(one["id"] for one in reader.envelopes)
    assert len(counts) == said
    assert in_order(reader.envelopes, said // len(AGGREGATES))
    assert parked(database) == []


async def test_a_hub_that_ends_before_it_knows_sends_again_under_the_same_ids(
    database, follow, sink, reader
):
    """As after a kill: the broker has a batch, and the position does not say so."""
    publish, lost = sink.publish, []

    async def publish_and_forget(events):
        await publish(events)
        if not lost:
            lost.extend(event.id for event in events)
            raise ConnectionResetError

    sink.publish = publish_and_forget
    await follow(consumer(sink))
    say(database, *AGGREGATES, *AGGREGATES, topic=TOPIC)
    await until(lambda: position(database) == 10)
    await read_on(reader, 10)
    counts = Counter(one["id"] for one in reader.envelopes)
    assert {id_ for id_, times in counts.items() if times == 2} == set(lost) != set()
    assert max(counts.values()) == 2
    assert in_order(reader.envelopes, 2)
