"""An order, a subscription, and a provider for the PayPal in memory."""

from __future__ import annotations

from dataclasses import replace

from bloop_paypal.config import PayPalConfig
from bloop_paypal.provider import PayPalProvider
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import CheckoutLine, CheckoutRequest, Interval
from bloop_sdk.testing import FakeContext, FakeTransport, http_client

HOSTS = frozenset({"api-m.sandbox.paypal.com"})


def euros(text):
    return Money.parse(text, "EUR")


ORDER = CheckoutRequest(
    order="o-1",
    number="2026-0001",
    lines=(
        CheckoutLine(title="Physics", unit_price=euros("40.00")),
        CheckoutLine(title="Seat", unit_price=euros("10.00"), quantity=2),
    ),
    total=euros("49.00"),
    discount=1100,
    return_url="https://hub.example/back",
    cancel_url="https://hub.example/no",
)
MONTHLY = replace(
    ORDER, lines=ORDER.lines[:1], total=euros("40.00"), discount=0, interval=Interval.MONTH
)


def opened(paypal, **values):
    http = http_client(FakeTransport(paypal), hosts=HOSTS)
    config = PayPalConfig(**{**paypal.settings, **values})
    return PayPalProvider(FakeContext(plugin_id="paypal", http=http, config=config))


async def bought(paypal, account):
    """An order that was paid, and its capture."""
    order = (await account.create_checkout(ORDER, "c1")).remote_id
    paypal.pay(order)
    (fact,) = await account.settle(order, "s1")
    return order, fact
