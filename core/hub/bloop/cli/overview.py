"""``bloop overview``: what needs attention in the institution, and how much there is of it all."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bloop.cli.doctor import MARKS
from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
)

if TYPE_CHECKING:
    from bloop.ops.overview import Overview


@click.command()
@json_option
@asynchronous
async def overview(*, as_json: bool) -> None:
    """Say what needs somebody's attention now, the gravest first."""
    from bloop.ops.overview import overview as read

    async with open_hub() as hub:
        call = hub_call(hub)
        hub.load_plugins()
        found = await read(hub, call)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)


def _show(found: Overview) -> None:
    if not found.attention:
        click.echo("Nothing needs attention.")
    for one in found.attention:
        mark = MARKS[False if one.severe else None]
        what = plain(one.subject) if one.subject else str(one.count)
        console().print(f"{mark} {one.kind}: {what}  {plain(one.reason or '')}")
        if one.cure:
            console().print(f"  [cyan]→ {plain(one.cure)}[/]")
    shown = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.counts.items())
    console().print(f"[dim]{plain(shown)}[/]")
