"""What the forms of the pages do; each leads back to a page."""

from __future__ import annotations

from datetime import UTC, datetime, time

from bloop_commerce import (
    byhand,
    checkout,
    keeping,
    money,
    orders,
    pages,
    refunds,
    sales_pages,
    seats,
    subscriptions,
)
from bloop_commerce.api import BASE, order_to_change, order_to_pay
from bloop_commerce.asked import about, day, number, plain, where
from bloop_commerce.tables import now
from bloop_sdk import (
    AuthError,
    BloopError,
    FatalError,
    Form,
    PageView,
    RequestContext,
    Response,
    RetriableError,
    UnsupportedError,
    WebRequest,
    gettext_noop,
    read_form,
    redirect,
)


async def buy(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Order a product; its page says where to pay."""
    id_, form = request.path_params["product"], await read_form(request)
    try:
        order = await checkout.buy(ctx, _wanted(ctx, id_, form))
    except (FatalError, AuthError) as err:
        return await pages.shown_product(ctx, id_, form, err)
    try:
        await checkout.start(ctx, order, f"{ctx.public_url}{BASE}")
    except RetriableError as err:
        ctx.log.warning("checkout_not_started", order=order.id, code=err.code)
    return redirect(f"{BASE}/purchases/{order.id}")


def _wanted(ctx: RequestContext, product: str, form: Form) -> checkout.Wanted:
    chosen, _, rest = form["price"].partition("-")
    country, _, unit_amount = rest.partition("-")
    with about("price"):
        currency, country = where(ctx, chosen, country)
    quantity = number(form["quantity"] or "1")
    if quantity is None:
        with about("quantity"):
            raise UnsupportedError(gettext_noop("write how many, as a whole number"))
    coupon, shown = form["coupon"].strip(), number(unit_amount)
    return checkout.Wanted(
        product=product,
        currency=currency,
        country=country,
        quantity=quantity,
        coupon=coupon,
        provider=form["way"],
        # With a coupon nobody was shown yet what it comes to.
        expected=None if coupon or shown is None else shown * quantity,
        language=ctx.locale,
        once=form["once"][:60],
    )


async def start(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Have a checkout started that could not be before."""
    order = await order_to_change(request, ctx)
    try:
        await checkout.start(ctx, order, f"{ctx.public_url}{BASE}")
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err)
    return redirect(f"{BASE}/purchases/{order.id}")


async def portal(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Send the buyer to the provider's own page, where they change how they pay."""
    order = await order_to_pay(request, ctx)
    try:
        address = await subscriptions.portal(ctx, order, f"{ctx.public_url}{BASE}")
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err)
    return Response(status=303, headers={"location": address}, body=b"", url="")


async def plan(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Have a subscription go on with another price."""
    order, form = await order_to_pay(request, ctx), await read_form(request)
    try:
        with about("plan"):
            await subscriptions.change(ctx, order, form["plan"], order.quantity)
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err, form)
    return redirect(f"{BASE}/purchases/{order.id}")


async def cancel(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """End a subscription with the time that is paid."""
    order = await order_to_change(request, ctx)
    try:
        await subscriptions.cancel(ctx, order)
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err)
    return redirect(f"{BASE}/purchases/{order.id}")


async def seat(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Give a seat of a bundle, or free it."""
    order, form = await order_to_change(request, ctx), await read_form(request)
    person = plain(form["user"])
    try:
        with about("user"):
            if form["free"]:
                await ctx.transaction(seats.take, order.id, person)
            else:
                by_name = ctx.may("users:read")
                await ctx.transaction(seats.give, order.id, person, by_name=by_name)
    except BloopError as err:
        return await pages.shown_purchase(ctx, order, err, form)
    return redirect(f"{BASE}/purchases/{order.id}")


async def refund(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Give money back, over the version of the order that was looked at."""
    id_, form = request.path_params["order"], await read_form(request)
    order = await ctx.read(orders.one, id_)
    try:
        amount = sales_pages.read_amount(order, form["amount"])
        ids = await ctx.transaction(
            refunds.ask,
            id_,
            ctx.call.principal.id,
            amount=amount,
            reason=plain(form["reason"]),
            version=number(form["version"]),
        )
        await keeping.done(ctx, ids)
    except BloopError as err:
        return await sales_pages.shown_refund(ctx, id_, form, error=err)
    return redirect(f"{BASE}/sales/{id_}?said=refunded")


async def paid(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Note money that came by bank transfer."""
    id_, form = request.path_params["order"], await read_form(request)
    order = await ctx.read(orders.one, id_)
    try:
        with about("amount"):
            amount = money.read(form["amount"], order.currency).amount
        with about("on"):
            received_at = _day(form["on"])
        with about("reference"):
            reference = plain(form["reference"])
            await byhand.record(
                ctx, order, amount=amount, reference=reference, received_at=received_at
            )
    except BloopError as err:
        return await sales_pages.shown_sale(ctx, id_, err, typed=form)
    return redirect(f"{BASE}/sales/{id_}?said=paid")


async def refresh(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Ask the provider how an order stands."""
    order = await ctx.read(orders.one, request.path_params["order"])
    try:
        await checkout.refresh(ctx, order)
    except BloopError as err:
        return await sales_pages.shown_sale(ctx, order.id, err)
    return redirect(f"{BASE}/sales/{order.id}?said=refreshed")


def _day(text: str) -> datetime:
    found = day(text.strip())
    return now() if found is None else datetime.combine(found, time(), UTC)
