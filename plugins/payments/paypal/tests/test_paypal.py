from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bloop_paypal.facts import after
from bloop_paypal.money import read, written
from bloop_paypal.testing import FakePayPal
from bloop_sdk import (
    AuthError,
    MalformedRecordError,
    NotFoundError,
    PreconditionFailedError,
    RetriableError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    CheckoutLine,
    FactKind,
    SubscriptionProvider,
    SubscriptionStatus,
)
from bloop_sdk.testing import Payments, plugin_tests
from plugins.payments.paypal.tests.buying import MONTHLY, ORDER, bought, euros, opened

TestContract = plugin_tests(
    "bloop_paypal",
    settings=FakePayPal().settings,
    payments=Payments(
        make=FakePayPal,
        bad={"client_secret": "never valid"},
        without={
            "a_decline": "PayPal declines while it is settled: see the tests below",
            "expire": "an order that nobody has approved is not told to be void",
            "webhooks": "an approval is paid only once it is settled: see the tests below",
            "an_end_with_the_period": "PayPal ends a subscription at once",
        },
    ),
)


async def test_a_checkout_is_made_once_and_captured_once(paypal, account):
    checkout = await account.create_checkout(ORDER, "c1")
    assert await account.create_checkout(ORDER, "c1") == checkout
    assert checkout.url.startswith("https://www.sandbox.paypal.com/")
    assert await account.settle(checkout.remote_id, "s1") == []  # Nobody has agreed yet.
    paypal.pay(checkout.remote_id)
    (fact,) = await account.settle(checkout.remote_id, "s1")
    assert (fact.kind, fact.order, fact.money) == (FactKind.CAPTURED, "o-1", euros("49.00"))
    assert (fact.remote_id, fact.fee) == (checkout.remote_id, euros("1.77"))
    for key in ("s1", "s2"):
        assert await account.settle(checkout.remote_id, key) == [fact]
    assert len(paypal.books.captures) == len(paypal.books.orders) == 1


async def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_charged_twice(
    paypal, account
):
    paypal.fail("", done=True)
    with pytest.raises(UnavailableError):
        await account.create_checkout(ORDER, "c1")
    order = (await account.create_checkout(ORDER, "c1")).remote_id
    paypal.pay(order)
    paypal.fail("", done=True)
    with pytest.raises(UnavailableError):
        await account.settle(order, "s1")
    (fact,) = await account.settle(order, "s1")
    paypal.fail("", done=True)
    with pytest.raises(UnavailableError):
        await account.refund(fact.id, euros("9.00"), "r1")
    back = await account.refund(fact.id, euros("9.00"), "r1")
    assert (len(paypal.books.orders), len(paypal.books.captures), len(paypal.books.refunds)) == (
        1,
        1,
        1,
    )
    assert await account.fetch(order) == [fact, back]


async def test_a_payment_that_is_declined_is_a_fact(paypal, account):
    order = (await account.create_checkout(ORDER, "c1")).remote_id
    paypal.decline(order)
    (fact,) = await account.settle(order, "s1")
    assert (fact.kind, fact.remote_id) == (FactKind.FAILED, order)
    paypal.pay(order)
    (fact,) = await account.settle(order, "s2")
    assert fact.kind is FactKind.CAPTURED


