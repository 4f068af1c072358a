"""``bloop plugins``: what is installed, what ails it, and its switch."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bloop.cli import switching
from bloop.cli.folders import plugin_option
from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    state,
)
from bloop.cli.plugin_lint import lint
from bloop.cli.plugin_new import new
from bloop.cli.plugin_purge import purge
from bloop.cli.plugin_settings import set_setting
from bloop.cli.plugin_test import test

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bloop.kernel.discovery import Found
    from bloop.ops.doctor import Diagnosis


@click.group()
def plugins() -> None:
    """List, inspect and switch plugins."""


plugins.add_command(lint)
plugins.add_command(new)
plugins.add_command(test)
plugins.add_command(purge)
plugins.add_command(set_setting)


def complete_id(_ctx: click.Context, _param: click.Parameter, text: str) -> list[CompletionItem]:
    """Ids of installed plugins for the shell."""
    from click.shell_completion import CompletionItem

    from bloop.kernel.discovery import scan

    return [
        CompletionItem(name, help=found.manifest.name if found.manifest else None)
        for name, found in sorted(scan().plugins.items())
        if name.startswith(text)
    ]


plugin_argument = click.argument("plugin", shell_complete=complete_id)

for _command in (switching.enable, switching.disable, switching.undo, switching.history):
    plugins.add_command(_command)


@plugins.command("list")
@plugin_option
@json_option
@click.pass_context
def list_plugins(ctx: click.Context, *, as_json: bool) -> None:
    """List what is installed and what hub.toml wants of it. Imports no plugin.

    `bloop plugins doctor` loads what is enabled and says what ails it.
    """
    rows = list(_rows(ctx.find_root().obj).values())
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("No plugin is installed. Try: pip install bloop-cartridge")
    else:
        print_table(
            ("plugin", "version", "wanted", "provides", ""),
            [
                (
                    plain(row["id"]),
                    plain(row["version"] or ""),
                    "[green]on[/]" if row["enabled"] else "[dim]off[/]",
                    ", ".join(row["capabilities"]),
                    _remark(row),
                )
                for row in rows
            ],
        )


@plugins.command(short_help="Show what a plugin declares and may do.")
@plugin_argument
@plugin_option
@json_option
@click.pass_context
def show(ctx: click.Context, plugin: str, *, as_json: bool) -> None:
    """Show what PLUGIN declares: what it provides, which hosts it talks to, what it adds."""
    from bloop.store.errors import NotFoundError

    row = _rows(ctx.find_root().obj).get(plugin)
    if row is None:
        raise NotFoundError(
            f"no plugin {plugin!r} is installed", cure="`bloop plugins list` shows them all"
        )
    if as_json:
        print_json(row)
        return
    out = console()
    version = plain(f"{row['id']} {row['version'] or ''}")
    out.print(f"[bold]{plain(row['name'])}[/] [dim]{version}[/]")
    out.print(plain(row["summary"]))
    facts = {
        "wanted": "on" if row["enabled"] else "off",
        "package": row["distribution"],
        "runs from": row["folder"],
        "provides": ", ".join(row["capabilities"]),
        "hooks": ", ".join(row["hooks"]),
        "contract": row["contract"] and "{asks}; here is {speaks}".format(**row["contract"]),
        "talks to": ", ".join(row["hosts"]),
        "reads from": ", ".join(row["downloads"]),
        "secrets": ", ".join(row["secrets"]),
        "works at": ", ".join(_work(one) for one in row["jobs"]),
        "reached by": _reached(row["entries"]),
        "system": ", ".join(row["system"]),
        "adds": ", ".join(row["contributes"]),
        "problem": row["reason"],
        "cure": row["cure"],
    }
    for name, value in facts.items():
        if value:
            out.print(f"  [dim]{name:<10}[/] {plain(value)}")
    for right in row["rights"]:
        mark = "[green]✓[/]" if right["granted"] else "[yellow]![/]"
        mark = mark if row["enabled"] else "[dim]·[/]"
        out.print(f"  {mark} {plain(right['words'])} [dim]{plain(right['name'])}[/]")


def _work(job: dict[str, Any]) -> str:
    times = f"; {job['every']}" if job["every"] else ""
    return f"{job['kind']} ({job['queue']}{times})"


def _reached(found: list[dict[str, Any]]) -> str:
    """How many ways in there are of each kind; --json names them with their actions."""
    from collections import Counter

    counts = Counter(one["kind"] for one in found)
    return ", ".join(counted(number, kind) for kind, number in counts.items())


@plugins.command(short_help="Load what is enabled and say what ails it.")
@click.argument("plugin", required=False, shell_complete=complete_id)
@plugin_option
@json_option
@click.pass_context
@asynchronous
async def doctor(ctx: click.Context, plugin: str | None, *, as_json: bool) -> None:
    """Load what is enabled here and say what ails it: culprit, cause and cure.

    Exits with 1 where something is not well, so that a script notices.
    """
    from bloop.ops.doctor import diagnose

    async with open_hub() as hub:
        hub.guard()  # A plugin that hangs ends this process, and the next one names it.
        await asyncio.to_thread(hub.load_plugins)
        found = [
            replace(one, notes=await asyncio.to_thread(hub.kernel.notes, one.id))
            for one in diagnose(hub, plugin)
        ]
    if as_json:
        print_json({"items": [asdict(one) for one in found]})
    else:
        for one in found:
            _print_diagnosis(one)
    if not all(one.healthy for one in found):
        ctx.exit(1)


def _remark(row: dict[str, Any]) -> str:
    return (
        f"[red]{plain(row['reason'])}[/]" if row["reason"] else f"[dim]{plain(row['summary'])}[/]"
    )


def _rows(path: Path | None) -> dict[str, dict[str, Any]]:
    """Every installed or wanted plugin by id, from manifests and hub.toml alone."""
    import os

    from bloop.kernel.config import load
    from bloop.kernel.discovery import scan
    from bloop.kernel.folders import switched_on
    from bloop.kernel.grants import rights_shown

    loaded = load(path, os.environ | switched_on())
    wanted = {plugin.id for plugin in loaded.wanted()}
    found = scan().plugins
    rows = {}
    for name in sorted({*found, *wanted}):
        row = rows[name] = _row(name, found.get(name), found, enabled=name in wanted)
        rights = rights_shown(loaded, found[name].manifest if name in found else None)
        row["rights"] = rights
        if name in wanted and row["reason"] is None and not all(r["granted"] for r in rights):
            row["reason"] = "asks for more than was granted"
            row["cure"] = f"`bloop plugins enable {name}` shows it and grants it"
    return rows


def _row(
    plugin_id: str, found: Found | None, installed: Collection[str], *, enabled: bool
) -> dict[str, Any]:
    from bloop.kernel.discovery import cure_of_absence
    from bloop.ops.plugin_parts import contract, entries, work

    manifest = found.manifest if found else None
    jobs = [asdict(job) for job in work(manifest)] if manifest else []
    for job in jobs:  # Which of them there are, is in the database.
        del job["waiting"], job["running"], job["failed"]
    problem = found.problem if found else None
    reason, cure = (problem.reason, problem.cure) if problem else (None, None)
    if found is None:
        reason, cure = "is not installed", cure_of_absence(plugin_id, installed)
    return {
        "id": plugin_id,
        "name": manifest.name if manifest else plugin_id,
        "summary": manifest.summary if manifest else "",
        "family": manifest.family if manifest else None,
        "version": found.version if found else None,
        "distribution": found.distribution if found else None,
        "folder": str(found.folder) if found and found.folder else None,
        "enabled": enabled,
        "capabilities": list(manifest.provides) if manifest else [],
        "hooks": list(manifest.hooks) if manifest else [],
        "contract": asdict(contract(manifest)) if manifest else None,
        "hosts": list(manifest.network.hosts) if manifest else [],
        "downloads": list(manifest.network.downloads) if manifest else [],
        "secrets": list(manifest.secrets) if manifest else [],
        "jobs": jobs,
        "entries": [asdict(one) for one in entries(manifest)] if manifest else [],
        "system": list(manifest.requires.system) if manifest else [],
        "contributes": [kind for kind, part in manifest.contributes if part] if manifest else [],
        "reason": reason,
        "cure": cure,
    }


def _print_diagnosis(one: Diagnosis) -> None:
    out = console()
    took = f"  [dim]imported in {one.import_ms:.0f} ms[/]" if one.import_ms is not None else ""
    out.print(f"[bold]{one.id}[/] [dim]{one.version or ''}[/]  {state(one.state)}{took}")
    if one.reason:
        out.print(f"  {one.reason}", markup=False, style="red" if not one.healthy else None)
    if one.cure:
        out.print(f"  → {one.cure}", markup=False, style="cyan")
    if one.last_error and one.last_error != one.reason:
        out.print(f"  last error: {one.last_error}", markup=False, style="dim")
    for key, origin in one.settings.items():
        if origin != "default":
            out.print(f"  {key}  {origin}", markup=False, style="dim")
    for line in one.notes:
        out.print(f"  {line}", markup=False)
    for line in one.deprecated:
        out.print(f"  {line}", markup=False, style="yellow")
    for breaker in one.breakers:
        if breaker.reopens_in is not None:
            out.print(
                f"  {breaker.operation} is paused for {breaker.reopens_in:.0f} s", style="yellow"
            )
