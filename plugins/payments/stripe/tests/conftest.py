"""A Stripe in memory, and providers that take payments by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bloop_sdk.testing import Clock, FakeContext, FakeTransport, Faults, http_client
from bloop_sdk.testing.suites.paying import order, told
from bloop_stripe.config import StripeConfig
from bloop_stripe.provider import StripeProvider
from bloop_stripe.testing import FakeStripe


class Rig:
    """An account, and what talks to it."""

    def __init__(self):
        self.account = FakeStripe()
        self.clock = Clock()
        self.faults = Faults(FakeTransport(self.account), self.clock)

    def provider(self, **settings):
        config = StripeConfig(**{**self.account.settings, **settings})
        http = http_client(self.faults, self.clock, hosts=frozenset({"api.stripe.com"}))
        return StripeProvider(FakeContext(plugin_id="stripe", config=config, http=http))

    async def open(self, request=None, key="one", **settings):
        """A checkout."""
        return await self.provider(**settings).create_checkout(request or order(), key)

    async def paid(self, request=None, key="one", **settings):
        """A checkout that was paid."""
        checkout = await self.open(request, key, **settings)
        self.account.pay(checkout)
        return checkout

    async def facts(self, name):
        """The facts of a name by kind, and by kind and id where there are several."""
        found = told(await self.provider().fetch(getattr(name, "remote_id", name)))
        kinds = [kind for kind, _ in found]
        return {
            (kind if kinds.count(kind) == 1 else (kind, id_)): fact
            for (kind, id_), fact in found.items()
        }


@pytest.fixture
def rig():
    return Rig()


@pytest.fixture
def readme():
    return (Path(__file__).parents[1] / "README.md").read_text("utf-8")
