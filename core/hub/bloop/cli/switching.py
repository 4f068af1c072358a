"""``bloop plugins enable``, ``disable``, ``undo`` and ``history``."""

from __future__ import annotations

import asyncio
import getpass
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bloop.hub import Hub
    from bloop.ops.plan import Change, Plan


def _switch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option,
        click.option("--yes", is_flag=True, help="Do not ask, even at a terminal."),
        click.option("--plan", "only_plan", is_flag=True, help="Only show what would happen."),
    ):
        function = option(function)
    return function


@click.command(short_help="Switch a plugin on.")
@click.argument("plugin")
@_switch_options
@asynchronous
async def enable(plugin: str, **options: bool) -> None:
    """Switch PLUGIN on in hub.toml and grant it what it declares; a running hub follows at once.

    Shows first what would happen, and asks where there is a terminal.
    """
    await _switch(plugin, "enable", **options)


@click.command(short_help="Switch a plugin off.")
@click.argument("plugin")
@_switch_options
@asynchronous
async def disable(plugin: str, **options: bool) -> None:
    """Switch PLUGIN off in hub.toml; a running hub follows once its calls have ended.

    Shows first what would happen, and asks where there is a terminal.
    """
    await _switch(plugin, "disable", **options)


@click.command(short_help="Take back the last enable or disable.")
@json_option
@asynchronous
async def undo(*, as_json: bool) -> None:
    """Take back the last enable or disable, whether a command, the API or a page made it.

    Refuses where hub.toml was edited by hand since.
    """
    from bloop.hub.switching import write_undo

    async with open_hub() as hub:
        kept, edit = write_undo(hub.config)
        await _audit(hub, "plugins.undone", kept.plugin)
    if as_json:
        print_json({"id": kept.plugin, "undone": kept.action, "at": kept.at, "diff": edit.diff})
    else:
        click.echo(edit.diff, nl=False)
        click.echo(f"Taken back: {kept.action} {kept.plugin}, of {kept.at}.")


@click.command(short_help="Show who switched what, and when.")
@click.argument("plugin", required=False)
@click.option("--limit", default=50, show_default=True, help="How many of the newest changes.")
@json_option
@asynchronous
async def history(plugin: str | None, *, limit: int, as_json: bool) -> None:
    """Show who switched plugins, or PLUGIN, and changed their settings, newest first."""
    from bloop.accounts.sessions import system_call
    from bloop.cli.output import hub_call
    from bloop.kernel.queries import PLUGIN_CHANGES
    from bloop.store.models import EVERY_INSTITUTION
    from bloop.store.statements import parsed, to_dicts

    async with open_hub() as hub:
        hub_call(hub)  # Raises where there is no hub yet.
        call = system_call(EVERY_INSTITUTION)
        resource = f"plugin:{plugin}" if plugin else ""
        found = await hub.database.read(PLUGIN_CHANGES, call, resource=resource, limit=limit)
        rows = [row | {"detail": parsed(row["detail"])} for row in to_dicts(PLUGIN_CHANGES, found)]
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("Nothing has been switched yet.")
    else:
        print_table(
            ("when", "who", "what", "of", ""),
            [
                (
                    row["at"][:19].replace("T", " "),
                    plain(row["detail"].get("user") or row["actor"]),
                    row["action"].partition(":")[2] or row["action"].partition(".")[2],
                    plain(row["resource"].partition(":")[2]),
                    f"[dim]{plain(row['detail'].get('by', ''))}[/]",
                )
                for row in rows
            ],
        )