async def test_money_goes_back_in_parts_and_never_too_much(paypal, account):
    order, paid = await bought(paypal, account)
    back = await account.refund(paid.id, euros("9.00"), "r1", reason="late")
    assert (back.kind, back.about, back.money) == (FactKind.REFUNDED, paid.id, euros("9.00"))
    assert (back.remote_id, back.order, back.reason) == (order, "o-1", "late")
    assert await account.refund(paid.id, euros("9.00"), "r1", reason="late") == back
    with pytest.raises(PreconditionFailedError):
        await account.refund(paid.id, euros("40.01"), "r2")
    await account.refund(paid.id, euros("40.00"), "r3")
    with pytest.raises(PreconditionFailedError):
        await account.refund(paid.id, euros("0.01"), "r4")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("RESOLVED_BUYER_FAVOUR", FactKind.DISPUTE_LOST),
        ("RESOLVED_SELLER_FAVOUR", FactKind.DISPUTE_WON),
        ("RESOLVED_WITH_PAYOUT", FactKind.DISPUTE_WON),
        ("NONE", FactKind.DISPUTE_WON),
    ],
)
async def test_a_dispute_and_its_end_are_facts(paypal, account, outcome, kind):
    order, paid = await bought(paypal, account)
    dispute = paypal.dispute(paid.id)
    facts = await account.fetch(order)
    assert [(one.kind, one.about) for one in facts[1:]] == [(FactKind.DISPUTED, paid.id)]
    paypal.close_dispute(dispute, outcome=outcome)
    facts = await account.fetch(order)
    assert [one.kind for one in facts[1:]] == [FactKind.DISPUTED, kind]
    assert {one.id for one in facts[1:]} == {dispute}


async def test_a_subscription_is_renewed_changed_and_cancelled(paypal, account):
    assert isinstance(account, SubscriptionProvider)
    made = await account.create_checkout(MONTHLY, "c1")
    assert await account.fetch(made.remote_id) == []  # The buyer has not agreed.
    paypal.pay(made.remote_id)
    stands, paid = await account.fetch(made.remote_id)
    assert stands.subscription.status is SubscriptionStatus.ACTIVE
    assert stands.subscription.period.end - stands.subscription.period.start == timedelta(days=31)
    assert (paid.kind, paid.money, paid.fee, paid.order) == (
        FactKind.CAPTURED,
        euros("40.00"),
        euros("0.50"),
        "o-1",
    )
    news = await account.verify_webhook(paypal.webhook(paypal.renew(made.remote_id, True)))
    assert news.fetch == (made.remote_id,)
    assert len(await account.fetch(made.remote_id)) == 3
    line = CheckoutLine(title="Physics", unit_price=euros("55.00"), quantity=2)
    await account.change_plan(made.remote_id, line, "p1")
    ended = await account.cancel(made.remote_id, "e1", at_period_end=False)
    assert ended[0].subscription.status is SubscriptionStatus.ENDED
    assert ended[0].subscription.quantity == 2
    assert await account.cancel(made.remote_id, "e2", at_period_end=False) == ended


async def test_a_price_has_one_plan_however_many_buy_it(paypal, account):
    for number in range(3):
        await account.create_checkout(replace(MONTHLY, order=f"o-{number}"), f"c{number}")
    assert len(paypal.books.plans) == 1


async def test_a_webhook_is_paypals_own_or_nothing(paypal, account):
    order, _ = await bought(paypal, account)
    event = paypal.books.events[-1]
    news = await account.verify_webhook(paypal.webhook(event))
    assert (news.event_id, news.facts, news.fetch) == (event["id"], (), (order,))
    good = paypal.webhook(event)
    wrong = [
        replace(good, body=good.body.replace(b"49.00", b"0.01")),
        replace(good, headers={}),
        replace(good, headers=good.headers | {"PayPal-Transmission-Sig": "other"}),
        replace(good, body=b"\xff"),
        replace(good, body=b"[]"),
        replace(good, body=b"[" * 100_000),
        paypal.webhook(event, late=4000.0),
        paypal.webhook(event, late=-400.0),
        paypal.webhook(event, PayPal_Transmission_Time="yesterday"),
    ]
    for request in wrong:
        with pytest.raises(AuthError):
            await account.verify_webhook(request)
    paypal.fail("verify-webhook-signature", 400, done=False, times=None, name="VALIDATION_ERROR")
    with pytest.raises(AuthError):
        await account.verify_webhook(good)
    with pytest.raises(AuthError):
        await opened(paypal, webhook_id="").verify_webhook(good)
    with pytest.raises(AuthError):
        await opened(paypal, webhook_id="WH-of-another").verify_webhook(good)


