"""Reconciliation: what providers know and calls have missed, found and made up for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from bloop_commerce import entitlements, facts, hooks, orders, refunds
from bloop_commerce.books import open_books
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import Access, Order, now
from bloop_sdk import (
    BloopError,
    DeadlineError,
    FatalError,
    JobContext,
    NotFoundError,
    SkippableError,
    UnavailableError,
    Unit,
)

FIRST = timedelta(days=30)
"""How far the first sweep of a provider looks back."""
OVERLAP = timedelta(hours=2)
"""What changes while a sweep runs is looked at by the next one, whatever clocks say."""
AT_ONCE = 500
"""So many people are let in or out in one transaction."""
WATCHED = (OrderState.OPEN, OrderState.FAILED, OrderState.SHORT)


async def sweep(ctx: JobContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Each hour: a reconciliation for each provider, and what was left half done."""
    offers = await ctx.providers.offers("payments")
    hour = f"{now():%Y-%m-%dT%H}"

    def ask(unit: Unit) -> None:
        for one in offers:
            payload = {"provider": one.plugin_id}
            unit.enqueue("reconcile", payload, key=f"reconcile/{one.plugin_id}/{hour}")
        for row in refunds.unfinished(unit):
            unit.enqueue("refund", {"refund": row.id}, key=f"refund/{row.id}/{hour}")

    await ctx.transaction(ask)
    return {
        "forgotten": await ctx.transaction(orders.forget_unpaid),
        "heard": await hooks.hear_waiting(ctx),
        "mended": await ctx.transaction(mend),
    }


async def lapse(ctx: JobContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Every few minutes: let out whose time has ended, and in whose has begun."""

    def due(unit: Unit) -> int:
        open_books(unit)
        return entitlements.lapse(unit, AT_ONCE)

    lapsed = 0
    while True:
        # So many in a transaction, so that buyers are not kept waiting for the books.
        some = await ctx.transaction(due)
        lapsed += some
        if some < AT_ONCE:
            return {"lapsed": lapsed}
        ctx.progress(lapsed, None, "looked at")


def mend(unit: Unit) -> int:
    """Try once more to let in or out those whom the hub did not take; how many still wait."""
    open_books(unit)
    rows = unit.session.scalars(select(Access).where(Access.trouble != "").limit(500)).all()
    let = entitlements.let(unit, [entitlements.key_of(row) for row in rows])
    return sum(not row.trouble for row in let)


async def reconcile(ctx: JobContext, payload: dict[str, str]) -> dict[str, int]:
    """Learn what has changed at a provider since the last sweep, and how what is open stands."""
    name, begun = payload["provider"], now()
    provider = await ctx.providers.get("payments", name)
    since = await _since(ctx, name)
    seen, repaired = 0, 0
    failed: BloopError | None = None

    async def compare(remote_id: str) -> None:
        nonlocal seen, repaired, failed
        seen += 1
        try:
            repaired += await _learned(ctx, provider, name, remote_id)
        except (FatalError, UnavailableError, DeadlineError) as err:
            # One that can't be read keeps nobody else from what they paid for.
            ctx.log.warning("not_compared", provider=name, remote_id=remote_id, code=err.code)
            failed = err
        ctx.progress(seen, None, "orders compared")

    async for remote_id in provider.changed(since - OVERLAP):
        await compare(remote_id)
    for remote_id in await ctx.read(watched, name):
        await compare(remote_id)
    if failed is not None:
        raise failed
    result = {"seen": seen, "repaired": repaired}
    await ctx.run_sync(ctx.store.set, f"since/{name}", begun.isoformat())
    await ctx.run_sync(ctx.store.set, f"swept/{name}", result | {"at": begun.isoformat()})
    return result


async def _since(ctx: JobContext, name: str) -> datetime:
    kept = await ctx.run_sync(ctx.store.get, f"since/{name}")
    return datetime.fromisoformat(kept) if kept else now() - FIRST


async def _learned(ctx: JobContext, provider: Any, name: str, remote_id: str) -> int:
    """Learn all of one order; how many stand otherwise by that."""
    try:
        sound, wrong = facts.parted(await provider.fetch(remote_id))
        for err in wrong:
            ctx.log.warning("fact_refused", provider=name, remote_id=remote_id, reason=str(err))
        return len(await ctx.transaction(orders.take, name, sound))
    except NotFoundError:
        return 0
    except SkippableError as err:
        ctx.log.warning("facts_refused", provider=name, remote_id=remote_id, code=err.code)
        return 0


def watched(unit: Unit, provider: str) -> Sequence[str]:
    """The checkouts of a provider that may have come to an end without a word."""
    past = now() - timedelta(minutes=30)
    some = select(Order.remote_id).where(
        Order.provider == provider,
        Order.provider != facts.OWN,
        Order.remote_id.is_not(None),
        Order.state.in_([str(one) for one in WATCHED]),
        or_(Order.expires_at < now(), Order.created_at < past),
        Order.created_at > now() - FIRST * 3,
    )
    found = unit.session.scalars(some.order_by(Order.number.desc()).limit(200)).all()
    return [one for one in found if one is not None]
