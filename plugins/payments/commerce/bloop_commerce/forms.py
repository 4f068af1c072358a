"""What the forms of the pages do; each leads back to a page."""

from __future__ import annotations

from datetime import UTC, datetime

from bloop_commerce import (
    byhand,
    checkout,
    keeping,
    money,
    orders,
    pages,
    refunds,
    seats,
    subscriptions,
)
from bloop_commerce.api import BASE, own_order
from bloop_commerce.asked import number, where
from bloop_commerce.tables import now
from bloop_sdk import (
    BloopError,
    PageView,
    RequestContext,
    Response,
    RetriableError,
    UnsupportedError,
    WebRequest,
    read_form,
    redirect,
)


async def buy(request: WebRequest, ctx: RequestContext) -> Response:
    """Order a product; its page says where to pay."""
    form = await read_form(request)
    chosen, _, country = form["price"].partition("-")
    currency, country = where(ctx, chosen, country)
    wanted = checkout.Wanted(
        product=request.path_params["product"],
        currency=currency,
        country=country,
        quantity=number(form["quantity"]) or 1,
        coupon=form["coupon"].strip(),
        provider=form["way"],
        language=ctx.locale,
    )
    order = await checkout.buy(ctx, wanted)
    try:
        await checkout.start(ctx, order, f"{ctx.public_url}{BASE}")
    except RetriableError as err:
        ctx.log.warning("checkout_not_started", order=order.id, code=err.code)
    return redirect(f"{BASE}/purchases/{order.id}")


async def start(request: WebRequest, ctx: RequestContext) -> Response:
    """Have a checkout started that could not be before."""
    order = await own_order(request, ctx)
    await checkout.start(ctx, order, f"{ctx.public_url}{BASE}")
    return redirect(f"{BASE}/purchases/{order.id}")


async def cancel(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """End a subscription with the time that is paid."""
    order = await own_order(request, ctx)
    try:
        await subscriptions.cancel(ctx, order)
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err)
    return redirect(f"{BASE}/purchases/{order.id}")


async def seat(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Give a seat of a bundle, or free it."""
    order, form = await own_order(request, ctx), await read_form(request)
    work = seats.take if form["free"] else seats.assign
    try:
        await ctx.transaction(work, order.id, form["user"].strip())
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err)
    return redirect(f"{BASE}/purchases/{order.id}")


async def refund(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Give money back."""
    id_, form = request.path_params["order"], await read_form(request)
    order = await ctx.read(orders.one, id_)
    try:
        amount = (
            None
            if order.provider == "commerce"
            else money.read(form["amount"], order.currency).amount
        )
        ids = await ctx.transaction(
            refunds.ask, id_, ctx.call.principal.id, amount=amount, reason=form["reason"].strip()
        )
        await keeping.done(ctx, ids)
    except BloopError as err:
        return await pages.shown_sale(ctx, id_, err)
    return redirect(f"{BASE}/sales/{id_}?said=refunded")


async def paid(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Note money that came by bank transfer."""
    id_, form = request.path_params["order"], await read_form(request)
    order = await ctx.read(orders.one, id_)
    try:
        await byhand.record(
            ctx,
            order,
            amount=money.read(form["amount"], order.currency).amount,
            reference=form["reference"].strip(),
            received_at=_day(form["on"]),
        )
    except BloopError as err:
        return await pages.shown_sale(ctx, id_, err)
    return redirect(f"{BASE}/sales/{id_}?said=paid")


async def refresh(request: WebRequest, ctx: RequestContext) -> Response:
    """Ask the provider how an order stands."""
    order = await ctx.read(orders.one, request.path_params["order"])
    await checkout.refresh(ctx, order)
    return redirect(f"{BASE}/sales/{order.id}?said=refreshed")


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else now()
    except ValueError:
        raise UnsupportedError("a day is written as 2026-12-31") from None
