"""The events of videos and payments: of the hub's own domain, and said by plugins.

Which plugins those are, the contract says (:data:`bloop_sdk.events.TOPICS_OF_FAMILIES`).
"""

from __future__ import annotations

from bloop.store.topics import Payload, Topic, declare

_VIDEO = "019a21c9-4d1f-7a02-9b6e-2f8c7d3e5a10"
_LESSON = "019a21c7-6f50-7c4e-8a2b-1d9e0f3b7c21"
_ACTION = "content:write"
_ORDER = "019a21cb-0d3e-7f55-8c41-5e6f7a8b9c0d"
_MONEY_ACTION = "users:read"
"""Who has bought what is a matter of people."""


class Ready(Payload):
    """A video, the item that it is of, and how long it lasts."""

    id: str
    lesson: str
    seconds: float


class Failed(Payload):
    """A video, the item that it is of, and the code of the error that ended it."""

    id: str
    lesson: str
    code: str


class Paid(Payload):
    """An order and the money that moved: minor units of an ISO 4217 currency."""

    id: str
    amount: int
    currency: str


def _of_payment(name: str, when: str) -> Topic:
    return Topic(
        name=f"payment.{name}",
        when=when,
        aggregate="order",
        payload=Paid,
        action=_MONEY_ACTION,
        example={"id": _ORDER, "amount": 4900, "currency": "EUR"},
    )


declare(
    _of_payment("received", "money for an order has come"),
    _of_payment("refunded", "money of an order was given back"),
    _of_payment("disputed", "a bank has taken money of an order back"),
    _of_payment("failed", "a payment of an order did not come through"),
    Topic(
        name="video.ready",
        when="a video of a lesson can be watched",
        aggregate="video",
        payload=Ready,
        action=_ACTION,
        example={"id": _VIDEO, "lesson": _LESSON, "seconds": 97.4},
    ),
    Topic(
        name="video.failed",
        when="a video has failed for good",
        aggregate="video",
        payload=Failed,
        action=_ACTION,
        example={"id": _VIDEO, "lesson": _LESSON, "code": "store_full"},
    ),
)
