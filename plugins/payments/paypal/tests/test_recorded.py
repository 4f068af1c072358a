"""What PayPal's sandbox has answered about subscriptions, cut down to what is read of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bloop_paypal.facts import subscription_facts
from bloop_sdk import UnavailableError
from bloop_sdk.providers.payments import FactKind, SubscriptionStatus
from plugins.payments.paypal.tests.buying import bought

TRIAL = {
    "tenure_type": "TRIAL",
    "sequence": 1,
    "cycles_completed": 1,
    "cycles_remaining": 0,
    "total_cycles": 1,
}
REGULAR = {
    "tenure_type": "REGULAR",
    "sequence": 2,
    "cycles_completed": 0,
    "cycles_remaining": 0,
    "total_cycles": 0,
}
PLAN = {
    "billing_cycles": [
        {"tenure_type": "TRIAL", "frequency": {"interval_unit": "DAY", "interval_count": 1}},
        {"tenure_type": "REGULAR", "frequency": {"interval_unit": "MONTH", "interval_count": 1}},
    ]
}
BEGUN = datetime(2024, 3, 4, 9, 20, 35, tzinfo=UTC)


def told(*cycles, next_at="2024-03-05T10:00:00Z", **billing):
    return {
        "id": "I-2C2VHYYUKEUD",
        "status": "ACTIVE",
        "status_update_time": "2024-03-04T09:23:04Z",
        "start_time": "2024-03-04T09:20:35Z",
        "quantity": "1",
        "billing_info": {
            "cycle_executions": list(cycles),
            "next_billing_time": next_at,
            "failed_payments_count": 0,
            **billing,
        },
        "update_time": "2024-03-04T09:23:04Z",
    }


async def test_an_event_that_names_nothing_stops_no_other(paypal, account):
    order, _ = await bought(paypal, account)
    for kind in ("CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.SALE.REVERSED"):
        paypal.books.happened(kind, {})
    nameless = {"dispute_id": "PP-D-9", "disputed_transactions": [{"buyer_transaction_id": "B"}]}
    paypal.books.happened("CUSTOMER.DISPUTE.CREATED", nameless)
    since = paypal.books.now - timedelta(days=1)
    assert [one async for one in account.changed(since)] == [order, "dispute/PP-D-9"]
    del paypal.books.captures[next(iter(paypal.books.captures))]["amount"]
    with pytest.raises(UnavailableError, match="amount"):
        await account.fetch(order)


@pytest.mark.parametrize("next_at", ["2024-03-05T10:00:00Z", "2024-04-05T10:00:00Z"])
def test_a_trial_counts_as_completed_while_it_lasts_and_lasts_no_longer(next_at):
    (fact,) = subscription_facts(told(TRIAL, REGULAR, next_at=next_at), [], PLAN)
    stands = fact.subscription
    assert (stands.status, stands.period.start) == (SubscriptionStatus.TRIALING, BEGUN)
    # Nobody has paid for the month after it, though PayPal may name that one's bill.
    latest = min(datetime.fromisoformat(next_at), BEGUN + timedelta(days=4))
    assert stands.period.end == latest


def test_what_paypal_could_not_take_lengthens_nothing_that_was_paid():
    paid = {
        "id": "SALE1",
        "status": "COMPLETED",
        "time": "2024-03-05T10:28:22Z",
        "amount_with_breakdown": {"gross_amount": {"currency_code": "USD", "value": "19.95"}},
    }
    last = {"amount": paid["amount_with_breakdown"]["gross_amount"], "time": paid["time"]}
    cycles = TRIAL, REGULAR | {"cycles_completed": 1}
    # April was not paid: its price is added to the bill of May.
    owing = told(*cycles, next_at="2024-05-05T10:00:00Z", last_payment=last)
    stands, capture = subscription_facts(owing, [paid], PLAN)
    assert stands.subscription.status is SubscriptionStatus.ACTIVE
    assert capture.kind is FactKind.CAPTURED
    assert capture.period.end == datetime(2024, 4, 8, 10, 28, 22, tzinfo=UTC)
    late = paid | {"id": "SALE2", "time": "2024-05-05T10:30:00Z"}
    # The bill is paid, and its time is still named as the next one.
    _, first, second = subscription_facts(owing, [paid, late], PLAN)
    assert first.period.end == capture.period.end
    assert second.period.end == datetime(2024, 6, 5, 10, 30, tzinfo=UTC)
