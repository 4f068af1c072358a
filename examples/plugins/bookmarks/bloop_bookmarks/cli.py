"""``bloop bookmarks``."""

from __future__ import annotations

import json

import click

from bloop_bookmarks import tables
from bloop_sdk import CallContext


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def stats(ctx: CallContext, *, as_json: bool) -> None:
    """Count bookmarks, and name the lessons that most people keep."""
    bookmarks, people = await ctx.read(tables.counts)
    top = await ctx.read(tables.most_kept, 5)
    if as_json:
        click.echo(json.dumps({"bookmarks": bookmarks, "people": people, "top": top}))
        return
    click.echo(f"{bookmarks} bookmarks of {people} people")
    for title, count in top:
        click.echo(f"  {count:>5}  {''.join(c for c in title if c.isprintable())}")
