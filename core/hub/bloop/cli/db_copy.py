"""``bloop db copy``: the hub moves to another database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

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
    from bloop.hub import Hub
    from bloop.ops.copying import Report
    from bloop.store.database import Database


@click.command("copy")
@click.argument("target_url", envvar="BLOOP_COPY_URL")
@click.option(
    "--owner-url",
    metavar="URL",
    envvar="BLOOP_COPY_OWNER_URL",
    help="PostgreSQL: who owns the tables there, as [store] owner_url.",
)
@click.option("--verify-only", is_flag=True, help="Only compare, and change nothing.")
@click.option("--restart", is_flag=True, help="Remove an unfinished copy, and begin again.")
@json_option
@asynchronous
async def copy(
    target_url: str, *, owner_url: str | None, verify_only: bool, restart: bool, as_json: bool
) -> int:
    """Copy this hub's database to TARGET_URL, which holds nothing yet.

    From SQLite to PostgreSQL or back. The hub must not run meanwhile; its own database is not
    changed. A copy that was interrupted goes on where it stood: give the same command again. URLs
    with a password are better left to $BLOOP_COPY_URL and $BLOOP_COPY_OWNER_URL.
    """
    from bloop.ops import copying
    from bloop.store.database import Database

    if verify_only and restart:
        raise click.UsageError("--verify-only changes nothing: leave --restart out")
    async with open_hub() as hub:
        hub_call(hub)  # Raises where there is no hub to copy.
        target = Database(target_url, owner_url)
        try:
            with _progress(target) as told:
                if verify_only:
                    work = partial(copying.verify, hub.database, target, told=told)
                else:
                    work = partial(
                        copying.copy, hub.database, target, _packages(hub), again=restart, told=told
                    )
                report = await hub.database.run(work)
        finally:
            target.close_now()
        blobs = hub.blobs.root
    if as_json:
        print_json({**report.as_dict(), "verify_only": verify_only})
    else:
        _print(report)
        if report.same and not verify_only:
            _print_next(target, str(blobs))
    return 0 if report.same else 1


def _packages(hub: Hub) -> dict[str, str]:
    """The package of versions of every installed plugin that has tables, enabled or not."""
    return {
        plugin_id: record.manifest.contributes.tables.migrations
        for plugin_id, record in hub.kernel.plugins.items()
        if record.manifest is not None and record.manifest.contributes.tables is not None
    }


@contextmanager
def _progress(target: Database) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    errors = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        task = bar.add_task(f"to {target.dialect}", total=None)

        def told(doing: str, done: int, total: int) -> None:
            bar.update(task, description=plain(doing), completed=done, total=total)

        yield told


def _print(report: Report) -> None:
    out = console()
    width = max(len(table.name) for table in report.tables)
    for table in report.tables:
        rows, sha256 = table.source.rows, table.source.sha256[:16]
        out.print(f"{plain(table.name):<{width}}  {rows:>9} rows  [dim]{sha256}[/]", end="")
        if table.same:
            out.print("  [green]same[/]")
        else:
            there = table.target
            out.print(f"  [red]differs: {there.rows} rows, {there.sha256[:16]} there[/]")
    for name in report.left_out:
        out.print(f"[yellow]![/] {plain(name)} is no table of the hub, and was left out")
    if not report.same:
        out.print("[red]✗[/] The databases differ; the copy is not to be used.")
        out.print("  [cyan]→[/] bloop db copy --restart begins again")


def _print_next(target: Database, blobs: str) -> None:
    out = console()
    out.print("[green]✓[/] All tables are the same. Write into hub.toml, on every machine:\n")
    out.print("  \\[store]")
    if target.dialect == "sqlite":
        out.print(f'  url = "{plain(target.url.render_as_string())}"')
    else:
        out.print('  url = { env = "BLOOP_DATABASE_URL" }')
        out.print('  owner_url = { env = "BLOOP_OWNER_URL" }')
        out.print(f"\n  BLOOP_DATABASE_URL is {plain(target.url.render_as_string())}")
        if target.owner_url != target.url:
            out.print(f"  BLOOP_OWNER_URL is {plain(target.owner_url.render_as_string())}")
    out.print(f"\n[dim]Files stay where they are: {plain(blobs)}[/]")
