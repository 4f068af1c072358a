"""Topics of events: when each is said, what its payload holds, and who may follow it live.

A domain declares its topics beside its code, by a model of the payload. A topic whose first word
is one of :data:`DOMAINS` can't be said undeclared, nor with another payload than it declares: a
wrong one would be in the log for good. Checking costs some microseconds an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

DOMAINS = frozenset(
    {
        "user",
        "content",
        "learning",
        "video",
        "payment",
        "social",
        "analytics",
        "plugin",
        "webhook",
    }
)
"""The first words of the hub's own topics; those of a plugin begin with its id."""


class Payload(BaseModel):
    """The base of payloads: exactly the fields that are declared.

    A field that says something of a person is marked with :class:`bloop_sdk.Personal`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One kind of event.

    ``action`` is what somebody must be allowed to do to follow it live. With ``shown``, learners
    and guests follow it as well, for what they may see. ``version`` is the payload's: it goes up
    where a field is gone or means something else.
    """

    name: str
    when: str
    aggregate: str
    payload: type[Payload]
    action: str
    example: Mapping[str, Any]
    shown: bool = False
    since: str = "1.0"
    version: int = 1


TOPICS: dict[str, Topic] = {}
"""What has been declared so far in this process, by name."""


class UndeclaredTopicError(ValueError):
    """Somebody says an event of the hub that no domain has declared."""


def declare(*topics: Topic) -> None:
    """Make topics known; raises ValueError for one that is known, or of no domain."""
    for topic in topics:
        if topic.name in TOPICS or topic.name.partition(".")[0] not in DOMAINS:
            raise ValueError(f"the topic {topic.name!r} is declared twice, or of no domain")
        TOPICS[topic.name] = topic


def version_of(name: str, payloads: Iterable[Mapping[str, Any]]) -> int:
    """The version of payloads that are fit to be said; 1 for topics of plugins.

    Raises UndeclaredTopicError, or pydantic's ValidationError (a ValueError).
    """
    topic = TOPICS.get(name)
    if topic is None:
        if name.partition(".")[0] in DOMAINS:
            raise UndeclaredTopicError(
                f"no domain declares the topic {name!r}: declare it with bloop.store.topics"
            )
        return 1
    # As ``model_validate``, which asks first how strict it is to be, of each.
    check = topic.payload.__pydantic_validator__.validate_python
    for payload in payloads:
        check(payload)
    return topic.version
