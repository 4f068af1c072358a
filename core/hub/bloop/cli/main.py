"""Entry point: the table of commands, and how failures are told.

``bloop --help`` imports none of them, so it answers at once and works in a broken environment.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "init": ("bloop.cli.lifecycle:init", "Create a hub here: hub.toml, database, first account."),
    "up": ("bloop.cli.lifecycle:up", "Run the hub: pages, API and background work."),
    "serve": ("bloop.cli.lifecycle:serve", "Run pages and API alone, beside `bloop worker`."),
    "worker": ("bloop.cli.worker:worker", "Run background work alone, beside `bloop up`."),
    "doctor": ("bloop.cli.doctor:doctor", "Say what keeps the hub from its work, and the cure."),
    "setup": ("bloop.cli.setup:setup", "See the first steps, and which of them are done."),
    "login-link": ("bloop.cli.lifecycle:login_link", "Print a fresh link that logs you in."),
    "users": ("bloop.cli.users:users", "See who is here, give roles, invite people."),
    "groups": ("bloop.cli.groups:groups", "See groups of users, say who is in them."),
    "institutions": (
        "bloop.cli.institutions:institutions",
        "See the institutions of this hub, add one.",
    ),
    "import": ("bloop.cli.transfer:import_file", "Import a course from a file."),
    "export": ("bloop.cli.transfer:export", "Write a course to a file."),
    "connect": ("bloop.cli.connect:connect", "Connect an LMS or notes: bloop connect canvas."),
    "sync": ("bloop.cli.sync:sync", "Read a connection, and watch how far it is."),
    "connections": (
        "bloop.cli.connections:connections",
        "See connections, choose courses, pause, rotate, remove.",
    ),
    "content": ("bloop.cli.content:content", "Look at courses, and say who is in them."),
    "notes": (
        "bloop.cli.notes:notes",
        "Write notes, send them, decide where both sides changed.",
    ),
    "learning": (
        "bloop.cli.learning:learning",
        "See what is due, how a class is doing, and steer recommendations.",
    ),
    "today": ("bloop.cli.today:today", "See where somebody was, what is due and what waits."),
    "certificates": (
        "bloop.cli.certificates:certificates",
        "Say what courses ask for a certificate, see who has one.",
    ),
    "search": ("bloop.cli.search:search", "Find something in all content."),
    "graph": ("bloop.cli.graph:graph", "See concepts and what comes before what; read a course."),
    "plugins": ("bloop.cli.plugins:plugins", "List, inspect and switch plugins."),
    "jobs": ("bloop.cli.jobs:jobs", "See and steer background work."),
    "events": ("bloop.cli.events:events", "See events that a plugin could not take, and decide."),
    "webhooks": ("bloop.cli.webhooks:webhooks", "Send events to other systems, see what arrives."),
    "audit": ("bloop.cli.audit:audit", "See who did what, and check that nobody changed it."),
    "policy": ("bloop.cli.policy:policy", "Say who may do what, and why; check policies."),
    "overview": ("bloop.cli.overview:overview", "See what needs attention now."),
    "system": ("bloop.cli.system:system", "See how the hub does, now and over time."),
    "storage": ("bloop.cli.storage:storage", "See what is stored, by area and plugin."),
    "topology": ("bloop.cli.topology:topology", "See which processes are alive, serving what."),
    "config": ("bloop.cli.config:config", "See what is configured, and where it comes from."),
    "keys": ("bloop.cli.keys:keys", "Make API keys; rotate the keys of the hub itself."),
    "db": ("bloop.cli.db:db", "Upgrade the database, see its version, move it."),
    "blobs": ("bloop.cli.blobs:blobs", "Remove files that nothing refers to any more."),
    "completion": ("bloop.cli.completion:completion", "Print the completion script of your shell."),
}
"""Each command's place, and the line that ``--help`` shows without importing it."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """In the order of the table: what one does first comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or find the plugin that has it; None for an unknown one."""
        if cmd_name not in COMMANDS:
            from bloop.cli.plugin_commands import find_command

            return find_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that goes away (`bloop ... | head`) is no failure of it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Nobody is left to say anything to; Python would still try when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        formatter.write_paragraph()
        formatter.write_text("Commands of plugins: bloop PLUGIN --help (see bloop plugins list).")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The table and the plugins that have commands, without importing any of them."""
        from click.shell_completion import CompletionItem

        from bloop.cli.plugin_commands import known_commands

        known = {name: text for name, (_, text) in COMMANDS.items()}
        known = known_commands() | known
        found = [CompletionItem(name, help=text) for name, text in known.items()]
        found = [item for item in found if item.value.startswith(incomplete)]
        # Of what is left click's own group would import each command.
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The hub.toml to use; otherwise $BLOOP_CONFIG or ./hub.toml.",
)
@click.version_option(package_name="bloop-hub", prog_name="bloop", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config_path: Path | None) -> None:
    """Bloop, a plugin-based learning hub.

    Start with `bloop init`, then `bloop up`. Every reading command takes --json.
    """
    ctx.obj = config_path


def main() -> NoReturn:
    """Run, and turn every failure into a sentence, its cure and an exit code.

    0 is success, 1 a failure with its reason, 2 a wrong call, 130 an interrupt.
    """
    try:
        status = cli(standalone_mode=False)
    except click.ClickException as err:
        err.show()
        sys.exit(err.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except Exception as err:  # noqa: BLE001 - told, or raised again
        sys.exit(_told(err))
    # What a command gave to ctx.exit; other answers of commands are no status.
    sys.exit(status if isinstance(status, int) else 0)


def _told(err: Exception) -> int:
    from bloop_sdk import BloopError

    if not isinstance(err, BloopError):
        raise err
    wants_json = "--json" in sys.argv
    if wants_json:
        import json

        problem: dict[str, Any] = {"code": err.code, "message": err.message, "cure": err.cure}
        click.echo(json.dumps({"error": problem}, ensure_ascii=False))
        return 1
    click.secho("✗ ", fg="red", nl=False, err=True)
    click.echo(err.message, err=True)
    if err.cure:
        click.secho("  → ", fg="cyan", nl=False, err=True)
        click.echo(err.cure, err=True)
    return 1
