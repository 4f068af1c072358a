"""``bloop config``: where a setting comes from, and whether the file is good."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bloop.cli.output import asynchronous, console, json_option, open_hub, print_json

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bloop.kernel.config_layers import Layer


@click.group()
def config() -> None:
    """See what is configured, and where it comes from."""


@config.command()
@click.argument("key")
@click.option("--institution", metavar="SLUG", help="With what this institution has set.")
@click.option("--user", metavar="ID", help="With what this user has set, too.")
@json_option
@click.pass_context
@asynchronous
async def explain(
    ctx: click.Context, key: str, *, institution: str | None, user: str | None, as_json: bool
) -> None:
    """Show every layer that sets KEY, like http.port or plugins.canvas.token, and which wins.

    A secret is never shown, only where it is read from, or when it was set.
    """
    from bloop.kernel.config import load
    from bloop.kernel.config_explain import explain as explain_key

    loaded = load(ctx.find_root().obj, os.environ)
    table, _, rest = key.partition(".")
    plugin_id = rest.partition(".")[0]
    model = _plugin_model(plugin_id) if table == "plugins" else None
    rows: tuple[Layer, ...] = ()
    if user and not institution:
        raise click.UsageError("a user is one of an institution: add --institution")
    if institution and table == "plugins":
        rows = await _rows(institution, plugin_id, user)
    found = explain_key(loaded, key, model=model, rows=rows)
    if as_json:
        print_json(asdict(found))
        return
    out = console()
    out.print(f"[bold]{found.key}[/]  [dim]{found.description}[/]", markup=True)
    for layer in found.layers:
        mark = "[green]→[/]" if layer.wins else " "
        style = "" if layer.wins else "dim"
        out.print(f" {mark} {layer.layer:<12} {layer.value}  [dim]{layer.origin}[/]", style=style)


@config.command()
@json_option
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Read hub.toml and the environment, and say what is wrong with them."""
    from bloop.kernel.config import load

    loaded = load(ctx.find_root().obj, os.environ)
    if as_json:
        print_json({"path": str(loaded.path or ""), "warnings": list(loaded.warnings)})
        return
    for warning in loaded.warnings:
        click.secho(f"! {warning}", fg="yellow")
    click.echo(f"{loaded.path or 'Built-in defaults'}: good")


async def _rows(slug: str, plugin_id: str, user: str | None) -> tuple[Layer, ...]:
    """What an institution and its user have set; no secret is opened for it."""
    from bloop.cli.plugin_settings import call_in
    from bloop.kernel.institutions import Choice, users
    from bloop.kernel.own_settings import Owner
    from bloop.kernel.queries import USER_SETTINGS

    async with open_hub() as hub:
        call = call_in(hub, slug)
        own = hub.choices.choices_now(call).get(plugin_id, Choice()).own
        layers = [own.told_layer(Owner(call.institution, plugin_id))]
        named = {"user": user or "", "plugin": plugin_id}
        owner = Owner(call.institution, plugin_id, user)
        rows = hub.database.read_now(USER_SETTINGS, call, **named)
        layers += [users(row).told_layer(owner) for row in rows]
    return tuple(layers)


def _plugin_model(plugin_id: str) -> type[BaseModel] | None:
    """The settings' model of an installed plugin; None where it has none or can't be imported.

    Without it a setting is still explained, as text that may be secret.
    """
    from bloop.kernel.discovery import scan

    found = scan().plugins.get(plugin_id)
    path = found.manifest.config if found and found.manifest else None
    if path is None:
        return None
    module, _, name = path.partition(":")
    try:
        model: type[BaseModel] = getattr(importlib.import_module(module), name)
    except Exception:  # noqa: BLE001 - `bloop plugins doctor` says what is wrong with it
        return None
    return model
