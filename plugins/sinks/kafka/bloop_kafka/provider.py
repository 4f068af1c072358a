"""The ``sink`` provider: librdkafka has threads of its own, and the plugin's wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # Where it is from; `admin` hands it on untyped.

from bloop_kafka.config import KafkaConfig
from bloop_kafka.faults import config_fault, fault_of, is_of_a_batch, most_telling
from bloop_kafka.records import Record, record_of, topic_of, wanted
from bloop_sdk import BloopError, CheckResult, FatalError, PluginContext, UnavailableError
from bloop_sdk.events import Event

FAMILIES = ("analytics", "content", "learning", "payment", "plugin", "social", "user", "video")
"""The families of the hub's own events. Those of a plugin are its id."""

log = logging.getLogger(__name__)

QUIET: dict[str, Any] = {"logger": log, "log_level": 0}
"""What librdkafka logs, at each attempt to connect, is raised here once."""


class KafkaSink:
    """Produces with ``acks=all`` and an idempotent producer.

    After any failure the producer is thrown away with all that it holds, so that nothing of a
    batch is still on its way when the batch comes again. What the brokers have confirmed of it is
    left out then, so that brokers which take less than a batch in the time (quotas, a thin line)
    are done with it in the end. What they had and did not confirm is doubled, never out of order.
    """

    def __init__(self, ctx: PluginContext) -> None:
        config = ctx.config
        assert isinstance(config, KafkaConfig)
        self._config = config
        self._where = ", ".join(config.bootstrap_servers)
        self._run_sync = ctx.run_sync
        self._turn = threading.Lock()
        self._connection: _Connection | None = None
        self._confirmed: set[str] = set()
        """The ids of the last batch's events that are there, should it have failed."""

    async def check(self) -> CheckResult:
        """Ask the cluster for its topics; ``gaps`` names those that are missing and not created."""
        return await self._run_sync(self._check)

    async def publish(self, events: Sequence[Event]) -> None:
        """Returns when the brokers have them, on all replicas in sync."""
        config = self._config
        records = [
            record_of(event, config.topic_prefix, config.max_message_bytes)
            for event in events
            if wanted(event.topic, config.events)
        ]
        if records:
            await self._run_sync(self._publish, records)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._run_sync(self._close)

    def _check(self) -> CheckResult:
        config, end = self._config, time.monotonic() + self._config.timeout_seconds
        connection = _Connection(config, self._where)
        try:
            topics = connection.topics(end)
        finally:
            connection.drop()
        expected = {topic_of(config.topic_prefix, family) for family in FAMILIES}
        missing = () if config.create_topics else sorted(expected - topics)
        return CheckResult(
            account=config.username or config.client_id,
            site=self._where,
            gaps=tuple(
                f"topic {name} does not exist, and create_topics is off: "
                "the first event for it holds the stream"
                for name in missing
            ),
        )

    def _publish(self, records: Sequence[Record]) -> None:
        # A call that the hub has given up may still be at it.
        with self._turn:
            connection = self._connection or _Connection(self._config, self._where)
            self._connection = None
            left = [record for record in records if record.event not in self._confirmed]
            try:
                end = time.monotonic() + self._config.timeout_seconds
                connection.make_topics({record.topic for record in left}, end)
                connection.produce(left, end)
            except BaseException:
                connection.drop()
                self._confirmed |= connection.confirmed
                self._confirmed &= {record.event for record in records}
                raise
            self._connection = connection
            self._confirmed.clear()
            connection.confirmed.clear()

    def _close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.drop()
                self._connection = None


