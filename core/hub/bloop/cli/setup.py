"""``bloop setup``: how far the hub is on its way to a first lesson."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from bloop.cli.output import asynchronous, json_option, open_hub, plain, print_json
from bloop.cli.users import call_in, institution_option, run

if TYPE_CHECKING:
    from bloop.hub.setup.steps import Missing, Setup

MARKS = {"done": "✓", "open": "·", "waiting": "…", "blocked": " "}


@click.group(invoke_without_command=True)
@institution_option
@json_option
@click.pass_context
@asynchronous
async def setup(ctx: click.Context, institution: str | None, *, as_json: bool) -> None:
    """Show which of the first steps are done, and how each of the others is."""
    if ctx.invoked_subcommand is not None:
        return
    await _show(institution, as_json=as_json)


@setup.command()
@click.argument("step")
@institution_option
@json_option
@asynchronous
async def dismiss(step: str, institution: str | None, *, as_json: bool) -> None:
    """Put STEP away for everybody in the institution."""
    from bloop.hub.setup import service

    await _change(step, institution, partial(service.dismiss, for_all=True), as_json=as_json)


@setup.command()
@click.argument("step")
@institution_option
@json_option
@asynchronous
async def restore(step: str, institution: str | None, *, as_json: bool) -> None:
    """Bring STEP back that was put away for everybody."""
    from bloop.hub.setup import service

    await _change(step, institution, service.restore, as_json=as_json)


@setup.command()
@click.pass_context
def sample(ctx: click.Context) -> None:
    """Import the sample course that comes with the hub."""
    from bloop.cli.transfer import import_file
    from bloop.hub.setup.sample import SAMPLE

    ctx.invoke(import_file, file=SAMPLE)


async def _change(
    step: str, institution: str | None, command: Callable[..., None], *, as_json: bool
) -> None:
    from bloop.hub.setup.steps import check_step

    async with open_hub() as hub:
        call = call_in(hub, institution)
        await check_step(hub, call, step)
        await run(hub, call, command, step)
    await _show(institution, as_json=as_json)


async def _show(institution: str | None, *, as_json: bool) -> None:
    import asyncio

    from bloop.api.setup import as_json as told
    from bloop.hub.setup.steps import survey

    async with open_hub() as hub:
        call = call_in(hub, institution)
        await asyncio.to_thread(hub.load_plugins)
        found, url = await survey(hub, call), hub.config.value.public_url
    if as_json:
        print_json(told(found))
    else:
        _print(found, url)


def _print(found: Setup, url: str) -> None:
    click.secho(f"{found.done} of {found.total} done", bold=True)
    for step in found.steps:
        click.secho(
            f"  {MARKS[step.state]} {plain(step.title)}", dim=step.state == "done", nl=False
        )
        click.secho(f"  ({step.name}: {step.state})", dim=True)
        for way in step.ways if step.state != "done" else ():
            where = "bloop setup sample" if way.posts else f"{url}{way.href}"
            click.secho(f"      {plain(way.title)}: {where}", fg="cyan")
    for step in found.put_away:
        click.secho(f"  - {plain(step.title)}  ({step.name}: put away)", dim=True)
    if found.plugins:
        click.echo("\nWhat else is here:")
    for one in found.plugins:
        click.echo(f"  {one.name}: {plain(one.adds)}")
        click.secho(f"      {way_of(one)}", fg="cyan")


def way_of(one: Missing) -> str:
    """The command that has a plugin do something."""
    if one.lack == "unconnected":
        return f"bloop connect {one.id}"
    if one.lack == "trouble":
        return f"bloop plugins doctor {one.id}"
    return f"bloop plugins enable {one.id}"
