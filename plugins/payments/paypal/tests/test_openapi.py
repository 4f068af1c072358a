"""What is sent, and what the fake answers, as PayPal's own specifications have it."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft4Validator

from bloop_paypal.testing import FakePayPal
from plugins.payments.paypal.tests.buying import ORDER, bought, opened

SENT = {
    ("POST", "/v2/checkout/orders"): ("orders", "order_request"),
    ("POST", "capture"): ("orders", "order_capture_request"),
    ("POST", "verify-webhook-signature"): ("webhooks", "verify_webhook_signature"),
}
ANSWERED = {
    ("POST", "/v2/checkout/orders"): ("orders", "order"),
    ("GET", "/v2/checkout/orders/"): ("orders", "order"),
    ("POST", "capture"): ("orders", "order"),
    ("POST", "verify-webhook-signature"): ("webhooks", "verify_webhook_signature_response"),
    ("GET", "webhooks-events"): ("webhooks", "EventList"),
}


class Watched(FakePayPal):
    """Remembers what was sent and answered, by method and path."""

    def __init__(self):
        super().__init__()
        self.seen = []

    async def answer(self, came):
        answered = await super().answer(came)
        path = urlsplit(came.url).path
        if path != "/v1/oauth2/token":
            self.seen.append((came.method, path, came.body, answered))
        return answered


@pytest.fixture(scope="module")
def documents(shared_data):
    files = {"orders": "paypal-orders-v2.json", "webhooks": "paypal-webhooks-v1.json"}
    folder = shared_data / "openapi"
    return {name: json.loads((folder / file).read_bytes()) for name, file in files.items()}


def faults(documents, named, told):
    document, schema = named
    whole = {"$ref": f"#/components/schemas/{schema}"}
    validator = Draft4Validator(whole | {"components": documents[document]["components"]})
    return [
        f"{schema}: {one.json_path}: {one.message[:200]}" for one in validator.iter_errors(told)
    ]


def of(table, method, path):
    found = [name for (verb, part), name in table.items() if verb == method and part in path]
    return found[-1] if found else None


async def test_requests_and_answers_are_those_of_the_specification(documents):
    paypal = Watched()
    account = opened(paypal)
    order, paid = await bought(paypal, account)
    await account.fetch(order)
    await account.create_checkout(ORDER, "c2")
    await account.verify_webhook(paypal.webhook())
    assert [one async for one in account.changed(paypal.books.now)] == [order]
    checked, wrong = set(), []
    for method, path, body, answered in paypal.seen:
        sent, answer = of(SENT, method, path), of(ANSWERED, method, path)
        if sent:
            wrong += faults(documents, sent, json.loads(body))
        if answer:
            wrong += faults(documents, answer, json.loads(answered.body))
        checked |= {one for one in (sent, answer) if one}
    assert wrong == []
    assert checked == {*SENT.values(), *ANSWERED.values()}
    assert paid.remote_id == order