async def _switch(
    plugin: str, change: Change, *, yes: bool, only_plan: bool, as_json: bool
) -> None:
    """Edit hub.toml; whether the plugin works is for the running hub, or doctor, to say."""
    from bloop.hub.switching import write_switch
    from bloop.kernel import journal
    from bloop.ops.plan import plan

    async with open_hub() as hub:
        planned = await asyncio.to_thread(plan, hub, plugin, change)
        if not as_json and (planned.changed or only_plan):
            print_plan(planned)
        if only_plan:
            if as_json:
                print_json(asdict(planned))
            return
        if planned.changed and not yes and sys.stdin.isatty() and sys.stdout.isatty():
            click.confirm(f"{change.title()} {plugin}?", abort=True, err=True)
        enabled = change == "enable"
        edit = write_switch(hub.config, plugin, hub.kernel.found(plugin), enabled=enabled)
        if enabled:
            # Whoever enables a plugin by hand wants it tried again, whatever it did to a process.
            journal.forgive(hub.journal_folder, plugin)
        if edit.changed:
            await _audit(hub, "plugins.enabled" if enabled else "plugins.disabled", plugin)
    word = "on" if enabled else "off"
    if as_json:
        report = {"id": plugin, "enabled": enabled, "changed": edit.changed, "diff": edit.diff}
        print_json({**report, "plan": asdict(planned)})
    elif edit.changed:
        click.echo(f"{plugin} is switched {word} in {edit.path}.")
    else:
        click.echo(f"{plugin} was {word} already.")


async def _audit(hub: Hub, action: str, plugin: str) -> None:
    """Keep who did it; the file counts, so a database that is away only costs the note."""
    from bloop.accounts.sessions import system_call
    from bloop.hub.switching import audit
    from bloop.store.database import in_unit
    from bloop_sdk import BloopError

    if not hub.has_database:
        return
    detail = {"by": "command line", "user": getpass.getuser()}
    try:
        call = system_call(hub.institution)
        await hub.database.run(in_unit, hub.database, call, audit, action, plugin, detail)
    except BloopError as err:
        click.echo(f"Not noted in the history: {err.message}", err=True)


def print_plan(plan: Plan) -> None:
    """The plan for a person: what changes first, what stands against it last."""
    out = console()
    version = f" [dim]{plan.version}[/]" if plan.version else ""
    out.print(f"[bold]{plain(plan.name)}[/]{version}: {plan.change}")
    for name, lines in _facts(plan):
        for number, line in enumerate(lines):
            out.print(f"  [dim]{name if number == 0 else '':<10}[/] {line}")
    for line in _warnings(plan):
        out.print(f"  [yellow]! {plain(line)}[/]")


def _facts(plan: Plan) -> list[tuple[str, list[str]]]:
    tables = []
    if plan.tables is not None:
        now, then = plan.tables.current, plan.tables.head
        step = (
            f"{now or 'none'} → {then}" if then and then != now else f"{now or 'none'}, they stay"
        )
        tables = [f"{plan.tables.prefix}*: {step}"]
    depends = [
        f"{counted(count, 'connection')} of {name}"
        for name, count in plan.dependents.connections.items()
    ]
    jobs = plan.dependents.jobs_running, plan.dependents.jobs_waiting
    depends += [f"jobs: {jobs[0]} running, {jobs[1]} waiting"] if any(jobs) else []
    return [
        ("loads", list(plan.loads)),
        ("stops", list(plan.stops)),
        (
            "may",
            [
                f"{'[green]new[/] ' if right.new else ''}{plain(right.words)}"
                for right in plan.rights
            ],
        ),
        ("tables", tables),
        ("hooks", [f"{hook}: {' → '.join(names)}" for hook, names in plan.hooks.items() if names]),
        ("in use", [plain(line) for line in depends]),
    ]


def _warnings(plan: Plan) -> list[str]:
    lines = [f"{part.key} {part.problem}; {part.cure}" for part in plan.missing_settings]
    if plan.missing_packages:
        packages = " ".join(plan.missing_packages)
        lines.append(f"packages of the machine are missing: apt-get install {packages}")
    if plan.problem:
        lines.append(f"it will not load: {plan.problem}; {plan.cure}")
    return [*lines, *([plan.unknown] if plan.unknown else [])]
