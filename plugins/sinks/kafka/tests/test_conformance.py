"""What the contract asks of every plugin."""

from __future__ import annotations

from bloop_kafka.provider import KafkaSink
from bloop_sdk.providers.services import SinkProvider
from bloop_sdk.testing import plugin_tests

TestKafka = plugin_tests("bloop_kafka", settings={"bootstrap_servers": ["127.0.0.1:9092"]})


def test_it_is_a_sink(sink) -> None:
    made = sink("127.0.0.1:9092")
    assert isinstance(made, KafkaSink)
    assert isinstance(made, SinkProvider)
