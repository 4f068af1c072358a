"""A day in the life of an order, with each provider, printed from ledger and entitlements.

    python -m plugins.payments.commerce.tests.day

Stripe and PayPal are the fakes that behave as their documentation says. What happens there is
learned as reconciliation learns it: by asking how the order stands.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

from bloop_commerce import (
    byhand,
    catalogue,
    checkout,
    entitlements,
    invoices,
    ledger,
    orders,
    refunds,
)
from bloop_commerce.config import CommerceConfig
from bloop_commerce.keeping import examined
from bloop_commerce.money import shown
from bloop_commerce.tables import metadata
from bloop_invoice.config import InvoiceConfig
from bloop_invoice.provider import InvoiceProvider
from bloop_paypal.config import PayPalConfig
from bloop_paypal.provider import PayPalProvider
from bloop_paypal.testing import FakePayPal
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, http_client
from bloop_sdk.testing.reach import FakeProviders
from bloop_stripe.config import StripeConfig
from bloop_stripe.provider import StripeProvider
from bloop_stripe.testing import FakeStripe

AGO = timedelta(days=70)
HUB = "https://hub.example/x/commerce"
HEAD = ("what happens", "order", "access", "paper", "ledger")


class Stripe:
    """An account with Stripe, seventy days ago."""

    def __init__(self):
        self.fake = FakeStripe()
        self.fake.books.now = int(time.time() - AGO.total_seconds())

    def provider(self):
        http = http_client(FakeTransport(self.fake), Clock(), hosts=frozenset({"api.stripe.com"}))
        config = StripeConfig(**self.fake.settings)
        return StripeProvider(FakeContext(plugin_id="stripe", config=config, http=http))

    def pay(self, order):
        self.fake.pay(order.remote_id)

    def renew(self, order, *, paid):
        self.fake.renew(order.subscription_id, paid)

    def retry(self, order):
        self.fake.retry(order.subscription_id, paid=True)

    def dispute(self, capture):
        return self.fake.dispute(capture)

    def decide(self, dispute):
        self.fake.close_dispute(dispute, won=False)


class PayPal:
    """An account with PayPal, seventy days ago."""

    def __init__(self):
        self.fake = FakePayPal()
        self.fake.books.now -= AGO

    def provider(self):
        hosts = frozenset({"api-m.sandbox.paypal.com"})
        config = PayPalConfig(**self.fake.settings)
        http = http_client(FakeTransport(self.fake), hosts=hosts)
        return PayPalProvider(FakeContext(plugin_id="paypal", config=config, http=http))

    def pay(self, order):
        self.fake.pay(order.remote_id)

    def renew(self, order, *, paid):
        self.fake.renew(order.subscription_id, paid)

    def retry(self, order):
        self.fake.books.now += timedelta(days=3)
        self.fake.retry(order.subscription_id, paid=True)

    def dispute(self, capture):
        return self.fake.dispute(capture)

    def decide(self, dispute):
        self.fake.close_dispute(dispute, won=False)


class Bank:
    """An account at a bank, which nobody asks."""

    def provider(self):
        config = InvoiceConfig(payee="Riverside", iban="DE89 3704 0044 0532 0130 00", days=7)
        return InvoiceProvider(FakeContext(plugin_id="invoice", config=config))


class Day:
    """What happens to orders, as the lines of a table."""

    def __init__(self, name, account):
        self.account, self.lines = account, []
        self.ctx = FakeContext(
            plugin_id="commerce",
            config=CommerceConfig(seller_name="Riverside Evening School"),
            tables=metadata,
            providers=FakeProviders({"payments": {name: account.provider()}}),
        )

    async def buy(self, title, amount, **offer):
        given = {"title": title, "courses": [title], "on_sale": True} | offer
        product = await self.ctx.transaction(catalogue.add, catalogue.read_offer(given))
        await self.ctx.transaction(catalogue.set_price, product.id, amount, "EUR")
        wanted = checkout.Wanted(product=product.id, currency="EUR")
        order = await checkout.start(self.ctx, await checkout.buy(self.ctx, wanted), HUB)
        await self.note(f"{title} is ordered", order)
        return order

    async def seen(self, words, order):
        """Learn how an order stands, and note it."""
        order = await checkout.refresh(self.ctx, await checkout.settle(self.ctx, order))
        return await self.note(words, order)

    async def give_back(self, words, order, amount=None):
        for part in await self.ctx.transaction(refunds.ask, order.id, "admin", amount=amount):
            await refunds.give_back(self.ctx, part)
        return await self.seen(words, order)

    async def note(self, words, order):
        known = {line[-1] for line in self.lines}
        booked = [
            (one, f"{one.account:<12} {shown(one.amount, one.currency):>11}", one.id)
            for _, one in await self.ctx.read(ledger.of_order, order.id)
        ]
        booked = [(text, id_) for _, text, id_ in booked if id_ not in known]
        order = await self.ctx.read(orders.one, order.id)
        papers = {one.number: one for one in await self.ctx.read(invoices.of_order, order.id)}
        new = [number for number in papers if number not in {line[3] for line in self.lines}]
        access = await self.ctx.read(self.access, order)
        rows = max(1, len(booked), len(new))
        for row in range(rows):
            first = (words, order.state, access) if row == 0 else ("", "", "")
            paper = new[row] if row < len(new) else ""
            text, id_ = booked[row] if row < len(booked) else ("", None)
            self.lines.append((*first, paper, text, id_))
        return order

    @staticmethod
    def access(unit, order):
        """For how many days after the order's first payment it gives access."""
        given = entitlements.of_order(unit, order.id)
        spans = [entitlements.of_text(one) for one in given.spans] if given else []
        if not spans:
            return "none"
        first, last = spans[0], spans[-1]
        return "for good" if last.end is None else f"{(last.end - first.start).days} days"

    async def told(self):
        """The table, and the trial balance."""
        rows = [HEAD, *(line[:5] for line in self.lines)]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        rows.insert(1, tuple("-" * width for width in widths))
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(cells).rstrip()
        yield ""
        accounts = await self.ctx.read(ledger.trial_balance)
        for one in accounts:
            yield f"{one.account:<16} {shown(one.amount, one.currency):>12}"
        total = sum(one.amount for one in accounts)
        yield f"{'together':<16} {shown(total, 'EUR'):>12}"
        found = await examined(self.ctx)
        yield "each order is as its facts say" if not found else f"{found}"


