"""What commands about connections share: their plugins, and asking for settings and secrets."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from bloop.cli.output import console, hub_call, plain, state

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bloop.hub import Hub
    from bloop.hub.connection_views import View
    from bloop_sdk import Call, PluginConfig


def complete_connection(
    ctx: click.Context, _param: click.Parameter, text: str
) -> list[CompletionItem]:
    """Names of connections for the shell; nothing where the hub can't be opened."""
    from click.shell_completion import CompletionItem

    from bloop.content.connection_queries import CONNECTIONS
    from bloop.hub import Hub
    from bloop.store.statements import to_dicts

    try:
        hub = Hub.open(ctx.find_root().params.get("config_path"), kind="cli")
        try:
            rows = hub.database.read_now(CONNECTIONS, hub_call(hub), after="", limit=200)
            found = to_dicts(CONNECTIONS, rows)
        finally:
            hub.database.close_now()
    except Exception:  # noqa: BLE001 - a shell wants no message between two keys
        return []
    items = [CompletionItem(one["name"], help=one["plugin"]) for one in found]
    return [item for item in items if item.value.startswith(text)]


name_argument = click.argument("name", shell_complete=complete_connection)


async def load_plugin(hub: Hub, plugin_id: str) -> None:
    """Load one plugin alone, so that no other can get in the way; raises where it is not ready."""
    hub.guard()  # A plugin that hangs ends this process, and the next one names it.
    wanted = hub.wanted()
    needed = replace(wanted, enabled=wanted.enabled & {plugin_id})
    await asyncio.to_thread(hub.kernel.apply, needed)
    hub.kernel.context(plugin_id)


async def opened(hub: Hub, call: Call, name: str) -> View:
    """A connection by its name, with its plugin loaded."""
    from bloop.hub.connection_views import find, refuse_foreign

    found = await find(hub, call, name)
    refuse_foreign(call, found)
    await load_plugin(hub, found["plugin"])
    return found


def is_asking() -> bool:
    """Whether there is somebody to be asked."""
    return sys.stdin.isatty()


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """``key=value`` arguments."""
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{option} {text[:60]!r}: write key=value")
        found[key] = value
    return found


def parsed(model: type[PluginConfig], values: Mapping[str, str]) -> dict[str, Any]:
    """Texts as settings: as JSON, unless the setting is a text; the plugin's model decides."""
    properties = model.model_json_schema().get("properties", {})
    found: dict[str, Any] = {}
    for key, text in values.items():
        part = properties.get(key, {})
        types = {part.get("type"), *(one.get("type") for one in part.get("anyOf", ()))}
        try:
            found[key] = text if "string" in types else orjson.loads(text)
        except ValueError:
            found[key] = text
    return found


def read_secrets(
    known: Iterable[str],
    asked: Iterable[str],
    files: Iterable[str],
    environment: Iterable[str],
) -> dict[str, str]:
    """Secrets from files, from the environment, and (``asked``) from whoever sits there.

    None of them is ever an argument, which other users of the machine and the shell's history see.
    """
    names = list(known)
    found = {}
    for key, path in pairs(files, "--secret-file").items():
        try:
            found[key] = Path(path).read_text().removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeError) as err:
            raise click.ClickException(f"--secret-file {key}: {path} cannot be read") from err
    for key, variable in pairs(environment, "--secret-env").items():
        if variable not in os.environ:
            raise click.ClickException(f"--secret-env {key}: {variable} is not set")
        found[key] = os.environ[variable]
    for key in asked:
        if "=" in key:
            raise click.UsageError("--secret takes a name alone: what follows = would be seen")
        found[key] = ask_secret(key)
    for key in found:
        if key not in names:
            raise click.UsageError(f"{key[:60]!r} is no secret of it; it has {', '.join(names)}")
    return found


def ask_secret(key: str, *, optional: bool = False) -> str:
    """A secret, typed unseen, or from standard input where that is no terminal."""
    if is_asking():
        words = f"{key} (leave empty for none)" if optional else key
        typed: str = click.prompt(
            words, hide_input=True, err=True, default="" if optional else None, show_default=False
        )
        return typed
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def secret_options(function: Any) -> Any:
    """``--secret``, ``--secret-file`` and ``--secret-env``."""
    for option in (
        click.option(
            "--secret-env", "environment", metavar="KEY=NAME", multiple=True,
            help="Take a secret from an environment variable.",
        ),
        click.option(
            "--secret-file", "files", metavar="KEY=PATH", multiple=True,
            help="Take a secret from a file.",
        ),
        click.option(
            "--secret", "asked", metavar="KEY", multiple=True,
            help="Ask for a secret; without a terminal it is a line of standard input.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def print_state(one: View) -> None:
    """A connection's state, who it is, and what to do where something is wrong."""
    out = console()
    checked = one["checked"]
    out.print(f"[bold]{plain(one['name'])}[/] {state(one['state'])} [dim]{plain(one['plugin'])}[/]")
    if checked.get("account"):
        where = f" at {plain(checked['site'])}" if checked.get("site") else ""
        version = f" [dim]{plain(checked['version'])}[/]" if checked.get("version") else ""
        out.print(f"  as {plain(checked['account'])}{where}{version}")
    if one["reason"]:
        out.print(f"  [yellow]![/] {plain(one['reason'])}")
        if one["cure"]:
            out.print(f"    [cyan]→[/] {plain(one['cure'])}")
    for gap in checked.get("gaps", ()):
        out.print(f"  [yellow]![/] not read: {plain(gap)}")
