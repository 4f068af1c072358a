"""Capability ``payments`` (provisional). Amounts are integers in the currency's minor unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bloop_sdk.providers.content import WebhookRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """``amount`` in minor units of the ISO 4217 ``currency``."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutLine:
    """What is bought, how many, at which unit price."""

    title: str
    unit_price: Money
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Where to send the buyer, and how the provider calls this order."""

    remote_id: str
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent:
    """A fact about an order, as the provider states it; ``kind`` like ``captured refunded``."""

    event_id: str
    kind: str
    remote_id: str
    money: Money | None
    occurred_at: datetime


@runtime_checkable
class PaymentProvider(Protocol):
    """Takes money, gives it back, and says what happened."""

    async def create_checkout(
        self, order: str, lines: Sequence[CheckoutLine], return_url: str, idempotency_key: str
    ) -> Checkout:
        """Start a checkout; the same key gives the same checkout."""
        ...

    async def refund(
        self, remote_id: str, money: Money | None, idempotency_key: str
    ) -> PaymentEvent:
        """Give back ``money``, or all of it."""
        ...

    async def fetch(self, remote_id: str) -> Sequence[PaymentEvent]:
        """Everything the provider knows of an order: the truth that webhooks hint at."""
        ...

    def verify_webhook(self, request: WebhookRequest) -> PaymentEvent:
        """The event of a genuine webhook; raises AuthError for any other."""
        ...
