"""``bloop institutions``: the institutions of a hub."""

from __future__ import annotations

from typing import Any

import click

from bloop.cli.output import (
    asynchronous,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)
from bloop.cli.users import call_in


@click.group()
def institutions() -> None:
    """See the institutions of this hub, add one, rename one."""


@institutions.command("list")
@json_option
@asynchronous
async def list_institutions(*, as_json: bool) -> None:
    """List the institutions of this hub; the first is that of whoever runs it."""
    from bloop.accounts.queries import INSTITUTIONS
    from bloop.accounts.sessions import system_call
    from bloop.store.models import EVERY_INSTITUTION
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = system_call(EVERY_INSTITUTION, hub_call(hub).trace)
        found = to_dicts(INSTITUTIONS, hub.database.read_now(INSTITUTIONS, call))
    if as_json:
        print_json({"items": found})
    else:
        rows = [(one["slug"], plain(one["name"]), one["id"]) for one in found]
        print_table(("slug", "name", "id"), rows)


@institutions.command()
@click.argument("slug")
@click.argument("name")
@click.option("--admin-email", help="The only address that may use the first admin's link.")
@json_option
@asynchronous
async def add(slug: str, name: str, admin_email: str | None, *, as_json: bool) -> None:
    """Add the institution NAME, and print a link by which its first admin comes in.

    The link is good once, within a week, and is not shown again.
    """
    from bloop.accounts.people.institutions import create
    from bloop.accounts.people.links import join_url

    async with open_hub() as hub:
        call = hub_call(hub)
        made = await hub.database.run(
            create, hub.database, call, name=name, slug=slug, admin_email=admin_email
        )
        url = join_url(hub.config.value.public_url, f"token={made.invitation.token}")
    if as_json:
        print_json({"id": made.id, "slug": slug, "invitation": made.invitation.id, "url": url})
    else:
        click.echo(f"{slug} is there. Its first admin comes in by this link:\n{url}")


@institutions.command()
@click.argument("slug")
@click.argument("name")
@json_option
@asynchronous
async def rename(slug: str, name: str, *, as_json: bool) -> None:
    """Give the institution SLUG another name; its slug stays."""
    from bloop.accounts.people import institutions as commands

    async with open_hub() as hub:
        call = call_in(hub, slug)
        await hub.database.run(commands.rename, hub.database, call, call.institution, None, name)
        told: dict[str, Any] = {"id": call.institution, "slug": slug, "name": name}
    if as_json:
        print_json(told)
    else:
        click.echo(f"{slug} is called {name} now.")
