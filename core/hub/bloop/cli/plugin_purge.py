"""``bloop plugins purge``: a plugin goes, with everything that it owns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    json_option,
    open_hub,
    plain,
    print_json,
)

if TYPE_CHECKING:
    from bloop.ops.purge import Plan


@click.command(short_help="Remove a plugin with all that it owns.")
@click.argument("plugin")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--content", is_flag=True, help="Remove the content that it brought, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@asynchronous
async def purge(plugin: str, *, dry_run: bool, content: bool, yes: bool, as_json: bool) -> None:
    """Remove everything of PLUGIN: its tables, values, connections, jobs, folder and settings.

    Content that it brought stays, without a source, unless --content is given. The plugin may be
    uninstalled already; it must be disabled. There is no undo: `--dry-run` shows what would go.
    """
    from bloop.ops import purge as purging

    if as_json and not (yes or dry_run):
        raise click.UsageError("--json asks nothing: add --yes, or --dry-run")
    async with open_hub() as hub:
        found = await hub.database.run(partial(purging.plan, hub, plugin, content=content))
        if found.blocked is not None and not dry_run:
            raise found.blocked
        if not (dry_run or yes or found.empty):
            _print(found, "would go")
            click.confirm(f"Remove all of this of {plugin}?", abort=True)
        if not dry_run:
            found = await hub.database.run(partial(purging.purge, hub, plugin, content=content))
    if as_json:
        print_json({**found.as_dict(), "dry_run": dry_run})
    elif found.empty:
        click.echo(f"There is nothing of {plugin} here.")
    else:
        _print(found, "would go" if dry_run else "is gone")


def _print(found: Plan, said: str) -> None:
    out = console()
    out.print(f"[bold]{plain(found.plugin)}[/]: this {said}")
    for name, count in found.tables.items():
        out.print(f"  table {plain(name)}  [dim]{counted(count, 'row')}[/]")
    for line in found.lines:
        kept = "" if line.fate == "removed" else "  [green]kept, without a source[/]"
        out.print(f"  {line.what}  [dim]{line.count}[/]{kept}")
    if found.folder:
        out.print(f"  folder {plain(str(found.folder))}")
    if found.config:
        out.print(f"  \\[plugins.{found.plugin}] in {plain(str(found.config))}")
    if found.blocked is not None:
        out.print(f"  [yellow]{plain(found.blocked.message)}[/]")
        out.print(f"  [cyan]→[/] {plain(found.blocked.cure or '')}")
