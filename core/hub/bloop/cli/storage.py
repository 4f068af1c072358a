"""``bloop storage``: what is stored, by area, plugin and course."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bloop.cli.blobs import size
from bloop.cli.output import (
    asynchronous,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)


@click.command()
@click.option("--count", "anew", is_flag=True, help="Count anew first; it reads all tables.")
@json_option
@asynchronous
async def storage(*, anew: bool, as_json: bool) -> None:
    """Show what was counted last: the database by area, and files by kind, plugin and course.

    A running hub counts once a day. `bloop blobs sweep` removes what can be freed, and
    `bloop plugins purge` what a plugin has left.
    """
    from bloop.hub.storage.counting import count
    from bloop.hub.storage.service import counted

    async with open_hub() as hub:
        call = hub_call(hub)
        if anew:
            await asyncio.to_thread(count, hub)
        found = await counted(hub, call)
    if as_json:
        print_json(found)
    elif found["hub"] is None:
        click.echo("Nothing is counted yet: bloop storage --count")
    else:
        _show(found["hub"], found["institution"] or {})


def _show(hub: dict[str, Any], own: dict[str, Any]) -> None:
    free = hub["free"]
    click.echo(f"As of {hub['counted_at'][:16].replace('T', ' ')} UTC")
    click.echo(f"database {size(hub['database_bytes'])}, unused {size(hub['unused_bytes'])}")
    click.echo(f"{hub['files']:,} files {size(hub['file_bytes'])}; free {size(hub['disk_bytes'])}")
    click.echo(f"can be freed: {free['files']:,} files, {size(free['bytes'])}")
    rows = [
        (plain(one["name"]) + " (plugin)" * one["plugin"], _told(one["bytes"]), f"{one['rows']:,}")
        for one in hub["areas"]
    ]
    print_table(("area", "size", "rows"), rows)
    files = own.get("files", {})
    for what in ("kinds", "plugins", "courses"):
        if shares := files.get(what):
            print_table((what, "files", "size"), [_share(one, what) for one in shares])


def _share(one: dict[str, Any], what: str) -> tuple[str, str, str]:
    unnamed = "made here" if what == "plugins" else "all others"
    return plain(one["name"]) or unnamed, f"{one['count']:,}", size(one["bytes"])


def _told(bytes_: int | None) -> str:
    return "-" if bytes_ is None else size(bytes_)
