"""Pages of who buys: what is for sale, one's purchases, and what one has access to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bloop_commerce import catalogue, checkout, entitlements, invoices, orders, subscriptions
from bloop_commerce.api import order_to_change, own_order
from bloop_commerce.asked import field_of
from bloop_commerce.base import new_id
from bloop_commerce.config import config_of
from bloop_commerce.said import Said, links_of
from bloop_commerce.tables import ITEM, Access, Entitlement, Order, Price, Product
from bloop_sdk import (
    BloopError,
    Form,
    NotFoundError,
    PageView,
    PreconditionFailedError,
    RequestContext,
    RetriableError,
    Unit,
    WebRequest,
)

REFRESH_SECONDS = 4.0


def status_of(error: BloopError | None) -> int:
    """What a page answers that shows again what somebody sent."""
    if error is None:
        return 200
    return 409 if isinstance(error, PreconditionFailedError) else 422


async def shop(_request: WebRequest, ctx: RequestContext) -> PageView:
    """What is for sale."""

    def read(unit: Unit) -> list[tuple[Product, list[Price]]]:
        rows = catalogue.products(unit)
        prices = catalogue.prices_of(unit, [row.id for row in rows])
        return [(row, prices[row.id]) for row in rows]

    said = Said(ctx.words)
    found = [
        said.offered(row, prices, _home(ctx)) for row, prices in await ctx.read(read) if prices
    ]
    html = ctx.render("shop.html", products=found, sells=ctx.may("commerce:sell"))
    return PageView(title=ctx.words.gettext("Shop"), html=html)


async def product(request: WebRequest, ctx: RequestContext) -> PageView:
    """One product, and how to order it."""
    return await shown_product(ctx, request.path_params["product"])


async def shown_product(
    ctx: RequestContext, id_: str, typed: Form | None = None, error: BloopError | None = None
) -> PageView:
    """The page of a product, with what was typed into its form, and what is wrong with that."""

    def read(unit: Unit) -> tuple[Product, Sequence[Price], list[tuple[str, str]]]:
        row = catalogue.product(unit, id_)
        titles = unit.titles(courses=row.courses, items=row.items)
        return row, catalogue.prices(unit, row.id), links_of(titles, row.courses, row.items)

    row, prices, links = await ctx.read(read)
    if not (row.on_sale and prices):
        raise NotFoundError("this is not for sale", cure="look at what is")
    html = ctx.render(
        "product.html",
        product=Said(ctx.words).offered(row, prices, _home(ctx)),
        titles=[title for _, title in links],
        ways=await ctx.providers.offers("payments"),
        buys=ctx.may("commerce:buy"),
        sells=ctx.may("commerce:sell"),
        typed=typed or Form(),
        once=new_id(),
        error=error,
        wrong=field_of(error),
    )
    way = ctx.render("above.html", parts=[], ways=[("", ctx.words.gettext("Shop"))])
    return PageView(title=row.title, html=html, status=status_of(error), above=way)


def _home(ctx: RequestContext) -> tuple[str, str]:
    config = config_of(ctx)
    return config.currency, config.country


async def purchases(_request: WebRequest, ctx: RequestContext) -> PageView:
    """What the caller has access to, and what they have bought."""
    buyer, said = ctx.call.principal.id, Said(ctx.words)

    def read(unit: Unit) -> dict[str, Any]:
        papers = invoices.numbers_of_orders(unit, buyer)
        return {
            "access": _access(unit, said, entitlements.of_user(unit, buyer)),
            "orders": [
                said.order(row) | {"papers": papers.get(row.id, "").split()}
                for row in orders.of_buyer(unit, buyer)
            ],
        }

    html = ctx.render("purchases.html", **await ctx.read(read))
    return PageView(title=ctx.words.gettext("My purchases"), html=html)


def _access(unit: Unit, said: Said, rows: Sequence[Access]) -> list[dict[str, str]]:
    """What is open now, and until when this is sure."""
    mine = [row for row in rows if row.is_open]
    titles = unit.titles(
        courses=[row.subject_id for row in mine if row.kind != ITEM],
        items=[row.subject_id for row in mine if row.kind == ITEM],
    )
    # What is gone by now is no place to send anybody to.
    return [
        {
            "href": f"/{'lessons' if row.kind == ITEM else 'courses'}/{row.subject_id}",
            "title": titles[row.subject_id],
            "until": said.until(row.next_at),
        }
        for row in mine
        if row.subject_id in titles
    ]


async def purchase(request: WebRequest, ctx: RequestContext) -> PageView:
    """One purchase: where to pay it, what it gives, who has its seats."""
    return await shown_purchase(ctx, await own_order(request, ctx))


async def back(request: WebRequest, ctx: RequestContext) -> PageView:
    """Where the provider sends the buyer back to: what they agreed to is taken, once."""
    order = await order_to_change(request, ctx)
    try:
        order = await checkout.settle(ctx, order)
    except RetriableError as err:
        ctx.log.warning("not_settled", order=order.id, code=err.code)
    return await shown_purchase(ctx, order)


async def shown_purchase(
    ctx: RequestContext,
    order: Order,
    error: BloopError | None = None,
    typed: Form | None = None,
) -> PageView:
    """The page of a purchase."""
    said = Said(ctx.words)

    def read(unit: Unit) -> dict[str, Any]:
        given = entitlements.of_order(unit, order.id)
        return {
            "spans": said.spans(map(entitlements.of_text, given.spans)) if given else [],
            "links": _links(unit, order, given),
            "seats": given.seats if given and given.spans else 0,
            "seated": _seated(unit, order),
            "papers": said.papers(invoices.of_order(unit, order.id)),
            "plans": _plans(unit, said, order),
        }

    html = ctx.render(
        "purchase.html",
        order=said.order(order),
        error=error,
        wrong=field_of(error),
        typed=typed or Form(),
        sees_people=ctx.may("users:read"),
        **await ctx.read(read),
    )
    is_coming = said.order(order)["waits"] and bool(order.checkout_url)
    return PageView(
        title=order.title,
        html=html,
        status=status_of(error),
        refresh=REFRESH_SECONDS if is_coming and not error else None,
    )


def _plans(unit: Unit, said: Said, order: Order) -> list[tuple[str, str]]:
    """The prices that a subscription may go on with, and what each gives, in words."""
    if not said.order(order)["goes_on"]:
        return []
    return [
        (price.id, f"{row.title}, {said.price(price.amount, price.currency, row.interval)}")
        for row, price in subscriptions.plans(unit, order)
    ]


def _links(unit: Unit, order: Order, given: Entitlement | None) -> list[tuple[str, str]]:
    """What its buyer may open; of a bundle that is for those who have its seats."""
    if given is None or not given.spans or order.kind == "seats":
        return []
    titles = unit.titles(courses=given.courses, items=given.items)
    return links_of(titles, given.courses, given.items)


def _seated(unit: Unit, order: Order) -> list[dict[str, str]]:
    """Who has a seat, by name as far as they are known."""
    if order.kind != "seats":
        return []
    users = entitlements.seated(unit, order.id)
    known = unit.contacts(users)
    return [{"id": id_, "name": known[id_].name if id_ in known else id_} for id_ in users]
