"""``bloop openai check`` and ``bloop openai usage``."""

from __future__ import annotations

import json

import click

from bloop_openai import usage as counting
from bloop_openai.config import config_of
from bloop_sdk import CallContext

SHOWN_MODELS = 40


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def check(ctx: CallContext, *, as_json: bool) -> None:
    """Say which server and model are reached, and whether they keep to a schema.

    It asks the model one short question, which is counted as any other.
    """
    from bloop_openai.checking import checked

    found = await checked(ctx)
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    click.echo(f"{found.host} is reached, and {found.model} answers")
    click.echo(f"  answers are held to a schema by {found.enforced_by}")
    price = "unknown: set price_in and price_out" if found.price is None else "{:g} in, {:g} out"
    click.echo(f"  US dollars for a million tokens: {price.format(*found.price or ())}")
    if found.models:
        more = len(found.models) - SHOWN_MODELS
        names = ", ".join(found.models[:SHOWN_MODELS])
        click.echo(f"  models there: {names}" + (f" and {more} more" if more > 0 else ""))


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Which one; else this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def usage(ctx: CallContext, *, month: str | None, as_json: bool) -> None:
    """Say what was used in a month, and what is left."""
    try:
        name = counting.named(month)
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--month") from err
    found = await counting.month_of(ctx, config_of(ctx), name)
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    click.echo(f"{found.name}: {found.tokens:,} tokens{_budget(found)}")
    for one in found.models:
        cost = "" if one.cost is None else f", {one.cost / 1e6:.2f} US dollars"
        failed = f", {one.failed} of them failed" if one.failed else ""
        click.echo(
            f"  {one.model}: {one.tokens_in:,} in, {one.tokens_out:,} out, "
            f"{one.calls} calls{failed}{cost}"
        )


def _budget(month: counting.Month) -> str:
    if month.left is None:
        return ", without a limit"
    return f" of {month.budget:,}; it begins anew {counting.resets_at(month.name):%Y-%m-%d}"
