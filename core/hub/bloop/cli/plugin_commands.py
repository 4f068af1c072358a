"""``bloop PLUGIN COMMAND``: what a manifest names, imported when it is called and not before."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.output import hub_call, open_hub

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.discovery import Found
    from bloop_sdk import Manifest


def find_command(ctx: click.Context, name: str) -> click.Command | None:
    """The commands of an installed plugin, or the one that is called so; None for neither."""
    installed = _installed()
    if name in installed:
        return PluginGroup(installed[name])
    for found in installed.values():
        group = PluginGroup(found)
        if name in group.declared and group.declared[name].top:
            return group.get_command(ctx, name)
    return None


def known_commands() -> dict[str, str]:
    """What plugins add below ``bloop``: a line for each name."""
    groups = [PluginGroup(found) for found in _installed().values()]
    top = {one.name: one.help for group in groups for one in group.declared.values() if one.top}
    return top | {group.found.id: group.summary for group in groups}


def _installed() -> dict[str, Found]:
    from bloop.kernel.discovery import scan

    return {
        plugin_id: found
        for plugin_id, found in scan().plugins.items()
        if found.manifest is not None and found.manifest.contributes.commands
    }


class PluginGroup(click.Group):
    """A plugin's commands; listed by the manifest alone."""

    def __init__(self, found: Found) -> None:
        assert found.manifest is not None, "it names the commands"
        super().__init__(found.id, help=f"{found.manifest.summary} (plugin {found.id})")
        self.found = found
        self.summary = found.manifest.summary
        self.declared = {one.name: one for one in found.manifest.contributes.commands}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """In the order of the manifest."""
        return list(self.declared)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """The manifest's words."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in self.declared.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The manifest's names."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=one.help) for name, one in self.declared.items()]
        found = [item for item in found if item.value.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of a plugin that is enabled; raises with a cure for any other."""
        from bloop.kernel.faults import PluginUnavailableError
        from bloop.kernel.loader import Runner

        declared = self.declared.get(cmd_name)
        if declared is None:
            return None
        if not _enabled(ctx, self.found.id):
            raise PluginUnavailableError(
                f"plugin {self.found.id} is not enabled",
                cure=f"`bloop plugins enable {self.found.id}`",
            )
        what = f"command {cmd_name}"
        command = Runner().load(self.found, declared.command, what)
        if not isinstance(command, click.Command):
            raise PluginUnavailableError(
                f"plugin {self.found.id}: {declared.command} is no click command",
                cure="tell the plugin's author",
            )
        return _within_hub(self.found.id, what, command)


def _enabled(ctx: click.Context, plugin_id: str) -> bool:
    from bloop.kernel.config import load

    config = load(ctx.find_root().obj, os.environ)
    return any(plugin.id == plugin_id for plugin in config.wanted())


def _within_hub(plugin_id: str, what: str, command: click.Command) -> click.Command:
    """The same command, run with a hub around it that has its plugin and what that uses."""
    bound = copy.copy(command)

    def invoke(ctx: click.Context) -> Any:
        return asyncio.run(_invoked(plugin_id, what, lambda: command.invoke(ctx), ctx))

    bound.invoke = invoke  # type: ignore[method-assign]
    return bound


async def _invoked(plugin_id: str, what: str, run: Callable[[], Any], ctx: click.Context) -> Any:
    from bloop.cli.plugin_call import CommandCall
    from bloop.hub.contexts import open_context
    from bloop.kernel.faults import PluginFailedError, contained, describe
    from bloop_sdk import BloopError

    async with open_hub() as hub:
        call = hub_call(hub)
        await asyncio.to_thread(_load_needed, hub, plugin_id)
        ctx.obj = await open_context(hub, CommandCall, plugin_id, call)
        try:
            answer = run()
            return await answer if inspect.isawaitable(answer) else answer
        except (BloopError, click.ClickException, click.exceptions.Exit, click.Abort, SystemExit):
            raise
        except BaseException as error:
            if not contained(error):
                raise
            raise PluginFailedError(
                f"plugin {plugin_id}: {what}: {describe(error)}",
                cure=f"tell the plugin's author; `bloop plugins doctor {plugin_id}` says more",
            ) from error


def _load_needed(hub: Hub, plugin_id: str) -> None:
    """Load the plugin and whichever has a capability that it uses; no other can get in the way."""
    wanted = hub.wanted()
    installed = _manifests()
    uses = set(installed[plugin_id].uses)
    needed = {name for name, one in installed.items() if uses & set(one.provides)} | {plugin_id}
    hub.kernel.apply(replace(wanted, enabled=wanted.enabled & needed))


def _manifests() -> dict[str, Manifest]:
    from bloop.kernel.discovery import scan

    return {name: one.manifest for name, one in scan().plugins.items() if one.manifest is not None}
