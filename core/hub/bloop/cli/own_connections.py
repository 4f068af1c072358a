"""``bloop connections own``: whether people may connect accounts of their own."""

from __future__ import annotations

import click

from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, print_json


@click.command()
@click.argument("answer", type=click.Choice(["on", "off"]), required=False)
@json_option
@asynchronous
async def own(answer: str | None, *, as_json: bool) -> None:
    """Let people connect notes of their own, or no longer; without an ANSWER say how it is."""
    from bloop.hub.own_connections import allow, rule
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        call, database = hub_call(hub), hub.database
        if answer:
            await database.run(in_unit, database, call, allow, yes=answer == "on", version=None)
        allowed, _ = await rule(hub, call)
    if as_json:
        print_json({"allowed": allowed})
    elif allowed:
        click.echo("People may connect notes of their own. What they bring is theirs alone.")
    else:
        click.echo("Nobody may connect notes of their own. What is connected already stays so.")
