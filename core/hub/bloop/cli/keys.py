"""``bloop keys``: API keys of programs, and the master keys that secrets are sealed with."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from bloop.cli import api_keys
from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    progress_bar,
    state,
)

if TYPE_CHECKING:
    from bloop.ops.keys import Rotation, Status


@click.group()
def keys() -> None:
    """Make and revoke API keys; rotate the keys of the hub itself, and see where they are used."""


@keys.command("status")
@json_option
@asynchronous
async def show_status(*, as_json: bool) -> None:
    """Show every master key, what is sealed with it and which processes have it."""
    from bloop.ops.keys import status

    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        found = await hub.database.run(status, hub.database)
    if as_json:
        print_json(asdict(found))
    else:
        _print_status(found)


@keys.command()
@click.option(
    "--wait",
    type=click.FloatRange(0, 86400),
    default=60.0,
    show_default=True,
    help="Seconds that running processes have to take the new key up.",
)
@json_option
@asynchronous
async def rotate(*, wait: float, as_json: bool) -> None:
    """Seal with a new master key, and bring everything under it while the hub runs.

    First every running process has to have the new key; then it seals, and what older keys sealed
    is rewrapped. A rotation that was interrupted goes on: give the same command again.
    """
    from bloop.ops.keys import rotate as rotate_keys

    async with open_hub() as hub:
        hub_call(hub)
        with progress_bar("master key") as told:
            work = partial(
                rotate_keys,
                hub.database,
                lambda what, done, total: told(done, total, what),
                wait=wait,
            )
            found = await hub.database.run(work)
    if as_json:
        print_json(asdict(found))
    else:
        _print_rotation(found)


@keys.command()
@click.argument("version", type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@asynchronous
async def retire(version: int, *, yes: bool, as_json: bool) -> None:
    """Remove master key VERSION, with which nothing is sealed any more.

    Backups from before its rotation need it: keep a copy with them.
    """
    from bloop.ops.keys import retire as retire_key

    if as_json and not yes:
        raise click.UsageError("--json asks nothing: add --yes")
    async with open_hub() as hub:
        hub_call(hub)
        if not yes:
            source = plain(str(hub.database.ring.source))
            console().print(f"Backups from before the rotation open with this key only: {source}")
            click.confirm(f"Remove master key {version}?", abort=True)
        removed = await hub.database.run(retire_key, hub.database, version)
        source = str(hub.database.ring.source)
    if as_json:
        print_json({"version": version, "removed": removed})
    elif removed:
        click.echo(f"Master key {version} is retired, and gone from {source}.")
    else:
        click.echo(f"Master key {version} is retired: remove it from {source}.")


@keys.command()
@click.argument("version", type=click.IntRange(1))
@json_option
def make(version: int, *, as_json: bool) -> None:
    """Print a new key as VERSION of a ring that is kept in a variable."""
    from bloop.store.keyring import make_key

    made = make_key(version)
    if as_json:
        print_json({"key": made})
    else:
        click.echo(made)


def _print_status(found: Status) -> None:
    out = console()
    out.print(f"Kept in {plain(found.source)}")
    if found.warning:
        out.print(f"[yellow]![/] {plain(found.warning)}")
    if not found.keys:
        out.print("There is none yet: the first is made with the first secret.")
        return
    rows = []
    for key in found.keys:
        used = ", ".join(f"{count} of {name}" for name, count in key.sealed.items())
        here = "[green]yes[/]" if key.in_ring else "[red]missing or wrong[/]"
        alive = f"{key.processes} of {found.processes}"
        rows.append((str(key.version), state(key.state), here, alive, plain(used)))
    print_table(("version", "state", "here", "processes", "seals"), rows)
    for version in found.unknown:
        out.print(f"[yellow]![/] version {version} is in the ring, and not in use")
    current = found.keys[-1]
    if current.state == "coming" or current.rewrapped_at is None:
        out.print("A rotation is not complete.\n  [cyan]→[/] bloop keys rotate")


def _print_rotation(found: Rotation) -> None:
    out = console()
    if found.resumed:
        out.print("A rotation was under way, and has been brought to its end.")
    number = sum(found.rewrapped.values())
    out.print(f"[green]✓[/] Master key {found.version} seals; {counted(number, 'value')} rewrapped")
    out.print("[dim]`bloop keys status` shows what may be retired.[/]")


for _command in (api_keys.list_keys, api_keys.create, api_keys.revoke, api_keys.rotate_signing):
    keys.add_command(_command)
