from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bloop_invoice.config import InvoiceConfig
from bloop_invoice.provider import InvoiceProvider
from bloop_sdk import (
    AuthError,
    ConfigError,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
    WebhookRequest,
    words_of,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    ByHandProvider,
    CheckoutLine,
    CheckoutRequest,
    FactKind,
    Interval,
    PaymentProvider,
)
from bloop_sdk.testing import FakeContext, Payments, plugin_tests

# An IBAN that its country's registry gives as an example.
VALUES = {"payee": "Riverside", "iban": "DE89 3704 0044 0532 0130 00", "days": 7}
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Bank:
    """Nobody asks it: the kit says by the provider's own `record` what has come."""

    settings = VALUES


TestContract = plugin_tests(
    "bloop_invoice",
    settings=VALUES,
    payments=Payments(
        make=Bank,
        without={
            "bad": "a bank account is no credential",
            "pay": "an operator notes what has come",
            "moved": "money moves at the bank",
            "decline": "a transfer comes, or does not",
            "expire": "a transfer may always come",
            "dispute": "a transfer is not disputed",
            "renew": "a transfer pays once",
            "webhook": "no bank calls",
            "stranger": "no bank calls",
        },
    ),
)


def euros(text):
    return Money.parse(text, "EUR")


ORDER = CheckoutRequest(
    order="o-1",
    number="2026-0001",
    lines=(CheckoutLine(title="Physics", unit_price=euros("49.00")),),
    total=euros("49.00"),
    return_url="https://hub.example/",
    cancel_url="https://hub.example/",
)


@pytest.fixture
def account():
    return InvoiceProvider(FakeContext(config=InvoiceConfig.model_validate(VALUES)))


async def checkout(account):
    return (await account.create_checkout(ORDER, "key")).remote_id


def test_it_is_a_provider_that_an_operator_tells_what_came(account):
    assert isinstance(account, PaymentProvider)
    assert isinstance(account, ByHandProvider)


async def test_the_buyer_is_told_where_to_pay_what_by_when(account):
    first = await account.create_checkout(ORDER, "key")
    assert await account.create_checkout(ORDER, "key") == first
    assert first.instructions.splitlines() == [
        "Amount: 49.00 EUR",
        "Payee: Riverside",
        "IBAN: DE89 3704 0044 0532 0130 00",
        "Reference: 2026-0001",
        f"Pay by: {words_of('bloop_invoice', 'en').day(first.expires_at)}",
    ]
    german = await account.create_checkout(replace(ORDER, locale="de"), "key")
    assert german.remote_id == first.remote_id
    assert german.instructions.startswith("Betrag: 49.00 EUR\nEmpfänger: Riverside\n")
    left = first.expires_at - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


async def test_a_payment_is_noted_once_by_its_reference(account):
    remote_id = await checkout(account)
    first = await account.record(remote_id, euros("20.00"), "line 3", AT)
    assert await account.record(remote_id, euros("20.00"), "line 3", AT) == first
    second = await account.record(remote_id, euros("29.00"), "line 9", AT + timedelta(days=1))
    with pytest.raises(PreconditionFailedError, match=r"noted before, as 20\.00 EUR"):
        await account.record(remote_id, euros("21.00"), "line 3", AT)
    assert await account.fetch(remote_id) == [first, second]
    assert {one.order for one in await account.settle(remote_id, "k")} == {"o-1"}
    assert [one async for one in account.changed(AT + timedelta(hours=1))] == [remote_id]
    assert [one async for one in account.changed(AT + timedelta(days=2))] == []


async def test_no_more_is_given_back_than_came(account):
    remote_id = await checkout(account)
    paid = await account.record(remote_id, euros("49.00"), "line 3", AT)
    back = await account.refund(paid.id, euros("9.00"), "r1", reason="late")
    assert await account.refund(paid.id, euros("9.00"), "r1") == back
    assert (back.kind, back.about, back.reason) == (FactKind.REFUNDED, paid.id, "late")
    with pytest.raises(PreconditionFailedError) as refused:
        await account.refund(paid.id, euros("40.01"), "r2")
    assert refused.value.cure == "40.00 EUR is left of the payment"
    await account.refund(paid.id, euros("40.00"), "r3")
    with pytest.raises(PreconditionFailedError):
        await account.refund(paid.id, euros("0.01"), "r4")


@pytest.mark.parametrize("money", [euros("0.00"), euros("-1.00"), Money.parse("49", "CHF")])
async def test_what_is_no_payment_of_the_order_is_refused(account, money):
    remote_id = await checkout(account)
    with pytest.raises(PreconditionFailedError):
        await account.record(remote_id, money, "line 3", AT)
    assert await account.fetch(remote_id) == []


async def test_what_it_cannot_is_said(account):
    with pytest.raises(NotFoundError):
        await account.fetch("nothing")
    monthly = replace(ORDER, interval=Interval.MONTH)
    with pytest.raises(UnsupportedError, match="nothing renews"):
        await account.create_checkout(monthly, "key")
    with pytest.raises(AuthError):
        await account.verify_webhook(WebhookRequest(headers={}, body=b"{}", received_at=0.0))
    bare = InvoiceProvider(FakeContext(config=InvoiceConfig()))
    with pytest.raises(ConfigError):
        await bare.check()
    with pytest.raises(ConfigError):
        await bare.create_checkout(ORDER, "key")


@pytest.mark.parametrize("iban", ["DE89370400440532013001", "DE", "DE89 3704 ø", "12" * 20])
def test_a_mistyped_account_is_refused(iban):
    with pytest.raises(ValueError, match="no IBAN"):
        InvoiceConfig(iban=iban)
