"""The PayPal in memory behaves as PayPal's documentation says, so that others can build on it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import bloop_paypal
from bloop_paypal.errors import RefusedError
from bloop_paypal.testing.orders import ECHECK
from bloop_sdk import AuthError, PreconditionFailedError, Request, UnavailableError
from bloop_sdk.providers.payments import CheckoutLine, FactKind, SubscriptionStatus
from plugins.payments.paypal.tests.buying import MONTHLY, ORDER, bought, euros, opened

UNIT = {"amount": {"currency_code": "EUR", "value": "49.00"}}
SENT = {"intent": "CAPTURE", "purchase_units": [UNIT], "payment_source": {"paypal": {}}}


async def post(paypal, path, sent, key=""):
    """Status and JSON of an answer."""
    paypal.tokens.add("A21")
    headers = {"authorization": "Bearer A21"} | ({"paypal-request-id": key} if key else {})
    url = f"https://api-m.sandbox.paypal.com{path}"
    body = json.dumps(sent).encode()
    told = await paypal.answer(Request(method="POST", url=url, headers=headers, body=body))
    return told.status, json.loads(told.body or b"null")


def kinds(facts):
    return [one.kind for one in facts]


async def test_a_request_id_is_done_once_and_answered_with_the_latest_status(paypal):
    path = "/v2/checkout/orders"
    status, order = await post(paypal, path, SENT, "one")
    assert (status, order["status"]) == (200, "PAYER_ACTION_REQUIRED")
    paypal.pay(order["id"])
    dearer = SENT | {"purchase_units": [{"amount": {"currency_code": "EUR", "value": "99.00"}}]}
    status, again = await post(paypal, path, dearer, "one")
    assert (status, again) == (200, order | {"status": "APPROVED"})
    capture = f"{path}/{order['id']}/capture"
    assert [(await post(paypal, capture, {}, "one"))[0] for _ in range(2)] == [201, 200]
    status, refused = await post(paypal, capture, {}, "two")
    assert (status, refused["details"][0]["issue"]) == (422, "ORDER_ALREADY_CAPTURED")
    assert len(paypal.books.captures) == 1
    paypal.forget_keys()
    assert (await post(paypal, path, SENT, "one"))[1]["id"] != order["id"]


@pytest.mark.parametrize(
    ("key", "changes", "status", "issue"),
    [
        ("", {}, 400, "PAYPAL_REQUEST_ID_REQUIRED"),
        ("k" * 109, {}, 400, "INVALID_STRING_MAX_LENGTH"),
        ("k", {"currency_code": "KWD"}, 422, "CURRENCY_NOT_SUPPORTED"),
        ("k", {"currency_code": "JPY"}, 422, "DECIMALS_NOT_SUPPORTED"),
        (
            "k",
            {"breakdown": {"item_total": UNIT["amount"] | {"value": "1"}}},
            422,
            "AMOUNT_MISMATCH",
        ),
    ],
)
async def test_what_paypal_does_not_take_is_refused_by_its_name(
    paypal, key, changes, status, issue
):
    sent = SENT | {"purchase_units": [{"amount": UNIT["amount"] | changes}]}
    answered, told = await post(paypal, "/v2/checkout/orders", sent, key)
    assert (answered, told["details"][0]["issue"]) == (status, issue)
    assert paypal.books.orders == {}


@pytest.mark.parametrize("paid", [True, False])
async def test_a_debit_takes_days_and_nothing_is_given_back_before(paypal, account, paid):
    order = (await account.create_checkout(ORDER, "c1")).remote_id
    paypal.pay(order, ECHECK)
    assert await account.settle(order, "s1") == []
    (capture,) = paypal.books.captures
    with pytest.raises(RefusedError, match="PENDING_CAPTURE"):
        await account.refund(capture, euros("9.00"), "r1")
    assert paypal.moved() == []
    paypal.books.now += timedelta(days=4)
    paypal.clear(capture, paid=paid)
    assert kinds(await account.fetch(order)) == [FactKind.CAPTURED if paid else FactKind.FAILED]
    assert paypal.moved() == ([euros("49.00")] if paid else [])
    assert (await account.verify_webhook(paypal.webhook())).fetch == (order,)


async def test_events_come_late_twice_and_shuffled_and_are_all_genuine(paypal, account):
    order, paid = await bought(paypal, account)
    back = await account.refund(paid.id, euros("49.00"), "r1")
    paypal.books.now += timedelta(days=2)
    paypal.fail_refund(back.id)
    paypal.dispute(paid.id, "won")
    sent = paypal.webhooks(seed=7)
    assert len(sent) == 2 * len(paypal.events()) == 12
    news = [await account.verify_webhook(one) for one in sent]
    told = [one.event_id for one in news]
    assert set(told) == {one["id"] for one in paypal.events()}
    assert told != sorted(told)
    assert {one.fetch for one in news} == {(order,)}
    with pytest.raises(AuthError):
        await account.verify_webhook(paypal.stranger())


async def test_what_is_disputed_is_given_back_whole_or_not_at_all(paypal, account):
    order, paid = await bought(paypal, account)
    dispute = paypal.dispute(paid.id)
    with pytest.raises(RefusedError, match="CAPTURE_DISPUTED"):
        await account.refund(paid.id, euros("9.00"), "r1")
    paypal.close_dispute(dispute, won=True)
    back = await account.refund(paid.id, euros("9.00"), "r2")
    assert paypal.books.captures[paid.id]["status"] == "PARTIALLY_REFUNDED"
    paypal.dispute(paid.id)
    rest = await account.refund(paid.id, euros("40.00"), "r3")
    assert paypal.books.captures[paid.id]["status"] == "REFUNDED"
    assert {one.id for one in await account.fetch(order)} > {back.id, rest.id, dispute}
    with pytest.raises(PreconditionFailedError):
        await account.refund(paid.id, euros("0.01"), "r4")


async def test_a_failure_is_before_the_deed_or_after_it(paypal, account):
    paypal.fail("orders$", done=False)
    with pytest.raises(UnavailableError):
        await account.create_checkout(ORDER, "c1")
    assert paypal.books.orders == {}
    paypal.fail("orders$", 500, done=True, times=None)
    with pytest.raises(UnavailableError):
        await account.create_checkout(ORDER, "c1")
    paypal.heal()
    (order,) = paypal.books.orders
    assert (await account.create_checkout(ORDER, "c1")).remote_id == order


async def test_a_subscription_costs_its_number_fails_is_paid_after_all_and_suspended(
    paypal, account
):
    made = (await account.create_checkout(MONTHLY, "c1")).remote_id
    paypal.pay(made)
    line = CheckoutLine(title="Physics", unit_price=euros("55.00"), quantity=2)
    await account.change_plan(made, line, "p1")
    paypal.renew(made, False)
    stands = (await account.fetch(made))[0].subscription
    assert stands.status is SubscriptionStatus.PAST_DUE
    paypal.books.now += timedelta(days=5)
    paypal.retry(made, paid=True)
    assert paypal.moved() == [euros("40.00"), euros("110.00")]
    paypal.suspend(made)
    facts = await account.fetch(made)
    assert kinds(facts).count(FactKind.FAILED) == 1
    assert facts[0].subscription.status is SubscriptionStatus.PAST_DUE
    for event in paypal.events():
        assert (await account.verify_webhook(paypal.webhook(event))).fetch == (made,)


async def test_accounts_know_nothing_of_each_other(paypal):
    await opened(paypal).check()
    with pytest.raises(AuthError):
        await opened(paypal, client_id="app-of-another").check()


def test_nothing_that_runs_in_a_hub_imports_the_fake():
    folder = Path(bloop_paypal.__file__).parent
    sources = {path: path.read_text("utf-8") for path in folder.glob("*.py")}
    assert len(sources) > 8
    assert [path.name for path, text in sources.items() if "testing" in text] == []
