"""Sold by commerce, paid at Stripe: orders, access and books come out alike, whatever is heard."""

from __future__ import annotations

import time

import pytest

from bloop_commerce import catalogue, checkout, entitlements, hooks, ledger, orders, refunds
from bloop_commerce.config import CommerceConfig
from bloop_commerce.reconcile import reconcile
from bloop_commerce.tables import metadata
from bloop_sdk import AuthError
from bloop_sdk.testing import FakeContext
from bloop_sdk.testing.reach import FakeProviders

DAYS = 86400


class Shop:
    """Commerce with Stripe behind it; Stripe's clock begins a while ago, so that months pass."""

    def __init__(self, rig):
        self.account = rig.account
        self.account.books.now -= 95 * DAYS
        self.ctx = FakeContext(
            plugin_id="commerce",
            config=CommerceConfig(),
            package="bloop_commerce",
            tables=metadata,
            providers=FakeProviders({"payments": {"stripe": rig.provider()}}),
        )
        self.heard = 0

    async def buy(self, **offer):
        given = {"title": "Waves", "courses": ["c1"], "on_sale": True} | offer
        product = await self.ctx.transaction(catalogue.add, catalogue.read_offer(given))
        await self.ctx.transaction(catalogue.set_price, product.id, 4900, "EUR")
        wanted = checkout.Wanted(product=product.id, currency="EUR")
        order = await checkout.buy(self.ctx, wanted)
        return await checkout.start(self.ctx, order, "https://hub.example/x/commerce")

    async def hear(self, *, backwards=False):
        """Let all that happened since then be told, sent at this moment."""
        events = self.account.events()
        new, self.heard = events[self.heard :], len(events)
        for event in new[::-1] if backwards else new:
            call = self.account.webhook(event, late=time.time() - self.account.books.now)
            kept = await self.ctx.transaction(hooks.keep, "stripe", call.headers, call.body)
            await hooks.hear(self.ctx, kept)

    async def stands(self, order):
        """State, open courses and what the accounts come to."""
        found = await self.ctx.read(orders.one, order.id)
        access = await self.ctx.read(entitlements.of_user, self.ctx.call.principal.id)
        sums = await self.ctx.read(ledger.trial_balance)
        assert found.faults == []
        return (
            found.state,
            [one.subject_id for one in access if one.is_open],
            {one.account: one.amount for one in sums if one.amount},
        )


@pytest.fixture
def shop(rig):
    return Shop(rig)


@pytest.mark.parametrize("backwards", [False, True])
async def test_a_purchase_a_part_back_and_a_dispute_that_is_lost(shop, backwards):
    order = await shop.buy()
    assert await shop.stands(order) == ("open", [], {})
    shop.account.pay(order.remote_id)
    await shop.hear(backwards=backwards)
    fee = 4900 * 29 // 1000 + 25
    paid = {"cash:stripe": 4900 - fee, "fees": fee, "sales": -4900}
    assert await shop.stands(order) == ("paid", ["c1"], paid)
    (part,) = await shop.ctx.transaction(refunds.ask, order.id, "admin", amount=1000)
    await refunds.give_back(shop.ctx, part)
    await shop.hear(backwards=backwards)
    state, courses, sums = await shop.stands(order)
    assert (courses, sums["refunds"]) == (["c1"], 1000)
    (charge,) = shop.account.books.all("charge")
    shop.account.dispute(charge["id"], "lost")
    await shop.hear(backwards=backwards)
    state, courses, sums = await shop.stands(order)
    assert (state, courses) == ("charged_back", [])
    assert sums["fees"] == fee + 2000
    assert sum(sums.values()) == 0


async def test_a_subscription_that_is_renewed_fails_and_is_paid_after_all(shop):
    order = await shop.buy(kind="subscription", interval="month", grace_days=7)
    shop.account.pay(order.remote_id)
    await shop.hear()
    order = await shop.ctx.read(orders.one, order.id)
    name = order.subscription_id
    assert name.startswith("sub_")
    for month in range(1, 4):
        shop.account.renew(name, month != 3)
        await shop.hear()
    _, courses, sums = await shop.stands(order)
    assert (courses, sums["sales"]) == (["c1"], -3 * 4900)
    shop.account.retry(name, paid=True)
    await shop.hear()
    _, courses, sums = await shop.stands(order)
    assert (courses, sums["sales"]) == (["c1"], -4 * 4900)


async def test_what_no_webhook_told_is_found(shop):
    order = await shop.buy()
    shop.account.books.now += 94 * DAYS
    shop.account.pay(order.remote_id)
    await reconcile(shop.ctx, {"provider": "stripe"})
    state, courses, _ = await shop.stands(order)
    assert (state, courses) == ("paid", ["c1"])


async def test_what_another_account_signs_changes_nothing(shop):
    order = await shop.buy()
    shop.account.pay(order.remote_id)
    call = shop.account.stranger()
    kept = await shop.ctx.transaction(hooks.keep, "stripe", call.headers, call.body)
    with pytest.raises(AuthError):
        await hooks.hear(shop.ctx, kept)
    assert await shop.stands(order) == ("open", [], {})