class _Connection:
    """A producer, what it said was wrong, and the topics that are known to be there."""

    def __init__(self, config: KafkaConfig, where: str) -> None:
        self._config = config
        self._where = where
        self._known: set[str] = set()
        self.confirmed: set[str] = set()
        """The ids of events that the brokers have said they have."""
        self._errors: deque[KafkaError] = deque(maxlen=50)
        options: dict[str, Any] = {
            **config.client(),
            **QUIET,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": config.compression,
            "message.max.bytes": config.max_message_bytes,
            "linger.ms": 5,
            # As Java's clients do, so that a key's partition is the same whoever produces.
            "partitioner": "murmur2_random",
            "error_cb": self._errors.append,
        }
        try:
            self._producer = Producer(options)
        except (KafkaException, ValueError) as err:
            raise config_fault(err) from err

    def topics(self, end: float) -> set[str]:
        """The names of all topics; raises what keeps the cluster from answering."""
        try:
            found = self._producer.list_topics(timeout=_left(end))
        except KafkaException as err:
            raise self._trouble(err.args[0]) from err
        return set(found.topics)

    def make_topics(self, names: set[str], end: float) -> None:
        """Create those that are missing; raises FatalError where that is not wanted."""
        if names <= self._known:
            return
        config = self._config
        missing = sorted(names - self.topics(end))
        if missing and not config.create_topics:
            raise FatalError(
                f"Kafka at {self._where} has no topic {', '.join(missing)}",
                cure="create it, or set create_topics = true",
            )
        if missing:
            new = [NewTopic(name, config.partitions, config.replication or -1) for name in missing]
            admin = AdminClient({**config.client(), **QUIET})  # What it makes ends with it.
            for name, future in admin.create_topics(new, operation_timeout=_left(end)).items():
                self._created(name, future, end)
        self._known |= names

    def _created(self, name: str, future: Any, end: float) -> None:
        try:
            future.result(timeout=_left(end))
        except KafkaException as err:
            error = err.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise fault_of(error, f"{self._where}, topic {name}") from err
        except TimeoutError as err:
            raise self._trouble(None) from err

    def produce(self, records: Sequence[Record], end: float) -> None:
        """Produce in order, and wait for all; raises what became of the first that failed."""
        failed, left = self._send(records, end)
        batch = any(is_of_a_batch(error) for error in failed.values())
        if left and (batch or not failed):
            raise self._trouble(None)
        if batch and len(records) > 1:
            # Which of them it is shows where each is alone.
            for record in [one for one in records if one.event in failed]:
                failed, left = self._send([record], end)
                if failed:
                    break
                if left:
                    raise self._trouble(None)
        for event, error in failed.items():
            raise fault_of(error, self._where, event)

    def _send(self, records: Sequence[Record], end: float) -> tuple[dict[str, KafkaError], int]:
        """What became of those that failed, by their events, and how many have no answer yet."""
        self._errors.clear()
        failed: dict[str, KafkaError] = {}
        try:
            for record in records:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    on_delivery=_Report(record.event, failed, self.confirmed),
                )
            left = self._producer.flush(_left(end))
        except BufferError as err:
            raise FatalError(
                f"Kafka at {self._where}: a batch of {len(records)} events is larger than what "
                f"the client holds: {err}",
                cure="lower max_message_bytes",
            ) from err
        except (KafkaException, SystemError) as err:
            # What ends the producer for good, as a broker does that forgot its producers. (Raised
            # by the one callback, it makes C code trip over the next: hence a SystemError.)
            raise UnavailableError(
                f"Kafka at {self._where}: the producer has to begin anew: {err.__cause__ or err}"
            ) from err
        return failed, left

    def drop(self) -> None:
        """Throw away what has not been sent, and what has and was not answered."""
        try:
            self._producer.purge()
            self._producer.flush(0.1)
        except (KafkaException, SystemError) as err:
            log.debug("dropped a producer that had failed: %s", err)

    def _trouble(self, error: KafkaError | None) -> BloopError:
        self._producer.poll(0)  # Has what was reported meanwhile come in.
        told = most_telling([*self._errors, *([error] if error else [])])
        if told is None:
            return UnavailableError(
                f"Kafka at {self._where}: no answer in {self._config.timeout_seconds:g} s"
            )
        return fault_of(told, self._where)


class _Report:
    """Notes what became of a record."""

    __slots__ = ("_confirmed", "_event", "_failed")

    def __init__(self, event: str, failed: dict[str, KafkaError], confirmed: set[str]) -> None:
        self._event = event
        self._failed = failed
        self._confirmed = confirmed

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        """As confluent_kafka calls it."""
        if error is not None:
            self._failed[self._event] = error
        else:
            self._confirmed.add(self._event)


def _left(end: float) -> float:
    return max(end - time.monotonic(), 0.05)
