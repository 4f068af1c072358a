"""Capability ``payments`` (provisional). Amounts are integers in the currency's minor unit.

A provider takes money, gives it back and states facts. Whoever sells keeps the orders, and works
out from the facts alone what was paid and who may have what: so facts may come twice, late and in
any order. Every method that moves money takes an idempotency key: the same key never moves it
twice, however often it is called and whatever was lost on the way. One that was used for another
request raises PreconditionFailedError.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bloop_sdk.money import Money
from bloop_sdk.providers.content import CheckResult, WebhookRequest


class Can(enum.StrEnum):
    """What a provider can do besides taking a payment once."""

    SUBSCRIBE = "subscribe"
    TRIAL = "trial"
    REFUND = "refund"
    REFUND_PART = "refund_part"
    CHANGE_PLAN = "change_plan"
    PORTAL = "portal"
    TAX = "tax"
    BY_HAND = "by_hand"
    """Nobody tells when money has come: an operator does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSpec:
    """What a provider can. ``currencies`` is empty where it takes every one."""

    can: frozenset[Can] = frozenset()
    currencies: frozenset[str] = frozenset()
    webhooks: bool = False


class Interval(enum.StrEnum):
    """How often a subscription is paid."""

    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutLine:
    """What is bought, how many, at which unit price; a ``plan`` names it to the provider."""

    title: str
    unit_price: Money
    quantity: int = 1
    plan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """An order to be paid: all lines in one currency.

    ``order`` is the seller's id of it, which the provider gives back in each fact, ``number`` what
    people call it. ``total`` is what the lines come to less ``discount``, before any tax that the
    provider adds. ``interval`` makes it a subscription, ``trial_days`` a free time before its first
    payment.
    """

    order: str
    number: str = ""
    lines: Sequence[CheckoutLine]
    total: Money
    return_url: str
    cancel_url: str
    discount: int = 0
    interval: Interval | None = None
    trial_days: int = 0
    email: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Where to send the buyer, and how the provider calls this order.

    ``instructions`` are words for the buyer, where there is no page to send them to.
    """

    remote_id: str
    url: str = ""
    expires_at: datetime | None = None
    instructions: str = ""


class FactKind(enum.StrEnum):
    """What a fact states.

    ``CAPTURED`` money came; ``FAILED`` a payment was tried and did not; ``REFUNDED`` money goes
    back (an amount of 0: it failed after all); ``DISPUTED`` a bank took it back, ``DISPUTE_WON``
    and ``DISPUTE_LOST`` how that ended (of the dispute's own id); ``SUBSCRIPTION`` how a
    subscription stands; ``EXPIRED`` a checkout can be paid no more.
    """

    CAPTURED = "captured"
    FAILED = "failed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    SUBSCRIPTION = "subscription"
    EXPIRED = "expired"


class SubscriptionStatus(enum.StrEnum):
    """``PAST_DUE``: a renewal failed, and the provider tries again. ``ENDED`` is for good."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time that a payment covers, or a subscription is in: ``[start, end)``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """How a subscription stands; ``ends`` says that it ends with its period."""

    status: SubscriptionStatus
    period: Period | None = None
    ends: bool = False
    plan: str = ""
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFact:
    """Something that is so at the provider, however one learned of it.

    ``id`` is that of the thing itself (the capture, the refund, the dispute, the subscription), not
    of the message that told: two facts of one ``kind`` and ``id`` are one, and of a thing that
    changes the one with the later ``as_of`` holds. ``remote_id`` is the checkout's, or of a
    renewal the subscription's; ``order`` what the seller called it, empty where the provider does
    not say. ``about`` is the capture that a refund or dispute is about. ``money`` is the whole that
    moved, with ``tax`` in it; ``fee`` is what the provider kept, in the currency that it settles
    in, which may be another; None while nobody knows.
    """

    kind: FactKind
    id: str
    remote_id: str
    as_of: datetime
    order: str = ""
    money: Money | None = None
    tax: int = 0
    fee: Money | None = None
    about: str = ""
    period: Period | None = None
    subscription: Subscription | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNews:
    """What a genuine webhook told: ``facts`` that it proves, and what to ``fetch``.

    ``fetch`` are names that :meth:`PaymentProvider.fetch` takes: of a checkout, or of something
    that belongs to one, such as a payment; the facts then say which checkout's they are.
    ``event_id`` is the same each time the event is sent, ``occurred_at`` when it happened.
    """

    event_id: str
    occurred_at: datetime
    facts: tuple[PaymentFact, ...] = ()
    fetch: tuple[str, ...] = ()


@runtime_checkable
class PaymentProvider(Protocol):
    """Takes money, gives it back, and says what happened.

    It is made for one institution, with that one's settings. Methods may raise any of
    :mod:`bloop_sdk.errors`; after RetriableError the same call with the same key is safe.
    """

    def spec(self) -> PaymentSpec:
        """What this account can; no I/O."""
        ...

    async def check(self) -> CheckResult:
        """Prove the credentials, and name what is missing."""
        ...

    async def create_checkout(self, request: CheckoutRequest, idempotency_key: str) -> Checkout:
        """Start a checkout; the same key gives the same one."""
        ...

    async def settle(self, remote_id: str, idempotency_key: str) -> Sequence[PaymentFact]:
        """Take the money of a checkout that its buyer has agreed to, once; the facts since then.

        Where the provider takes it by itself, the same as :meth:`fetch`.
        """
        ...

    async def refund(
        self, capture: str, money: Money, idempotency_key: str, *, reason: str = ""
    ) -> PaymentFact:
        """Give back ``money`` of a capture; never more than is left of it.

        Raises PreconditionFailedError where less is left, UnsupportedError for a part where only
        the whole can be given back.
        """
        ...

    async def fetch(self, remote_id: str) -> Sequence[PaymentFact]:
        """Everything the provider knows of a checkout or subscription: the truth.

        It takes what :attr:`PaymentNews.fetch` and :meth:`changed` name, too. Raises NotFoundError
        where it knows none of that name.
        """
        ...

    def changed(self, since: datetime) -> AsyncIterator[str]:
        """Names, for :meth:`fetch`, of all that something happened to since then; each once."""
        ...

    async def verify_webhook(self, request: WebhookRequest) -> PaymentNews:
        """What a genuine webhook tells.

        Raises AuthError for one that is unsigned, changed, or signed at a time too far from
        ``received_at``, in the past or in the future; and for each where the spec has none.
        """
        ...


@runtime_checkable
class SubscriptionProvider(PaymentProvider, Protocol):
    """A provider whose spec says that it can ``subscribe``."""

    async def cancel(
        self, subscription: str, idempotency_key: str, *, at_period_end: bool
    ) -> Sequence[PaymentFact]:
        """End a subscription, now or with its period."""
        ...

    async def change_plan(
        self, subscription: str, line: CheckoutLine, idempotency_key: str
    ) -> Sequence[PaymentFact]:
        """Have it go on with another price or quantity; the provider prorates."""
        ...

    async def portal(self, subscription: str, return_url: str) -> str:
        """Where the buyer changes cards and finds the provider's papers."""
        ...


@runtime_checkable
class ByHandProvider(PaymentProvider, Protocol):
    """A provider whose spec says ``by_hand``: an operator sees the money and says so."""

    async def record(
        self, remote_id: str, money: Money, reference: str, received_at: datetime
    ) -> PaymentFact:
        """Note money that has come; the same ``reference`` of the same checkout counts once.

        Raises NotFoundError for an unknown checkout, PreconditionFailedError where the reference
        was noted with another amount.
        """
        ...
