from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import till as tills

from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace
from bloop_sdk.testing import FakeContext
from bloop_sdk.testing.reach import FakeProviders

SELLER = {
    "seller_name": "Riverside Evening School",
    "seller_address": "Quay 4, 20457 Hamburg",
    "seller_tax_id": "DE 123 456 789",
}


@pytest.fixture
def till():
    """The world outside, as nothing has happened in it yet."""
    tills.TILL.clear()
    return tills.TILL


@functools.cache
def database():
    """Tables in memory, made once: a new engine would compile every statement anew."""
    from bloop_commerce.config import CommerceConfig
    from bloop_commerce.tables import metadata
    from bloop_sdk.testing.units import FakeDatabase

    return FakeDatabase("commerce", metadata, CommerceConfig(**SELLER))


def emptied():
    """The same without rows and memories."""
    from bloop_commerce.tables import metadata

    made = database()
    with made._engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    told = (made.events, made.audited, made.jobs, made.messages)
    for kept in (*told, made.views, made.people, made.absent, made.shelf):
        kept.clear()
    return made


class Shop:
    """Commerce over tables in memory: contexts for people, and what one sells."""

    def __init__(self, till):
        from bloop_commerce.config import CommerceConfig

        self.till = till
        self.admin = FakeContext(
            plugin_id="commerce",
            config=CommerceConfig(**SELLER),
            package="bloop_commerce",
            providers=FakeProviders({"payments": {"till": tills.TillProvider(None)}}),
        )
        self.database = self.admin.__dict__["database"] = emptied()

    def ctx(self, user, *actions):
        """What somebody's request has."""
        principal = Principal(PrincipalKind.USER, user, Role.LEARNER)
        call = Call(principal, self.admin.call.institution, Trace("0" * 31 + "1", "0" * 15 + "1"))
        made = FakeContext(
            plugin_id="commerce",
            call=call,
            config=self.admin.config,
            package="bloop_commerce",
            providers=self.admin.providers,
            actions=frozenset(actions or ("commerce:buy",)),
        )
        made.__dict__["database"] = self.database
        return made

    def run(self, work, *args, **kwargs):
        """Run a transaction at once."""
        return self.database.transaction(self.admin.call, work, *args, **kwargs)

    def read(self, work, *args, **kwargs):
        """Read at once."""
        return self.database.read(self.admin.call, work, *args, **kwargs)

    def sell(self, amount=4900, currency="EUR", **offer):
        """A product for sale; its id."""
        from bloop_commerce import catalogue

        given = {"title": "Waves", "courses": ["c1"], "on_sale": True} | offer
        made = self.run(catalogue.add, catalogue.read_offer(given))
        self.run(catalogue.set_price, made.id, amount, currency)
        return made.id

    def place(self, product, user="ada", **wanted):
        """An order as it is placed, before its checkout; its id."""
        from bloop_commerce import checkout

        asked = checkout.Wanted(product=product, **{"currency": "EUR"} | wanted)
        return self.run(checkout.place, user, asked, "till").id

    async def buy(self, product, user="ada", **wanted):
        """An order whose checkout was started."""
        from bloop_commerce import checkout

        ctx = self.ctx(user)
        asked = checkout.Wanted(product=product, **{"currency": "EUR"} | wanted)
        order = await checkout.buy(ctx, asked)
        return await checkout.start(ctx, order, "https://hub.example/x/commerce")

    def learn(self, *told):
        """Take facts of the till."""
        from bloop_commerce import orders

        return self.run(orders.learn, "till", list(told))

    def order(self, id_):
        from bloop_commerce import orders

        return self.read(orders.one, id_)

    def courses(self, user="ada"):
        """The courses that a user is let into, and the items that they are shown."""
        from bloop_commerce import entitlements

        return {one.subject_id for one in self.read(entitlements.of_user, user) if one.is_open}

    def sums(self):
        """What the accounts come to, those with something."""
        from bloop_commerce import ledger

        return {one.account: one.amount for one in self.read(ledger.trial_balance) if one.amount}


@pytest.fixture
def shop(till):
    return Shop(till)
