"""For programs of who keeps the books: all orders, refunds, what money has come and gone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bloop_commerce import (
    byhand,
    checkout,
    entitlements,
    exports,
    facts,
    invoices,
    ledger,
    orders,
    refunds,
    views,
)
from bloop_commerce.asked import body_of, day, field, moment, needed, number
from bloop_commerce.balance import Finding, examine, findings
from bloop_commerce.tables import now
from bloop_sdk import (
    CallContext,
    RequestContext,
    Response,
    RetriableError,
    Unit,
    UnsupportedError,
    WebRequest,
)


async def list_orders(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """The institution's orders, the newest first (``?state=``, ``?q=``, ``?before=`` a number)."""
    query = request.query_params
    before, search = number(query.get("before", "")), query.get("q", "").strip()[:200]
    rows = await ctx.read(orders.newest, query.get("state", "")[:20], before, search=search)
    return {"items": [views.order(row) for row in rows]}


async def show_books(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """An order with its facts, its entries in the ledger, what it gives, and its refunds."""
    return await ctx.read(books_of, request.path_params["order"])


def books_of(unit: Unit, id_: str) -> dict[str, Any]:
    """The same of a unit."""
    row = orders.one(unit, id_)
    return views.books_of(
        row,
        facts.rows_of_order(unit, row.id),
        ledger.of_order(unit, row.id),
        entitlements.of_order(unit, row.id),
        refunds.of_order(unit, row.id),
        invoices.of_order(unit, row.id),
    )


async def refund(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Give back an amount of an order, or all that is left: ``{"amount": 1000?, "reason": ""?}``.

    With a ``version`` it is refused where the order is at another by now. Where the provider does
    not answer now, the refund is ``asked`` and is done by a job.
    """
    body = await body_of(request, ("amount", "reason", "version"))
    amount = field(body, "amount", int, 0) if body.get("amount") is not None else None
    order = request.path_params["order"]
    ids = await ctx.transaction(
        refunds.ask,
        order,
        ctx.call.principal.id,
        amount=amount,
        reason=field(body, "reason", str, ""),
        version=field(body, "version", int, 0) if body.get("version") is not None else None,
    )
    await done(ctx, ids)
    return await ctx.read(books_of, order)


async def preview_refund(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """What giving back an amount would do (``?amount=`` in minor units; all without it)."""
    text = request.query_params.get("amount", "")
    amount = number(text)
    if text and amount is None:
        raise UnsupportedError("an amount is a whole number of minor units", cure="4900 is 49.00")
    return views.preview(await ctx.read(refunds.preview, request.path_params["order"], amount))


async def done(ctx: RequestContext, ids: list[str]) -> None:
    """Have refunds done; those that can't be done now are left to their jobs."""
    for id_ in ids:
        try:
            await refunds.give_back(ctx, id_)
        except RetriableError as err:
            ctx.log.warning("refund_waits", refund=id_, code=err.code)


async def record(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Note money that came by bank transfer: ``{"reference": "", "amount": 4900?}``."""
    body = await body_of(request, ("amount", "reference", "received_at"))
    order = await ctx.read(orders.one, request.path_params["order"])
    await byhand.record(
        ctx,
        order,
        amount=field(body, "amount", int, order.total),
        reference=needed(body, "reference"),
        received_at=moment(body, "received_at") or now(),
    )
    return await ctx.read(books_of, order.id)


async def export(request: WebRequest, ctx: RequestContext) -> Response:
    """CSV of ``ledger``, ``orders``, ``invoices`` or ``balance`` (``?from=2026-01-01&to=``)."""
    what, query = request.path_params["what"], request.query_params
    start, end = day(query.get("from", "")), day(query.get("to", ""))
    text = await ctx.read(exports.written, what, start, end)
    headers = {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": f'attachment; filename="{what}.csv"',
        "cache-control": "no-store",
    }
    return Response(status=200, headers=headers, body=text.encode(), url="")


async def refresh(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Ask the provider how an order stands."""
    order = await ctx.read(orders.one, request.path_params["order"])
    await checkout.refresh(ctx, order)
    return await ctx.read(books_of, order.id)


async def balance(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """What is out of balance; with ``?deep=1`` each order is computed anew."""
    found = await ctx.read(findings)
    if request.query_params.get("deep"):
        found += await examined(ctx)
    return {"items": [asdict(one) for one in found]}


async def examined(ctx: CallContext) -> list[Finding]:
    """What differs where all orders are computed anew."""
    found: list[Finding] = []
    after: int | None = 0
    while after is not None:
        more, after = await ctx.read(examine, after)
        found += more
    return found


async def trial_balance(_request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """What each account comes to; the sums of all are zero in each currency."""
    rows = await ctx.read(ledger.trial_balance)
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.amount
    return {"items": [views.balance(row) for row in rows], "sums": sums}
