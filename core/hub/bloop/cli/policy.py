"""``bloop policy``: who may do what, why, and whether a file of policies can be used."""

from __future__ import annotations

import asyncio
from pathlib import Path
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


@click.group()
def policy() -> None:
    """Say who may do what, and why."""


@policy.command()
@click.argument("user")
@click.argument("action")
@click.argument("resource", default="")
@click.option("--scope", "scopes", multiple=True, help="What a token may do; several times.")
@click.option("--plugin", help="The plugin that does it for the user.")
@json_option
@asynchronous
async def explain(
    user: str,
    action: str,
    resource: str,
    scopes: tuple[str, ...],
    plugin: str | None,
    *,
    as_json: bool,
) -> None:
    """Say whether USER may do ACTION to RESOURCE, and why.

    USER is an id, an e-mail address or guest; RESOURCE is kind:id, such as item:..., container:...,
    job:..., user:... or plugin:NAME. Without it, it is the institution.
    """
    from bloop.hub.explaining import Question, explain

    asked = Question(user, action, resource, scopes or None, plugin)
    async with open_hub() as hub:
        found = await asyncio.to_thread(explain, hub, hub_call(hub), asked)
    if as_json:
        print_json(found)
        return
    who = found["user"]
    mark = ("✓", "green", "may") if found["allowed"] else ("✗", "red", "may not")
    click.secho(f"{mark[0]} ", fg=mark[1], nl=False)
    click.echo(f"{plain(who['name'])} ({who['role']}) {mark[2]} {action}")
    for factor in found["factors"]:
        _tell(factor)


def _tell(factor: dict[str, Any]) -> None:
    click.secho(
        "  ✓ " if factor["allowed"] else "  ✗ ",
        fg="green" if factor["allowed"] else "red",
        nl=False,
    )
    told = [
        plain(one["words"])
        + (
            f" (policy {one['id']} of {one['plugin']})"
            if one["plugin"]
            else f" (policy {one['id']})"
        )
        for one in factor["policies"]
    ]
    absent = {"token": "no token narrows it", "plugin": "no plugin narrows it"}
    click.echo(
        f"{factor['factor']}: "
        + ("; ".join(told) or absent.get(factor["factor"], "no policy permits it"))
    )
    if factor["missing"]:
        click.secho("    → ", fg="cyan", nl=False)
        click.echo(factor["missing"])


@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Check FILE, the policies of a plugin whose bloop-plugin.toml lies beside or above it."""
    from bloop.accounts.policy.contributed import check_file

    count = check_file(file)
    if as_json:
        print_json({"file": str(file), "policies": count})
    else:
        click.secho("✓ ", fg="green", nl=False)
        click.echo(f"{file}: {count} {'policy' if count == 1 else 'policies'}")


@policy.command()
@json_option
def actions(*, as_json: bool) -> None:
    """List the hub's actions with the least role of each."""
    from bloop.accounts.actions import ACTIONS

    if as_json:
        print_json({"items": [{"name": name, "role": role} for name, role in ACTIONS.items()]})
    else:
        print_table(("action", "from"), [(name, role) for name, role in sorted(ACTIONS.items())])


@policy.command()
def schema() -> None:
    """Print what a policy can speak of, as a schema of Cedar."""
    from bloop.accounts.policy.engine import core

    click.echo(core().schema_text)