async def by_card(day):
    """A purchase, a part given back, a dispute; a subscription, renewed, failed, paid after all."""
    account = day.account
    order = await day.buy("Waves", 4900)
    account.pay(order)
    await day.seen("it is paid", order)
    await day.give_back("10.00 go back", order, 1000)
    other = await day.buy("Tides", 2900)
    account.pay(other)
    await day.seen("it is paid", other)
    stated = (await day.ctx.read(ledger.of_order, other.id))[0][0]
    dispute = account.dispute(stated.fact_id)
    await day.seen("a bank takes it back", other)
    account.decide(dispute)
    await day.seen("the dispute is lost", other)
    monthly = await day.buy("All courses", 900, kind="subscription", interval="month", grace_days=7)
    account.pay(monthly)
    monthly = await day.seen("the first month", monthly)
    account.renew(monthly, paid=True)
    await day.seen("it renews", monthly)
    account.renew(monthly, paid=False)
    await day.seen("a renewal fails", monthly)
    account.retry(monthly)
    await day.seen("it is paid after all", monthly)


async def by_hand(day):
    """A transfer that comes in two parts, a part given back, then the rest."""
    order = await day.buy("Waves", 4900)
    for amount, days_ago in ((4000, 2), (900, 1)):
        at, reference = datetime.now(UTC) - timedelta(days=days_ago), f"statement {days_ago}"
        await byhand.record(day.ctx, order, amount=amount, reference=reference, received_at=at)
        await day.note(f"{amount / 100:.2f} come", order)
    await day.give_back("5.00 go back", order, 500)
    await day.give_back("the rest goes back", order)


async def days():
    """Each provider's day, as text."""
    for name, account, story in (
        ("stripe", Stripe(), by_card),
        ("paypal", PayPal(), by_card),
        ("invoice", Bank(), by_hand),
    ):
        day = Day(name, account)
        await story(day)
        yield name, "\n".join([line async for line in day.told()])


async def main():
    async for name, text in days():
        sys.stdout.write(f"{name}\n\n{text}\n\n")


if __name__ == "__main__":
    asyncio.run(main())
