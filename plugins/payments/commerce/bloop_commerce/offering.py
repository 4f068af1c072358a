"""Selling a course or a lesson: the panel on its page, the panel's form, and the command."""

from __future__ import annotations

import json
from typing import Any

import click

from bloop_commerce import catalogue, offer_pages, views
from bloop_commerce.config import config_of
from bloop_commerce.money import read
from bloop_commerce.said import Said
from bloop_sdk import (
    CommandContext,
    Form,
    PageView,
    RequestContext,
    Response,
    Unit,
    WebRequest,
    read_form,
    redirect,
)
from bloop_sdk.web import PanelSubject


async def beside_course(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> str | None:
    """What a course is sold as, for who decides that."""
    return await _beside(ctx, subject, "courses")


async def beside_lesson(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> str | None:
    """What a lesson is sold as by itself; nothing for a note, which may be its writer's alone."""
    if subject.kind == "note":
        return None
    return await _beside(ctx, subject, "items")


async def _beside(ctx: RequestContext, subject: PanelSubject, named: str) -> str:
    said = Said(ctx.words)

    def sold(unit: Unit) -> list[dict[str, Any]]:
        rows = catalogue.products(unit, on_sale=False)
        mine = [row for row in rows if subject.id in getattr(row, named)]
        prices = catalogue.prices_of(unit, [row.id for row in mine])
        return [
            {
                "id": row.id,
                "title": row.title,
                "on_sale": row.on_sale,
                "costs": ctx.words.listed(
                    said.price(one.amount, one.currency, row.interval) for one in prices[row.id]
                ),
            }
            for row in mine
        ]

    return ctx.render(
        "offer.html",
        subject=subject,
        products=await ctx.read(sold),
        currency=config_of(ctx).currency,
        place="courses" if named == "courses" else "lessons",
    )


async def sell(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Put a course on sale for good, at one price."""
    return await _put_on_sale(request, ctx, f"/courses/{request.path_params['course']}")


async def sell_lesson(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Put a single lesson on sale for good, at one price."""
    return await _put_on_sale(request, ctx, f"/lessons/{request.path_params['item']}")


async def _put_on_sale(request: WebRequest, ctx: RequestContext, path: str) -> Response | PageView:
    """What was typed wrong is shown again on the page for new products."""
    form = await read_form(request)
    typed = Form({**form.fields, "gives": path, "on_sale": "1", "kind": "single"})
    made = await offer_pages.made(ctx, typed)
    return made if isinstance(made, PageView) else redirect(path)


@click.command(name="sell")
@click.argument("subject", metavar="COURSE|LESSON")
@click.argument("amount")
@click.argument("currency")
@click.option("--title", required=True, help="What buyers read.")
@click.option("--summary", default="", help="A sentence or two more.")
@click.option("--days", type=click.IntRange(1), help="Access ends so many days after the payment.")
@click.option("--lesson", is_flag=True, help="What is named is a single lesson, video or file.")
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
    subject: str,
    lesson: bool,
    amount: str,
    currency: str,
    seats: int,
    every: str | None,
    country: str,
    as_json: bool,
    **described: Any,
) -> None:
    """Put a course on sale at AMOUNT of CURRENCY: `sell ID 49.00 EUR --title Physics`.

    With --lesson it is a single lesson, sold without the rest of its course. More than one course,
    or more prices, by the API: POST /x/commerce/products.
    """
    kind = "subscription" if every else "seats" if seats else "single"
    given = {"kind": kind, "seats": seats, "interval": every, "on_sale": True}
    given["items" if lesson else "courses"] = [subject]
    offer = catalogue.read_offer({**given, **described})
    price = read(amount, currency)
    made = await ctx.transaction(catalogue.put_on_sale, offer, price, country)
    if as_json:
        prices = await ctx.read(catalogue.prices, made.id)
        click.echo(json.dumps(views.product(made, prices)))
        return
    click.secho("✓ ", fg="green", nl=False)
    click.echo(f"{made.title} is for sale at {price}")
    click.echo(
        "  It is for who has paid once the course is: bloop content audience COURSE enrolled"
    )
