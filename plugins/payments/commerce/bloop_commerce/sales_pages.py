"""Pages of who keeps the books: orders, an order, giving money back, and the balance."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bloop_commerce import (
    entitlements,
    facts,
    invoices,
    keeping,
    ledger,
    money,
    orders,
    refunds,
)
from bloop_commerce.asked import about, field_of, number
from bloop_commerce.balance import Finding, findings
from bloop_commerce.pages import status_of
from bloop_commerce.said import REFUNDS, STATES, Said
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import Order
from bloop_sdk import BloopError, Form, PageView, RequestContext, Unit, WebRequest
from bloop_sdk.providers.payments import Can

AT_ONCE = 50


async def sales(request: WebRequest, ctx: RequestContext) -> PageView:
    """The institution's orders, the newest first: of a state, or found by what is known of them."""
    query, said, _ = request.query_params, await spoken(ctx), ctx.words.gettext
    state, search = query.get("state", "")[:20], query.get("q", "").strip()[:200]
    before = number(query.get("before", ""))

    def read(unit: Unit) -> dict[str, Any]:
        rows = orders.newest(unit, state, before, AT_ONCE + 1, search)
        people = unit.contacts({row.buyer_id for row in rows})
        named = {id_: one.name for id_, one in people.items()}
        told = [said.order(row) | {"buyer": named.get(row.buyer_id, "")} for row in rows]
        return {
            "orders": told[:AT_ONCE],
            "more": len(rows) > AT_ONCE,
            "counts": orders.counts(unit),
        }

    found = await ctx.read(read)
    kept = {name: value for name, value in (("state", state), ("q", search)) if value}
    html = ctx.render(
        "sales.html",
        state_asked=state,
        search=search,
        is_first=before is None,
        states=[(one.value, _(STATES[one][0])) for one in OrderState if found["counts"].get(one)],
        newest=urlencode(kept),
        older=urlencode({**kept, "before": found["orders"][-1]["number"]}) if found["more"] else "",
        **found,
    )
    return PageView(title=_("Sales"), html=html, above=above(ctx, "sales"))


async def spoken(ctx: RequestContext) -> Said:
    """Words of the reader's language, and the names of those who take payments."""
    offers = await ctx.providers.offers("payments")
    return Said(ctx.words, {one.plugin_id: one.name for one in offers})


def above(ctx: RequestContext, current: str, *ways: tuple[str, str]) -> str:
    """The pages of who sells and keeps the books, as far as the caller may see them.

    ``current`` is the path of one of them, ``ways`` are paths and titles that lead back.
    """
    _ = ctx.words.gettext
    pages = (
        ("sales", _("Orders"), "commerce:books"),
        ("books", _("Books"), "commerce:books"),
        ("offers", _("Products"), "commerce:sell"),
        ("coupon-codes", _("Coupons"), "commerce:sell"),
    )
    marked = "true" if ways else "page"
    parts = [
        {"path": path, "title": title, "current": marked if path == current else ""}
        for path, title, action in pages
        if ctx.may(action)
    ]
    return ctx.render("above.html", parts=parts, ways=ways)


async def sale(request: WebRequest, ctx: RequestContext) -> PageView:
    """An order with its facts, its ledger, and what can be done with it."""
    said = request.query_params.get("said", "")
    return await shown_sale(ctx, request.path_params["order"], said=said)


async def shown_sale(
    ctx: RequestContext,
    id_: str,
    error: BloopError | None = None,
    said: str = "",
    typed: Form | None = None,
) -> PageView:
    """The page of an order."""
    speech = await spoken(ctx)

    def read(unit: Unit) -> dict[str, Any]:
        row, given = orders.with_given(unit, id_)
        stated, asked = facts.rows_of_order(unit, row.id), refunds.of_order(unit, row.id)
        left = refunds.left_by(row, map(facts.stated, stated), asked)
        return {
            "order": speech.order(row),
            "buyer": unit.contact(row.buyer_id),
            "buyer_id": row.buyer_id,
            "faults": [ctx.words.translate(one) for one in row.faults],
            "facts": [speech.fact(one) for one in stated],
            "entries": speech.entries(unit, row.id),
            "spans": speech.spans(map(entitlements.of_text, given.spans)) if given else [],
            "refunds": [_refund(speech, one) for one in asked],
            "papers": speech.papers(invoices.of_order(unit, row.id)),
            "left": speech.money(sum(left.values()), row.currency) if any(left.values()) else "",
        }

    found = await ctx.read(read)
    html = ctx.render(
        "sale.html",
        error=error,
        wrong=field_of(error),
        typed=typed or Form(),
        said=said,
        gives_back=ctx.may("commerce:refund"),
        sees_people=ctx.may("users:read"),
        **found,
    )
    _ = ctx.words.gettext
    title = _("Order {number}").format(number=found["order"]["number"])
    around = above(ctx, "sales", ("sales", _("Orders")))
    return PageView(title=title, html=html, status=status_of(error), above=around)


