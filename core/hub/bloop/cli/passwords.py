"""``bloop users password``: a link with which somebody chooses a password."""

from __future__ import annotations

import click

from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, plain, print_json


@click.command()
@click.argument("name")
@click.option("--institution", metavar="SLUG", help="Of which institution; otherwise the first.")
@json_option
@asynchronous
async def password(name: str, institution: str | None, *, as_json: bool) -> None:
    """Print a link with which NAME chooses a password, once, within 30 minutes.

    NAME is an e-mail address, the name of somebody without one, or an id. The password they have
    holds until the link is used; an earlier link ends.
    """
    from bloop.accounts.login.changes import RESET_MINUTES, issue_reset_named
    from bloop.accounts.login.entry import reset_url
    from bloop.accounts.login.flows import institution_of
    from bloop.accounts.sessions import system_call
    from bloop.store.database import in_unit
    from bloop.store.errors import NotFoundError

    async with open_hub() as hub:
        hub_call(hub)
        found = await institution_of(hub, institution or "")
        if found is None:
            raise NotFoundError(f"no institution {institution!r}")
        user, token = await hub.database.run(
            in_unit, hub.database, system_call(found), issue_reset_named, name
        )
        url = reset_url(hub.config.value.public_url, token)
    if as_json:
        print_json({"user": user.id, "url": url, "minutes": RESET_MINUTES})
        return
    click.echo(url)
    click.secho(
        f"For {plain(user.name)}, once, within {RESET_MINUTES} minutes.", dim=True, err=True
    )
