"""``bloop init``, ``bloop up``, ``bloop serve`` and ``bloop login-link``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bloop.cli.folders import plugin_option
from bloop.cli.output import asynchronous, json_option, open_hub, print_json

if TYPE_CHECKING:
    from bloop.ops.serve import Serving
    from bloop.ops.supervise import Lifeline
    from bloop_sdk import BloopError

HUB_TOML = """\
# What this hub is and which plugins it loads. `bloop config explain KEY` says where a value
# comes from; every key is described in docs/admin/configuration.md.

[hub]
name = "Bloop"

[access]
# "read" lets everybody who reaches this hub read what is published; "none" wants an account.
guests = "none"

[plugins.cartridge]
enabled = true
"""


@click.command()
@json_option
@click.pass_context
@asynchronous
async def init(ctx: click.Context, *, as_json: bool) -> None:
    """Create a hub here: hub.toml, the database and the first institution.

    What is there already stays as it is, so it can be run again at any time.
    """
    path: Path = ctx.find_root().obj or _default_path()
    written = _write_new(path)
    ctx.find_root().obj = path
    async with open_hub() as hub:
        await hub.database.run(hub.tables.prepare)
        report = {
            "config": str(path),
            "config_written": written,
            "database": hub.database.url.render_as_string(hide_password=True),
            "institution": hub.institution,
        }
    if as_json:
        print_json(report)
        return
    click.echo(f"{'Wrote' if written else 'Found'} {path}")
    click.echo("The database is ready. Next: bloop up")


def _default_path() -> Path:
    import os

    from bloop.kernel.config import FILE_NAME, default_path

    return default_path(os.environ) or Path(FILE_NAME)


def _write_new(path: Path) -> bool:
    """Write the first hub.toml; never over another one, even one that appears meanwhile."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(HUB_TOML)
    except FileExistsError:
        return False
    except OSError as err:
        raise click.ClickException(f"{path}: cannot be written: {err.strerror}") from err
    return True


@click.command()
@click.option("--host", help="Address to listen on instead of [http] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any that is free.")
@click.option("--reload", is_flag=True, help="Start again whenever source code changes.")
@plugin_option
@click.pass_context
def up(ctx: click.Context, host: str | None, port: int | None, *, reload: bool) -> None:
    """Run the hub: pages, API and background work.

    A process of its own serves, and is started again should a plugin bring it down.
    """
    if reload:
        from bloop.ops.serve import serve_reloading

        serve_reloading(
            ctx.find_root().obj,
            host=host,
            port=port,
            on_ready=announce,
            on_change=announce_change,
            on_error=announce_failure,
        )
        return

    _serve(ctx, host, port, jobs=True)


@click.command()
@click.option("--host", help="Address to listen on instead of [http] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any that is free.")
@plugin_option
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Run pages and API, and leave background work to `bloop worker`.

    As many as you like, behind a proxy, on any machine that reaches the hub's database. Otherwise
    it is `bloop up` with [jobs] workers = 0.
    """
    _serve(ctx, host, port, jobs=False)


def _serve(ctx: click.Context, host: str | None, port: int | None, *, jobs: bool) -> None:
    config: Path | None = ctx.find_root().obj

    def run(lifeline: Lifeline) -> None:
        # In the child alone: its supervisor should hold nothing that could fail.
        from bloop.ops.serve import serve

        serve(config, host=host, port=port, jobs=jobs, on_ready=announce, lifeline=lifeline)

    from bloop.ops.supervise import supervise

    ctx.exit(supervise(run))


def announce(serving: Serving) -> None:
    """Say where the hub is, and how its operator gets in while nobody has."""
    click.echo()
    click.secho("  Bloop is up", bold=True)
    click.echo(f"  Courses   {serving.url}/")
    if serving.start_url:
        click.echo(f"  Log in    {serving.start_url}")
        click.secho("            once, as the operator, within 30 minutes", dim=True)
    if serving.has_broker:
        click.echo("  Jobs      wait for `bloop worker`, which Celery wakes; none are run here")
    for one in serving.plugins:
        took = f" in {one.import_ms:.0f} ms" if one.import_ms is not None else ""
        colour = "green" if one.healthy else "red"
        click.echo(f"  Plugin    {one.id} {one.version} ", nl=False)
        click.secho(f"{one.state}{took}", fg=colour)
        if one.reason:
            click.echo(f"            {one.reason}")
        if one.cure:
            click.secho(f"            → {one.cure}", fg="cyan")
    click.echo("  Stop with Ctrl-C.")
    click.echo()


def announce_change(files: Sequence[Path]) -> None:
    """Say what was saved, and what is done about it."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    click.secho(f"  {_shown(files[0])}{more} changed: starting again", fg="cyan")


def announce_failure(err: BloopError) -> None:
    """Say why the hub could not start, and what brings it back."""
    click.secho(f"✗ {err.message}", fg="red", err=True)
    if err.cure:
        click.secho(f"  → {err.cure}", fg="cyan", err=True)
    click.echo("  The next save tries again.", err=True)


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@click.command("login-link")
@json_option
@asynchronous
async def login_link(*, as_json: bool) -> None:
    """Print a fresh link that logs the operator in, once, within 30 minutes."""
    async with open_hub() as hub:
        url = f"{hub.config.value.public_url}/start?token={await hub.login_token()}"
    if as_json:
        print_json({"url": url})
    else:
        click.echo(url)
