"""The events of webhooks."""

from __future__ import annotations

from bloop.store.topics import Payload, Topic, declare


class Disabled(Payload):
    """An endpoint that nothing is sent to any more, and why."""

    id: str
    name: str
    reason: str


declare(
    Topic(
        name="webhook.disabled",
        when="an endpoint failed for so long, or answered 410, that it was switched off",
        aggregate="webhook",
        payload=Disabled,
        action="webhooks:read",
        example={
            "id": "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10",
            "name": "Grade book",
            "reason": "it has failed for five days",
        },
    ),
)
