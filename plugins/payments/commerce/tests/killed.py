"""Buys, pays, is called and gives back, and is killed at each step of that.

Each attempt runs in a process of its own over files in a folder. It is killed at its first step,
does the same again in the next process, is killed at the second one, and so on: before and after
each commit and each deed of the till, with ``every`` before each statement as well. Whatever was
done of it by then, once more has to come to what an attempt comes to that nobody kills.

Prints how many kills there were, and what came of it all.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path

import till as tills
from sqlalchemy import create_engine, event, select, update
from sqlalchemy.pool import NullPool

from bloop_commerce import (
    balance,
    catalogue,
    checkout,
    entitlements,
    hooks,
    ledger,
    orders,
    refunds,
)
from bloop_commerce.config import CommerceConfig
from bloop_commerce.tables import Invoice, Message, Order, Refund, metadata, now
from bloop_sdk.testing import FakeContext
from bloop_sdk.testing.reach import FakeProviders
from bloop_sdk.testing.units import FakeDatabase

FOLDER, EVERY = Path(sys.argv[1]), "every" in sys.argv[2:]
NOW, BASE = FOLDER / "now", FOLDER / "base"
WORLD = NOW / "till"
NEVER = -1


class Clock:
    """Counts the steps of an attempt, and ends its process at one of them."""

    left = NEVER

    def tick(self, *_):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


CLOCK = Clock()


class DiskTill(tills.Till):
    """A till that outlasts whoever talks to it."""

    def once(self, key, asked, work):
        CLOCK.tick()
        value = super().once(key, asked, work)
        WORLD.write_bytes(pickle.dumps(self))
        CLOCK.tick()
        return value


class Database(FakeDatabase):
    """One in a file: each commit is a step, and what comes after it."""

    def __init__(self):
        super().__init__("commerce", None, CommerceConfig())
        self._engine = create_engine(f"sqlite:///{NOW / 'hub.db'}", poolclass=NullPool)
        event.listen(self._engine, "commit", CLOCK.tick)
        if EVERY:
            event.listen(self._engine, "before_cursor_execute", CLOCK.tick)

    def transaction(self, *args, **kwargs):
        result = super().transaction(*args, **kwargs)
        CLOCK.tick()
        return result


DATABASE = Database()


def context():
    tills.TILL = pickle.loads(WORLD.read_bytes()) if WORLD.exists() else DiskTill()
    made = FakeContext(
        plugin_id="commerce",
        config=CommerceConfig(),
        providers=FakeProviders({"payments": {"till": tills.TillProvider(None)}}),
    )
    made.__dict__["database"] = DATABASE
    return made


async def prepare(ctx):
    metadata.create_all(ctx.database._engine)
    offer = catalogue.read_offer({"title": "Waves", "courses": ["c1"], "on_sale": True})
    made = await ctx.transaction(catalogue.add, offer)
    await ctx.transaction(catalogue.set_price, made.id, 4900, "EUR")


async def found(ctx, table):
    return await ctx.read(lambda unit: unit.session.scalars(select(table)).first())


async def order(ctx):
    """Who comes back sees what they have ordered."""
    if await found(ctx, Order) is None:
        (product,) = await ctx.read(catalogue.products)
        await checkout.buy(ctx, checkout.Wanted(product=product.id, currency="EUR"))


async def start(ctx):
    await checkout.start(ctx, await found(ctx, Order), "https://hub.example/x/commerce")


async def capture(ctx):
    order = await found(ctx, Order)
    tills.TILL.checkouts[order.remote_id]["agreed"] = True
    await checkout.settle(ctx, order)


async def call(ctx):
    """A part goes back in the till's office; a call that was not answered is made again."""
    paid = next(one for one in tills.TILL.facts.values() if one.kind == "captured")
    fact = tills.TILL.once("office", 500, lambda: tills.TILL.told("refunded", paid, 500, id_="r"))
    kept = await ctx.transaction(hooks.keep, "till", *tills.signed("e1", [fact]))
    await hooks.hear(ctx, kept)


async def hear(ctx):
    """What was kept, and nobody looked into, is looked into by a job."""

    def a_while_ago(unit):
        unit.session.execute(update(Message).values(received_at=now() - timedelta(minutes=2)))

    await ctx.transaction(a_while_ago)
    await hooks.hear_waiting(ctx)


async def give_back(ctx):
    if await found(ctx, Refund) is None:
        order = await found(ctx, Order)
        await ctx.transaction(refunds.ask, order.id, "admin", amount=1900)
    await refunds.refund(ctx, {"refund": (await found(ctx, Refund)).id})


STEPS = (order, start, capture, call, hear, give_back)


async def told(ctx):
    """All that anybody could tell of it, but for ids and times."""
    world, order = tills.TILL, await found(ctx, Order)
    papers = await ctx.read(lambda unit: unit.session.scalars(select(Invoice)).all())
    access = await ctx.read(entitlements.of_user, "test-user")
    both = await ctx.read(ledger.of_order, order.id) if order else []
    calls = await ctx.read(lambda unit: unit.session.scalars(select(Message.state)).all())
    return {
        "checkouts": len(world.checkouts),
        "moved": world.moved,
        "orders": len(await ctx.read(orders.newest)),
        "state": order.state if order else None,
        "sums": {one.account: one.amount for one in await ctx.read(ledger.trial_balance)},
        "entries": len({entry.id for entry, _ in both}),
        "left": sum((await ctx.read(refunds.left_of, order)).values()) if order else 0,
        "open": [one.subject_id for one in access if one.is_open],
        "papers": sorted((one.number, one.total) for one in papers),
        "applied": sum(state == "applied" for state in calls),
        "findings": [one.words for one in await ctx.read(balance.findings)
                     if one.kind != "invoice"],
    }  # fmt: skip


async def is_whole(ctx):
    """What a kill left is lawful as it is: each transaction was done or not."""
    assert sum(one.amount for one in await ctx.read(ledger.trial_balance)) == 0
    assert (await ctx.read(balance.examine))[0] == []


async def attempt(*works, at=NEVER, write=False):
    ctx = context()
    for work in works:
        if work not in {is_whole, told}:
            CLOCK.left = at
        value = await work(ctx)
        CLOCK.left = NEVER
    if write:
        (FOLDER / "told").write_text(json.dumps(value))


def apart(work):
    """Run in a process of its own; the signal that ended it, or its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(work)
            code = 0
        except Exception:  # noqa: BLE001 - whatever it was, it is printed
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    work.close()
    status = os.waitpid(pid, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def again():
    """As it was before this step."""
    shutil.rmtree(NOW, ignore_errors=True)
    shutil.copytree(BASE, NOW)


def come_of(step):
    assert apart(attempt(is_whole, step, told, write=True)) == 0, step.__name__
    return json.loads((FOLDER / "told").read_text())


NOW.mkdir()
# Statements that were compiled once are so in every process to come.
asyncio.run(attempt(prepare, *STEPS, is_whole, told))
shutil.rmtree(NOW)
NOW.mkdir()
assert apart(attempt(prepare)) == 0
kills, expected = 0, {}
for step in STEPS:
    shutil.rmtree(BASE, ignore_errors=True)
    shutil.copytree(NOW, BASE)
    expected = come_of(step)
    at = 1
    while True:
        again()
        ended = apart(attempt(step, at=at))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL, (step.__name__, at, ended)
        kills += 1
        came = come_of(step)
        assert came == expected, (step.__name__, at, came, expected)
        at += 1
sys.stdout.write(json.dumps(expected | {"kills": kills}))
