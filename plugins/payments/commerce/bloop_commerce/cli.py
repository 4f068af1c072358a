"""``bloop commerce``: what is for sale, orders, money back, and what is out of balance."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bloop_commerce import (
    byhand,
    catalogue,
    checkout,
    exports,
    ledger,
    orders,
    refunds,
    views,
)
from bloop_commerce.balance import findings
from bloop_commerce.keeping import books_of, examined
from bloop_commerce.money import shown
from bloop_commerce.tables import Order
from bloop_sdk import CommandContext, RetriableError, Unit
from bloop_sdk.money import Money

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.command()
@click.option("--all", "every", is_flag=True, help="Also what is not for sale.")
@as_json_option
@click.pass_obj
async def products(ctx: CommandContext, *, every: bool, as_json: bool) -> None:
    """List what is for sale."""

    def read(unit: Unit) -> list[dict[str, Any]]:
        rows = catalogue.products(unit, on_sale=not every)
        return [views.product(row, catalogue.prices(unit, row.id)) for row in rows]

    found = await ctx.read(read)
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        costs = ", ".join(
            shown(price["amount"], price["currency"])
            + (f" in {price['country']}" if price["country"] else "")
            for price in one["prices"]
        )
        click.echo(f"{one['id']}  {_plain(one['title'])}  ({one['kind']})  {costs or 'no price'}")


@click.command(name="orders")
@click.option("--state", default="", help="Only those that are paid, open, disputed, ...")
@click.option("--limit", default=50, type=click.IntRange(1, 1000))
@as_json_option
@click.pass_obj
async def list_orders(ctx: CommandContext, *, state: str, limit: int, as_json: bool) -> None:
    """List orders, the newest first."""
    rows = await ctx.read(orders.newest, state, None, limit)
    if as_json:
        click.echo(json.dumps([views.order(row) for row in rows]))
        return
    for row in rows:
        total = shown(row.total, row.currency)
        at = f"{row.created_at:%Y-%m-%d}"
        click.echo(f"{row.number:>6}  {at}  {row.state:<12}  {total:>16}  {_plain(row.title)}")


@click.command()
@click.argument("number", type=int)
@click.option("--refresh", is_flag=True, help="Ask the provider first how it stands.")
@as_json_option
@click.pass_obj
async def order(ctx: CommandContext, *, number: int, refresh: bool, as_json: bool) -> None:
    """Show an order with its facts, its entries in the ledger, and what it gives."""
    row = await ctx.read(orders.by_number, number)
    if refresh:
        await checkout.refresh(ctx, row)
        await ctx.transaction(orders.again, row.id)
    found = await ctx.read(books_of, row.id)
    if as_json:
        click.echo(json.dumps(found))
        return
    print_books(found)


def print_books(found: dict[str, Any]) -> None:
    """An order for people: what is known of it, and what follows."""
    total = shown(found["total"], found["currency"])
    click.secho(f"Order {found['number']}: {_plain(found['title'])}, {total}", bold=True)
    click.echo(f"  {found['state']}, by {found['provider']}, of {found['buyer']}")
    for fault in found["faults"]:
        click.secho(f"! {fault}", fg="yellow")
    click.echo("Facts")
    for one in found["facts"]:
        money = shown(one["amount"], one["currency"]) if "amount" in one else ""
        said = money or one.get("subscription", {}).get("status", "")
        click.echo(f"  {one['as_of'][:19]}  {one['kind']:<13} {said:<16} {_plain(one['id'])}")
    click.echo("Ledger")
    for one in found["ledger"]:
        amount = shown(one["amount"], one["currency"])
        click.echo(f"  {one['occurred_at'][:19]}  {one['account']:<20} {amount:>18}")
    for one in found["invoices"]:
        name = "Invoice" if one["kind"] == "invoice" else "Credit note"
        amount = shown(one["total"], one["currency"])
        click.echo(f"{name} {one['number']} of {one['issued_at'][:10]}: {amount}")
    given = found["entitlement"]
    for one in given["periods"] if given else ():
        until = (one["end"] or "for good")[:19]
        click.echo(f"Access from {one['start'][:19]} to {until} (version {given['version']})")
    if not (given and given["periods"]):
        click.echo("No access")


@click.command()
@click.argument("number", type=int)
@click.option("--amount", help="How much, such as 10.00; all that is left without it.")
@click.option("--reason", default="", help="Told to the provider, and kept.")
@click.pass_obj
async def refund(ctx: CommandContext, *, number: int, amount: str | None, reason: str) -> None:
    """Give money of an order back."""
    row = await ctx.read(orders.by_number, number)
    wanted = _amount(amount, row)
    by = ctx.call.principal.id
    ids = await ctx.transaction(refunds.ask, row.id, by, amount=wanted, reason=reason)
    for id_ in ids:
        try:
            await refunds.give_back(ctx, id_)
        except RetriableError as err:
            click.secho(f"! asked, and not answered yet: {err}", fg="yellow")
    print_books(await ctx.read(books_of, row.id))


@click.command()
@click.argument("number", type=int)
@click.option("--amount", help="How much came, such as 49.00; the whole order without it.")
@click.option("--reference", required=True, help="By which the bank knows it; it counts once.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it came.")
@click.pass_obj
async def paid(
    ctx: CommandContext, *, number: int, amount: str | None, reference: str, day: datetime | None
) -> None:
    """Note that money for an order has come by bank transfer."""
    row = await ctx.read(orders.by_number, number)
    at = day.replace(tzinfo=UTC) if day else datetime.now(UTC)
    wanted = _amount(amount, row)
    await byhand.record(ctx, row, amount=wanted, reference=reference, received_at=at)
    print_books(await ctx.read(books_of, row.id))


@click.command()
@click.option("--deep", is_flag=True, help="Compute each order anew from its facts.")
@as_json_option
@click.pass_obj
async def balance(ctx: CommandContext, *, deep: bool, as_json: bool) -> None:
    """Show the trial balance, and what is out of balance; exits with 1 where something is."""
    accounts = await ctx.read(ledger.trial_balance)
    found = await ctx.read(findings)
    if deep:
        found += await examined(ctx)
    if as_json:
        told = {
            "accounts": [views.balance(one) for one in accounts],
            "findings": [asdict(one) for one in found],
        }
        click.echo(json.dumps(told))
    else:
        for one in accounts:
            click.echo(f"{one.account:<24} {shown(one.amount, one.currency):>20}")
        for finding in found:
            click.secho("✗ ", fg="red", nl=False)
            click.echo(f"{finding.kind} {_plain(finding.subject)}: {_plain(finding.words)}")
            if finding.cure:
                click.echo(f"  → {finding.cure}")
        if not found:
            click.secho("✓ nothing is out of balance", fg="green")
    if found:
        raise SystemExit(1)


@click.command()
@click.argument("what", type=click.Choice(exports.EXPORTS), default="ledger")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
async def export(
    ctx: CommandContext,
    *,
    what: str,
    start: datetime | None,
    end: datetime | None,
    output: Path | None,
) -> None:
    """Write CSV for accountants: the ledger's lines, orders, invoices, or the trial balance."""
    text = await ctx.read(
        exports.written, what, start.date() if start else None, end.date() if end else None
    )
    if output is None:
        click.echo(text, nl=False)
    else:
        await ctx.run_sync(output.write_bytes, text.encode())
        click.echo(f"{output}: {text.count(chr(10)) - 1} lines")


def _amount(text: str | None, row: Order) -> int | None:
    try:
        return None if text is None else Money.parse(text, row.currency).amount
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--amount") from None


def _plain(text: str) -> str:
    return "".join(one for one in text if one.isprintable())
