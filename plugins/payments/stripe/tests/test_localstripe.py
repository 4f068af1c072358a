"""Against localstripe, a server of Stripe's API that others wrote: https://pypi.org/p/localstripe.

It speaks an older version and has no Checkout, so the sessions, and what newer versions say of a
charge, stand in front of it. It keeps no idempotency keys: what happens once does so by the plugin.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest

from bloop_sdk import AuthError, NotFoundError, PreconditionFailedError, Response
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, http_client
from bloop_stripe import api, checkout
from bloop_stripe.api import Api
from bloop_stripe.config import StripeConfig
from bloop_stripe.provider import StripeProvider

ROOT = Path(__file__).parents[4]
KEY = "sk_test_12345678"


def command():
    beside = ROOT / ".venv-peers-payments" / "bin" / "localstripe"
    named = os.environ.get("BLOOP_TEST_LOCALSTRIPE") or (
        beside if beside.exists() else "localstripe"
    )
    found = shutil.which(str(named))
    if found is None:
        pytest.skip("no localstripe here: `python tools/payment_peers.py` gets it")
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server that has nothing in it."""
    try:
        with socket.socket(socket.AF_INET6) as free:
            free.bind(("::1", 0))
            port = free.getsockname()[1]
    except OSError:
        pytest.skip("localstripe listens on IPv6, which this machine has not")
    folder = tmp_path_factory.mktemp("localstripe")
    server = subprocess.Popen(
        [command(), "--port", str(port), "--from-scratch"],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://[::1]:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(url, timeout=5)
                break
            except httpx.ConnectError:
                assert server.poll() is None, "localstripe has ended"
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)


class Front:
    """Sends on to localstripe, with Checkout's sessions and a charge's newer fields in front."""

    def __init__(self, url):
        self.url, self.sessions, self.sent = url, [], []
        self.client = httpx.AsyncClient(verify=False)

    async def answer(self, came):
        path = urlsplit(came.url).path
        self.sent.append((came.method, path))
        if path == "/v1/checkout/sessions":
            return self.told({"object": "list", "data": self.sessions, "has_more": False})
        if path.startswith("/v1/checkout/sessions/"):
            return self.told(self.sessions[0])
        query = {name: one for name, one in came.params.items() if not name.startswith("expand")}
        query.pop("payment_intent", None)
        headers = {k: v for k, v in came.headers.items() if k not in {"host", "content-length"}}
        answer = await self.client.request(
            came.method, self.url + path, params=query, content=came.body, headers=headers
        )
        if not (path.startswith("/v1/charges") and answer.status_code == 200):
            return Response(
                status=answer.status_code,
                headers={"content-type": "application/json"},
                body=answer.content,
                url=came.url,
            )
        found = answer.json()
        for charge in found.get("data", [found]):
            charge |= {"payment_intent": "pi_1", "disputed": False}
            charge["amount_captured"] = charge["amount"] if charge["captured"] else 0
            for refund in charge["refunds"]["data"]:
                refund.setdefault("reason", None)
        return self.told(found)

    def told(self, body):
        headers = {"content-type": "application/json"}
        return Response(status=200, headers=headers, body=json.dumps(body).encode(), url="")


@pytest.fixture
async def rig(served):
    front = Front(served)
    http = http_client(FakeTransport(front), Clock(), hosts=frozenset({"api.stripe.com"}))

    def of(key=KEY):
        config = StripeConfig(secret_key=key)
        return FakeContext(plugin_id="stripe", config=config, http=http), config

    yield SimpleNamespace(front=front, of=of, api=Api(*of()), provider=StripeProvider(of()[0]))
    await front.client.aclose()


async def paid(rig, amount=4900):
    """A charge as Checkout leaves one; its id."""
    card = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2040", "cvc": "123"}
    method = await rig.api.post("payment_methods", {"type": "card", "card": card})
    customer = await rig.api.post("customers", {"email": "ada@example.org"})
    attached = f"payment_methods/{method['id']}/attach"
    await rig.api.post(attached, {"customer": customer["id"]})
    charge = await rig.api.post(
        "charges",
        {"amount": amount, "currency": "eur", "customer": customer["id"], "source": method["id"]},
    )
    rig.front.sessions = [
        {
            "object": "checkout.session",
            "id": "cs_1",
            "status": "complete",
            "mode": "payment",
            "payment_intent": "pi_1",
            "subscription": None,
            "currency": "eur",
            "total_details": {"amount_tax": 0},
            "metadata": {checkout.ORDER: "order-1"},
        }
    ]
    return charge["id"]


def euros(amount):
    return Money(amount=amount, currency="EUR")


async def test_money_goes_back_once_for_each_key_although_nobody_keeps_the_keys(rig):
    capture = await paid(rig)
    for _ in range(3):
        fact = await rig.provider.refund(capture, euros(1000), "first", reason="short")
    assert (fact.kind, fact.money, fact.about, fact.reason) == (
        FactKind.REFUNDED,
        euros(1000),
        capture,
        "short",
    )
    posted = [one for one in rig.front.sent if one == ("POST", "/v1/refunds")]
    assert len(posted) == 1
    with pytest.raises(PreconditionFailedError):
        await rig.provider.refund(capture, euros(3901), "too much")
    with pytest.raises(PreconditionFailedError):
        await rig.provider.refund(capture, euros(900), "first")
    await rig.provider.refund(capture, euros(3900), "rest")
    facts = await rig.provider.fetch("cs_1")
    assert sorted((str(one.kind), one.money.amount, one.order) for one in facts) == [
        ("captured", 4900, "order-1"),
        ("refunded", 1000, "order-1"),
        ("refunded", 3900, "order-1"),
    ]


async def test_lists_are_read_to_their_end_and_refusals_are_told_apart(rig, monkeypatch):
    monkeypatch.setattr(api, "PAGE", 5)
    before = len(await rig.api.all("customers"))
    await asyncio.gather(
        *(rig.api.post("customers", {"email": f"{n}@example.org"}) for n in range(7))
    )
    rig.front.sent.clear()
    found = await rig.api.all("customers")
    assert len({one["id"] for one in found}) == len(found) == before + 7
    assert len(rig.front.sent) == -(-len(found) // 5)
    with pytest.raises(NotFoundError):
        await rig.provider.refund("ch_nothing", euros(1), "k")
    with pytest.raises(AuthError):
        await Api(*rig.of("rk_test_12345678")).get("charges/ch_1")
