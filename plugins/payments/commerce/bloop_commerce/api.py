"""For programs, below ``/x/commerce``: what is for sale, buying, and what one has bought."""

from __future__ import annotations

from typing import Any

from bloop_commerce import (
    catalogue,
    checkout,
    entitlements,
    invoices,
    orders,
    seats,
    subscriptions,
    views,
)
from bloop_commerce.asked import answer, body_of, field, needed, where
from bloop_commerce.tables import Order
from bloop_sdk import NotFoundError, RequestContext, Response, RetriableError, Unit, WebRequest

BASE = "/x/commerce"
BOOKS, REFUND = "commerce:books", "commerce:refund"
WANTED = ("product", "currency", "country", "quantity", "coupon", "provider", "expected")


async def list_products(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """What is for sale with its prices; who sells sees the rest as well (``?all=1``)."""
    every = bool(request.query_params.get("all")) and ctx.may("commerce:sell")

    def read(unit: Unit) -> list[dict[str, Any]]:
        rows = catalogue.products(unit, on_sale=not every)
        return [views.product(row, catalogue.prices(unit, row.id)) for row in rows]

    return {"items": await ctx.read(read)}


async def show_product(request: WebRequest, ctx: RequestContext) -> Response:
    """A product with its prices."""
    id_ = request.path_params["product"]

    def read(unit: Unit) -> dict[str, Any]:
        row = catalogue.product(unit, id_)
        return views.product(row, catalogue.prices(unit, row.id))

    shown = await ctx.read(read)
    if not shown["on_sale"] and not ctx.may("commerce:sell"):
        raise NotFoundError("no such product", cure="look at what is for sale")
    return answer(shown, etag=f'"v{shown["version"]}"')


async def buy(request: WebRequest, ctx: RequestContext) -> Response:
    """Order a product; the answer says where to pay (``checkout_url``, or ``instructions``).

    The order stands even where the provider does not answer now: ask for its checkout again.
    """
    body = await body_of(request, WANTED)
    currency, country = where(
        ctx, field(body, "currency", str, ""), field(body, "country", str, "")
    )
    wanted = checkout.Wanted(
        product=needed(body, "product"),
        currency=currency,
        country=country,
        quantity=field(body, "quantity", int, 1),
        coupon=field(body, "coupon", str, ""),
        provider=field(body, "provider", str, ""),
        expected=None if body.get("expected") is None else field(body, "expected", int, 0),
        language=ctx.locale,
    )
    order = await checkout.buy(ctx, wanted)
    try:
        order = await checkout.start(ctx, order, f"{ctx.public_url}{BASE}")
    except RetriableError as err:
        ctx.log.warning("checkout_not_started", order=order.id, code=err.code)
    return answer(views.order(order), 201, location=f"{BASE}/orders/{order.id}")


async def start(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Where to pay an order."""
    order = await order_to_change(request, ctx)
    return views.order(await checkout.start(ctx, order, f"{ctx.public_url}{BASE}"))


async def settle(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Take the money of a checkout that its buyer agreed to, and say how the order stands."""
    return views.order(await checkout.settle(ctx, await order_to_change(request, ctx)))


async def my_orders(_request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """The caller's orders, the newest first."""
    rows = await ctx.read(orders.of_buyer, ctx.call.principal.id)
    return {"items": [views.order(row) for row in rows]}


async def show_order(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """An order and what it gives."""
    order = await own_order(request, ctx)

    def read(unit: Unit) -> dict[str, Any]:
        given = entitlements.of_order(unit, order.id)
        return {
            "entitlement": views.entitlement(given) if given else None,
            "invoices": [views.invoice(one) for one in invoices.of_order(unit, order.id)],
            "seated": entitlements.seated(unit, order.id) if order.kind == "seats" else [],
        }

    return views.order(order) | await ctx.read(read)


async def my_access(_request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """The courses that the caller has, or had, by purchases and seats."""
    rows = await ctx.read(entitlements.of_user, ctx.call.principal.id)
    return {"items": [views.access(row) for row in rows]}


async def give_seat(request: WebRequest, ctx: RequestContext) -> Response:
    """Give a seat of a bundle to a person, by their id or e-mail address."""
    order = await order_to_change(request, ctx)
    await ctx.transaction(seats.give, order.id, request.path_params["user"])
    return answer({}, 200)


async def take_seat(request: WebRequest, ctx: RequestContext) -> Response:
    """Free a seat of a bundle."""
    order = await order_to_change(request, ctx)
    await ctx.transaction(seats.take, order.id, request.path_params["user"])
    return Response(status=204, headers={}, body=b"", url="")


async def cancel(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """End a subscription with the time that is paid."""
    order = await order_to_change(request, ctx)
    return views.order(await subscriptions.cancel(ctx, order))


async def change_plan(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Have a subscription go on with another price: ``{"price": id, "quantity": n}``."""
    order = await order_to_pay(request, ctx)
    body = await body_of(request, ("price", "quantity"))
    quantity = field(body, "quantity", int, order.quantity)
    return views.order(await subscriptions.change(ctx, order, needed(body, "price"), quantity))


async def portal(request: WebRequest, ctx: RequestContext) -> dict[str, str]:
    """Where the buyer changes how a subscription is paid."""
    order = await order_to_pay(request, ctx)
    return {"url": await subscriptions.portal(ctx, order, f"{ctx.public_url}{BASE}")}


async def own_order(request: WebRequest, ctx: RequestContext) -> Order:
    """An order of the caller's, or of anybody for who keeps the books: to be read."""
    return await _order(request, ctx, BOOKS)


async def order_to_change(request: WebRequest, ctx: RequestContext) -> Order:
    """An order of the caller's, or of anybody for who may give the money back."""
    return await _order(request, ctx, REFUND)


async def order_to_pay(request: WebRequest, ctx: RequestContext) -> Order:
    """An order of the caller's: nobody else decides what its buyer pays, and by which card."""
    return await _order(request, ctx, None)


async def _order(request: WebRequest, ctx: RequestContext, action: str | None) -> Order:
    found = await ctx.read(orders.one, request.path_params["order"])
    if found.buyer_id != ctx.call.principal.id and not (action and ctx.may(action)):
        raise NotFoundError("no such order", cure="see your purchases")
    return found
