"""For programs of who sells: products, prices, coupons."""

from __future__ import annotations

from typing import Any

from bloop_commerce import catalogue, coupons, views
from bloop_commerce.asked import answer, body_of, field, moment, needed
from bloop_sdk import RequestContext, Response, Unit, UnsupportedError, WebRequest

COUPON = ("code", "percent", "amount", "currency", "product", "most", "until")


async def add_product(request: WebRequest, ctx: RequestContext) -> Response:
    """Make a product; it is for sale once ``on_sale`` says so and it has a price."""
    offer = catalogue.read_offer(await body_of(request, catalogue.Offer.model_fields))
    made = await ctx.transaction(catalogue.add, offer)
    where = f"/x/commerce/products/{made.id}"
    return answer(views.product(made, ()), 201, location=where, etag=f'"v{made.version}"')


async def change_product(request: WebRequest, ctx: RequestContext) -> Response:
    """Describe a product anew, over the version that ``If-Match`` names."""
    offer = catalogue.read_offer(await body_of(request, catalogue.Offer.model_fields))
    tag = request.headers.get("if-match", "").strip('W/" v')
    if not (tag.isascii() and tag.isdigit()):
        raise UnsupportedError(
            "a product is written over a version", cure="send If-Match with the ETag of yours"
        )
    id_ = request.path_params["product"]
    made = await ctx.transaction(catalogue.change, id_, offer, int(tag[:9]))
    prices = await ctx.read(catalogue.prices, made.id)
    return answer(views.product(made, prices), etag=f'"v{made.version}"')


async def set_price(request: WebRequest, ctx: RequestContext) -> Response:
    """Set a price: ``{"amount": 4900, "currency": "EUR", "country": "DE"?}``."""
    body = await body_of(request, ("amount", "currency", "country"))
    made = await ctx.transaction(
        catalogue.set_price,
        request.path_params["product"],
        body.get("amount"),
        body.get("currency"),
        body.get("country", ""),
    )
    return answer(views.price(made), 201)


async def end_price(request: WebRequest, ctx: RequestContext) -> Response:
    """Sell at a price no more."""
    where = request.path_params
    await ctx.transaction(catalogue.end_price, where["product"], where["price"])
    return Response(status=204, headers={}, body=b"", url="")


async def list_coupons(_request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """All coupons, and how often each is used."""

    def read(unit: Unit) -> list[dict[str, Any]]:
        return [views.coupon(row) for row in coupons.every(unit)]

    return {"items": await ctx.read(read)}


async def end_coupon(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Let a coupon be good no longer; orders that hold it keep their price."""
    return views.coupon(await ctx.transaction(coupons.end, request.path_params["coupon"]))


async def add_coupon(request: WebRequest, ctx: RequestContext) -> Response:
    """Make a coupon: a percentage, or an amount of a currency, off what is paid once."""
    body = await body_of(request, COUPON)
    numbers = {name: field(body, name, int, 0) or None for name in ("percent", "amount", "most")}
    made = await ctx.transaction(
        coupons.make,
        needed(body, "code"),
        **numbers,
        currency=field(body, "currency", str, "") or None,
        product=field(body, "product", str, "")[:36] or None,
        until=moment(body, "until"),
    )
    return answer(views.coupon(made), 201)
