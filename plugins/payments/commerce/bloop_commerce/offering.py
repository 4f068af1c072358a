"""Selling a course: the panel on its page, the panel's form, and the command."""

from __future__ import annotations

import json
from typing import Any

import click

from bloop_commerce import catalogue, views
from bloop_commerce.config import config_of
from bloop_commerce.money import read, shown
from bloop_commerce.tables import Price, Product
from bloop_sdk import (
    CommandContext,
    RequestContext,
    Response,
    Unit,
    WebRequest,
    read_form,
    redirect,
)
from bloop_sdk.money import Money
from bloop_sdk.web import PanelSubject


def put_on_sale(unit: Unit, offer: catalogue.Offer, money: Money, country: str) -> Product:
    """Make a product and set its price, both or neither."""
    made = catalogue.add(unit, offer)
    catalogue.set_price(unit, made.id, money.amount, money.currency, country)
    return made


async def beside_course(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> str | None:
    """What a course is sold as, for who decides that."""

    def sold(unit: Unit) -> list[tuple[Product, list[Price]]]:
        rows = catalogue.products(unit, on_sale=False)
        return [
            (row, list(catalogue.prices(unit, row.id))) for row in rows if subject.id in row.courses
        ]

    found = [
        {
            "id": row.id,
            "title": row.title,
            "on_sale": row.on_sale,
            "costs": ", ".join(shown(one.amount, one.currency) for one in prices),
        }
        for row, prices in await ctx.read(sold)
    ]
    currency = config_of(ctx).currency
    return ctx.render("course.html", course=subject, products=found, currency=currency)


async def sell(request: WebRequest, ctx: RequestContext) -> Response:
    """Put a course on sale for good, at one price."""
    course, form = request.path_params["course"], await read_form(request)
    offer = catalogue.read_offer({"title": form["title"], "courses": [course], "on_sale": True})
    await ctx.transaction(put_on_sale, offer, read(form["price"], form["currency"]), "")
    return redirect(f"/courses/{course}")


@click.command(name="sell")
@click.argument("course")
@click.argument("amount")
@click.argument("currency")
@click.option("--title", required=True, help="What buyers read.")
@click.option("--summary", default="", help="A sentence or two more.")
@click.option("--days", type=click.IntRange(1), help="Access ends so many days after the payment.")
@click.option("--seats", default=0, type=click.IntRange(0), help="A bundle of so many seats.")
@click.option("--every", type=click.Choice(["month", "year"]), help="A subscription.")
@click.option("--trial-days", default=0, type=click.IntRange(0), help="Free days before it.")
@click.option("--grace-days", default=0, type=click.IntRange(0), help="After a failed renewal.")
@click.option("--country", default="", help="Where the price holds, such as DE; else everywhere.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def command(
    ctx: CommandContext,
    /,
    *,
    course: str,
    amount: str,
    currency: str,
    seats: int,
    every: str | None,
    country: str,
    as_json: bool,
    **described: Any,
) -> None:
    """Put COURSE on sale at AMOUNT of CURRENCY: `sell ID 49.00 EUR --title Physics`.

    More than one course, or more prices, by the API: POST /x/commerce/products.
    """
    kind = "subscription" if every else "seats" if seats else "single"
    given = {"kind": kind, "courses": [course], "seats": seats, "interval": every, "on_sale": True}
    offer = catalogue.read_offer({**given, **described})
    price = read(amount, currency)
    made = await ctx.transaction(put_on_sale, offer, price, country)
    if as_json:
        prices = await ctx.read(catalogue.prices, made.id)
        click.echo(json.dumps(views.product(made, prices)))
        return
    click.secho("✓ ", fg="green", nl=False)
    click.echo(f"{made.title} is for sale at {price}")
    click.echo(
        "  It is for who has paid once the course is: bloop content audience COURSE enrolled"
    )
