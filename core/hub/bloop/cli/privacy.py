"""``bloop users export`` and ``erase``: one person's data, handed out or erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bloop.cli.output import (
    asynchronous,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from bloop.accounts.privacy.service import Erasure
    from bloop.hub import Hub


@click.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The zip to write.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
@asynchronous
async def export(name: str, output: Path | None, *, force: bool, as_json: bool) -> None:
    """Write all that the hub holds of NAME (an id, mail address or name) into a zip."""
    from bloop.accounts.privacy import exporting

    async with open_hub() as hub:
        user = await hub.database.run(_found, hub, name)
        path = output or Path(f"{user}.zip")
        with path.open("wb" if force else "xb") as file:
            counts = await hub.database.run(
                exporting.export,
                hub.database,
                hub.sources,
                hub_call(hub),
                user,
                file,
                systems=True,
            )
    if as_json:
        print_json({"file": str(path), "rows": counts})
    else:
        number = sum(counts.values())
        click.echo(f"{path}: {counted(number, 'row')} of {counted(len(counts), 'table')}")


@click.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@asynchronous
async def erase(name: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase NAME (an id, mail address or name): what they wrote stays, by nobody."""
    from bloop.accounts.privacy import service

    async with open_hub() as hub:
        user, call = await hub.database.run(_found, hub, name), hub_call(hub)
        given = (hub.database, hub.sources, call, user)
        if not (dry_run or yes):
            _tell(await hub.database.run(service.plan, *given), "would be")
            click.confirm("There is no undo. Erase?", abort=True)
        command = service.plan if dry_run else service.erase
        done: Erasure = await hub.database.run(command, *given)
    if as_json:
        print_json(done.as_dict() | {"dry_run": dry_run})
    else:
        _tell(done, "would be" if dry_run else "is")


def _found(hub: Hub, name: str) -> str:
    from bloop.accounts.privacy.service import find_person

    with hub.database.reading(hub_call(hub)) as unit:
        return find_person(unit, name).id


def _tell(done: Erasure, verb: str) -> None:
    if done.empty:
        click.echo(f"Nothing {verb} left of {done.person} to erase.")
    print_table(
        ("table", "rows", ""),
        [
            *((plain(name), str(number), "deleted") for name, number in done.deleted.items()),
            *((plain(name), str(number), "blanked") for name, number in done.blanked.items()),
        ],
    )
    if done.files:
        click.echo(f"{counted(done.files, 'file')} {verb} removed.")
    if done.waiting:
        click.echo(f"{counted(done.waiting, 'job')} under way: erase again when they are over.")
