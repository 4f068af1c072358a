"""Orders at Stripe: what is sent, what comes of it, and what happens once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bloop_sdk import (
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind
from bloop_sdk.testing import Lost, Status
from bloop_sdk.testing.suites.paying import order
from bloop_stripe import amounts
from bloop_stripe.testing.account import DEBIT

EUROS_147 = Money(amount=14700, currency="EUR")


def sessions(rig):
    return rig.account.books.all("checkout.session")


async def test_the_account_keeps_the_order_and_the_buyer_s_own_words(rig):
    checkout = await rig.open()
    (session,) = sessions(rig)
    assert checkout.url == session["url"]
    assert checkout.expires_at - datetime.now(UTC) > timedelta(hours=23)
    assert session["client_reference_id"] == session["metadata"]["bloop_order"] == "order-1"
    assert (session["locale"], session["amount_total"]) == ("de", 14700)
    items = rig.account.books.hidden[session["id"]]["items"]
    assert items[0]["name"] == "Waves & tides – Ünïcode 波"


async def test_the_same_order_in_another_language_is_the_same_session(rig):
    checkout = await rig.open(order(locale="de"))
    assert await rig.open(order(locale="fr")) == checkout
    assert len(sessions(rig)) == 1
    dearer = order(total=Money(amount=14600, currency="EUR"), discount=100)
    with pytest.raises(PreconditionFailedError):
        await rig.open(dearer)


@pytest.mark.parametrize("locale", ["tlh", "de-AT", ""])
async def test_a_language_that_stripe_does_not_speak_is_left_to_it(rig, locale):
    await rig.open(order(locale=locale))
    assert sessions(rig)[0]["locale"] == "auto"


async def test_a_500_that_stripe_repeats_hides_no_session(rig):
    rig.account.fail("checkout/sessions$", done=True)
    checkout = await rig.open()
    assert [one["id"] for one in sessions(rig)] == [checkout.remote_id]
    assert await rig.open() == checkout
    assert len(sessions(rig)) == 1


async def test_a_500_without_a_session_is_told_as_an_outage(rig):
    rig.account.fail("checkout/sessions$", done=False, times=4)
    with pytest.raises(UnavailableError):
        await rig.open()
    assert sessions(rig) == []
    await rig.open()


async def test_two_institutions_with_one_account_do_not_share_keys(rig):
    first = await rig.open()
    other = rig.provider()
    other._api._institution = "another"
    assert (await other.create_checkout(order(), "one")).remote_id != first.remote_id


async def test_a_discount_survives_the_day_after_which_stripe_forgets_keys(rig):
    request = order(discount=700)
    await rig.open(request)
    rig.account.forget_keys()
    await rig.open(request)
    assert len(rig.account.books.all("coupon")) == 1


async def test_tax_is_added_or_within(rig):
    added = await rig.paid(automatic_tax=True)
    fact = (await rig.facts(added))["captured"]
    assert (fact.money, fact.tax) == (Money(amount=17640, currency="EUR"), 2940)
    within = await rig.paid(key="two", automatic_tax=True, prices_include_tax=True)
    fact = (await rig.facts(within))["captured"]
    assert (fact.money, fact.tax) == (EUROS_147, 2450)


async def test_a_fee_is_in_the_currency_that_the_account_settles_in(rig):
    fact = (await rig.facts(await rig.paid()))["captured"]
    assert fact.fee == Money(amount=451, currency="EUR")
    fact = (await rig.facts(await rig.paid(order(currency="USD"), "two")))["captured"]
    assert (fact.money.currency, fact.fee.currency) == ("USD", "EUR")


async def test_a_debit_is_no_money_until_the_bank_has_carried_it_out(rig):
    checkout = await rig.open()
    rig.account.pay(checkout, DEBIT)
    assert await rig.facts(checkout) == {}
    rig.account.clear(checkout)
    assert (await rig.facts(checkout))["captured"].money == EUROS_147
    other = await rig.open(order(2), "two")
    rig.account.pay(other, DEBIT)
    rig.account.clear(other, paid=False)
    assert list(await rig.facts(other)) == ["failed"]


async def test_a_refund_that_fails_is_stated_with_nothing(rig):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    made = await rig.provider().refund(capture.id, EUROS_147, "back", reason="asked for")
    assert (made.money, made.reason) == (EUROS_147, "asked for")
    rig.account.fail_refund(made.id)
    failed = (await rig.facts(checkout))["refunded"]
    assert (failed.id, failed.money.amount) == (made.id, 0)
    assert failed.as_of > made.as_of
    assert failed.reason == "expired_or_canceled_card"
    again = await rig.provider().refund(capture.id, EUROS_147, "another")
    assert again.money == EUROS_147


async def test_a_refund_is_made_once_although_stripe_repeats_a_500(rig):
    capture = (await rig.facts(await rig.paid()))["captured"]
    rig.account.fail("refunds$", done=True)
    made = await rig.provider().refund(capture.id, EUROS_147, "back")
    assert await rig.provider().refund(capture.id, EUROS_147, "back") == made
    assert len(rig.account.books.all("refund")) == 1


async def test_a_refund_is_made_once_although_stripe_has_forgotten_its_key(rig):
    capture = (await rig.facts(await rig.paid()))["captured"]
    part = Money(amount=5000, currency="EUR")
    made = await rig.provider().refund(capture.id, part, "back")
    rig.account.forget_keys()
    assert await rig.provider().refund(capture.id, part, "back") == made
    with pytest.raises(PreconditionFailedError):
        await rig.provider().refund(capture.id, EUROS_147, "back")
    assert len(rig.account.books.all("refund")) == 1


async def test_more_than_ten_refunds_are_all_stated(rig):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    for number in range(12):
        await rig.provider().refund(capture.id, Money(amount=100, currency="EUR"), f"{number}")
    facts = await rig.provider().fetch(checkout.remote_id)
    assert sum(fact.kind is FactKind.REFUNDED for fact in facts) == 12


async def test_a_disputed_payment_is_not_given_back_as_well(rig):
    capture = (await rig.facts(await rig.paid()))["captured"]
    rig.account.dispute(capture.id)
    with pytest.raises(PreconditionFailedError, match="charge_disputed"):
        await rig.provider().refund(capture.id, EUROS_147, "back")


async def test_a_bank_s_question_is_no_dispute(rig):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    rig.account.dispute(capture.id, "inquiry")
    assert list(await rig.facts(checkout)) == ["captured"]


async def test_a_dispute_has_its_fee_and_ends_under_its_own_id(rig):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    dispute = rig.account.dispute(capture.id)
    facts = await rig.facts(checkout)
    assert facts["disputed"].fee == Money(amount=2000, currency="EUR")
    rig.account.close_dispute(dispute, won=True)
    facts = await rig.facts(checkout)
    assert facts["disputed"].id == facts["dispute_won"].id == dispute


@pytest.mark.parametrize("kind", ["payment_intent", "charge", "refund", "dispute"])
async def test_whatever_belongs_to_a_checkout_leads_to_its_facts(rig, kind):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    await rig.provider().refund(capture.id, Money(amount=100, currency="EUR"), "back")
    rig.account.dispute(capture.id)
    expected = await rig.facts(checkout)
    (one,) = rig.account.books.all(kind)
    assert await rig.facts(one["id"]) == expected


async def test_what_another_shop_sold_by_the_account_is_left_alone(rig):
    checkout = await rig.paid()
    rig.account.session(checkout)["metadata"].clear()
    payment = rig.account.session(checkout)["payment_intent"]
    alone = rig.account.books.payment(5000, "eur", None)
    for name in (checkout.remote_id, payment, alone["id"], "cs_test_no", "../account", "acct_fake"):
        with pytest.raises(NotFoundError):
            await rig.provider().fetch(name)


async def test_a_limit_is_waited_for_and_a_lasting_one_told(rig):
    rig.faults.add(Status(429, retry_after=2.0))
    await rig.open()
    assert rig.clock.waited >= 2.0
    rig.faults.add(Status(429), times=None)
    with pytest.raises(RateLimitedError):
        await rig.open(order(2), "two")


async def test_an_answer_that_is_lost_costs_no_second_session(rig):
    rig.faults.add(Lost(500))
    await rig.open()
    assert len(sessions(rig)) == 1
    assert rig.account.requests == ["POST checkout/sessions"] * 2


async def test_events_are_read_page_by_page_and_named_once(rig):
    since = datetime.now(UTC) - timedelta(minutes=1)
    for number in range(60):
        await rig.paid(order(number), f"{number}")
    for one in rig.account.books.all("checkout.session"):
        rig.account.books.happened("checkout.session.completed", one)
    names = [name async for name in rig.provider().changed(since)]
    assert len(names) == len(set(names)) == 60
    assert rig.account.requests.count("GET events") == 2


async def test_what_stripe_s_memory_of_events_does_not_hold_is_found_all_the_same(rig):
    checkout = await rig.paid()
    payment = rig.account.session(checkout)["payment_intent"]
    (charge,) = rig.account.books.all("charge")
    refund = await rig.provider().refund(charge["id"], EUROS_147, "back")
    for event in rig.account.books.all("event"):
        del rig.account.books.objects[event["id"]]
    yesterday, long_ago = (datetime.now(UTC) - timedelta(days=days) for days in (1, 60))
    assert [name async for name in rig.provider().changed(yesterday)] == []
    names = [name async for name in rig.provider().changed(long_ago)]
    assert names == [checkout.remote_id, payment]
    assert refund.id in {fact.id for fact in await rig.provider().fetch(payment)}


@pytest.mark.parametrize(
    ("amount", "currency", "stripe"),
    [
        (4900, "EUR", 4900),
        (500, "JPY", 500),
        (5120, "KWD", 5120),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (500, "MGA", 5),
        (4900, "HUF", 4900),
    ],
)
def test_amounts_go_and_come_in_stripe_s_minor_units(amount, currency, stripe):
    money = Money(amount=amount, currency=currency)
    assert amounts.sent(money) == stripe
    assert amounts.read(stripe, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency"), [(5124, "KWD"), (501, "MGA")])
def test_an_amount_that_stripe_cannot_take_exactly_is_refused(amount, currency):
    with pytest.raises(UnsupportedError, match="multiple"):
        amounts.sent(Money(amount=amount, currency=currency))


async def test_a_title_of_any_length_is_taken(rig):
    long = dataclasses.replace(order().lines[0], title="x" * 5000)
    await rig.open(order(lines=(long, order().lines[1])))
    assert len(rig.account.books.hidden[sessions(rig)[0]["id"]]["items"][0]["name"]) == 250
