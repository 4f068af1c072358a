from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bloop_kafka.config import KafkaConfig
from bloop_kafka.provider import KafkaSink
from bloop_sdk.events import Event
from bloop_sdk.testing import FakeContext

INSTITUTION = "0199c0de-0000-7000-8000-000000000001"


@pytest.fixture
def make_event():
    """Makes events of one item, unless told otherwise."""
    return _make_event


def _make_event(
    number=1, aggregate="item:1", topic="content.item.updated", institution=INSTITUTION, **payload
) -> Event:
    return Event(
        id=f"{aggregate}/{number}",
        topic=topic,
        institution=institution,
        aggregate=aggregate,
        sequence=number,
        actor="user:1",
        occurred_at=datetime(2026, 5, 4, 12, tzinfo=UTC),
        payload=payload,
    )


@pytest.fixture
async def sink():
    """Makes sinks for a server; they are closed at the end."""
    made = []

    def make(server, **settings) -> KafkaSink:
        config = KafkaConfig(**({"bootstrap_servers": [server], "timeout_seconds": 5} | settings))
        made.append(KafkaSink(FakeContext(config=config)))
        return made[-1]

    yield make
    for one in made:
        await one.close()
