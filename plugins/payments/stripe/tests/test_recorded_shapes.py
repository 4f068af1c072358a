"""The fake's objects have the keys and types of Stripe's own examples, as far as we read them."""

from __future__ import annotations

import json

import pytest

from bloop_sdk.money import Money
from bloop_sdk.testing.suites.paying import monthly
from bloop_stripe.testing import routes

READ = {
    "account": "id business_profile charges_enabled",
    "balance_transaction": "created currency fee",
    "billing_portal.session": "url customer return_url",
    "charge": "id amount amount_captured amount_refunded balance_transaction captured created "
    "currency customer disputed failure_code payment_intent status",
    "checkout.session": "id created currency expires_at metadata mode payment_intent status "
    "subscription total_details url",
    "dispute": "id amount balance_transactions charge created currency payment_intent reason "
    "status",
    "event": "id created data livemode object type",
    "invoice": "id billing_reason currency lines parent",
    "invoice_payment": "invoice payment",
    "payment_intent": "id status",
    "product": "id name",
    "refund": "id amount charge created currency metadata payment_intent reason status",
    "subscription": "id cancel_at cancel_at_period_end customer items metadata status",
    "subscription_item": "id current_period_end current_period_start price quantity",
    "webhook_endpoint": "enabled_events status url",
}
"""What this plugin reads of each object."""

NOT_EXAMPLES = {"last_payment_error", "outcome", "payment", "customer_details"}
"""Examples of these show one of several forms, or nothing."""


@pytest.fixture(scope="module")
def examples(shared_data):
    found = json.loads((shared_data / "openapi" / "stripe-fixtures.json").read_text())
    return found["resources"]


async def everything(rig):
    """One object of each kind, as it is shown."""
    checkout, other = await rig.paid(), await rig.paid(monthly(), "two")
    capture = (await rig.facts(checkout))["captured"]
    await rig.provider().refund(capture.id, Money(amount=100, currency="EUR"), "back")
    rig.account.dispute(capture.id, "won")
    name = (await rig.facts(other))["subscription"].id
    rig.account.renew(name, False)
    await rig.provider().portal(name, "https://hub.example/")
    books = rig.account.books
    return {
        one["object"]: routes.view(books, one, ["refunds", "payments"])
        for one in books.objects.values()
    }


def differences(mine, theirs, where):
    """Keys that Stripe's example lacks, and values of another type."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() & theirs.keys() - NOT_EXAMPLES:
            yield from differences(mine[name], theirs[name], f"{where}.{name}")
    elif isinstance(mine, list) and isinstance(theirs, list):
        if mine and theirs:
            yield from differences(mine[0], theirs[0], f"{where}[]")
    elif mine is not None and theirs is not None and type(mine) is not type(theirs):
        yield f"{where} is {mine!r}, and in the example {theirs!r}"


async def test_what_is_read_is_in_stripe_s_examples_and_in_the_fake(rig, examples):
    found = await everything(rig)
    assert READ.keys() <= found.keys()
    for kind, names in READ.items():
        for name in names.split():
            assert name in examples[kind], f"{kind}.{name} is none of Stripe's"
            shown = found[kind] if kind != "billing_portal.session" else {**found[kind], "url": ""}
            assert name in shown, f"the fake's {kind} has no {name}"


async def test_the_fake_s_values_are_of_the_types_in_the_examples(rig, examples):
    found = await everything(rig)
    assert [one for kind in READ for one in differences(found[kind], examples[kind], kind)] == []


async def test_the_fake_makes_up_no_keys(rig, examples):
    expanded = {"payments"}  # Shown only to who asks.
    for kind, one in (await everything(rig)).items():
        if kind in examples:
            extra = one.keys() - examples[kind].keys() - expanded
            assert extra == set(), f"{kind} has {sorted(extra)}"
