"""``bloop blobs``: the bytes of files, which lie under their content."""

from __future__ import annotations

import asyncio

import click

from bloop.cli.output import asynchronous, counted, json_option, open_hub, print_json


@click.group()
def blobs() -> None:
    """Remove files that nothing refers to any more."""


@blobs.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
@asynchronous
async def sweep(*, dry_run: bool, as_json: bool) -> None:
    """Remove files that nothing has referred to for `[limits] sweep_hours`.

    A running hub does so by itself, once a day.
    """
    from bloop.hub import sweeping

    async with open_hub() as hub:
        swept = await asyncio.to_thread(sweeping.sweep, hub, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **swept.as_dict()})
        return
    would = "would be " if dry_run else ""
    click.echo(
        f"{counted(swept.files, 'file')} {would}removed, {size(swept.bytes)}; "
        f"{counted(swept.holds, 'hold')} {would}forgotten"
    )


def size(count: float) -> str:
    """So many bytes, in the unit that people use."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
