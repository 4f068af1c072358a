"""``bloop plugins set``: a plugin's setting for an institution; a secret is no argument."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
import orjson

from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, print_json

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.hub.plugin_settings import SettingsView
    from bloop_sdk import Call

institution_option = click.option(
    "--institution", metavar="SLUG", help="Whose setting it is; otherwise the first institution's."
)


@click.command("set", short_help="Set a plugin's setting for an institution.")
@click.argument("plugin")
@click.argument("key")
@click.argument("value", required=False)
@institution_option
@click.option("--unset", is_flag=True, help="Let it be as the hub has it.")
@json_option
@asynchronous
async def set_setting(
    plugin: str,
    key: str,
    value: str | None,
    *,
    institution: str | None,
    unset: bool,
    as_json: bool,
) -> None:
    """Set KEY of PLUGIN for one institution.

    Without VALUE it is read from standard input, or asked for. A secret is never taken from the
    command line, where other users of the machine and the shell's history see it.
    """
    from bloop.hub.plugin_settings import change, show
    from bloop_sdk import Scope

    async with open_hub() as hub:
        call = call_in(hub, institution)
        hub.guard()  # A plugin that hangs ends this process, and the next one names it.
        await asyncio.to_thread(hub.load_plugins)
        view = await show(hub, call, plugin, Scope.INSTITUTION)
        settings: dict[str, Any] = dict(view.own.settings)
        secrets: dict[str, Any] = {}
        if key in view.secrets:
            if value is not None:
                raise click.UsageError(f"{key} is a secret: leave VALUE out, and give it on stdin")
            secrets[key] = None if unset else _asked(key, secret=True)
        elif unset:
            settings.pop(key, None)
        else:
            settings[key] = _parsed(view, key, _asked(key) if value is None else value)
        version = view.own.row_version
        view = await change(hub, call, plugin, Scope.INSTITUTION, settings, secrets, version)
    origin = view.origins.get(key, "default")
    if as_json:
        print_json({"plugin": plugin, "key": key, "origin": origin})
    else:
        click.echo(f"{plugin}.{key} now comes from: {origin}")


def call_in(hub: Hub, slug: str | None) -> Call:
    """The operator's call in an institution; raises NotFoundError for one that is not there."""
    from bloop.accounts.queries import INSTITUTIONS
    from bloop.accounts.sessions import system_call
    from bloop.store.errors import NotFoundError
    from bloop.store.models import EVERY_INSTITUTION
    from bloop.store.statements import to_dicts

    first = hub_call(hub)
    if slug is None:
        return first
    rows = hub.database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
    for row in to_dicts(INSTITUTIONS, rows):
        if row["slug"] == slug:
            return system_call(row["id"])
    raise NotFoundError(f"there is no institution {slug[:60]!r}")


def _asked(key: str, *, secret: bool = False) -> str:
    """From a terminal by a question, else all of standard input less one line end."""
    if sys.stdin.isatty():
        asked: str = click.prompt(key, hide_input=secret, confirmation_prompt=secret, err=True)
        return asked
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _parsed(view: SettingsView, key: str, text: str) -> Any:
    """As JSON, unless the setting is a text; what is no JSON is told by the plugin's model."""
    part = view.json_schema["properties"].get(key, {})
    types = {part.get("type"), *(one.get("type") for one in part.get("anyOf", ()))}
    if "string" in types:
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        return text
