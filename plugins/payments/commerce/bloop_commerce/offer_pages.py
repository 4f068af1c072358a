"""Pages of who sells: products with their prices, and coupons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bloop_commerce import catalogue, coupons, money
from bloop_commerce.api import BASE
from bloop_commerce.asked import about, day, field_of, number, plain
from bloop_commerce.config import config_of
from bloop_commerce.pages import status_of
from bloop_commerce.said import Said, links_of
from bloop_commerce.sales_pages import above
from bloop_commerce.tables import Coupon, Price, Product, now
from bloop_sdk import (
    BloopError,
    Form,
    PageView,
    RequestContext,
    Response,
    Unit,
    UnsupportedError,
    WebRequest,
    gettext_noop,
    read_form,
    redirect,
)
from bloop_sdk.money import Money

SHOWN = 30
"""So many courses stand in a form; more are searched."""
NUMBERS = ("days", "seats", "trial_days", "grace_days")
_ONE = re.compile("[0-9A-Za-z-]{1,36}")
_ID = re.compile(r"/(courses|lessons)/([0-9A-Za-z-]{1,36})")


async def offers(_request: WebRequest, ctx: RequestContext) -> PageView:
    """All products, for sale or not."""

    def read(unit: Unit) -> list[tuple[Product, list[Price]]]:
        rows = catalogue.products(unit, on_sale=False)
        prices = catalogue.prices_of(unit, [row.id for row in rows])
        return [(row, prices[row.id]) for row in rows]

    said, home = Said(ctx.words), _home(ctx)
    found = [said.offered(row, prices, home) for row, prices in await ctx.read(read)]
    html = ctx.render("offers.html", products=found)
    title = ctx.words.gettext("Products")
    return PageView(title=title, html=html, above=above(ctx, "offers"))


async def new(_request: WebRequest, ctx: RequestContext) -> PageView:
    """The form of a new product."""
    typed = Form({"currency": config_of(ctx).currency, "on_sale": "1"})
    return await _form_of_new(ctx, typed, {})


async def _form_of_new(
    ctx: RequestContext, typed: Form, wrong: Mapping[str, str], error: BloopError | None = None
) -> PageView:
    html = ctx.render(
        "offer_new.html",
        typed=typed,
        shelf=await ctx.read(_shelf, typed),
        wrong={name: _told(ctx, words) for name, words in wrong.items()},
        error=error,
    )
    status = 422 if wrong else status_of(error)
    _ = ctx.words.gettext
    around = above(ctx, "offers", ("offers", _("Products")))
    return PageView(title=_("New product"), html=html, status=status, above=around)


async def add(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Make a product, and set its first price."""
    found = await made(ctx, await read_form(request))
    return found if isinstance(found, PageView) else redirect(f"{BASE}/offers/{found}?said=made")


async def made(ctx: RequestContext, form: Form) -> str | PageView:
    """Make a product as a form describes it: its id, or the form again with what is wrong."""
    if form["look"]:
        return await _form_of_new(ctx, form, {})
    given = _offer_of(form) | {"kind": form["kind"] or "single"}
    given["interval"] = form["interval"] if given["kind"] == "subscription" else None
    wrong, price = catalogue.faults_of(given), Money(amount=0, currency="EUR")
    try:
        price = money.read(form["price"], form["currency"])
    except UnsupportedError as err:
        name = "price" if len(form["currency"].strip()) == 3 else "currency"
        wrong.setdefault(name, err.message)
    if wrong:
        return await _form_of_new(ctx, form, wrong)
    try:
        offer_ = catalogue.read_offer(given)
        row = await ctx.transaction(catalogue.put_on_sale, offer_, price, "")
    except BloopError as err:
        return await _form_of_new(ctx, form, {}, err)
    return row.id


def _named(form: Form) -> list[tuple[str, str]]:
    """The kinds and ids of what a form gives: ticked courses, and pasted addresses of any."""
    ticked = [("courses", id_) for id_ in form.all("course") if _ONE.fullmatch(id_)]
    return [*ticked, *((one[1], one[2]) for one in _ID.finditer(form["gives"]))]


