"""The event catalogue: all topics of the hub, as they are told to people and programs."""

from __future__ import annotations

from collections.abc import Iterator

import bloop.accounts.topics
import bloop.content.enrolling.topics
import bloop.content.search.topics
import bloop.content.topics
import bloop.graph.topics
import bloop.hub.topics
import bloop.kernel.topics
import bloop.learning.topics
import bloop.webhooks.topics  # noqa: F401 - each declares its topics
from bloop.store.topics import TOPICS, Payload, Topic
from bloop_sdk import Personal
from bloop_sdk.records import JSONObject


def catalogue() -> list[Topic]:
    """Every topic that the hub's own code can say, by name."""
    return [TOPICS[name] for name in sorted(TOPICS)]


def described(topic: Topic) -> JSONObject:
    """A topic for programs: ``schema`` is the JSON Schema of its payload."""
    return {
        "topic": topic.name,
        "when": topic.when,
        "aggregate": topic.aggregate,
        "since": topic.since,
        "version": topic.version,
        "action": topic.action,
        "shown": topic.shown,
        "personal": list(personal_fields(topic.payload)),
        "schema": topic.payload.model_json_schema(),
        "example": dict(topic.example),
    }


def personal_fields(model: type[Payload]) -> Iterator[str]:
    """The fields of a payload that say something of a person."""
    for name, info in model.model_fields.items():
        if any(isinstance(mark, Personal) for mark in info.metadata):
            yield name
