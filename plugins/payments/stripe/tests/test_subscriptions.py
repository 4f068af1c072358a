"""Subscriptions at Stripe: tries after a failure, changes that are declined, what ends."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_sdk import FatalError, NotFoundError, PreconditionFailedError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, SubscriptionStatus
from bloop_sdk.testing import Lost
from bloop_sdk.testing.suites.paying import LINE, TEAM, monthly
from bloop_stripe.testing.account import DECLINED


async def subscribed(rig, **other):
    """The name of a subscription."""
    checkout = await rig.paid(monthly(**other))
    return (await rig.facts(checkout))["subscription"].id


async def test_a_renewal_that_stripe_tries_again_is_paid_once(rig):
    name = await subscribed(rig)
    rig.account.renew(name, False)
    rig.account.retry(name, paid=False)
    rig.account.retry(name, paid=True)
    facts = await rig.provider().fetch(name)
    kinds = [fact.kind for fact in facts]
    assert kinds.count(FactKind.FAILED) == 2
    assert kinds.count(FactKind.CAPTURED) == 2
    assert facts[0].subscription.status is SubscriptionStatus.ACTIVE


@pytest.mark.parametrize(
    ("status", "meant"),
    [("canceled", SubscriptionStatus.ENDED), ("unpaid", SubscriptionStatus.PAST_DUE)],
)
async def test_what_stripe_has_given_up_on(rig, status, meant):
    name = await subscribed(rig)
    rig.account.renew(name, False)
    rig.account.give_up(name, status)
    assert (await rig.provider().fetch(name))[0].subscription.status is meant


async def test_many_renewals_cost_few_requests(rig):
    name = await subscribed(rig)
    for _ in range(30):
        rig.account.renew(name, True)
    before = len(rig.account.requests)
    facts = await rig.provider().fetch(name)
    assert sum(fact.kind is FactKind.CAPTURED for fact in facts) == 31
    assert rig.account.requests[before:] == [
        f"GET subscriptions/{name}",
        "GET checkout/sessions",
        "GET invoices",
        "GET charges",
    ]


async def test_a_month_ends_on_its_last_day(rig):
    books = rig.account.books
    january = 1_769_860_800  # 2026-01-31
    assert books.after_months(january, 1) == january + 28 * 86400
    assert books.after_months(january, 12) == january + 365 * 86400


async def test_a_card_that_is_declined_subscribes_to_nothing(rig):
    checkout = await rig.open(monthly())
    rig.account.decline(checkout)
    assert rig.account.books.all("subscription") == []
    rig.account.pay(checkout)
    assert len(rig.account.books.all("subscription")) == 1


async def test_a_plan_changes_once_although_the_answer_is_lost(rig):
    name = await subscribed(rig)
    rig.faults.add(Lost(500), path=f"subscriptions/{name}$", request=3)
    await rig.provider().change_plan(name, TEAM, "change")
    assert rig.faults.struck == 1
    paid = len(rig.account.moved())
    rig.account.forget_keys()
    await rig.provider().change_plan(name, TEAM, "change")
    assert len(rig.account.moved()) == paid == 2
    with pytest.raises(PreconditionFailedError):
        await rig.provider().change_plan(name, LINE, "change")


async def test_a_change_whose_payment_is_declined_changes_nothing(rig):
    name = await subscribed(rig)
    rig.account.books.get("subscription", name)["default_payment_method"] = DECLINED
    with pytest.raises(FatalError) as caught:
        await rig.provider().change_plan(name, TEAM, "change")
    assert caught.value.code == "payment_declined"
    now = (await rig.provider().fetch(name))[0].subscription
    assert (now.plan, now.quantity) == ("solo", 1)


async def test_a_plan_in_another_currency_is_refused(rig):
    name = await subscribed(rig)
    dollars = dataclasses.replace(TEAM, unit_price=Money(amount=2500, currency="USD"))
    with pytest.raises(PreconditionFailedError, match="EUR"):
        await rig.provider().change_plan(name, dollars, "change")


async def test_a_cheaper_plan_takes_no_money(rig):
    name = await subscribed(rig)
    cheap = dataclasses.replace(LINE, unit_price=Money(amount=100, currency="EUR"), plan="mini")
    await rig.provider().change_plan(name, cheap, "change")
    assert [money.amount for money in rig.account.moved()] == [900]
    # What is left of the dearer month pays for the next ones: no charge is made for them.
    for _ in range(3):
        rig.account.renew(name, True)
    assert [money.amount for money in rig.account.moved()] == [900]
    stands, *facts = await rig.provider().fetch(name)
    assert {fact.kind for fact in facts} == {FactKind.CAPTURED}
    assert sorted(fact.money.amount for fact in facts) == [0, 0, 0, 900]
    assert stands.subscription.period in [fact.period for fact in facts]
    assert len({fact.period for fact in facts}) == 4


async def test_an_end_at_once_whose_answer_is_lost_is_an_end(rig):
    name = await subscribed(rig)
    rig.faults.add(Lost(500), path=f"subscriptions/{name}$", request=2)
    facts = await rig.provider().cancel(name, "end", at_period_end=False)
    assert facts[0].subscription.status is SubscriptionStatus.ENDED
    assert rig.account.requests.count(f"DELETE subscriptions/{name}") == 2


@pytest.mark.parametrize("name", ["sub_no", "cs_test_no", "../account", ""])
async def test_what_is_no_subscription_is_not_found(rig, name):
    provider = rig.provider()
    with pytest.raises(NotFoundError):
        await provider.cancel(name, "end", at_period_end=True)
    with pytest.raises(NotFoundError):
        await provider.portal(name, "https://hub.example/")


async def test_a_trial_becomes_a_subscription_that_is_paid(rig):
    name = await subscribed(rig, trial_days=14)
    (trial,) = await rig.provider().fetch(name)
    rig.account.renew(name, True)
    stands, paid = await rig.provider().fetch(name)
    assert stands.subscription.status is SubscriptionStatus.ACTIVE
    assert paid.period.start == trial.subscription.period.end


async def test_a_plan_that_was_switched_in_the_portal_is_told(rig):
    name = await subscribed(rig)
    books = rig.account.books
    other = books.new("product", name="More", metadata={"bloop_plan": "price-2"})
    books.get("subscription", name)["items"]["data"][0]["price"]["product"] = other["id"]
    assert (await rig.facts(name))["subscription"].subscription.plan == "price-2"