def _shelf(unit: Unit, typed: Form) -> dict[str, Any]:
    """The courses that a form offers: those that it gives, and what its search finds."""
    chosen = [id_ for kind, id_ in _named(typed) if kind == "courses"]
    found = dict(unit.find_courses(plain(typed["find"])[:200], limit=SHOWN + 1))
    more = len(found) > SHOWN
    titles = dict(unit.titles(courses=chosen)) | dict(list(found.items())[:SHOWN])
    courses = [{"id": id_, "title": it, "chosen": id_ in chosen} for id_, it in titles.items()]
    return {"courses": courses, "more": more}


def _offer_of(form: Form) -> dict[str, Any]:
    """A product as a form describes it; a number that is none is left for the model to refuse."""
    named = _named(form)
    given: dict[str, Any] = {
        "title": plain(form["title"]),
        "summary": plain(form["summary"]),
        "courses": list(dict.fromkeys(id_ for kind, id_ in named if kind == "courses")),
        "items": list(dict.fromkeys(id_ for kind, id_ in named if kind == "lessons")),
        "on_sale": form["on_sale"] == "1",
    }
    for name in NUMBERS:
        if text := form[name].strip():
            found = number(text)
            given[name] = text if found is None else found
    return given


async def offer(request: WebRequest, ctx: RequestContext) -> PageView:
    """A product: what it is, and what it costs."""
    said = request.query_params.get("said", "")
    return await shown_offer(ctx, request.path_params["product"], said=said)


async def shown_offer(
    ctx: RequestContext,
    id_: str,
    typed: Form | None = None,
    wrong: Mapping[str, str] | None = None,
    error: BloopError | None = None,
    said: str = "",
) -> PageView:
    """The page of a product, with what was typed into one of its forms."""

    def read(unit: Unit) -> tuple[Product, Sequence[Price], list[tuple[str, str]], Form, Any]:
        row = catalogue.product(unit, id_)
        titles = unit.titles(courses=row.courses, items=row.items)
        links = links_of(titles, row.courses, row.items)
        shown = typed if typed is not None and "title" in typed.fields else _typed_of(row)
        return row, catalogue.prices(unit, id_), links, shown, _shelf(unit, shown)

    row, prices, links, shown, shelf = await ctx.read(read)
    html = ctx.render(
        "offer_edit.html",
        product=Said(ctx.words).offered(row, prices, _home(ctx)),
        version=row.version,
        links=links,
        typed=shown,
        shelf=shelf,
        priced=typed if typed is not None and typed is not shown else Form(),
        currency=config_of(ctx).currency,
        wrong={name: _told(ctx, words) for name, words in (wrong or {}).items()},
        about=field_of(error),
        error=error,
        said=said,
    )
    around = above(ctx, "offers", ("offers", ctx.words.gettext("Products")))
    status = 422 if wrong else status_of(error)
    return PageView(title=row.title, html=html, status=status, above=around)


def _typed_of(row: Product) -> Form:
    """A product as its form shows it first."""
    gives = [f"/lessons/{one}" for one in row.items]
    fields = {name: str(getattr(row, name) or "") for name in ("title", "summary", *NUMBERS)}
    on_sale = "1" if row.on_sale else ""
    more = {"kind": row.kind, "gives": "\n".join(gives), "on_sale": on_sale}
    return Form(fields | more, tuple(("course", id_) for id_ in row.courses))


