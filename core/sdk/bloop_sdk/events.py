"""Events as consumers get them: what happened, to what, by whom.

A consumer is named by the manifest (``contributes.consumers``). Its handler is one of two:

``def (unit, event)``
    runs in the transaction in which its position moves on: an effect in the hub's database
    happens exactly once.
``async def (ctx, event)``
    may talk to systems outside; it is called at least once, and ``event.id`` is the same each time.

Events of one aggregate come in their order. A handler that raises is called again after a pause;
after its last try the event is parked with its reason, and holds back its own aggregate alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bloop_sdk.plugin import CallContext, Unit
from bloop_sdk.principals import Trace
from bloop_sdk.records import JSONObject

CLOUD_EVENT_TYPE = "application/cloudevents+json"
"""The media type of one :func:`cloud_event` (JSON Event Format for CloudEvents 1.0, section 3)."""


TOPICS_OF_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "render": ("video.ready", "video.failed"),
    "payments": ("payment.received", "payment.refunded", "payment.disputed", "payment.failed"),
}
"""The hub's topics that plugins of a family say besides their own; docs/events.md has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. ``aggregate`` is ``kind:id``; ``sequence`` counts its events.

    ``version`` is the payload's: it changes where a reader of the payload has to.
    """

    id: str
    topic: str
    institution: str
    aggregate: str
    sequence: int
    actor: str
    occurred_at: datetime
    payload: JSONObject
    version: int = 1
    trace: Trace | None = None


def cloud_event(event: Event) -> JSONObject:
    """The event as systems outside get it: CloudEvents 1.0, in the JSON event format.

    ``source`` and ``id`` together are the same each time an event is delivered. ``sequence``
    orders the events of one ``subject`` when compared as text, as its extension wants
    (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md).
    """
    at = event.occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
    envelope: JSONObject = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"urn:uuid:{event.institution}",
        "type": event.topic,
        "subject": event.aggregate,
        "time": at.replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"bloop:event:{event.topic}:{event.version}",
        "institution": event.institution,
        "sequence": f"{event.sequence:020d}",
        "actor": event.actor,
        "data": event.payload,
    }
    if event.trace is not None:
        envelope["traceparent"] = str(event.trace)
    return envelope


Effect = Callable[[Unit, Event], None]
"""A consumer whose effect is in the hub's database."""

Delivery = Callable[[CallContext, Event], Any]
"""A consumer (``async def``) whose effect is outside."""
