"""Coupons, seats, subscriptions, trials: what is sold besides a course at its price."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bloop_commerce import catalogue, coupons, entitlements, orders, reconcile, seats, subscriptions
from bloop_commerce.tables import Coupon
from bloop_sdk import NotFoundError, PreconditionFailedError, UnsupportedError
from bloop_sdk.providers.payments import FactKind, Period, SubscriptionStatus

DAY = timedelta(days=1)


def ago(days):
    return datetime.now(UTC) - days * DAY


def used(shop):
    return shop.read(
        lambda unit: unit.session.scalars(select(Coupon.used).order_by(Coupon.code)).all()
    )


async def test_a_coupon_takes_off_what_it_says_and_is_free_again_once_nobody_can_pay(shop):
    product, other = shop.sell(), shop.sell(999)
    shop.run(coupons.make, "third", percent=33, most=1)
    shop.run(coupons.make, "TEN", amount=1000, currency="eur", product=product)
    order = await shop.buy(product, coupon=" Third ")
    assert (order.discount, order.total) == (1617, 3283)
    with pytest.raises(PreconditionFailedError, match="used up"):
        await shop.buy(other, coupon="THIRD")
    shop.learn(shop.till.expire(order.remote_id))
    assert (shop.order(order.id).state, used(shop)) == ("expired", [0, 0])
    assert (await shop.buy(other, coupon="THIRD")).total == 669
    # The till took the money all the same: the price was agreed, whoever has the coupon now.
    shop.learn(shop.till.pay(order.remote_id))
    assert (shop.order(order.id).state, used(shop)) == ("paid", [0, 2])
    assert (await shop.buy(product, coupon="ten")).total == 3900
    for wrong, says in (("TEN", "something else"), ("NONE", "no such")):
        with pytest.raises(UnsupportedError, match=says):
            await shop.buy(other, coupon=wrong)


async def test_a_coupon_for_all_of_it_asks_for_no_money(shop):
    shop.run(coupons.make, "GIFT", percent=100)
    order = await shop.buy(shop.sell(), coupon="GIFT")
    assert (order.state, order.provider, shop.courses()) == ("paid", "commerce", {"c1"})
    assert shop.till.checkouts == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": 0}, {"percent": 101}, {"amount": -5, "currency": "EUR"}, {}, {"amount": 5},
        {"percent": 5, "amount": 5}, {"percent": 5, "most": 0},
    ],
)  # fmt: skip
def test_a_coupon_that_makes_no_sense_is_refused(shop, wrong):
    with pytest.raises(UnsupportedError):
        shop.run(coupons.make, "CODE", **wrong)


async def test_seats_are_given_taken_and_never_oversold(shop):
    bundle = shop.sell(kind="seats", seats=1)
    order = await shop.buy(bundle, user="school", quantity=2)
    assert order.total == 9800
    with pytest.raises(PreconditionFailedError, match="pay it first"):
        shop.run(seats.assign, order.id, "ada")
    paid = shop.till.pay(order.remote_id)
    shop.learn(paid)
    assert shop.courses("school") == set()
    for _ in range(2):
        shop.run(seats.assign, order.id, "ada")
    shop.run(seats.assign, order.id, "bob")
    with pytest.raises(PreconditionFailedError, match="all 2 seats are taken"):
        shop.run(seats.assign, order.id, "eve")
    shop.run(seats.take, order.id, "ada")
    shop.run(seats.assign, order.id, "eve")
    let_in = {user: bool(shop.courses(user)) for user in ("ada", "bob", "eve")}
    assert let_in == {"ada": False, "bob": True, "eve": True}
    with pytest.raises(NotFoundError):
        shop.run(seats.take, order.id, "ada")
    shop.learn(shop.till.told(FactKind.DISPUTED, paid))
    assert shop.courses("bob") == shop.courses("eve") == set()
    with pytest.raises(PreconditionFailedError, match="all 0 seats"):
        shop.run(seats.assign, order.id, "ada")


def monthly(shop, **more):
    return shop.sell(1000, kind="subscription", interval="month", grace_days=7, **more)


def version_of(shop, order):
    return shop.read(entitlements.of_order, order.id).version


async def test_a_subscription_lives_from_renewal_to_renewal_with_grace(shop):
    order = await shop.buy(monthly(shop))
    name = shop.till.subscribe(order.remote_id, at=ago(33))
    first = shop.till.facts["captured", "cap-1"]
    shop.learn(*shop.till.of(order.remote_id))
    # Its month is over for three days: a renewal may be on its way.
    assert (shop.order(order.id).state, shop.courses()) == ("paid", {"c1"})
    end = first.period.end
    late = Period(start=end, end=end + 30 * DAY)
    failed = shop.till.renewed(order.remote_id, SubscriptionStatus.PAST_DUE, late)
    shop.learn(failed)
    assert (shop.order(order.id).state, shop.courses()) == ("past_due", {"c1"})
    before = version_of(shop, order)
    # The provider names a renewal by the subscription alone.
    from dataclasses import replace

    paid = replace(shop.till.pay(order.remote_id, period=late), order="", remote_id=name)
    active = shop.till.renewed(order.remote_id, SubscriptionStatus.ACTIVE, late)
    shop.learn(paid, active)
    shop.learn(failed, first)
    order = shop.order(order.id)
    assert (order.state, order.captured, shop.courses()) == ("paid", 2000, {"c1"})
    assert version_of(shop, order) > before
    (given,) = shop.read(entitlements.of_order, order.id).spans
    assert entitlements.of_text(given).end == late.end + 7 * DAY


async def test_a_renewal_that_never_comes_ends_after_its_grace(shop):
    order = await shop.buy(monthly(shop))
    shop.till.subscribe(order.remote_id, at=ago(38))
    shop.learn(*shop.till.of(order.remote_id))
    assert shop.courses() == set()
    at = shop.till.facts["captured", "cap-1"].period.end
    ended = shop.till.renewed(
        order.remote_id, SubscriptionStatus.ENDED, Period(start=at, end=at + DAY)
    )
    shop.learn(ended)
    assert shop.order(order.id).state == "ended"


async def test_the_newest_month_taken_back_leaves_no_grace_of_the_one_before(shop):
    order = await shop.buy(monthly(shop))
    shop.till.subscribe(order.remote_id, at=ago(32))
    end = shop.till.facts["captured", "cap-1"].period.end
    again = shop.till.pay(order.remote_id, period=Period(start=end, end=end + 30 * DAY))
    shop.learn(*shop.till.of(order.remote_id))
    assert shop.courses() == {"c1"}
    shop.learn(shop.till.told(FactKind.REFUNDED, again))
    assert (shop.order(order.id).state, shop.courses()) == ("refunded", set())


async def test_a_subscription_that_is_ended_lasts_as_long_as_it_is_paid(shop):
    order = await shop.buy(monthly(shop))
    shop.till.subscribe(order.remote_id, at=ago(29))
    shop.learn(*shop.till.of(order.remote_id))
    order = shop.order(order.id)
    order = await subscriptions.cancel(shop.ctx("ada"), order)
    (given,) = shop.read(entitlements.of_order, order.id).spans
    assert entitlements.of_text(given).end == shop.till.facts["captured", "cap-1"].period.end
    assert (order.state, shop.courses()) == ("paid", {"c1"})
    order = await subscriptions.cancel(shop.ctx("ada"), order, at_period_end=False)
    assert (order.state, shop.courses()) == ("ended", {"c1"})


async def test_another_plan_gives_what_it_says_from_when_the_provider_says_so(shop):
    order = await shop.buy(monthly(shop))
    shop.till.subscribe(order.remote_id, at=ago(1))
    shop.learn(*shop.till.of(order.remote_id))
    better = monthly(shop, courses=["c1", "c2"])
    (price,) = shop.read(catalogue.prices, better)
    order = await subscriptions.change(shop.ctx("ada"), shop.order(order.id), price.id, 1)
    assert shop.courses() == {"c1", "c2"}
    once = shop.sell()
    (wrong,) = shop.read(catalogue.prices, once)
    with pytest.raises(UnsupportedError, match="no subscription"):
        await subscriptions.change(shop.ctx("ada"), order, wrong.id, 1)
    # A month's price once a year would be a year for the price of a month, and the other way round.
    yearly = shop.sell(9000, kind="subscription", interval="year")
    (wrong,) = shop.read(catalogue.prices, yearly)
    with pytest.raises(PreconditionFailedError, match="by the month"):
        await subscriptions.change(shop.ctx("ada"), order, wrong.id, 1)


async def test_a_trial_is_had_once_and_ends_where_nothing_follows(shop):
    product = monthly(shop, trial_days=14)
    order = await shop.buy(product)
    assert order.trial_days == 14
    shop.till.subscribe(order.remote_id, days=14, trial=True)
    shop.learn(*shop.till.of(order.remote_id))
    assert (shop.order(order.id).state, shop.courses()) == ("trialing", {"c1"})
    assert (await shop.buy(product)).trial_days == 0
    assert (await shop.buy(product, user="eve")).trial_days == 14
    shop.learn(shop.till.renewed(order.remote_id, SubscriptionStatus.ENDED, None))
    assert (shop.order(order.id).state, shop.courses()) == ("ended", set())


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift"}, {"kind": "subscription"}, {"kind": "seats"}, {"interval": "month"},
        {"seats": 3}, {"days": -1}, {"courses": []}, {"courses": ["a", "a"]}, {"title": " "},
        {"card_number": "4242"}, {"trial_days": 3},
    ],
)  # fmt: skip
def test_a_product_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UnsupportedError, match="no product"):
        catalogue.read_offer({"title": "Waves", "courses": ["c1"]} | wrong)


@pytest.mark.parametrize("amount", [-1, 10**13, 1.5, "4900", True, None])
def test_a_price_is_a_whole_number_of_minor_units(shop, amount):
    product = shop.sell()
    with pytest.raises(UnsupportedError, match="amount"):
        shop.run(catalogue.set_price, product, amount, "EUR")


async def test_a_course_that_is_gone_costs_nobody_their_payment(shop, monkeypatch):
    from bloop_sdk.testing.units import FakeUnit

    product = shop.sell(title="Wellen \N{SNOWMAN} <b> \N{RIGHT-TO-LEFT OVERRIDE}")
    order = await shop.buy(product)

    def gone(*_):
        raise NotFoundError("no course c1")

    with monkeypatch.context() as patched:
        patched.setattr(FakeUnit, "enrol", gone)
        shop.learn(shop.till.pay(order.remote_id))
    assert (shop.order(order.id).state, shop.courses()) == ("paid", set())
    assert (await reconcile.sweep(shop.admin, {}))["mended"] == 1
    assert shop.courses() == {"c1"}
    assert shop.read(orders.newest)[0].title == "Wellen \N{SNOWMAN} <b> \N{RIGHT-TO-LEFT OVERRIDE}"


async def test_a_plan_that_the_buyer_switched_at_the_provider_gives_its_own_courses(shop):
    order = await shop.buy(monthly(shop))
    other = monthly(shop, courses=["c2"])
    (price,) = shop.read(catalogue.prices, other)
    shop.till.subscribe(order.remote_id)
    shop.learn(*shop.till.of(order.remote_id))
    assert shop.courses() == {"c1"}
    period = shop.till.facts["captured", "cap-1"].period
    switched = {"status": SubscriptionStatus.ACTIVE, "period": period, "plan": price.id}
    shop.learn(shop.till.renewed(order.remote_id, **switched))
    assert shop.courses() == {"c2"}


async def test_two_orders_at_once_have_one_trial_between_them(shop):
    product = monthly(shop, trial_days=14)
    first, again = await shop.buy(product), await shop.buy(product)
    assert (again.id, again.checkout_url) == (first.id, first.checkout_url)
    shop.run(catalogue.set_price, product, 900, "USD")
    with pytest.raises(PreconditionFailedError, match="holds your trial"):
        await shop.buy(product, currency="USD")
    assert (await shop.buy(product, user="eve")).trial_days == 14
    shop.run(orders.state_own, first, FactKind.EXPIRED)
    assert (await shop.buy(product)).id != first.id
