"""Payments that come again: periods, renewals, trials, changes of plan, and their ends."""

from __future__ import annotations

from typing import Any

from bloop_sdk.providers.payments import (
    Can,
    Checkout,
    FactKind,
    PaymentFact,
    Subscription,
    SubscriptionStatus,
)
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.paying import (
    TEAM,
    PaymentCase,
    Rig,
    Told,
    monthly,
    of_kind,
    only,
    order,
    same,
    told,
)
from bloop_sdk.testing.suites.payments import PAYMENTS, money_of


def state_of(facts: Told, where: str) -> tuple[PaymentFact, Subscription]:
    """How the one subscription stands."""
    fact = only(facts, FactKind.SUBSCRIPTION, where)
    hold(fact.subscription, f"{where}: a fact about a subscription holds none")
    assert fact.subscription is not None
    return fact, fact.subscription


async def subscribed(case: PaymentCase, **other: Any) -> tuple[Rig, Checkout, Told, str]:
    """Somebody has subscribed: rig, checkout, facts, the subscription's id."""
    rig = case.rig()
    rig.able(Can.SUBSCRIBE)
    checkout, facts = await rig.paid(monthly(**other))
    fact, _ = state_of(facts, "subscribed")
    hold(fact.order == order().order, f"a subscription is of order {fact.order!r}")
    return rig, checkout, facts, fact.id


@PAYMENTS.rule()
async def a_subscription(case: PaymentCase) -> None:
    """A subscription is active for the period that was paid, whichever of its names one asks by."""
    rig, checkout, facts, name = await subscribed(case)
    _, now = state_of(facts, "subscribed")
    hold(now.status is SubscriptionStatus.ACTIVE, f"it is {now.status}")
    hold(now.plan == "solo" and now.quantity == 1, f"plan {now.plan!r}, {now.quantity} times")
    hold(not now.ends, "it ends already")
    capture = only(facts, FactKind.CAPTURED, "subscribed")
    hold(capture.remote_id == checkout.remote_id, "its first payment is not the checkout's")
    hold(capture.period and capture.period == now.period, f"{capture.period}, {now.period}")
    same(facts, await rig.facts(name), "fetched by the subscription")
    same(facts, await rig.facts(checkout.remote_id), "fetched by the checkout")


@PAYMENTS.rule("renew")
async def a_renewal(case: PaymentCase) -> None:
    """A renewal is a payment of the subscription's, for the period that follows."""
    rig, _, before, name = await subscribed(case)
    rig.offer("renew")(name, True)
    facts = await rig.facts(name)
    first = only(before, FactKind.CAPTURED, "subscribed")
    (second,) = (one for one in of_kind(facts, FactKind.CAPTURED) if one.id != first.id)
    hold(second.remote_id == name, f"a renewal's remote_id is {second.remote_id!r}, not {name!r}")
    hold(second.order == order().order, f"a renewal is of order {second.order!r}")
    hold(first.period and second.period, "a payment says no period")
    assert first.period is not None
    assert second.period is not None
    hold(second.period.start == first.period.end, f"{second.period} does not follow {first.period}")
    _, now = state_of(facts, "renewed")
    hold(now.period == second.period, f"it is in {now.period}, and paid for {second.period}")
    same(facts, await rig.facts(name), "fetched again")


@PAYMENTS.rule("renew")
async def a_renewal_that_fails(case: PaymentCase) -> None:
    """A renewal that was declined is no money: the subscription is past due."""
    rig, _, before, name = await subscribed(case)
    rig.offer("renew")(name, False)
    facts = await rig.facts(name)
    count = len(of_kind(facts, FactKind.CAPTURED))
    hold(count == len(of_kind(before, FactKind.CAPTURED)), "a renewal that failed is captured")
    failed = of_kind(facts, FactKind.FAILED)
    hold(failed, "nothing says that a renewal failed")
    hold(failed[0].remote_id == name, f"what failed is of {failed[0].remote_id!r}, not {name!r}")
    _, now = state_of(facts, "a renewal failed")
    hold(now.status is SubscriptionStatus.PAST_DUE, f"a renewal failed, and it is {now.status}")


@PAYMENTS.rule()
async def an_end_with_the_period(case: PaymentCase) -> None:
    """What is cancelled with its period stays active until then, and is not paid again."""
    rig, _, before, name = await subscribed(case)
    for _ in range(2):
        answer = await rig.provider().cancel(name, "end", at_period_end=True)
        _, now = state_of(told(answer), "cancelled with its period")
        hold(now.ends and now.status is SubscriptionStatus.ACTIVE, f"cancelled, it is {now}")
    if "renew" in case.offers:
        rig.account.renew(name, True)
        facts = await rig.facts(name)
        _, now = state_of(facts, "its period is over")
        hold(now.status is SubscriptionStatus.ENDED, f"its period is over, and it is {now.status}")
        paid = of_kind(facts, FactKind.CAPTURED)
        hold(len(paid) == len(of_kind(before, FactKind.CAPTURED)), "it was paid again")


@PAYMENTS.rule()
async def an_end_at_once(case: PaymentCase) -> None:
    """What is cancelled at once has ended, also where it is cancelled again."""
    rig, _, _, name = await subscribed(case)
    for key in ("end", "end", "another"):
        answer = await rig.provider().cancel(name, key, at_period_end=False)
        _, now = state_of(told(answer), "cancelled at once")
        hold(now.status is SubscriptionStatus.ENDED, f"cancelled, it is {now.status}")


@PAYMENTS.rule()
async def another_plan(case: PaymentCase) -> None:
    """A plan is changed once for a key, and stated with its new quantity."""
    rig, _, _, name = await subscribed(case)
    rig.able(Can.CHANGE_PLAN)
    first, again = [told(await rig.provider().change_plan(name, TEAM, "change")) for _ in range(2)]
    for facts in (first, again):
        _, now = state_of(facts, "after change_plan()")
        hold((now.plan, now.quantity) == ("team", 3), f"it became {now.plan!r}, {now.quantity}")
    same(first, again, "change_plan() with the same key")
    paid = [money_of(one).amount for one in of_kind(first, FactKind.CAPTURED)]
    rig.expect(paid, "after change_plan()")


@PAYMENTS.rule()
async def a_trial(case: PaymentCase) -> None:
    """While it is tried, nothing is paid."""
    rig = case.rig()
    rig.able(Can.SUBSCRIBE, Can.TRIAL)
    _, facts = await rig.paid(monthly(trial_days=14))
    _, now = state_of(facts, "on trial")
    hold(now.status is SubscriptionStatus.TRIALING, f"on trial, it is {now.status}")
    hold(now.period, "a trial says no period")
    hold(not of_kind(facts, FactKind.CAPTURED), "a trial was paid")
    rig.expect([], "a trial")


@PAYMENTS.rule()
async def a_portal(case: PaymentCase) -> None:
    """There is a page of the provider's where the buyer changes cards."""
    rig, _, _, name = await subscribed(case)
    rig.able(Can.PORTAL)
    url = await rig.provider().portal(name, "https://hub.example/mine")
    hold(url.startswith(("https://", "http://")), f"portal() gives {url!r}")
