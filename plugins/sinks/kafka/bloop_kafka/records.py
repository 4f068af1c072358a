"""An event as a record of Kafka: CloudEvents' Kafka binding 1.0.2, structured mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from bloop_sdk import MalformedRecordError
from bloop_sdk.events import CLOUD_EVENT_TYPE, Event, cloud_event

OVERHEAD_BYTES = 200
"""At most so much brokers add to a record alone in its batch: 61 of the batch, lengths, a time."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is produced; ``event`` is the id of the event that it holds."""

    event: str
    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def topic_of(prefix: str, topic: str) -> str:
    """The topic for a type of events: one for its family, so that an aggregate's order is kept."""
    return f"{prefix}.{topic.partition('.')[0]}"


def record_of(event: Event, prefix: str, limit: int) -> Record:
    """The record of an event; raises MalformedRecordError where it can't be one of ``limit`` bytes.

    Headers repeat the envelope without its data, so that a reader can choose without parsing.
    """
    envelope = cloud_event(event)
    told = {name: value for name, value in envelope.items() if name != "data"}
    try:
        value = json.dumps(
            envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
        headers = (
            ("content-type", f"{CLOUD_EVENT_TYPE}; charset=UTF-8".encode()),
            *((f"ce_{name}", str(text).encode()) for name, text in told.items()),
        )
        key = f"{event.institution}/{event.aggregate}".encode()
    except (TypeError, ValueError, RecursionError) as err:
        raise MalformedRecordError(
            f"event {event.id} ({event.topic}) is no JSON: {err}",
            ref=f"event:{event.id}",
            cure="its payload was made by the code that said it: mend that, and skip the event",
        ) from err
    size = len(key) + len(value) + sum(len(name) + len(text) for name, text in headers)
    if size + OVERHEAD_BYTES > limit:
        raise MalformedRecordError(
            f"event {event.id} ({event.topic}) has {size} bytes, and max_message_bytes is {limit}",
            ref=f"event:{event.id}",
            cure="raise max_message_bytes here and max.message.bytes of the topic, then replay it",
        )
    return Record(event.id, topic_of(prefix, event.topic), key, value, headers)


def wanted(topic: str, patterns: Iterable[str]) -> bool:
    """Whether a type of events is one of ``patterns``, which may end in ``*``."""
    return any(
        topic.startswith(one[:-1]) if one.endswith("*") else topic == one for one in patterns
    )
