"""``bloop doctor``: what keeps the hub from its work, seen from this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
)

MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]![/]"}


@click.command()
@json_option
@click.pass_context
@asynchronous
async def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Say what keeps the hub from its work, and the cure: database, tables, disk.

    It writes a row and removes it, so it tells as well whether anything can be written. `bloop
    plugins doctor` does the same for plugins. Exits with 1 where something is not well.
    """
    from bloop.ops.health import report

    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        lines = await report(hub)
    if as_json:
        print_json({"items": [asdict(line) for line in lines]})
    else:
        for line in lines:
            console().print(f"{MARKS[line.ok]} {plain(line.name)}  {plain(line.detail)}")
            if line.cure:
                console().print(f"  [cyan]→ {plain(line.cure)}[/]")
    if any(line.ok is False for line in lines):
        ctx.exit(1)
