"""The sink and a broker that speaks Kafka's protocol; read back with another client."""

from __future__ import annotations

import inspect

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from bloop_kafka.cli import check
from bloop_kafka.config import KafkaConfig
from bloop_kafka.records import OVERHEAD_BYTES, record_of
from bloop_sdk import AuthError, ConfigError, FatalError, MalformedRecordError, UnavailableError
from bloop_sdk.testing import FakeContext
from tests.support.kafka import Broker, Reader
from tests.support.ports import find_free_port


@pytest.fixture
async def reader(kafka):
    made = Reader(kafka.server)
    yield made
    await made.stop()


async def topics(kafka) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.server)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def test_a_batch_is_there_in_order_when_publish_returns(kafka, sink, reader, make_event):
    made = sink(kafka.server)
    names = [f"item:{n}" for n in range(10)]
    events = [make_event(number, name) for number in range(1, 21) for name in names]
    await made.publish(events[:150])
    await made.publish(events[150:])
    await reader.start("bloop.content")
    found = await reader.until(len(events))
    assert len(found) == len(events)
    for name in names:
        assert [one["id"] for one in found if one["subject"] == name] == [
            event.id for event in events if event.aggregate == name
        ]
    assert len({record.partition for record in reader.records}) > 1
    assert all(
        record.key.decode().endswith(f"/{one['subject']}")
        for record, one in zip(reader.records, found, strict=True)
    )


async def test_each_family_has_a_topic_with_the_partitions_that_were_asked_for(
    kafka, sink, reader, make_event
):
    made = sink(kafka.server, partitions=3, topic_prefix="school")
    await made.publish([make_event(), make_event(topic="user.created", aggregate="user:1")])
    assert await topics(kafka) == {"school.content", "school.user"}
    await reader.start("school.content", "school.user")
    found = await reader.until(2)
    assert {
        (one["type"], record.topic) for one, record in zip(found, reader.records, strict=True)
    } == {
        ("content.item.updated", "school.content"),
        ("user.created", "school.user"),
    }
    assert reader.partitions("school.content") == {0, 1, 2}


async def test_headers_arrive_and_what_is_not_wanted_stays_here(kafka, sink, reader, make_event):
    made = sink(kafka.server, events=["content.*"])
    await made.publish([make_event(), make_event(topic="user.created", aggregate="user:1")])
    assert await topics(kafka) == {"bloop.content"}
    await reader.start("bloop.content")
    await reader.until(1)
    headers = dict(reader.records[0].headers)
    assert headers["content-type"].startswith(b"application/cloudevents+json")
    assert (headers["ce_id"], headers["ce_type"]) == (b"item:1/1", b"content.item.updated")


async def test_nothing_of_a_batch_is_sent_that_holds_an_event_too_large(kafka, sink, make_event):
    made = sink(kafka.server, max_message_bytes=10_000)
    with pytest.raises(MalformedRecordError) as caught:
        await made.publish([make_event(1), make_event(2, text="x" * 10_000)])
    assert caught.value.ref == "event:item:1/2"
    assert await topics(kafka) == set()


async def test_an_event_as_large_as_it_may_be_is_taken(kafka, sink, reader, make_event):
    made = sink(kafka.server, max_message_bytes=50_000, compression="none")
    room = 50_000 - OVERHEAD_BYTES - _size(make_event(text=""))
    await made.publish([make_event(text="x" * room)])
    await reader.start("bloop.content")
    assert len((await reader.until(1))[0]["data"]["text"]) == room


def _size(event) -> int:
    record = record_of(event, "bloop", 1_000_000)
    headers = sum(len(name) + len(text) for name, text in record.headers)
    return len(record.key) + len(record.value) + headers


async def test_a_broker_that_comes_back_empty_is_filled_on(kafka, sink, reader, make_event):
    made = sink(kafka.server, timeout_seconds=2)
    await made.publish([make_event(1)])
    kafka.kill()
    with pytest.raises(UnavailableError) as caught:
        await made.publish([make_event(2)])
    assert kafka.server in caught.value.message and "see that the brokers run" in caught.value.cure
    kafka.start()
    await made.publish([make_event(2)])
    await reader.start("bloop.content")
    assert [one["id"] for one in await reader.until(1)] == ["item:1/2"]


async def test_a_producer_that_the_broker_forgot_begins_anew(kafka, sink, reader, make_event):
    made = sink(kafka.server, timeout_seconds=2)
    await made.publish([make_event(1)])
    kafka.kill()
    kafka.start()
    for _ in range(5):
        try:
            await made.publish([make_event(2)])
            break
        except UnavailableError:
            continue
    await reader.start("bloop.content")
    assert [one["id"] for one in await reader.until(1)] == ["item:1/2"]


async def test_check_says_what_it_reaches(kafka, sink):
    result = await sink(kafka.server, client_id="hub-1").check()
    assert (result.account, result.site, result.gaps) == ("hub-1", kafka.server, ())


async def test_a_missing_topic_is_named_where_none_may_be_created(kafka, sink, make_event):
    made = sink(kafka.server, create_topics=False)
    gaps = (await made.check()).gaps
    assert [gap.split()[1] for gap in gaps if "content" in gap] == ["bloop.content"]
    with pytest.raises(FatalError, match=r"no topic bloop\.content") as caught:
        await made.publish([make_event()])
    assert "create_topics = true" in caught.value.cure
    assert await topics(kafka) == set()
    await sink(kafka.server).publish([make_event(1)])
    await made.publish([make_event(2)])
    assert "bloop.content" not in " ".join((await made.check()).gaps)


async def test_check_names_a_broker_that_is_not_there(sink):
    server = f"127.0.0.1:{find_free_port()}"
    with pytest.raises(UnavailableError, match=f"{server} failed: Connection refused") as caught:
        await sink(server, timeout_seconds=1).check()
    assert "see that the brokers run" in caught.value.cure


async def test_check_names_a_login_that_is_refused(kafka_binary, tmp_path, sink, make_event):
    broker = Broker(kafka_binary, tmp_path, "--authentication")
    broker.start()
    try:
        made = sink(
            broker.server,
            security_protocol="SASL_PLAINTEXT",
            username="nobody",
            password="hunter2hunter2",
            timeout_seconds=2,
        )
        for work in (made.check(), made.publish([make_event()])):
            with pytest.raises(AuthError) as caught:
                await work
            assert "username, password" in caught.value.cure
            assert "hunter2" not in str(caught.value)
    finally:
        broker.kill()


async def test_check_names_a_certificate_that_cannot_be_read(kafka, sink, tmp_path):
    made = sink(kafka.server, security_protocol="SSL", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"ssl\.ca\.location"):
        await made.check()


async def test_the_command_tells_what_check_finds(kafka, capsys):
    config = KafkaConfig(bootstrap_servers=[kafka.server], create_topics=False)
    command = inspect.unwrap(check.callback)
    await command(FakeContext(config=config))
    first, *gaps = capsys.readouterr().out.splitlines()
    assert first == f"Kafka at {kafka.server} answers bloop"
    assert "topic bloop.content does not exist" in " ".join(gaps)
