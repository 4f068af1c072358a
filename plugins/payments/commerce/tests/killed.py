"""Buys and gives back, and is killed each time between the till's deed and our commit.

Each step runs in a process of its own over files in a folder, which is killed as soon as the till
has done its part; the next process does that step again. The last one prints what came of it all.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sys
from functools import partial
from pathlib import Path

import till as tills
from sqlalchemy import create_engine, select

from bloop_commerce import catalogue, checkout, entitlements, ledger, refunds
from bloop_commerce.config import CommerceConfig
from bloop_commerce.tables import Order, Refund, metadata
from bloop_sdk.testing import FakeContext
from bloop_sdk.testing.reach import FakeProviders
from bloop_sdk.testing.units import FakeDatabase

STEPS = ("checkout", "settle", "refund")


class DiskTill(tills.Till):
    """A till that outlasts whoever talks to it, and kills them after its deed."""

    def once(self, key, asked, work):
        deadly, self.deadly = self.deadly, False
        value = super().once(key, asked, work)
        WORLD.write_bytes(pickle.dumps(self))
        if deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return value


FOLDER = Path(sys.argv[1])
WORLD = FOLDER / "till"


def context():
    made = FakeContext(
        plugin_id="commerce",
        config=CommerceConfig(),
        providers=FakeProviders({"payments": {"till": tills.TillProvider(None)}}),
    )
    database = FakeDatabase("commerce", None, CommerceConfig())
    database._engine = create_engine(f"sqlite:///{FOLDER / 'hub.db'}")
    made.__dict__["database"] = database
    return made


async def prepare():
    ctx = context()
    metadata.create_all(ctx.database._engine)
    offer = catalogue.read_offer({"title": "Waves", "courses": ["c1"], "on_sale": True})
    made = await ctx.transaction(catalogue.add, offer)
    await ctx.transaction(catalogue.set_price, made.id, 4900, "EUR")
    await checkout.buy(ctx, checkout.Wanted(product=made.id, currency="EUR"))


async def step(name, deadly):
    tills.TILL = pickle.loads(WORLD.read_bytes()) if WORLD.exists() else DiskTill()
    tills.TILL.deadly = deadly
    ctx = context()
    order = await ctx.read(lambda unit: unit.session.scalars(select(Order)).one())
    if name == "checkout":
        await checkout.start(ctx, order, "https://hub.example/x/commerce")
    elif name == "settle":
        tills.TILL.checkouts[order.remote_id]["agreed"] = True
        await checkout.settle(ctx, order)
    else:
        if deadly:
            await ctx.transaction(refunds.ask, order.id, "admin", amount=1900)
        row = await ctx.read(lambda unit: unit.session.scalars(select(Refund)).one())
        await refunds.refund(ctx, {"refund": row.id})


async def told():
    ctx = context()
    world = pickle.loads(WORLD.read_bytes())
    order = await ctx.read(lambda unit: unit.session.scalars(select(Order)).one())
    balance = await ctx.read(ledger.trial_balance)
    left = await ctx.read(refunds.left_of, order)
    access = await ctx.read(entitlements.of_user, "test-user")
    sys.stdout.write(json.dumps({
        "checkouts": len(world.checkouts), "moved": world.moved, "state": order.state,
        "sums": {one.account: one.amount for one in balance}, "left": sum(left.values()),
        "open": [one.subject_id for one in access if one.is_open],
    }))  # fmt: skip


async def one_by_one(works):
    for work in works:
        await work()


def apart(*works):
    """Run in a process of its own; the signal that ended it, or its exit code."""
    pid = os.fork()
    if pid == 0:
        asyncio.run(one_by_one(works))
        sys.stdout.flush()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


# Each of these processes does again what killed the one before, and is killed by the next step.
doing = [prepare]
for name in STEPS:
    assert apart(*doing, partial(step, name, True)) == signal.SIGKILL, name
    doing = [partial(step, name, False)]
assert apart(*doing, told) == 0
