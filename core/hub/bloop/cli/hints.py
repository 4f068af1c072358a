"""``bloop connections hints``: where another system says that something has changed."""

from __future__ import annotations

from dataclasses import asdict

import click

from bloop.cli.connecting import name_argument, opened
from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, plain, print_json


@click.command()
@name_argument
@json_option
@asynchronous
async def hints(name: str, *, as_json: bool) -> None:
    """Show the address at which NAME's system can say that something has changed."""
    from bloop.hub.hints import address

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        found = await address(hub, call, one["id"])
    if as_json:
        print_json(asdict(found))
        return
    click.echo(found.url)
    if found.to_confirm:
        click.echo("It has sent a token, and waits until you paste it there:")
        click.echo(plain(found.to_confirm))
