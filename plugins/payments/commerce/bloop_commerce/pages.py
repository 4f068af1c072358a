"""Pages: what is for sale, one's purchases, and for who keeps the books the sales."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bloop_commerce import (
    catalogue,
    checkout,
    entitlements,
    facts,
    invoices,
    ledger,
    orders,
    refunds,
)
from bloop_commerce.api import own_order
from bloop_commerce.asked import number
from bloop_commerce.balance import findings
from bloop_commerce.config import config_of
from bloop_commerce.money import shown
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import ITEM, Order, Price, Product
from bloop_sdk import (
    BloopError,
    NotFoundError,
    PageView,
    RequestContext,
    RetriableError,
    Unit,
    WebRequest,
)
from bloop_sdk.money import Money

REFRESH_SECONDS = 4.0
WAITING = frozenset({OrderState.OPEN, OrderState.FAILED})
WORDS = {
    OrderState.OPEN: ("waits for payment", "busy"),
    OrderState.FAILED: ("the payment did not come through", "warn"),
    OrderState.EXPIRED: ("was not paid", ""),
    OrderState.SHORT: ("what came is not what was agreed", "warn"),
    OrderState.PAID: ("paid", "good"),
    OrderState.TRIALING: ("on trial", "good"),
    OrderState.PAST_DUE: ("a renewal is due", "warn"),
    OrderState.ENDED: ("ended", ""),
    OrderState.REFUNDED: ("given back", ""),
    OrderState.DISPUTED: ("disputed", "warn"),
    OrderState.CHARGED_BACK: ("charged back", "warn"),
}
ACCOUNTS = {
    "fees": "Fees of providers",
    "sales": "Sales",
    "tax": "Tax that is owed",
    "refunds": "Given back",
    "disputes": "Held by banks in disputes",
    "chargebacks": "Charged back",
}
KINDS = {
    "captured": "money came",
    "failed": "a payment failed",
    "refunded": "given back",
    "disputed": "disputed",
    "dispute_won": "dispute won",
    "dispute_lost": "dispute lost",
    "subscription": "subscription",
    "expired": "expired",
}


async def shop(_request: WebRequest, ctx: RequestContext) -> PageView:
    """What is for sale."""

    def read(unit: Unit) -> list[tuple[Product, Sequence[Price]]]:
        rows = catalogue.products(unit)
        return [(row, catalogue.prices(unit, row.id)) for row in rows]

    found = [_offered(ctx, row, prices) for row, prices in await ctx.read(read) if prices]
    return PageView(title="Shop", html=ctx.render("shop.html", products=found))


async def product(request: WebRequest, ctx: RequestContext) -> PageView:
    """One product, and how to order it."""
    id_ = request.path_params["product"]

    def read(unit: Unit) -> tuple[Product, Sequence[Price]]:
        return catalogue.product(unit, id_), catalogue.prices(unit, id_)

    row, prices = await ctx.read(read)
    if not (row.on_sale and prices):
        raise NotFoundError("this is not for sale", cure="look at what is")
    offers = await ctx.providers.offers("payments")
    html = ctx.render(
        "product.html",
        product=_offered(ctx, row, prices),
        ways=offers,
        buys=ctx.may("commerce:buy"),
        said=request.query_params.get("said", ""),
    )
    return PageView(title=row.title, html=html)


def _offered(ctx: RequestContext, row: Product, prices: Sequence[Price]) -> dict[str, Any]:
    config = config_of(ctx)
    mine = (config.currency, config.country)
    ranked = sorted(prices, key=lambda one: _nearness(one, *mine))
    every = {"month": " a month", "year": " a year"}.get(row.interval or "", "")
    return {
        "id": row.id,
        "title": row.title,
        "summary": row.summary,
        "kind": row.kind,
        "courses": row.courses,
        "gives": _gives(row),
        "seats": row.seats,
        "days": row.days,
        "trial_days": row.trial_days,
        "every": every,
        "price": shown(ranked[0].amount, ranked[0].currency),
        "prices": [
            {
                "value": f"{one.currency}-{one.country}",
                "words": shown(one.amount, one.currency)
                + every
                + (f", for {one.country}" if one.country else ""),
            }
            for one in ranked
        ],
    }


def _gives(row: Product) -> str:
    """How much of what is given, in words."""
    counts = [("course", len(row.courses)), ("lesson", len(row.items))]
    return " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts if n)


def _nearness(price: Price, currency: str, country: str) -> tuple[bool, bool, bool, str, str]:
    """Sorts the institution's own currency and country first, then prices for everywhere."""
    return (
        price.currency != currency,
        price.country != country or not country,
        price.country != "",
        price.currency,
        price.country,
    )


async def purchases(_request: WebRequest, ctx: RequestContext) -> PageView:
    """What the caller has bought."""
    buyer = ctx.call.principal.id

    def read(unit: Unit) -> list[dict[str, Any]]:
        papers = invoices.numbers_of_orders(unit, buyer)
        rows = orders.of_buyer(unit, buyer)
        return [told(row) | {"papers": papers.get(row.id, "").split()} for row in rows]

    html = ctx.render("purchases.html", orders=await ctx.read(read))
    return PageView(title="My purchases", html=html)


async def purchase(request: WebRequest, ctx: RequestContext) -> PageView:
    """One purchase: where to pay it, what it gives, who has its seats."""
    return await shown_purchase(ctx, await own_order(request, ctx))


async def back(request: WebRequest, ctx: RequestContext) -> PageView:
    """Where the provider sends the buyer back to: what they agreed to is taken, once."""
    order = await own_order(request, ctx)
    try:
        order = await checkout.settle(ctx, order)
    except RetriableError as err:
        ctx.log.warning("not_settled", order=order.id, code=err.code)
    return await shown_purchase(ctx, order)