def _refund(said: Said, row: Any) -> dict[str, str]:
    words, look = REFUNDS.get(row.state, (row.state, "warn"))
    return {
        "amount": said.money(row.amount, row.currency),
        "words": said.words.gettext(words),
        "look": look,
        "reason": row.reason,
        "error": row.error,
    }


async def refund(request: WebRequest, ctx: RequestContext) -> PageView:
    """How much goes back, and what that does, before anything is done."""
    query = request.query_params
    typed = Form({name: query.get(name, "") for name in ("amount", "reason")})
    return await shown_refund(ctx, request.path_params["order"], typed, asks="amount" not in query)


async def shown_refund(
    ctx: RequestContext,
    id_: str,
    typed: Form,
    *,
    asks: bool = False,
    error: BloopError | None = None,
) -> PageView:
    """The page of a refund; one that ``asks`` proposes all that is left."""
    order = await ctx.read(orders.one, id_)
    found: refunds.Preview | None = None
    try:
        amount = None if asks else read_amount(order, typed["amount"])
        found = await ctx.read(refunds.preview, order.id, amount)
    except BloopError as err:
        error = error or err
    speech = await spoken(ctx)
    if asks and found:
        typed = Form({"amount": str(found.money.decimal)})
    html = ctx.render(
        "refund.html",
        order=speech.order(order),
        preview=None if asks or error else found,
        is_by_hand=await _is_by_hand(ctx, order),
        typed=typed,
        error=error,
        wrong=field_of(error),
    )
    _ = ctx.words.gettext
    way = (f"sales/{order.id}", _("Order {number}").format(number=order.number))
    around = above(ctx, "sales", ("sales", _("Orders")), way)
    return PageView(title=_("Give money back"), html=html, status=status_of(error), above=around)


def read_amount(order: Order, text: str) -> int | None:
    """How much goes back; of what cost nothing there is no amount."""
    if order.provider == facts.OWN:
        return None
    with about("amount"):
        return money.read(text, order.currency).amount


async def _is_by_hand(ctx: RequestContext, order: Order) -> bool:
    """Whether somebody has to send the money back themselves."""
    try:
        provider = await ctx.providers.get("payments", order.provider)
    except BloopError:
        return False
    return Can.BY_HAND in provider.spec().can


async def books(request: WebRequest, ctx: RequestContext) -> PageView:
    """What is out of balance, what the accounts come to, and exports for accountants."""
    speech, is_deep = await spoken(ctx), bool(request.query_params.get("deep"))

    def read(unit: Unit) -> dict[str, Any]:
        balances = ledger.trial_balance(unit)
        return {
            "found": findings(unit, balances),
            "accounts": [
                (speech.account(one.account), speech.money(one.amount, one.currency))
                for one in balances
            ],
        }

    known = await ctx.read(read)
    more = await keeping.examined(ctx) if is_deep else []
    html = ctx.render(
        "books.html",
        findings=await _named(ctx, known["found"] + more),
        accounts=known["accounts"],
        is_deep=is_deep,
    )
    return PageView(title=ctx.words.gettext("Books"), html=html, above=above(ctx, "books"))


async def _named(ctx: RequestContext, found: list[Finding]) -> list[dict[str, str]]:
    """Findings in words: people by their names, as far as they are known."""
    people = {one.subject for one in found if one.kind == "access" and not one.order}
    known = await ctx.read(lambda unit: unit.contacts(people)) if people else {}
    _ = ctx.words.gettext
    told = []
    for one in found:
        words = ctx.words.translate(one.words)
        if one.subject in known:
            words = words.replace(one.subject, known[one.subject].name)
        where = _("Order {number}").format(number=one.subject) if one.order else ""
        cure = ctx.words.translate(one.cure)
        told.append({"words": words, "cure": cure, "order": one.order, "where": where})
    return told
