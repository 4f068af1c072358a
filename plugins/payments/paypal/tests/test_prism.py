"""PayPal's requests against Prism, which checks them by PayPal's own specification."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bloop_paypal.testing import FakePayPal
from bloop_sdk import Request
from bloop_sdk.money import Money
from plugins.payments.paypal.tests.buying import ORDER, bought, opened

ROOT = Path(__file__).parents[4]
DOCUMENTS = {
    "/v2/checkout/orders": "paypal-orders-v2.json",
    "/v1/notifications": "paypal-webhooks-v1.json",
}

ASKED = {
    *("/v2/checkout/orders", "/v2/checkout/orders/{id}", "/v2/checkout/orders/{id}/capture"),
    *("/v1/notifications/verify-webhook-signature", "/v1/notifications/webhooks"),
    "/v1/notifications/webhooks-events",
}
"""Prism is told of no more: it reads the documents for as long as all else takes together."""


def command():
    beside = ROOT / ".venv-peers-payments" / "node_modules" / ".bin" / "prism"
    named = os.environ.get("BLOOP_TEST_PRISM") or (beside if beside.exists() else "prism")
    found = shutil.which(str(named))
    if found is None or shutil.which("node") is None:
        pytest.skip("no Prism here: `python tools/payment_peers.py` gets it, where there is Node")
    return found


def without_patterns(told):
    """A document without its regular expressions.

    JavaScript can't read all of PayPal's, and Prism then checks nothing of a body, without a word.
    test_openapi.py checks them.
    """
    if isinstance(told, list):
        return [without_patterns(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {
        name: without_patterns(one)
        for name, one in told.items()
        if name != "pattern" or isinstance(one, dict)
    }


@pytest.fixture(scope="module")
def prisms(shared_data, tmp_path_factory):
    """Where Prism answers for each of the documents."""
    folder = tmp_path_factory.mktemp("prism")
    with contextlib.ExitStack() as ending:
        ports = {}
        for part, name in DOCUMENTS.items():
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                ports[part] = free.getsockname()[1]
            told = json.loads((shared_data / "openapi" / name).read_bytes())
            told["paths"] = {path: one for path, one in told["paths"].items() if path in ASKED}
            (folder / name).write_text(json.dumps(without_patterns(told)))
            asked = ["mock", "-h", "127.0.0.1", "-p", str(ports[part])]
            server = subprocess.Popen(
                [command(), *asked, str(folder / name)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            ending.callback(server.wait, 10)
            ending.callback(server.terminate)
        for port in ports.values():
            listening(port)
        yield {part: f"http://127.0.0.1:{port}" for part, port in ports.items()}


def listening(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail("Prism does not listen after 30 seconds")


@pytest.fixture
def paypal(prisms):
    with httpx.Client(timeout=30, verify=False) as client:
        yield Checked(prisms, client)


class Checked(FakePayPal):
    """Answers as the fake does, once Prism has looked at the request."""

    def __init__(self, prisms, client):
        super().__init__()
        self.prisms, self.client = prisms, client
        self.seen, self.wrong = set(), []

    async def answer(self, came):
        parts = urlsplit(came.url)
        found = [url for part, url in self.prisms.items() if parts.path.startswith(part)]
        if found:
            self.look(f"{found[0]}{parts.path}?{parts.query}", came)
        return await super().answer(came)

    def look(self, url, came):
        unsent = {"host", "content-length", "accept-encoding", "connection"}
        headers = {name: one for name, one in came.headers.items() if name not in unsent}
        told = self.client.request(came.method, url, content=came.body, headers=headers)
        what = f"{came.method} {urlsplit(url).path}"
        self.seen.add(what)
        # What of its own answer is not as it should be is none of ours.
        violations = json.loads(told.headers.get("sl-violations") or "[]")
        self.wrong += [(what, one) for one in violations if one["location"][0] == "request"]
        if told.status_code in {401, 404, 405, 415, 422}:
            self.wrong.append((what, told.status_code, told.text[:500]))


async def test_no_request_is_other_than_the_specification_says(paypal):
    account = opened(paypal)
    order, paid = await bought(paypal, account)
    await account.fetch(order)
    await account.create_checkout(ORDER, "c2")
    await account.verify_webhook(paypal.webhook())
    await account.check()
    await account.refund(paid.id, Money(amount=1, currency=paid.money.currency), "r1")
    assert [one async for one in account.changed(paypal.books.now)] == [order]
    assert paypal.wrong == []
    assert {
        "POST /v2/checkout/orders",
        f"GET /v2/checkout/orders/{order}",
        f"POST /v2/checkout/orders/{order}/capture",
        "POST /v1/notifications/verify-webhook-signature",
        "GET /v1/notifications/webhooks",
        "GET /v1/notifications/webhooks-events",
    } <= paypal.seen


async def test_prism_would_say_what_is_wrong(paypal):
    """Or the test above would pass whatever was sent."""

    came = Request(
        url="",
        method="POST",
        headers={"content-type": "application/json", "authorization": "Bearer x"},
        body=b'{"intent": "TAKE", "purchase_units": []}',
    )
    paypal.look(f"{paypal.prisms['/v2/checkout/orders']}/v2/checkout/orders", came)
    assert paypal.wrong