async def test_what_was_paid_lasts_though_paypal_names_no_next_time_of_what_has_ended(
    paypal, account
):
    made = await account.create_checkout(MONTHLY, "c1")
    paypal.pay(made.remote_id)
    _, ended = await account.cancel(made.remote_id, "e1", at_period_end=True)
    assert ended.period.start == paypal.books.now
    assert ended.period.end == paypal.books.now.replace(month=4)


@pytest.mark.parametrize(
    ("unit", "count", "start", "end"),
    [
        ("MONTH", 1, (2027, 1, 31), (2027, 2, 28)),
        ("MONTH", 1, (2026, 12, 5), (2027, 1, 5)),
        ("YEAR", 1, (2028, 2, 29), (2029, 2, 28)),
        ("WEEK", 2, (2026, 2, 20), (2026, 3, 6)),
    ],
)
def test_a_payment_lasts_as_long_as_its_plan_says(unit, count, start, end):
    plan = {"billing_cycles": [{"frequency": {"interval_unit": unit, "interval_count": count}}]}
    assert after(datetime(*start, tzinfo=UTC), plan) == datetime(*end, tzinfo=UTC)
    assert after(datetime(*start, tzinfo=UTC), {}) is None


async def test_another_plan_is_a_later_statement(paypal, account):
    made = await account.create_checkout(MONTHLY, "c1")
    paypal.pay(made.remote_id)
    before, _ = await account.fetch(made.remote_id)
    paypal.books.now += timedelta(hours=1)
    line = CheckoutLine(title="Physics", unit_price=euros("55.00"), plan="a")
    changed, _ = await account.change_plan(made.remote_id, line, "p1")
    assert changed.subscription.plan == "a"
    assert changed.as_of > before.as_of


async def test_a_buyer_is_told_where_to_agree_to_another_price(paypal, account):
    made = await account.create_checkout(MONTHLY, "c1")
    paypal.pay(made.remote_id)
    paypal.books.asks = True
    line = CheckoutLine(title="Physics", unit_price=euros("55.00"), plan="a")
    with pytest.raises(PreconditionFailedError) as caught:
        await account.change_plan(made.remote_id, line, "p1")
    assert "https://www.sandbox.paypal.com/" in caught.value.cure
    assert len({plan["product_id"] for plan in paypal.books.plans.values()}) == 1


async def test_an_app_that_may_not_see_disputes_hears_of_payments_all_the_same(paypal, account):
    paypal.fail("disputes", 403, done=False, times=None)
    _, paid = await bought(paypal, account)
    assert paid.money == euros("49.00")


async def test_a_refund_that_is_under_way_is_not_refused(paypal, account):
    _, paid = await bought(paypal, account)
    paypal.fail("/refund$", 409, done=True)
    with pytest.raises(RetriableError):
        await account.refund(paid.id, euros("49.00"), "r1")
    assert (await account.refund(paid.id, euros("49.00"), "r1")).money == euros("49.00")
    assert len(paypal.books.refunds) == 1


async def test_a_payment_that_is_too_old_is_given_back_another_way(paypal, account):
    _, paid = await bought(paypal, account)
    paypal.books.now += timedelta(days=181)
    with pytest.raises(UnsupportedError, match="REFUND_TIME_LIMIT_EXCEEDED") as caught:
        await account.refund(paid.id, euros("49.00"), "r1")
    assert "another way" in caught.value.cure


async def test_a_refund_that_fails_after_all_gives_nothing_back(paypal, account):
    order, paid = await bought(paypal, account)
    pending = await account.refund(paid.id, euros("49.00"), "r1")
    paypal.books.now += timedelta(days=3)
    paypal.fail_refund(pending.id)
    _, failed = await account.fetch(order)
    assert (failed.id, failed.money) == (pending.id, euros("0.00"))
    assert failed.as_of > pending.as_of


async def test_refunds_and_disputes_lead_to_their_order(paypal, account):
    order, paid = await bought(paypal, account)
    await account.refund(paid.id, euros("9.00"), "r1")
    paypal.dispute(paid.id)
    for event in paypal.books.events:
        assert (await account.verify_webhook(paypal.webhook(event))).fetch == (order,)