async def shown_purchase(
    ctx: RequestContext, order: Order, error: BloopError | None = None
) -> PageView:
    """The page of a purchase."""

    def read(unit: Unit) -> dict[str, Any]:
        given = entitlements.of_order(unit, order.id)
        return {
            "spans": [entitlements.of_text(span) for span in given.spans] if given else [],
            "seats": given.seats if given else 0,
            # What is gone by now is no place to send anybody to.
            "items": [
                one.subject_id
                for one in entitlements.of_user(unit, order.buyer_id)
                if one.is_open and given and one.kind == ITEM and one.subject_id in given.items
            ],
            "seated": entitlements.seated(unit, order.id),
            "papers": _papers(unit, order.id),
        }

    html = ctx.render("purchase.html", order=told(order), error=error, **await ctx.read(read))
    is_coming = order.state in WAITING and bool(order.checkout_url)
    return PageView(
        title=order.title,
        html=html,
        status=422 if error else 200,
        refresh=REFRESH_SECONDS if is_coming and not error else None,
    )


async def sales(request: WebRequest, ctx: RequestContext) -> PageView:
    """The institution's orders, what is out of balance, and what the accounts come to."""
    state = request.query_params.get("state", "")[:20]
    before = number(request.query_params.get("before", ""))

    def read(unit: Unit) -> dict[str, Any]:
        return {
            "orders": [told(row) for row in orders.newest(unit, state, before, 50)],
            "findings": findings(unit),
            "counts": orders.counts(unit),
            "accounts": [
                (_account(one.account), shown(one.amount, one.currency))
                for one in ledger.trial_balance(unit)
            ],
        }

    found = await ctx.read(read)
    states = [(one.value, WORDS[one][0]) for one in OrderState if found["counts"].get(one)]
    html = ctx.render("sales.html", state=state, states=states, **found)
    return PageView(title="Sales", html=html)


async def sale(request: WebRequest, ctx: RequestContext) -> PageView:
    """An order with its facts, its ledger, and what can be done with it."""
    order = await ctx.read(orders.one, request.path_params["order"])
    return await shown_sale(ctx, order.id, said=request.query_params.get("said", ""))


async def shown_sale(
    ctx: RequestContext, id_: str, error: BloopError | None = None, said: str = ""
) -> PageView:
    """The page of an order."""

    def read(unit: Unit) -> dict[str, Any]:
        row = orders.one(unit, id_)
        given = entitlements.of_order(unit, id_)
        left = sum(refunds.left_of(unit, row).values())
        return {
            "order": told(row) | {"faults": row.faults, "buyer": row.buyer_id},
            "facts": [_fact(one) for one in facts.rows_of_order(unit, id_)],
            "entries": _entries(unit, id_),
            "spans": [entitlements.of_text(span) for span in given.spans] if given else [],
            "version": given.version if given else 0,
            "refunds": [
                (shown(one.amount, one.currency), one.state, one.reason, one.error)
                for one in refunds.of_order(unit, id_)
            ],
            "papers": _papers(unit, id_),
            "left": str(Money(amount=left, currency=row.currency).decimal) if left else "",
        }

    found = await ctx.read(read)
    html = ctx.render(
        "sale.html", error=error, said=said, refunds_money=ctx.may("commerce:refund"), **found
    )
    title = f"Order {found['order']['number']}"
    return PageView(title=title, html=html, status=422 if error else 200)


def told(row: Order) -> dict[str, Any]:
    """An order as templates show it."""
    words, look = WORDS[OrderState(row.state)]
    return {
        "id": row.id,
        "number": row.number,
        "title": row.title,
        "kind": row.kind,
        "quantity": row.quantity,
        "total": shown(row.total, row.currency),
        "currency": row.currency,
        "captured": shown(row.captured, row.currency),
        "refunded": shown(row.refunded, row.currency) if row.refunded else "",
        "state": row.state,
        "words": words,
        "look": look,
        "waits": row.state in WAITING,
        "url": row.checkout_url,
        "instructions": row.instructions,
        "interval": row.interval,
        "goes_on": bool(row.subscription_id) and row.state in {"paid", "trialing", "past_due"},
        "provider": row.provider,
        "is_free": row.provider == facts.OWN,
        "at": _day(row.created_at),
    }


def _papers(unit: Unit, order: str) -> list[tuple[str, str, str]]:
    return [
        (
            one.number,
            "Invoice" if one.kind == invoices.INVOICE else "Credit note",
            shown(one.total, one.currency),
        )
        for one in invoices.of_order(unit, order)
    ]


def _entries(unit: Unit, order: str) -> list[dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for entry, line in ledger.of_order(unit, order):
        words = KINDS.get(entry.kind, entry.kind) + (", corrected" if entry.number > 1 else "")
        of = made.setdefault(entry.id, {"at": _day(entry.occurred_at), "words": words, "lines": []})
        of["lines"].append((_account(line.account), shown(line.amount, line.currency)))
    return list(made.values())


def _fact(row: Any) -> dict[str, str]:
    fact = facts.of_row(row)
    said = str(fact.money) if fact.money else ""
    if fact.subscription is not None:
        said = str(fact.subscription.status).replace("_", " ")
    return {
        "at": _day(fact.as_of),
        "words": KINDS[fact.kind],
        "said": said,
        "id": fact.id,
        "by": row.provider,
        "reason": fact.reason,
    }


def _account(name: str) -> str:
    kind, _, provider = name.partition(":")
    return f"With {provider}" if kind == "cash" else ACCOUNTS.get(name, name)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
