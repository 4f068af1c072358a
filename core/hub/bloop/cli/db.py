"""``bloop db``: the versions of the tables, their upgrade, and a move to another database."""

from __future__ import annotations

import click

from bloop.cli.db_copy import copy
from bloop.cli.output import (
    asynchronous,
    json_option,
    open_hub,
    print_json,
    print_table,
)


@click.group()
def db() -> None:
    """Upgrade the database, see its version, move it."""


db.add_command(copy)


@db.command()
@json_option
@asynchronous
async def status(*, as_json: bool) -> None:
    """Show at which version the tables of the core and of each plugin are."""
    from bloop.store import migrate

    async with open_hub() as hub:
        versions = await hub.database.run(migrate.status, hub.database, hub.tables.of_plugins())
    if as_json:
        print_json(
            [
                {
                    "owner": version.owner,
                    "current": version.current,
                    "head": version.head,
                    "pending": version.pending,
                }
                for version in versions
            ]
        )
        return
    print_table(
        ("owner", "version", ""),
        [(version.owner, version.current or "none", _word(version)) for version in versions],
    )


def _word(version: object) -> str:
    from bloop.store.migrate import Version

    assert isinstance(version, Version)
    if version.head is None:
        return "[dim]left by a plugin that is not installed[/]"
    if version.ahead:
        return f"[red]newer than this code, which knows {version.head}[/]"
    return f"[yellow]upgrade to {version.head} waits[/]" if version.pending else "[green]current[/]"


@db.command()
@json_option
@asynchronous
async def upgrade(*, as_json: bool) -> None:
    """Bring all tables to the version that this code needs. Safe to run again."""
    from bloop.store import migrate

    async with open_hub() as hub:
        before = {
            version.owner: version.current
            for version in await hub.database.run(
                migrate.status, hub.database, hub.tables.of_plugins()
            )
        }
        after = await hub.database.run(hub.tables.upgrade)
    changed = [version for version in after if before.get(version.owner) != version.current]
    if as_json:
        print_json(
            [
                {"owner": version.owner, "from": before.get(version.owner), "to": version.current}
                for version in changed
            ]
        )
    elif not changed:
        click.echo("Everything is at its newest version.")
    else:
        for version in changed:
            click.echo(f"{version.owner}: {before.get(version.owner) or 'new'} → {version.current}")