async def change(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Describe a product anew, over the version that was looked at."""
    id_, form = request.path_params["product"], await read_form(request)
    if form["look"]:
        return await shown_offer(ctx, id_, form)
    row = await ctx.read(catalogue.product, id_)
    given = _offer_of(form) | {"kind": row.kind, "interval": row.interval}
    wrong = catalogue.faults_of(given)
    if wrong:
        return await shown_offer(ctx, id_, form, wrong)
    try:
        offer_ = catalogue.read_offer(given)
        await ctx.transaction(catalogue.change, id_, offer_, number(form["version"]) or 0)
    except BloopError as err:
        return await shown_offer(ctx, id_, form, error=err)
    return redirect(f"{BASE}/offers/{id_}?said=changed")


async def set_price(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Set a price of a product."""
    id_, form = request.path_params["product"], await read_form(request)
    try:
        with about("price"):
            price = money.read(form["price"], form["currency"])
        with about("country"):
            country = money.country_of(form["country"].strip())
        await ctx.transaction(catalogue.set_price, id_, price.amount, price.currency, country)
    except BloopError as err:
        return await shown_offer(ctx, id_, form, error=err)
    return redirect(f"{BASE}/offers/{id_}?said=priced")


async def end_price(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Sell at a price no more."""
    where = request.path_params
    try:
        await ctx.transaction(catalogue.end_price, where["product"], where["price"])
    except BloopError as err:
        return await shown_offer(ctx, where["product"], error=err)
    return redirect(f"{BASE}/offers/{where['product']}?said=ended")


async def codes(request: WebRequest, ctx: RequestContext) -> PageView:
    """All coupons, and how often each is used."""
    return await shown_codes(ctx, said=request.query_params.get("said", ""))


async def shown_codes(
    ctx: RequestContext, typed: Form | None = None, error: BloopError | None = None, said: str = ""
) -> PageView:
    """The page of coupons, with what was typed into its form."""

    def read(unit: Unit) -> dict[str, Any]:
        products = {row.id: row.title for row in catalogue.products(unit, on_sale=False)}
        rows = [_coupon(ctx, row, products) for row in coupons.every(unit)]
        return {"coupons": rows, "products": products}

    html = ctx.render(
        "coupons.html",
        typed=typed or Form({"currency": config_of(ctx).currency}),
        wrong=field_of(error),
        error=error,
        said=said,
        **await ctx.read(read),
    )
    title, around = ctx.words.gettext("Coupons"), above(ctx, "coupon-codes")
    return PageView(title=title, html=html, status=status_of(error), above=around)


def _coupon(ctx: RequestContext, row: Coupon, products: Mapping[str, str]) -> dict[str, Any]:
    said, _ = Said(ctx.words), ctx.words.gettext
    off = f"{row.percent} %" if row.percent else said.money(row.amount or 0, row.currency or "EUR")
    is_over = bool(row.until and row.until <= now()) or bool(row.most and row.used >= row.most)
    return {
        "id": row.id,
        "code": row.code,
        "off": _("{money} off").format(money=off),
        "for": products.get(row.product_id or "", ""),
        "used": row.used,
        "most": row.most,
        "until": row.until,
        "is_over": is_over,
        "is_ended": bool(row.until and row.until <= now()),
    }


async def add_coupon(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Make a coupon."""
    form = await read_form(request)
    try:
        await ctx.transaction(coupons.make, form["code"], **_coupon_of(form))
    except BloopError as err:
        return await shown_codes(ctx, form, err)
    return redirect(f"{BASE}/coupon-codes?said=made")


def _coupon_of(form: Form) -> dict[str, Any]:
    given: dict[str, Any] = {"product": form["product"][:36] or None}
    for name in ("percent", "most"):
        given[name] = number(form[name].strip())
        if given[name] is None and form[name].strip():
            with about(name):
                raise UnsupportedError(gettext_noop("write a whole number"))
    if form["amount"].strip():
        with about("amount"):
            price = money.read(form["amount"], form["currency"])
        given |= {"amount": price.amount, "currency": price.currency}
    with about("until"):
        last = day(form["until"].strip())
    if last is not None:
        # A coupon that is good until a day is good on that day.
        given["until"] = datetime.combine(last, datetime.min.time(), UTC) + timedelta(days=1)
    return given


async def end_coupon(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Let a coupon be good no longer."""
    try:
        await ctx.transaction(coupons.end, request.path_params["coupon"])
    except BloopError as err:
        return await shown_codes(ctx, error=err)
    return redirect(f"{BASE}/coupon-codes?said=ended")


def _home(ctx: RequestContext) -> tuple[str, str]:
    config = config_of(ctx)
    return config.currency, config.country


PLAIN = {
    "String should have at least 1 character": gettext_noop("this is needed"),
    "Input should be a valid integer, unable to parse string as an integer": gettext_noop(
        "write a whole number"
    ),
}
"""What the model says, in words for people."""


def _told(ctx: RequestContext, words: str) -> str:
    """A fault of a field in words of the reader's language."""
    plainly = PLAIN.get(words, words)
    known = (
        (r"(?:String|List) should have at most (\d+) \w+", gettext_noop("at most {count} of them")),
        (r"Input should be greater than or equal to (\d+)", gettext_noop("at least {count}")),
        (r"Input should be less than or equal to (\d+)", gettext_noop("at most {count}")),
    )
    for pattern, said in known:
        if match := re.match(pattern, words):
            return ctx.words.gettext(said).format(count=match[1])
    return ctx.words.translate(plainly)