async def test_what_has_changed_is_found_page_by_page(paypal, account):
    order, paid = await bought(paypal, account)
    await account.refund(paid.id, euros("9.00"), "r1")
    paypal.dispute(paid.id)
    monthly = (await account.create_checkout(MONTHLY, "c2")).remote_id
    paypal.pay(monthly)
    since = paypal.books.now - timedelta(days=1)
    assert [one async for one in account.changed(since)] == [order, monthly]
    assert [one async for one in account.changed(paypal.books.now + timedelta(days=1))] == []


async def test_a_token_lives_longer_than_a_provider_and_is_renewed_once(paypal):
    await opened(paypal).check()
    await opened(paypal).check()
    tokens = [path for _, path in paypal.requests if path == "/v1/oauth2/token"]
    assert len(tokens) == 1
    paypal.tokens.clear()
    await opened(paypal).check()
    assert [path for _, path in paypal.requests].count("/v1/oauth2/token") == 2


async def test_credentials_that_are_refused_are_tried_once_and_never_logged(paypal, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AuthError, match="refuses these credentials"):
        await opened(paypal, client_secret="s3cr3t-of-nobody").check()
    assert len(paypal.requests) == 1
    await opened(paypal).check()
    assert not [one for one in ("s3cr3t", *paypal.tokens) if one in caplog.text]


async def test_the_check_names_what_is_missing(paypal, account):
    assert (await account.check()).gaps == ()
    assert (await opened(paypal, webhook_id="").check()).gaps


async def test_what_is_unknown_or_cannot_be_is_said(paypal, account):
    with pytest.raises(NotFoundError):
        await account.fetch("O999")
    with pytest.raises(UnsupportedError, match="no KWD"):
        written(Money.parse("1.000", "KWD"))
    with pytest.raises(UnsupportedError, match="without decimals"):
        written(Money.parse("10.50", "HUF"))
    assert written(Money.parse("1000.00", "HUF"))["value"] == "1000"
    assert read({"value": "500.00", "currency_code": "JPY"}) == Money.parse("500", "JPY")
    for told in ({"value": "x", "currency_code": "EUR"}, None, {"value": "1.005"}):
        with pytest.raises(MalformedRecordError):
            read(told)
    two = replace(MONTHLY, lines=ORDER.lines)
    with pytest.raises(UnsupportedError, match="one thing"):
        await account.create_checkout(two, "c1")


async def test_what_becomes_of_a_subscriptions_payment_at_paypal_is_noticed(paypal, account):
    paypal.books.now = datetime.now(UTC)
    checkout = await account.create_checkout(MONTHLY, "c1")
    paypal.pay(checkout.remote_id)
    facts = await account.fetch(checkout.remote_id)
    (paid,) = [one for one in facts if one.kind is FactKind.CAPTURED]
    news = await account.verify_webhook(paypal.webhook(paypal.give_back(paid.id)))
    (back,) = await account.fetch(*news.fetch)
    assert (back.kind, back.about, back.money) == (FactKind.REFUNDED, paid.id, paid.money)
    reversed_ = paypal.books.happened("PAYMENT.SALE.REVERSED", {"id": back.id})
    news = await account.verify_webhook(paypal.webhook(reversed_))
    assert await account.fetch(*news.fetch) == [back]
    disputes = [paypal.dispute(paid.id) for _ in range(3)]
    news = await account.verify_webhook(paypal.webhook())
    assert {one.about for one in await account.fetch(*news.fetch)} == {paid.id}
    told = await account.fetch(checkout.remote_id)
    assert {one.id for one in told if one.kind is FactKind.DISPUTED} == set(disputes)
    named = {one async for one in account.changed(paypal.books.now - timedelta(minutes=1))}
    assert {f"refund/{back.id}", f"dispute/{disputes[0]}", checkout.remote_id} <= named


async def test_a_checkout_says_until_when_it_waits(paypal, account):
    once, again = [await account.create_checkout(ORDER, "c1") for _ in range(2)]
    assert once == again
    assert once.expires_at > paypal.books.now
    assert (await account.create_checkout(MONTHLY, "c2")).expires_at > once.expires_at
