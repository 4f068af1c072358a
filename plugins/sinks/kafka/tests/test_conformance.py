"""What the contract asks of every plugin and of every sink, on a real broker."""

from __future__ import annotations

from bloop_kafka.provider import KafkaSink
from bloop_sdk.providers.services import SinkProvider
from bloop_sdk.testing import Stream, plugin_tests
from tests.support.kafka import Broker, Reader, broker_binary

TOPIC = "bloop.content"


class KafkaBroker:
    """A broker that has forgotten everything when it comes back."""

    def __init__(self, folder):
        self._broker = Broker(broker_binary(), folder, "broker")
        self._broker.start()
        self.settings = {"bootstrap_servers": [self._broker.server], "timeout_seconds": 3}

    async def taken(self, count):
        reader = Reader(self._broker.server)
        await reader.start(TOPIC)
        try:
            return await reader.until(count)
        finally:
            await reader.stop()

    def stop(self):
        self._broker.kill()

    def start(self):
        self._broker.start()

    def refused(self):
        return {"text": "x" * 1_100_000}

    def close(self):
        self._broker.kill()


TestKafka = plugin_tests(
    "bloop_kafka",
    settings={"bootstrap_servers": ["127.0.0.1:9092"]},
    sink=Stream(make=KafkaBroker, without={"bad": "the broker of the tests lets everybody in"}),
)


def test_it_is_a_sink(sink) -> None:
    made = sink("127.0.0.1:9092")
    assert isinstance(made, KafkaSink)
    assert isinstance(made, SinkProvider)
