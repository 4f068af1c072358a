"""What is stated of objects that are rare, or as young as the API's version that is asked for."""

from __future__ import annotations

import pytest

from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind
from bloop_sdk.testing.suites.paying import monthly
from bloop_stripe import facts
from bloop_stripe.facts import Whose


@pytest.mark.parametrize(
    ("withdrawn", "end"), [(True, FactKind.DISPUTE_LOST), (False, FactKind.DISPUTE_WON)]
)
async def test_a_dispute_that_was_prevented_is_over_and_costs_what_was_withdrawn(
    rig, withdrawn, end
):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    dispute = rig.account.books.get("dispute", rig.account.dispute(capture.id))
    dispute["status"] = "prevented"
    if not withdrawn:
        dispute["balance_transactions"] = []
    assert set(await rig.facts(checkout)) == {"captured", "disputed", end}


async def test_a_dispute_that_is_appealed_is_open(rig):
    checkout = await rig.paid()
    capture = (await rig.facts(checkout))["captured"]
    dispute = rig.account.books.get("dispute", rig.account.dispute(capture.id, "lost"))
    dispute["status"] = "appeal_under_review"
    assert set(await rig.facts(checkout)) == {"captured", "disputed"}


async def test_what_credit_leaves_to_pay_may_be_less_than_the_tax(rig):
    await rig.paid()
    (charge,) = rig.account.books.all("charge")
    booked = rig.account.books.get("balance_transaction", charge["balance_transaction"])
    shown = charge | {"balance_transaction": booked}
    (fact,) = facts.of_charge(shown, Whose("sub_1", "order-1", tax=999_999))
    assert fact.tax == fact.money.amount == 14700


async def test_a_month_that_a_discount_pays_whole_is_paid(rig):
    await rig.paid(monthly())
    (invoice,) = rig.account.books.all("invoice")
    whose = Whose("sub_1", "order-1", period=facts.paid_period(invoice))
    given = invoice | {"status": "paid", "total": 0, "amount_due": 0, "amount_paid": 0}
    (fact,) = facts.of_settled(given, whose)
    assert (fact.kind, fact.money) == (FactKind.CAPTURED, Money(amount=0, currency="EUR"))
    assert fact.period == whose.period
    # As is one that the seller was paid for in another way, and says so at Stripe.
    noted = invoice | {"amount_paid": 900, "amount_paid_off_stripe": 900}
    assert list(facts.of_settled(noted, whose)) == [fact]
    assert list(facts.of_settled(invoice, whose)) == []
    # Of a trial nothing is to be paid, with or without a discount.
    assert list(facts.of_settled(given | {"subtotal": 0}, whose)) == []
